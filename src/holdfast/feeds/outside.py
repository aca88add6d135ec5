"""Bars that lie outside the sessions of the calendar they are run on: usually the calendar is another market's."""

import numpy as np

from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.types import DAY_NS
from holdfast.feeds.files import FileFeed

MOST_ROWS = 200_000
"""So many bars are looked at, the first of the data: what is wrong for them is wrong for all."""
LEAST_SHARE = 0.01
"""Fewer are the odd bar at an open or a close."""
SATURDAY = 5


def outside_note(feed: FileFeed, calendar: TradingCalendar) -> str:
    """How many bars lie outside the sessions, with the calendar that fits where one goes round the clock; empty where hardly any do."""
    times_ns, ends_ns = feed.first_bars(MOST_ROWS)
    if not len(times_ns) or not calendar.days:
        return ""
    opens_ns = np.array([day.open_ns for day in calendar.days], dtype=np.int64)
    closes_ns = np.array([day.close_ns for day in calendar.days], dtype=np.int64)
    known = (ends_ns > opens_ns[0]) & (
        times_ns < closes_ns[-1]
    )  # of other years the calendar itself says that it knows none
    if not known.any():
        return ""
    times_ns, ends_ns = times_ns[known], ends_ns[known]
    following = np.minimum(np.searchsorted(closes_ns, times_ns, side="right"), len(opens_ns) - 1)
    is_outside = ends_ns <= opens_ns[following]
    share = float(is_outside.mean())
    if share < LEAST_SHARE:
        return ""
    return f"{share * 100:.0f} % of the bars lie outside the sessions of {calendar.name}{_fitting(times_ns, ends_ns)}"


def _fitting(times_ns: "np.typing.NDArray[np.int64]", ends_ns: "np.typing.NDArray[np.int64]") -> str:
    """What to write, if the times say it."""
    middles = (times_ns + ends_ns) // 2
    weekdays = (middles // DAY_NS + 3) % 7  # 1970-01-01 was a Thursday
    if (weekdays == SATURDAY).any():
        return '; for a market that never closes say calendar = "24/7"'
    hours = np.unique(middles % DAY_NS // (DAY_NS // 24))
    if len(hours) == 24:
        return '; for a market that closes at weekends only say calendar = "24/5"'
    return ": another exchange's calendar may fit, or they are hours before and after its session"
