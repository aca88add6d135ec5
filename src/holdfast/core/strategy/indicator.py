"""What an indicator is: something that is given one bar after another and has a value when it has seen enough of them.

Those that come along are in `holdfast.indicators`. One of your own::

    class Range(Indicator):
        \"\"\"The bar's range as it was on average over the last two bars.\"\"\"

        takes_bars = True

        def __init__(self) -> None:
            super().__init__("Range", bars=2)
            self._before: float | None = None

        def compute(self, value: Bar) -> float | None:
            before, self._before = self._before, value.high - value.low
            return None if before is None else (before + self._before) / 2
"""

from collections import deque
from collections.abc import Callable
from enum import StrEnum
from operator import attrgetter
from typing import Any, ClassVar

from holdfast.core.messages import Bar
from holdfast.errors import InvalidValue

KEPT = 500
"""So many of its last values an indicator keeps."""
LARGEST = 1e100
"""What is larger is no price and no volume, and squares of it would not be numbers."""

SOURCES: dict[str, Callable[[Bar], float]] = {
    "open": attrgetter("open"),
    "high": attrgetter("high"),
    "low": attrgetter("low"),
    "close": attrgetter("close"),
    "volume": attrgetter("volume"),
    "hl2": lambda bar: (bar.high + bar.low) / 2,
    "hlc3": lambda bar: (bar.high + bar.low + bar.close) / 3,
    "ohlc4": lambda bar: (bar.open + bar.high + bar.low + bar.close) / 4,
}
"""What of a bar an indicator may be of."""


class Panel(StrEnum):
    """Where a chart draws an indicator: over the price, or in a panel of its own."""

    PRICE = "price"
    OWN = "own"


class Indicator:
    """Base of indicators. ``value`` is None until enough has been seen; afterwards it is the newest value.

    Override `compute`, and `rescale` where prices are kept. ``bars`` is how many updates it takes to be ready, ``settles`` after how many
    the place where it began to be fed no longer shows in the first three digits (the same, unless it is recursive). ``outputs`` are the
    names of what it shows, the first of them is ``value``. ``of`` is what of a bar it is given when nothing else is said;
    with ``takes_bars`` it is given the whole bar. With ``by_session`` it is given the bars of sessions only, and told of each that begins.
    """

    panel: ClassVar[Panel] = Panel.OWN
    outputs: ClassVar[tuple[str, ...]] = ("value",)
    of: ClassVar[str] = "close"
    takes_bars: ClassVar[bool] = False
    by_session: ClassVar[bool] = False

    def __init__(self, name: str, bars: int, settles: int | None = None) -> None:
        self.name = name
        self.bars = bars
        self.settles = bars if settles is None else max(bars, settles)
        self.value: float | None = None
        self._history: deque[tuple[float, ...]] = deque(maxlen=KEPT)
        self._rest = self.outputs[1:]

    @property
    def ready(self) -> bool:
        """Whether it has seen enough to have a value."""
        return self.value is not None

    def update(self, value: Any) -> float | None:
        """Take the next value, or the next bar where it takes bars; gives back its own value.

        Raises :class:`~holdfast.errors.InvalidValue` for what is no finite number; nothing is changed then.
        """
        if self.takes_bars:
            check_bar(self.name, value)
        else:
            try:
                usable = -LARGEST < value < LARGEST
            except TypeError:
                usable = False
            if not usable:
                raise InvalidValue(f"{self.name} takes finite numbers, not {value!r}")
        found = self.value = self.compute(value)
        if found is not None:
            self._history.append((found, *[getattr(self, name) for name in self._rest]) if self._rest else (found,))
        return found

    def compute(self, value: Any) -> float | None:
        """The value after one more number (or bar), None while it is too early. Further outputs are set as attributes."""
        raise NotImplementedError

    def values(self, count: int, output: str = "value") -> list[float]:
        """The last ``count`` values (at most `KEPT`), oldest first, the present one last; fewer at the start."""
        if type(count) is not int or count < 1:
            raise InvalidValue(f"{self.name}.values needs a whole number above zero, not {count!r}")
        if output not in self.outputs:
            raise InvalidValue(f"{self.name} has no {output!r}; it has {', '.join(self.outputs)}")
        index, history = self.outputs.index(output), self._history
        return [history[place][index] for place in range(max(0, len(history) - count), len(history))]

    def begin_session(self) -> None:
        """A session begins; called before its first bar where ``by_session`` is set."""

    def rescale(self, factor: float) -> bool:  # noqa: ARG002  the form of those that can
        """What was seen so far is to count ``factor`` times as much from now on: a split. Gives back whether it could be done.

        One that can't is made anew and shown the bars of the strategy's history, which are those of after the split.
        """
        return False

    def rescale_values(self, factor: float) -> None:
        """For `rescale`: multiply the values too, where they are in units of price."""
        if self.value is not None:
            for name in self.outputs:
                setattr(self, name, getattr(self, name) * factor)
        rows = [tuple(number * factor for number in row) for row in self._history]
        self._history = deque(rows, maxlen=KEPT)


def check_bar(name: str, bar: Any) -> None:
    """Raise :class:`~holdfast.errors.InvalidValue` for what is no bar, and for a bar with what is no finite number."""
    if type(bar) is not Bar:
        raise InvalidValue(f"{name} takes bars, not {bar!r}")
    for number in (bar.open, bar.high, bar.low, bar.close, bar.volume):
        if not -LARGEST < number < LARGEST:
            raise InvalidValue(f"{name} takes bars of finite numbers, not {bar!r}")


def whole(name: str, value: object, least: int = 1, most: int = 100_000) -> int:
    """A length in bars. Raises :class:`~holdfast.errors.InvalidValue`."""
    if type(value) is not int or not least <= value <= most:
        raise InvalidValue(f"{name} must be a whole number from {least} to {most}, not {value!r}")
    return value
