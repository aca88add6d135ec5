"""A trading day begins once, with the same first equity, wherever the engine dies and comes back."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.calendars import trading_calendar
from holdfast.core import lifecycle
from holdfast.core.engine import step
from holdfast.core.engine.market import show
from holdfast.core.messages import (
    Action,
    Bar,
    CashDeposited,
    Envelope,
    OrderFilled,
    PlaceOrder,
    Request,
    Signal,
    SubmitOrder,
)
from holdfast.core.milestones import TradingDayStarted
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.state import EngineState, apply
from holdfast.core.turn import Turn
from holdfast.core.types import MANUAL, MINUTE_NS, Money, Quantity
from holdfast.venue.exchange import Exchange
from holdfast.venue.settings import VenueSettings
from tests.budget import examples
from tests.scenario.account import DEPOSIT, new_state
from tests.scenario.test_trading_day import MUMBAI, NEW_YORK, UTC, at, bar_at

BEGINNINGS = {  # before a holiday and half a day, Diwali, a leap day
    "XNYS": at("2024-07-02T09:31", NEW_YORK),
    "XBOM": at("2024-10-30T09:16", MUMBAI),
    "24/7": at("2024-02-28T00:01", UTC),
}
LIMITS = RiskLimits(daily_loss_pct=Decimal(2), leverage=Decimal(4))
minutes_on = st.sampled_from([1, 7, 29, 60, 239, 600, 1439, 1440, 2 * 1440, 4 * 1440])
acts = st.sampled_from(["buy", "sell", "deposit", "withdraw", "nothing", "nothing"])
stories = st.lists(st.tuples(minutes_on, st.integers(80, 120), acts, st.booleans()), min_size=2, max_size=25)


class Life:
    """An account whose engine may die between two steps: what outlives it is its records, its venue and the market."""

    def __init__(self, calendar: str) -> None:
        self.calendar = trading_calendar(calendar)
        self.past: list[Bar | Envelope] = []
        self.exchange = Exchange(VenueSettings(), self.calendar)
        self.epoch = 0
        self.state: EngineState
        self.begin()
        self.keep(lifecycle.deposit(self.state, DEPOSIT, "opening cash"))

    def begin(self) -> None:
        """A process comes, and knows what is recorded and what the market did."""
        self.epoch += 1
        self.state = new_state(LIMITS, self.calendar)
        for item in self.past:
            if isinstance(item, Envelope):
                apply(self.state, item)
            else:
                show(self.state, (item,))
        self.keep(lifecycle.start(self.state, self.epoch, "test", "test"))
        lifecycle.warmed_up(self.state)
        self.keep(lifecycle.recovered(self.state, lifecycle.nothing_recovered(self.state)))

    def keep(self, turn: Turn | None) -> None:
        """Record what a turn made, and carry out what it asks."""
        if turn is None:
            return
        self.past += turn.records
        for effect in turn.effects:
            if isinstance(effect, SubmitOrder):
                for report in self.exchange.submit(effect.terms, effect.released_ns, self.state.now_ns):
                    self.keep(step(self.state, report))

    def bar(self, time_ns: int, close: int) -> None:
        """The market moves, at the venue first."""
        bar = bar_at(time_ns, close)
        for report in self.exchange.on_market(bar):
            self.keep(step(self.state, report))
        self.keep(step(self.state, bar))
        self.past.append(bar)

    def act(self, what: str) -> None:
        """A person trades, or moves money."""
        if what in ("deposit", "withdraw"):
            amount = Money(Decimal(1000 if what == "deposit" else -1000))
            turn = Turn(self.state, "test")
            turn.record(CashDeposited(amount))
            self.keep(turn)
        elif what != "nothing":
            signal = Signal(MANUAL, "ABC", Action(what), quantity=Quantity(Decimal(100)))
            self.keep(
                step(self.state, Request(self.state.now_ns, f"c{self.state.sequence}", "test", PlaceOrder(signal)))
            )

    def days(self) -> list[Any]:
        """The records of its trading days' beginnings."""
        bodies = [item.body for item in self.past if isinstance(item, Envelope)]
        return [body for body in bodies if isinstance(body, TradingDayStarted)]


def lived(calendar: str, story: list[tuple[int, int, str, bool]], *, dies: bool) -> Life:
    """A life along a story; with ``dies`` the process dies after each step that says so."""
    life, time_ns = Life(calendar), BEGINNINGS[calendar]
    for minutes, close, what, ends in story:
        time_ns += minutes * MINUTE_NS
        life.bar(time_ns, close)
        life.act(what)
        if dies and ends:
            life.begin()
    return life


@pytest.mark.proves("C1")
@settings(max_examples=examples())
@given(st.sampled_from(sorted(BEGINNINGS)), stories)
def test_a_trading_day_begins_once_whenever_the_engine_dies(
    calendar: str, story: list[tuple[int, int, str, bool]]
) -> None:
    """The days, their first equities and their strategies' profits are those of a life without a crash; the counters too."""
    alone, broken = lived(calendar, story, dies=False), lived(calendar, story, dies=True)
    assert broken.days() == alone.days()
    dates = [day.trading_day for day in broken.days()]
    assert dates == sorted(set(dates))
    assert broken.state.day_start_equity == alone.state.day_start_equity
    assert broken.state.counters == alone.state.counters


@settings(max_examples=examples())
@given(st.sampled_from(sorted(BEGINNINGS)), stories)
def test_a_day_begins_with_cash_and_holdings_at_the_price_before_it(
    calendar: str, story: list[tuple[int, int, str, bool]]
) -> None:
    """Told from the market and the records alone: what was held when a day began, at the last price of the day before."""
    life = lived(calendar, story, dies=True)
    cash, held, last_price = Decimal(0), Decimal(0), Decimal(0)
    for item in life.past:
        if isinstance(item, Bar):
            last_price = Decimal(str(item.close))
            continue
        body = item.body
        if isinstance(body, CashDeposited):
            cash += body.amount
        elif isinstance(body, OrderFilled):
            signed = body.quantity * body.side.sign
            held, cash, last_price = held + signed, cash - signed * body.price - body.fee, body.price
        elif isinstance(body, TradingDayStarted):
            assert body.day_start_equity == cash + held * last_price
