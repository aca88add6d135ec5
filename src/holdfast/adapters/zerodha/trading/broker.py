"""One account at Zerodha behind the port: its transport and its watch around the sender, and its questions."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from holdfast.adapters.zerodha.connection.rest import KiteRest
from holdfast.adapters.zerodha.trading.capability import zerodha_capability
from holdfast.adapters.zerodha.trading.questions import Questions
from holdfast.adapters.zerodha.trading.search import Search
from holdfast.adapters.zerodha.trading.transport import ZerodhaTransport
from holdfast.adapters.zerodha.trading.updates import Hints, OrderWatch
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


class ZerodhaBroker:
    """Everything said to and heard from one account. Lives in one event loop; requests are made in threads."""

    name = BrokerName("zerodha")

    def __init__(self, rest: KiteRest, hints: Hints, *, asks_only: bool = False) -> None:
        self.capability = zerodha_capability(rest.settings)
        known = KnownOrders()
        self._search = Search(known, rest.settings.settle_s)
        self._questions = Questions(rest, known, self._search, sees_all=asks_only)
        self._transport = ZerodhaTransport(rest, self._questions, self._search)
        self.sender = OrderSender(self.capability, self._transport, known)
        self._watch = OrderWatch(self._questions, self.sender.on_event, hints)

    def open(
        self, sink: ReportSink, last_check: LastCheck, mark_unresolved: MarkUnresolved, now_ns: Callable[[], int]
    ) -> None:
        """Start delivering reports to ``sink``, stamped with ``now_ns``."""
        self.sender.open(sink, last_check, mark_unresolved, now_ns)

    def know(self, orders: Sequence[Order]) -> None:
        """Be shown orders of an earlier run, and adopted ones. One that has no id of Kite's may be there without its label."""
        self.sender.know(orders)
        for order in orders:
            self._questions.know(order.broker_order_id)
            if order.is_live and not order.broker_order_id and order.released_ns:
                self._search.doubtful[order.terms.client_order_id] = order.terms

    def submit(self, effect: SubmitOrder) -> None:
        """Send an order; the outcome comes as a report."""
        self.sender.submit(effect)

    def cancel(self, effect: CancelOrder) -> None:
        """Ask for a cancel."""
        self.sender.cancel(effect)

    async def run(self, tell: Callable[[StreamStatus], Awaitable[None]]) -> None:
        """Keep looking at the order book, until cancelled."""
        await self._watch.run(tell)

    async def drain(self) -> None:
        """Wait until every order and cancel under way has its answer."""
        await self.sender.drain()

    def close(self) -> None:
        """Stop; orders at Zerodha are left as they are, and one that still waits for the rate limit never leaves."""
        self.sender.close()
        self._transport.close()
        self._questions.close()

    # --- questions ----------------------------------------------------------------------------------------------------

    async def clock_ns(self) -> int:
        """Zerodha's own time."""
        return await self._questions.clock_ns()

    async def account(self) -> BrokerAccount:
        """Cash and positions now."""
        return await self._questions.account()

    async def assets(self, symbols: Sequence[str]) -> Sequence[Asset]:
        """Nothing is said of any symbol."""
        return await self._questions.assets(symbols)

    async def find(self, terms: OrderTerms) -> BrokerOrder | None:
        """The order of these terms, in the book of the day."""
        return await self.sender.find(terms)

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """Every order that works."""
        return await self._questions.open_orders()

    async def latest_orders(self) -> Sequence[BrokerOrder]:
        """The orders of the day, newest first."""
        return await self._questions.latest_orders()

    async def fills_since(self, time_ns: int) -> Sequence[BrokerFill]:
        """Every execution of the day since a time, oldest first."""
        return await self._questions.fills_since(time_ns)

    async def activities_since(self, time_ns: int) -> Sequence[BrokerActivity]:
        """The charges of orders that are over, of this day."""
        return await self._questions.activities_since(time_ns)


async def no_hints(_: Callable[[], None]) -> None:
    """Nothing says when to look: the place of a websocket is left to who trades."""
    await asyncio.Event().wait()
