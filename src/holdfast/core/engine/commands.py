"""What people ask for: each command is carried out and answered."""

from collections.abc import Callable
from typing import Any

from holdfast.core import wishes
from holdfast.core.engine.acts import cancel, impair, is_closing, on_signal
from holdfast.core.engine.clock import turn_at
from holdfast.core.engine.closing import retreat
from holdfast.core.engine.flattening import flatten
from holdfast.core.engine.reports import judge_report
from holdfast.core.findings import Reconcile, Resolution, Resolve
from holdfast.core.messages import (
    BrokerName,
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
    Request,
    Resume,
    RiskRefused,
)
from holdfast.core.milestones import Restored
from holdfast.core.orders.order import OrderState
from holdfast.core.protection.policy import Preservation
from holdfast.core.session.account import AccountEvent, AccountState
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn

BY_HAND = "by hand"
"""The impairment of an account that a person has put into PRESERVATION. No connection: its policy is carried out at once."""
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
    return turn.finish()


def _place(state: EngineState, turn: Turn, command: PlaceOrder, record: Envelope) -> CommandDone:
    fault = wishes.fault_of(command.signal)
    if fault:
        return CommandDone(accepted=False, text=f"nothing was ordered: {fault}")
    if is_closing(state, command.signal):
        text = f"nothing was ordered: the engine is closing {command.signal.symbol}, order when that is done"
        return CommandDone(accepted=False, text=text)
    draft = wishes.draft(state, command.signal)
    if draft is None:
        return CommandDone(accepted=False, text=f"nothing to do: {command.signal.symbol} is where it is asked to be")
    placed = on_signal(state, turn, command.signal, draft, record.source, record.id)
    if isinstance(draft, RiskRefused):
        return CommandDone(accepted=False, text=f"refused by {draft.rule}: {draft.text}")
    terms = draft.terms
    text = f"{terms.side} {terms.quantity} {terms.symbol} {terms.order_type} as {placed}"
    return CommandDone(accepted=True, text=text, client_order_ids=(terms.client_order_id,))


def _cancel(state: EngineState, turn: Turn, command: CancelOrders, _record: Envelope) -> CommandDone:
    wanted = [
        order
        for order in state.orders.live.values()
        if command.client_order_id in (None, order.terms.client_order_id)
        and command.symbol in (None, order.terms.symbol)
    ]
    for order in wanted:
        cancel(turn, order, "asked by a person")
    if not wanted:
        which = command.client_order_id or command.symbol or "any symbol"
        return CommandDone(accepted=False, text=f"no live order of {which}")
    ids = tuple(order.terms.client_order_id for order in wanted)
    return CommandDone(accepted=True, text=f"canceling {len(ids)} order(s)", client_order_ids=ids)


def _halt(state: EngineState, turn: Turn, command: Halt, _record: Envelope) -> CommandDone:
    turn.account(AccountEvent.HALTED, command.reason or "asked by a person")
    live = len(state.orders.live)
    still = f"; {live} order(s) still work at the broker, `holdfast cancel --all` cancels them" if live else ""
    return CommandDone(accepted=True, text=f"halted: nothing that raises risk is sent{still}")


def _preserve(state: EngineState, turn: Turn, command: Preserve, _record: Envelope) -> CommandDone:
    if state.account_state is AccountState.HALTED:
        return CommandDone(accepted=False, text="the account is HALTED, which lets out no more: resume it first")
    impair(state, turn, BY_HAND, command.reason or "asked by a person")
    retreat(state, turn)
    closed = _CLOSED[state.protection.preservation]
    return CommandDone(accepted=True, text=f"in PRESERVATION until `holdfast resume`: no new risk is taken, {closed}")


def _resume(state: EngineState, turn: Turn, command: Resume, record: Envelope) -> CommandDone:
    if state.account_state.takes_risk:
        return CommandDone(accepted=False, text=f"the account is {state.account_state}, not halted")
    for cause in list(state.impairments):
        turn.record(Restored(cause, "resumed by a person"), record.id)
    turn.account(AccountEvent.RESUMED, command.reason or "asked by a person")
    if state.orders.live_entries:
        turn.account(AccountEvent.ORDERED, "orders are open")
    if state.flattening:
        left = tuple(f"{strategy}:{symbol}" for strategy, symbol, _ in state.portfolio.open_ledgers())
        turn.record(Flattened(left), record.id)
        return CommandDone(accepted=True, text=f"resumed; the flatten is given up with {len(left)} position(s) open")
    return CommandDone(accepted=True, text="resumed")


def _resolve(state: EngineState, turn: Turn, command: Resolve, record: Envelope) -> CommandDone:
    key = command.client_order_id
    order = state.orders.find(key)
    if order is None or order.state is not OrderState.UNKNOWN:
        state_text = f"is {order.state}" if order is not None else "is not in the books"
        return CommandDone(accepted=False, text=f"{key} {state_text}: only an order that is UNKNOWN can be resolved")
    kind = OrderNotSent if command.outcome is Resolution.NOT_SENT else OrderCanceled
    why = f"resolved by {record.source}" + (f": {command.reason}" if command.reason else "")
    judge_report(state, turn, order, kind(key, why), record.source)
    return CommandDone(accepted=True, text=f"{key} is {order.state}", client_order_ids=(key,))


def _reconcile(state: EngineState, _turn: Turn, _command: Reconcile, _record: Envelope) -> CommandDone:
    if state.broker is BrokerName.PAPER:
        return CommandDone(accepted=False, text="the paper broker is part of the engine: there is nothing to compare")
    return CommandDone(accepted=True, text="the broker is being asked")


def _flatten(state: EngineState, turn: Turn, command: Flatten, record: Envelope) -> CommandDone:
    turn.account(AccountEvent.HALTED, command.reason or "flatten")
    live, held = len(state.orders.live), len(list(state.portfolio.open_ledgers()))
    for order in list(state.orders.live.values()):
        cancel(turn, order, "flatten")
    flatten(state, turn, record.id)
    return CommandDone(accepted=True, text=f"halted; canceling {live} order(s), closing {held} position(s)")


_COMMANDS: dict[type, Callable[[EngineState, Turn, Any, Envelope], CommandDone]] = {
    PlaceOrder: _place,
    CancelOrders: _cancel,
    Halt: _halt,
    Preserve: _preserve,
    Resume: _resume,
    Flatten: _flatten,
    Resolve: _resolve,
    Reconcile: _reconcile,
}
