"""What the data say a symbol's price was at given moments, found in one pass over them."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import NamedTuple

from holdfast.core.adjustments import CorporateAction
from holdfast.core.messages import Bar, FeedEvent, Quote, Trade
from holdfast.core.types import Side, from_float


class Moment(NamedTuple):
    """A symbol at a time, as the side that trades sees it. ``at_open``: what the bar opened at that begins then."""

    symbol: str
    time_ns: int
    at_open: bool
    side: Side


class Day(NamedTuple):
    """A trading day and when it ends."""

    name: str
    end_ns: int


class Prices(NamedTuple):
    """What was found: the price at each moment where there was one, and each symbol's last at the end of each day, by the day's name."""

    at: dict[Moment, Decimal]
    days: dict[str, dict[str, Decimal]]


def find(events: Iterable[FeedEvent], moments: Iterable[Moment], day_of: Callable[[int], Day]) -> Prices:
    """Go over the events once.

    At the end of a bar the price is its close. Within a bar nobody can say; it is what the bar knows nearest to the time, its open or
    its close. On ticks it is the last before the time or at it.
    """
    waiting: dict[str, list[Moment]] = defaultdict(list)
    for moment in sorted(set(moments), key=lambda each: (each.time_ns, each.at_open), reverse=True):
        waiting[moment.symbol].append(moment)
    found: dict[Moment, Decimal] = {}
    last: dict[str, Bar | Quote | Trade] = {}
    days: dict[str, dict[str, Decimal]] = {}
    day = Day("", -1)
    for event in events:
        if isinstance(event, CorporateAction):
            continue
        if event.time_ns > day.end_ns:
            begun = day_of(event.time_ns)
            if day.name and begun.name != day.name:
                days[day.name] = {symbol: _price(each) for symbol, each in last.items()}
            day = begun
        asked = waiting.get(event.symbol)
        while asked and (answer := _answer(asked[-1], event, last.get(event.symbol))) is not None:
            found[asked.pop()] = answer
        last[event.symbol] = event
    if day.name:
        days[day.name] = {symbol: _price(each) for symbol, each in last.items()}
    for symbol, asked in waiting.items():
        if symbol in last:
            found.update({moment: _price(last[symbol], moment.side) for moment in asked})
    return Prices(found, days)


def _answer(moment: Moment, event: Bar | Quote | Trade, last: Bar | Quote | Trade | None) -> Decimal | None:
    """The price at a moment, if this event settles it."""
    time_ns = moment.time_ns
    if not isinstance(event, Bar):
        return _price(last or event, moment.side) if time_ns < event.time_ns else None
    if time_ns < event.start_ns or (time_ns == event.start_ns and not moment.at_open):
        return _price(last, moment.side) if last is not None else from_float(event.open)
    if time_ns > event.time_ns or (time_ns == event.time_ns and moment.at_open):
        return None
    is_early = moment.at_open or time_ns - event.start_ns <= event.time_ns - time_ns
    return from_float(event.open if is_early else event.close)


def _price(event: Bar | Quote | Trade, side: Side | None = None) -> Decimal:
    if isinstance(event, Bar):
        return from_float(event.close)
    if isinstance(event, Trade):
        return from_float(event.price)
    if not event.bid or not event.ask:
        return from_float(event.bid or event.ask)
    if side is None:
        return (from_float(event.bid) + from_float(event.ask)) / 2
    return from_float(event.ask if side is Side.BUY else event.bid)
