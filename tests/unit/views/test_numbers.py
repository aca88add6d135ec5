"""Numbers and times as people read them."""

from decimal import Decimal

from holdfast.views.numbers import change, many, money, to_the_second, when


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
    assert to_the_second("2026-11-20T18:20:02.398732459Z") == "2026-11-20 18:20:02"
