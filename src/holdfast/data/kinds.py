"""Holdfast's own columns of market data: bars, trades and quotes."""

from typing import Any

import msgspec

CATALOGUE_MARK = ".lock"
"""A folder that has it is a catalogue."""


class Kind(msgspec.Struct, frozen=True):
    """The columns of one kind of market data. ``above_zero`` of its ``numbers`` must be so; the others may be zero."""

    name: str
    numbers: tuple[str, ...]
    above_zero: tuple[str, ...]
    sizes: tuple[str, ...]

    @property
    def columns(self) -> list[str]:
        """Every column that is read."""
        return ["symbol", "ts", *self.numbers]

    @property
    def prices(self) -> tuple[str, ...]:
        """The numbers that are prices, and not sizes."""
        return tuple(name for name in self.numbers if name not in self.sizes)

    def schema(self) -> Any:
        """The columns as Arrow types: text, UTC nanoseconds, and binary floating point."""
        import pyarrow as pa

        numbers = [(name, pa.float64()) for name in self.numbers]
        return pa.schema([("symbol", pa.string()), ("ts", pa.timestamp("ns", "UTC")), *numbers])


BARS = Kind("bars", ("open", "high", "low", "close", "volume"), ("open", "high", "low", "close"), ("volume",))
TRADES = Kind("trades", ("price", "size"), ("price",), ("size",))
QUOTES = Kind("quotes", ("bid", "bid_size", "ask", "ask_size"), (), ("bid_size", "ask_size"))
KINDS = {kind.name: kind for kind in (BARS, TRADES, QUOTES)}
