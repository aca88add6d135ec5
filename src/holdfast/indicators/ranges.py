"""Highest and lowest values, channels of them, and the true range: Highest, Lowest, Donchian, ATR."""

from typing import ClassVar

from holdfast.core.messages import Bar
from holdfast.core.strategy.indicator import Indicator, Panel, whole
from holdfast.indicators.averages import settling_bars
from holdfast.indicators.exact import Extreme


class Highest(Indicator):
    """The highest of the last ``length`` values; of bars' highs, unless ``of`` says otherwise."""

    panel = Panel.PRICE
    of = "high"
    _sign = 1

    def __init__(self, length: int) -> None:
        name = type(self).__name__
        super().__init__(f"{name}({whole(f'{name}.length', length)})", length)
        self._extreme = Extreme(length, self._sign)

    def compute(self, value: float) -> float | None:
        """The extreme, once the window is full."""
        return self._extreme.push(value)

    def rescale(self, factor: float) -> bool:
        """In shares of after a split."""
        self._extreme.rescale(factor)
        self.rescale_values(factor)
        return True


class Lowest(Highest):
    """The lowest of the last ``length`` values; of bars' lows, unless ``of`` says otherwise."""

    of = "low"
    _sign = -1


class Donchian(Indicator):
    """Donchian channel: ``upper`` the highest high and ``lower`` the lowest low of the last ``length`` bars, ``value`` halfway.

    The present bar counts: to see whether it has broken out, compare with what the channel was before,
    ``values(2, "upper")[0]``.
    """

    panel = Panel.PRICE
    takes_bars = True
    outputs: ClassVar[tuple[str, ...]] = ("value", "upper", "lower")

    def __init__(self, length: int) -> None:
        super().__init__(f"Donchian({whole('Donchian.length', length)})", length)
        self._highs, self._lows = Extreme(length, 1), Extreme(length, -1)
        self.upper: float | None = None
        self.lower: float | None = None

    def compute(self, value: Bar) -> float | None:
        """The channel, once the window is full."""
        self.upper, self.lower = self._highs.push(value.high), self._lows.push(value.low)
        return None if self.upper is None or self.lower is None else (self.upper + self.lower) / 2

    def rescale(self, factor: float) -> bool:
        """In shares of after a split."""
        self._highs.rescale(factor)
        self._lows.rescale(factor)
        self.rescale_values(factor)
        return True


class Atr(Indicator):
    """Average true range, in units of price, smoothed as Wilder did.

    ``true range = max(high, close before) - min(low, close before)``; the first value is the mean of ``length`` of them, from then on
    ``atr[t] = (atr[t-1] * (length - 1) + true range) / length``. Source: J. W. Wilder, *New Concepts in Technical Trading Systems* (1978).
    """

    takes_bars = True

    def __init__(self, length: int = 14) -> None:
        super().__init__(f"ATR({whole('Atr.length', length)})", length + 1, settling_bars(length + 1, 1 / length))
        self._length = length
        self._count = 0
        self._sum = self._atr = 0.0
        self._close: float | None = None

    def compute(self, value: Bar) -> float | None:
        """One step further."""
        close, self._close = self._close, value.close
        if close is None:
            return None
        true_range = max(value.high, close) - min(value.low, close)
        if self._count >= self._length:
            self._atr = (self._atr * (self._length - 1) + true_range) / self._length
            return self._atr
        self._count += 1
        self._sum += true_range
        if self._count < self._length:
            return None
        self._atr = self._sum / self._length
        return self._atr

    def rescale(self, factor: float) -> bool:
        """In shares of after a split."""
        self._sum *= factor
        self._atr *= factor
        if self._close is not None:
            self._close *= factor
        self.rescale_values(factor)
        return True
