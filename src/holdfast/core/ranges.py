"""Finite ranges of numbers, declared in the type of the field they bound.

``Annotated[float, Within(0.001, DAY_S)]`` says what a setting may be; a `Ranged` struct refuses everything else when it is made, whichever
way that is: by the configuration, by Python, by a test. So what is `nan`, infinite, or too large or small to work with gets no further.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from math import isfinite
from typing import Annotated, Any, get_args, get_type_hints

import msgspec

from holdfast.core.types import LARGEST, Money
from holdfast.errors import InvalidValue

DAY_S = 86_400.0
YEAR_S = 366 * DAY_S
DECIMALS = 12
"""More places after the point than any price, quantity or rate needs. With `types.LARGEST` before it a number fits 28 digits."""


class Within(msgspec.Struct, frozen=True):
    """A range with finite ends. Both belong to it, but ``low`` where it is ``above``, and ``high`` where it is ``below``."""

    low: float
    high: float
    above: bool = False
    below: bool = False

    def fault(self, value: float | Decimal) -> str:
        """What is wrong with ``value``, for a sentence that begins with its name; empty for nothing."""
        if isinstance(value, Decimal):
            if value.is_finite() and self._has(value):
                return "" if _places(value) <= DECIMALS else f"must have at most {DECIMALS} decimals, not {value}"
        elif isfinite(value) and self._has(value):
            return ""
        return f"must be {self.words}, not {value}"

    def _has(self, value: float | Decimal) -> bool:
        low = self.low < value if self.above else self.low <= value
        return low and (value < self.high if self.below else value <= self.high)

    @property
    def words(self) -> str:
        """The range as people say it."""
        low = f"above {_plain(self.low)}" if self.above else f"at least {_plain(self.low)}"
        return f"{low} and {f'below {_plain(self.high)}' if self.below else f'at most {_plain(self.high)}'}"


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _plain(bound: float) -> str:
    return f"{bound:,.0f}" if bound == int(bound) else f"{bound:g}"


class Ranged(msgspec.Struct, frozen=True):
    """Base of structs whose fields have ranges: making one with a number out of its range raises InvalidValue with every fault."""

    def __post_init__(self) -> None:
        """Raises :class:`~holdfast.errors.InvalidValue`. A subclass with rules of its own calls this first, so that those meet sound numbers only."""
        faults = [
            f"{name} {fault}" for name, within in ranges_of(type(self)).items() if (fault := _fault(self, name, within))
        ]
        if faults:
            raise InvalidValue("; ".join(faults))


def _fault(struct: msgspec.Struct, name: str, within: Within) -> str:
    value = getattr(struct, name)
    values = value.values() if isinstance(value, Mapping) else (value,)
    faults = (
        within.fault(number)
        for number in values
        if isinstance(number, int | float | Decimal) and not isinstance(number, bool)
    )
    return next((fault for fault in faults if fault), "")


@cache
def ranges_of(kind: type[msgspec.Struct]) -> Mapping[str, Within]:
    """The range of each field of a struct that has one. One of a mapping's values, or beside None, counts as the field's."""
    hints = get_type_hints(kind, include_extras=True)
    found = {name: next(_ranges_in(hints[name]), None) for name in kind.__struct_fields__}
    return {name: within for name, within in found.items() if within is not None}


def _ranges_in(hint: Any) -> Iterator[Within]:
    for part in get_args(hint):
        if isinstance(part, Within):
            yield part
        else:
            yield from _ranges_in(part)


Seconds = Annotated[float, Within(0.001, YEAR_S)]
"""A length of time in seconds, which is not nothing."""
SecondsOrZero = Annotated[float, Within(0, YEAR_S)]
"""A length of time in seconds, zero for none."""
Milliseconds = Annotated[float, Within(0, 1000 * DAY_S)]
"""A length of time in milliseconds, zero for none."""
Percent = Annotated[Decimal, Within(0, 100, above=True, below=True)]
"""A part of a whole, in percent, which is neither nothing nor all."""
Count = Annotated[int, Within(1, 1_000_000_000)]
"""How many: one or more."""
CountOrZero = Annotated[int, Within(0, 1_000_000_000)]
"""How many, zero for none."""
Seed = Annotated[int, Within(-(2.0**63), 2.0**63, below=True)]
"""What chance is drawn from: a whole number of 64 bits."""
Amount = Annotated[Money, Within(0, float(LARGEST), above=True, below=True)]
"""Money, more than none."""
AmountOrZero = Annotated[Money, Within(0, float(LARGEST), below=True)]
"""Money, or none."""
Multiple = Annotated[Decimal, Within(0, 1000, above=True)]
"""A factor above zero."""
PercentOfEquity = Annotated[Decimal, Within(0, 100_000, above=True)]
"""Percent of the account's equity, which leverage may bring above 100."""
