"""What a backtest tells of a run: what went wrong first, what came of every order, and what the figures leave out."""

import json
from pathlib import Path
from typing import Any

import pytest

from holdfast.cli.backtest import backtest

STRATEGIES = """
from holdfast.core.strategy.api import Strategy


class Rebalance(Strategy):
    def on_bar(self, context, bar):
        if bar.symbol == context.symbols[-1]:
            for order in context.orders():
                context.cancel(order.client_order_id)
            for symbol in context.symbols:
                context.buy(symbol, 1)

class Endless(Strategy):
    def on_bar(self, context, bar):
        while True:
            context.buy(bar.symbol, 1)

class Fails(Strategy):
    def on_bar(self, context, bar):
        if bar.close == 101:
            raise RuntimeError("no more")
        context.buy(bar.symbol, 10)

class Plan(Strategy):
    n = 0
    def on_bar(self, context, bar):
        self.n += 1
        for action, quantity, limit in PLAN.get(self.n, ()):
            terms = {} if limit is None else {"limit_price": limit, "time_in_force": "ioc"}
            getattr(context, action)(bar.symbol, quantity, **terms)

PLAN = {}
"""


def bars(symbols: list[str], closes: list[float]) -> str:
    """Flat minute bars of all symbols."""
    rows = ["symbol,ts,open,high,low,close,volume"]
    for minute, close in enumerate(closes):
        ts = f"2024-01-02T{14 + (30 + minute) // 60}:{(30 + minute) % 60:02}:00Z"
        rows += [f"{symbol},{ts},{close},{close},{close},{close},1000" for symbol in symbols]
    return "\n".join(rows) + "\n"


CLOSE = 'fill = "close"'


class Run:
    """A configuration in a folder of its own; ``result`` is its JSON."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.result: Any = None
        self.patch = monkeypatch

    def __call__(
        self, strategy: str, closes: list[float], *, symbols: list[str] | None = None, more: str = "", venue: str = "",
        account: str = "", plan: dict[int, list[tuple[str, int, float | None]]] | None = None,
    ) -> int:  # fmt: skip
        symbols = symbols or ["X"]
        module = f"told_{self.folder.name.replace('-', '_')}"
        text = STRATEGIES if plan is None else STRATEGIES.replace("PLAN = {}", f"PLAN = {plan}")
        (self.folder / f"{module}.py").write_text(text)
        (self.folder / "bars.csv").write_text(bars(symbols, closes))
        (self.folder / "holdfast.toml").write_text(f"""
[feed]
path = "bars.csv"
[venue]
{venue}
[[accounts]]
name = "a"
{account}
[[strategies]]
id = "s"
class = "{module}:{strategy}"
account = "a"
symbols = {json.dumps(symbols)}
{more}
""")
        self.patch.syspath_prepend(str(self.folder))
        status = backtest(self.folder / "holdfast.toml", None, str(self.folder / "result.json"))
        self.result = json.loads((self.folder / "result.json").read_text())
        return status

    @property
    def account(self) -> Any:
        return self.result["accounts"][0]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs backtests."""
    return Run(tmp_path, monkeypatch)


def test_a_change_of_five_hundred_symbols_at_once_is_no_flood(run: Run) -> None:
    """Each of the two minutes buys one of every symbol in one callback: a thousand fills, nothing refused."""
    assert run("Rebalance", [10.0, 11.0], symbols=[f"S{number:03}" for number in range(500)], venue=CLOSE) == 0
    assert (run.result["fills"], run.account["refusals"]) == (1000, {})


def test_a_strategy_that_asks_without_end_is_stopped(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """By the count in a minute of market time; the run fails, and says why before anything else."""
    assert run("Endless", [10.0, 11.0]) == 1
    assert run.result["orders"] == 0
    said = capsys.readouterr()
    assert said.err.splitlines()[-1].startswith(
        "holdfast: strategy s was stopped, and what it held was kept to the end: flooded"
    )
    assert "more than 600 intents in a minute" in run.account["strategies"][0]["stopped"]


def test_how_many_intents_are_a_flood_can_be_set(run: Run) -> None:
    """A hundred of a minute are too many where fifty are allowed."""
    symbols = [f"S{number:03}" for number in range(100)]
    assert run("Rebalance", [10.0, 10.0], symbols=symbols, more="wishes_per_minute = 50") == 1
    assert "more than 50 intents" in run.account["strategies"][0]["stopped"]


def test_a_strategy_that_raises_ends_the_run_with_status_one(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """What was bought before is there, the reason comes first, and in the report above the figures."""
    assert run("Fails", [100.0, 101.0, 102.0]) == 1
    assert run.result["fills"] == 1
    said = capsys.readouterr()
    assert "raised: RuntimeError: no more" in said.err
    assert said.out.index("RuntimeError: no more") < said.out.index("equity")


def test_every_order_is_told_by_its_end_and_every_unfilled_one_by_its_reason(run: Run) -> None:
    """One filled, one that was not to be had at its price, and one at rest to the end: three orders, three ends."""
    assert run("Plan", [100.0, 100.0], plan={1: [("buy", 1, None), ("buy", 2, 90.0)]}) == 0
    assert run.account["orders_by_state"] == {"FILLED": 1, "CANCELED": 1}
    assert run.account["unfilled"] == {"CANCELED: ioc": 1}


def test_the_price_that_orders_fill_at_is_named(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """In the report and in the data, for the default as well."""
    run("Plan", [100.0, 100.0])
    assert run.account["fill"] == "next_open"
    assert "(fill = next_open)" in " ".join(capsys.readouterr().out.split())
    run("Plan", [100.0, 100.0], venue=CLOSE)
    assert run.account["fill"] == "close"
    assert "can't be had in practice (fill = close)" in " ".join(capsys.readouterr().out.split())


def test_a_win_is_a_round_trip_that_earned_more_than_its_fees(run: Run) -> None:
    """Ten bought at 100.00 and sold in two parts at 100.05 earn 0.50 and cost 3.00: one loss, and no two wins."""
    plan: dict[int, list[tuple[str, int, float | None]]] = {
        1: [("buy", 10, None)], 2: [("sell", 4, None), ("sell", 6, None)], 3: [("buy", 10, None)], 4: [("sell", 10, None)],
    }  # fmt: skip
    venue = CLOSE + '\ncommission = { type = "per_order", amount = "1" }'
    run("Plan", [100.0, 100.05, 100.0, 101.0], plan=plan, venue=venue)
    (row,) = run.account["strategies"]
    assert (row["wins"], row["losses"]) == (1, 1)


def test_what_costs_money_and_is_not_taken_is_said_where_it_matters(run: Run) -> None:
    """Selling short with borrowed shares, and buying more than the equity with borrowed money."""
    run("Plan", [100.0, 100.0], plan={1: [("sell", 10, None)]})
    assert [what.split(",")[0] for what in run.account["not_modelled"]] == ["shares were sold short"]


def test_a_plain_account_leaves_nothing_out(run: Run) -> None:
    """Shares bought with one's own money cost nothing that isn't taken."""
    run("Plan", [100.0, 100.0], plan={1: [("buy", 10, None)]})
    assert run.account["not_modelled"] == []


def test_leverage_is_said_too(run: Run) -> None:
    """With 1,500 units at 100 on 100,000 the cash is below zero and the positions are worth more than the equity."""
    run("Plan", [100.0, 100.0], plan={1: [("buy", 1500, None)]})
    assert [what.split(",")[0] for what in run.account["not_modelled"]] == [
        "cash was below zero", "positions were worth more than the account's equity",
    ]  # fmt: skip


def test_a_repeated_refusal_is_counted_each_time(run: Run) -> None:
    """The journal has it once; the figures have all: three intents, three refusals."""
    run("Plan", [100.0, 100.0, 100.0], plan={n: [("buy", 100_000, None)] for n in (1, 2, 3)})
    assert (run.account["signals"], run.account["refusals"]) == (3, {"buying_power": 3})
