"""The price rules: whether an order trades at a price or in a bar's range, and at what price.

Each function looks at one order and one piece of market data, moves the order's own state (triggered, trailing extreme) and
says the price it would trade at before slippage. How much trades is not decided here. A restart calls the same functions
and drops their answers, which is what makes it come to the same state.

For a buy ``sign`` is 1 and for a sell -1, so that ``sign * price >= sign * stop`` reads "at or through the stop" for both.
"""

from holdfast.core.messages import Bar, OrderTerms
from holdfast.core.types import ZERO, OrderType, Price, from_float
from holdfast.venue.models import TickRule, round_against
from holdfast.venue.order import VenueOrder

Offer = tuple[Price, bool]
"""A price, and whether slippage applies to it."""

_LIMIT = OrderType.LIMIT
_MARKET = OrderType.MARKET
_TRAILING = OrderType.TRAILING_STOP


def at_price(order: VenueOrder, price: float, tick: TickRule) -> Offer | None:
    """The order meets one price that it can trade at: the market on arrival, or a bar's open."""
    order.met = True
    if order.working is _MARKET:
        return Price(from_float(price)), True
    if order.working is not _LIMIT:
        if not _stop_reached(order, price):
            _follow(order, price, tick)
            return None
        order.trigger()
        if order.working is _MARKET:
            return Price(from_float(price)), True
    return (Price(from_float(price)), False) if _limit_reached(order, price) else None


def at_tick(order: VenueOrder, price: float, tick: TickRule) -> Offer | None:
    """A quote or trade comes along. A limit order that was there before it trades at its own price, not a better one."""
    if order.met and order.working is _LIMIT:
        return (order.limit_price, False) if _limit_reached(order, price) else None
    return at_price(order, price, tick)


def in_range(order: VenueOrder, bar: Bar, tick: TickRule) -> Offer | None:
    """What a bar offers after its open, of which only high, low and close are known, not their order."""
    if order.working is _MARKET:
        return None
    best, worst = (bar.low, bar.high) if order.sign > 0 else (bar.high, bar.low)
    if order.working is _LIMIT:
        return (order.limit_price, False) if _limit_reached(order, best) else None
    if _stop_reached(order, worst):
        return _triggered_within(order, bar)
    if order.working is _TRAILING:
        _follow(order, best, tick)
        if _stop_reached(order, bar.close):  # the close comes after the best price, so this stop was passed on the way
            return _triggered_within(order, bar)
    return None


def _triggered_within(order: VenueOrder, bar: Bar) -> Offer | None:
    order.trigger()
    if order.working is _MARKET:
        return order.stop_price, True
    if _limit_reached(order, order.stop):
        return order.stop_price, False
    # Of the rest of the bar only the close is known to come afterwards.
    return (order.limit_price, False) if _limit_reached(order, bar.close) else None


def _stop_reached(order: VenueOrder, price: float) -> bool:
    return order.sign * price >= order.sign * order.stop


def _limit_reached(order: VenueOrder, price: float) -> bool:
    return order.sign * price <= order.sign * order.limit


def _follow(order: VenueOrder, price: float, tick: TickRule) -> None:
    """Draws a trailing stop after a better price; other orders stay."""
    if order.working is not _TRAILING or order.sign * price >= order.sign * order.extreme:
        return
    order.extreme = price
    order.stop_price = _trailing_stop(order.terms, price, tick)
    order.stop = float(order.stop_price)


def _trailing_stop(terms: OrderTerms, extreme: float, tick: TickRule) -> Price:
    best = from_float(extreme)
    trail = best * (terms.trail_percent or ZERO) / 100 if terms.trail_amount is None else terms.trail_amount
    return Price(round_against(best + terms.side.sign * trail, terms.side, tick))
