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
from holdfast.venue.path import CLOSE_ALONE, OPEN, After, Point, best, towards_best, towards_worst, worst

Offer = tuple[Price, bool, After | None]
"""A price, whether slippage applies to it, and what of a bar certainly comes after it (None: it is not within a bar)."""
Met = tuple[Offer | None, bool]
"""What a bar offers, and whether the bar says so for certain."""

_LIMIT = OrderType.LIMIT
_MARKET = OrderType.MARKET
_TRAILING = OrderType.TRAILING_STOP
_NOTHING: Met = None, True


def at_price(order: VenueOrder, price: float, tick: TickRule, after: After | None = None) -> Offer | None:
    """The order meets one price that it can trade at: the market on arrival, or a bar's open (``after``)."""
    order.met = True
    if order.working is _MARKET:
        return Price(from_float(price)), True, after
    if order.working is not _LIMIT:
        if not _stop_reached(order, price):
            _follow(order, price, tick)
            return None
        order.trigger()
        if order.working is _MARKET:
            return Price(from_float(price)), True, after
    return (Price(from_float(price)), False, after) if _limit_reached(order, price) else None


def at_tick(order: VenueOrder, price: float, tick: TickRule) -> Offer | None:
    """A quote or trade comes along. A limit order that was there before it trades at its own price, not a better one."""
    if order.met and order.working is _LIMIT:
        return (order.limit_price, False, None) if _limit_reached(order, price) else None
    return at_price(order, price, tick)


def in_range(order: VenueOrder, bar: Bar, tick: TickRule) -> Met:
    """What a bar offers after its open, of which only high, low and close are known, not their order."""
    if order.working is _MARKET:
        return _NOTHING
    side = order.terms.side
    if order.working is _LIMIT:
        found = _limit_reached(order, best(bar, side))
        return ((order.limit_price, False, towards_best(side)), True) if found else _NOTHING
    return _stop_in(order, bar, tick, worst_ahead=True, best_ahead=True)


def on_path(order: VenueOrder, bar: Bar, point: Point, tick: TickRule) -> Met:
    """What is left of a bar for an order that a fill within it has led to.

    What is not certain is taken the worse way: a stop counts as reached, a limit does not.
    """
    order.met = True
    side, (price, after) = order.terms.side, point
    if order.working is not _LIMIT:
        if not _stop_reached(order, price):
            _follow(order, price, tick)
            return _stop_in(order, bar, tick, worst_ahead=after.worst(side), best_ahead=after.best(side))
        order.trigger()
        if order.working is _MARKET:
            return (Price(from_float(price)), True, after), True
    if _limit_reached(order, price):
        return (Price(from_float(price)) if after == OPEN else order.limit_price, False, after), True
    if not _limit_reached(order, best(bar, side)):
        return _NOTHING
    if after.best(side):
        return (order.limit_price, False, towards_best(side)), True
    by_close = _limit_reached(order, bar.close)
    return ((order.limit_price, False, CLOSE_ALONE) if by_close else None), by_close


def point_at(offer: Offer | None) -> Point | None:
    """Where in a bar an offer lies; None when it is in none."""
    if offer is None or offer[2] is None:
        return None
    return Point(float(offer[0]), offer[2])


def could_fill(order: VenueOrder, bar: Bar) -> bool:
    """Whether a bar's range holds the price of a limit order."""
    return order.working is _LIMIT and _limit_reached(order, best(bar, order.terms.side))


def _stop_in(order: VenueOrder, bar: Bar, tick: TickRule, *, worst_ahead: bool, best_ahead: bool) -> Met:
    """A stop that the last price has not reached, and what is left of a bar: the old stop first, then the best price moves it."""
    side, before = order.terms.side, order.extreme
    most = best(bar, side) if best_ahead else bar.close
    if _stop_reached(order, worst(bar, side)):
        is_certain = worst_ahead or _stop_reached(order, bar.close)
        may_have_moved = order.working is _TRAILING and order.sign * most < order.sign * before
        offer, is_sure = _triggered_within(order, bar, towards_worst(side) if worst_ahead else CLOSE_ALONE)
        return offer, is_certain and is_sure and not may_have_moved
    if order.working is not _TRAILING:
        return _NOTHING
    _follow(order, most, tick)
    if _stop_reached(order, bar.close):  # the close comes after the best price, so this stop was passed on the way
        return _triggered_within(order, bar, CLOSE_ALONE)
    return None, not _stop_reached(order, worst(bar, side))


def _triggered_within(order: VenueOrder, bar: Bar, after: After) -> Met:
    order.trigger()
    if order.working is _MARKET:
        return (order.stop_price, True, after), True
    if _limit_reached(order, order.stop):
        return (order.stop_price, False, after), True
    # Of the rest of the bar only the close is known to come afterwards.
    if _limit_reached(order, bar.close):
        return (order.limit_price, False, CLOSE_ALONE), True
    return None, not _limit_reached(order, best(bar, order.terms.side))


def _stop_reached(order: VenueOrder, price: float) -> bool:
    return order.sign * price >= order.sign * order.stop


def _limit_reached(order: VenueOrder, price: float) -> bool:
    return order.sign * price <= order.sign * order.limit


def _follow(order: VenueOrder, price: float, tick: TickRule) -> None:
    """Draws a trailing stop after a better price; other orders stay."""
    if order.working is not _TRAILING or order.sign * price >= order.sign * order.extreme:
        return
    order.extreme = price
    stop_price = _trailing_stop(order.terms, price, tick)
    stop = float(stop_price)
    if order.sign * stop < order.sign * order.stop:  # nearer to the market than where it began
        order.stop_price, order.stop = stop_price, stop


def _trailing_stop(terms: OrderTerms, extreme: float, tick: TickRule) -> Price:
    best = from_float(extreme)
    trail = best * (terms.trail_percent or ZERO) / 100 if terms.trail_amount is None else terms.trail_amount
    return Price(round_against(best + terms.side.sign * trail, terms.side, tick))
