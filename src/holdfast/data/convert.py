"""Rows of a file or frame in a known layout, as Holdfast's own columns; what can't be is refused with its row."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.core.types import DAY_NS
from holdfast.data import numbers, times
from holdfast.data.kinds import BARS
from holdfast.data.layout import Column, Layout
from holdfast.data.times import Flags, Floats, Integers, Times
from holdfast.errors import DataError, InvalidValue

ROW = "row"
"""The column that goes along until all is in order: the row of the source, the first after the header being 1."""
MOST_NAMED = 5
_MEND = "correct or remove the row"


class Tally(msgspec.Struct):
    """What a person is told of rows that were taken with a change, or not taken. Rows are the first few of each."""

    rows: int = 0
    kept: int = 0
    blank: int = 0
    blank_rows: list[int] = []
    without_volume: int = 0
    repeated: int = 0
    repeated_rows: list[int] = []
    out_of_order: int = 0
    newest_first: bool = False
    later_ns: dict[int, int] = {}
    """Of rows whose wall clock was shown twice: the second of the two times."""

    def words(self, source: str) -> list[str]:
        """One line for each of them."""
        return [
            f"{source}: {text}"
            for count, text in (
                (self.blank, f"{_rows(self.blank, self.blank_rows)} no prices; left out"),
                (self.without_volume, f"{self.without_volume:,} of {self.kept:,} rows have no volume; it is 0 there"),
                (self.repeated, f"{_rows(self.repeated, self.repeated_rows)} the same as another; left out"),
                (self.newest_first, "the newest rows come first; turned around"),
                (self.out_of_order, f"{self.out_of_order:,} rows were not in order of time; sorted"),
            )
            if count
        ]


def _rows(count: int, named: list[int]) -> str:
    shown = ", ".join(str(row) for row in named[:MOST_NAMED])
    more = ", ..." if count > MOST_NAMED else ""
    return f"{count:,} row{'s' if count > 1 else ''} ({shown}{more}) {'have' if count > 1 else 'has'}".replace(
        "has the same", "is the same"
    )


class Rows(msgspec.Struct):
    """Converted rows, in the order of the source."""

    symbols: pa.Array
    ts: Integers
    numbers: list[Floats]
    row: Integers

    def table(self, layout: Layout) -> pa.Table:
        """As Arrow columns, with `ROW`."""
        schema = layout.of_kind.schema().append(pa.field(ROW, pa.int64()))
        ts = pa.array(self.ts, pa.timestamp("ns", "UTC"))
        return pa.table([self.symbols, ts, *map(pa.array, self.numbers), pa.array(self.row)], schema=schema)


class Converter:
    """Turns batches of one source into rows.

    ``day_zone`` is that of days without a time, where the layout names none. ``unit_is_guess``: times in its unit must be of plausible
    years, since nobody has said it.
    """

    def __init__(
        self, source: str, layout: Layout, day_zone: str | None = None, *, unit_is_guess: bool = False
    ) -> None:
        self.source = source
        self.layout = layout
        self.tally = Tally()
        self._unit_is_guess = unit_is_guess and layout.unit in times.UNITS_NS
        self._zone = ZoneInfo(layout.timezone) if layout.timezone else None
        self._day_zone = self._zone or (ZoneInfo(day_zone) if day_zone else None)

    def convert(self, batch: pa.RecordBatch | pa.Table) -> pa.Table:
        """The rows of a batch. Raises :class:`~holdfast.errors.DataError` for the first that can't be read, or can't be true."""
        if isinstance(batch, pa.Table):
            batch = _one_batch(batch)
        row = np.arange(self.tally.rows + 1, self.tally.rows + 1 + len(batch))
        self.tally.rows += len(batch)
        wide = self.layout.wide or {self.layout.symbol or "": {}}
        parts = [self._rows(batch, row, symbol, columns) for symbol, columns in wide.items()]
        return pa.concat_tables([part.table(self.layout) for part in parts])

    def _rows(self, batch: pa.RecordBatch, row: Integers, fixed: str, columns: dict[str, Column]) -> Rows:
        kind = self.layout.of_kind
        where = {**self.layout.columns, **columns}
        found = [self._numbers(batch, row, name, where) for name in kind.numbers]
        prices = np.array([values for name, values in zip(kind.numbers, found, strict=True) if name in kind.prices])
        empty = np.isnan(prices).all(axis=0)
        keep = ~empty
        self._note_blank(row[empty], is_wide=bool(columns))
        kept = batch if keep.all() else batch.filter(pa.array(keep))
        row, found = row[keep], [values[keep] for values in found]
        symbols = self._symbols(kept, row, where, fixed)
        ts = self._ts(kept, row, symbols, where)
        rows = Rows(symbols, ts, [self._filled(*pair) for pair in zip(kind.numbers, found, strict=True)], row)
        self._check(rows)
        self.tally.kept += len(row)
        return rows

    def _note_blank(self, rows: Integers, *, is_wide: bool) -> None:
        if is_wide:  # a symbol of several has no price on days when only others trade
            return
        self.tally.blank += len(rows)
        self.tally.blank_rows += rows[: MOST_NAMED - len(self.tally.blank_rows)].tolist()

    def _filled(self, name: str, values: Floats) -> Floats:
        if name not in self.layout.of_kind.sizes:
            return values
        missing = np.isnan(values)
        if name == "volume":
            self.tally.without_volume += int(missing.sum())
        return np.where(missing, 0.0, values)

    def _numbers(self, batch: pa.RecordBatch, row: Integers, name: str, where: dict[str, Column]) -> Floats:
        if name not in where:
            return np.full(len(batch), np.nan)
        column = column_of(batch, where[name], self.source)
        values, good = numbers.read(column, self.layout.decimal, self.layout.thousands)
        if not good.all():
            place = int(np.argmin(good))
            text = column[place].as_py()
            raise self._fault(row[place], None, f"{name} is {text!r}, which is not a number; {_MEND}")
        scale = self.layout.price_scale
        if scale != 1.0 and name in self.layout.of_kind.prices:
            parts = round(1 / scale)  # a division by 10,000 is exact to the last digit, a product with 0.0001 is not
            values = values / parts if parts and abs(parts * scale - 1) < 1e-12 else values * scale
        return values

    def _symbols(self, batch: pa.RecordBatch, row: Integers, where: dict[str, Column], fixed: str) -> pa.Array:
        if "symbol" not in where:
            return pa.array([fixed], pa.string()).take(pa.array(np.zeros(len(batch), np.int64)))
        text = times.text_of(column_of(batch, where["symbol"], self.source))
        empty = pc.fill_null(pc.equal(text, ""), True).to_numpy(zero_copy_only=False)
        if empty.any():
            raise self._fault(row[int(np.argmax(empty))], None, f"symbol is missing; {_MEND}")
        return pc.cast(text, pa.string())

    def _ts(self, batch: pa.RecordBatch, row: Integers, symbols: pa.Array, where: dict[str, Column]) -> Integers:
        found, text_at = self._times(batch, where)
        if self._unit_is_guess:
            low_ns, high_ns = (second * times.UNITS_NS["s"] for second in times.PLAUSIBLE_S)
            found.good &= (found.ns >= low_ns) & (found.ns < high_ns)
        if not found.good.all():
            place = int(np.argmin(found.good))
            text = text_at(place)
            what = "is missing" if text in ("None", "") else f"{text!r} is no time that can be read"
            hint = "; say the unit (s, ms, us, ns)" if text.lstrip("-").isdigit() else ""
            raise self._fault(row[place], symbols[place].as_py(), f"its time {what}{hint}; {_MEND}")
        if found.zoned.all():
            return found.ns
        return self._localised(found, row, symbols)

    def _times(self, batch: pa.RecordBatch, where: dict[str, Column]) -> tuple[Times, Callable[[int], str]]:
        layout = self.layout
        if "date" in where and "ts" not in where:
            day, clock = (column_of(batch, where[role], self.source) for role in ("date", "time"))
            return dated(day, clock, layout), lambda place: f"{day[place].as_py()} {clock[place].as_py()}"
        column = column_of(batch, where["ts"], self.source)
        return times.read(column, layout.unit, layout.day_first, layout.date), lambda place: str(column[place].as_py())

    def _localised(self, found: Times, row: Integers, symbols: pa.Array) -> Integers:
        naive = ~found.zoned
        timed = naive & self._is_timed(found)
        place = int(np.argmax(naive))
        zone = self._zone if timed.any() else self._day_zone
        if zone is None:
            what = "has no time zone; say of which zone its clock is" if timed.any() else "is a day; say of which zone"
            text = self._where(row[place], symbols[place].as_py(), f"{_wall(found.ns[place])} {what}")
            raise InvalidValue(f"{text}: timezone, such as America/New_York or UTC")
        local = times.localised(found.ns[naive], zone)
        places = np.flatnonzero(naive)
        hours = timed[places]
        if (local.missing & hours).any():
            place = int(places[np.argmax(local.missing & hours)])
            raise self._fault(
                row[place],
                symbols[place].as_py(),
                f"{_wall(found.ns[place])} is an hour that the clocks of {zone.key} skipped; the zone is another one",
            )
        for each in np.flatnonzero(local.twice & hours).tolist():
            self.tally.later_ns[int(row[places[each]])] = int(local.later_ns[each])
        ns = found.ns.copy()
        ns[naive] = local.ns
        return ns

    def _is_timed(self, found: Times) -> Flags:
        """A day is a day also where it is written as its midnight: in a batch in which nothing has another time."""
        has_clock = found.timed & (found.ns % DAY_NS != 0)
        return found.timed if has_clock.any() else found.timed & False

    def _check(self, rows: Rows) -> None:
        kind = self.layout.of_kind
        for name, values in zip(kind.numbers, rows.numbers, strict=True):
            positive = name in kind.above_zero
            good = (values > 0 if positive else values >= 0) & (values < np.inf)
            if not good.all():
                place = int(np.argmin(good))
                said = "is missing" if np.isnan(values[place]) else f"is {values[place]:.15g}"
                rule = "above zero" if positive else "zero or above"
                raise self._fault(
                    rows.row[place],
                    rows.symbols[place].as_py(),
                    f"{name} {said}; it must be a finite number {rule}: {_MEND}",
                )
        if kind is BARS and (bad := rows.numbers[1] < rows.numbers[2]).any():
            place = int(np.argmax(bad))
            high, low = rows.numbers[1][place], rows.numbers[2][place]
            what = f"high {high:.15g} is below low {low:.15g}; {_MEND}"
            raise self._fault(rows.row[place], rows.symbols[place].as_py(), what)

    def _fault(self, row: int, symbol: str | None, what: str) -> DataError:
        return DataError(self._where(row, symbol, what))

    def _where(self, row: int, symbol: str | None, what: str) -> str:
        return f"{self.source}: row {row}{f' ({symbol})' if symbol else ''}: {what}"


def _wall(wall_ns: int) -> str:
    return str(np.datetime64(int(wall_ns), "ns").astype("datetime64[s]")).replace("T", " ")


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    whole = table.combine_chunks().to_batches()
    return (
        whole[0]
        if whole
        else pa.RecordBatch.from_arrays([pa.array([], f.type) for f in table.schema], schema=table.schema)
    )


def column_of(batch: pa.RecordBatch, column: Column, source: str) -> pa.Array:
    """A column by name or place. Raises :class:`~holdfast.errors.DataError` where there is none."""
    names = batch.schema.names
    if isinstance(column, int):
        if column > len(names):
            raise DataError(f"{source}: there is no column {column}; it has {len(names)}")
        return batch.column(column - 1)
    if names.count(column) != 1:
        there = f"is there {names.count(column)} times" if column in names else "isn't there"
        raise DataError(f"{source}: column {column!r} {there}; it has {', '.join(names)}")
    return batch.column(column)


def dated(day: pa.Array, clock: pa.Array, layout: Layout) -> Times:
    """Times of a date and a time of day, which are milliseconds where the unit is ``midnight``."""
    if layout.unit != "midnight":
        return times.read(join(day, clock), None, layout.day_first)
    dates, passed = times.read(day, None, layout.day_first), times.counted(clock, "midnight")
    return Times(dates.ns + passed.ns, dates.good & passed.good, dates.zoned, passed.timed)


def join(day: pa.Array, clock: pa.Array) -> pa.Array:
    """Date and time of day as one text. A clock that is a number lost its zeros: 93000 is 9:30."""
    day_text, text = times.text_of(day), times.text_of(clock)
    if pa.types.is_timestamp(day.type) or pa.types.is_date(day.type):
        day_text = pc.strftime(day, "%Y-%m-%d")
    digits = pc.match_substring_regex(text, r"^\d{1,6}$")
    longest = pc.max(pc.utf8_length(pc.if_else(digits, text, ""))).as_py() or 0
    width = 6 if longest > 4 else 4
    text = pc.if_else(digits, pc.utf8_lpad(text, width, "0"), text)
    return pc.binary_join_element_wise(day_text, text, " ")
