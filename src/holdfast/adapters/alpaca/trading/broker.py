"""One account at Alpaca behind the port: its transport and its stream around the sender, and its questions."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from holdfast.adapters.alpaca.connection.rest import AlpacaRest
from holdfast.adapters.alpaca.connection.settings import AlpacaSettings
from holdfast.adapters.alpaca.trading.capability import alpaca_capability
from holdfast.adapters.alpaca.trading.questions import Questions
from holdfast.adapters.alpaca.trading.reports import event_of
from holdfast.adapters.alpaca.trading.transport import AlpacaTransport
from holdfast.adapters.alpaca.trading.updates import TradeUpdates
from holdfast.brokers.known_orders import KnownOrders
from holdfast.brokers.port import (
    Asset,
    BrokerAccount,
    BrokerFill,
    BrokerOrder,
    LastCheck,
    MarkUnresolved,
    ReportSink,
    StreamStatus,
)
from holdfast.brokers.sender import OrderSender
from holdfast.core.adjustments import BrokerActivity
from holdfast.core.messages import BrokerName, CancelOrder, OrderTerms, SubmitOrder
from holdfast.core.orders.order import Order


class AlpacaBroker:
    """Everything said to and heard from one account. Lives in one event loop; requests are made in threads."""

    name = BrokerName("alpaca")

    def __init__(
        self, settings: AlpacaSettings, rest: AlpacaRest, on_change: Callable[[], None] = lambda: None
    ) -> None:
        """``on_change`` is called when what the account holds may be other than it was: after fills and writes."""
        self.capability = alpaca_capability(settings)
        self.updates = TradeUpdates(settings, self._on_update)
        known = KnownOrders()
        self._on_change = on_change
        self._questions = Questions(rest, known)
        self._transport = AlpacaTransport(rest, self._questions, on_change)
        self.sender = OrderSender(self.capability, self._transport, known)

    def open(
        self, sink: ReportSink, last_check: LastCheck, mark_unresolved: MarkUnresolved, now_ns: Callable[[], int]
    ) -> None:
        """Start delivering reports to ``sink``, stamped with ``now_ns`` where Alpaca gives no time."""
        self.sender.open(sink, last_check, mark_unresolved, now_ns)

    def know(self, orders: Sequence[Order]) -> None:
        """Be shown orders of an earlier run, and adopted ones."""
        self.sender.know(orders)

    def submit(self, effect: SubmitOrder) -> None:
        """Send an order; the outcome comes as a report. Of a linked pair both go as one."""
        self.sender.submit(effect)

    def cancel(self, effect: CancelOrder) -> None:
        """Ask for a cancel."""
        self.sender.cancel(effect)

    async def run(self, tell: Callable[[StreamStatus], Awaitable[None]]) -> None:
        """Keep the stream of order events, until cancelled."""
        await self.updates.run(tell)

    def _on_update(self, update: dict[str, Any]) -> None:
        event = event_of(update)
        if event.reports:
            self._on_change()
        self.sender.on_event(event)

    async def drain(self) -> None:
        """Wait until every order and cancel under way has its answer."""
        await self.sender.drain()

    def close(self) -> None:
        """Stop; orders at Alpaca are left as they are, and one that still waits for the rate limit never leaves."""
        self.sender.close()
        self._transport.close()
        self._questions.close()

    # --- questions ----------------------------------------------------------------------------------------------------

    async def clock_ns(self) -> int:
        """Alpaca's own time."""
        return await self._questions.clock_ns()

    async def account(self) -> BrokerAccount:
        """Cash and positions now."""
        return await self._questions.account()

    async def assets(self, symbols: Sequence[str]) -> Sequence[Asset]:
        """What may be done in these symbols."""
        return await self._questions.assets(symbols)

    async def find(self, terms: OrderTerms) -> BrokerOrder | None:
        """The order of these terms, by its id; the stop of a pair as the leg of the other."""
        return await self.sender.find(terms)

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """Every order that works, the held stops of pairs too: one that is in no list is marked unresolved, and nothing is compared then."""
        return await self._questions.open_orders_and_legs()

    async def latest_orders(self) -> Sequence[BrokerOrder]:
        """The orders sent last, newest first."""
        return await self._questions.latest_orders()

    async def fills_since(self, time_ns: int) -> Sequence[BrokerFill]:
        """Every execution since a time, oldest first."""
        return await self._questions.fills_since(time_ns)

    async def activities_since(self, time_ns: int) -> Sequence[BrokerActivity]:
        """What Alpaca has booked by itself since the day of a time, oldest first."""
        return await self._questions.activities_since(time_ns)


class AskingBroker(AlpacaBroker):
    """One that doesn't wait for the stream of order events, whose place a frozen engine may occupy: what it misses is asked for."""

    async def run(self, tell: Callable[[StreamStatus], Awaitable[None]]) -> None:
        """Keep the stream if it can be had, until cancelled."""
        await tell(StreamStatus(connected=True, reason="everything is asked for"))
        await self.updates.run(_say_nothing)


async def _say_nothing(_: StreamStatus) -> None:
    """Whether the stream is there changes nothing."""
