"""`from holdfast import backtest`: the same run as the command line's, and what comes of it as frames."""

import decimal
import json
import multiprocessing
import pickle
import sys
import tempfile
import warnings
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from holdfast import Annotated, Bar, Context, Meta, Parameters, Strategy, backtest
from holdfast.backtesting.result import Result, load
from holdfast.cli.backtest import backtest as from_command_line
from holdfast.errors import ConfigError, DataError, HoldfastError, InvalidValue, Refused
from holdfast.indicators import Sma

HERE = __name__
FEES = {"type": "per_share", "rate": "0.013", "minimum": "1"}


class Wander(Strategy):
    """Goes to a position that only the bar's time decides: in, more, less, out, through zero."""

    class Params(Parameters, frozen=True):
        step: Annotated[int, Meta(ge=1)] = 7
        stop: float = 0.0

    params: Params

    def on_bar(self, context: Context, bar: Bar) -> None:
        number = bar.start_ns // 60_000_000_000 * self.params.step
        if number % 3 == 0:
            goal = (number // 3 * 37 + len(bar.symbol)) % 9 - 4
            stop = bar.close * (1 - self.params.stop * (1 if goal > 0 else -1)) if self.params.stop else None
            context.target(bar.symbol, goal * 10, stop_loss=stop)


class Breaks(Strategy):
    """Buys, and raises at the third bar."""

    seen = 0

    def on_bar(self, context: Context, bar: Bar) -> None:
        context.target(bar.symbol, 5)
        self.seen += 1
        if self.seen == 3:
            raise ZeroDivisionError("no more")


class Exact(Strategy):
    """Changes the arithmetic of its thread, as users do."""

    def on_bar(self, context: Context, bar: Bar) -> None:
        decimal.getcontext().prec = 5


def prices(count: int = 400, seed: int = 1, start: str = "2024-01-02 14:30") -> pd.DataFrame:
    """Minutes of regular hours in New York, as a data source would give them."""
    chance = np.random.default_rng(seed)
    minutes = pd.date_range(start, periods=count * 5, freq="1min", tz="UTC")
    minutes = minutes[(minutes.hour * 60 + minutes.minute >= 870) & (minutes.hour < 21)][:count]
    close = np.round(100 * np.exp(np.cumsum(chance.normal(0, 0.001, count))), 2)
    open_ = np.concatenate(([100.0], close[:-1]))
    high = np.maximum(open_, close) + np.round(chance.uniform(0, 0.1, count), 2)
    low = np.minimum(open_, close) - np.round(chance.uniform(0, 0.1, count), 2)
    return pd.DataFrame({"Open": open_, "High": high, "Low": low, "Close": close, "Volume": 1000}, index=minutes)


@pytest.fixture(scope="module")
def wandered() -> Result:
    """Two strategies over two symbols, with fees and stops."""
    strategies = [
        {"class": Wander, "id": "a", "params": {"step": 7}},
        {"class": Wander, "id": "b", "params": {"step": 11}},
    ]
    data = {"AA": prices(seed=1), "BBB": prices(seed=2)}
    return backtest(strategies, data, fees=FEES, fill="next_open", stop=0.002)


def trips_of(fills: pd.DataFrame) -> dict[tuple[str, str], list[Fraction]]:
    """What each position came to by the cash that moved between two moments at which it was flat, in fractions."""
    found: dict[tuple[str, str], list[Fraction]] = defaultdict(list)
    held: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    cash: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for fill in fills.itertuples():
        key = str(fill.strategy), str(fill.symbol)
        price, fee = (Fraction(repr(value)) for value in (fill.price, fill.fees))
        left = Fraction(repr(fill.quantity)) * (1 if fill.side == "buy" else -1)
        whole = abs(left)
        if held[key] and held[key] * left < 0 and abs(left) > abs(held[key]):
            part = -held[key]
            found[key].append(cash[key] - part * price - fee * abs(part) / whole)
            left, held[key], cash[key] = left - part, Fraction(0), Fraction(0)
        cash[key] -= left * price + fee * abs(left) / whole
        held[key] += left
        if not held[key]:
            found[key].append(cash[key])
            cash[key] = Fraction(0)
    return found


def test_round_trips_are_what_the_cash_says(wandered: Result) -> None:
    """Each profit by the cash between two flat moments; turned positions, partial exits, more of the same, shorts, stops and fees among them."""
    reckoned = trips_of(wandered.fills)
    trades = wandered.trades
    assert len(trades) > 100
    assert set(trades["side"]) == {"long", "short"}
    assert "stop_loss" in set(trades["exit_role"])
    for key, profits in reckoned.items():
        own = trades[(trades["strategy"] == key[0]) & (trades["symbol"] == key[1])]["profit"]
        assert own.tolist() == pytest.approx([float(profit) for profit in profits], abs=1e-9)


def test_profits_of_all_trips_add_up_to_the_account(wandered: Result) -> None:
    """Those that are over and those still open, in exact numbers: what the account has made, to the last digit."""
    account = wandered.account
    exact = sum((Decimal(text) for text in wandered.head.trip_profits.values()), Decimal(0))
    assert exact == account.value.equity - account.deposit
    assert sum(wandered.trades["profit"]) + sum(wandered.open_trades["profit"]) == pytest.approx(float(exact))


def test_worst_and_best_of_a_trip_are_those_of_its_bars() -> None:
    """One trip at closes: the bars after its entry, up to the one it ended at."""
    data = prices(40)

    class Once(Strategy):
        def on_bar(self, context: Context, bar: Bar) -> None:
            count = len(context.history(bar.symbol, 100))
            context.target(bar.symbol, 10 if 5 <= count < 20 else 0)

    result = backtest(Once, data, symbol="X", fill="close")
    (trip,) = result.trades.to_dict("records")
    held = data.iloc[5:20]
    entry = data["Close"].iloc[4]
    assert (trip["entry_price"], trip["exit_price"]) == (entry, data["Close"].iloc[19])
    assert trip["worst"] == pytest.approx(min(0.0, 10 * (held["Low"].min() - entry)))
    assert trip["best"] == pytest.approx(max(0.0, 10 * (held["High"].max() - entry)))
    assert trip["bars"] == 15


def test_the_command_line_comes_to_the_same(wandered: Result, tmp_path: Path) -> None:
    """The same data and settings in a file: the same fills, one by one, and the same equity to the last digit."""
    frames = [
        frame.rename(columns=str.lower).assign(symbol=name)
        for name, frame in (("AA", prices(seed=1)), ("BBB", prices(seed=2)))
    ]
    whole = pd.concat(frames).rename_axis("ts").reset_index().sort_values(["ts", "symbol"])
    pq.write_table(pa.Table.from_pandas(whole, preserve_index=False), tmp_path / "bars.parquet")
    strategy = '[[strategies]]\nid = "{0}"\nclass = "{1}:Wander"\naccount = "backtest"\nsymbols = ["AA", "BBB"]\nparams = {{ step = {2}, stop = 0.002 }}\n'
    (tmp_path / "holdfast.toml").write_text(
        '[feed]\npath = "bars.parquet"\n[venue]\nfill = "next_open"\ncommission = { type = "per_share", rate = "0.013", minimum = "1" }\n'
        '[[accounts]]\nname = "backtest"\n' + strategy.format("a", HERE, 7) + strategy.format("b", HERE, 11)
    )
    assert from_command_line(tmp_path / "holdfast.toml", None, str(tmp_path / "out.json"), save=tmp_path / "kept") == 0
    said = json.loads((tmp_path / "out.json").read_text())
    assert Decimal(said["equity"]) == wandered.account.value.equity
    theirs = [
        (row["client_order_id"], float(row["quantity"]), float(row["price"]), float(row["fees"]))
        for row in said["fills_list"]
    ]
    kept = load(tmp_path / "kept")
    assert all(kept.tables[name].equals(table) for name, table in wandered.tables.items())
    assert (kept.parameters, kept.summary) == (wandered.parameters, wandered.summary)
    fills = wandered.fills
    assert theirs == list(zip(fills["client_order_id"], fills["quantity"], fills["price"], fills["fees"], strict=True))


def test_one_run_says_nothing_of_another(wandered: Result) -> None:
    """Twice in one process, with another between: the same tables to the last bit."""
    data = {"AA": prices(seed=1), "BBB": prices(seed=2)}
    backtest(Wander, data)
    strategies = [
        {"class": Wander, "id": "a", "params": {"step": 7}},
        {"class": Wander, "id": "b", "params": {"step": 11}},
    ]
    again = backtest(strategies, data, fees=FEES, fill="next_open", stop=0.002)
    assert all(again.tables[name].equals(table) for name, table in wandered.tables.items())


def one(step: int) -> tuple[int, str]:
    """A run in another process; what comes back can be sent."""
    result: Result = pickle.loads(pickle.dumps(backtest(Wander, prices(60), symbol="X", step=step)))  # noqa: S301 - our own
    return result.account.fills, str(result.account.value.equity)


def test_runs_in_a_pool_are_those_of_one_process() -> None:
    """Spawned processes, as sweeps use them."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(one, [1, 2]) == [one(1), one(2)]


def test_a_result_comes_back_from_its_folder(wandered: Result, tmp_path: Path) -> None:
    """Head and tables as they were; a folder of something else is left alone, and one cut short is refused."""
    back = load(wandered.save(tmp_path / "kept"))
    assert back.head == wandered.head
    assert all(back.tables[name].equals(table) for name, table in wandered.tables.items())
    assert repr(back) == repr(wandered)
    wandered.save(tmp_path / "kept")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="has other files in it"):
        wandered.save(tmp_path / "other")
    (tmp_path / "kept" / "fills.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="is no whole result"):
        load(tmp_path / "kept")


def test_a_strategy_that_raises_is_told_with_place_and_time() -> None:
    """A warning, and in the result: the run isn't silently short."""
    with pytest.warns(UserWarning, match="strategy Breaks was stopped"):
        result = backtest(Breaks, prices(10), symbol="X")
    why = result.stopped["Breaks"]
    assert why.startswith("raised: ZeroDivisionError: no more at test_backtest_in_python.py:")
    assert why.endswith("at market time 2024-01-02T14:33:00Z")
    assert "Breaks stopped" in repr(result)
    assert result.account.bars == 10


def test_nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No file, no warning, and the thread computes as before, whatever the strategy has set."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    decimal.getcontext().prec = 11
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            backtest(Exact, prices(10), symbol="X")
        assert decimal.getcontext().prec == 11
    finally:
        decimal.getcontext().prec = 28
    assert list(tmp_path.iterdir()) == []


def spoilt(**columns: Any) -> pd.DataFrame:
    """Ten bars with something wrong."""
    return prices(10).assign(**columns)


WRONG: list[tuple[str, Any, dict[str, Any], str]] = [
    ("a list", [1, 2], {}, "frame"),
    ("an empty frame", prices(10).iloc[:0], {}, "no rows"),
    ("a column that is missing", prices(10).drop(columns="Close"), {}, "close"),
    ("no number", spoilt(Close=float("nan")), {}, ""),
    ("two bars of one time", pd.concat([prices(5), prices(5) + 1]), {}, ""),
    ("days of no zone in minutes", prices(10).tz_localize(None), {}, "timezone"),
    ("a key that is no limit", prices(10), {"risk": {"max_drawdwn_pct": 5}}, "did you mean max_drawdown_pct"),
    ("a key that the venue has not", prices(10), {"venue": {"slipage_bps": 5}}, "did you mean slippage_bps"),
    ("a way to fill that is none", prices(10), {"fill": "next-open"}, "did you mean next_open"),
    ("a calendar that is none", prices(10), {"calendar": "NYSEE"}, "did you mean"),
    ("a parameter that is none", prices(10), {"stepp": 5}, "did you mean step"),
    ("an argument that is misspelt", prices(10), {"calender": "XNYS"}, "did you mean calendar"),
    ("a parameter out of its range", prices(10), {"step": 0}, "step"),
    ("a symbol that isn't there", prices(10), {"symbols": "Y"}, "no rows for Y; it has X"),
    ("a start that is no time", prices(10), {"start": "yesterday"}, "start is no ISO date"),
    ("a single bar", prices(1), {}, 'bar={"X": "1Day"}'),
    ("a word of a list", prices(10), {"risk": {"sizing": {"method": "fixed"}}}, "risk.sizing"),
    ("a benchmark that isn't there", prices(10), {"benchmark": "SPX"}, "no symbol 'SPX'"),
]


@pytest.mark.parametrize(("what", "data", "more", "says"), WRONG, ids=[row[0] for row in WRONG])
def test_what_is_wrong_is_said_in_one_line(what: str, data: Any, more: dict[str, Any], says: str) -> None:
    """Each mistake by one of our errors, in one line that names it."""
    with pytest.raises(HoldfastError) as caught:
        backtest(Wander, data, symbol="X", **more)
    text = str(caught.value)
    assert "\n" not in text
    assert says in text


@pytest.mark.parametrize(
    ("strategy", "says"),
    [
        ("EmaCros", "it has EmaCross"),
        (Wander(Wander.Params()), "give the class Wander"),
        (dict, "derived from holdfast.Strategy"),
        ([], "there is no strategy"),
        ({"id": "x"}, "a table with class"),
        (type("Mute", (Strategy,), {"onBar": lambda self, context, bar: None}), "on_bar"),
    ],
)
def test_what_is_no_strategy_is_refused(strategy: Any, says: str) -> None:
    """Each in one line."""
    with pytest.raises((InvalidValue, ConfigError), match=says):
        backtest(strategy, prices(10), symbol="X")


def test_the_frames_fit_each_other(wandered: Result) -> None:
    """Times are UTC, positions end with what the account holds, returns lead from the deposit to the end."""
    account = wandered.account
    for frame in (wandered.equity, wandered.orders, wandered.fills, wandered.positions, wandered.returns):
        assert str(frame.index.tz) == "UTC"
    assert (len(wandered.fills), len(wandered.orders)) == (account.fills, account.orders)
    assert wandered.equity["equity"].iloc[-1] == pytest.approx(float(account.value.equity))
    assert wandered.equity["drawdown_pct"].max() == pytest.approx(float(account.max_drawdown_pct))
    grown = float(account.deposit) * (1 + wandered.returns["return"]).prod()
    assert grown == pytest.approx(float(account.value.equity))
    last = wandered.positions.groupby("symbol", observed=True)
    held = {name: frame.groupby("strategy", observed=True)["quantity"].last().sum() for name, frame in last}
    assert {name: value for name, value in held.items() if value} == {
        name: float(line.quantity) for name, line in account.positions.items()
    }
    assert wandered.monthly.loc[2024, "year"] == pytest.approx(float(account.return_pct))


def test_frames_paths_and_tables_are_the_same_data(tmp_path: Path) -> None:
    """A frame with symbols, a mapping, an Arrow table and a file of ours: one result."""
    data = prices(80)
    table = pa.Table.from_pandas(
        data.rename(columns=str.lower).assign(symbol="X").rename_axis("ts").reset_index(), preserve_index=False
    )
    pq.write_table(table, tmp_path / "bars.parquet")
    ways: list[tuple[Any, dict[str, Any]]] = [
        (data, {"symbol": "X"}), ({"X": data}, {}), (data.assign(symbol="X"), {}), (table, {}), (tmp_path / "bars.parquet", {}),
    ]  # fmt: skip
    results = [backtest(Wander, given, **more) for given, more in ways]
    assert len({result.account.value.equity for result in results}) == 1
    assert results[0].account.fills > 10


def test_shipped_strategies_are_known_by_name_and_have_a_benchmark() -> None:
    """With history before the start, and the prices beside it."""
    result = backtest("EmaCross", prices(800), symbol="X", fast=3, slow=8, start="2024-01-03", benchmark="X")
    assert result.parameters == {"EmaCross": {"fast": 3, "slow": 8, "quantity": "100", "allow_short": False}}
    assert result.fills.index.min() >= pd.Timestamp("2024-01-03", tz="UTC")
    closes = prices(800)["Close"]
    held = closes[closes.index >= "2024-01-03"].iloc[-1] / closes[closes.index < "2024-01-03"].iloc[-1] - 1
    assert result.summary.benchmark is not None
    assert result.summary.benchmark.total_return_pct == pytest.approx(held * 100)


def test_a_notebook_shows_numbers_and_the_fine_print(wandered: Result) -> None:
    """HTML without scripts, and what the result rests on."""
    html = wandered._repr_html_()
    assert "max drawdown" in html
    assert "open of the next bar" in html
    assert "<svg" in html
    assert "script" not in html


def test_a_plot_is_a_figure_with_a_panel_for_each_symbol(
    wandered: Result, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Equity, drawdown and the two symbols; without matplotlib it says what to install."""
    figure = wandered.plot()
    assert [panel.get_ylabel() for panel in figure.axes] == ["equity", "drawdown %", "AA", "BBB"]
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(Refused, match=r"holdfast\[plot\]"):
        wandered.plot()


def test_prices_for_charts_are_the_data_in_coarse_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it where there is little; else as many as are wanted, with the highs and lows and all of the volume."""
    data = prices(390)
    result = backtest(Wander, data, symbol="X")
    assert result.prices["close"].tolist() == data["Close"].tolist()
    monkeypatch.setattr("holdfast.backtesting.api.CANDLES", 20)
    coarse = backtest(Wander, data, symbol="X").prices
    assert 20 <= len(coarse) <= 40
    assert (coarse["high"].max(), coarse["low"].min(), coarse["volume"].sum()) == (
        data["High"].max(),
        data["Low"].min(),
        390_000,
    )
    assert (coarse["open"].iloc[0], coarse["close"].iloc[-1]) == (data["Open"].iloc[0], data["Close"].iloc[-1])


def test_what_holding_costs_is_in_the_trips_or_nobodys() -> None:
    """Short over two nights: the fee for borrowing is the trip's. Bought with borrowed money: the interest is the account's alone."""

    class Short(Strategy):
        def on_bar(self, context: Context, bar: Bar) -> None:
            context.target(bar.symbol, -100)

    class Long(Strategy):
        def on_bar(self, context: Context, bar: Bar) -> None:
            context.target(bar.symbol, 1_500)

    data = prices(1_000)
    borrowed = backtest(Short, data, symbol="X", venue={"borrow_pct": 36.5})
    account = borrowed.account
    assert account.borrow > 0
    assert sum(borrowed.head.trip_profits.values()) == account.value.equity - account.deposit
    assert borrowed.summary.costs.borrow == pytest.approx(float(account.borrow))
    assert not any("borrowing" in line for line in borrowed.fine_print)
    lent = backtest(Long, data, symbol="X", venue={"interest_pct": 36.5}, risk={"leverage": 2}).account
    assert lent.interest > 0
    assert lent.borrow == 0


class Crosses(Strategy):
    """In above the average of three, out below."""

    def on_start(self, context: Context) -> None:
        self.average = context.indicator(Sma(3))

    def on_bar(self, context: Context, bar: Bar) -> None:
        average = self.average[bar.symbol]
        if average.value is not None:
            context.target(bar.symbol, 10 if bar.close > average.value else 0)


def test_indicators_are_kept_for_charts() -> None:
    """As a reference has them, from the third bar on, at the times when they were known."""
    data = {"AA": prices(60, seed=1), "BBB": prices(60, seed=2)}
    found = backtest(Crosses, data).indicators
    assert set(found["panel"]) == {"price"}
    for symbol, frame in data.items():
        own = found[found["symbol"] == symbol]
        known = frame["Close"].rolling(3).mean().dropna()
        assert own["value"].tolist() == pytest.approx(known.tolist())
        assert own.index.tolist() == (known.index + pd.Timedelta(minutes=1)).tolist()
