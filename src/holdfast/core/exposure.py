"""What an account's position may come to, however what is open fills."""

from decimal import ROUND_UP, Decimal

from holdfast.core.orders.order import Order
from holdfast.core.state import EngineState
from holdfast.core.types import ZERO, Price


def worst_case(state: EngineState, symbol: str) -> tuple[Decimal, Decimal]:
    """The account's position in a symbol if every open buy filled, and if every open sell did."""
    position = state.portfolio.quantity(symbol)
    bought = state.orders.open_buys.get(symbol)
    sold = state.orders.open_sells.get(symbol)
    worst_long, worst_short = position + bought if bought else position, position - sold if sold else position
    for order in state.orders.by_notional.values():  # orders of others: hardly ever any
        if order.terms.symbol == symbol:
            units = _units_of(order, state.price(symbol))
            worst_long, worst_short = worst_long + max(units, ZERO), worst_short + min(units, ZERO)
    return worst_long, worst_short


def _units_of(order: Order, price: Price | None) -> Decimal:
    """What an order for an amount of money may still trade, signed, at the last price; a hundredth more, lest that has moved.

    Without a price a unit counts as 1 (`views._holding`), and so the amount as what it is.
    """
    units = order.open_notional * order.terms.side.sign * Decimal("1.01") / (price or 1)
    return units.quantize(Decimal("1e-9"), rounding=ROUND_UP)
