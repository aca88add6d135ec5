"""Times as Kite writes them, against the time zone's own table."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from holdfast.adapters.zerodha.connection.times import ist_date, ist_text, parse_time_ns, token_end_ns
from holdfast.errors import InvalidValue

IST = ZoneInfo("Asia/Kolkata")


def at(text: str) -> int:
    """A time of India, by the library."""
    return round(dt.datetime.fromisoformat(text).replace(tzinfo=IST).timestamp()) * 1_000_000_000


@pytest.mark.parametrize("text", ["2024-07-10 09:15:00", "2019-01-01 00:00:00", "2030-12-31 23:59:59"])
def test_there_and_back(text: str) -> None:
    """A time without a zone is India's; one with a zone has its own."""
    assert parse_time_ns(text) == at(text)
    assert ist_text(parse_time_ns(text)) == text
    assert parse_time_ns(text.replace(" ", "T") + "+0530") == at(text)
    assert ist_date(at(text)) == text[:10]


@pytest.mark.parametrize("text", ["", "09:15:00", "2024-07-10T09:15:00Z", "2024-13-10 09:15:00", "x" * 19, None])
def test_what_is_none(text: str) -> None:
    """Is refused, and not guessed at."""
    with pytest.raises(InvalidValue):
        parse_time_ns(text)


@pytest.mark.parametrize(
    ("made", "end"),
    [
        ("2024-07-10 05:59:59", "2024-07-10 06:00:00"),
        ("2024-07-10 06:00:00", "2024-07-11 06:00:00"),
        ("2024-07-10 23:30:00", "2024-07-11 06:00:00"),
        ("2024-07-11 00:10:00", "2024-07-11 06:00:00"),
    ],
)
def test_tokens_end_at_the_next_six(made: str, end: str) -> None:
    """Of India's morning."""
    assert ist_text(token_end_ns(at(made))) == end
