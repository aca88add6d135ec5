"""What happens at one time happens at once: the market's events of one instant, taken together.

A strategy that is shown one symbol's bar before another's of the same time could order the other at a price of its past. So
all events of an instant reach the exchange and the marks before any strategy is called, and they come in an order that
doesn't depend on the rows of a file.
"""

from collections.abc import Iterable, Iterator

from holdfast.core.adjustments import CorporateAction
from holdfast.core.messages import Bar, FeedEvent, Quote, Trade
from holdfast.core.types import iso_time
from holdfast.errors import DataError

Instant = tuple[FeedEvent, ...]
"""All market events of one time that are known together, in the order of `in_order`."""

MOST_EVENTS = 1_000_000
"""More events of one time than this are refused: some hundred times what the busiest second of all US shares has."""

_KINDS: dict[type, int] = {CorporateAction: -1, Bar: 0, Quote: 1, Trade: 2}


def in_order(events: Iterable[FeedEvent]) -> Instant:
    """Events of one time in the order in which they are taken.

    By symbol; of one symbol bars come first, for what they tell of is over, the one that began first before the others;
    then quotes, then trades. Quotes and trades of one symbol keep the order in which they were given: it is the exchange's.
    """
    found, last = tuple(events), ""
    for event in found:  # most feeds have them in order: nothing to sort where each symbol comes after the one before
        if event.symbol <= last:
            return tuple(sorted(found, key=_place))
        last = event.symbol
    return found


def instants(events: Iterable[FeedEvent]) -> Iterator[Instant]:
    """Events in order of time, those of one time together.

    An error of ``events`` comes through, and what had come of the instant at which it happened is not shown: half an
    instant is none. Raises :class:`~holdfast.errors.DataError` when too many events have one time.
    """
    rest = iter(events)
    first = next(rest, None)
    while first is not None:
        time_ns = first.time_ns
        event = next(rest, None)
        if event is None or event.time_ns != time_ns:
            yield (first,)
        else:
            together = [first]
            while event is not None and event.time_ns == time_ns:
                together.append(event)
                if len(together) > MOST_EVENTS:
                    raise DataError(
                        f"more than {MOST_EVENTS} market events have the time {iso_time(time_ns)}; use data with finer times"
                    )
                event = next(rest, None)
            yield in_order(together)
        first = event


def _place(event: FeedEvent) -> tuple[str, int, int]:
    return event.symbol, _KINDS[type(event)], event.start_ns if isinstance(event, Bar) else 0
