"""Times as Kite writes them: on the clocks of India, without a zone."""

import datetime as dt
from zoneinfo import ZoneInfo

from holdfast.core.types import SECOND_NS

ZONE_NAME = "Asia/Kolkata"
IST = ZoneInfo(ZONE_NAME)
TOKENS_DIE_AT = dt.time(6, 0)
"""When the access tokens of a day end, on the next (regulatory)."""


def ist(time_ns: int) -> dt.datetime:
    """A time in UTC nanoseconds on India's clocks, to the second."""
    return dt.datetime.fromtimestamp(time_ns // SECOND_NS, IST)


def stamp(time_ns: int) -> str:
    """``2024-07-10 09:15:00``."""
    return ist(time_ns).strftime("%Y-%m-%d %H:%M:%S")


def clock_time(time_ns: int) -> str:
    """``09:15:00``."""
    return ist(time_ns).strftime("%H:%M:%S")


def to_ns(moment: dt.datetime) -> int:
    """An aware time in UTC nanoseconds."""
    since = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000


def token_end_ns(made_ns: int) -> int:
    """When an access token that is made now dies: at the next six o'clock in the morning."""
    made = ist(made_ns)
    end = dt.datetime.combine(made.date(), TOKENS_DIE_AT, IST)
    return to_ns(end if made < end else end + dt.timedelta(days=1))
