"""What each symbol adds to an account's sums (`exposure.py` adds them up)."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import chain

from holdfast.core.types import Money

Part = tuple[Decimal, Decimal, Decimal, Decimal, Decimal, Decimal, Decimal]
"""A symbol's part of each sum: market value, cost, gross value; exposure, long, short and cash needed, as `Holding` has them."""
Plain = tuple[Decimal, Decimal]
"""What is held of a symbol is worth, signed, and its cost: all parts of it follow from these, as nearly always."""


class Exposures(Mapping[str, Money]):
    """The exposure of each symbol that is held or may come to be."""

    def __init__(self, plain: Mapping[str, Plain], parts: Mapping[str, Part]) -> None:
        self._plain, self._parts = plain, parts

    def __getitem__(self, symbol: str) -> Money:
        plain = self._plain.get(symbol)
        return Money(abs(plain[0]) if plain is not None else self._parts[symbol][3])

    def __iter__(self) -> Iterator[str]:
        return chain(self._plain, self._parts)

    def __len__(self) -> int:
        return len(self._plain) + len(self._parts)
