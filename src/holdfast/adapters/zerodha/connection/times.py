"""Times as Kite writes them: of India, without a zone in most answers, with +0530 in candles, in seconds since the epoch in ticks."""

import datetime as dt
from functools import lru_cache

from holdfast.core.types import DAY_NS, SECOND_NS
from holdfast.errors import InvalidValue

IST_NS = (5 * 3600 + 1800) * SECOND_NS
"""How far India's clocks are ahead of UTC; there has been no other time since 1945."""
TOKENS_DIE_NS = 6 * 3600 * SECOND_NS
"""The hour of India's day at which access tokens end (regulatory)."""
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001  India's clocks are read without a zone, as they are written
_FORMS = {19: "%Y-%m-%d %H:%M:%S", 10: "%Y-%m-%d"}
_ZONED = 24  # characters of 2024-07-10T09:15:00+0530


@lru_cache(4_096)
def parse_time_ns(text: str) -> int:
    """Nanoseconds since the epoch of ``2024-07-10 09:15:00`` (India's), ``2024-07-10`` or ``2024-07-10T09:15:00+0530``.

    Raises :class:`~holdfast.errors.InvalidValue`.
    """
    try:
        if len(text) == _ZONED:
            zoned = dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")
            return round(zoned.timestamp()) * SECOND_NS
        naive = dt.datetime.strptime(text.replace("T", " "), _FORMS[len(text)])  # noqa: DTZ007  it is India's
    except (AttributeError, KeyError, TypeError, ValueError):
        raise InvalidValue(f"{text!r} is no time as Kite writes it") from None
    return round((naive - _EPOCH).total_seconds()) * SECOND_NS - IST_NS


def ist_text(time_ns: int) -> str:
    """``2024-07-10 09:15:00``: a time in UTC nanoseconds on India's clocks, as requests name it."""
    moment = _EPOCH + dt.timedelta(seconds=(time_ns + IST_NS) // SECOND_NS)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def ist_date(time_ns: int) -> str:
    """``2024-07-10``: India's date."""
    return ist_text(time_ns)[:10]


def token_end_ns(made_ns: int) -> int:
    """When an access token that was made at a time ends: at the next six in the morning of India."""
    midnight_ns = made_ns - (made_ns + IST_NS) % DAY_NS
    end_ns = midnight_ns + TOKENS_DIE_NS
    return end_ns if made_ns < end_ns else end_ns + DAY_NS
