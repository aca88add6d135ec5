"""What an account's position may come to, however what is open fills."""

from decimal import ROUND_UP, Decimal
from typing import TYPE_CHECKING

from holdfast.core.orders.order import Order
from holdfast.core.protection.legs import at_work
from holdfast.core.types import ZERO, OrderRole, Price, Side, StrategyId

if TYPE_CHECKING:
    from holdfast.core.state import EngineState


def worst_case(state: "EngineState", symbol: str) -> tuple[Decimal, Decimal]:
    """The account's position in a symbol if every open buy filled, and if every open sell did.

    Where the books are known to differ from the broker's the position is any between the two.
    """
    position = state.portfolio.quantity(symbol)
    bought = state.orders.open_buys.get(symbol)
    sold = state.orders.open_sells.get(symbol)
    worst_long, worst_short = position + bought if bought else position, position - sold if sold else position
    if symbol in state.gaps:
        gap = state.gaps[symbol]
        worst_long, worst_short = worst_long + max(gap, ZERO), worst_short + min(gap, ZERO)
    for order in state.orders.by_notional.values():  # orders of others: hardly ever any
        if order.terms.symbol == symbol:
            units = _units_of(order, state.price(symbol))
            worst_long, worst_short = worst_long + max(units, ZERO), worst_short + min(units, ZERO)
    return worst_long, worst_short


def held(state: "EngineState", symbol: str, side: Side) -> Decimal:
    """What a way out on a side may close: of what the account holds as much as the books and the broker agree on."""
    sign = -side.sign
    ours = state.portfolio.quantity(symbol) * sign
    gap = state.gaps.get(symbol)
    return max(ZERO, ours if gap is None else min(ours, ours + gap * sign))


def uncommitted(state: "EngineState", symbol: str, side: Side, besides: StrategyId | None = None) -> Decimal:
    """What of that no order on its way out may take yet; below zero where they may take more than is there.

    Exits count, but for those of the strategy ``besides``.
    """
    orders = state.orders
    going = (orders.open_buys if side is Side.BUY else orders.open_sells).get(symbol, ZERO)
    live = list(orders.live.values())
    legs = [order for order in live if (order.terms.symbol, order.terms.side) == (symbol, side)]
    exits = (leg for leg in legs if leg.terms.role is not OrderRole.ENTRY and leg.terms.strategy != besides)
    return held(state, symbol, side) - going - at_work(exits)


def _units_of(order: Order, price: Price | None) -> Decimal:
    """What an order for an amount of money may still trade, signed, at the last price; a hundredth more, lest that has moved.

    Without a price a unit counts as 1 (`views._holding`), and so the amount as what it is.
    """
    units = order.open_notional * order.terms.side.sign * Decimal("1.01") / (price or 1)
    return units.quantize(Decimal("1e-9"), rounding=ROUND_UP)
