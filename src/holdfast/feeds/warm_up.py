"""How far back strategies warm up."""

from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.types import MINUTE_NS


def warm_up_from_ns(calendar: TradingCalendar, until_ns: int, minutes: int) -> int:
    """The time from which on there are so many minutes of regular trading before ``until_ns``, or the calendar's first."""
    left_ns = minutes * MINUTE_NS
    day = calendar.day_at(until_ns)
    for earlier in reversed(calendar.days[: calendar.days.index(day) + 1]):
        open_for_ns = max(0, min(until_ns, earlier.close_ns) - earlier.open_ns)
        if open_for_ns >= left_ns:
            return min(until_ns, earlier.close_ns) - left_ns
        left_ns -= open_for_ns
    return calendar.days[0].open_ns
