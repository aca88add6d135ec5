"""The zone of an exchange's days."""

from holdfast.calendars import ALWAYS_OPEN, canonical, index, read_table, trading_calendar


def zone_of_calendar(name: str) -> str:
    """The zone whose midnights begin the days of a calendar. Raises :class:`~holdfast.errors.ConfigError` for one there isn't."""
    own = canonical(name)
    if own == ALWAYS_OPEN:
        return "UTC"
    if own not in index().calendars:
        trading_calendar(own)  # which says what is near
    return read_table(own).zone
