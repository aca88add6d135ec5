"""The book of our own orders: every live one, the latest finished ones, and what they add up to.

State here changes only in :meth:`OrderBook.apply`, by a record. :func:`judge` tells beforehand what the table says about a
report, so that the engine knows which record to make of it.
"""

from collections import OrderedDict
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from msgspec.structs import replace

from holdfast.core.messages import (
    AnyBody,
    CancelRefused,
    CancelReleased,
    Envelope,
    FillBusted,
    OrderAccepted,
    OrderAdopted,
    OrderCanceled,
    OrderExpired,
    OrderFailed,
    OrderFilled,
    OrderNotSent,
    OrderPrepared,
    OrderRejected,
    OrderReleased,
    OrderReplaced,
    OrderTerms,
    OrderUnknown,
)
from holdfast.core.orders.life import LIFE, Cell, Kind, OrderEvent, go, ignore, odd
from holdfast.core.orders.order import TERMINAL, Order, OrderState
from holdfast.core.portfolio.portfolio import bust_id
from holdfast.core.types import ZERO, ClientOrderId, Money, OrderRole, Quantity, Side, StrategyId
from holdfast.errors import Fatal

_LATE: Final = Kind.LATE
_MOVE: Final = Kind.MOVE
_FILLED: Final = OrderEvent.FILLED
_PARTLY_FILLED: Final = OrderEvent.PARTLY_FILLED
_REGULAR: Final = OrderRole.REGULAR
_PARTIALLY_FILLED: Final = OrderState.PARTIALLY_FILLED
_PREPARED: Final = OrderState.PREPARED
_SUBMITTED: Final = OrderState.SUBMITTED

FINISHED_KEPT = 10_000
"""How many finished orders stay in memory to judge late reports by; older ones are in the journal. At some 1 kB each this
bounds the book at 10 MB however long the engine runs."""

_BUY, _SELL = Side.BUY, Side.SELL
_EVENT_OF: dict[type, OrderEvent] = {
    OrderReleased: OrderEvent.RELEASED,
    OrderAccepted: OrderEvent.ACCEPTED,
    OrderRejected: OrderEvent.REJECTED,
    OrderUnknown: OrderEvent.UNKNOWN,
    FillBusted: OrderEvent.BUSTED,
    OrderReplaced: OrderEvent.REPLACED,
    CancelReleased: OrderEvent.CANCEL_RELEASED,
    CancelRefused: OrderEvent.CANCEL_REFUSED,
    OrderCanceled: OrderEvent.CANCELED,
    OrderExpired: OrderEvent.EXPIRED,
    OrderFailed: OrderEvent.FAILED,
    OrderNotSent: OrderEvent.NOT_SENT,
}


def event_of(order: Order, body: AnyBody) -> OrderEvent:
    """The table's event that a message is, for this order."""
    if type(body) is OrderFilled:
        complete = order.filled_quantity + body.quantity >= order.quantity
        return _FILLED if complete else _PARTLY_FILLED
    return _EVENT_OF[type(body)]


def judge(order: Order, body: AnyBody) -> Cell:
    """What the table says to do with a report; a repeated execution is ignored, an impossible one is odd."""
    if type(body) is OrderFilled:
        if body.execution_id in order.execution_ids:
            return ignore("this execution is already booked")
        if body.quantity <= 0 or body.price <= 0:
            return odd(f"an execution of {body.quantity} at {body.price} can't be")
        if body.symbol != order.terms.symbol or body.side is not order.terms.side:
            return odd(
                f"an execution in {body.symbol} {body.side} for an order in {order.terms.symbol} {order.terms.side}"
            )
    if type(body) is FillBusted:
        if bust_id(body) in order.execution_ids:
            return ignore("this bust is already booked")
        if body.execution_id not in order.execution_ids:
            return odd("the execution it undoes is not booked")
    if type(body) is OrderReplaced and body.quantity <= order.filled_quantity:
        return odd(
            f"a total of {body.quantity} leaves nothing open of an order that has filled {order.filled_quantity}"
        )
    cell = LIFE[order.state][event_of(order, body)]
    if type(body) is OrderAccepted and cell.to is None and _has_another_id(order, body):
        return Cell(_LATE, order.state, "the broker has it under another id than before")
    return _by_quantity(order, body, cell) if type(body) is OrderFilled else cell


def _by_quantity(order: Order, body: OrderFilled, cell: Cell) -> Cell:
    """The cell of an execution: one beyond the quantity is late evidence; one within it, of an order that had filled, takes the place of one that was undone."""
    if order.filled_quantity + body.quantity > order.quantity:
        return Cell(_LATE, cell.to, "overfill") if cell.kind is _MOVE else cell
    return go(OrderState.FILLED) if order.state is OrderState.FILLED else cell


def _has_another_id(order: Order, body: OrderAccepted) -> bool:
    """Whether the broker shows an order of ours under another id than it gave: it has lost the first, and a late copy came in."""
    return bool(order.broker_order_id) and order.broker_order_id != body.broker_order_id


class OrderBook:
    """Orders by client order id. ``live`` holds those that may still trade, ``regular_count`` is how many of them are regular (no protection).

    ``by_notional`` holds the live ones for an amount of money, ``canceling`` those whose cancel was asked for. ``open_net``
    (strategy and symbol, signed), ``open_sides`` (strategy, symbol and side, positive), ``open_buys`` and ``open_sells`` (symbol,
    positive) sum what may still fill of the entries. ``moved`` are the symbols whose orders have changed
    since the account's sums were last worked out (`Exposure`).
    """

    def __init__(self) -> None:
        self.live: dict[ClientOrderId, Order] = {}
        self.finished: OrderedDict[ClientOrderId, Order] = OrderedDict()
        self.regular_count = 0
        self.by_notional: dict[ClientOrderId, Order] = {}
        self.canceling: dict[ClientOrderId, Order] = {}
        self.open_net: dict[tuple[StrategyId, str], Decimal] = {}
        self.open_sides: dict[tuple[StrategyId, str, Side], Decimal] = {}
        self.open_buys: dict[str, Decimal] = {}
        self.open_sells: dict[str, Decimal] = {}
        self.moved: set[str] = set()

    def find(self, client_order_id: ClientOrderId) -> Order | None:
        """The order, live or lately finished; None when the book doesn't have it."""
        return self.live.get(client_order_id) or self.finished.get(client_order_id)

    def is_undecided(self, key: tuple[StrategyId, str]) -> bool:
        """Whether a strategy has orders on both sides of a symbol, or one whose cancel was asked for."""
        sides, canceling = self.open_sides, self.canceling
        if sides and (*key, _BUY) in sides and (*key, _SELL) in sides:
            return True
        if not canceling:
            return False
        return any((order.terms.strategy, order.terms.symbol) == key for order in canceling.values())

    def apply(self, envelope: Envelope) -> Order:
        """Change the book by a record about an order. Raises :class:`~holdfast.errors.Fatal` when the table forbids it."""
        body = envelope.body
        if type(body) is OrderPrepared:
            return self._add(envelope, body.terms, _PREPARED)
        if type(body) is OrderAdopted:
            return self._adopt(envelope, body)
        key: ClientOrderId = body.client_order_id  # type: ignore[union-attr, assignment]
        order = self.live.get(key) or self.finished.get(key)
        if order is None:
            raise Fatal(f"record {envelope.sequence} is about order {key}, which is not in the book")
        kind = type(body)
        to = LIFE[order.state][_EVENT_OF.get(kind) or event_of(order, body)].to
        if to is None and type(body) is OrderAccepted and _has_another_id(order, body):
            to = order.state
        if to is None:
            raise Fatal(f"record {envelope.sequence}: {envelope.type} can't happen to an order that is {order.state}")
        resizes = kind not in _SIZE_STAYS or to in TERMINAL or order.state in TERMINAL
        before = order.outstanding if resizes else ZERO
        _CHANGES[kind](order, body, envelope.time_ns)
        order.updated_ns = envelope.time_ns
        order.last_record_id = envelope.id
        if kind is CancelReleased:
            self.canceling[key] = order
        elif not order.cancel_released_ns:
            self.canceling.pop(key, None)
        if to is not order.state:
            self._move(order, to)
        if resizes:
            self.moved.add(order.terms.symbol)
            after = order.outstanding
            if after != before:
                self._count(order, after - before)
        return order

    def _adopt(self, envelope: Envelope, body: OrderAdopted) -> Order:
        if self.find(body.terms.client_order_id) is not None:
            raise Fatal(f"record {envelope.sequence} adopts order {body.terms.client_order_id} a second time")
        order = self._add(envelope, body.terms, _SUBMITTED)
        order.released_ns = envelope.time_ns
        order.broker_order_id = body.broker_order_id
        if body.executions:
            before = order.outstanding
            order.filled_quantity, order.filled_notional = body.filled_quantity, body.filled_notional
            order.execution_ids = body.executions
            self._move(order, _PARTIALLY_FILLED)
            self._count(order, order.outstanding - before)
        return order

    def _add(self, envelope: Envelope, terms: OrderTerms, state: OrderState) -> Order:
        order = Order(
            terms=terms,
            state=state,
            quantity=terms.quantity,
            created_ns=envelope.time_ns,
            updated_ns=envelope.time_ns,
            correlation_id=envelope.correlation_id,
            last_record_id=envelope.id,
        )
        self.live[terms.client_order_id] = order
        self.moved.add(terms.symbol)
        self.regular_count += terms.role is _REGULAR
        if terms.notional is not None:
            self.by_notional[terms.client_order_id] = order
        self._count(order, order.outstanding)
        return order

    def restore(self, order: Order) -> None:
        """Take in an order as a snapshot has it, in the order in which they were in the book."""
        if order.state in TERMINAL:
            self.finished[order.terms.client_order_id] = order
            return
        self.live[order.terms.client_order_id] = order
        self.moved.add(order.terms.symbol)
        self.regular_count += order.terms.role is _REGULAR
        if order.terms.notional is not None:
            self.by_notional[order.terms.client_order_id] = order
        if order.cancel_released_ns:
            self.canceling[order.terms.client_order_id] = order
        self._count(order, order.outstanding)

    def _move(self, order: Order, to: OrderState) -> None:
        was_live = order.state not in TERMINAL
        order.state = to
        key = order.terms.client_order_id
        if to in TERMINAL:
            if was_live:
                self.regular_count -= order.terms.role is _REGULAR
                self.finished[key] = order  # first: another thread may look for it (`find`)
                del self.live[key]
                self.by_notional.pop(key, None)
                self.canceling.pop(key, None)
                if len(self.finished) > FINISHED_KEPT:
                    self.finished.popitem(last=False)
        elif not was_live:
            self.regular_count += order.terms.role is _REGULAR
            self.live[key] = order
            del self.finished[key]
            if order.cancel_released_ns:
                self.canceling[key] = order

    def _count(self, order: Order, change: Decimal) -> None:
        """Keep the sums that exposure goes by, when what may still fill of an order has changed.

        Protective orders only ever close what is there, so they are no exposure.
        """
        terms = order.terms
        if terms.role is _REGULAR:
            buys = terms.side is _BUY
            _add_to(self.open_net, (terms.strategy, terms.symbol), change if buys else -change)
            _add_to(self.open_sides, (terms.strategy, terms.symbol, terms.side), change)
            _add_to(self.open_buys if buys else self.open_sells, terms.symbol, change)


def _add_to(sums: dict[Any, Decimal], key: object, amount: Decimal) -> None:
    total = sums.get(key, ZERO) + amount
    if total:
        sums[key] = total
    else:
        sums.pop(key, None)


def _released(order: Order, body: OrderReleased, time_ns: int) -> None:
    order.released_ns = order.released_ns or time_ns  # a resend keeps the time of the first
    order.attempts = body.attempt


def _accepted(order: Order, body: OrderAccepted, _time_ns: int) -> None:
    order.broker_order_id = body.broker_order_id


def _filled(order: Order, body: OrderFilled, _time_ns: int) -> None:
    order.filled_quantity = Quantity(order.filled_quantity + body.quantity)
    order.filled_notional = Money(order.filled_notional + body.quantity * body.price)
    order.fees = Money(order.fees + body.fee)
    order.execution_ids += (body.execution_id,)
    order.broker_order_id = order.broker_order_id or body.broker_order_id


def _busted(order: Order, body: FillBusted, _time_ns: int) -> None:
    order.filled_quantity = Quantity(order.filled_quantity - body.quantity)
    order.filled_notional = Money(order.filled_notional - body.quantity * body.price)
    order.fees = Money(order.fees - body.fee)
    order.execution_ids += (bust_id(body),)


def _replaced(order: Order, body: OrderReplaced, _time_ns: int) -> None:
    order.quantity = body.quantity


def _cancel_released(order: Order, _body: CancelReleased, time_ns: int) -> None:
    order.cancel_released_ns = time_ns
    order.terms = replace(order.terms, then=None)  # who cancels it wants what was to follow least of all


def _cancel_refused(order: Order, _body: CancelRefused, _time_ns: int) -> None:
    order.cancel_released_ns = 0


def _ended(order: Order, body: OrderRejected, _time_ns: int) -> None:
    order.reason = body.reason


_CHANGES: dict[type, Callable[[Order, Any, int], None]] = {
    OrderReleased: _released,
    OrderAccepted: _accepted,
    OrderFilled: _filled,
    FillBusted: _busted,
    OrderReplaced: _replaced,
    CancelReleased: _cancel_released,
    CancelRefused: _cancel_refused,
    **dict.fromkeys((OrderRejected, OrderUnknown, OrderCanceled, OrderExpired, OrderFailed, OrderNotSent), _ended),
}
"""Everything about an order that a record changes, apart from its state."""
_SIZE_STAYS = frozenset({OrderReleased, OrderAccepted, OrderUnknown, CancelRefused})
"""The records of which no more and no less may fill than before, while the order is live."""
