"""What holding costs on paper and in a backtest, and how orders fill where an account began under an older default."""

import asyncio
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from holdfast import Bar, Context, Parameters, Strategy
from holdfast.assembly import build_exchange, build_feed, build_state
from holdfast.backtesting.replay import Replay
from holdfast.config import Config, load_config
from holdfast.core.adjustments import CASH, AccountAdjusted
from holdfast.core.messages import AnyBody, Envelope
from holdfast.core.milestones import EngineStarted
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.journal.reader import Reader
from holdfast.journal.verify import verify
from holdfast.runtime.changes import begun_fill
from holdfast.runtime.compose import open_engine
from holdfast.runtime.standby import Waiting
from holdfast.venue.settings import FillAt

DAYS = {"2024-01-11": 100, "2024-01-12": 110, "2024-01-16": 120, "2024-01-17": 120}
"""A Thursday, a Friday, and after a holiday Tuesday and Wednesday: one night, four nights, one night."""


class Once(Strategy):
    """Trades so many at its first bar, and holds."""

    class Params(Parameters, frozen=True):
        quantity: int

    def on_bar(self, context: Context, bar: Bar) -> None:
        if not context.position(bar.symbol).quantity and len(context.history(bar.symbol, 2)) == 1:
            quantity = self.params.quantity
            (context.sell if quantity < 0 else context.buy)(bar.symbol, abs(quantity))


def configured(folder: Path, quantity: int, venue: str) -> Config:
    rows = [f"ABC,{date}T05:00:00Z,{price},{price},{price},{price},1000" for date, price in DAYS.items()]
    (folder / "bars.csv").write_text("symbol,ts,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    path = folder / "holdfast.toml"
    path.write_text(
        f'[journal]\nurl = "sqlite:///{folder}/journal.db"\n[feed]\npath = "{folder}/bars.csv"\n[venue]\n{venue}\n'
        f'[[accounts]]\nname = "a"\ncash = 1000\nrisk = {{ allow_short = true }}\n'
        f'[[strategies]]\nid = "once"\nclass = "{__name__}:Once"\naccount = "a"\nsymbols = ["ABC"]\n'
        f'timeframe = "1Day"\nparams = {{ quantity = {quantity} }}\n'
    )
    return load_config(path, {})


def on_paper(config: Config) -> list[Envelope]:
    with open_engine(config) as engine:
        asyncio.run(engine.loop.run())
    with open_engine(config):  # what comes back from the journal is compared with the broker's books
        pass
    assert verify(config.journal.url).ok
    with Reader.open(config.journal.url) as reader:
        return list(reader.records("a"))


def in_backtest(config: Config) -> list[Envelope]:
    found: list[Envelope] = []
    state = build_state(config, config.accounts[0], feed := build_feed(config), None)
    exchange = build_exchange(config, config.accounts[0], state)
    replay = Replay(state, exchange, lambda turn: found.extend(turn.records))
    replay.begin(config.accounts[0].deposit, "test")
    replay.run(feed.events(), feed.trading_from_ns)
    return found


def costs(records: list[Envelope]) -> list[tuple[str, str, Fraction]]:
    return [
        (body.symbol, change.strategy, Fraction(change.amount))
        for record in records
        if isinstance(body := record.body, AccountAdjusted)
        for change in body.changes
    ]


def about(amount: Fraction) -> Any:
    return pytest.approx(float(amount), abs=1e-9)


@pytest.mark.parametrize("run", [in_backtest, on_paper])
def test_shares_sold_short_are_paid_for_by_the_night(tmp_path: Path, run: Any) -> None:
    """Each night at the last price before it, four of them over a long weekend; the strategy that is short pays."""
    config = configured(tmp_path, -5, 'fill = "close"\nborrow_pct = "36.5"')
    found = costs(run(config))
    nights = [(1, 100), (4, 110), (1, 120)]
    expected = [Fraction(5 * price) * Fraction("0.365") * days / 365 for days, price in nights]
    assert [(symbol, owner) for symbol, owner, _ in found] == [("ABC", "once")] * 3
    assert [float(-amount) for _, _, amount in found] == [about(amount) for amount in expected]


@pytest.mark.parametrize("run", [in_backtest, on_paper])
def test_borrowed_money_costs_interest(tmp_path: Path, run: Any) -> None:
    """15 shares at 100 for 1,000 leave a debit of 500, which grows by its own interest."""
    config = configured(tmp_path, 15, 'fill = "close"\ninterest_pct = "7.3"')
    found = costs(run(config))
    debit, expected = Fraction(500), []
    for days in (1, 4, 1):
        expected.append(debit * Fraction("0.073") * days / 365)
        debit += expected[-1]
    assert [(symbol, owner) for symbol, owner, _ in found] == [(CASH, EXTERNAL)] * 3
    assert [float(-amount) for _, _, amount in found] == [about(amount) for amount in expected]


def test_nothing_is_taken_where_nothing_is_owed(tmp_path: Path) -> None:
    """Long and paid for: no fee, no interest, no record."""
    assert costs(in_backtest(configured(tmp_path, 5, 'model = "cautious"'))) == []


def told(config: Config) -> list[str]:
    """What a start says before it does anything."""
    lines: list[str] = []
    with open_engine(config, waiting=Waiting(tell=lines.append)):
        pass
    return lines


def test_an_account_that_began_at_the_close_goes_on_so(tmp_path: Path) -> None:
    """The line is gone from the configuration: a start says how orders fill and what to write, and changes nothing; written, it changes."""
    on_paper(configured(tmp_path, 5, 'fill = "close"'))
    open_one = configured(tmp_path, 5, "slippage_bps = 1")
    (line,) = told(open_one)
    assert "goes on so (venue fill = close)" in line
    assert 'write fill = "next_open"' in line
    with Reader.open(open_one.journal.url) as reader:
        assert begun_fill("a", reader) is FillAt.CLOSE
    (line,) = told(real := configured(tmp_path, 5, 'model = "realistic"'))
    assert "has them filled at the next bar's open from here on" in line
    on_paper(real)
    assert told(configured(tmp_path, 5, "")) == []  # that is what it goes on with now


class Recorded:
    """The starts that a journal has."""

    def __init__(self, *bodies: AnyBody) -> None:
        self._bodies = bodies

    def newest_of(self, account: str, *kinds: type) -> Iterator[AnyBody]:
        yield from self._bodies


def test_a_journal_from_before_is_of_the_old_default() -> None:
    """Its starts say nothing of fills: then it was the close. An account of which nothing is recorded has no past."""
    of_before = EngineStarted(1, "0.1.0", "run", "XNYS")
    assert begun_fill("a", Recorded(of_before)) is FillAt.CLOSE  # type: ignore[arg-type]  # only its starts are asked for
    assert begun_fill("a", Recorded()) is None  # type: ignore[arg-type]  # likewise
