"""An account's worth over time in bounded memory: what a chart and a drawdown need of it is kept, however many bars there are.

Of each stretch of time the first, the lowest, the highest and the last mark are kept, each with its own time (the "M4"
aggregation; Jugel et al., *M4: A Visualization-Oriented Time Series Data Aggregation*, VLDB 2014). A stretch begins as long as
`FIRST_STRETCH_NS`, ends with its session at the latest, and becomes twice as long whenever more than `MOST_MARKS` are kept. So the last
mark of every session stays, and so do the highs and lows.
"""

from array import array
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.types import MINUTE_NS

MOST_MARKS = 8_000
"""So many points are more than any screen shows; 24 bytes each."""
FIRST_STRETCH_NS = MINUTE_NS

NEVER_NS = 1 << 62

Mark = tuple[int, float, float]
"""A time, what the account was worth then, and what its positions were worth without their signs."""
NO_MARK: Mark = (0, 0.0, 0.0)


class Marks:
    """Takes marks in order of time with :meth:`add`; :meth:`finish` ends them.

    A mark that is not after ``end_ns``, nor below ``low`` or above ``high``, may be put into ``last`` instead, which saves a call.
    """

    def __init__(self, calendar: TradingCalendar) -> None:
        self._calendar = calendar
        self._stretch_ns = FIRST_STRETCH_NS
        self._most = MOST_MARKS
        self.time_ns = array("q")
        self.equity = array("d")
        self.exposure = array("d")
        self._first = self._lowest = self._highest = self.last = NO_MARK
        self.end_ns = 0
        self.low = self.high = 0.0
        self._session_end_ns = 0

    def add(self, time_ns: int, equity: float, exposure: float) -> None:
        """Take a mark. Of those of one time the last one counts as the stretch's last."""
        mark = (time_ns, equity, exposure)
        if time_ns > self.end_ns:
            self._roll(time_ns)
            self._first = self._lowest = self._highest = mark
            self.low = self.high = equity
        elif equity < self.low:
            self._lowest, self.low = mark, equity
        elif equity > self.high:
            self._highest, self.high = mark, equity
        self.last = mark

    def finish(self) -> None:
        """No more will come."""
        self._flush()
        self._first = NO_MARK

    def put(self, marks: Sequence[Mark]) -> None:
        """Keep these as well, which were taken before and may have been left out; for after the end."""
        kept = set(zip(self.time_ns, self.equity, self.exposure, strict=True))
        together = [
            *(mark for mark in marks if mark not in kept),
            *zip(self.time_ns, self.equity, self.exposure, strict=True),
        ]
        together.sort(key=itemgetter(0))  # of one time the last one stays the last
        self.time_ns, self.equity, self.exposure = array("q"), array("d"), array("d")
        for mark in together:
            self._append(mark)

    def _roll(self, time_ns: int) -> None:
        """The stretch is over; another begins, to which ``time_ns`` belongs. What ends as it begins belongs to the one before."""
        self._flush()
        if len(self.time_ns) > self._most:
            self._thin()
        if time_ns > self._session_end_ns:
            self._session_end_ns = self._session_end(time_ns)
        end_ns = -(-time_ns // self._stretch_ns) * self._stretch_ns
        self.end_ns = min(end_ns, self._session_end_ns)

    def _session_end(self, time_ns: int) -> int:
        index = self._calendar.index_at(time_ns - 1) + 1
        days = self._calendar.days
        return days[index].start_ns if index < len(days) else NEVER_NS

    def _flush(self) -> None:
        if self._first is NO_MARK:
            return
        last = self.last
        for mark in sorted({self._first, self._lowest, self._highest} - {last}):
            self._append(mark)
        self._append(last)

    def _append(self, mark: Mark) -> None:
        self.time_ns.append(mark[0])
        self.equity.append(mark[1])
        self.exposure.append(mark[2])

    def _thin(self) -> None:
        """Make the stretches twice as long until fewer than half of the most are left, or each is a session."""
        import numpy as np

        times, equity, exposure = (np.array(column) for column in (self.time_ns, self.equity, self.exposure))
        starts = np.array([day.start_ns for day in self._calendar.days], dtype=np.int64)
        sessions = np.searchsorted(starts, times - 1, side="right")
        while len(times) > self._most // 2 and self._stretch_ns < NEVER_NS // 4:
            self._stretch_ns *= 2
            keep = _first_low_high_last(sessions, -(-times // self._stretch_ns), equity)
            times, equity, exposure, sessions = times[keep], equity[keep], exposure[keep], sessions[keep]
        self._most = max(self._most, 2 * len(times))
        self.time_ns, self.equity = array("q", times.tobytes()), array("d", equity.tobytes())
        self.exposure = array("d", exposure.tobytes())


def _first_low_high_last(sessions: Any, stretches: Any, equity: Any) -> Any:
    """The places to keep, in order: of each stretch of a session four, or fewer where they are the same."""
    import numpy as np

    changes = (np.diff(sessions) != 0) | (np.diff(stretches) != 0)
    begins = np.concatenate(([0], np.flatnonzero(changes) + 1))
    ends = np.append(begins[1:], len(equity))
    group = np.repeat(np.arange(len(begins)), ends - begins)
    order = np.lexsort((np.arange(len(equity)), equity, group))
    return np.unique(np.concatenate((begins, ends - 1, order[begins], order[ends - 1])))
