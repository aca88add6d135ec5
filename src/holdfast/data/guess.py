"""The layout of a file or frame, found out as far as it can be, and what is left to ask."""

import csv
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from holdfast.data import numbers, times
from holdfast.data.asking import Doubt, Part, flat
from holdfast.data.convert import column_of
from holdfast.data.delimited import Head
from holdfast.data.guess_times import TimeGuesser
from holdfast.data.kinds import BARS, KINDS, QUOTES, Kind
from holdfast.data.known import LEAN, LEAN_FILE, Known, known_array, known_as, symbol_in
from holdfast.data.layout import Column, Layout, Options
from holdfast.data.names import Named, folded, kind_of, roles_of
from holdfast.data.places import roles_by_value
from holdfast.data.styles import Style, style_of
from holdfast.errors import DataError, InvalidValue

LARGE_PRICE = 1_000_000
SYMBOL_NAMES = ("symbol", "ticker", "instrument", "pair")
SYMBOLS_UNDER = ("bars", "trades", "quotes")
"""In a document of Alpaca's these hold lists by symbol."""


class Guess(msgspec.Struct):
    """A layout, what is doubtful in it, and what a person should know."""

    layout: Layout
    doubts: list[Doubt]
    known: str = ""
    notes: list[str] = []
    adjustment: str = ""
    calendar: str | None = None


def guess(part: Part, given: Options, calendar: str | None = None) -> Guess:
    """What a part's layout is; ``given`` options are believed, ``calendar`` is the exchange's of days.

    Raises :class:`~holdfast.errors.InvalidValue` where the columns themselves can't be told.
    """
    return _Guesser(part, given, calendar).guess()


class _Guesser(TimeGuesser):
    """One guess on its way."""

    def __init__(self, part: Part, given: Options, calendar: str | None) -> None:
        super().__init__(part, given, calendar)
        self.named = Named(part.sample.column_names if part.has_names else [])
        lines = part.head.lines[part.head.skip :][:3] if part.head else ()
        names = [folded(name) for name in self.named.names]
        self.known = known_as(part.stem, names, lines) or Known("")
        if part.head is None and not part.has_names:
            self.known = self._known_array()
        self.wide = _wide(part.head) if part.head else {}
        self.is_wide = bool(self.wide)

    def guess(self) -> Guess:
        """All of it, in an order in which each finding helps the next."""
        style = self._style()
        kind, columns = self._columns(style)
        layout = Layout(
            kind=kind.name,  # type: ignore[arg-type]
            columns=columns,
            decimal=style.decimal or ".",
            thousands=style.thousands,
            wide=self.wide,
            **self._text(),
        )
        layout = self.times(layout)
        symbol = self._symbol(columns)
        scale = self._scale(layout)
        layout = msgspec.structs.replace(layout, symbol=symbol, price_scale=scale)
        if self.known.note:
            self.notes.append(f"{self.known.name}: {self.known.note}")
        self._note_side(layout)
        return Guess(layout, self.doubts, self.known.name, self.notes, self.known.adjustment, self.calendar)

    def _known_array(self) -> Known:
        """Known only where the values are in the order that it says: others write low, high, open, close."""
        table = self.part.sample
        unit = times.unit_of(times.text_of(flat(table.column(0)))) if times.is_numeric(flat(table.column(0))) else None
        known = known_array(self.part.symbol, table.num_columns, unit)
        seen = roles_by_value(table, ".", "")
        return known if known is not None and seen == known.columns else Known("")

    def _text(self) -> dict[str, Any]:
        head = self.part.head
        if head is None:
            return {}
        if self.wide:
            return {"separator": head.separator, "header": False, "skip": head.skip + 3, "encoding": head.encoding}
        return {"separator": head.separator, "header": head.header, "skip": head.skip, "encoding": head.encoding}

    # --- numbers ---------------------------------------------------------------------------------------------------------

    def _style(self) -> Style:
        given = self.given
        if given.decimal is not None:
            thousands = given.thousands
            return Style(given.decimal, {".": ",", ",": "."}.get(given.decimal, "") if thousands is None else thousands)
        if self.part.head is None and not any(map(_is_string, self.part.sample.schema.types)):
            return Style(".", given.thousands or "")
        cells = [cell for row in self._number_texts() for cell in row if cell]
        style = style_of(cells, is_semicolon=self.part.head is not None and self.part.head.separator == ";")
        if style.decimal is None and (self.known.name or given.thousands is not None):
            return Style(".", given.thousands if given.thousands is not None else ",")
        if style.decimal is None:
            example = next((cell for cell in cells if "," in cell or "." in cell), "")
            self.doubt(
                "decimal",
                f"numbers such as {example} have a decimal sign or one of thousands, and nothing tells which",
                None,
                ".",
            )
        return style if given.thousands is None else style._replace(thousands=given.thousands)

    def _number_texts(self) -> Iterator[list[str]]:
        """The texts of the columns that aren't times or symbols, as far as that is known yet."""
        table = self.part.sample
        kind = kind_of(self.named)
        roles = {**(roles_of(self.named, kind) if kind else {}), **(self.given.columns or {})}
        wanted = [column for role, column in roles.items() if role not in ("ts", "date", "time", "symbol")]
        for place, name in enumerate(table.column_names):
            if wanted and name not in wanted and place + 1 not in wanted:
                continue
            texts = [text or "" for text in times.text_of(flat(table.column(place))).to_pylist()]
            filled = [text for text in texts if text]
            if filled and not wanted and bool(times.read(pa.array(filled), None, day_first=True).good.any()):
                continue
            yield texts

    # --- columns ---------------------------------------------------------------------------------------------------------

    def _columns(self, style: Style) -> tuple[Kind, dict[str, Column]]:
        given = self.given
        if self.wide:
            return BARS, {"ts": 1}
        kind = KINDS[given.holds] if given.holds else self._kind()
        by_name = self.part.has_names
        found = roles_of(self.named, kind) if by_name else dict(self.known.columns) or self._by_value(style)
        if given.columns:
            if {"ts", "date", "time"}.intersection(given.columns):
                found = {role: column for role, column in found.items() if role not in ("ts", "date", "time")}
            taken = list(given.columns.values())
            found = {role: column for role, column in found.items() if column not in taken}
            found.update(given.columns)
        found = self._own_volume(found)
        if given.symbol is not None and "symbol" not in (given.columns or {}):
            found.pop("symbol", None)
        self._check_there(found, kind)
        self._check_single(found)
        return kind, found

    def _kind(self) -> Kind:
        said = set(self.given.columns or {})
        for kind in KINDS.values():
            if said.intersection(kind.prices) and said <= {*kind.columns, "date", "time"}:
                return kind
        if not self.part.has_names:
            return BARS
        found = kind_of(self.named)
        if found is None:
            raise DataError(
                f"{self.part.name} has {', '.join(map(repr, self.named.names)) or 'no columns'}; bars need open, high, low, close (and volume), "
                "trades price and size, quotes bid and ask: name them by columns"
            )
        return found

    def _by_value(self, style: Style) -> dict[str, Column]:
        found = roles_by_value(self.part.sample, style.decimal or ".", style.thousands)
        if found and not {"open", "high", "low", "close"} <= set(self.given.columns or {}):
            order = ", ".join(f"{role} {place}" for role, place in found.items())
            if not self.known.name:
                self.doubt("columns", f"columns have no names; by their values they are {order}", found)
        return found

    def _own_volume(self, found: dict[str, Column]) -> dict[str, Column]:
        """MetaTrader has two volumes; the real one is 0 where there is none."""
        ticks = self.named.first("tickvol", "tick_volume")
        real = found.get("volume")
        if ticks is None or real is None or real == ticks or (self.given.columns or {}).get("volume"):
            return found
        values, _ = numbers.read(self.column(real))
        if np.nansum(values) == 0:
            self.notes.append(f"volume is {ticks}, which counts ticks: {real} is 0")
            return {**found, "volume": ticks}
        return found

    def _check_single(self, columns: Mapping[str, Column]) -> None:
        """A name that is there twice says nothing; nobody has chosen one of the two."""
        said = (self.given.columns or {}).values()
        if self.part.head is None or not self.part.has_names:
            return
        for column in columns.values():
            again = re.compile(rf"{re.escape(str(column))}\.\d+")
            if column not in said and any(map(again.fullmatch, self.part.sample.column_names)):
                raise InvalidValue(
                    f"{self.part.name} has several columns {column!r}; name the one that is meant by its place, by columns"
                )

    def _check_there(self, columns: Mapping[str, Column], kind: Kind) -> None:
        there = (
            ", ".join(self.part.sample.column_names)
            if self.part.has_names
            else f"{self.part.sample.num_columns} columns without names"
        )
        if not columns and not self.part.has_names:
            raise InvalidValue(
                f"{self.part.name} has {there}, and their values don't tell which is what; name them by columns, such as ts=1,open=2,high=3,low=4,close=5"
            )
        if "ts" not in columns and not {"date", "time"} <= set(columns):
            raise DataError(
                f"{self.part.name} has no column of times that is known (it has {there}); name it by columns, as ts"
            )
        missing = [name for name in kind.prices if name not in columns]
        if missing:
            raise DataError(
                f"{self.part.name} has no {', '.join(missing)} (it has {there}); {kind.name} need {' '.join(kind.columns)}: name them by columns"
            )
        try:
            for column in columns.values():
                column_of(_first(self.part.sample), column, self.part.name)
        except DataError as error:
            raise InvalidValue(str(error)) from None

    # --- whose ------------------------------------------------------------------------------------------------------------

    def _symbol(self, columns: Mapping[str, Column]) -> str | None:
        part, given = self.part, self.given
        if given.symbol is not None or "symbol" in columns or self.wide:
            return given.symbol
        if part.symbol and (part.above in SYMBOLS_UNDER or re.fullmatch(r"(?=.*[A-Z])[A-Z0-9.\-/:^=&]+", part.symbol)):
            return part.symbol
        said = {folded(name): text for name, text in part.about.items() if isinstance(text, str) and text}
        for name in SYMBOL_NAMES:
            if name in said:
                return said[name]
        lean = re.match(LEAN_FILE, part.stem) if self.known.name == LEAN else None
        if lean:
            return lean["symbol"].upper()
        match = re.match(self.known.symbol, part.stem) if self.known.symbol else None
        if match:
            return match[1]
        likely = symbol_in(part.stem)
        self.doubt("symbol", "no column says whose data it is", likely, "SPY")
        return likely

    def _scale(self, layout: Layout) -> float:
        if self.given.price_scale is not None:
            return self.given.price_scale
        if self.known.name == LEAN:
            return 1e-4 if self._has_whole_prices(layout, 1_000) else 1.0
        if self._has_whole_prices(layout, LARGE_PRICE):
            if self.known.name == "Databento":
                return 1e-9
            self.doubt("price_scale", "prices are whole and large, as where they count small parts of a unit", None, 1)
        return 1.0

    def _has_whole_prices(self, layout: Layout, least: float) -> bool:
        if self.wide:
            return False
        for name in layout.of_kind.prices:
            column = self.column(layout.columns[name])
            values, good = numbers.read(column, layout.decimal, layout.thousands)
            values = values[good & ~np.isnan(values)]
            if not len(values) or (values != np.floor(values)).any() or values.min() < least:
                return False
        return True

    def _note_side(self, layout: Layout) -> None:
        words = self.part.stem.casefold().replace("-", "_").replace(" ", "_").split("_")
        sides = [side for side in ("bid", "ask") if side in words]
        if len(sides) == 1 and layout.of_kind is not QUOTES:
            self.notes.append(f"by the file's name these are {sides[0]} prices, not those of trades")


def _is_string(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind))


def _first(table: pa.Table) -> pa.RecordBatch:
    arrays = [flat(column).slice(0, 1) for column in table.columns]
    return pa.RecordBatch.from_arrays(arrays, names=table.column_names)


def _wide(head: Head) -> dict[str, dict[str, Column]]:
    """Columns by symbol, where three lines name price, symbol and time, as yfinance writes them."""
    lines = [next(csv.reader([line], delimiter=head.separator), []) for line in head.lines[head.skip :][:3]]
    if len(lines) < 3 or len({len(line) for line in lines}) != 1 or folded(lines[2][0]) not in ("date", "datetime"):
        return {}
    if any(cell.strip() for cell in lines[2][1:]):
        return {}
    firsts = [folded(line[0]) for line in lines[:2]]
    prices, symbols = (lines[1], lines[0]) if firsts[0] == "ticker" or firsts[1] == "price" else (lines[0], lines[1])
    if kind_of(Named(list(dict.fromkeys(prices[1:])))) is not BARS:
        return {}
    found: dict[str, dict[str, Column]] = {}
    for name in dict.fromkeys(symbols[1:]):
        places = {prices[place]: place + 1 for place in range(1, len(prices)) if symbols[place] == name}
        roles = roles_of(Named(list(places)), BARS)
        found[name] = {role: places[str(column)] for role, column in roles.items() if role in BARS.numbers}
    return found
