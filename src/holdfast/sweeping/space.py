"""The values that parameters are tried with, and their combinations."""

import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from math import isfinite, prod
from typing import Any, NamedTuple, get_type_hints

import msgspec

from holdfast.core.strategy.api import Strategy
from holdfast.errors import InvalidValue

Combination = dict[str, Any]
"""A value for each parameter that is swept, as JSON has it."""

MOST_VALUES = 100_000
"""Of one parameter."""
MOST_COMBINATIONS = 1_000_000
"""Of a grid; more than that is for random search."""
MOST_NAMED = 3
_RANGE = re.compile(r"([^:]+):([^:]+)(?::([^:]+))?")


class Axis(NamedTuple):
    """A parameter with its values in order."""

    name: str
    values: tuple[Any, ...]

    @property
    def is_ordered(self) -> bool:
        """Whether the values are numbers, so that neighbours are alike."""
        return all(number_of(value) is not None and not isinstance(value, bool) for value in self.values)


def number_of(value: Any) -> float | None:
    """A value as a number, if it is one; a Decimal is text in a combination."""
    if isinstance(value, (int, float)):
        return float(value)
    try:
        number = float(Decimal(value)) if isinstance(value, str) else None
    except InvalidOperation:
        return None
    return number if number is not None and isfinite(number) else None


class Space:
    """Every combination of the axes' values, numbered; the last axis moves first."""

    def __init__(self, axes: Iterable[Axis]) -> None:
        self.axes = tuple(axes)
        self.size = prod(len(axis.values) for axis in self.axes)

    def at(self, number: int) -> Combination:
        """The combination of a number from 0 to ``size`` - 1."""
        found: Combination = {}
        for axis in reversed(self.axes):
            number, place = divmod(number, len(axis.values))
            found[axis.name] = axis.values[place]
        return {axis.name: found[axis.name] for axis in self.axes}

    def described(self) -> dict[str, list[Any]]:
        """The values by parameter, as JSON has them."""
        return {axis.name: list(axis.values) for axis in self.axes}


def space_of(said: Mapping[str, Any], strategy: type[Strategy]) -> Space:
    """The space that ``said`` means: by parameter a text (``5:50:5``, ``20,50,100``), a range, a list or one value.

    Raises :class:`~holdfast.errors.InvalidValue` for a parameter that the strategy doesn't have and a value that it doesn't take.
    """
    if not said:
        raise InvalidValue(
            f"there is nothing to sweep; name a parameter of {strategy.__name__} and its values, such as fast=5:50:5"
        )
    return Space(_axis(name, values, strategy) for name, values in said.items())


def _axis(name: str, said: Any, strategy: type[Strategy]) -> Axis:
    fields = strategy.Params.__struct_fields__
    if name not in fields:
        near = get_close_matches(name, fields, n=1)
        hint = f"did you mean {near[0]}?" if near else f"it takes {', '.join(fields) or 'none'}"
        raise InvalidValue(f"{strategy.__name__} has no parameter {name!r}; {hint}")
    kind = get_type_hints(strategy.Params, include_extras=True)[name]
    values = dict.fromkeys(_key(value) for value in _values(name, said, kind))
    if not values:
        raise InvalidValue(f"{name} has no values; give at least one")
    return Axis(name, tuple(msgspec.json.decode(value) for value in values))


def _key(value: Any) -> bytes:
    return msgspec.json.encode(value)


def _values(name: str, said: Any, kind: Any) -> Iterator[Any]:
    if isinstance(said, str):
        for part in said.split(","):
            yield from _part(name, part.strip(), kind)
    elif isinstance(said, Iterable) and not isinstance(said, (bytes, Mapping)):
        for number, value in enumerate(said):
            _bound(name, number)
            yield _converted(name, value, kind)
    else:
        yield _converted(name, said, kind)


def _part(name: str, text: str, kind: Any) -> Iterator[Any]:
    """One value, or a range where the text can't be one."""
    match = _RANGE.fullmatch(text)
    if match is None or _is_value(text, kind):
        yield _converted(name, text, kind)
        return
    first, last, step = (_decimal(name, text, part) for part in (match[1], match[2], match[3] or "1"))
    if match[3] is None and any(edge != edge.to_integral_value() for edge in (first, last)):
        raise InvalidValue(f"{name}={text}: say how far apart the values are, such as {text}:0.1")
    if not step or (last - first) * step < 0:
        raise InvalidValue(f"{name}={text}: from {first} by {step} there is no way to {last}")
    count = int((last - first) / step) + 1
    _bound(name, count - 1)
    for number in range(count):
        yield _converted(name, format(first + step * number, "f"), kind)


def _bound(name: str, number: int) -> None:
    if number >= MOST_VALUES:
        raise InvalidValue(f"{name} has more than {MOST_VALUES:,} values; take a larger step")


def _decimal(name: str, text: str, part: str) -> Decimal:
    try:
        number = Decimal(part.strip())
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise InvalidValue(f"{name}={text}: {part!r} is no number; a range is first:last:step, such as 5:50:5")
    return number


def _is_value(text: str, kind: Any) -> bool:
    try:
        msgspec.convert(text, kind, strict=False)
    except (msgspec.ValidationError, ValueError):
        return False
    return True


def _converted(name: str, value: Any, kind: Any) -> Any:
    """A value as the field takes it, then as JSON has it. Raises InvalidValue for one that it doesn't take."""
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, Decimal):
        value = str(value)
    try:
        made = msgspec.to_builtins(msgspec.convert(value, kind, strict=False))
    except (msgspec.ValidationError, ValueError) as error:
        raise InvalidValue(f"{name}={value}: {error}") from None
    if isinstance(made, float) and not isfinite(made):
        raise InvalidValue(f"{name}={value} is no finite number")
    return made


class Skipped:
    """Combinations that the strategy refuses as a whole (``fast >= slow``): how many, and the first reasons."""

    def __init__(self) -> None:
        self.count = 0
        self.reasons: list[str] = []

    def add(self, reason: str) -> None:
        """Count one."""
        self.count += 1
        if len(self.reasons) < MOST_NAMED and reason not in self.reasons:
            self.reasons.append(reason)

    @property
    def words(self) -> str:
        """What to tell a person; nothing where none was."""
        if not self.count:
            return ""
        what = "combination is" if self.count == 1 else "combinations are"
        return f"{self.count:,} {what} not tried: {self.reasons[0]}" + (", and the like" if self.count > 1 else "")


Fault = Callable[[Combination], str | None]
"""Says what is wrong with a combination."""


def grid(space: Space, fault: Fault) -> tuple[list[Combination], Skipped]:
    """All combinations that the strategy takes, in order. Raises :class:`~holdfast.errors.InvalidValue` for too many, and for none."""
    if space.size > MOST_COMBINATIONS:
        raise InvalidValue(
            f"that makes {space.size:,} combinations; take fewer values, or --random N of them (at most {MOST_COMBINATIONS:,} in a grid)"
        )
    return _sound(map(space.at, range(space.size)), space.size, fault)


def drawn(space: Space, count: int, seed: int, fault: Fault) -> tuple[list[Combination], Skipped]:
    """``count`` combinations by chance, each once; all of them where there are no more. The seed decides which."""
    if not 1 <= count <= MOST_COMBINATIONS:
        raise InvalidValue(f"random must be 1 to {MOST_COMBINATIONS:,}, not {count}")
    return _sound(map(space.at, _permuted(space.size, seed)), count, fault)


def _permuted(size: int, seed: int) -> Iterator[int]:
    """The numbers below ``size`` in an order by chance, each once (Fisher and Yates, kept as what was moved)."""
    chance = random.Random(seed)
    moved: dict[int, int] = {}
    for place in range(min(size, 10 * MOST_COMBINATIONS)):
        other = chance.randrange(place, size)
        yield moved.get(other, other)
        moved[other] = moved.pop(place, place)


def _sound(combinations: Iterable[Combination], most: int, fault: Fault) -> tuple[list[Combination], Skipped]:
    found: list[Combination] = []
    skipped = Skipped()
    for combination in combinations:
        reason = fault(combination)
        if reason is None:
            found.append(combination)
            if len(found) == most:
                break
        else:
            skipped.add(reason)
    if not found:
        raise InvalidValue(f"none of {skipped.count:,} combinations can be tried: {skipped.reasons[0]}")
    return found, skipped
