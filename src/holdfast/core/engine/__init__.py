"""The engine: one function, :func:`step`, takes an input and gives back what happened and what to do.

Read from the top: the market events of an instant are shown to the strategies; an intent becomes a `Signal`; risk approves or refuses it; what is
approved is prepared and released, and leaves as an effect once the shell has made the records durable. What the broker
reports is judged by the table of `orders/life.py`, booked, and shown to the strategy. Commands of people take the same way.
What follows from a change (positions are protected, closes and flattens go on, intents that wait are carried out) is no input's to think
of: `obligations/` does it as the step ends.

Nothing here reads a clock, makes up an id, or touches anything outside ``state``.
"""

from collections.abc import Callable
from typing import Any

from holdfast.core.adjustments import Bookings
from holdfast.core.engine.bookings import known, on_bookings
from holdfast.core.engine.clock import turn_at
from holdfast.core.engine.commands import on_request
from holdfast.core.engine.market import on_heartbeat, on_instant, on_market
from holdfast.core.engine.obligations import conclude
from holdfast.core.engine.operations import impair, record_value, restore
from holdfast.core.engine.reports import on_report
from holdfast.core.engine.settings import on_reread
from holdfast.core.findings import BooksCompared, Comparison
from holdfast.core.instant import Instant
from holdfast.core.listings import InstrumentListed
from holdfast.core.messages import Bar, Cycle, FeedEvent, Health, Heartbeat, Quote, Report, Request, Trade
from holdfast.core.permits import Permits
from holdfast.core.portfolio.compare import compare, take_over
from holdfast.core.session.causes import Cause
from holdfast.core.settings import Reread
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn

Input = FeedEvent | Instant | Report | Request | Health | Heartbeat | Comparison | Bookings | Permits | Cycle | Reread


def step(state: EngineState, event: Input) -> Turn | None:
    """Take one input; None when nothing came of it. Raises :class:`~holdfast.errors.Fatal` if an invariant is broken."""
    turn = _INPUTS[type(event)](state, event)
    return None if turn is None else conclude(state, turn)


def on_health(state: EngineState, health: Health) -> Turn | None:
    """Note whether something the account needs for taking risk is there."""
    if health.ok is (health.cause not in state.impairments):
        return None
    turn = turn_at(state, health.time_ns, "health")
    if health.ok:
        restore(state, turn, health.cause, health.reason)
    else:
        impair(state, turn, health.cause, health.reason)
    return turn


def on_comparison(state: EngineState, comparison: Comparison) -> Turn:
    """Record how the books and the broker compare; where a person accepts what the broker has, take that over."""
    turn = turn_at(state, comparison.time_ns, "reconciler")
    found = compare(state.portfolio, state.orders.live.values(), comparison)
    cash, before = state.portfolio.cash, dict(state.gaps)
    compared = BooksCompared(cash, comparison.cash, found.lines, found.agree, comparison.accept, found.cause)
    record = turn.record(compared)
    if comparison.accept:
        for cause in (Cause.BOOKS, Cause.POSITIONS):
            restore(state, turn, cause, "a person has accepted what the broker has")
        for body in take_over(state.portfolio, comparison, found.lines, state.price):
            turn.record(body, record.id)
        if comparison.activities:
            turn.record(known(comparison.activities), record.id)
        record_value(state, turn, record.id)
        for line in found.lines:
            turn.touch(line.symbol, record.id)
    for symbol in {**before, **state.gaps}:
        if before.get(symbol) != state.gaps.get(symbol):
            turn.touch(symbol, record.id)
    return turn


def on_permits(state: EngineState, permits: Permits) -> Turn | None:
    """Record what the broker lets the account do, and the rules of instruments of its list, where they are others than before."""
    listed = [record for record in state.register.told(permits.listed, permits.source) if not _revalues(state, record)]
    if permits.found == state.permits and not listed:
        return None
    turn = turn_at(state, permits.time_ns, "broker")
    for record in listed:
        turn.record(record)
    if permits.found != state.permits:
        turn.record(permits.found)
    return turn


def _revalues(state: EngineState, listed: InstrumentListed) -> bool:
    """Whether rules would change what is held or ordered is worth: those are taken at a start, or not at all."""
    return bool(state.portfolio.fault_of(listed)) or state.portfolio.revalues(listed)


def on_cycle(state: EngineState, cycle: Cycle) -> Turn:
    """Record what the supervisor has done."""
    turn = turn_at(state, cycle.time_ns, "supervisor")
    turn.record(cycle.body)
    return turn


_INPUTS: dict[type, Callable[[EngineState, Any], Turn | None]] = {
    Bar: on_market,
    Quote: on_market,
    Trade: on_market,
    tuple: on_instant,
    Report: on_report,
    Request: on_request,
    Health: on_health,
    Heartbeat: on_heartbeat,
    Comparison: on_comparison,
    Bookings: on_bookings,
    Permits: on_permits,
    Cycle: on_cycle,
    Reread: on_reread,
}
