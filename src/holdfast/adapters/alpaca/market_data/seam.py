"""Where old and new meet: what has been delivered last, and so what is new."""

from collections.abc import Iterable

from holdfast.adapters.alpaca.market_data.counts import Counts
from holdfast.adapters.alpaca.market_data.wire import Item, Key, Kind
from holdfast.core.messages import Bar, MarketEvent, Quote, Trade
from holdfast.core.types import MINUTE_NS

EVENT_OF: dict[Kind, type[MarketEvent]] = {Kind.TRADES: Trade, Kind.QUOTES: Quote, Kind.BARS: Bar}

SLACK_NS = 2 * MINUTE_NS
"""By how much events of different symbols and kinds may overtake each other on one socket: bars come some seconds after
their minute, and a bar says that its minute is over while trades of the next are already there."""


class _Mark:
    """The last delivered time of one symbol and kind, and the keys delivered of that time."""

    __slots__ = ("filled_ns", "keys", "time_ns")

    def __init__(self, time_ns: int, key: Key) -> None:
        self.time_ns = time_ns
        self.keys = {key}
        self.filled_ns = 0


class Seam:
    """Lets each event through once, in order of time for each symbol and kind.

    An event older than the last one let through can't be delivered any more. If a fetched gap reached that far it is a
    duplicate, else it came late; ``counts`` has both. Of one time, events with the same key are duplicates.
    """

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._marks: dict[type[MarketEvent], dict[str, _Mark]] = {Trade: {}, Quote: {}, Bar: {}}
        self._opened_ns: dict[Kind, int] = {}

    def admit(self, event: MarketEvent, key: Key) -> bool:
        """Whether the event is to be delivered; from then on it has been."""
        marks = self._marks[type(event)]
        mark = marks.get(event.symbol)
        time_ns = event.time_ns
        if mark is None:
            marks[event.symbol] = _Mark(time_ns, key)
            return True
        if time_ns > mark.time_ns:
            mark.time_ns = time_ns
            mark.keys.clear()
        elif time_ns < mark.time_ns:
            self._count_old(time_ns <= mark.filled_ns)
            return False
        elif key in mark.keys:
            self._counts.duplicates += 1
            return False
        mark.keys.add(key)
        return True

    def _count_old(self, is_duplicate: bool) -> None:
        if is_duplicate:
            self._counts.duplicates += 1
        else:
            self._counts.late += 1

    def is_open(self, kind: Kind) -> bool:
        """Whether events of this kind have been promised: since then none may be missing."""
        return kind in self._opened_ns

    def open(self, kind: Kind, time_ns: int) -> None:
        """From ``time_ns`` on every event of the kind is to be delivered."""
        self._opened_ns.setdefault(kind, time_ns)

    def missing_since_ns(self, kind: Kind, symbol: str) -> int:
        """From when on events may have been missed, if the connection was lost after the last one delivered."""
        opened_ns = self._opened_ns[kind]
        newest_ns = max((mark.time_ns for marks in self._marks.values() for mark in marks.values()), default=opened_ns)
        opened_ns = min(opened_ns, newest_ns)  # the clock it was taken from may be ahead of the events' times
        before_loss_ns = max(opened_ns, newest_ns - SLACK_NS)  # what was due before then came: the others' events did
        mark = self._marks[EVENT_OF[kind]].get(symbol)
        return before_loss_ns if mark is None else max(mark.time_ns, before_loss_ns)

    def note_filled(self, items: Iterable[Item]) -> None:
        """These were fetched: up to the last of them, what the stream brings is known already."""
        for event, _ in items:
            mark = self._marks[type(event)].get(event.symbol)
            if mark is not None and event.time_ns > mark.filled_ns:
                mark.filled_ns = event.time_ns
