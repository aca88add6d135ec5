"""The engine's end of the simulated broker: `brokers.port.LiveBroker` for all three classes of idempotency.

It dies with its process. Class A asks for an order by its id, B searches the book for the label, C has nothing but the
terms and the time of an order to tell it by.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from holdfast.brokers.capability import Capability, IdempotencyClass
from holdfast.brokers.known_orders import KnownOrders
from holdfast.brokers.outcome import (
    Accepted,
    CancelOutcome,
    CancelRequested,
    Outcome,
    RateLimited,
    Rejected,
    Unauthorized,
    Unknown,
)
from holdfast.brokers.port import (
    AccessDenied,
    Asset,
    AtBroker,
    BrokerAccount,
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    LastCheck,
    MarkUnresolved,
    ReportSink,
    StreamStatus,
    Unavailable,
)
from holdfast.brokers.sender import OrderSender
from holdfast.brokers.transport import Check, OrderEvent
from holdfast.core.adjustments import BrokerActivity
from holdfast.core.broker_rules import ANY_ORDER
from holdfast.core.codec import is_external
from holdfast.core.messages import (
    BrokerName,
    BrokerReport,
    CancelOrder,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReplaced,
    OrderTerms,
    SubmitOrder,
)
from holdfast.core.orders.order import Order
from holdfast.core.types import SECOND_NS, ClientOrderId, Money, OrderRole, Price, Quantity
from holdfast.errors import InvalidValue
from holdfast.telemetry.crash_points import CrashPoint, reach
from holdfast.torture.world.exchange import Exchange, Frame, FrameKind, Taken, TheirFill, TheirOrder
from holdfast.torture.world.wire import Throttled, Unanswered, Wire

SETTLE_S = 2.0
EXPLAIN_WITHIN_S = 10.0
SENDS = 5
CANCELS = 4
WAIT_S = 0.5
ACCOUNT = "WORLD-1"

NAMES = {
    IdempotencyClass.UNIQUE_ID: BrokerName("alpaca"),
    IdempotencyClass.LABEL: BrokerName("zerodha"),
    IdempotencyClass.NOTHING: BrokerName("ibkr"),
}
"""The broker of each class that a journal's records name."""


def class_of(broker: str) -> IdempotencyClass:
    """The class of a broker. Raises InvalidValue for one that is not imitated here."""
    found = next((kind for kind, name in NAMES.items() if name == broker), None)
    if found is None:
        raise InvalidValue(f"there is no world of broker {broker!r}; there are {', '.join(NAMES.values())}")
    return found


def capability(idempotency: IdempotencyClass) -> Capability:
    """What the simulated broker of a class can do."""
    return Capability(
        idempotency=idempotency,
        settle_s=SETTLE_S,
        negatives=2,
        largest_id=20,
        requests_per_minute=100_000,
        links_exits=idempotency is IdempotencyClass.UNIQUE_ID,
        holds_exits=idempotency is IdempotencyClass.UNIQUE_ID,
        rules=ANY_ORDER,
        sources={},
        explain_within_s=EXPLAIN_WITHIN_S,
    )


Slip = Callable[[], BaseException | None]
"""Asked at every call of the port: what it breaks with, or None."""
T = TypeVar("T")


def break_by(slip: Slip) -> None:
    """Break here, if it is said so."""
    fault = slip()
    if fault is not None:
        raise fault


class WorldTransport:
    """One process's way to the simulated broker, for orders and cancels. ``slip`` says what reading an answer breaks with."""

    def __init__(
        self, idempotency: IdempotencyClass, exchange: Exchange, wire: Wire, known: KnownOrders, slip: Slip
    ) -> None:
        self._class = idempotency
        self._exchange = exchange
        self._wire = wire
        self._known = known
        self._slip = slip

    async def send(self, orders: Sequence[SubmitOrder], check: Check) -> Outcome:
        """Send an order, once. Raises Withheld."""
        check()
        reach(CrashPoint.SENDING)
        try:
            answer = await self._wire.submit(orders)
        except Throttled as error:
            return RateLimited(WAIT_S, str(error))
        except AccessDenied as error:
            return Unauthorized(str(error))
        except Unanswered as error:
            return Unknown(str(error))
        finally:
            reach(CrashPoint.ANSWERED)
        break_by(self._slip)
        if isinstance(answer, Taken):
            return Accepted(answer.order, answer.legs)
        if answer.is_duplicate:  # it is there already: to be asked for
            return Unknown(answer.reason)
        return Rejected(answer.reason)

    async def cancel(self, broker_order_id: str, check: Check) -> CancelOutcome:
        """Ask for a cancel, once. Raises Withheld."""
        check()
        reach(CrashPoint.CANCEL_SENDING)
        try:
            refusal = await self._wire.cancel(broker_order_id)
        except (Unanswered, Throttled, AccessDenied) as error:
            return Unknown(str(error))
        reach(CrashPoint.CANCEL_ANSWERED)
        break_by(self._slip)
        if refusal is None:
            return CancelRequested()
        return Unknown(refusal.reason) if refusal.is_absent else Rejected(refusal.reason)

    async def find(self, terms: OrderTerms) -> BrokerOrder | None:
        """The order of these terms, as the broker's class lets it be found."""
        key = terms.client_order_id
        is_unique = self._class is IdempotencyClass.UNIQUE_ID and not is_external(key)
        ask = (lambda: self._exchange.shown_of(key)) if is_unique else self._exchange.shown
        for order in await self._legs(terms):
            return _shown(order, key)
        for order in await self._wire.ask(ask):
            if self._is_of(order, terms):
                return _shown(order, key)
        self._wire.absent(key)
        return None

    async def _legs(self, terms: OrderTerms) -> list[TheirOrder]:
        """A stop-loss that may have been sent as a leg is found by the broker's id, or by the order that it was linked to."""
        partner, known = self._known.partner(terms.client_order_id), self._known.broker_id(terms.client_order_id)
        if self._class is not IdempotencyClass.UNIQUE_ID or partner is None or terms.role is not OrderRole.STOP_LOSS:
            return []
        if known is not None:
            return [order for order in await self._wire.ask(self._exchange.shown) if order.id == known]
        return await self._wire.ask(lambda: self._exchange.shown_leg_of(partner))

    def _is_of(self, order: TheirOrder, terms: OrderTerms) -> bool:
        key, ours = terms.client_order_id, self._known.find(order.id, "")
        known = self._known.broker_id(key)
        if self._class is IdempotencyClass.UNIQUE_ID and not is_external(key):
            return order.shown_id == key  # under whatever id of the broker's
        if known is not None:
            return order.id == known
        if self._class is not IdempotencyClass.NOTHING:
            return order.shown_id == key
        looks = (order.symbol, order.side, order.ordered, order.kind, order.limit, order.stop)
        if looks != _looks(terms) or ours is not None:
            return False
        is_under_way = any(_looks(other) == looks for other in self._known.unanswered)
        return not is_under_way and order.submitted_ns >= self._known.sent_ns(key) - SECOND_NS


class WorldBroker:
    """One process's broker. Where ``slip`` says so, a call of the port breaks with something that no caller expects."""

    def __init__(
        self, idempotency: IdempotencyClass, exchange: Exchange, wire: Wire, slip: Slip = lambda: None
    ) -> None:
        self.name = NAMES[idempotency]
        self.capability = capability(idempotency)
        self.wire = wire
        self.broken: dict[str, None] = {}
        """Questions at which it broke and that have had no answer since."""
        self._slip = slip
        self._exchange = exchange
        self._known = KnownOrders()
        transport = WorldTransport(idempotency, exchange, wire, self._known, slip)
        self.sender = OrderSender(self.capability, transport, self._known)
        self.sender.sends, self.sender.cancels = SENDS, CANCELS

    @property
    def _class(self) -> IdempotencyClass:
        return self.capability.idempotency

    def open(
        self, sink: ReportSink, last_check: LastCheck, mark_unresolved: MarkUnresolved, now_ns: Callable[[], int]
    ) -> None:
        """Start delivering reports to ``sink``."""
        self.sender.open(sink, last_check, mark_unresolved, now_ns)

    def know(self, orders: Sequence[Order]) -> None:
        """Be shown orders of an earlier run."""
        self.sender.know(orders)

    def submit(self, effect: SubmitOrder) -> None:
        """Send an order; the outcome comes as a report."""
        break_by(self._slip)
        self.sender.submit(effect)
        break_by(self._slip)  # with the order on its way

    def cancel(self, effect: CancelOrder) -> None:
        """Ask for a cancel; its yes comes by the stream."""
        break_by(self._slip)
        self.sender.cancel(effect)
        break_by(self._slip)

    async def drain(self) -> None:
        """Wait until every order and cancel under way has its answer."""
        await self.sender.drain()

    def close(self) -> None:
        """Stop."""
        self.sender.close()

    # --- events in ----------------------------------------------------------------------------------------------------

    async def run(self, tell: Callable[[StreamStatus], Awaitable[None]]) -> None:
        """Keep the stream of order events, until cancelled."""
        while True:
            try:
                connection = await self.wire.listen(self._on_frame)
            except (Unavailable, AccessDenied) as error:
                reason = str(error)
            else:
                telling = asyncio.ensure_future(tell(StreamStatus(connected=True, reason="listening")))
                try:
                    both: list[asyncio.Future[Any]] = [telling, connection.over]
                    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                    if not connection.over.done():
                        await telling
                    reason = await connection.over
                finally:
                    telling.cancel()
            await tell(StreamStatus(connected=False, reason=reason))
            await asyncio.sleep(WAIT_S)

    def _on_frame(self, frame: Frame) -> None:
        self.sender.on_event(_event_of(frame, shows_ids=self._class is not IdempotencyClass.NOTHING))

    # --- questions ----------------------------------------------------------------------------------------------------

    async def _answer(self, what: str, question: Awaitable[T]) -> T:
        """The answer to a question, unless reading it breaks."""
        answer = await question
        try:
            break_by(self._slip)
        except BaseException:
            self.broken[what] = None
            raise
        self.broken.pop(what, None)
        return answer

    async def clock_ns(self) -> int:
        """The broker's time."""
        return await self._answer("time", self.wire.ask(self._exchange.now_ns))

    async def account(self) -> BrokerAccount:
        """Cash and positions."""
        return await self._answer("account", self.wire.ask(lambda: _account(self._exchange)))

    async def assets(self, _symbols: Sequence[str]) -> Sequence[Asset]:
        """Everything may be traded."""
        return ()

    async def find(self, terms: OrderTerms) -> BrokerOrder | None:
        """The order of these terms, as the broker's class lets it be found."""
        return await self._answer("order", self.sender.find(terms))

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """Every order that works."""
        shown = await self._answer("open orders", self.wire.ask(self._exchange.shown))
        return [self._named(order) for order in shown if order.is_working]

    async def latest_orders(self) -> Sequence[BrokerOrder]:
        """The latest, newest first."""
        shown = await self._answer("latest orders", self.wire.ask(self._exchange.shown))
        return [self._named(order) for order in reversed(shown)]

    def _named(self, order: TheirOrder) -> BrokerOrder:
        shown = "" if self._class is IdempotencyClass.NOTHING else order.shown_id
        return _shown(order, self._known.find(order.id, "") or ClientOrderId(shown))

    async def fills_since(self, time_ns: int) -> Sequence[BrokerFill]:
        """Executions, oldest first."""
        asked = self.wire.ask(lambda: [fill for fill in self._exchange.fills if fill.time_ns >= time_ns])
        fills = await self._answer("executions", asked)
        return [self._fill(fill) for fill in fills]

    async def activities_since(self, time_ns: int) -> Sequence[BrokerActivity]:  # noqa: ARG002 - it books nothing by itself
        """None."""
        return ()

    def _fill(self, fill: TheirFill) -> BrokerFill:
        return BrokerFill(
            self._known.find(fill.order, "") or ClientOrderId(""),
            fill.order,
            fill.id,
            fill.symbol,
            fill.side,
            Quantity(fill.quantity),
            Price(fill.price),
            fill.time_ns,
        )


def _looks(terms: OrderTerms) -> tuple[object, ...]:
    """All that tells an order where it carries no id."""
    return (terms.symbol, terms.side, terms.quantity, terms.order_type, terms.limit_price, terms.stop_price)


def _shown(order: TheirOrder, key: ClientOrderId) -> BrokerOrder:
    return BrokerOrder(
        key,
        order.id,
        order.symbol,
        order.side,
        Quantity(order.quantity),
        Quantity(order.filled),
        order.state,
        order.submitted_ns,
        order.updated_ns,
        order.reason,
        order.kind,
        limit_price=None if order.limit is None else Price(order.limit),
        stop_price=None if order.stop is None else Price(order.stop),
    )


def _account(exchange: Exchange) -> BrokerAccount:
    held = [
        BrokerPosition(symbol, Quantity(quantity), Price(exchange.prices[symbol]))
        for symbol, quantity in exchange.positions.items()
        if quantity
    ]
    return BrokerAccount(ACCOUNT, Money(exchange.cash), held)


def _event_of(frame: Frame, *, shows_ids: bool) -> OrderEvent:
    """An event of the stream; without reports where it only says that something has to be asked."""
    key = ClientOrderId(frame.client_id if shows_ids else "")
    return OrderEvent(
        broker_order_id=frame.order,
        client_order_id=key,
        symbol=frame.symbol,
        side=frame.side,
        quantity=Quantity(frame.total),
        filled=None if frame.kind is FrameKind.BUST else Quantity(frame.filled),
        time_ns=frame.time_ns,
        is_over=frame.state is not AtBroker.WORKING,
        reports=_reports_of(key, frame),
    )


def _reports_of(key: ClientOrderId, frame: Frame) -> tuple[BrokerReport, ...]:
    fill = frame.fill
    if frame.kind is FrameKind.FILL and fill is not None:
        quantity, price = Quantity(fill.quantity), Price(fill.price)
        return (OrderFilled(key, fill.id, fill.symbol, fill.side, quantity, price, broker_order_id=frame.order),)
    if frame.kind is FrameKind.REPLACED:
        return (OrderReplaced(key, Quantity(frame.total)),)
    if frame.kind is FrameKind.ENDED and frame.state is AtBroker.REJECTED:
        return (OrderRejected(key, frame.reason),)
    return (OrderCanceled(key, frame.reason),) if frame.kind is FrameKind.ENDED else ()
