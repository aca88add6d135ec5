"""What the engine owes, whatever the input was: fulfilled in one pass at the end of each step.

A handler says what it has changed (`turn.touch(symbol)`, `turn.touch_account()`), never what is to be done about it. An obligation is a
function of the state and of what was touched: it looks, and records what is missing. So each can be forgotten by no input, and
fulfilling twice changes nothing. What was not touched costs nothing.

:data:`ORDER` is the order of fulfilment. What decides that a position is closed comes before what carries it out, and that before what
protects the rest:

1. `preservation.keep`: what need not be closed any more is kept, so that nothing below closes it.
2. `flattening.go_on`: everything is being closed. Until that is over nothing is asked for below.
3. `differences.withdraw`: orders for more than the broker has are canceled, so that nothing below counts on them.
4. `preservation.reduce_risk`: new risk is canceled, and what the policy calls risky begins to be closed.
5. `deadlines.look`: what the time brings to guarded positions: alarms, closes, another try.
6. `square_off.look`: what is held for the day begins to be closed before the broker closes it.
7. `waiting_intents.carry_out`: what strategies asked for. A close that has begun above has dropped its position's intents.
8. `closing.go_on`: positions that are being closed take their next step.
9. `protection.align`: what stays is protected. It comes after everything that makes positions smaller.
10. `protection.release`: the account trades again when nothing is missing any more.
"""

from collections.abc import Callable

from holdfast.core.engine.obligations import (
    closing,
    deadlines,
    differences,
    flattening,
    preservation,
    protection,
    square_off,
    waiting_intents,
)
from holdfast.core.engine.operations import heed
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.errors import Fatal

ORDER: tuple[Callable[[EngineState, Turn], None], ...] = (
    preservation.keep,
    flattening.go_on,
    differences.withdraw,
    preservation.reduce_risk,
    deadlines.look,
    square_off.look,
    waiting_intents.carry_out,
    closing.go_on,
    protection.align,
    protection.release,
)
DUE = (flattening.due_ns, preservation.due_ns, deadlines.due_ns, waiting_intents.due_ns, closing.due_ns)
"""When each obligation wants the clock to be looked at next."""

MOST_ROUNDS = 10
"""A round that touches something is followed by another. A position begins to be closed, is kept or is left once in a step, which makes three
rounds or four; more than this is a circle."""


def is_free(state: EngineState) -> bool:
    """Whether there is nothing of what anything could be owed for, as at most orders: no obligation would do a thing, nor want the clock."""
    return not (
        state.guards
        or state.closing
        or state.waiting
        or state.impairments
        or state.gaps
        or state.flattening
        or 0 < state.day_ends_ns <= state.now_ns
        or len(state.orders.live) > state.orders.regular_count
    )


def fulfil(state: EngineState, turn: Turn) -> None:
    """Do what is owed for what a turn has touched, until nothing is.

    Raises :class:`~holdfast.errors.Fatal` when the obligations don't come to rest.
    """
    if is_free(state):
        turn.is_touched = False
        return
    chain = turn.correlation_id
    for _ in range(MOST_ROUNDS):
        if not turn.is_touched:
            turn.correlation_id = chain
            return
        turn.is_touched = False
        for obligation in ORDER:
            turn.correlation_id = ""
            obligation(state, turn)
    raise Fatal(f"what account {state.account} owes for {', '.join(turn.touched)} doesn't come to rest")


def conclude(state: EngineState, turn: Turn) -> Turn:
    """End a step: do what is owed, then what strategies ask for as they are told of it.

    The account's state is recorded, and the clock is looked at again in time.
    """
    if is_free(state) and not state.host.told:  # as nearly always where no position is guarded
        turn.is_touched = False
        turn.finish()
        return turn
    fulfil(state, turn)
    while state.host.told:
        heed(state, turn)
        fulfil(state, turn)
    turn.finish()
    wake_in_time(state)
    return turn


def wake_in_time(state: EngineState) -> None:
    """See that the clock is looked at when an obligation wants it."""
    if is_free(state):
        return
    wanted = [due_ns for find in DUE if (due_ns := find(state)) is not None]
    if wanted:
        state.wake_ns = min(state.wake_ns, *wanted)
