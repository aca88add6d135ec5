"""What can be traded here, as the dump of the day lists it: tokens, ticks, lots, freeze quantities, bands of prices.

A token is the exchange's own number times 256, and the segment in its last byte (so 408065 is NSE's 1594). Tokens are the same in every run.
"""

import csv
import io
import zlib
from collections.abc import Iterable, Sequence
from decimal import ROUND_DOWN, ROUND_UP, Decimal

import msgspec

from holdfast.core.types import from_float

SEGMENT_CODES = {"NSE": 1, "NFO": 2, "CDS": 3, "BSE": 4, "BFO": 5, "BCD": 6, "MCX": 7, "INDICES": 9, "NCO": 12}
INDICES = {
    "NIFTY50": ("NIFTY 50", 256265),
    "NIFTY 50": ("NIFTY 50", 256265),
    "BANKNIFTY": ("NIFTY BANK", 260105),
    "NIFTY BANK": ("NIFTY BANK", 260105),
}
"""Indices that files and people name, as the dump does; their tokens are the real ones."""
HEADER = (
    "instrument_token",
    "exchange_token",
    "tradingsymbol",
    "name",
    "last_price",
    "expiry",
    "strike",
    "tick_size",
    "lot_size",
    "instrument_type",
    "segment",
    "exchange",
)
FREEZE_QUANTITY = 100_000
"""The most units of one order; the exchange's own figure differs from share to share and has no endpoint."""
BAND = Decimal("0.10")
"""How far from the last close a price may be, as a part of it: NSE's bands are 2, 5, 10 and 20 %."""


class Instrument(msgspec.Struct, frozen=True):
    """One row of the dump. ``symbol`` is the name in the data, ``tradingsymbol`` that of Kite."""

    symbol: str
    tradingsymbol: str
    exchange: str
    segment: str
    token: int
    tick: Decimal
    lot: int = 1
    freeze_quantity: int = FREEZE_QUANTITY

    @property
    def key(self) -> str:
        """``NSE:INFY``."""
        return f"{self.exchange}:{self.tradingsymbol}"

    @property
    def is_index(self) -> bool:
        """Whether it can be looked at and not traded."""
        return self.segment == "INDICES"

    @property
    def exchange_token(self) -> int:
        """The exchange's own number."""
        return self.token >> 8

    def on_tick(self, price: Decimal) -> bool:
        """Whether it is a price that there is."""
        return price > 0 and price % self.tick == 0

    def band(self, last_close: float) -> tuple[Decimal, Decimal]:
        """The lowest and the highest price of a day, on ticks, inside of the band around the last close."""
        close = from_float(last_close)
        low = (close * (1 - BAND) / self.tick).to_integral_value(ROUND_UP) * self.tick
        high = (close * (1 + BAND) / self.tick).to_integral_value(ROUND_DOWN) * self.tick
        return max(low, self.tick), high


def make_instrument(symbol: str) -> Instrument:
    """The instrument of a name in the data: ``RELIANCE`` and ``NSE:RELIANCE`` are a share of NSE, ``BSE:...`` one of BSE, some are indices."""
    exchange, _, name = symbol.rpartition(":")
    if name in INDICES:
        shown, token = INDICES[name]
        return Instrument(symbol, shown, "NSE", "INDICES", token, Decimal("0.05"))
    exchange = exchange or "NSE"
    number = zlib.crc32(f"{exchange}:{name}".encode()) % 60_000 + 1
    token = number * 256 + SEGMENT_CODES.get(exchange, SEGMENT_CODES["NSE"])
    return Instrument(symbol, name, exchange, exchange, token, Decimal("0.05"))


class Instruments:
    """All of them, found by any name. Two whose numbers would be the same get different ones, in order of their names."""

    def __init__(self, symbols: Iterable[str]) -> None:
        self._all: list[Instrument] = []
        self._by_token: dict[int, Instrument] = {}
        for symbol in sorted(set(symbols)):
            instrument = make_instrument(symbol)
            while instrument.token in self._by_token:
                instrument = msgspec.structs.replace(instrument, token=instrument.token + 256)
            self._by_token[instrument.token] = instrument
            self._all.append(instrument)
        self._by_key = {one.key: one for one in self._all}
        self._by_symbol = {one.symbol: one for one in self._all}

    def all(self) -> Sequence[Instrument]:
        """In order of the data's names."""
        return self._all

    def of_symbol(self, symbol: str) -> Instrument:
        """The instrument of a name in the data. Raises KeyError for one that isn't there."""
        return self._by_symbol[symbol]

    def of_token(self, token: int) -> Instrument | None:
        """By its number; None for an unknown one."""
        return self._by_token.get(token)

    def of_key(self, key: str) -> Instrument | None:
        """By ``EXCHANGE:TRADINGSYMBOL``, or by its number as text; None for an unknown one."""
        found = self._by_key.get(key)
        return self.of_token(int(key)) if found is None and key.isascii() and key.isdecimal() else found

    def dump(self, exchange: str | None = None) -> str:
        """The CSV of the day, of one exchange or of all. Numbers are never left out: the SDK converts each cell."""
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(HEADER)
        for one in self._all:
            if exchange in (None, one.exchange):
                rows.writerow(
                    [
                        one.token,
                        one.exchange_token,
                        one.tradingsymbol,
                        one.tradingsymbol,
                        0,
                        "",
                        0,
                        one.tick,
                        one.lot,
                        "EQ",
                        one.segment,
                        one.exchange,
                    ]
                )
        return text.getvalue()
