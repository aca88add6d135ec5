"""A paper account on live market data: the exchange in memory behind the port of a live broker.

The exchange dies with its process, so what an account holds is what the journal says: its open orders, cash and positions come back
from there. What never was recorded never happened here: an order that was on its way is not found, and ends as not sent. The market goes
on while the engine is down, and the exchange doesn't see it; `unseen` says so.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence

import structlog

from holdfast.adapters.paper.broker import PaperBroker
from holdfast.adapters.paper.orders import PaperOrders
from holdfast.brokers.capability import Capability, IdempotencyClass
from holdfast.brokers.port import (
    MOVED_ON,
    Asset,
    BrokerAccount,
    BrokerFill,
    BrokerOrder,
    LastCheck,
    MarkUnresolved,
    ReportSink,
    StreamStatus,
    TellStream,
)
from holdfast.core.adjustments import BrokerActivity
from holdfast.core.broker_rules import ANY_ORDER
from holdfast.core.messages import (
    CancelOrder,
    CashDeposited,
    Envelope,
    MarketEvent,
    OrderNotSent,
    OrderRejected,
    OrderTerms,
    Report,
    SubmitOrder,
)
from holdfast.core.orders.order import Order
from holdfast.core.types import Money, iso_time, many
from holdfast.errors import InvalidValue
from holdfast.feeds.live import Deliver, LiveFeed, TellStatus
from holdfast.telemetry.crash_points import CrashPoint, reach
from holdfast.venue.exchange import Exchange

LIVE_PAPER = Capability(
    idempotency=IdempotencyClass.UNIQUE_ID,
    settle_s=0.0,
    negatives=1,
    largest_id=48,
    requests_per_minute=1_000_000,
    rules=ANY_ORDER,
    sources={
        "idempotency": "an id is taken once, and found (`venue.exchange`)",
        "settle_s, negatives": "it lives in this process: what it doesn't hold is not there",
        "rules": "stops that follow the market are moved by the engine, whose records survive a restart",
    },
)
"""What a paper account on live data can do."""

AskTime = Callable[[], Awaitable[int]]

log = structlog.get_logger(__name__)


async def _wall_clock_ns() -> int:
    return time.time_ns()


class LivePaperBroker:
    """One paper account behind the port of live brokers (`brokers.port.LiveBroker`). Lives in one event loop.

    ``exchange`` is this account's alone, ``deposit`` what the account begins with. ``records`` gives what the journal has of it, from the
    first record on; it is read once, by `open`. ``ask_time`` is the clock of the market that it is fed with, in UTC nanoseconds; by default
    the machine's. ``tell`` is given what a person should read at the start. Market data comes by `on_market`: `HeardFeed` does it.
    """

    name = PaperBroker.name
    capability = LIVE_PAPER

    def __init__(
        self,
        account: str,
        exchange: Exchange,
        deposit: Money,
        records: Callable[[], Iterable[Envelope]],
        ask_time: AskTime = _wall_clock_ns,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._account = account
        self._exchange = exchange
        self._paper = PaperBroker(account, exchange)
        self._orders = PaperOrders()
        self._deposit = deposit
        self._records = records
        self._ask_time = ask_time
        self._tell = tell
        self._market_ns = 0
        self._fault: Exception | None = None
        self._broke = asyncio.Event()
        self._sink: ReportSink
        self._last_check: LastCheck
        self._now_ns: Callable[[], int]

    def open(
        self, sink: ReportSink, last_check: LastCheck, mark_unresolved: MarkUnresolved, now_ns: Callable[[], int]
    ) -> None:
        """Bring back what the journal says, and start delivering reports. Raises JournalError. Nothing is ever unresolved here."""
        del mark_unresolved
        self._sink, self._last_check, self._now_ns = sink, last_check, now_ns
        self._paper.open(self._on_report)
        last_ns, is_new = 0, True
        for record in self._records():
            self._paper.restore(record)
            self._orders.see(record.body, record.time_ns)
            last_ns, is_new = record.time_ns, is_new and not isinstance(record.body, CashDeposited)
        if is_new:
            self._paper.deposit(self._deposit)
        working = [order.client_order_id for order in self._orders.working()]
        if last_ns:
            missed = unseen(self._account, last_ns, len(working))
            log.warning(missed, account=self._account, orders=working)
            self._tell(missed)

    def know(self, orders: Sequence[Order]) -> None:
        """The journal has shown them already."""

    # --- orders and the market ----------------------------------------------------------------------------------------

    def submit(self, effect: SubmitOrder) -> None:
        """Send an order to the exchange; what it says is reported at once, or when it arrives."""
        key = effect.terms.client_order_id
        reason = self._last_check(effect)
        if reason == MOVED_ON:
            return
        if reason is not None:
            self._sink(Report(self._now_ns(), OrderNotSent(key, reason)))
            return
        self._orders.prepared(effect.terms)
        reach(CrashPoint.SENDING)
        try:
            self._paper.submit(effect)
        except InvalidValue as error:  # the calendar doesn't cover it
            self._on_report(Report(self._now_ns(), OrderRejected(key, str(error))))
        reach(CrashPoint.ANSWERED)

    def cancel(self, effect: CancelOrder) -> None:
        """Send a cancel to the exchange."""
        if self._last_check(effect) is None:
            reach(CrashPoint.CANCEL_SENDING)
            self._paper.cancel(effect)
            reach(CrashPoint.CANCEL_ANSWERED)

    def on_market(self, event: MarketEvent) -> None:
        """Let the market move; what it fills, ends or lets arrive is reported. Should the exchange break, this account alone is told."""
        self._market_ns = max(self._market_ns, event.time_ns)
        try:
            self._paper.on_market(event)
            self._paper.end_instant()  # the bar is over by the time anybody can act on it
        except Exception as error:
            log.exception("the exchange of a paper account broke", account=self._account)
            self._fault = error
            self._broke.set()

    def _on_report(self, report: Report) -> None:
        self._orders.see(report.body, report.time_ns)
        self._sink(report)

    async def run(self, tell: TellStream) -> None:
        """Order events need no connection: say that they come, and go on until cancelled. Raises what the exchange broke with."""
        await tell(StreamStatus(connected=True, reason="the exchange is in this process"))
        await self._broke.wait()
        self._broke.clear()
        if self._fault is not None:
            raise self._fault

    # --- questions ----------------------------------------------------------------------------------------------------

    async def clock_ns(self) -> int:
        """The market's time."""
        return max(self._market_ns, await self._ask_time())

    async def account(self) -> BrokerAccount:
        """Cash and positions now."""
        return self._paper.snapshot()

    async def assets(self, symbols: Sequence[str]) -> Sequence[Asset]:
        """Everything may be traded."""
        del symbols
        return ()

    async def find(self, terms: OrderTerms) -> BrokerOrder | None:
        """The order of these terms. What the exchange doesn't hold, and the journal doesn't know to be over, never arrived."""
        return self._orders.find(terms.client_order_id)

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """Every order that works."""
        return self._orders.working()

    async def latest_orders(self) -> Sequence[BrokerOrder]:
        """None: nobody else can have sent any, and ours are the journal's."""
        return ()

    async def fills_since(self, time_ns: int) -> Sequence[BrokerFill]:
        """Every execution since a time, oldest first."""
        return self._orders.fills_since(time_ns)

    async def activities_since(self, time_ns: int) -> Sequence[BrokerActivity]:
        """None: it books nothing by itself."""
        del time_ns
        return ()

    async def drain(self) -> None:
        """Nothing is waited for: what is on its way to the exchange ends with it, and is not sent."""

    def close(self) -> None:
        """Stop."""


class HeardFeed:
    """A live feed whose events the exchanges of paper accounts hear before the engine does, as a real market would be ahead of it."""

    def __init__(self, feed: LiveFeed, brokers: Sequence[LivePaperBroker]) -> None:
        self._feed = feed
        self._brokers = brokers
        self.kind = feed.kind
        self.name = feed.name
        self.symbols = feed.symbols
        self.bar_ns = feed.bar_ns

    def history(self, until_ns: int) -> Sequence[MarketEvent]:
        """What strategies warm up on. The exchanges don't trade on it: it is over."""
        return self._feed.history(until_ns)

    async def run(self, deliver: Deliver, tell: TellStatus) -> None:
        """Deliver events until cancelled."""

        async def hear(event: MarketEvent) -> None:
            for broker in self._brokers:
                broker.on_market(event)
            await deliver(event)

        await self._feed.run(hear, tell)


def unseen(account: str, last_ns: int, working: int) -> str:
    """What a paper account on live data can't know after a start, in a sentence. ``working`` orders have come back."""
    went_on = f"paper account {account} saw nothing of the market after {iso_time(last_ns)}"
    if not working:
        return f"{went_on}, where its journal ends; no order was open"
    return (
        f"{went_on}, where its journal ends: what would have filled its {many(working, 'open order')} since then is not made up for, and stops that "
        "follow the market follow it from here on"
    )
