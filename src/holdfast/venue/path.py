"""Where in a bar something happened, and what of the bar certainly comes after it.

Of a bar's way four things are certain: it begins at the open, reaches high and low in an order that nobody knows, ends at the
close, and passes every price between two that it reaches one after the other. So whoever bought at the open has both extremes
before him. Whoever bought at a limit below the open has the low before him, since the way there leads past the limit; the high
may be over. The close is always still to come.
"""

from typing import NamedTuple

from holdfast.core.messages import Bar
from holdfast.core.types import Side


class After(NamedTuple):
    """Which extremes certainly come later. One that doesn't may have been, or be to come."""

    low: bool
    high: bool

    def worst(self, side: Side) -> bool:
        """Whether the extreme against an order of this side is certainly ahead: where its stop is."""
        return self.high if side is Side.BUY else self.low

    def best(self, side: Side) -> bool:
        """Whether the extreme in favour of an order of this side is certainly ahead: where its limit is."""
        return self.low if side is Side.BUY else self.high


OPEN = After(low=True, high=True)
LOW_AHEAD = After(low=True, high=False)
HIGH_AHEAD = After(low=False, high=True)
CLOSE_ALONE = After(low=False, high=False)


class Point(NamedTuple):
    """A price at which something happened in a bar, and what comes after it."""

    price: float
    after: After


def worst(bar: Bar, side: Side) -> float:
    """The price of the bar that goes furthest against an order of this side."""
    return bar.high if side is Side.BUY else bar.low


def best(bar: Bar, side: Side) -> float:
    """The price of the bar that goes furthest in favour of an order of this side."""
    return bar.low if side is Side.BUY else bar.high


def towards_worst(side: Side) -> After:
    """What comes after a price on the way from the open to the extreme against an order."""
    return HIGH_AHEAD if side is Side.BUY else LOW_AHEAD


def towards_best(side: Side) -> After:
    """What comes after a price on the way from the open to the extreme in favour of an order."""
    return LOW_AHEAD if side is Side.BUY else HIGH_AHEAD
