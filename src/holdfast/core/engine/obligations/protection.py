"""Stop-loss and take-profit orders are in line with positions, stops move, and protection that can't be had has its consequence."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from holdfast.core import drafts
from holdfast.core.engine.obligations.closing import clear_the_way, close_position, is_barred
from holdfast.core.engine.operations import cancel, impair, prepare, restore
from holdfast.core.exposure import uncommitted
from holdfast.core.messages import MarketEvent, OrderTerms, RiskApproved
from holdfast.core.orders.order import Order
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.protection.cover import Key, closing_side, is_covered, to_protect
from holdfast.core.protection.legs import Guard, Place, at_work, leg_terms, plan
from holdfast.core.protection.policy import CLEAR_AFTER, LEG_TRIES, MOVE_EVERY_NS
from holdfast.core.protection.records import (
    OnFailure,
    ProtectionComplete,
    ProtectionFailed,
    StopMoved,
    StopPassed,
)
from holdfast.core.protection.trailing import best_price, next_stop
from holdfast.core.risk.check import check
from holdfast.core.session.causes import Cause
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import ZERO, ClientOrderId, OrderRole, OrderType, Price, Quantity
from holdfast.core.waiting import blockers

_REGULAR: Final = OrderRole.REGULAR
_STOP_LIMIT: Final = OrderType.STOP_LIMIT

SOURCE = "protection"


def align(state: EngineState, turn: Turn) -> None:
    """Bring the protective orders in touched symbols in line with what is held, and note when nothing is missing any more.

    Not while a flatten is on: it waits until no order is live, and touches what it leaves. A position that is being closed keeps its
    exits only while the broker would take no order that closes it.
    """
    if state.flattening:
        return
    for symbol, cause in turn.each_touched():
        for key in list(_positions(state, symbol)):
            is_closing = key in state.closing and not state.closing[key].is_left
            if not is_closing or is_barred(state, turn, key, cause):
                _align(state, turn, key, cause)
        _complete(state, turn, symbol, cause)


def _positions(state: EngineState, symbol: str) -> Iterator[Key]:
    """Whose protection there may be something to do about."""
    keys = {key: None for key in (*state.guards, *state.closing) if key[1] == symbol}
    if len(state.orders.live) > state.orders.regular_count:
        legs = (order.terms for order in state.orders.live.values() if order.terms.role is not _REGULAR)
        keys |= {(terms.strategy, terms.symbol): None for terms in legs if terms.symbol == symbol}
    yield from keys


def _align(state: EngineState, turn: Turn, key: Key, cause: str) -> None:
    legs = state.legs(*key)
    guard = state.guards.get(key)
    wanted = ZERO if guard is None else to_protect(state, key)
    place = _place_of(state, key)
    todo = plan(wanted, place, guard, legs)
    if (todo.cancel or todo.protect) and guard is not None and _must_stay(state, turn, key, place, legs, cause):
        return
    for leg in legs:
        if leg.terms.client_order_id in todo.cancel:
            cancel(turn, leg, _why(leg, guard))
    quantity = min(todo.protect, _free(state, key))
    roles = () if guard is None else guard.roles_for(wanted, place.held)
    if len(roles) > 1:
        quantity = place.held.whole(quantity)
    if guard is not None and quantity > 0 and _may_place(state, turn, key, cause):
        ids = [state.ids.order(state.order_count + 1), state.ids.order(state.order_count + 2)]
        for terms in leg_terms(guard, place, roles, Quantity(quantity), ids):
            _send(state, turn, terms, cause)


def _must_stay(state: EngineState, turn: Turn, key: Key, place: Place, legs: Sequence[Order], cause: str) -> bool:
    """Whether the exits are to be left as they are, because the broker wouldn't take those that are to replace them.

    Exits that are too many go in any case: they could open a position. Where none stands, an order of ours on the other side is
    dealt with when the broker has refused for it, as it may have filled by then.
    """
    guard, wanted = state.guards[key], to_protect(state, key)
    if not wanted or state.rules.wash_trades or at_work(legs) > wanted:
        return False
    ids = [ClientOrderId("")] * 2
    terms = leg_terms(guard, place, guard.roles_for(wanted, place.held), Quantity(wanted), ids)
    if not legs and not any(order.terms.strategy == EXTERNAL for order in blockers(state, terms[0])):
        return False
    return is_barred(state, turn, key, cause, terms[0])


def _free(state: EngineState, key: Key) -> Decimal:
    """What protective orders may be made for: of what the account holds, no more than works already, whoever's it is.

    An order whose cancel is on its way may trigger still; what it takes up is protected when that is confirmed.
    """
    side = closing_side(state.portfolio.strategy_quantity(*key))
    if key[1] in state.gaps:
        return uncommitted(state, key[1], side)
    live = (order for order in state.orders.live.values() if order.terms.role is not _REGULAR)
    working = at_work(leg for leg in live if (leg.terms.symbol, leg.terms.side) == (key[1], side))
    return state.portfolio.quantity(key[1]) * -side.sign - working


def _place_of(state: EngineState, key: Key) -> Place:
    strategy, symbol = key
    side = closing_side(state.portfolio.strategy_quantity(strategy, symbol))
    return Place(strategy, symbol, side, state.exits_held(symbol), state.instrument_of(symbol))


def _send(state: EngineState, turn: Turn, terms: OrderTerms, cause: str) -> None:
    decision = check(terms, drafts.risk_view(state, terms), state.limits)
    answer = turn.record(decision, cause, SOURCE)
    if isinstance(decision, RiskApproved):
        prepare(state, turn, decision, answer.id)


def _why(leg: Order, guard: Guard | None) -> str:
    is_moved = guard is not None and leg.terms.stop_price not in (None, guard.stop_loss) and guard.moves_stop
    return "its stop moves" if is_moved else "not what the position needs"


def _may_place(state: EngineState, turn: Turn, key: Key, cause: str) -> bool:
    """Whether a protective order may be made now; after too many that came to nothing the account's policy is carried out."""
    cover, on_failure = state.covers[key], state.protection.on_failure
    if cover.failures and _is_reached(state, key):
        if key not in state.closing:  # one that was left to a person is not begun again
            close_position(state, turn, key, "the market has reached its stop, which the broker would not take", cause)
        return False
    if cover.failures >= LEG_TRIES and not cover.has_failed:
        reason = _last_reason(state, cover.failed)
        fail(
            state, turn, key, f"{cover.failures} protective orders in a row came to nothing; the last: {reason}", cause
        )
        if key in state.closing:
            return False
    if cover.has_failed and on_failure is not OnFailure.RETRY:
        return False
    if cover.failures >= CLEAR_AFTER:
        clear_the_way(state, turn, key[1], closing_side(state.portfolio.strategy_quantity(*key)))
    return state.now_ns >= cover.retry_ns


def _is_reached(state: EngineState, key: Key) -> bool:
    """Whether the market is at the stop or beyond it: one that was refused there would have fired, and is refused for ever.

    A broker may take no stop that the price has reached, which happens between an entry's fill and its stop.
    """
    stop, price = state.guards[key].stop_loss, state.price(key[1])
    if stop is None or price is None:
        return False
    return (price - stop) * closing_side(state.portfolio.strategy_quantity(*key)).sign >= 0


def fail(state: EngineState, turn: Turn, key: Key, reason: str, cause: str = "") -> None:
    """Protection can't be had: say so, and carry out the account's policy."""
    on_failure = state.protection.on_failure
    turn.record(ProtectionFailed(*key, on_failure, reason), cause, SOURCE)
    if on_failure is OnFailure.FLATTEN:
        close_position(state, turn, key, "it can't be protected", cause)


def _last_reason(state: EngineState, failed: str) -> str:
    reasons = (
        order.reason
        for order in reversed(state.orders.finished.values())
        if failed in (order.terms.oco_group, order.terms.client_order_id)
    )
    return next(reasons, "") or "no reason was given"


def _complete(state: EngineState, turn: Turn, symbol: str, cause: str) -> None:
    for key, cover in state.covers.items():
        if key[1] == symbol and cover.since_ns and is_covered(state, key):
            waited_ns = state.now_ns - cover.since_ns
            turn.record(ProtectionComplete(*key, Quantity(to_protect(state, key)), waited_ns), cause, SOURCE)


# --- stops and the market -----------------------------------------------------------------------------------------------


def follow(state: EngineState, turn: Turn | None, symbol: str, events: Sequence[MarketEvent]) -> Turn | None:
    """Move the stops in a symbol that follow the market, where it has gone far enough, and note where it has passed a limit.

    ``events`` are those of the instant. Where the broker moves the stop it is noted where that is, for an order that may have to
    take its place.
    """
    price, held = state.price(symbol), state.exits_held(symbol)
    for key, guard in list(state.guards.items()):
        if key[1] != symbol or price is None:
            continue
        turn = _note_passed(state, turn, key, price)
        at_broker = guard.trails_at(held)
        if not guard.moves_stop or not (at_broker or _may_move(state, key)):
            continue
        ledger = state.portfolio.ledgers[key]
        seen = best_price(events, symbol, ledger.quantity, guard.opened_ns) if at_broker else None
        found = next_stop(
            guard,
            ledger.quantity,
            ledger.average_price,
            seen or price,
            state.instrument_of(symbol),
            at_broker=at_broker,
        )
        if found is not None:
            turn = turn or Turn(state)
            moved = turn.record(StopMoved(*key, *found), source=SOURCE)
            turn.touch(symbol, moved.id)
    return turn


def _may_move(state: EngineState, key: Key) -> bool:
    cover = state.covers[key]
    is_at_rest = not (cover.since_ns or cover.has_failed or state.flattening or key in state.closing)
    return is_at_rest and state.now_ns - cover.moved_ns >= MOVE_EVERY_NS


def _note_passed(state: EngineState, turn: Turn | None, key: Key, price: Price) -> Turn | None:
    limit = passed_limit(state, key, price)
    if (limit is not None) is bool(state.covers[key].passed_ns):
        return turn
    turn = turn or Turn(state)
    turn.record(StopPassed(*key, limit), source=SOURCE)
    return turn


def passed_limit(state: EngineState, key: Key, price: Price) -> Price | None:
    """The limit of a position's stop-limit order that the market is beyond; None where it is beyond none."""
    for leg in state.legs(*key):
        limit, side = leg.terms.limit_price, leg.terms.side
        if leg.terms.order_type is _STOP_LIMIT and limit is not None and (price - limit) * side.sign > 0:
            return limit
    return None


# --- a new start ------------------------------------------------------------------------------------------------------


def keep_from_trading(state: EngineState, turn: Turn) -> None:
    """After a start: take no new risk until what is missing is confirmed."""
    missing = _missing(state)
    if missing:
        names = ", ".join(f"{symbol} of {strategy}" for strategy, symbol in missing)
        impair(state, turn, Cause.PROTECTION, f"not protected yet: {names}")


def release(state: EngineState, turn: Turn) -> None:
    """Let the account trade again that a start found unprotected, once nothing is missing any more, however that came about."""
    if Cause.PROTECTION in state.impairments and not _missing(state):
        restore(state, turn, Cause.PROTECTION, "every position is protected, or its policy was carried out")


def _missing(state: EngineState) -> list[Key]:
    """The positions that are not covered, and of which nothing else has been decided."""
    decided = {key for key, closing in state.closing.items() if closing.is_left}
    decided |= {key for key, cover in state.covers.items() if cover.has_failed and key not in state.closing}
    return [key for key in state.guards if key not in decided and not is_covered(state, key)]
