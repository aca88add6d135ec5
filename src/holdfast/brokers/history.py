"""The past of a broker's market data, as bars: what ``holdfast data download`` asks an adapter for."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol


class BarRow(NamedTuple):
    """One bar: when it begins (UTC nanoseconds), its prices, and how much was traded."""

    ts_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class BarRequest(NamedTuple):
    """Bars of ``symbol`` that begin in ``[start_ns, end_ns)``. ``length`` and ``adjustment`` are of those that the history has."""

    symbol: str
    length: str
    start_ns: int
    end_ns: int
    adjustment: str


class BarHistory(Protocol):
    """A broker's history. Blocks; requests keep to the broker's rate, and wait for it."""

    lengths: Sequence[str]
    """Of bars it has, as they are written: ``1Min``."""
    adjustments: Sequence[str]
    """How prices can be adjusted: of ``raw``, ``splits``, ``all``."""

    @property
    def source(self) -> str:
        """What is written beside the rows: the broker, and which of its data. Has no secret in it."""

    def symbol(self, text: str) -> str:
        """The symbol as Holdfast writes it."""

    def calendar(self, symbol: str) -> str:
        """The exchange whose days a symbol has."""

    def now_ns(self) -> int:
        """The broker's own time. Raises HoldfastError."""

    def pages(self, request: BarRequest) -> Iterator[Sequence[BarRow]]:
        """Bars in order of time, each once, as many at a time as come in one answer. Raises HoldfastError, which may come between two pages."""
