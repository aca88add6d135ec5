"""The engine's end of the simulated broker: `brokers.port.LiveBroker` for all three classes of idempotency.

It dies with its process. Class A asks for an order by its id, B searches the book for the label, C has nothing but the
terms and the time of an order to tell it by.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from holdfast.brokers.capability import Capability, IdempotencyClass
from holdfast.brokers.port import (
    AccessDenied,
    Asset,
    BrokerAccount,
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    Doubt,
    LastCheck,
    ReportSink,
    StreamStatus,
    Unavailable,
)
from holdfast.core.adjustments import BrokerActivity
from holdfast.core.broker_rules import ANY_ORDER
from holdfast.core.codec import foreign_order_id, is_foreign
from holdfast.core.messages import (
    BrokerName,
    BrokerReport,
    CancelOrder,
    CancelRefused,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderNotSent,
    OrderRejected,
    OrderReplaced,
    OrderTerms,
    OrderUnknown,
    Report,
    SubmitOrder,
)
from holdfast.core.orders.order import Order
from holdfast.core.types import SECOND_NS, ClientOrderId, Money, Price, Quantity
from holdfast.observe.crash_points import CrashPoint, reach
from holdfast.torture.world.exchange import Exchange, Frame, FrameKind, TheirFill, TheirOrder
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


def capability(idempotency: IdempotencyClass) -> Capability:
    """What the simulated broker of a class can do."""
    return Capability(
        idempotency=idempotency,
        settle_s=SETTLE_S,
        negatives=2,
        largest_id=20,
        requests_per_minute=100_000,
        rules=ANY_ORDER,
        sources={},
        explain_within_s=EXPLAIN_WITHIN_S,
    )


Slip = Callable[[], BaseException | None]
"""Asked at every call of the port: what it breaks with, or None."""
T = TypeVar("T")


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
        self._ours: dict[str, ClientOrderId] = {}
        self._ids: dict[ClientOrderId, str] = {}
        self._terms: dict[ClientOrderId, OrderTerms] = {}
        self._sent_ns: dict[ClientOrderId, int] = {}
        self._early: dict[str, list[Frame]] = {}
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._sending: dict[ClientOrderId, None] = {}
        """Orders whose answers are awaited: what looks like them may be them."""
        self._canceling: set[ClientOrderId] = set()
        self._is_closed = False
        self._sink: ReportSink
        self._last_check: LastCheck
        self._doubt: Doubt
        self._now_ns: Callable[[], int]

    @property
    def _class(self) -> IdempotencyClass:
        return self.capability.idempotency

    def open(self, sink: ReportSink, last_check: LastCheck, doubt: Doubt, now_ns: Callable[[], int]) -> None:
        """Start delivering reports to ``sink``."""
        self._sink, self._last_check, self._doubt, self._now_ns = sink, last_check, doubt, now_ns

    def know(self, orders: Sequence[Order]) -> None:
        """Be shown orders of an earlier run."""
        for order in orders:
            key = order.terms.client_order_id
            self._terms[key] = order.terms
            self._sent_ns[key] = order.released_ns
            if order.broker_order_id:
                self._learn_id(key, order.broker_order_id)

    # --- orders out ---------------------------------------------------------------------------------------------------

    def submit(self, effect: SubmitOrder) -> None:
        """Send an order; the outcome comes as a report."""
        key = effect.terms.client_order_id
        self._break()
        self._terms[key] = effect.terms
        self._sent_ns[key] = self._now_ns()
        self._start(self._send(effect))
        self._break()  # with the order on its way

    async def _send(self, effect: SubmitOrder) -> None:
        key = effect.terms.client_order_id
        self._sending[key] = None
        try:
            report = await self._outcome(effect, key)
        finally:
            self._sending.pop(key, None)
        if isinstance(report, OrderRejected) and self._class is IdempotencyClass.NOTHING:
            self._terms.pop(key, None)  # what looks like it there is not it
        self._report(report)

    async def _outcome(self, effect: SubmitOrder, key: ClientOrderId) -> BrokerReport:
        for _ in range(SENDS):
            reason = "the engine has stopped" if self._is_closed else self._last_check(effect)
            if reason is not None:
                self._terms.pop(key, None)
                return OrderNotSent(key, reason)
            reach(CrashPoint.SENDING)
            try:
                answer = await self.wire.submit(effect)
            except Throttled:
                await asyncio.sleep(WAIT_S)
                continue
            except AccessDenied as error:
                return OrderRejected(key, f"unauthorized: {error}")
            except Unanswered as error:
                return OrderUnknown(key, str(error))
            finally:
                reach(CrashPoint.ANSWERED)
            return self._read(key, answer)
        self._terms.pop(key, None)
        return OrderNotSent(key, f"not taken {SENDS} times")

    def _read(self, key: ClientOrderId, answer: Any) -> BrokerReport:
        order_id = getattr(answer, "order", None)
        if order_id is not None:
            self._learn(key, order_id)
            return OrderAccepted(key, order_id)
        if answer.is_duplicate:  # it is there already: to be asked for
            return OrderUnknown(key, answer.reason)
        return OrderRejected(key, answer.reason)

    # --- cancels out --------------------------------------------------------------------------------------------------

    def cancel(self, effect: CancelOrder) -> None:
        """Ask for a cancel; its yes comes by the stream."""
        self._break()
        if effect.client_order_id not in self._canceling:
            self._start(self._cancel(effect.client_order_id))
        self._break()

    async def _cancel(self, key: ClientOrderId) -> None:
        self._canceling.add(key)
        try:
            await self._try_to_cancel(key)
        finally:
            self._canceling.discard(key)

    async def _try_to_cancel(self, key: ClientOrderId) -> None:
        for attempt in range(CANCELS):
            if attempt:
                await asyncio.sleep(WAIT_S * attempt)
            terms = self._terms.get(key)
            if terms is None and key not in self._ids:
                return  # it never left, and was reported so
            with suppress(Unanswered, Throttled, Unavailable, AccessDenied):
                if terms is not None and key not in self._ids:
                    await self._find(terms)
                if key not in self._ids:
                    continue
                if self._last_check(CancelOrder(key, self._now_ns())) is not None:
                    continue
                reach(CrashPoint.CANCEL_SENDING)
                refusal = await self.wire.cancel(self._ids[key])
                reach(CrashPoint.CANCEL_ANSWERED)
                if refusal is not None:
                    self._report(CancelRefused(key, refusal.reason))
                    break
                return
        self._doubt(key, None)

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
        key = self._ours.get(frame.order)
        if key is None and self._class is not IdempotencyClass.NOTHING and frame.client_id in self._terms:
            key = ClientOrderId(frame.client_id)
        if key is None:  # somebody else's; or ours, and not known by its id yet
            self._early.setdefault(frame.order, []).append(frame)
            self._doubt(foreign_order_id(frame.order), None)
            return
        self._learn(key, frame.order)
        body = _report_of(key, frame)
        if body is not None:
            self._sink(Report(frame.time_ns, body))
        self._doubt(key, None if frame.kind is FrameKind.BUST else Quantity(frame.filled))

    def _learn(self, key: ClientOrderId, order_id: str) -> None:
        """The broker has this order: said once, by whatever is the first to show it."""
        if self._ids.get(key) == order_id:
            return
        self._learn_id(key, order_id)
        self._report(OrderAccepted(key, order_id))
        for frame in self._early.pop(order_id, ()):
            self._on_frame(frame)

    def _learn_id(self, key: ClientOrderId, order_id: str) -> None:
        self._ids[key], self._ours[order_id] = order_id, key

    def _report(self, body: BrokerReport) -> None:
        self._sink(Report(self._now_ns(), body))

    # --- questions ----------------------------------------------------------------------------------------------------

    def _break(self) -> None:
        fault = self._slip()
        if fault is not None:
            raise fault

    async def _answer(self, what: str, question: Awaitable[T]) -> T:
        """The answer to a question, unless reading it breaks."""
        answer = await question
        try:
            self._break()
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
        return await self._answer("order", self._find(terms))

    async def _find(self, terms: OrderTerms) -> BrokerOrder | None:
        key = terms.client_order_id
        is_unique = self._class is IdempotencyClass.UNIQUE_ID and not is_foreign(key)
        ask = (lambda: self._exchange.shown_of(key)) if is_unique else self._exchange.shown
        for order in await self.wire.ask(ask):
            if self._is_of(order, terms):
                if not is_foreign(key):
                    self._learn(key, order.id)
                return _shown(order, key)
        self.wire.absent(key)
        return None

    def _is_of(self, order: TheirOrder, terms: OrderTerms) -> bool:
        key = terms.client_order_id
        known = self._ids.get(key)
        if known is not None:
            return order.id == known
        if self._class is not IdempotencyClass.NOTHING:
            return order.client_id == key
        looks = (order.symbol, order.side, order.ordered, order.kind, order.limit, order.stop)
        if looks != _looks(terms) or order.id in self._ours:
            return False
        is_under_way = any(_looks(self._terms[other]) == looks for other in self._sending if other in self._terms)
        return not is_under_way and order.submitted_ns >= self._sent_ns.get(key, 0) - SECOND_NS

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """Every order that works."""
        shown = await self._answer("open orders", self.wire.ask(self._exchange.shown))
        return [self._named(order) for order in shown if order.is_working]

    async def latest_orders(self) -> Sequence[BrokerOrder]:
        """The latest, newest first."""
        shown = await self._answer("latest orders", self.wire.ask(self._exchange.shown))
        return [self._named(order) for order in reversed(shown)]

    def _named(self, order: TheirOrder) -> BrokerOrder:
        shown = "" if self._class is IdempotencyClass.NOTHING else order.client_id
        return _shown(order, self._ours.get(order.id) or ClientOrderId(shown))

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
            self._ours.get(fill.order, ClientOrderId("")),
            fill.order,
            fill.id,
            fill.symbol,
            fill.side,
            Quantity(fill.quantity),
            Price(fill.price),
            fill.time_ns,
        )

    # --- the shell ----------------------------------------------------------------------------------------------------

    async def drain(self) -> None:
        """Wait until every order and cancel under way has its answer."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    def close(self) -> None:
        """Stop."""
        self._is_closed = True

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))


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


def _report_of(key: ClientOrderId, frame: Frame) -> BrokerReport | None:
    """What an event says of an order; None when it only says that something has to be asked."""
    fill = frame.fill
    if frame.kind is FrameKind.FILL and fill is not None:
        quantity, price = Quantity(fill.quantity), Price(fill.price)
        return OrderFilled(key, fill.id, fill.symbol, fill.side, quantity, price, broker_order_id=frame.order)
    if frame.kind is FrameKind.REPLACED:
        return OrderReplaced(key, Quantity(frame.total))
    return OrderCanceled(key, frame.reason) if frame.kind is FrameKind.ENDED else None
