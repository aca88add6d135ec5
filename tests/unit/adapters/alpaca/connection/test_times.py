"""Times as Alpaca writes them."""

import pytest

from holdfast.adapters.alpaca.connection.times import parse_time_ns
from holdfast.errors import InvalidValue

SECOND = 1_704_205_800  # 2024-01-02T14:30:00Z


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("2024-01-02T14:30:00Z", 0),
        ("2024-01-02T14:30:00.123456789Z", 123_456_789),
        ("2024-01-02T14:30:00.5Z", 500_000_000),
        ("2024-01-02T09:30:00-05:00", 0),
        ("2024-01-02T09:30:00.000000001-05:00", 1),
        ("2024-01-02T14:30:00+00:00", 0),
        ("2024-01-02T20:00:00+05:30", 0),
        ("2024-01-02 14:30:00Z", 0),
    ],
)
def test_every_decimal_and_offset_counts(text: str, nanoseconds: int) -> None:
    """Nanoseconds are kept, and New York's offset is taken off."""
    assert parse_time_ns(text) == SECOND * 1_000_000_000 + nanoseconds


@pytest.mark.parametrize(
    "text", ["", "today", "2024-01-02", "2024-01-02T14:30:00", "2024-13-02T14:30:00Z", "2024-01-02T14:30:00X"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """Nothing is guessed, no zone either."""
    with pytest.raises(InvalidValue, match="RFC 3339"):
        parse_time_ns(text)
