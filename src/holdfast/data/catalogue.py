"""A folder of market data: Parquet by kind, symbol, length of bars and month, each file whole at all times.

::

    data/bars/SPY/1Min/2024-01.parquet
    data/trades/BTC%2FUSDT/2024-01.parquet

What a file holds is in its metadata too: where it came from, a fingerprint of its rows, the zone its times were read in, how its prices are
adjusted.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from holdfast.core.strategy.timeframe import timeframe_name
from holdfast.core.types import DAY_NS, iso_time
from holdfast.data import order
from holdfast.data.kinds import BARS, CATALOGUE_MARK, KINDS, Kind
from holdfast.errors import DataError, InvalidValue, Refused

DEFAULT_FOLDER = "data"
ABOUT = b"holdfast"
"""The key of our words in a file's metadata."""
MOST_SOURCES = 50
ROW_GROUP = 65_536
LOCK = CATALOGUE_MARK
CALENDAR_LENGTHS_NS = ((28, 31), (90, 92), (365, 366))
"""Months, quarters and years in days; the longest counts."""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of rows beside themselves. ``zone`` is the one in which times were read that named none."""

    sources: tuple[str, ...] = ()
    zone: str = ""
    adjustment: str = ""
    fingerprint: str = ""
    first_ns: int = 0
    last_ns: int = 0


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What a catalogue has of one symbol: ``length`` of bars, or empty. ``files`` are in order of time."""

    kind: str
    symbol: str
    length: str
    rows: int
    first_ns: int
    last_ns: int
    size: int
    sources: tuple[str, ...]
    zone: str
    adjustment: str
    files: tuple[Path, ...]


class Added(msgspec.Struct, frozen=True):
    """What an import did to one symbol: rows that are new, and rows that were there already."""

    kind: str
    symbol: str
    length: str
    new: int
    there: int


class _Month(msgspec.Struct):
    path: Path
    table: pa.Table
    about: About
    new: int
    there: int


class Catalogue:
    """A catalogue in a folder, which is made when something is added."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(
        self,
        table: pa.Table,
        kind: Kind,
        about: About,
        *,
        lengths_ns: Mapping[str, int] | None = None,
        replace: bool = False,
    ) -> list[Added]:
        """Rows in order, in Holdfast's columns, are merged with what is there.

        Rows that are there already are left as they are. Raises :class:`~holdfast.errors.Refused` where rows of the same time differ, or are
        adjusted otherwise (with ``replace`` the new ones take their place), before anything is written, and
        :class:`~holdfast.errors.DataError` where the length of a symbol's bars can't be told.
        """
        with self._locked():
            months, added = [], []
            for symbol, rows in _by_symbol(table):
                length = "" if kind is not BARS else _length_name(symbol, rows, (lengths_ns or {}).get(symbol))
                mine = [
                    _merged(self._path(kind, symbol, length, month), part, kind, about, replace=replace)
                    for month, part in _by_month(rows)
                ]
                months += mine
                added.append(Added(kind.name, symbol, length, sum(m.new for m in mine), sum(m.there for m in mine)))
            for month in months:
                if month.new:
                    _write(month)
        return added

    def entries(self) -> list[Entry]:
        """What there is, by kind, symbol and length."""
        groups: dict[tuple[str, str, str], list[Path]] = {}
        for path in sorted(self.folder.glob("*/*/**/*.parquet")):
            parts = path.relative_to(self.folder).parts
            if parts[0] in KINDS and len(parts) in (3, 4) and not path.name.startswith("."):
                length = parts[2] if len(parts) == 4 else ""
                groups.setdefault((parts[0], unquote(parts[1]), length), []).append(path)
        return [_entry(*key, paths) for key, paths in sorted(groups.items())]

    def _path(self, kind: Kind, symbol: str, length: str, month: str) -> Path:
        folder = self.folder / kind.name / _quoted(symbol)
        return (folder / length if length else folder) / f"{month}.parquet"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One import at a time; the lock goes with the process."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / LOCK).open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise DataError(f"{self.folder}: can't be written ({error.strerror or error})") from None


def _quoted(symbol: str) -> str:
    """A symbol as the name of a folder; ``.`` and ``..`` are none."""
    text = quote(symbol, safe=" ^=&+,$@!'()[]")
    return text.replace(".", "%2E", 1) if text.startswith(".") else text


def _by_symbol(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    column = table.column("symbol")
    for symbol in sorted(pc.unique(column).to_pylist()):
        yield symbol, table.filter(pc.equal(column, symbol)) if pc.count_distinct(column).as_py() > 1 else table


def _by_month(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Rows in order of time, cut by the months of UTC."""
    ts = pc.cast(table.column("ts"), pa.int64()).to_numpy()
    months = ts.astype("datetime64[ns]").astype("datetime64[M]")
    begins = np.flatnonzero(np.append(True, months[1:] != months[:-1]))
    for begin, end in zip(begins, [*begins[1:], len(ts)], strict=True):
        yield str(months[begin]), table.slice(begin, end - begin)


def _length_name(symbol: str, rows: pa.Table, given_ns: int | None) -> str:
    length_ns = given_ns or order.lengths_of(rows)[symbol]
    if length_ns is None:
        raise DataError(
            f"{symbol}: has no two bars near enough to each other to tell their length; give bar, such as 1Day"
        )
    for shortest, longest in CALENDAR_LENGTHS_NS:
        if shortest * DAY_NS <= length_ns <= longest * DAY_NS:
            length_ns = longest * DAY_NS
    return timeframe_name(length_ns).replace(" ", "")


# --- merging ------------------------------------------------------------------------------------------------------------


def _merged(path: Path, new: pa.Table, kind: Kind, about: About, *, replace: bool) -> _Month:
    if not path.exists():
        return _Month(path, new, about, len(new), 0)
    old, old_about = read_month(path)
    if old_about.adjustment != about.adjustment and not replace:
        raise Refused(
            f"{path}: has prices adjusted {old_about.adjustment or 'in a way that nobody said'!r}, the new ones {about.adjustment or 'nobody said how'!r}; "
            "give --adjustment, another folder, or --replace to take the new ones"
        )
    merge = _merge_bars if kind is BARS else _merge_events
    whole, count, there = merge(path, old, new, replace=replace)
    sources = tuple(dict.fromkeys((*old_about.sources, *about.sources)))[-MOST_SOURCES:]
    zones = tuple(dict.fromkeys(zone for zone in (old_about.zone, about.zone) if zone))
    return _Month(path, whole, msgspec.structs.replace(about, sources=sources, zone=", ".join(zones)), count, there)


def _merge_bars(path: Path, old: pa.Table, new: pa.Table, *, replace: bool) -> tuple[pa.Table, int, int]:
    """Bars of both, each time once."""
    old_ts, new_ts = (pc.cast(table.column("ts"), pa.int64()).to_numpy() for table in (old, new))
    _, old_places, new_places = np.intersect1d(old_ts, new_ts, assume_unique=True, return_indices=True)
    differ = np.zeros(len(old_places), bool)
    for name in BARS.numbers:
        differ |= old.column(name).to_numpy()[old_places] != new.column(name).to_numpy()[new_places]
    if differ.any() and not replace:
        place = int(np.argmax(differ))
        was, comes = (
            ", ".join(f"{table.column(name)[int(at)].as_py():.15g}" for name in BARS.numbers)
            for table, at in ((old, old_places[place]), (new, new_places[place]))
        )
        raise Refused(
            f"{path}: {int(differ.sum()):,} of its bars differ from the new ones, first at {iso_time(int(new_ts[new_places[place]]))}: {was}, "
            f"and new {comes}; --replace takes the new ones"
        )
    keep = np.full(len(old), True)
    keep[old_places[differ]] = False
    take = np.full(len(new), True)
    take[new_places[~differ]] = False
    whole = pa.concat_tables([old.filter(pa.array(keep)), new.filter(pa.array(take))])
    return whole.take(order.by_time(whole)), int(take.sum()), int((~take).sum())


def _merge_events(path: Path, old: pa.Table, new: pa.Table, *, replace: bool) -> tuple[pa.Table, int, int]:
    """Trades or quotes: where the two overlap in time they are the same, or the new ones replace the others."""
    old_ts, new_ts = (pc.cast(table.column("ts"), pa.int64()).to_numpy() for table in (old, new))
    begin, end = max(old_ts[0], new_ts[0]), min(old_ts[-1], new_ts[-1])
    both = [(ts >= begin) & (ts <= end) for ts in (old_ts, new_ts)]
    same = old.filter(pa.array(both[0])).combine_chunks().equals(new.filter(pa.array(both[1])).combine_chunks())
    if not same and not replace:
        raise Refused(
            f"{path}: its rows from {iso_time(int(begin))} to {iso_time(int(end))} differ from the new ones; --replace takes the new ones"
        )
    if same:
        taken = new.filter(pa.array(~both[1]))
        whole = pa.concat_tables([old, taken])
        return whole.take(order.by_time(whole)), len(taken), len(new) - len(taken)
    within = (old_ts >= new_ts[0]) & (old_ts <= new_ts[-1])
    whole = pa.concat_tables([old.filter(pa.array(~within)), new])
    return whole.take(order.by_time(whole)), len(new), 0


# --- files --------------------------------------------------------------------------------------------------------------


def fingerprint(table: pa.Table) -> str:
    """32 hexadecimal digits of all rows."""
    digest = hashlib.blake2b(digest_size=16)
    for column in table.columns:
        kind = column.type
        if pa.types.is_string(kind):
            digest.update("\0".join(column.to_pylist()).encode())
        else:
            digest.update(
                pc.cast(column, pa.int64()).to_numpy().tobytes()
                if pa.types.is_timestamp(kind)
                else column.to_numpy().tobytes()
            )
    return digest.hexdigest()


def _write(month: _Month) -> None:
    """The file is the old one or the new one, whenever the process or the machine dies."""
    ts = pc.cast(month.table.column("ts"), pa.int64())
    about = msgspec.structs.replace(
        month.about, fingerprint=fingerprint(month.table), first_ns=ts[0].as_py(), last_ns=ts[-1].as_py()
    )
    table = month.table.replace_schema_metadata({ABOUT: msgspec.json.encode(about)})
    month.path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = month.path.with_name(f".{month.path.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            pa.parquet.write_table(table, file, compression="zstd", row_group_size=ROW_GROUP)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(month.path)
        folder = os.open(month.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        unfinished.unlink(missing_ok=True)


def read_month(path: Path) -> tuple[pa.Table, About]:
    """The rows of one file, and what is known of them. Raises :class:`~holdfast.errors.DataError` for what is none of ours."""
    try:
        table = pa.parquet.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None
    return table.replace_schema_metadata(None), _about(path, table.schema.metadata)


def read_about(path: Path) -> About:
    """What is known of the rows of one file. Raises :class:`~holdfast.errors.DataError` for what is none of ours."""
    try:
        return _about(path, pa.parquet.read_schema(path).metadata)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def _about(path: Path, metadata: Mapping[bytes, bytes] | None) -> About:
    try:
        return msgspec.json.decode((metadata or {})[ABOUT], type=About)
    except (KeyError, msgspec.DecodeError):
        raise DataError(f"{path}: was not written by holdfast data import; move it away, and import it") from None


def _entry(kind: str, symbol: str, length: str, paths: Sequence[Path]) -> Entry:
    rows = size = 0
    abouts = []
    for path in paths:
        try:
            with pa.parquet.ParquetFile(path) as file:
                rows += file.metadata.num_rows
                abouts.append(_about(path, file.schema_arrow.metadata))
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(path, error) from None
        size += path.stat().st_size
    sources = tuple(dict.fromkeys(source for about in abouts for source in about.sources))
    zones, adjustments = ({getattr(about, name) for about in abouts} for name in ("zone", "adjustment"))
    return Entry(
        kind=kind,
        symbol=symbol,
        length=length,
        rows=rows,
        first_ns=min(about.first_ns for about in abouts),
        last_ns=max(about.last_ns for about in abouts),
        size=size,
        sources=sources,
        zone=", ".join(sorted(zones - {""})),
        adjustment=", ".join(sorted(adjustments - {""})),
        files=tuple(paths),
    )


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path}: can't be read ({str(error).splitlines()[0].rstrip('.')}); remove it, and import its month again"
    )


def chosen(entries: Sequence[Entry], folder: Path, symbols: Sequence[str] | None, length: str | None) -> list[Entry]:
    """The entries of the wanted symbols (all, without), of one kind and one length each.

    Raises :class:`~holdfast.errors.DataError` for a symbol that isn't there and :class:`~holdfast.errors.InvalidValue` where it is there
    several times and nobody said which.
    """
    if not entries:
        raise DataError(f"{folder}: is no catalogue, or an empty one; holdfast data import FILE --to {folder} fills it")
    if length is not None:
        entries = [entry for entry in entries if entry.length in (length, "")]
    names = sorted({entry.symbol for entry in entries})
    for symbol in symbols or ():
        if symbol not in names:
            of = f" of {length}" if length else ""
            raise DataError(
                f"{folder}: has no {symbol}{of}; it has {', '.join(names[:8]) or 'nothing'}{' and others' if len(names) > 8 else ''}"
            )
    found = []
    for symbol in sorted(set(symbols)) if symbols is not None else names:
        mine = [entry for entry in entries if entry.symbol == symbol]
        if len(mine) > 1:
            there = ", ".join(entry.length or entry.kind for entry in mine)
            raise InvalidValue(
                f'{folder}: has {symbol} as {there}; say which, such as bar = "{mine[0].length or "1Min"}"'
            )
        found += mine
    if len({entry.kind for entry in found}) > 1:
        raise InvalidValue(
            f"{folder}: has bars of some symbols and trades or quotes of others; name the symbols of one kind"
        )
    return found
