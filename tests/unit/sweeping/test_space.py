"""Values of parameters as people write them, and their combinations."""

from decimal import Decimal
from enum import Enum
from itertools import product

import numpy as np
import pytest

from holdfast import Annotated, Meta, Parameters, Strategy
from holdfast.errors import InvalidValue
from holdfast.sweeping.space import Combination, Space, drawn, grid, space_of


class Kind(Enum):
    """How it trades."""

    SLOW = "slow"
    FAST = "fast"


class Many(Strategy):
    """A strategy with parameters of all types."""

    class Params(Parameters, frozen=True):
        length: Annotated[int, Meta(ge=1, le=500)] = 10
        share: Annotated[float, Meta(gt=0)] = 0.5
        money: Decimal = Decimal(10)
        kind: Kind = Kind.SLOW
        at: str = "09:30"
        short: bool = False
        cap: int | None = None

    params: Params


def fine(combination: Combination) -> str | None:
    return None


def values(said: object, name: str = "length") -> list[object]:
    (axis,) = space_of({name: said}, Many).axes
    return list(axis.values)


@pytest.mark.parametrize(
    ("name", "said", "expected"),
    [
        ("length", "5:50:5", list(range(5, 51, 5))),
        ("length", "5:8", [5, 6, 7, 8]),
        ("length", "9:5:-2", [9, 7, 5]),
        ("length", "20,50,100", [20, 50, 100]),
        ("length", "1:3,10,20:30:10", [1, 2, 3, 10, 20, 30]),
        ("length", "7,7,5:7", [7, 5, 6]),
        ("length", 7, [7]),
        ("length", range(5, 20, 5), [5, 10, 15]),
        ("length", np.array([3, 4]), [3, 4]),
        ("share", "0.1:0.5:0.1", [0.1, 0.2, 0.3, 0.4, 0.5]),
        ("share", [0.25, Decimal("0.5")], [0.25, 0.5]),
        ("share", "1:3", [1.0, 2.0, 3.0]),
        ("money", "0.1:0.3:0.1", ["0.1", "0.2", "0.3"]),
        ("kind", "slow,fast", ["slow", "fast"]),
        ("kind", [Kind.FAST], ["fast"]),
        ("at", "09:30,10:00", ["09:30", "10:00"]),
        ("short", "true,false", [True, False]),
        ("short", [False, True], [False, True]),
        ("cap", "null,5:7", [None, 5, 6, 7]),
    ],
)
def test_values_are_what_was_written(name: str, said: object, expected: list[object]) -> None:
    """Ranges include their end and are exact; lists, texts, arrays and single values are taken as the field's type."""
    found = values(said, name)
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"lenght": "5:50:5"}, "did you mean length?"),
        ({}, "nothing to sweep"),
        ({"length": "0:10"}, "length=0: Expected `int` >= 1"),
        ({"length": "5:600:5"}, "length=505"),
        ({"length": "5:50:0"}, "no way to 50"),
        ({"length": "50:5:5"}, "no way to 5"),
        ({"length": "5:x:1"}, "'x' is no number"),
        ({"length": "5:nan"}, "'nan' is no number"),
        ({"length": "5.5:7.5:1"}, "length=5.5"),
        ({"length": "a"}, "length=a"),
        ({"length": ""}, "length="),
        ({"length": []}, "no values"),
        ({"length": "1:900000000000"}, "more than 100,000 values"),
        ({"length": range(10**9)}, ""),
        ({"share": "0.1:0.5"}, "say how far apart"),
        ({"share": "nan"}, "share=nan"),
        ({"share": [float("inf")]}, "share=inf"),
        ({"kind": "slwo"}, "kind=slwo"),
    ],
)
def test_what_cannot_be_meant_is_refused(said: dict[str, object], word: str) -> None:
    """One line that names the parameter and the value, and the nearest right word."""
    with pytest.raises(InvalidValue) as caught:
        space_of(said, Many)
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_grid_is_every_combination_once_in_order() -> None:
    """The combinations are those of itertools.product, the last parameter moving first."""
    space = space_of({"length": "1:3", "short": "true,false", "share": "0.5,1"}, Many)
    found, skipped = grid(space, fine)
    expected = [
        dict(zip(("length", "short", "share"), row, strict=True))
        for row in product((1, 2, 3), (True, False), (0.5, 1.0))
    ]
    assert found == expected
    assert skipped.count == 0


def test_combinations_that_the_strategy_refuses_are_counted() -> None:
    """What is refused as a whole is left out with its first reason; a space of nothing else is refused."""
    space = space_of({"length": "1:6"}, Many)
    found, skipped = grid(space, lambda one: None if one["length"] % 2 else f"{one['length']} is even")
    assert [one["length"] for one in found] == [1, 3, 5]
    assert skipped.words == "3 combinations are not tried: 2 is even, and the like"
    with pytest.raises(InvalidValue, match="none of 6 combinations can be tried: no"):
        grid(space, lambda one: "no")


@pytest.mark.parametrize("seed", [1, 2, 77])
def test_a_draw_is_made_of_combinations_that_are_there_each_once(seed: int) -> None:
    """A draw has as many as asked for, without repeats; the same seed draws the same; all of them are drawn where none are left."""
    space = space_of({"length": "1:20", "share": "0.1:0.5:0.1"}, Many)
    every, _ = grid(space, fine)
    found, _ = drawn(space, 30, seed, fine)
    assert len(found) == 30
    assert all(one in every for one in found)
    assert len({str(one) for one in found}) == 30
    assert found == drawn(space, 30, seed, fine)[0]
    assert found != drawn(space, 30, seed + 1, fine)[0]
    whole, _ = drawn(space, 1000, seed, fine)
    assert sorted(map(str, whole)) == sorted(map(str, every))


def test_a_draw_goes_on_past_what_is_refused() -> None:
    """As many sound combinations as asked for are found, however many are refused on the way."""
    space = space_of({"length": "1:500"}, Many)
    found, skipped = drawn(space, 10, 1, lambda one: None if one["length"] % 10 == 0 else "not round")
    assert len(found) == 10
    assert skipped.count > 0


def test_a_huge_space_is_for_a_draw() -> None:
    """A grid of too many combinations is refused before any is made, and a draw of it is not."""
    space = Space(space_of({"length": "1:500", "share": "0.001:0.5:0.001", "cap": "1:500"}, Many).axes)
    with pytest.raises(InvalidValue, match=r"125,000,000 combinations; take fewer values, or --random"):
        grid(space, fine)
    assert len(drawn(space, 5, 1, fine)[0]) == 5
