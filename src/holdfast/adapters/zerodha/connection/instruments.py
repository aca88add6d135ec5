"""What can be traded today, as Zerodha's dump of the day lists it: tokens, ticks, lots, expiries."""

import csv
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches

import msgspec

from holdfast.adapters.zerodha.connection.rest import KiteRest
from holdfast.adapters.zerodha.connection.symbols import EXCHANGES, split_symbol, symbol_of
from holdfast.adapters.zerodha.connection.times import ist_date
from holdfast.brokers.http.failures import UnreadableAnswer
from holdfast.brokers.http.limiter import Urgency
from holdfast.core.instruments import AssetClass, Instrument
from holdfast.core.types import HOUR_NS
from holdfast.errors import ConfigError

INDICES = "INDICES"
LISTED_AT_NS = 17 * HOUR_NS // 2
"""In India's day: the list of the day is made at about half past eight. What is asked for before that is the last one."""
_CLASSES = {"EQ": AssetClass.STOCK, "FUT": AssetClass.FUTURE, "CE": AssetClass.OPTION, "PE": AssetClass.OPTION}
_DERIVATIVES = {"FUT", "CE", "PE"}
_FREEZE = re.compile(r"maximum allowed quantity of ([0-9][0-9,]*)")


class KiteInstrument(msgspec.Struct, frozen=True):
    """One row of the dump. ``kind`` is EQ, FUT, CE or PE; ``expiry`` a date (ISO), empty for what has none; ``strike`` 0 for no option.

    Orders name units, ``lot`` of them or a multiple (of MCX whole lots, which no page of Zerodha says outright). ``tick`` is 0 where the dump
    has none, as of some indices. A derivative's ``token`` is given to another one after its expiry.
    """

    token: int
    exchange_token: str
    exchange: str
    tradingsymbol: str
    name: str
    kind: str
    segment: str
    tick: Decimal
    lot: int
    expiry: str = ""
    strike: Decimal = Decimal(0)

    @property
    def symbol(self) -> str:
        """Our name."""
        return symbol_of(self.exchange, self.tradingsymbol)

    @property
    def is_index(self) -> bool:
        """Whether it can be looked at and not traded."""
        return self.segment == INDICES

    def rules(self, largest_order: Decimal | None = None) -> Instrument:
        """What orders in it go by; no list says how large one may be."""
        lot = Decimal(self.lot)
        return Instrument(
            ticks=((Decimal(0), self.tick),) if self.tick else (),
            quantity_increment=lot,
            lot=lot,
            asset_class=_CLASSES.get(self.kind, AssetClass.STOCK),
            exchange=self.exchange,
            largest_order=largest_order,
        )


class DayInstruments:
    """All instruments of one day. ``date`` is India's (ISO)."""

    def __init__(self, date: str, rows: Iterable[KiteInstrument]) -> None:
        self.date = date
        self._by_symbol = {row.symbol: row for row in rows}
        self._by_token = {row.token: row for row in self._by_symbol.values()}

    def __len__(self) -> int:
        return len(self._by_symbol)

    def find(self, symbol: str) -> KiteInstrument | None:
        """By our name; None for one that isn't there today (it never was, or has expired, or is called otherwise now)."""
        return self._by_symbol.get(symbol)

    def of_token(self, token: int) -> KiteInstrument | None:
        """By Kite's number; None for an unknown one."""
        return self._by_token.get(token)

    def need(self, symbols: Sequence[str]) -> Mapping[str, KiteInstrument]:
        """By our names. Raises :class:`~holdfast.errors.ConfigError`, which names each that isn't there and what is nearest to it."""
        found = {symbol: row for symbol in symbols if (row := self.find(symbol)) is not None}
        if missing := [self._missing(symbol) for symbol in symbols if symbol not in found]:
            raise ConfigError(f"Zerodha's instruments of {self.date} don't have {'; '.join(missing)}")
        return found

    def renamed_since(self, earlier: "DayInstruments") -> Mapping[str, str]:
        """Shares that are called otherwise than on an earlier day: by the old name the new one. Of derivatives, tokens are used again."""
        return {
            old.symbol: new.symbol
            for token, old in earlier._by_token.items()
            if old.kind not in _DERIVATIVES
            and (new := self.of_token(token)) is not None
            and new.symbol != old.symbol
            and new.kind == old.kind
        }

    def _missing(self, symbol: str) -> str:
        exchange, _ = split_symbol(symbol)
        if (plain := symbol_of(*split_symbol(symbol))) != symbol and plain in self._by_symbol:
            return f"{symbol} (write {plain}: what is on {exchange} has no prefix)"
        near = get_close_matches(symbol, self._by_symbol, n=1)
        return f"{symbol} (did you mean {near[0]}?)" if near else symbol


class Instruments:
    """The dump, asked for once a day. Used by all threads."""

    def __init__(self, rest: KiteRest, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._rest = rest
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._today: DayInstruments | None = None
        self._renamed: dict[str, str] = {}

    def today(self) -> DayInstruments:
        """Those of India's day. It takes seconds the first time in a day. Raises a RequestFailed."""
        date = ist_date(self._now_ns() - LISTED_AT_NS)
        with self._lock:
            if self._today is None or self._today.date != date:
                content = self._rest.request("GET", "market.instruments.all", urgency=Urgency.BACKGROUND)
                today = DayInstruments(date, read_dump(content))
                if self._today is not None:
                    self._renamed |= today.renamed_since(self._today)
                self._today = today
            return self._today

    def now_called(self, symbol: str) -> str:
        """What a symbol is called since it was given another name while this runs; empty where it was not."""
        return self._renamed.get(symbol, "")


def largest_order_in(words: str) -> Decimal | None:
    """The most that an order may be for, by the words that a larger one was refused with (the exchange's freeze quantity); None: they say nothing of it."""
    found = _FREEZE.search(words)
    return None if found is None else Decimal(found[1].replace(",", ""))


def read_dump(content: bytes) -> Sequence[KiteInstrument]:
    """The rows of the dump that can be traded or looked at here. Raises :class:`~holdfast.brokers.http.failures.UnreadableAnswer`."""
    try:
        rows = csv.DictReader(content.decode().splitlines(), strict=True)
        return [_row(row) for row in rows if _whole(row)["exchange"] in EXCHANGES]
    except (AttributeError, UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise UnreadableAnswer(
            f"GET /instruments: a row is no instrument ({type(error).__name__}: {error}); nothing of the list was used"
        ) from None


def _whole(row: dict[str, str]) -> dict[str, str]:
    """A row with a cell for each column. Raises ValueError."""
    if None in row or None in row.values():
        raise ValueError("it has more or fewer cells than the header")
    return row


def _row(row: Mapping[str, str]) -> KiteInstrument:
    tick, lot = Decimal(row["tick_size"] or 0), int(row["lot_size"] or 0)
    if not tick.is_finite() or tick < 0 or lot < 0:
        raise ValueError(f"{row['tradingsymbol']} has tick {tick} and lot {lot}")
    return KiteInstrument(
        token=int(row["instrument_token"]),
        exchange_token=row["exchange_token"],
        exchange=row["exchange"],
        tradingsymbol=row["tradingsymbol"],
        name=row["name"],
        kind=row["instrument_type"],
        segment=row["segment"],
        tick=tick,
        lot=max(lot, 1),
        expiry=row["expiry"],
        strike=Decimal(row["strike"] or 0),
    )
