"""The records of one chain as spans, one record after another. Pure: the same records give the same spans, whenever they are read.

The chain is what the journal ties together by its correlation id: market event, signal, risk's decision, order, its release, the
broker's answer, fills, and the protection that the fills led to. Each span hangs below that of the record it was caused by.
"""

from collections.abc import Callable
from typing import Any, Final

from holdfast.core.adjustments import CorporateAction
from holdfast.core.findings import OrderLost, OrderOverdue
from holdfast.core.messages import (
    Bar,
    CancelRefused,
    CancelReleased,
    Command,
    Envelope,
    FillBusted,
    OrderAccepted,
    OrderAdopted,
    OrderAnomaly,
    OrderCanceled,
    OrderExpired,
    OrderFailed,
    OrderFilled,
    OrderNotSent,
    OrderPrepared,
    OrderRejected,
    OrderReleased,
    OrderReplaced,
    OrderUnknown,
    Quote,
    RiskApproved,
    RiskRefused,
    Signal,
    Trade,
)
from holdfast.core.orders.book import OrderBook
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.protection.records import (
    ExitBlocked,
    PositionClosing,
    PositionLeft,
    ProtectionComplete,
    ProtectionFailed,
    ProtectionLate,
)
from holdfast.core.types import ClientOrderId
from holdfast.tracing.span import Span, Value, plain_text, span_id, trace_id

MOST_KEPT = 5_000
"""How many records of a chain are remembered by their spans; a child of an older one hangs below the root."""

MARKET, COMMAND, EXTERNAL, STRATEGY, ENGINE = "market", "command", "external", "strategy", "engine"
"""What a chain may begin with: see :func:`origin_of`."""

COMMANDS: Final = Command.__args__
"""What people and programs ask for."""
_MARKET: Final = (Bar, Quote, Trade, CorporateAction)
_BAD_ENDS: Final = frozenset({OrderState.REJECTED, OrderState.NOT_SENT, OrderState.FAILED})

Attributes = dict[str, Value]


def origin_of(first: Envelope) -> tuple[str, str]:
    """What a chain began with, by its first record, and why no market event is behind it; empty where one is."""
    body = first.body
    if isinstance(body, _MARKET):
        return MARKET, ""
    if isinstance(body, COMMANDS):
        return COMMAND, f"a person or a program asked for it ({first.type})"
    if isinstance(body, OrderAdopted):
        return EXTERNAL, "the order was placed elsewhere, and found at the broker"
    if isinstance(body, Signal):
        return STRATEGY, "the strategy asked for it by the time, at no market event"
    return ENGINE, f"the engine began it by itself ({first.source}: {first.type})"


class Chain:
    """The spans of the records of one correlation id."""

    def __init__(self, first: Envelope) -> None:
        """``first`` is the chain's first record; it is taken as the others are."""
        self.trace_id = trace_id(first.account, first.correlation_id)
        self._first = first
        self._origin, self._why = origin_of(first)
        self._root = self._id(first.id)
        self._spans: dict[str, bytes] = {first.id: self._root}
        self._orders: dict[ClientOrderId, _OrderSpan] = {}
        self._book = OrderBook()
        self._has_root = type(first.body) in _TAKES

    def take(self, record: Envelope) -> list[Span]:
        """The spans that are complete with this record."""
        take = _TAKES.get(type(record.body))
        spans = take(self, record, record.body) if take is not None else []
        if record.id not in self._spans:
            self._remember(record.id, self._parent(record))
        if spans and not self._has_root:
            self._has_root = True
            spans.insert(0, self._root_span())
        return spans

    def _id(self, record_id: str, part: str = "") -> bytes:
        return span_id(self.trace_id, record_id, part)

    def _remember(self, record_id: str, span: bytes) -> None:
        self._spans[record_id] = span
        if len(self._spans) > MOST_KEPT:
            del self._spans[next(iter(self._spans))]

    def _parent(self, record: Envelope) -> bytes:
        """The span of what a record was caused by."""
        return self._spans.get(record.causation_id, self._root) if record.id != self._first.id else b""

    def _root_span(self) -> Span:
        """The root of a chain that began with a record of which no span is made."""
        first = self._first
        attributes = self._attributes(first)
        return Span(self.trace_id, self._root, b"", "engine", first.time_ns, first.time_ns, attributes)

    def _attributes(self, record: Envelope) -> Attributes:
        found: Attributes = {
            "holdfast.account": record.account,
            "holdfast.broker": record.broker,
            "holdfast.record": record.sequence,
            "holdfast.record.type": record.type,
            "holdfast.epoch": record.epoch,
            "holdfast.origin": self._origin,
        }
        if self._why:
            found["holdfast.no_market_event"] = self._why
        return found

    def _span(self, record: Envelope, name: str, start_ns: int, more: Attributes, error: str = "") -> Span:
        """The span of a record itself, from ``start_ns`` to the record's time, below its cause."""
        own = self._id(record.id)
        parent = self._parent(record)
        self._remember(record.id, own)
        attributes = self._attributes(record) | more
        start_ns = min(start_ns, record.time_ns)
        return Span(self.trace_id, own, parent, name, start_ns, record.time_ns, attributes, plain_text(error))

    # --- what leads to an order ---

    def _market(self, record: Envelope, body: Bar | Quote | Trade | CorporateAction) -> list[Span]:
        """From when it was known until the engine took it in."""
        more: Attributes = {"holdfast.symbol": body.symbol, "holdfast.market": record.type.lower()}
        return [self._span(record, "market event", body.time_ns, more)]

    def _command(self, record: Envelope, _body: object) -> list[Span]:
        more: Attributes = {
            "holdfast.command": record.type,
            "holdfast.source": record.source.partition(":")[0],  # whose it was is nobody's business there
        }
        return [self._span(record, "command", record.time_ns, more)]

    def _signal(self, record: Envelope, body: Signal) -> list[Span]:
        more = _what(body.strategy, body.symbol) | {"holdfast.action": body.action.value}
        if body.side is not None:
            more["holdfast.side"] = body.side.value
        return [self._span(record, "signal", record.time_ns, more)]

    def _approved(self, record: Envelope, body: RiskApproved) -> list[Span]:
        terms = body.terms
        more = _what(terms.strategy, terms.symbol) | {
            "holdfast.order.id": terms.client_order_id,
            "holdfast.side": terms.side.value,
            "holdfast.quantity": float(terms.quantity),
            "holdfast.risk.decision": "approved",
            "holdfast.risk.raises": body.raises_risk,
        }
        return [self._span(record, "risk decision", record.time_ns, more)]

    def _refused(self, record: Envelope, body: RiskRefused) -> list[Span]:
        more = _what(body.strategy, body.symbol) | {
            "holdfast.risk.decision": "refused",
            "holdfast.risk.rule": body.rule,
            "holdfast.risk.limit": body.limit,
        }
        if body.side is not None:
            more["holdfast.side"] = body.side.value
        return [self._span(record, "risk decision", record.time_ns, more, body.text)]

    def _closing(self, record: Envelope, body: PositionClosing) -> list[Span]:
        more = _what(body.strategy, body.symbol) | {"holdfast.reason": plain_text(body.reason)}
        return [self._span(record, "close position", record.time_ns, more)]

    # --- orders ---

    def _prepared(self, record: Envelope, body: OrderPrepared | OrderAdopted) -> list[Span]:
        """The order's own span begins. It is complete when the order ends."""
        order = self._book.apply(record)
        own = self._id(record.id)
        self._orders[body.terms.client_order_id] = _OrderSpan(record, own, self._parent(record), record.time_ns)
        self._remember(record.id, own)
        if isinstance(body, OrderPrepared):
            return []
        more = _of_order(order) | {"holdfast.broker_order_id": body.broker_order_id}
        return [self._step(record, order, "external order", record.time_ns, more)]

    def _released(self, record: Envelope, body: OrderReleased) -> list[Span]:
        return self._moved(record, "order released", {"holdfast.order.attempt": body.attempt})

    def _accepted(self, record: Envelope, body: OrderAccepted) -> list[Span]:
        return self._moved(record, "order acknowledged", {"holdfast.broker_order_id": body.broker_order_id})

    def _unknown(self, record: Envelope, body: OrderUnknown) -> list[Span]:
        return self._moved(record, "order unknown", {}, body.reason)

    def _filled(self, record: Envelope, body: OrderFilled) -> list[Span]:
        more: Attributes = {
            "holdfast.fill.id": body.execution_id,
            "holdfast.fill.quantity": float(body.quantity),
            "holdfast.fill.price": float(body.price),
        }
        return self._moved(record, "fill", more, end_ns=body.executed_ns or record.time_ns)

    def _busted(self, record: Envelope, body: FillBusted) -> list[Span]:
        more: Attributes = {
            "holdfast.fill.id": body.execution_id,
            "holdfast.fill.quantity": float(body.quantity),
            "holdfast.fill.price": float(body.price),
        }
        return self._moved(record, "fill undone", more, body.reason or "the exchange undid it")

    def _replaced(self, record: Envelope, _body: OrderReplaced) -> list[Span]:
        return self._moved(record, "order resized", {})

    def _cancel_released(self, record: Envelope, body: CancelReleased) -> list[Span]:
        return self._moved(record, "cancel released", {"holdfast.reason": plain_text(body.reason)})

    def _cancel_refused(self, record: Envelope, body: CancelRefused) -> list[Span]:
        return self._moved(record, "cancel refused", {}, body.reason or "refused")

    def _rejected(self, record: Envelope, body: OrderRejected | OrderFailed | OrderNotSent) -> list[Span]:
        return self._moved(record, _ENDS[type(body)], {}, body.reason or type(body).__name__)

    def _canceled(self, record: Envelope, body: OrderCanceled | OrderExpired) -> list[Span]:
        return self._moved(record, _ENDS[type(body)], {"holdfast.reason": plain_text(body.reason)})

    def _odd(self, record: Envelope, body: OrderAnomaly | OrderLost | OrderOverdue) -> list[Span]:
        order = self._book.find(body.client_order_id)
        if order is None:
            return []
        return [
            self._step(record, order, "order anomaly", record.time_ns, {}, getattr(body, "reason", "") or record.type)
        ]

    def _moved(
        self, record: Envelope, name: str, more: Attributes, error: str = "", end_ns: int | None = None
    ) -> list[Span]:
        """A step of an order's life, from the step before; and the order's own span, where this was its last."""
        known = self._book.find(record.body.client_order_id)  # type: ignore[union-attr, arg-type]
        if known is None:
            return []
        order = self._book.apply(record)
        span = self._orders[order.terms.client_order_id]
        spans = [self._step(record, order, name, span.moved_ns, more, error, end_ns)]
        span.moved_ns = record.time_ns
        if order.state.is_terminal and not span.is_over:
            span.is_over = True
            spans.append(self._whole(record, order, span))
        return spans

    def _step(
        self,
        record: Envelope,
        order: Order,
        name: str,
        start_ns: int,
        more: Attributes,
        error: str = "",
        end_ns: int | None = None,
    ) -> Span:
        own = self._id(record.id, name)
        self._remember(record.id, own)
        end_ns = record.time_ns if end_ns is None else end_ns
        attributes = self._attributes(record) | _of_order(order) | more
        parent = self._orders[order.terms.client_order_id].span_id
        return Span(self.trace_id, own, parent, name, min(start_ns, end_ns), end_ns, attributes, plain_text(error))

    def _whole(self, record: Envelope, order: Order, span: "_OrderSpan") -> Span:
        """The order from its preparation to its end."""
        more: Attributes = {
            "holdfast.order.state": order.state.value,
            "holdfast.order.filled": float(order.filled_quantity),
        }
        attributes = self._attributes(span.record) | _of_order(order) | more
        error = f"{order.state.value}: {order.reason}" if order.state in _BAD_ENDS else ""
        return Span(
            self.trace_id,
            span.span_id,
            span.parent_id,
            "order",
            span.record.time_ns,
            record.time_ns,
            attributes,
            plain_text(error),
        )

    # --- protection ---

    def _protected(self, record: Envelope, body: ProtectionComplete) -> list[Span]:
        more = _what(body.strategy, body.symbol) | {"holdfast.quantity": float(body.quantity)}
        return [self._span(record, "protection", record.time_ns - body.unprotected_ns, more)]

    def _late(self, record: Envelope, body: ProtectionLate) -> list[Span]:
        more = _what(body.strategy, body.symbol) | {
            "holdfast.quantity": float(body.quantity),
            "holdfast.protected": float(body.protected),
        }
        start_ns = record.time_ns - body.unprotected_ns
        return [self._span(record, "protection late", start_ns, more, "not protected in time")]

    def _unprotected(self, record: Envelope, body: ProtectionFailed | ExitBlocked | PositionLeft) -> list[Span]:
        name = {ProtectionFailed: "protection failed", ExitBlocked: "exit blocked"}.get(type(body), "position left")
        return [self._span(record, name, record.time_ns, _what(body.strategy, body.symbol), body.reason)]


class _OrderSpan:
    """An order's own span while the order lives: ``moved_ns`` is when something last happened to it."""

    __slots__ = ("is_over", "moved_ns", "parent_id", "record", "span_id")

    def __init__(self, record: Envelope, own: bytes, parent: bytes, moved_ns: int) -> None:
        self.record, self.span_id, self.parent_id, self.moved_ns = record, own, parent, moved_ns
        self.is_over = False


def _what(strategy: str, symbol: str) -> Attributes:
    return {"holdfast.strategy": strategy, "holdfast.symbol": symbol}


def _of_order(order: Order) -> Attributes:
    """What all spans of an order say of it. Quantities are floats here: they are looked at, never booked."""
    terms = order.terms
    found = _what(terms.strategy, terms.symbol) | {
        "holdfast.order.id": terms.client_order_id,
        "holdfast.side": terms.side.value,
        "holdfast.quantity": float(order.quantity),
        "holdfast.order.type": terms.order_type.value,
        "holdfast.order.role": terms.role.value,
    }
    if terms.parent is not None:
        found["holdfast.order.parent"] = terms.parent
    return found


_ENDS: dict[type, str] = {
    OrderRejected: "order rejected",
    OrderFailed: "order failed",
    OrderNotSent: "order not sent",
    OrderCanceled: "order canceled",
    OrderExpired: "order expired",
}

_TAKES: dict[type, Callable[[Chain, Envelope, Any], list[Span]]] = {
    **dict.fromkeys(_MARKET, Chain._market),
    **dict.fromkeys(COMMANDS, Chain._command),
    Signal: Chain._signal,
    RiskApproved: Chain._approved,
    RiskRefused: Chain._refused,
    PositionClosing: Chain._closing,
    OrderPrepared: Chain._prepared,
    OrderAdopted: Chain._prepared,
    OrderReleased: Chain._released,
    OrderAccepted: Chain._accepted,
    OrderUnknown: Chain._unknown,
    OrderFilled: Chain._filled,
    FillBusted: Chain._busted,
    OrderReplaced: Chain._replaced,
    CancelReleased: Chain._cancel_released,
    CancelRefused: Chain._cancel_refused,
    **dict.fromkeys((OrderRejected, OrderFailed, OrderNotSent), Chain._rejected),
    **dict.fromkeys((OrderCanceled, OrderExpired), Chain._canceled),
    **dict.fromkeys((OrderAnomaly, OrderLost, OrderOverdue), Chain._odd),
    ProtectionComplete: Chain._protected,
    ProtectionLate: Chain._late,
    **dict.fromkeys((ProtectionFailed, ExitBlocked, PositionLeft), Chain._unprotected),
}
"""What is made of each kind of record; of all others no span is made."""

MAKE_SPANS = tuple(_TAKES)
"""The types of records of which spans are made."""
