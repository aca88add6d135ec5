"""Sums over a window that do not drift: what has left leaves nothing behind."""

from collections import deque
from math import fsum, sqrt


class ExactSum:
    """A sum that values enter and leave; it is that of exactly those within, rounded once.

    Kept as floats that don't overlap, so that no digit is lost (J. R. Shewchuk, "Adaptive Precision Floating-Point Arithmetic and Fast
    Robust Geometric Predicates", 1997).
    """

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: list[float] = []

    def add(self, value: float) -> None:
        """Let a value enter; one that leaves is added with its sign turned."""
        kept = []
        for part in self._parts:
            larger, smaller = (value, part) if abs(value) >= abs(part) else (part, value)
            value = larger + smaller
            lost = smaller - (value - larger)
            if lost:
                kept.append(lost)
        if value:
            kept.append(value)
        self._parts = kept

    def total(self) -> float:
        """The sum, rounded once."""
        parts = self._parts
        return parts[0] if len(parts) == 1 else fsum(parts)

    def clear(self) -> None:
        """Let all leave."""
        self._parts = []

    def rescale(self, factor: float) -> None:
        """Multiply all that is within."""
        old, self._parts = self._parts, []
        for part in old:
            self.add(part * factor)


class Window:
    """The last ``length`` values, with their mean; ``full`` once there are so many."""

    __slots__ = ("_sum", "full", "length", "values")

    def __init__(self, length: int) -> None:
        self.length = length
        self.values: deque[float] = deque(maxlen=length)
        self.full = False
        self._sum = ExactSum()

    def push(self, value: float) -> bool:
        """Take a value, and let the oldest go; gives back whether it is full."""
        if self.full:
            self._sum.add(-self.values[0])
        self._sum.add(value)
        self.values.append(value)
        if not self.full:
            self.full = len(self.values) == self.length
        return self.full

    def mean(self) -> float:
        """The arithmetic mean of a full window."""
        return self._sum.total() / self.length

    def deviation(self, mean: float, freedom: int = 0) -> float:
        """The standard deviation from this mean, by two passes; exactly 0 while all values are the same."""
        values = self.values
        if min(values) == max(values):  # their mean may be a last digit away from them
            return 0.0
        return sqrt(fsum([(value - mean) ** 2 for value in values]) / (self.length - freedom))

    def rescale(self, factor: float) -> None:
        """Multiply all values."""
        old = list(self.values)
        self.values.clear()
        self._sum.clear()
        self.full = False
        for value in old:
            self.push(value * factor)


class Extreme:
    """The highest (``sign`` 1) or lowest (-1) of the last ``length`` values, at a cost that doesn't grow with the length."""

    __slots__ = ("_best", "_count", "length", "sign")

    def __init__(self, length: int, sign: int) -> None:
        self.length = length
        self.sign = sign
        self._count = 0
        self._best: deque[tuple[int, float]] = deque()  # those that no later one has beaten

    def push(self, value: float) -> float | None:
        """Take a value; gives back the extreme of a full window, else None."""
        best, sign = self._best, self.sign
        while best and (best[-1][1] - value) * sign <= 0:
            best.pop()
        best.append((self._count, value))
        self._count += 1
        if best[0][0] <= self._count - 1 - self.length:
            best.popleft()
        return best[0][1] if self._count >= self.length else None

    def rescale(self, factor: float) -> None:
        """Multiply all values."""
        self._best = deque((number, value * factor) for number, value in self._best)
