"""Numbers and times as people read them."""

from holdfast.views.numbers import many, to_the_second, when


def test_one_is_not_plural() -> None:
    """Nor is a thousand without its comma."""
    assert [many(number, "position") for number in (0, 1, 2, 1234)] == [
        "0 positions", "1 position", "2 positions", "1,234 positions",
    ]  # fmt: skip


def test_no_time_is_not_1970() -> None:
    """Before the first event there is none, and the column stays as wide."""
    assert when(0).strip() == ""
    assert len(when(0)) == len(when(1_700_000_000_000_000_000)) == 19
    assert to_the_second("2026-11-20T18:20:02.398732459Z") == "2026-11-20 18:20:02"
