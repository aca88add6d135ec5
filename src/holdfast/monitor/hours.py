"""Time by an exchange's clock: what goes by while it is closed doesn't count as silence."""

from collections.abc import Iterator

from holdfast.core.session.calendar import TradingCalendar, TradingDay
from holdfast.errors import InvalidValue

LOOKED_BACK = 30
"""Sessions that are looked through; silence that lasts longer is as good as for ever."""


def is_open(calendar: TradingCalendar, time_ns: int) -> bool:
    """Whether the exchange trades at a time. A time that its table doesn't cover counts as open."""
    try:
        day = calendar.day_at(time_ns)
    except InvalidValue:
        return True
    return any(start_ns <= time_ns < end_ns for start_ns, end_ns in _parts(day))


def open_ns(calendar: TradingCalendar, since_ns: int, until_ns: int) -> int:
    """How long the exchange has traded between two times, in nanoseconds, the last `LOOKED_BACK` sessions counted."""
    if until_ns <= since_ns:
        return 0
    try:
        index = calendar.index_at(until_ns)
    except InvalidValue:
        return until_ns - since_ns
    total_ns = 0
    for day in reversed(calendar.days[max(0, index - LOOKED_BACK + 1) : index + 1]):
        parts = ((max(start_ns, since_ns), min(end_ns, until_ns)) for start_ns, end_ns in _parts(day))
        total_ns += sum(max(0, end_ns - start_ns) for start_ns, end_ns in parts)
        if day.start_ns <= since_ns:
            break
    return total_ns


def next_open_ns(calendar: TradingCalendar, time_ns: int) -> int | None:
    """When the exchange trades again after a time at which it doesn't; None where its table ends."""
    try:
        day = calendar.day_at(time_ns)
        if day.break_ns is not None and day.break_ns[0] <= time_ns < day.break_ns[1]:
            return day.break_ns[1]
        return calendar.next_open_ns(time_ns)
    except InvalidValue:
        return None


def session_ns(calendar: TradingCalendar, time_ns: int) -> int | None:
    """How long the exchange trades on the day of a time; None where its table doesn't say."""
    try:
        return sum(end_ns - start_ns for start_ns, end_ns in _parts(calendar.day_at(time_ns)))
    except InvalidValue:
        return None


def _parts(day: TradingDay) -> Iterator[tuple[int, int]]:
    if day.break_ns is None:
        yield day.open_ns, day.close_ns
    else:
        yield day.open_ns, day.break_ns[0]
        yield day.break_ns[1], day.close_ns
