"""Stop-loss and take-profit orders for what an entry filled.

A guard remembers the prices a strategy asked for. After every change :func:`plan` compares the position with the protective
orders at work and says what to cancel and how much to place. A position on its way to zero is not protected anew.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from holdfast.core.messages import OrderTerms
from holdfast.core.orders.order import Order
from holdfast.core.types import (
    ZERO,
    ClientOrderId,
    OrderRole,
    OrderType,
    Price,
    Quantity,
    Side,
    StrategyId,
    TimeInForce,
)


class Guard(msgspec.Struct, frozen=True):
    """The protection a strategy's position in a symbol has asked for, and the entry that asked last."""

    entry: ClientOrderId
    stop_loss: Price | None
    take_profit: Price | None

    @property
    def roles(self) -> tuple[OrderRole, ...]:
        """The kinds of order that it takes."""
        prices = ((OrderRole.STOP_LOSS, self.stop_loss), (OrderRole.TAKE_PROFIT, self.take_profit))
        return tuple(role for role, price in prices if price is not None)


class Plan(msgspec.Struct, frozen=True):
    """Orders to cancel, and the quantity to place protection for (0: none)."""

    cancel: tuple[ClientOrderId, ...] = ()
    protect: Quantity = Quantity(ZERO)


NOTHING = Plan()


def plan(position: Decimal, projected: Decimal, roles: Sequence[OrderRole], legs: Sequence[Order]) -> Plan:
    """What brings the protective orders in line.

    ``position`` is the strategy's, ``projected`` the same once all entries have filled, ``legs`` its live protective orders
    in the symbol, ``roles`` the kinds of order that its guard wants (none: there is no guard). What must be covered is the
    part of the position that is to stay. Too much cover, or a pair of which one is missing, is canceled whole, and placed
    anew when the cancels are confirmed: two orders too many could open a position, none for a moment can't.
    """
    stays = min(abs(position), abs(projected)) if position * projected > 0 else ZERO
    covered = max(_covered(legs, role) for role in (OrderRole.STOP_LOSS, OrderRole.TAKE_PROFIT))
    closing = Side.SELL if position > 0 else Side.BUY
    incomplete = any(_covered(legs, role) < covered for role in roles)
    if covered > stays or incomplete or any(leg.terms.side is not closing for leg in legs):
        return Plan(cancel=tuple(leg.terms.client_order_id for leg in legs if not leg.cancel_released_ns))
    if not roles or covered == stays or any(leg.cancel_released_ns for leg in legs):
        return NOTHING
    return Plan(protect=Quantity(stays - covered))


def _covered(legs: Sequence[Order], role: OrderRole) -> Decimal:
    return sum((leg.remaining for leg in legs if leg.terms.role is role), ZERO)


def leg_terms(
    guard: Guard, strategy: StrategyId, symbol: str, side: Side, quantity: Quantity, ids: Sequence[ClientOrderId]
) -> list[OrderTerms]:
    """The protective orders of a guard for ``quantity``: a stop, a limit, or both linked so that one cancels the other.

    ``side`` closes the position. ``ids`` are two fresh client order ids; the link is named after the first.
    """
    prices = ((OrderRole.STOP_LOSS, guard.stop_loss), (OrderRole.TAKE_PROFIT, guard.take_profit))
    group = ids[0] if guard.stop_loss is not None and guard.take_profit is not None else None
    legs: list[OrderTerms] = []
    for role, price in prices:
        if price is not None:
            stop = role is OrderRole.STOP_LOSS
            legs.append(
                OrderTerms(
                    client_order_id=ids[len(legs)],
                    strategy=strategy,
                    symbol=symbol,
                    side=side,
                    quantity=quantity,
                    order_type=OrderType.STOP if stop else OrderType.LIMIT,
                    time_in_force=TimeInForce.GTC,
                    stop_price=price if stop else None,
                    limit_price=None if stop else price,
                    role=role,
                    parent=guard.entry,
                    oco_group=group,
                )
            )
    return legs
