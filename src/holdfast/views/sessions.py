"""Where in its exchange's day an account is."""

import msgspec

from holdfast.assembly import calendar_of
from holdfast.calendars import zone_of
from holdfast.config import AccountConfig
from holdfast.errors import InvalidValue

OPEN, BREAK, BEFORE, AFTER = "open", "break", "before the open", "closed"


class SessionView(msgspec.Struct, frozen=True):
    """The phase of an exchange's day at a moment."""

    calendar: str
    """The exchange's code, such as XNYS; 24/7 never closes."""
    zone: str
    """The exchange's own time zone."""
    date: str
    """The trading day, ISO; empty where the calendar doesn't cover the moment."""
    phase: str
    """``open``, ``break``, ``before the open``, ``closed``."""
    next_change_ns: int | None
    """When the next phase begins, in nanoseconds since 1970; None for an exchange that never closes."""
    next_phase: str
    """Which it is."""
    is_guess: bool
    """Whether that day's holidays aren't known yet."""


def session(account: AccountConfig, time_ns: int) -> SessionView:
    """Where the account's exchange is at a time of its market. Raises ConfigError."""
    calendar = calendar_of(account)
    zone = zone_of(calendar.name)
    try:
        day = calendar.day_at(time_ns)
        following_ns = calendar.next_open_ns(time_ns)
    except InvalidValue:
        return SessionView(calendar.name, zone, "", AFTER, None, "", False)
    edges = [(day.open_ns, OPEN), (day.close_ns, AFTER)]
    if day.break_ns is not None:
        edges += [(day.break_ns[0], BREAK), (day.break_ns[1], OPEN)]
    edges.append((following_ns, OPEN))
    edges.sort()
    phase, change = BEFORE, edges[0]
    for index, (edge_ns, begins) in enumerate(edges[:-1]):
        if edge_ns <= time_ns:
            phase, change = begins, edges[index + 1]
    if change[0] - day.close_ns == 0 and following_ns == day.close_ns:  # the next session begins as this one ends
        return SessionView(calendar.name, zone, day.date, phase, None, phase, day.is_guess)
    return SessionView(calendar.name, zone, day.date, phase, change[0], change[1], day.is_guess)
