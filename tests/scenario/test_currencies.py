"""An account in euros with a share in euros and one in dollars: in backtest, on paper, killed and restarted."""

import asyncio
import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from holdfast.assembly import build_exchange, build_feed, build_state
from holdfast.backtesting.replay import Replay
from holdfast.config import Config, load_config
from holdfast.core.listings import CurrencyRate
from holdfast.core.messages import Envelope, OrderFilled, PnlSnapshot, RiskRefused
from holdfast.core.portfolio.portfolio import Portfolio
from holdfast.core.state import EngineState, apply
from holdfast.core.strategy.api import Bar, Context, Strategy
from holdfast.errors import ConfigError, Refused
from holdfast.journal.reader import Reader
from holdfast.journal.verify import verify
from holdfast.runtime.compose import open_engine
from holdfast.views.performance import valuation
from holdfast.watchdog.recorded import recorded
from tests.budget import by_tier
from tests.crash.test_every_cut import count_batches, run, run_cut

START = dt.datetime(2024, 3, 4, 9, 0, tzinfo=dt.UTC)
MINUTES = 90
DOLLARS = {"AAPL"}


class Trades(Strategy):
    """Trades both shares all the time, some of it through zero, with quantities that make long costs."""

    def __init__(self, params: None) -> None:
        super().__init__(params)
        self.seen = 0

    def on_bar(self, context: Context, bar: Bar) -> None:
        self.seen += 1
        if bar.symbol == "EURUSD":
            return
        wanted = (self.seen * 37) % 41 - 15
        if self.seen % 3 == 0:
            context.target(bar.symbol, wanted)


def close_of(symbol: str, minute: int) -> float:
    """A price that goes up and down, in cents; of euros in hundredths of a cent."""
    wave = (minute * 7919) % 97 - 48
    if symbol == "EURUSD":
        return round(1.08 + wave / 5000, 5)
    return round({"AAPL": 170.0, "SAP": 133.0}[symbol] + wave / 10, 2)


def bars(folder: Path, first_rate: int = 0) -> Path:
    """Bars of both shares, and of euros from a minute on."""
    rows = [
        f"{symbol},{(START + dt.timedelta(minutes=n)).isoformat()},{close},{close},{close},{close},100000"
        for n in range(MINUTES)
        for symbol in ("AAPL", "EURUSD", "SAP")
        if symbol != "EURUSD" or n >= first_rate
        for close in [close_of(symbol, n)]
    ]
    path = folder / "bars.csv"
    path.write_text("symbol,ts,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    return path


SETTINGS = """
instruments = "instruments.csv"
[journal]
url = "sqlite:///journal.db"
[feed]
path = "bars.csv"
[venue]
commission = {{ type = "bps", bps = "3" }}
[rates]
EURUSD = {rate}
[[accounts]]
name = "cut"
currency = "EUR"
cash = "100000"
balances = {{ USD = "5000" }}
calendar = "24/7"
risk = {{ leverage = 4, allow_short = true{risk} }}
[[strategies]]
id = "k"
class = "{module}:Trades"
account = "cut"
symbols = ["AAPL", "SAP"]
"""
RULES = "symbol,tick,currency,lot,asset_class\nAAPL,0.01,USD,1,stock\nSAP,0.01,EUR,1,stock\n"


def configured(
    folder: Path, *, rate: str = '"feed"', risk: str = "", rules: str = RULES, first_rate: int = 0, text: str = SETTINGS
) -> Config:
    """The account, its instruments and its market."""
    folder.mkdir(exist_ok=True)
    bars(folder, first_rate)
    (folder / "instruments.csv").write_text(rules)
    path = folder / "holdfast.toml"
    path.write_text(text.format(rate=rate, risk=risk, module=__name__))
    return load_config(path, {})


def on_paper(config: Config) -> list[Envelope]:
    """All records of a run to the end of the file."""
    run(config)
    assert verify(config.journal.url).problems == []
    with Reader.open(config.journal.url) as reader:
        return list(reader.records("cut"))


def in_backtest(config: Config) -> list[Envelope]:
    """All records of a backtest."""
    found: list[Envelope] = []
    (account,) = config.accounts
    state = build_state(config, account, feed := build_feed(config), None)
    replay = Replay(state, build_exchange(config, account, state), lambda turn: found.extend(turn.records))
    replay.begin(account.deposit, "test", account.balances)
    replay.run(feed.events(), feed.trading_from_ns)
    return found


def fresh(config: Config) -> EngineState:
    return build_state(config, config.accounts[0], build_feed(config), None)


def money_of(portfolio: Portfolio) -> dict[str, tuple[Any, ...]]:
    """Each currency's sums."""
    return {
        name: (each.cash, each.deposits, each.realised, each.fees)
        for name, each in {"EUR": portfolio.base, **portfolio.foreign}.items()
    }


def check_identity(portfolio: Portfolio, price_of: Mapping[str, Decimal]) -> None:
    """Cash + positions = deposits + realised + unrealised - fees, to the last digit, in each currency by itself."""
    for name, balance in {"": portfolio.base, **portfolio.foreign}.items():
        lines = {symbol: line for symbol, line in portfolio.lines.items() if (name == "USD") == (symbol in DOLLARS)}
        held = sum(Fraction(line.worth(line.quantity, price_of[symbol])) for symbol, line in lines.items())
        cost = sum(Fraction(line.cost) for line in lines.values())
        right = Fraction(balance.deposits) + Fraction(balance.realised) + (held - cost) - Fraction(balance.fees)
        assert Fraction(balance.cash) + held == right, name


@pytest.mark.parametrize("how", ["backtest", "paper"])
def test_each_currency_is_booked_exactly(tmp_path: Path, how: str) -> None:
    """After every record; and cash is what the fills come to, worked out again with fractions."""
    config = configured(tmp_path)
    records = on_paper(config) if how == "paper" else in_backtest(config)
    state, prices, fills = fresh(config), {}, []
    cash = {"EUR": Fraction(100_000), "USD": Fraction(5000)}
    for record in records:
        apply(state, record)
        fill = record.body
        if isinstance(fill, OrderFilled):
            fills.append(fill)
            prices[fill.symbol] = fill.price
            paid = Fraction(fill.quantity) * Fraction(fill.price) * fill.side.sign + Fraction(fill.fee)
            cash["USD" if fill.symbol in DOLLARS else "EUR"] -= paid
            check_identity(state.portfolio, prices)
    assert len(fills) > 30
    assert {fill.symbol for fill in fills} == {"AAPL", "SAP"}
    assert {name: Fraction(sums[0]) for name, sums in money_of(state.portfolio).items()} == cash


@pytest.mark.parametrize("how", ["backtest", "paper"])
def test_valuations_go_by_the_recorded_rate(tmp_path: Path, how: str) -> None:
    """Each valuation is the euros, and the dollars at the rate recorded last; the rate is never further off than a thousandth."""
    config = configured(tmp_path)
    records = on_paper(config) if how == "paper" else in_backtest(config)
    state, rate, rates, values = fresh(config), None, 0, 0
    for record in records:
        apply(state, record)
        if isinstance(record.body, CurrencyRate):
            rate, rates = record.body.rate, rates + 1
            assert record.body.source == "EURUSD"
        if isinstance(record.body, PnlSnapshot) and rate is not None and state.marks.keys() >= {"AAPL", "SAP"}:
            values += 1
            assert record.body.balances == state.portfolio.balances
            dollars = state.portfolio.foreign["USD"]
            expected = state.portfolio.base.cash + dollars.cash * rate
            assert abs(record.body.cash - expected) < Decimal("0.000000001")
    assert (rates > 5, values > 20) == (True, True)
    close = Decimal(str(close_of("EURUSD", MINUTES - 1)))
    assert rate is not None
    assert abs(1 / close - rate) < rate / 1000


def test_equity_is_worked_out_again(tmp_path: Path) -> None:
    """Marks, positions and cash of both currencies, by hand, at the end of a run."""
    config = configured(tmp_path)
    with open_engine(config) as engine:
        asyncio.run(engine.loop.run())
        state = engine.accounts[0].state
        rate = Fraction(state.portfolio.rates.of("USD"))
        worth = {"EUR": Fraction(state.portfolio.cash), "USD": Fraction(state.portfolio.foreign["USD"].cash)}
        for symbol, line in state.portfolio.lines.items():
            close = Fraction(str(close_of(symbol, MINUTES - 1)))
            worth["USD" if symbol in DOLLARS else "EUR"] += Fraction(line.quantity) * close
        expected = worth["EUR"] + worth["USD"] * rate
        assert abs(Fraction(state.equity) - expected) < Fraction(1, 10**9)
        assert state.exposure.value(state) == state.portfolio.value(state.price)
        pnl = sum(state.portfolio.strategy_pnl(state.price).values())
        start = Fraction(100_000) + 5000 * rate
        assert abs(Fraction(pnl) - (expected - start)) < Fraction(1, 10**9)


def test_a_killed_run_ends_with_the_same_books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the journal ends: balances, positions, rates."""

    def books(config: Config) -> tuple[Any, ...]:
        state = fresh(config)
        with Reader.open(config.journal.url) as reader:
            for record in reader.records("cut"):
                apply(state, record)
        rates = {name: (rate.rate, rate.time_ns) for name, rate in state.portfolio.rates.known.items()}
        return money_of(state.portfolio), state.portfolio.lines, rates, state.equity, state.day_start_equity

    whole = configured(tmp_path / "whole")
    batches = count_batches(whole, monkeypatch)
    expected = books(whole)
    every = by_tier(test=22, campaign=1)
    for cut in range(1, batches, every):
        config = configured(tmp_path / f"cut-{cut}")
        run_cut(config, cut, monkeypatch)
        run(config)
        assert books(config) == expected, f"after a cut at batch {cut} of {batches}"
        assert verify(config.journal.url).problems == []


def test_nothing_is_risked_without_a_rate(tmp_path: Path) -> None:
    """Dollars are there from the start and euros in dollars come in minute 40: until then no new risk at all; the first rate is no gain."""
    records = in_backtest(configured(tmp_path, first_rate=40, risk=", daily_loss_pct = 3"))
    refused = [body for record in records if isinstance(body := record.body, RiskRefused)]
    assert {body.rule for body in refused} == {"rate_known"}
    assert "no rate is known now of USD" in refused[0].text
    first_rate = next(index for index, record in enumerate(records) if isinstance(record.body, CurrencyRate))
    first_fill = next(index for index, record in enumerate(records) if isinstance(record.body, OrderFilled))
    assert first_rate < first_fill
    state = fresh(configured(tmp_path, first_rate=40))
    for record in records[: first_rate + 1]:
        apply(state, record)
    assert state.equity == state.day_start_equity > 104_000


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"rate": '"dear"'}, "rates.EURUSD must be a number, not 'dear'"),
        ({"rate": '"0"'}, "rates.EURUSD must be above zero"),
        ({"rules": RULES.replace("USD", "USX")}, "instruments.csv row 1 (AAPL): currency 'USX' is not known; did you mean USD?"),
        ({"text": SETTINGS.replace("EURUSD = {rate}", "")}, "AAPL is in USD, and no rate of it in EUR is known; give one: [rates] EURUSD ="),
        ({"text": SETTINGS.replace("EURUSD = {rate}", '"EUR/USD" = "feed"')}, "has no symbol 'EUR/USD'; it has EURUSD"),
        ({"text": SETTINGS.replace("EURUSD = {rate}", 'EURUSD = "feed"\nUSDEUR = "0.9"')}, "the rate of USD in EUR is given twice"),
        ({"text": SETTINGS.replace("EURUSD =", "EURUS =")}, "rates.EURUS: currency 'US' is not known"),
        ({"text": SETTINGS.replace("EURUSD =", "EUREUR =")}, "rates.EUREUR is a currency in itself"),
        ({"text": SETTINGS.replace('"EUR"', '"EURO"')}, "account cut: currency 'EURO' is not known; did you mean EUR"),
        ({"text": SETTINGS.replace("{{ USD", "{{ EUR")}, "balances has EUR, which is the account's own"),
        ({"text": SETTINGS.replace("{{ USD", "{{ JPY")}, "balances is in JPY, and no rate of it in EUR is known"),
    ],
)  # fmt: skip
def test_what_can_not_be_valued_is_refused(tmp_path: Path, changed: dict[str, str], words: str) -> None:
    """One line that says what to write; nothing is touched."""
    with pytest.raises(ConfigError) as caught, open_engine(configured(tmp_path, **changed)):  # type: ignore[arg-type]
        pass
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "journal.db").exists()


def test_the_watchdog_reads_the_books_without_a_feed(tmp_path: Path) -> None:
    """A rate that comes with the market is the one last recorded; and a rate that only another account needs asks nothing of this one's feed."""
    config = configured(tmp_path)
    on_paper(config)
    (account,) = config.accounts
    state = recorded(config, replace(account, balances={}))
    assert state.portfolio.balances["USD"] != 0
    assert state.equity > 0


def test_status_shows_each_currency(tmp_path: Path) -> None:
    """The account's own cash, that of the others as it is, and equity of all together."""
    config = configured(tmp_path)
    state = fresh(config)
    for record in on_paper(config):
        apply(state, record)
    with Reader.open(config.journal.url) as reader:
        shown = valuation(reader, reader.account("cut"))
    assert shown is not None
    assert (shown.cash, shown.balances) == (state.portfolio.cash, state.portfolio.balances)
    assert shown.balances["USD"] != 0


def test_a_configured_rate_is_a_record(tmp_path: Path) -> None:
    """It is recorded at the start, again when it is another one, and not when it is the same."""
    for rate in ('"1.25"', '"1.25"', '"1.6"'):
        records = on_paper(configured(tmp_path, rate=rate))
    found = [
        (record.epoch, body.rate, body.source) for record in records if isinstance(body := record.body, CurrencyRate)
    ]
    assert found == [(1, Decimal("0.8"), "configuration"), (3, Decimal("0.625"), "configuration")]


def test_the_currency_of_books_can_not_change(tmp_path: Path) -> None:
    """Neither the account's nor that of a symbol that was traded."""
    before = len(on_paper(configured(tmp_path)))
    other = SETTINGS.replace('"EUR"', '"USD"').replace("{{ USD", "{{ EUR")
    with pytest.raises(Refused, match="account cut: it is kept in EUR, and the configuration says USD; put EUR back"):
        run(configured(tmp_path, text=other))
    with pytest.raises(Refused, match="AAPL was traded in USD, and is in the account's currency now"):
        run(configured(tmp_path, rules=RULES.replace("USD", "EUR")))
    with Reader.open(configured(tmp_path).journal.url) as reader:
        assert len(list(reader.records("cut"))) == before


SILENT = SETTINGS.replace('currency = "EUR"\n', "").replace('balances = {{ USD = "5000" }}\n', "")


@pytest.mark.parametrize(
    ("text", "rules"),
    [(SETTINGS, RULES.replace(",USD,", ",,")), (SILENT, RULES.replace(",USD,", ",,").replace(",EUR,", ",,"))],
)
def test_what_nothing_says_stays_as_it_is_recorded(tmp_path: Path, text: str, rules: str) -> None:
    """On an exchange whose currency isn't known a symbol's currency may be left out later, and the account's too."""
    abroad = SETTINGS.replace('"24/7"', '"XETR"')
    before = on_paper(configured(tmp_path, text=abroad))
    records = on_paper(configured(tmp_path, text=text.replace('"24/7"', '"XETR"'), rules=rules))
    state = fresh(load_config(tmp_path / "holdfast.toml", {}))
    for record in records:
        apply(state, record)
    assert state.portfolio.currency_of("AAPL") == "USD"
    assert state.register.recorded_currency == "EUR"
    assert len(records) > len(before)
