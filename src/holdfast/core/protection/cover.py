"""How well a position is covered: what is to be protected, what the broker has confirmed, and since when something is missing.

All of it follows from records: :func:`mind` is called as they are applied.
"""

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from holdfast.core.exposure import held
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.protection.legs import Guard, covered_by
from holdfast.core.protection.policy import HELD_NS, NOT_SENT_PAUSE_NS, pause_ns
from holdfast.core.types import ZERO, ClientOrderId, Side, StrategyId
from holdfast.core.waiting import leaving

if TYPE_CHECKING:
    from holdfast.core.state import EngineState

_FILLED: Final = OrderState.FILLED
_NOT_SENT: Final = OrderState.NOT_SENT
_BUY: Final = Side.BUY
_SELL: Final = Side.SELL

Key = tuple[StrategyId, str]


class Cover(msgspec.Struct):
    """How the protection of one position stands. Changed only as records are applied.

    ``since_ns`` is since when less is confirmed at the broker than is to be protected (0: nothing is missing), ``is_late``
    whether that was an alarm. ``failures`` counts protective orders that came to nothing one after the other, ``failed`` names
    the last, and no other is placed before ``retry_ns``. ``has_failed`` once protection was found not to be had, ``moved_ns``
    when the stop was last moved, ``passed_ns`` since when the market is beyond the limit of a stop-limit that is still open
    (0: it isn't).
    """

    since_ns: int = 0
    is_late: bool = False
    failures: int = 0
    failed: str = ""
    retry_ns: int = 0
    has_failed: bool = False
    moved_ns: int = 0
    passed_ns: int = 0


class Closing(msgspec.Struct):
    """A position that the engine closes by itself. ``order`` is the last that was to close it, ``tries`` counts them; ``is_left`` when it is given up.

    ``causes`` are those of PRESERVATION that it is closed for.
    """

    reason: str
    order: ClientOrderId = ClientOrderId("")
    tries: int = 0
    is_left: bool = False
    causes: tuple[str, ...] = ()


def closing_side(position: Decimal) -> Side:
    """The side that makes a position smaller."""
    return _SELL if position > 0 else _BUY


def to_protect(state: "EngineState", key: Key) -> Decimal:
    """How much of a strategy's position is to be protected: what is to stay of it, as far as the account holds it.

    What others have sold of the account's shares (a person in the app, another strategy), or what the broker is known not to have,
    can't be protected: the order would open a position. Nor can what is being closed: it goes from the account's as well as from
    the position's. Of several guards on one side the older ones come first.
    """
    going = _going(state, key)
    wanted = max(ZERO, abs(state.portfolio.strategy_quantity(*key)) - going)
    if not wanted:
        return ZERO
    strategy, symbol = key
    sign = 1 if state.portfolio.strategy_quantity(strategy, symbol) > 0 else -1
    left = held(state, symbol, _SELL if sign > 0 else _BUY) - going
    for other in state.guards:
        if other == key:
            break
        if other[1] == symbol:  # what stays of it and what is going of it
            left -= max(ZERO, state.portfolio.strategy_quantity(*other) * sign)
    return max(ZERO, min(wanted, left))


def _going(state: "EngineState", key: Key) -> Decimal:
    """What of a position is being closed already: it is not protected as well, lest both close."""
    going = state.orders.open_sides.get((*key, closing_side(state.portfolio.strategy_quantity(*key))), ZERO)
    return max(going, leaving(state, key)) if key in state.waiting else going


def confirmed(state: "EngineState", key: Key, guard: Guard, wanted: Decimal) -> Decimal:
    """How much of the ``wanted`` quantity the broker is known to protect, in every way that its guard asks for and the broker has."""
    roles = guard.roles_for(wanted, state.exits_held(key[1]))
    if not roles:
        return wanted
    legs = state.legs(*key)
    return min(covered_by(legs, role, confirmed=True) for role in roles)


def is_covered(state: "EngineState", key: Key) -> bool:
    """Whether all that is to be protected of a guarded position is, at the broker."""
    wanted = to_protect(state, key)
    return confirmed(state, key, state.guards[key], wanted) >= wanted


def mind(state: "EngineState", symbol: str, now_ns: int) -> None:
    """Note since when something is missing of the protection in a symbol."""
    for key in state.guards:
        if key[1] == symbol:
            cover = state.covers[key]
            if not cover.since_ns and not is_covered(state, key):
                cover.since_ns = now_ns


def note_end(cover: Cover, leg: Order, now_ns: int, *, was_unknown: bool) -> None:
    """Count a protective order that has ended without closing the position, and say when the next may be made.

    One that we canceled is no failure, nor is one that never left; one that left without an answer (``was_unknown``) and is not
    there is. Of a linked pair both ends are one.
    """
    if leg.state is _FILLED or leg.cancel_released_ns:
        return
    if leg.state is _NOT_SENT and not was_unknown:
        cover.retry_ns = max(cover.retry_ns, now_ns + NOT_SENT_PAUSE_NS)
        return
    name: str | ClientOrderId = leg.terms.oco_group or leg.terms.client_order_id
    if name == cover.failed:
        return
    cover.failed = name
    cover.failures = 1 if now_ns - leg.created_ns >= HELD_NS else cover.failures + 1
    cover.retry_ns = max(cover.retry_ns, now_ns + pause_ns(cover.failures))
