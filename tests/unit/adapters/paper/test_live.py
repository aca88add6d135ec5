"""The paper broker on live data: asked, fed, and brought back from records, without an engine around it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import TypeVar

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from holdfast.adapters.paper.live import HeardFeed, LivePaperBroker, unseen
from holdfast.brokers.port import AtBroker, StreamStatus
from holdfast.core.instruments import NIL, US_EQUITY, Named
from holdfast.core.messages import (
    PAPER,
    AnyBody,
    CancelOrder,
    CashDeposited,
    Envelope,
    FeedEvent,
    MarketEvent,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderNotSent,
    OrderPrepared,
    OrderRejected,
    OrderReleased,
    OrderTerms,
    Report,
    SubmitOrder,
    Trade,
)
from holdfast.core.session.calendar import TradingCalendar, TradingDay
from holdfast.core.types import ClientOrderId, Money, OrderType, Price, Quantity, Side, StrategyId, TimeInForce
from holdfast.feeds.live import Deliver, TellStatus
from holdfast.venue.exchange import Exchange
from holdfast.venue.settings import VenueSettings

DAY_NS = 10_000
CALENDAR = TradingCalendar("short", [TradingDay(str(n), n * DAY_NS, n * DAY_NS, n * DAY_NS + 9_000) for n in range(3)])
CASH = Money(Decimal(1_000))
KEY = ClientOrderId("h00000100010000001")
TERMS = OrderTerms(
    KEY,
    StrategyId("s"),
    "ABC",
    Side.BUY,
    Quantity(Decimal(5)),
    OrderType.LIMIT,
    TimeInForce.GTC,
    limit_price=Price(Decimal(10)),
)
OTHER = replace(TERMS, client_order_id=ClientOrderId("h00000100010000002"))
T = TypeVar("T")


def trade(time_ns: int, price: float) -> Trade:
    return Trade("ABC", time_ns, price, 100.0)


class Paper:
    """A broker, and what it reported."""

    def __init__(self, recorded: Sequence[tuple[int, AnyBody]] = (), rules: Named = NIL) -> None:
        self.reports: list[Report] = []
        self.kept: str | None = None
        envelopes = [_envelope(number, *row) for number, row in enumerate(recorded, 1)]
        self.told: list[str] = []
        exchange = Exchange(VenueSettings(), CALENDAR, US_EQUITY, rules)
        self.broker = LivePaperBroker("p", exchange, CASH, lambda: envelopes, self._time, self.told.append)
        self.broker.open(self.reports.append, lambda _: self.kept, lambda _key, _filled: None, lambda: 7)

    async def _time(self) -> int:
        return 5

    def submit(self, terms: OrderTerms = TERMS, at_ns: int = 100) -> "Paper":
        self.broker.submit(SubmitOrder(terms, at_ns, raises_risk=True))
        return self

    def bodies(self) -> list[type]:
        return [type(report.body) for report in self.reports]


def _envelope(sequence: int, time_ns: int, body: AnyBody) -> Envelope:
    return Envelope(f"r{sequence}", time_ns, "p", PAPER, "test", "", "", sequence, 1, 0, body)


def answer(question: Awaitable[T]) -> T:
    async def ask() -> T:
        return await question

    return asyncio.run(ask())


FILL = OrderFilled(
    KEY, f"{KEY}-1", "ABC", Side.BUY, Quantity(Decimal(2)), Price(Decimal(10)), broker_order_id=f"v{KEY}"
)
RECORDED: list[tuple[int, AnyBody]] = [
    (10, CashDeposited(CASH, "what the account held at the start")),
    (100, OrderPrepared(TERMS)),
    (100, OrderReleased(KEY)),
    (101, OrderAccepted(KEY, f"v{KEY}")),
    (150, FILL),
    (160, OrderPrepared(OTHER)),
    (160, OrderReleased(OTHER.client_order_id)),
]
"""One order that has filled in part, one that was on its way when the journal ends."""


def test_an_account_begins_with_its_cash() -> None:
    """And nothing else; orders are accepted, fill by the market, and pay for it."""
    paper = Paper()
    assert answer(paper.broker.account()).cash == CASH
    paper.submit().broker.on_market(trade(200, 9.5))
    account = answer(paper.broker.account())
    assert paper.bodies() == [OrderAccepted, OrderFilled]
    assert account.cash < CASH
    assert [(row.symbol, row.quantity) for row in account.positions] == [("ABC", TERMS.quantity)]


def test_it_books_by_the_rules_that_the_exchange_has() -> None:
    """Those that are new at a start come with no record that it reads: a future is worth its multiplier all the same."""
    paper = Paper(rules={"ABC": US_EQUITY.but(multiplier=Decimal(50))})
    paper.submit().broker.on_market(trade(200, 9.5))
    assert paper.bodies() == [OrderAccepted, OrderFilled]
    (fill,) = [report.body for report in paper.reports if isinstance(report.body, OrderFilled)]
    assert answer(paper.broker.account()).cash == CASH - 50 * fill.price * fill.quantity - fill.fee


@pytest.mark.proves("I3", "I6")
def test_what_is_recorded_comes_back() -> None:
    """Cash, positions, executions, and the order that works with what is left of it."""
    paper = Paper(RECORDED)
    account = answer(paper.broker.account())
    (order,) = answer(paper.broker.open_orders())
    (fill,) = answer(paper.broker.fills_since(150))
    assert account.cash == CASH - 20
    assert [row.quantity for row in account.positions] == [FILL.quantity]
    assert (order.client_order_id, order.filled_quantity, order.state) == (KEY, FILL.quantity, AtBroker.WORKING)
    assert (fill.execution_id, fill.price, fill.time_ns) == (FILL.execution_id, FILL.price, 150)
    paper.broker.on_market(trade(300, 9.0))
    assert [(report.body.execution_id, report.body.quantity) for report in paper.reports] == [(f"{KEY}-2", 3)]  # type: ignore[union-attr]


@pytest.mark.proves("K3")
def test_what_was_on_its_way_never_arrived() -> None:
    """It is in no answer, and no market fills it."""
    paper = Paper(RECORDED)
    assert answer(paper.broker.find(OTHER)) is None
    paper.broker.on_market(trade(300, 9.0))
    assert {report.body.client_order_id for report in paper.reports} == {KEY}


def test_an_order_that_is_over_is_found_as_it_ended() -> None:
    """Recorded before or ended now."""
    ended = Paper([*RECORDED, (170, OrderCanceled(KEY, "requested"))])
    found = answer(ended.broker.find(TERMS))
    assert found is not None
    assert (found.state, found.filled_quantity, found.reason) == (AtBroker.CANCELED, FILL.quantity, "requested")
    now = Paper().submit()
    now.broker.cancel(CancelOrder(KEY, 120))
    assert now.bodies() == [OrderAccepted, OrderCanceled]
    assert answer(now.broker.open_orders()) == []


def test_the_last_check_keeps_an_order_here() -> None:
    """It is not sent, and the exchange doesn't know it."""
    paper = Paper()
    paper.kept = "the account is halted"
    assert paper.submit().bodies() == [OrderNotSent]
    assert answer(paper.broker.find(TERMS)) is None


def test_an_order_beyond_the_calendar_is_rejected() -> None:
    """The exchange can't say when it ends."""
    paper = Paper().submit(replace(TERMS, time_in_force=TimeInForce.DAY), at_ns=50 * DAY_NS)
    assert paper.bodies() == [OrderRejected]


def test_data_that_comes_late_fills_nothing_that_came_after_it() -> None:
    """A trade from before the order was there."""
    paper = Paper()
    paper.broker.on_market(trade(200, 11.0))
    paper.submit(at_ns=200).broker.on_market(trade(190, 9.0))
    assert paper.bodies() == [OrderAccepted]


def test_its_time_is_the_markets() -> None:
    """The later of the clock it asks and the last event."""
    paper = Paper()
    assert answer(paper.broker.clock_ns()) == 5
    paper.broker.on_market(trade(200, 9.5))
    assert answer(paper.broker.clock_ns()) == 200


@pytest.mark.proves("X4")
def test_an_exchange_that_breaks_is_told_by_the_stream_of_its_account() -> None:
    """The feed goes on; who keeps the stream hears of the fault, and begins it again."""
    paper = Paper().submit()

    def broken(event: FeedEvent) -> Sequence[Report]:
        raise ZeroDivisionError(event)

    async def listen() -> list[bool]:
        told: list[bool] = []

        async def tell(status: StreamStatus) -> None:
            told.append(status.connected)
            paper.broker.on_market(trade(200, 9.5))

        with pytest.raises(ZeroDivisionError):
            await paper.broker.run(tell)
        return told

    paper.broker._exchange.on_market = broken  # type: ignore[method-assign]
    assert asyncio.run(listen()) == [True]


def test_what_was_not_seen_is_said_at_the_start() -> None:
    """Since when, and of how many orders; a first start has missed nothing."""
    with capture_logs() as first:
        Paper()
    with capture_logs() as again:
        paper = Paper(RECORDED)
    assert first == []
    assert paper.told == [unseen("p", 160, 1)]
    assert [line["event"] for line in again] == [unseen("p", 160, 1)]
    assert "1 open order" in unseen("p", 160, 1)
    assert "no order was open" in unseen("p", 160, 0)


class OneTrade:
    """A feed with one event."""

    kind = name = "one"
    symbols = ("ABC",)
    bar_ns = None

    def history(self, until_ns: int) -> Sequence[MarketEvent]:
        return [trade(until_ns, 1.0)]

    async def run(self, deliver: Deliver, tell: TellStatus) -> None:
        del tell
        await deliver(trade(200, 9.5))


def test_the_exchange_hears_the_market_before_the_engine() -> None:
    """What it fills is reported before the event is delivered; history is not traded on."""
    paper = Paper().submit()
    feed = HeardFeed(OneTrade(), [paper.broker])
    reported: list[int] = []

    async def deliver(_event: MarketEvent) -> None:
        reported.append(len(paper.reports))

    tell: Callable[..., None] = lambda _status: None  # noqa: E731
    assert feed.history(300) == [trade(300, 1.0)]
    asyncio.run(feed.run(deliver, tell))
    assert reported == [2]
