"""Moving averages, and what is made of them: SMA, EMA, WMA, MACD."""

from collections import deque
from math import ceil, fsum, log
from operator import mul
from typing import ClassVar

from holdfast.core.strategy.indicator import Indicator, Panel, whole
from holdfast.errors import InvalidValue
from holdfast.indicators.exact import Window

UNSEEN = 1e-3
"""Where a recursive average began to be fed no longer matters once it weighs less than this."""


def settling_bars(length: int, alpha: float) -> int:
    """After how many bars the beginning of a recursive average with this ``alpha`` weighs less than `UNSEEN`."""
    return length if alpha >= 1 else length + ceil(log(UNSEEN) / log(1 - alpha))


class Sma(Indicator):
    """Simple moving average: the mean of the last ``length`` values."""

    panel = Panel.PRICE

    def __init__(self, length: int) -> None:
        super().__init__(f"SMA({whole('Sma.length', length)})", length)
        self._window = Window(length)

    def compute(self, value: float) -> float | None:
        """The mean, once the window is full."""
        return self._window.mean() if self._window.push(value) else None

    def rescale(self, factor: float) -> bool:
        """In shares of after a split."""
        self._window.rescale(factor)
        self.rescale_values(factor)
        return True


class Ema(Indicator):
    """Exponential moving average: ``ema[t] = ema[t-1] + alpha * (value[t] - ema[t-1])`` with ``alpha = 2 / (length + 1)``.

    It begins with the mean of the first ``length`` values, as TA-Lib does; with ``seed="first"`` with the first value, as pandas'
    ``ewm(adjust=False)``, and then too it is ready after ``length`` values. Source: R. G. Brown, *Statistical Forecasting for Inventory
    Control* (1959).
    """

    panel = Panel.PRICE

    def __init__(self, length: int, seed: str = "mean") -> None:
        self.alpha = 2 / (whole("Ema.length", length) + 1)
        super().__init__(f"EMA({length})", length, settling_bars(length, self.alpha))
        if seed not in ("mean", "first"):
            raise InvalidValue(f"Ema.seed must be 'mean' or 'first', not {seed!r}")
        self._seed = seed
        self._early: list[float] = []
        self._count = 0
        self._ema = 0.0

    def compute(self, value: float) -> float | None:
        """One step further."""
        if self._count >= self.bars:
            self._ema += self.alpha * (value - self._ema)
            return self._ema
        self._count += 1
        if self._seed == "first":
            self._ema = self._ema + self.alpha * (value - self._ema) if self._count > 1 else value
        else:
            self._early.append(value)
        if self._count < self.bars:
            return None
        if self._early:
            self._ema = fsum(self._early) / self.bars
            self._early = []
        return self._ema

    def rescale(self, factor: float) -> bool:
        """In shares of after a split."""
        self._ema *= factor
        self._early = [value * factor for value in self._early]
        self.rescale_values(factor)
        return True


class Wma(Indicator):
    """Weighted moving average: the last of ``length`` values weighs ``length``, the one before one less, the oldest 1."""

    panel = Panel.PRICE

    def __init__(self, length: int) -> None:
        super().__init__(f"WMA({whole('Wma.length', length)})", length)
        self._window: deque[float] = deque(maxlen=length)
        self._weights = [float(weight) for weight in range(1, length + 1)]
        self._whole = length * (length + 1) / 2

    def compute(self, value: float) -> float | None:
        """The weighted mean, once the window is full."""
        window = self._window
        window.append(value)
        return fsum(map(mul, self._weights, window)) / self._whole if len(window) == self.bars else None

    def rescale(self, factor: float) -> bool:
        """In shares of after a split."""
        self._window = deque((value * factor for value in self._window), maxlen=self.bars)
        self.rescale_values(factor)
        return True


class Macd(Indicator):
    """Moving average convergence/divergence: ``value`` is the fast average less the slow one, ``signal`` an average of that.

    ``histogram`` is ``value - signal``. All begin when the signal does. As in TA-Lib the fast average begins so late that both have their first
    value at the same bar. Source: G. Appel, *The Moving Average Convergence-Divergence Trading Method* (1979).
    """

    outputs: ClassVar[tuple[str, ...]] = ("value", "signal", "histogram")

    def __init__(self, fast: int = 12, slow: int = 26, signal: int = 9) -> None:
        if whole("Macd.fast", fast) >= whole("Macd.slow", slow):
            raise InvalidValue(f"Macd.fast ({fast}) must be below slow ({slow})")
        self._fast, self._slow = Ema(fast), Ema(slow)
        self._signal = Ema(whole("Macd.signal", signal))
        settles = self._slow.settles + self._signal.settles
        super().__init__(f"MACD({fast}, {slow}, {signal})", slow + signal - 1, settles)
        self._skipped = slow - fast
        self.signal: float | None = None
        self.histogram: float | None = None

    def compute(self, value: float) -> float | None:
        """Move the three averages."""
        slow = self._slow.compute(value)
        if self._skipped:
            self._skipped -= 1
            return None
        fast = self._fast.compute(value)
        if fast is None or slow is None:
            return None
        line = fast - slow
        self.signal = self._signal.compute(line)
        if self.signal is None:
            return None
        self.histogram = line - self.signal
        return line

    def rescale(self, factor: float) -> bool:
        """In shares of after a split."""
        for average in (self._fast, self._slow, self._signal):
            average.rescale(factor)
        self.rescale_values(factor)
        return True
