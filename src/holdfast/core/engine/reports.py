"""What the broker says: judged by the table of `orders/life.py`, booked, and shown to the strategy."""

from typing import Final

from holdfast.core import drafts
from holdfast.core.engine.clock import turn_at
from holdfast.core.engine.operations import cancel, heed, impair, prepare, record_value
from holdfast.core.engine.squared_off import attribute
from holdfast.core.findings import EXTERNAL_EVENT, LOST, OrderLost, OrderOverdue
from holdfast.core.messages import (
    BrokerReport,
    CancelRefused,
    Envelope,
    FillBusted,
    OrderAdopted,
    OrderAnomaly,
    OrderCanceled,
    OrderEventIgnored,
    OrderFilled,
    PositionChanged,
    Report,
    RiskApproved,
)
from holdfast.core.orders.book import event_of, judge
from holdfast.core.orders.life import Kind
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.session.account import AccountEvent
from holdfast.core.session.causes import Cause
from holdfast.core.state import EngineState, Policy
from holdfast.core.turn import Turn
from holdfast.core.types import OrderRole, StrategyId

_ORDERED: Final = AccountEvent.ORDERED
_SETTLED: Final = AccountEvent.SETTLED
_IGNORED: Final = Kind.IGNORED
_MOVE: Final = Kind.MOVE
_REGULAR: Final = OrderRole.REGULAR
_FILLED: Final = OrderState.FILLED
_UNKNOWN: Final = OrderState.UNKNOWN
_ADOPT: Final = Policy.ADOPT
_CANCEL: Final = Policy.CANCEL
_QUARANTINE: Final = Policy.QUARANTINE


def on_report(state: EngineState, report: Report) -> Turn:
    """Judge a broker's report by the table, record it, and book what it brings."""
    turn = turn_at(state, report.time_ns)
    source = f"{report.told}:{state.broker}"
    body = report.body
    if type(body) is OrderAdopted:
        return _adopt(state, turn, body, source)
    order = state.orders.find(body.client_order_id)
    if order is None:
        note = OrderAnomaly(body.client_order_id, "none", type(body).__name__, "no such order in the books")
        turn.record(note, source=source)
    elif type(body) is OrderLost:
        _lose(turn, order, body, source)
    elif type(body) is OrderOverdue:
        if order.state is _UNKNOWN and body.client_order_id not in state.overdue:
            turn.record(body, order.last_record_id, source, order.correlation_id)
    else:
        judge_report(state, turn, order, body, source)
    return turn


def judge_report(state: EngineState, turn: Turn, order: Order, body: BrokerReport, source: str) -> None:
    """Do with a report what the table says."""
    cell = judge(order, body)
    cause = order.last_record_id
    turn.correlation_id = order.correlation_id
    if cell.kind is not _MOVE:
        kind = OrderEventIgnored if cell.kind is _IGNORED else OrderAnomaly
        turn.record(
            kind(body.client_order_id, order.state.value, event_of(order, body).value, cell.reason), cause, source
        )
    if cell.to is None:
        return
    record = turn.record(body, cause, source)
    _after_report(state, turn, order, body, record)


def _another_comes(state: EngineState, order: Order, body: BrokerReport) -> bool:
    """Whether another report follows, and nothing is owed before: why a cancel was refused is asked for; a linked order ends by itself."""
    if order.terms.oco_group is not None and type(body) is OrderFilled:
        return _is_linked(state, order)
    return type(body) is CancelRefused


def _is_linked(state: EngineState, order: Order) -> bool:
    """Whether an order that this one cancels is live still."""
    terms = order.terms
    legs = state.legs(terms.strategy, terms.symbol)
    return any(leg is not order and leg.terms.oco_group == terms.oco_group for leg in legs)


def _adopt(state: EngineState, turn: Turn, body: OrderAdopted, source: str) -> Turn:
    """Take an order of somebody else into the books, and do what the account's policy says."""
    terms = body.terms
    if state.orders.find(terms.client_order_id) is not None:
        return turn
    adopted = turn.record(body, source=source)
    order = state.orders.live[terms.client_order_id]
    text = (
        f"{terms.side} {terms.quantity} {terms.symbol} ({body.broker_order_id}) at the broker is not an order of ours"
    )
    if state.external_orders is not _ADOPT:
        turn.record(
            OrderAnomaly(terms.client_order_id, "none", EXTERNAL_EVENT, text),
            adopted.id,
            source,
            adopted.correlation_id,
        )
    if state.external_orders is _QUARANTINE:
        impair(state, turn, Cause.EXTERNAL_ORDERS, text)
    if state.external_orders is _CANCEL or state.flattening:
        cancel(turn, order, "it is not ours" if not state.flattening else "flatten")
    turn.account(_ORDERED, terms.client_order_id)
    return turn


def _lose(turn: Turn, order: Order, body: OrderLost, source: str) -> None:
    """The broker no longer shows an order: do what the account's policy says.

    The shell quarantines until it is there again.
    """
    state = turn.state
    if not order.is_live:
        return
    lost = turn.record(body, order.last_record_id, source, order.correlation_id)
    if state.lost_orders is _ADOPT:
        judge_report(state, turn, order, OrderCanceled(body.client_order_id, body.reason), source)
        return
    note = OrderAnomaly(body.client_order_id, order.state.value, LOST, body.reason)
    turn.record(note, lost.id, source, order.correlation_id)
    if state.lost_orders is _CANCEL or order.terms.role is not _REGULAR:  # protection has to be had anew
        cancel(turn, order, "the broker no longer shows it")


def _after_report(state: EngineState, turn: Turn, order: Order, body: BrokerReport, record: Envelope) -> None:
    terms = order.terms
    if type(body) is FillBusted:
        _booked(state, turn, terms.strategy, body, record)
    elif type(body) is OrderFilled:
        _booked(state, turn, terms.strategy, body, record)
        if terms.strategy == EXTERNAL:
            attribute(state, turn, body, record)
        heed(state, turn)
    if terms.then and order.state is _FILLED and type(body) is OrderFilled and not state.flattening:
        decision = drafts.follow_up(state, order)
        answer = turn.record(decision, record.id, "risk", record.correlation_id)
        if isinstance(decision, RiskApproved):
            prepare(state, turn, decision, answer.id)
    if not _another_comes(state, order, body):
        turn.touch(terms.symbol, record.id)
    if state.orders.regular_count:
        turn.account(_ORDERED, "orders are open")
    else:
        turn.account(_SETTLED, "no entry is open")


def _booked(
    state: EngineState, turn: Turn, strategy: StrategyId, fill: OrderFilled | FillBusted, record: Envelope
) -> None:
    """Record what a fill made of the position and of the account's worth."""
    portfolio = state.portfolio
    ledger, line = portfolio.ledgers[strategy, fill.symbol], portfolio.lines[fill.symbol]
    changed = PositionChanged(
        strategy,
        fill.symbol,
        ledger.quantity,
        ledger.cost,
        ledger.realised,
        ledger.fees,
        line.quantity,
        line.cost,
    )
    turn.record(changed, record.id, "portfolio", record.correlation_id)
    record_value(state, turn, record.id, record.correlation_id)
