"""What people ask for: each command is carried out and answered."""

from collections.abc import Callable
from typing import Any

from holdfast.core import drafts
from holdfast.core.engine.clock import turn_at
from holdfast.core.engine.operations import cancel, drop_waiting, impair, is_closing, on_signal, record_value
from holdfast.core.engine.reports import judge_report
from holdfast.core.engine.steering import set_parameters, start_strategy, stop_strategy
from holdfast.core.findings import Reconcile, Resolution, Resolve
from holdfast.core.messages import (
    Action,
    CancelOrders,
    CommandDone,
    Envelope,
    Flatten,
    Flattened,
    Halt,
    OrderCanceled,
    OrderNotSent,
    PlaceOrder,
    Preserve,
    Protect,
    Request,
    Resume,
    RiskRefused,
)
from holdfast.core.milestones import Restored
from holdfast.core.orders.order import OrderState
from holdfast.core.protection.cover import closing_side
from holdfast.core.protection.policy import Preservation
from holdfast.core.protection.records import StopAsked
from holdfast.core.session.account import AccountEvent, AccountState
from holdfast.core.session.causes import Cause
from holdfast.core.settings import Reload
from holdfast.core.state import EngineState
from holdfast.core.steering import SetParameters, StartStrategy, StopStrategy
from holdfast.core.turn import Turn
from holdfast.core.types import StrategyId, many, plain, to_price
from holdfast.core.waits import Wait
from holdfast.errors import InvalidValue

_CLOSED = {
    Preservation.HOLD: "positions stay, with their exits",
    Preservation.CLOSE_UNPROTECTED: "positions without a stop are closed",
    Preservation.CLOSE_ALL: "every position is closed",
}


def on_request(state: EngineState, request: Request) -> Turn:
    """Carry out a person's command and answer it."""
    turn = turn_at(state, request.time_ns)
    turn.correlation_id = request.id
    record = turn.record(request.body, request.id, request.source)
    done = _COMMANDS[type(request.body)](state, turn, request.body, record)
    turn.record(done, record.id)
    return turn


def _place(state: EngineState, turn: Turn, command: PlaceOrder, record: Envelope) -> CommandDone:
    fault = drafts.fault_of(command.signal)
    if fault:
        return CommandDone(accepted=False, text=f"nothing was ordered: {fault}")
    if is_closing(state, command.signal):
        text = f"nothing was ordered: the engine is closing {command.signal.symbol}, order when that is done"
        return CommandDone(accepted=False, text=text)
    is_out = command.signal.strategy in state.stopped or command.signal.strategy in state.off
    if is_out and command.signal.action is not Action.CLOSE:
        text = f"nothing was ordered: strategy {command.signal.strategy} is stopped, and takes no signal but to close"
        return CommandDone(accepted=False, text=text)
    key = (command.signal.strategy, command.signal.symbol)
    draft = drafts.draft(state, command.signal)
    if draft is None:
        drop_waiting(state, turn, key, "the position is where it is asked to be now", record.id)
        return CommandDone(accepted=False, text=f"nothing to do: {command.signal.symbol} is where it is asked to be")
    placed = on_signal(state, turn, command.signal, draft, record.source, record.id)
    if isinstance(draft, Wait):
        return CommandDone(accepted=True, text=f"it waits: {draft.reason}; it is ordered when that is over")
    if isinstance(draft, RiskRefused):
        return CommandDone(accepted=False, text=f"refused by {draft.rule}: {draft.text}")
    terms = draft.terms
    text = f"{terms.side} {terms.quantity} {terms.symbol} {terms.order_type} as {placed}"
    return CommandDone(accepted=True, text=text, client_order_ids=(terms.client_order_id,))


def _cancel(state: EngineState, turn: Turn, command: CancelOrders, record: Envelope) -> CommandDone:
    wanted = [
        order
        for order in state.orders.live.values()
        if command.client_order_id in (None, order.terms.client_order_id)
        and command.symbol in (None, order.terms.symbol)
    ]
    waiting = [key for key in state.waiting if command.symbol in (None, key[1]) and command.client_order_id is None]
    for key in waiting:
        drop_waiting(state, turn, key, "a person has canceled what is open", record.id)
    for order in wanted:
        cancel(turn, order, "asked by a person")
    if not (wanted or waiting):
        which = command.client_order_id or command.symbol or "any symbol"
        return CommandDone(accepted=False, text=f"no live order of {which}")
    ids = tuple(order.terms.client_order_id for order in wanted)
    return CommandDone(accepted=True, text=f"canceling {many(len(ids), 'order')}", client_order_ids=ids)


def _halt(state: EngineState, turn: Turn, command: Halt, _record: Envelope) -> CommandDone:
    turn.account(AccountEvent.HALTED, command.reason or "asked by a person")
    live = len(state.orders.live)
    still = f"; {many(live, 'order')} still at work at the broker, `holdfast cancel --all` cancels them" if live else ""
    return CommandDone(accepted=True, text=f"halted: nothing that raises risk is sent{still}")


def _preserve(state: EngineState, turn: Turn, command: Preserve, _record: Envelope) -> CommandDone:
    if state.account_state is AccountState.HALTED:
        return CommandDone(accepted=False, text="the account is HALTED, which lets out no more: resume it first")
    impair(state, turn, Cause.BY_HAND, command.reason or "asked by a person")
    turn.touch_account()
    closed = _CLOSED[state.protection.preservation]
    return CommandDone(accepted=True, text=f"in PRESERVATION until `holdfast resume`: no new risk is taken, {closed}")


def _resume(state: EngineState, turn: Turn, command: Resume, record: Envelope) -> CommandDone:
    if state.account_state.takes_risk:
        return CommandDone(accepted=False, text=f"the account is {state.account_state}, not halted")
    causes = list(state.impairments)
    for cause in causes:
        turn.record(Restored(cause, "resumed by a person"), record.id)
    turn.account(AccountEvent.RESUMED, command.reason or "asked by a person")
    turn.touch_account(record.id)
    if Cause.DRAWDOWN in causes:  # the new peak is what the account is worth now, not what is left of it in an hour
        record_value(state, turn, record.id)
    if state.orders.regular_count:
        turn.account(AccountEvent.ORDERED, "orders are open")
    if state.flattening:
        left = tuple(f"{strategy}:{symbol}" for strategy, symbol, _ in state.portfolio.open_ledgers())
        given_up = turn.record(Flattened(left), record.id)
        for symbol in sorted({key[1] for key in state.guards}):  # the flatten has canceled their exits
            turn.touch(symbol, given_up.id)
        return CommandDone(
            accepted=True, text=f"resumed; the flatten is given up with {many(len(left), 'open position')}"
        )
    return CommandDone(accepted=True, text="resumed")


def _protect(state: EngineState, turn: Turn, command: Protect, record: Envelope) -> CommandDone:
    """Give a position a stop. One that has its stop keeps it: two would both sell, and the second may be a command told twice."""
    try:
        to_price(command.stop_loss, "stop_loss")
        if command.price is not None:
            to_price(command.price, "price")
    except InvalidValue as error:
        return CommandDone(accepted=False, text=f"nothing was done: {error}")
    whose = _whose(state, command.symbol, command.strategy)
    if len(whose) != 1:
        return CommandDone(accepted=False, text=_not_one(whose, command))
    key = (whose[0], command.symbol)
    guard, position = state.guards.get(key), state.portfolio.strategy_quantity(*key)
    price = command.price or state.price(command.symbol)
    closing = closing_side(position)
    instrument = state.instrument_of(command.symbol)
    if not instrument.ticks:
        return CommandDone(accepted=False, text=f"nothing was done: no tick of {command.symbol} is known; configure it")
    stop = instrument.stop_price(command.stop_loss, closing)
    fault = ""
    if guard is not None and guard.stop_loss is not None:
        fault = f"{command.symbol} of {key[0]} has its stop, at {plain(guard.stop_loss)}"
    elif state.flattening or (key in state.closing and not state.closing[key].is_left):
        fault = f"the engine is closing {command.symbol}"
    elif price is None:
        fault = f"no price of {command.symbol} is known yet"
    elif (stop - price) * closing.sign <= 0:
        fault = f"a stop at {plain(stop)} is on the wrong side of the market, which is at {plain(price)}"
    if fault or price is None:
        return CommandDone(accepted=False, text=f"nothing was done: {fault}")
    asked = turn.record(StopAsked(*key, stop, price), record.id)
    turn.touch(command.symbol, asked.id)
    return CommandDone(accepted=True, text=f"{plain(position)} {command.symbol} of {key[0]}: a stop at {plain(stop)}")


def _whose(state: EngineState, symbol: str, strategy: StrategyId | None) -> list[StrategyId]:
    """The strategies that hold a symbol; only the one named, if one is."""
    holders = (name for name, of, _ in state.portfolio.open_ledgers() if of == symbol)
    return [name for name in holders if strategy in (None, name)]


def _not_one(whose: list[StrategyId], command: Protect) -> str:
    if whose:
        return f"{command.symbol} is held by {', '.join(whose)}: say whose is meant (--strategy)"
    return f"nothing was done: {command.strategy or 'nobody'} holds {command.symbol}"


def _resolve(state: EngineState, turn: Turn, command: Resolve, record: Envelope) -> CommandDone:
    key = command.client_order_id
    order = state.orders.find(key)
    if order is None or order.state is not OrderState.UNKNOWN:
        state_text = f"is {order.state}" if order is not None else "is not in the books"
        return CommandDone(accepted=False, text=f"{key} {state_text}: only an order that is UNKNOWN can be resolved")
    if command.outcome is Resolution.NOT_SENT and (order.broker_order_id or order.filled_quantity):
        known = f"it has its id {order.broker_order_id}" if order.broker_order_id else "some of it has traded"
        text = f"{key} reached the broker, {known}: it can't be not sent; `--canceled` says that it is over"
        return CommandDone(accepted=False, text=text)
    kind = OrderNotSent if command.outcome is Resolution.NOT_SENT else OrderCanceled
    why = f"resolved by {record.source}" + (f": {command.reason}" if command.reason else "")
    judge_report(state, turn, order, kind(key, why), record.source)
    return CommandDone(accepted=True, text=f"{key} is {order.state}", client_order_ids=(key,))


def _reconcile(state: EngineState, _turn: Turn, _command: Reconcile, _record: Envelope) -> CommandDone:
    if not state.broker_account_id:  # on a feed that can be played again
        return CommandDone(accepted=False, text="the paper broker is part of the engine: there is nothing to compare")
    return CommandDone(accepted=True, text="the broker is being asked")


def _reload(_state: EngineState, _turn: Turn, _command: Reload, _record: Envelope) -> CommandDone:
    """Who can read the file takes the command before it gets here (`runtime/reloading.py`)."""
    return CommandDone(accepted=False, text="nothing was taken: this engine reads no configuration file")


def _flatten(state: EngineState, turn: Turn, command: Flatten, record: Envelope) -> CommandDone:
    turn.account(AccountEvent.HALTED, command.reason or "flatten")
    for key in list(state.waiting):
        drop_waiting(state, turn, key, "everything is being closed", record.id)
    live, held = len(state.orders.live), len(list(state.portfolio.open_ledgers()))
    for order in list(state.orders.live.values()):
        cancel(turn, order, "flatten")
    turn.touch_account(record.id)
    return CommandDone(accepted=True, text=f"halted; canceling {many(live, 'order')}, closing {many(held, 'position')}")


_COMMANDS: dict[type, Callable[[EngineState, Turn, Any, Envelope], CommandDone]] = {
    PlaceOrder: _place,
    CancelOrders: _cancel,
    Halt: _halt,
    Preserve: _preserve,
    Resume: _resume,
    StopStrategy: stop_strategy,
    StartStrategy: start_strategy,
    SetParameters: set_parameters,
    Reload: _reload,
    Flatten: _flatten,
    Protect: _protect,
    Resolve: _resolve,
    Reconcile: _reconcile,
}
