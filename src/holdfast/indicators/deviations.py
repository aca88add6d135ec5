"""How far values are from their mean, and how much they move: Bollinger, z-score, volatility, RSI."""

from math import log, sqrt
from typing import ClassVar

from holdfast.core.strategy.indicator import LARGEST, Indicator, Panel, whole
from holdfast.errors import InvalidValue
from holdfast.indicators.averages import settling_bars
from holdfast.indicators.exact import Window


class Bollinger(Indicator):
    """Bollinger bands: ``value`` is the mean of the last ``length`` values, ``upper`` and ``lower`` are so many ``deviations`` from it.

    The deviation is the population's. Source: J. Bollinger, *Bollinger on Bollinger Bands* (2001).
    """

    panel = Panel.PRICE
    outputs: ClassVar[tuple[str, ...]] = ("value", "upper", "lower")

    def __init__(self, length: int = 20, deviations: float = 2.0) -> None:
        super().__init__(f"Bollinger({whole('Bollinger.length', length, 2)}, {deviations:g})", length)
        if not 0 < deviations < LARGEST:
            raise InvalidValue(f"Bollinger.deviations must be above zero, not {deviations!r}")
        self._deviations = deviations
        self._window = Window(length)
        self.upper: float | None = None
        self.lower: float | None = None

    def compute(self, value: float) -> float | None:
        """The three lines, once the window is full."""
        if not self._window.push(value):
            return None
        mean = self._window.mean()
        distance = self._deviations * self._window.deviation(mean)
        self.upper, self.lower = mean + distance, mean - distance
        return mean

    def rescale(self, factor: float) -> bool:
        """In shares of after a split."""
        self._window.rescale(factor)
        self.rescale_values(factor)
        return True


class ZScore(Indicator):
    """How many population deviations the newest value is from the mean of the last ``length``; 0 while all are the same.

    ``mean`` and ``deviation`` are what it is made of, None until it is ready.
    """

    def __init__(self, length: int) -> None:
        super().__init__(f"ZScore({whole('ZScore.length', length, 2)})", length)
        self._window = Window(length)
        self.mean: float | None = None
        self.deviation: float | None = None

    def compute(self, value: float) -> float | None:
        """The distance, once the window is full."""
        if not self._window.push(value):
            return None
        mean = self.mean = self._window.mean()
        deviation = self.deviation = self._window.deviation(mean)
        return (value - mean) / deviation if deviation else 0.0

    def rescale(self, factor: float) -> bool:
        """In shares of after a split: the score stays."""
        self._window.rescale(factor)
        if self.mean is not None and self.deviation is not None:
            self.mean, self.deviation = self.mean * factor, self.deviation * factor
        return True


class RollingVolatility(Indicator):
    """The sample's standard deviation of the last ``length`` logarithmic returns; a year's with ``per_year`` bars in a year (252 days).

    A year's is ``sqrt(per_year)`` times a bar's. Values have to be above zero.
    """

    def __init__(self, length: int, per_year: int | None = None) -> None:
        super().__init__(f"Volatility({whole('RollingVolatility.length', length, 2)})", length + 1)
        self._factor = 1.0 if per_year is None else sqrt(whole("RollingVolatility.per_year", per_year, 1, 10**9))
        self._window = Window(length)
        self._before: float | None = None

    def compute(self, value: float) -> float | None:
        """The deviation, once the window is full."""
        if value <= 0:
            raise InvalidValue(f"{self.name} takes prices above zero, not {value!r}: there is no logarithm of others")
        before, self._before = self._before, value
        if before is None or not self._window.push(log(value / before)):
            return None
        return self._window.deviation(self._window.mean(), 1) * self._factor

    def rescale(self, factor: float) -> bool:
        """In shares of after a split: returns stay."""
        if self._before is not None:
            self._before *= factor
        return True


class Rsi(Indicator):
    """Relative strength index, 0 to 100, smoothed as Wilder did; 50 where nothing has moved at all (TA-Lib says 0 there).

    ``100 * gain / (gain + loss)``: the mean rise and the mean fall of the first ``length`` changes, from then on
    ``gain[t] = (gain[t-1] * (length - 1) + rise) / length``, likewise the loss. Source: J. W. Wilder, *New Concepts in Technical Trading
    Systems* (1978).
    """

    def __init__(self, length: int = 14) -> None:
        super().__init__(f"RSI({whole('Rsi.length', length)})", length + 1, settling_bars(length + 1, 1 / length))
        self._length = length
        self._count = 0
        self._gain = self._loss = 0.0
        self._before: float | None = None

    def compute(self, value: float) -> float | None:
        """One step further."""
        before, self._before = self._before, value
        if before is None:
            return None
        change, length = value - before, self._length
        rise, fall = (change, 0.0) if change > 0 else (0.0, -change)
        if self._count < length:
            self._count += 1
            self._gain += rise / length
            self._loss += fall / length
            if self._count < length:
                return None
        else:
            self._gain = (self._gain * (length - 1) + rise) / length
            self._loss = (self._loss * (length - 1) + fall) / length
        whole_move = self._gain + self._loss
        return 100 * self._gain / whole_move if whole_move else 50.0

    def rescale(self, factor: float) -> bool:
        """In shares of after a split: the index stays."""
        self._gain *= factor
        self._loss *= factor
        if self._before is not None:
            self._before *= factor
        return True
