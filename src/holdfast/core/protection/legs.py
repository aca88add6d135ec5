"""Stop-loss and take-profit orders for what an entry filled.

A guard remembers what a strategy asked for. After every change :func:`plan` compares what is to be protected with the
protective orders at work and says what to cancel and how much to place.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from holdfast.core.broker_rules import HeldExits
from holdfast.core.exits import Exits
from holdfast.core.instruments import Instrument
from holdfast.core.messages import OrderTerms
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.types import (
    ZERO,
    ClientOrderId,
    OrderRole,
    OrderType,
    Price,
    Quantity,
    Side,
    StrategyId,
)

_REGULAR: Final = OrderRole.REGULAR
_STOP_LOSS: Final = OrderRole.STOP_LOSS
_TAKE_PROFIT: Final = OrderRole.TAKE_PROFIT
_LIMIT: Final = OrderType.LIMIT
_TRAILING_STOP: Final = OrderType.TRAILING_STOP
_BUY: Final = Side.BUY


class Guard(msgspec.Struct, frozen=True):
    """The protection a strategy's position in a symbol has asked for, and the entry that asked last (empty: a person did).

    ``stop_loss`` is where the stop stands now; ``opened_ns`` is when the entry first filled.
    """

    entry: ClientOrderId
    stop_loss: Price | None
    take_profit: Price | None
    exits: Exits | None = None
    opened_ns: int = 0

    @property
    def roles(self) -> tuple[OrderRole, ...]:
        """The kinds of order that it asks for, the stop first."""
        prices = ((_STOP_LOSS, self.stop_loss), (_TAKE_PROFIT, self.take_profit))
        return tuple(role for role, price in prices if price is not None)

    def roles_for(self, quantity: Decimal, held: HeldExits) -> tuple[OrderRole, ...]:
        """The kinds of order that it gets for so much: the stop alone where the broker holds no pair for it."""
        roles = self.roles
        return roles if len(roles) < 2 or held.takes_pair(quantity) else roles[:1]

    @property
    def moves_stop(self) -> bool:
        """Whether the market moves its stop."""
        return self.exits is not None and self.exits.moves_stop

    def trails_at(self, held: HeldExits) -> bool:
        """Whether its stop is an order that follows the market by itself, where the broker holds such. Not one that goes to break-even too."""
        return held.trails and self.exits is not None and self.exits.trails and self.exits.break_even_at is None

    @property
    def closes_ns(self) -> int | None:
        """When the position is to be closed; None: never by time."""
        return None if self.exits is None or self.exits.hold_ns is None else self.opened_ns + self.exits.hold_ns


def asks_protection(terms: OrderTerms) -> bool:
    """Whether an order wants what it fills to be protected, or closed in time."""
    wants = (terms.stop_loss, terms.take_profit, terms.exits)
    return terms.role is _REGULAR and wants != (None, None, None)


def stop_distance(terms: OrderTerms, price: Decimal) -> Decimal:
    """How far from a price the stop that an entry asked for is; 0 without one."""
    if terms.stop_loss is not None:
        return abs(price - terms.stop_loss)
    return ZERO if terms.exits is None else terms.exits.distance(price)


def nearer(side: Side, first: Price | None, second: Price | None) -> Price | None:
    """Of two stops that close a position opened by ``side``, the one nearer to the market; None when there is none."""
    if first is None or second is None:
        return first or second
    return max(first, second) if side is _BUY else min(first, second)


def guard_of(terms: OrderTerms, before: Guard | None, trailing: Price | None, now_ns: int) -> Guard:
    """The guard that an entry's fill leaves behind. ``trailing`` is where its trailing stop begins, None without one.

    A further fill of the same entry changes nothing, and a stop that has moved doesn't go back for a new entry that
    trails too.
    """
    if before is not None and before.entry == terms.client_order_id:
        return before
    stop = nearer(terms.side, terms.stop_loss, trailing)
    if before is not None and before.moves_stop and terms.exits is not None and terms.exits.moves_stop:
        stop = nearer(terms.side, stop, before.stop_loss)
    return Guard(terms.client_order_id, stop, terms.take_profit, terms.exits, now_ns)


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where protective orders are to stand: whose they are, the side that closes the position, and what the broker holds there."""

    strategy: StrategyId
    symbol: str
    side: Side
    held: HeldExits
    instrument: Instrument


class Plan(msgspec.Struct, frozen=True):
    """Orders to cancel, and the quantity to place protection for (0: none)."""

    cancel: tuple[ClientOrderId, ...] = ()
    protect: Quantity = Quantity(ZERO)


NOTHING = Plan()


def plan(wanted: Decimal, place: Place, guard: Guard | None, legs: Sequence[Order]) -> Plan:
    """What brings the protective orders in line.

    ``wanted`` is how much is to be protected, ``legs`` the position's live protective orders. A pair of which one is missing, a stop
    where it is no longer wanted, and the newest of too many are canceled; what then is missing is placed when the cancels are
    confirmed: two orders too many could open a position, none for a moment can't. A rest that is too small for an order of its own
    is placed together with the newest, whose place that takes.
    """
    roles = () if guard is None else guard.roles_for(wanted, place.held)
    groups = _groups(legs)
    stays = {name: group for name, group in groups.items() if _is_in_place(group, place, guard, roles)}
    covered = sum((_quantity(group) for group in stays.values()), ZERO)
    while covered > wanted:
        _, newest = stays.popitem()
        covered -= _quantity(newest)
    if roles and stays and _is_dust(wanted - covered, place, guard):
        stays.popitem()
    going = [leg for name, group in groups.items() if name not in stays for leg in group]
    if going:
        return Plan(cancel=tuple(leg.terms.client_order_id for leg in going if not leg.cancel_released_ns))
    return Plan(protect=Quantity(wanted - covered)) if roles else NOTHING


def _is_dust(rest: Decimal, place: Place, guard: Guard | None) -> bool:
    """Whether a rest is there, and worth less than a broker takes an order for."""
    price = None if guard is None else guard.stop_loss or guard.take_profit
    return rest > 0 and price is not None and place.instrument.is_too_small(rest, price)


def at_work(legs: Iterable[Order]) -> Decimal:
    """How much protective orders may close in all. Of a linked pair only one does."""
    return sum((_quantity(group) for group in _groups(legs).values()), ZERO)


def _groups(legs: Iterable[Order]) -> dict[str, list[Order]]:
    groups: dict[str, list[Order]] = {}
    for leg in legs:
        groups.setdefault(leg.terms.oco_group or leg.terms.client_order_id, []).append(leg)
    return groups


def _is_in_place(group: Sequence[Order], place: Place, guard: Guard | None, roles: Sequence[OrderRole]) -> bool:
    """Whether an order or pair is what the guard wants, whole, and nobody has asked for its cancel."""
    if guard is None or any(leg.cancel_released_ns or leg.terms.side is not place.side for leg in group):
        return False
    if any(covered_by(group, role) < _quantity(group) for role in roles):
        return False
    stops = [leg.terms for leg in group if leg.terms.role is _STOP_LOSS]
    if guard.trails_at(place.held):
        trail = _trail_of(guard)
        return all((terms.order_type, terms.trail_amount, terms.trail_percent) == trail for terms in stops)
    return not guard.moves_stop or all(terms.stop_price == guard.stop_loss for terms in stops)


def _trail_of(guard: Guard) -> tuple[OrderType, Price | None, Decimal | None]:
    """What a stop that follows the market by itself has to be."""
    exits = guard.exits or Exits()
    return _TRAILING_STOP, exits.trail_amount, exits.trail_percent


def _quantity(group: Sequence[Order]) -> Decimal:
    """The most that an order or pair may close."""
    return max(covered_by(group, role) for role in (_STOP_LOSS, _TAKE_PROFIT))


def covered_by(legs: Iterable[Order], role: OrderRole, *, confirmed: bool = False) -> Decimal:
    """How much the orders of one kind would close; with ``confirmed`` only those that the broker is known to have."""
    return sum(
        (leg.remaining for leg in legs if leg.terms.role is role and (not confirmed or leg.state in _AT_BROKER)), ZERO
    )


_AT_BROKER = (OrderState.SUBMITTED, OrderState.PARTIALLY_FILLED)


def leg_terms(
    guard: Guard, place: Place, roles: Sequence[OrderRole], quantity: Quantity, ids: Sequence[ClientOrderId]
) -> list[OrderTerms]:
    """The protective orders of a guard for ``quantity``: a stop, a limit, or both linked so that one cancels the other.

    ``ids`` are two fresh client order ids; the link is named after the first.
    """
    group = ids[0] if len(roles) > 1 else None
    common = OrderTerms(
        client_order_id=ids[0],
        strategy=place.strategy,
        symbol=place.symbol,
        side=place.side,
        quantity=quantity,
        time_in_force=place.held.time_in_force(quantity),
        parent=guard.entry or None,
        oco_group=group,
        product=place.instrument.product,
    )
    legs: list[OrderTerms] = []
    for key, role in zip(ids, roles, strict=False):
        prices = _stop_prices(guard, place) if role is _STOP_LOSS else _target_prices(guard)
        legs.append(replace(common, client_order_id=key, role=role, **prices))
    return legs


def _stop_prices(guard: Guard, place: Place) -> dict[str, Any]:
    stop, held = guard.stop_loss, place.held
    if guard.trails_at(held):
        kind, amount, percent = _trail_of(guard)
        return {"order_type": kind, "stop_price": stop, "trail_amount": amount, "trail_percent": percent}
    limit = None if stop is None else held.limit_of_stop(stop, place.side, place.instrument)
    return {"order_type": held.stop, "stop_price": stop, "limit_price": limit}


def _target_prices(guard: Guard) -> dict[str, Any]:
    return {"order_type": _LIMIT, "limit_price": guard.take_profit}
