"""The operations that everything else is made of: an intent becomes an order, an order is released or canceled, the account is impaired or restored."""

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from holdfast.core import drafts
from holdfast.core.messages import (
    Action,
    CancelOrder,
    CancelOrders,
    CancelReleased,
    Envelope,
    FeedEvent,
    OrderPrepared,
    OrderReleased,
    PnlSnapshot,
    RiskApproved,
    RiskRefused,
    Signal,
    SubmitOrder,
    WishOver,
    WishWaits,
)
from holdfast.core.milestones import Impaired, Restored, StrategyStopped
from holdfast.core.orders.order import Order
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.protection.policy import OnBlocked
from holdfast.core.protection.records import ExitBlocked
from holdfast.core.risk.check import loss_pct
from holdfast.core.session.account import AccountEvent
from holdfast.core.session.causes import Acts, Cause, rule_of
from holdfast.core.state import EngineState, Key
from holdfast.core.turn import Turn
from holdfast.core.types import ClientOrderId, Money, OrderRole, Quantity, StrategyId
from holdfast.core.waiting import MOST_WAITING, name_of
from holdfast.core.waits import Wait, Waiting

_ORDERED: Final = AccountEvent.ORDERED
_PRESERVED: Final = AccountEvent.PRESERVED
_REFUSED: Final = AccountEvent.REFUSED
_RELIEVED: Final = AccountEvent.RELIEVED
_ASKED: Final = AccountEvent.ASKED
_BUY: Final = Action.BUY
_CLOSE: Final = Action.CLOSE
_SELL: Final = Action.SELL
_TARGET: Final = Action.TARGET
_REGULAR: Final = OrderRole.REGULAR

CLOSING = "closing"
"""The rule by which an intent is refused while the engine closes the position."""
ASKED = "asked by the strategy"


def attend(state: EngineState, turn: Turn, origin: FeedEvent | Envelope | None) -> Envelope | None:
    """Act on what the strategies asked for and on those that were stopped. ``origin`` is what they reacted to.

    A market event is recorded when the first order or refusal comes of it, so that every order can be traced to its tick:
    that record is given back.
    """
    host = state.host
    while host.stops:
        runner, reason, detail = host.stops.pop(0)
        turn.record(StrategyStopped(runner.id, reason, detail), source=f"strategy:{runner.id}")
        for order in drafts.live_regular(state, runner.id):
            cancel(turn, order, f"strategy {runner.id} was stopped")
        for key in [key for key in state.waiting if key[0] == runner.id]:
            drop_waiting(state, turn, key, "its strategy was stopped")
    for runner, intent in host.take_intents():
        if isinstance(intent, CancelOrders):
            _cancel_asked(state, turn, runner.id, intent)
            continue
        draft = _closing_refusal(state, intent) or drafts.draft(state, intent)
        if draft is None:
            _is_fulfilled(state, turn, intent)
            continue
        if not runner.wants_orders and _goes_unsaid(state, intent, draft):
            continue
        if origin is not None and not isinstance(origin, Envelope):
            turn.correlation_id = ""  # what comes of one event is no part of what came of another
            origin = turn.record(origin, source="feed")
        if origin is not None and origin.source == "feed":
            turn.correlation_id = origin.id
        if origin is None:
            turn.correlation_id = ""  # nothing but the time made it ask: a chain of its own
        on_signal(state, turn, intent, draft, f"strategy:{runner.id}", origin.id if origin else "")
    return origin if isinstance(origin, Envelope) else None


def heed(state: EngineState, turn: Turn) -> None:
    """Act on what strategies asked for as they were told of their orders, in the order in which they were."""
    host = state.host
    while host.told:
        record, asked, stops = host.told.pop(0)
        host.intents, host.stops = [*host.intents, *asked], [*host.stops, *stops]
        turn.correlation_id = record.correlation_id
        attend(state, turn, record)


def _closing_refusal(state: EngineState, intent: Signal) -> RiskRefused | None:
    """Why an intent can't be had while the engine closes the position: that waits until no order is live, and a new one would hold it up."""
    if not (state.flattening or state.closing):
        return None
    if not (state.flattening or is_closing(state, intent)):
        return None
    whole = "everything" if state.flattening else intent.symbol
    return drafts.refusal(intent, CLOSING, whole, "nothing", f"the engine is closing {whole}")


def _goes_unsaid(state: EngineState, intent: Signal, draft: RiskApproved | RiskRefused | Wait) -> bool:
    """Whether an intent leaves no record, where its strategy doesn't ask what becomes of its orders."""
    if type(draft) is RiskApproved:
        return False
    if isinstance(draft, RiskRefused) and draft.rule == CLOSING:
        return True
    is_repeated = drafts.is_repeated(state, intent, draft)
    if is_repeated and isinstance(draft, RiskRefused):
        state.host.repeats[draft.rule] += 1
    return is_repeated


def _cancel_asked(state: EngineState, turn: Turn, strategy: StrategyId, intent: CancelOrders) -> None:
    """Cancel what a strategy names: an order, or all that came of an intent, also what waits still."""
    for order in drafts.live_regular(state, strategy, intent.client_order_id):
        cancel(turn, order, ASKED)
    for key, found in list(state.waiting.items()):
        if intent.client_order_id and intent.client_order_id in [waiting.signal.intent_id for waiting in found]:
            _drop_one(state, turn, key, intent.client_order_id)


def _drop_one(state: EngineState, turn: Turn, key: Key, intent_id: str) -> None:
    """Let one of the intents of a strategy in a symbol wait no longer. Those that wait beside it keep their order."""
    for waiting in list(state.waiting[key]):
        if waiting.signal.intent_id == intent_id:
            over = WishOver(*key, ASKED, intent_id)
            turn.record(over, waiting.record_id, correlation_id=waiting.correlation_id)
        else:
            wait_for_others(turn, waiting, "one that waited beside it was canceled", waiting.until)


def is_closing(state: EngineState, signal: Signal) -> bool:
    """Whether the engine is closing the position that an intent is about."""
    closing = state.closing.get((signal.strategy, signal.symbol))
    return closing is not None and not closing.is_left


def on_signal(
    state: EngineState, turn: Turn, signal: Signal, draft: RiskApproved | RiskRefused | Wait, source: str, cause: str
) -> ClientOrderId | None:
    """An intent and what comes of it. An approved one becomes an order, whose id is returned."""
    intent = turn.record(signal, cause, source)
    turn.correlation_id = intent.correlation_id
    if signal.action in (_TARGET, _CLOSE):
        drop_waiting(state, turn, (signal.strategy, signal.symbol), "another intent takes its place", intent.id)
    if isinstance(draft, Wait):
        _postpone(state, turn, signal, draft, intent)
        return None
    return answer(state, turn, signal, draft, intent.id)


def answer(
    state: EngineState, turn: Turn, signal: Signal, draft: RiskApproved | RiskRefused, cause: str
) -> ClientOrderId | None:
    """Record what risk made of an intent. An approved one becomes an order, whose id is returned."""
    turn.account(_ASKED, f"{signal.action} {signal.symbol}")
    answered = turn.record(draft, cause, "risk")
    if isinstance(draft, RiskRefused):
        turn.account(_REFUSED, draft.rule)
        return None
    if draft.left_out is not None:
        turn.record(draft.left_out, answered.id, "risk")
    prepare(state, turn, draft, answered.id)
    return draft.terms.client_order_id


# --- intents that wait -------------------------------------------------------------------------------------------------


def _postpone(state: EngineState, turn: Turn, signal: Signal, wait: Wait, intent: Envelope) -> None:
    """Let an intent wait, and cancel what is in its way. What is to be bought or sold is kept as the position that it leads to."""
    key = (signal.strategy, signal.symbol)
    before = state.waiting.get(key, ())
    if len(before) >= MOST_WAITING:
        text = f"{MOST_WAITING} intents in {signal.symbol} wait already: {wait.reason}"
        answer(state, turn, signal, drafts.refusal(signal, "waiting", str(MOST_WAITING), "fewer", text), intent.id)
        return
    goal = None
    if wait.quantity is not None and signal.action in (_BUY, _SELL):
        sign = 1 if signal.action is _BUY else -1
        last = before[-1].goal if before else None
        goal = Quantity((state.host.projected(key) if last is None else last) + wait.quantity * sign)
        signal = replace(signal, quantity=wait.quantity, notional=None)
    until = tuple(order.terms.client_order_id for order in wait.until)
    record = turn.record(WishWaits(signal, until, wait.reason, goal), intent.id, intent.source)
    note_blocked(state, turn, key, wait.until, record.id)
    for order in wait.cancel:
        cancel(turn, order, f"{signal.action} {signal.symbol} waits for its end", record.id)


def _is_fulfilled(state: EngineState, turn: Turn, intent: Signal) -> None:
    """A position is asked for that is there, or on its way: what waited to bring another is not wanted any more."""
    key = (intent.strategy, intent.symbol)
    if key in state.waiting:
        drop_waiting(state, turn, key, "the position is where it is asked to be now")


def drop_waiting(state: EngineState, turn: Turn, key: Key, reason: str, cause: str = "") -> None:
    """Let no intent of a strategy in a symbol wait any longer."""
    for waiting in list(state.waiting[key]) if key in state.waiting else ():
        over = WishOver(*key, reason, waiting.signal.intent_id)
        turn.record(over, cause or waiting.record_id, correlation_id=waiting.correlation_id)


def wait_for_others(turn: Turn, waiting: Waiting, reason: str, until: tuple[ClientOrderId, ...]) -> None:
    """Let an intent wait on, for these orders: others came meanwhile, or it keeps its place behind those that do."""
    signal, chain = waiting.signal, waiting.correlation_id
    over = turn.record(WishOver(signal.strategy, signal.symbol, reason), waiting.record_id, correlation_id=chain)
    again = WishWaits(signal, until, reason, waiting.goal, waiting.since_ns)
    turn.record(again, over.id, waiting.source, chain)


def prepare(state: EngineState, turn: Turn, approved: RiskApproved, cause: str) -> None:
    """Make an order of what risk approved, and release it: it leaves when both records are durable."""
    terms = approved.terms
    prepared = turn.record(OrderPrepared(terms), cause)
    turn.record(OrderReleased(terms.client_order_id), prepared.id)
    turn.effects.append(SubmitOrder(terms, state.now_ns, approved.raises_risk))
    if terms.role is _REGULAR:
        turn.account(_ORDERED, terms.client_order_id)


def cancel(turn: Turn, order: Order, reason: str, cause: str = "") -> None:
    """Ask for an order's cancel, once; the order stays live until the broker confirms."""
    if order.cancel_released_ns:
        return
    key = order.terms.client_order_id
    turn.record(CancelReleased(key, reason), cause or order.last_record_id, correlation_id=order.correlation_id)
    turn.effects.append(CancelOrder(key, turn.state.now_ns))


def note_blocked(state: EngineState, turn: Turn, key: Key, barring: Iterable[Order], cause: str = "") -> None:
    """Raise the alarm, once, that orders of somebody else keep a position from being left or protected as it should be."""
    for order in barring:
        order_id = order.terms.client_order_id
        if order.terms.strategy != EXTERNAL or state.blocked.get(key) == order_id:
            continue
        waits = state.protection.on_blocked is OnBlocked.WAIT
        what = (
            "its end is waited for: cancel it at the broker, or by `holdfast cancel`"
            if waits
            else "it is being canceled"
        )
        reason = f"the broker takes no closing order beside {name_of(order)}; {what}"
        turn.record(ExitBlocked(*key, order_id, reason), cause, "protection")


def impair(state: EngineState, turn: Turn, cause: str, reason: str) -> None:
    """Put the account into PRESERVATION for a cause that is not known yet."""
    if cause not in state.impairments:
        turn.record(Impaired(str(cause), reason, rule_of(cause).acts is Acts.LATER))
        turn.touch_account()
    turn.account(_PRESERVED, f"{cause}: {reason}")


def restore(state: EngineState, turn: Turn, cause: str, reason: str) -> None:
    """Take a cause away; the account leaves PRESERVATION with the last one."""
    if cause not in state.impairments:
        return
    turn.record(Restored(cause, reason))
    turn.touch_account()
    if not state.impairments:
        turn.account(_RELIEVED, reason)
        if state.orders.regular_count:
            turn.account(_ORDERED, "orders are open")


def record_value(
    state: EngineState, turn: Turn, cause: str = "", correlation_id: str = "", *, with_strategies: bool = False
) -> None:
    """Record what the account is worth now, and ``with_strategies`` what each of them has made."""
    value = state.exposure.value(state)
    snapshot = PnlSnapshot(
        value.equity,
        value.cash,
        value.realised,
        value.unrealised,
        value.fees,
        value.gross_exposure,
        state.day_start_equity,
        state.portfolio.strategy_pnl(state.price) if with_strategies else {},
        value.balances,
    )
    turn.record(snapshot, cause, "portfolio", correlation_id)
    keep_loss_limits(state, turn, value.equity)


def keep_loss_limits(state: EngineState, turn: Turn, equity: Money) -> None:
    """Put the account into PRESERVATION when its day has lost too much, or it is too far below its peak."""
    lost, fallen = state.limits.daily_loss_pct, state.limits.max_drawdown_pct
    if lost is not None:
        loss = loss_pct(Money(state.day_start_equity - equity), state.day_start_equity)
        if loss >= lost:
            impair(state, turn, Cause.DAILY_LOSS, f"the day has lost {loss:.2f}%; {lost}% is allowed")
    if fallen is not None:
        drawdown = state.counters.drawdown_pct(equity)
        if drawdown >= fallen:
            text = f"the account is {drawdown:.2f}% below its peak; {fallen}% is allowed"
            impair(state, turn, Cause.DRAWDOWN, text)
