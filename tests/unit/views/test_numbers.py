"""Numbers and times as people read them."""

from decimal import Decimal

import pytest

from holdfast.errors import ConfigError
from holdfast.views.numbers import GROUPING, ZONE, change, count, many, money, price, when, zone_name


def test_one_is_not_plural() -> None:
    """Nor is a thousand without its comma."""
    assert [many(number, "position") for number in (0, 1, 2, 1234)] == [
        "0 positions", "1 position", "2 positions", "1,234 positions",
    ]  # fmt: skip


def test_nothing_has_no_sign() -> None:
    """What rounds to nothing is neither won nor lost."""
    for value in (Decimal("-0.001"), Decimal("0.004"), Decimal("-0"), Decimal(0), -1e-9, 0.0):
        assert change(value, "%") == "0.00%"
        assert money(Decimal(value)) == "0.00"
    assert [change(value) for value in (Decimal("-0.01"), 1234.5, Decimal("-0.006"))] == ["-0.01", "+1,234.50", "-0.01"]
    assert money(Decimal("-1234")) == "-1,234.00"


def test_no_time_is_not_1970() -> None:
    """Before the first event there is none, and the column stays as wide."""
    assert when(0).strip() == ""
    assert len(when(0)) == len(when(1_700_000_000_000_000_000)) == 19


def test_times_are_read_in_the_zone_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """UTC unless the environment names another, which is named beside them; one that there isn't is said so."""
    at_ns = 1_720_583_100_123_456_789
    assert (when(at_ns), zone_name(at_ns)) == ("2024-07-10 03:45:00", "UTC")
    monkeypatch.setenv(ZONE, "Asia/Kolkata")
    assert (when(at_ns), zone_name(at_ns)) == ("2024-07-10 09:15:00", "IST")
    monkeypatch.setenv(ZONE, "Asia/Bombai")
    with pytest.raises(ConfigError, match="HOLDFAST_ZONE: there is no time zone 'Asia/Bombai'"):
        when(at_ns)


def test_amounts_are_read_in_lakh_and_crore_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two digits to a group above the thousands, whatever the sign and the decimals."""
    monkeypatch.setenv(GROUPING, "lakh")
    whole = [money(Decimal(text)) for text in ("0", "999", "1000", "99999.5", "100000", "12345678.9", "-1234567")]
    assert whole == ["0.00", "999.00", "1,000.00", "99,999.50", "1,00,000.00", "1,23,45,678.90", "-12,34,567.00"]
    assert (change(Decimal(1234567), "%"), count(1_234_567)) == ("+12,34,567.00%", "12,34,567")
    assert (count(Decimal("1234567.5")), price(Decimal("1234567.12345"))) == ("12,34,567.5", "12,34,567.12345")
    monkeypatch.setenv(GROUPING, "million")
    with pytest.raises(ConfigError, match="HOLDFAST_GROUPING is 'million'; it is one of thousands, lakh"):
        money(Decimal(1))
