"""The acts that everything else is made of: a wish becomes an order, an order is released or canceled, the account is impaired or restored."""

from holdfast.core import wishes
from holdfast.core.messages import (
    CancelOrder,
    CancelOrders,
    CancelReleased,
    Envelope,
    MarketEvent,
    OrderPrepared,
    OrderReleased,
    PnlSnapshot,
    RiskApproved,
    RiskRefused,
    Signal,
    SubmitOrder,
)
from holdfast.core.milestones import Impaired, Restored, StrategyStopped
from holdfast.core.orders.order import Order
from holdfast.core.risk.check import loss_pct
from holdfast.core.session.account import AccountEvent
from holdfast.core.state import DRAWDOWN, EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import ClientOrderId, Money, OrderRole

DAILY_LOSS = "daily loss"
"""The impairment of an account that has lost what its day may lose."""


def attend(state: EngineState, turn: Turn, origin: MarketEvent | Envelope | None) -> None:
    """Act on what the strategies wished and on those that were stopped. ``origin`` is what they reacted to.

    A market event is recorded when the first order or refusal comes of it, so that every order can be traced to its tick.
    """
    host = state.host
    while host.stops:
        runner, reason, detail = host.stops.pop(0)
        turn.record(StrategyStopped(runner.id, reason, detail), source=f"strategy:{runner.id}")
        for order in wishes.live_entries(state, runner.id):
            cancel(turn, order, f"strategy {runner.id} was stopped")
    for runner, wish in host.take_wishes():
        if isinstance(wish, CancelOrders):
            for order in wishes.live_entries(state, runner.id, wish.client_order_id):
                cancel(turn, order, "asked by the strategy")
            continue
        if state.flattening or is_closing(
            state, wish
        ):  # they wait until no order is live: a new one would hold them up
            continue
        draft = wishes.draft(state, wish)
        if draft is None or (type(draft) is RiskRefused and wishes.is_repeated(state, draft)):
            continue
        if origin is not None and not isinstance(origin, Envelope):
            origin = turn.record(origin, source="feed")
            turn.correlation_id = origin.id
        if origin is None:
            turn.correlation_id = ""  # nothing but the time made it wish: a chain of its own
        on_signal(state, turn, wish, draft, f"strategy:{runner.id}", origin.id if origin else "")


def is_closing(state: EngineState, signal: Signal) -> bool:
    """Whether the engine is closing the position that a wish is about."""
    closing = state.closing.get((signal.strategy, signal.symbol))
    return closing is not None and not closing.is_left


def on_signal(
    state: EngineState, turn: Turn, signal: Signal, draft: RiskApproved | RiskRefused, source: str, cause: str
) -> ClientOrderId | None:
    """A wish and risk's answer to it. An approved one becomes an order, whose id is returned."""
    wish = turn.record(signal, cause, source)
    turn.correlation_id = wish.correlation_id
    turn.account(AccountEvent.WISHED, f"{signal.action} {signal.symbol}")
    answer = turn.record(draft, wish.id, "risk")
    if isinstance(draft, RiskRefused):
        turn.account(AccountEvent.REFUSED, draft.rule)
        return None
    if draft.left_out is not None:
        turn.record(draft.left_out, answer.id, "risk")
    terms = draft.terms
    position = state.portfolio.strategy_quantity(terms.strategy, terms.symbol)
    if position * terms.side.sign < 0:  # a way out: protection goes first, lest both close and one opens
        for leg in state.legs(terms.strategy, terms.symbol):
            cancel(turn, leg, "its position is being closed")
    prepare(state, turn, draft, answer.id)
    return terms.client_order_id


def prepare(state: EngineState, turn: Turn, approved: RiskApproved, cause: str) -> None:
    """Make an order of what risk approved, and release it: it leaves when both records are durable."""
    terms = approved.terms
    prepared = turn.record(OrderPrepared(terms), cause)
    turn.record(OrderReleased(terms.client_order_id), prepared.id)
    turn.effects.append(SubmitOrder(terms, state.now_ns, approved.raises_risk))
    if terms.role is OrderRole.ENTRY:
        turn.account(AccountEvent.ORDERED, terms.client_order_id)


def cancel(turn: Turn, order: Order, reason: str) -> None:
    """Ask for an order's cancel, once; the order stays live until the broker confirms."""
    if order.cancel_released_ns:
        return
    key = order.terms.client_order_id
    turn.record(CancelReleased(key, reason), order.last_record_id, correlation_id=order.correlation_id)
    turn.effects.append(CancelOrder(key, turn.state.now_ns))


def impair(state: EngineState, turn: Turn, cause: str, reason: str, *, is_connection: bool = False) -> None:
    """Put the account into PRESERVATION for a cause that is not known yet."""
    if cause not in state.impairments:
        turn.record(Impaired(cause, reason, is_connection))
        state.wake_ns = 0  # what PRESERVATION asks for may be due
    turn.account(AccountEvent.PRESERVED, f"{cause}: {reason}")


def restore(state: EngineState, turn: Turn, cause: str, reason: str) -> None:
    """Take a cause away; the account leaves PRESERVATION with the last one."""
    if cause not in state.impairments:
        return
    turn.record(Restored(cause, reason))
    if not state.impairments:
        turn.account(AccountEvent.RELIEVED, reason)
        if state.orders.live_entries:
            turn.account(AccountEvent.ORDERED, "orders are open")


def record_value(
    state: EngineState, turn: Turn, cause: str = "", correlation_id: str = "", *, with_strategies: bool = False
) -> None:
    """Record what the account is worth now, and ``with_strategies`` what each of them has made."""
    value = state.portfolio.value(state.price)
    snapshot = PnlSnapshot(
        value.equity,
        value.cash,
        value.realised,
        value.unrealised,
        value.fees,
        value.gross_exposure,
        state.day_start_equity,
        state.portfolio.strategy_pnl(state.price) if with_strategies else {},
    )
    turn.record(snapshot, cause, "portfolio", correlation_id)
    keep_loss_limits(state, turn, value.equity)


def keep_loss_limits(state: EngineState, turn: Turn, equity: Money) -> None:
    """Put the account into PRESERVATION when its day has lost too much, or it is too far below its peak."""
    lost, fallen = state.limits.daily_loss_pct, state.limits.max_drawdown_pct
    if lost is not None:
        loss = loss_pct(Money(state.day_start_equity - equity), state.day_start_equity)
        if loss >= lost:
            impair(state, turn, DAILY_LOSS, f"the day has lost {loss:.2f}%; {lost}% is allowed")
    if fallen is not None:
        drawdown = state.counters.drawdown_pct(equity)
        if drawdown >= fallen:
            text = f"the account is {drawdown:.2f}% below its peak; {fallen}% is allowed"
            impair(state, turn, DRAWDOWN, text)
