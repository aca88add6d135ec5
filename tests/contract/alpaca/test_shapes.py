"""The check of shapes finds what is wrong, so that its silence means something."""

from typing import Any

import pytest

from tests.contract.alpaca.shapes import wrong

SHAPE = {
    "id": "uuid",
    "qty": "money",
    "at": "time?",
    "legs": [{"n": "integer"}],
    "side": {"buy", "sell"},
    "more?": "text",
}
GOOD: dict[str, Any] = {
    "id": "9e67fcc6-1f63-55d8-8fcc-a8533c94a418",
    "qty": "-1.50",
    "at": None,
    "legs": [{"n": 1}],
    "side": "buy",
}


def test_what_is_right_passes() -> None:
    """An object as described has nothing wrong with it, with its optional keys or without."""
    assert not list(wrong(GOOD, SHAPE))
    assert not list(wrong(GOOD | {"more": "x", "at": "2024-07-10T13:30:00.123456789Z"}, SHAPE))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": "x"}, ".id: uuid is expected, not 'x'"),
        ({"qty": 1.5}, ".qty: money is expected, not 1.5"),
        ({"qty": "1E+3"}, ".qty: money"),
        ({"qty": None}, ".qty: money is expected, not None"),
        ({"at": "2024-07-10T13:30:00+00:00"}, ".at: time? is expected"),
        ({"legs": None}, ".legs: an array is expected"),
        ({"legs": [{"n": True}]}, ".legs[0].n: integer"),
        ({"legs": [{}]}, ".legs[0].n: is missing"),
        ({"side": "hold"}, ".side: one of ['buy', 'sell']"),
        ({"more": 1}, ".more: text"),
        ({"extra": 1}, ".extra: Alpaca has no such key"),
    ],
)
def test_what_is_wrong_is_found(change: dict[str, Any], said: str) -> None:
    """A value of the wrong kind, a key too few or too many is found, with where it is."""
    (found,) = wrong(GOOD | change, SHAPE)
    assert said in found
