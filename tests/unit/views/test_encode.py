"""Views as JSON."""

from decimal import Decimal

import msgspec

from holdfast.core.types import Side
from holdfast.views.encode import as_json


class Inner(msgspec.Struct):
    side: Side


class View(msgspec.Struct):
    amount: Decimal
    made_ns: int
    ended_ns: int | None
    parts: list[Inner]
    limits: dict[str, Decimal]


def test_numbers_are_exact_and_times_are_iso() -> None:
    """A field of nanoseconds is a time without its unit in the name; what is inside goes by the same rule."""
    view = View(Decimal("1.500"), 1_700_000_000_000_000_000, None, [Inner(Side.BUY)], {"a": Decimal("1E+2")})
    assert as_json(view) == {
        "amount": "1.5",
        "made": "2023-11-14T22:13:20Z",
        "ended": None,
        "parts": [{"side": "buy"}],
        "limits": {"a": "100"},
    }
