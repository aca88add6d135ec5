"""What becomes of an account's orders, by looking at the book: again and again, and at once when Kite's websocket says that something has happened.

Its messages come twice, out of order, or never, and none is told again; so none is believed, each only says when to look. What is told from here
is what the book and the list of trades say, and only goes forward: an answer that is older than one before it changes nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from holdfast.adapters.zerodha.trading import wire
from holdfast.adapters.zerodha.trading.questions import Questions, read
from holdfast.adapters.zerodha.trading.wire import Row
from holdfast.brokers.port import AccessDenied, AtBroker, BrokerFill, StreamStatus, Unavailable
from holdfast.brokers.transport import OrderEvent
from holdfast.core.messages import BrokerReport, OrderCanceled, OrderFilled, OrderRejected
from holdfast.core.types import ZERO, ClientOrderId, Quantity

LOOK_EVERY_S = 1.0
"""Between two looks when nothing says that something has happened: one of the ten requests that a second has."""
BLIND_AFTER = 2
"""After so many looks in a row without an answer nobody knows what becomes of orders."""

Tell = Callable[[StreamStatus], Awaitable[None]]
OnEvent = Callable[[OrderEvent], None]
Mark = tuple[bool, Quantity, str]
"""Whether an order is over, how much of it has traded, and its status."""
Hints = Callable[[Callable[[], None]], Awaitable[None]]
"""Calls back whenever something may have happened, until cancelled."""


class Sight:
    """Whether the book can be read, told when that changes. What is told first may take long: everything is asked for then."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._telling: asyncio.Future[None] | None = None
        self._misses = 0

    def looked(self) -> None:
        """The book was read. Raises what telling so has raised."""
        self._misses = 0
        if self._telling is None:
            self._telling = asyncio.ensure_future(self._tell(StreamStatus(connected=True, reason="reading the book")))
        if self._telling.done():
            self._telling.result()

    async def missed(self, reason: str) -> None:
        """The book could not be read."""
        self._misses += 1
        if self._misses == BLIND_AFTER:
            self.close()
            await self._tell(StreamStatus(connected=False, reason=reason))

    def close(self) -> None:
        """Tell no more of what was seen."""
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None


class OrderWatch:
    """One account's. Each event goes to ``on_event``."""

    def __init__(self, questions: Questions, on_event: OnEvent, hints: Hints) -> None:
        self._questions = questions
        self._on_event = on_event
        self._hints = hints
        self._woken = asyncio.Event()
        self._seen: dict[str, Mark] = {}
        self._has_looked = False
        self._told: set[str] = set()

    async def run(self, tell: Tell) -> None:
        """Until cancelled. ``tell`` is awaited once the book can be read (what happens meanwhile is passed on), and when it can't."""
        hints = asyncio.ensure_future(self._hints(self._woken.set))
        sight = Sight(tell)
        try:
            while True:
                self._woken.clear()
                try:
                    await self._look()
                except (Unavailable, AccessDenied) as error:
                    await sight.missed(f"the order book can't be read: {error}")
                else:
                    sight.looked()
                if hints.done():
                    hints.result()
                await self._wait()
        finally:
            hints.cancel()
            sight.close()
            await asyncio.gather(hints, return_exceptions=True)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._woken.wait()
        except TimeoutError:
            return

    # --- one look -----------------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        """Tell what has changed since the last look. The first is what others are compared with: who listens asks for what was before."""
        book = await self._questions.book()
        marks = read("the order book", lambda: {str(row["order_id"]): _mark(row) for row in book})
        if not self._has_looked:
            self._seen, self._has_looked = marks, True
            return
        changed = [row for row in book if self._is_news(row)]
        if not changed:
            return
        fills = self._questions.fills_of(await self._questions.trades()) if any(map(_has_traded, changed)) else ()
        for row in changed:
            self._tell(row, [fill for fill in fills if fill.broker_order_id == str(row["order_id"])])

    def _is_news(self, row: Row) -> bool:
        """Whether a row says more than was seen of the order: an end, or more that has traded."""
        before = self._seen.get(str(row["order_id"]))
        is_over, filled, status = _mark(row)
        if before is None:
            return True
        return (is_over, filled) > before[:2] or (not before[0] and filled == before[1] and status != before[2])

    def _tell(self, row: Row, fills: Sequence[BrokerFill]) -> None:
        new = [fill for fill in fills if fill.execution_id not in self._told]
        event = read("the order book", lambda: event_of(row, new))
        if sum((fill.quantity for fill in fills), ZERO) == event.filled:  # else it is looked at again
            self._seen[event.broker_order_id] = _mark(row)
        self._told.update(fill.execution_id for fill in fills)
        self._on_event(event)


def _mark(row: Row) -> Mark:
    filled = Quantity(wire.decimal_of(row.get("filled_quantity")))
    return wire.state_of(row) is not AtBroker.WORKING, filled, str(row["status"])


def _has_traded(row: Row) -> bool:
    return wire.decimal_of(row.get("filled_quantity")) > 0


def event_of(row: Row, fills: Sequence[BrokerFill]) -> OrderEvent:
    """An order of the book with its new executions. Raises KeyError, ValueError and their like for one that can't be read."""
    key = wire.key_of(row)
    return OrderEvent(
        broker_order_id=str(row["order_id"]),
        client_order_id=key,
        symbol=wire.symbol_in(row),
        side=wire.side_of(row),
        quantity=Quantity(wire.decimal_of(row["quantity"])),
        filled=Quantity(wire.decimal_of(row.get("filled_quantity"))),
        is_over=wire.state_of(row) is not AtBroker.WORKING,
        reports=(*(_filled(key, fill) for fill in fills), *_end(key, row)),
    )


def _filled(key: ClientOrderId, fill: BrokerFill) -> BrokerReport:
    return OrderFilled(
        key,
        fill.execution_id,
        fill.symbol,
        fill.side,
        fill.quantity,
        fill.price,
        broker_order_id=fill.broker_order_id,
    )


def _end(key: ClientOrderId, row: Row) -> Sequence[BrokerReport]:
    match wire.state_of(row):
        case AtBroker.CANCELED:
            return (OrderCanceled(key, wire.reason_of(row)),)
        case AtBroker.REJECTED:
            return (OrderRejected(key, wire.reason_of(row)),)
        case _:
            return ()
