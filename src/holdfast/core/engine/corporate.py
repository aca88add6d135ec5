"""A split or a dividend at the start of its ex-date, before the market of that day: what it makes of the account."""

from holdfast.core import corporate
from holdfast.core.adjustments import AccountAdjusted, AdjustmentKind, CorporateAction
from holdfast.core.engine.operations import cancel, record_value
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import Price, plain

SOURCE = "corporate action"


def take_action(state: EngineState, turn: Turn | None, action: CorporateAction, before: Price | None) -> Turn | None:
    """Book an action for what is held, and cancel what rests in the symbol at a split; None where it concerns nobody.

    ``before`` is the last price before it. Orders keep their prices at a dividend, as orders marked "do not reduce" do. At a split
    open orders are canceled, as Interactive Brokers does (order types, "Good-Til-Canceled"); exits are placed anew at the prices
    of after.
    """
    live = [order for order in state.orders.live.values() if order.terms.symbol == action.symbol]
    if not (state.portfolio.quantity(action.symbol) or live or _is_held(state, action.symbol)):
        return turn
    turn = turn or Turn(state)
    record = turn.record(action, source="feed")
    turn.correlation_id = record.id
    if before is not None:
        state_price = state.price(action.symbol)
        _pay(state, turn, action, before, record.id)
        if state_price is not None:
            _split(state, turn, action, state_price, record.id)
    if action.new != action.old:
        for order in live:
            cancel(turn, order, _words(action), record.id)
        turn.touch(action.symbol, record.id)
    record_value(state, turn, record.id)
    return turn


def _pay(state: EngineState, turn: Turn, action: CorporateAction, before: Price, cause: str) -> None:
    each = corporate.dividend_of(action, before)
    changes = corporate.dividends(state, action, each)
    if changes:
        text = f"dividend of {plain(each.normalize())} a share, ex {action.ex_date}"
        turn.record(AccountAdjusted(AdjustmentKind.DIVIDEND, action.symbol, changes, reason=text), cause, SOURCE)


def _split(state: EngineState, turn: Turn, action: CorporateAction, after: Price, cause: str) -> None:
    if action.new == action.old:
        return
    changes = corporate.split(state, action, after)
    adjusted = AccountAdjusted(
        AdjustmentKind.SPLIT, action.symbol, changes, after, action.new, action.old, reason=_words(action)
    )
    turn.record(adjusted, cause, SOURCE)


def _is_held(state: EngineState, symbol: str) -> bool:
    """Whether strategies hold it, even where that comes to nothing for the account."""
    return any(held == symbol for _, held, _ in state.portfolio.open_ledgers())


def _words(action: CorporateAction) -> str:
    return f"split {action.new} for {action.old}, ex {action.ex_date}"
