"""The past as bars of any length, for a catalogue."""

from collections.abc import Iterator, Sequence

from holdfast.adapters.zerodha.connection.instruments import Instruments
from holdfast.adapters.zerodha.connection.rest import KiteRest
from holdfast.adapters.zerodha.connection.symbols import canonical_symbol
from holdfast.adapters.zerodha.market_data.candles import INTERVALS, Candles
from holdfast.brokers.history import BarRequest, BarRow

CALENDAR = "XBOM"
"""NSE has BSE's days."""


class KiteBars:
    """A :class:`~holdfast.brokers.history.BarHistory`. An instrument that has expired has no history."""

    lengths: Sequence[str] = tuple(INTERVALS)
    adjustments: Sequence[str] = ("splits",)
    """Zerodha's candles are adjusted for splits and bonus shares, and come in no other way."""

    def __init__(self, rest: KiteRest) -> None:
        self._rest = rest
        self._instruments = Instruments(rest)
        self._candles = Candles(rest)

    @property
    def source(self) -> str:
        """Whose candles."""
        return "zerodha"

    def symbol(self, text: str) -> str:
        """``RELIANCE`` for ``NSE:RELIANCE``."""
        return canonical_symbol(text)

    def calendar(self, symbol: str) -> str:  # noqa: ARG002
        """The exchange whose days a symbol has."""
        return CALENDAR

    def now_ns(self) -> int:
        """Zerodha's clock, in whole seconds. Raises a RequestFailed."""
        return self._rest.clock_ns()

    def pages(self, request: BarRequest) -> Iterator[Sequence[BarRow]]:
        """Raises a RequestFailed, and ConfigError for a symbol that isn't there today."""
        instrument = self._instruments.today().need([request.symbol])[request.symbol]
        yield from self._candles.pages(instrument, INTERVALS[request.length], request.start_ns, request.end_ns)
