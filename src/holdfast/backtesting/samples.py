"""The values of strategies' indicators over time: as many as a chart has room for, however many bars there are.

They are read as they stand when an instant is over, at first each time, and half as often whenever there are too many; every second one of those
that are kept goes then.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from holdfast.core.types import DAY_NS

MOST_VALUES = 400_000
"""16 bytes each."""
MOST_TIMES = 8_000
FEWEST_TIMES = 100

Key = tuple[str, str, str, str, str]
"""Strategy, symbol, indicator, output, panel."""


class Samples:
    """Reads with :meth:`take` when the time has come: at ``next_ns``. ``read`` gives the indicators as they stand (`IndicatorView`)."""

    def __init__(self, read: Callable[[], Sequence[Any]]) -> None:
        self._read = read
        self._gap_ns = 0
        self._last_ns = 0
        self.next_ns = 0
        self._columns: dict[Key, tuple[array[int], array[float]]] = {}

    def take(self, now_ns: int) -> None:
        """Note what each indicator shows. Where there is none, another look a day later is soon enough."""
        views = self._read()
        if not views:
            self.next_ns = now_ns + DAY_NS
            return
        most = 0
        for strategy, symbol, name, panel, values in views:
            for output, value in values.items():
                if value is not None:
                    key = str(strategy), symbol, name, output, str(getattr(panel, "value", panel))
                    times, numbers = self._columns.setdefault(key, (array("q"), array("d")))
                    times.append(now_ns)
                    numbers.append(value)
                    most = max(most, len(times))
        step_ns, self._last_ns = now_ns - self._last_ns, now_ns
        room = MOST_VALUES // max(1, len(self._columns))  # none while the first values are still to come
        if most >= max(FEWEST_TIMES, min(MOST_TIMES, room)):
            self._gap_ns = 2 * (self._gap_ns or step_ns)
            self._columns = {key: (times[::2], numbers[::2]) for key, (times, numbers) in self._columns.items()}
        self.next_ns = now_ns + self._gap_ns

    def columns(self) -> Iterator[tuple[Key, "array[int]", "array[float]"]]:
        """What was kept of each output: times and values."""
        for key, (times, numbers) in sorted(self._columns.items()):
            yield key, times, numbers
