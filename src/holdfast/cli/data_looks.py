"""``holdfast data list``, ``check`` and ``show``: what a catalogue has, what is doubtful in it, and its rows."""

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rich.text import Text

from holdfast.adapters.registry import nearest
from holdfast.calendars import trading_calendar
from holdfast.cli import terminal
from holdfast.cli.progress import progress
from holdfast.core.types import DAY_NS, iso_time
from holdfast.data.catalogue import Catalogue, Entry, chosen, read_month
from holdfast.data.kinds import KINDS
from holdfast.data.layout import options
from holdfast.data.quality import Finding, Series, Severity, check_bars
from holdfast.data.sessions import check_sessions, likely_calendar, outside_day
from holdfast.data.unchecked import bars_at
from holdfast.data.zones import zone_of_calendar
from holdfast.errors import DataError, InvalidValue

STYLES = {Severity.ERROR: terminal.BAD, Severity.WARNING: terminal.WARN, Severity.NOTE: terminal.DIM}
RANK = list(Severity)


# --- list ---------------------------------------------------------------------------------------------------------------


def list_entries(folder: Path, as_json: bool) -> int:
    """What a catalogue has, by kind, symbol and length. Raises :class:`~holdfast.errors.DataError` where there is none."""
    entries = _entries(folder)
    if as_json:
        terminal.print_json([_entry_json(entry) for entry in entries])
        return 0
    columns = [
        terminal.Column("symbol"),
        terminal.Column("kind"),
        terminal.Column("bars"),
        terminal.Column("from", 1),
        terminal.Column("to", 1),
        terminal.Column("rows", right=True),
        terminal.Column("size", 3, right=True),
        terminal.Column("zone", 4),
        terminal.Column("adjustment", 2),
        terminal.Column("source", 5),
    ]
    console = terminal.console()
    console.print(terminal.table(columns, (_entry_row(entry) for entry in entries), console.width))
    rows, size = sum(entry.rows for entry in entries), sum(entry.size for entry in entries)
    console.print(f"{rows:,} rows, {_size(size)} in {folder}", markup=False)
    return 0


def _entries(folder: Path) -> list[Entry]:
    if folder.is_file():
        raise InvalidValue(f"{folder}: is a file, not a catalogue; holdfast data check looks at files")
    entries = Catalogue(folder).entries() if folder.is_dir() else []
    if not entries:
        raise DataError(f"{folder}: is no catalogue, or an empty one; holdfast data import FILE --to {folder} fills it")
    return entries


def _entry_row(entry: Entry) -> list[str]:
    source = entry.sources[-1] if entry.sources else ""
    more = f" and {len(entry.sources) - 1:,} more" if len(entry.sources) > 1 else ""
    return [
        entry.symbol,
        entry.kind,
        entry.length,
        _short(entry.first_ns, entry.length),
        _short(entry.last_ns, entry.length),
        f"{entry.rows:,}",
        _size(entry.size),
        entry.zone,
        entry.adjustment,
        source + more,
    ]


def _short(time_ns: int, length: str) -> str:
    return iso_time(time_ns)[: 10 if length.endswith(("Day", "Week", "Month")) else 16]


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} GB"


def _entry_json(entry: Entry) -> dict[str, Any]:
    return {
        "symbol": entry.symbol,
        "kind": entry.kind,
        "length": entry.length,
        "from": iso_time(entry.first_ns),
        "to": iso_time(entry.last_ns),
        "rows": entry.rows,
        "bytes": entry.size,
        "zone": entry.zone,
        "adjustment": entry.adjustment,
        "sources": list(entry.sources),
        "files": len(entry.files),
    }


# --- check --------------------------------------------------------------------------------------------------------------


def check(path: Path, calendar: str | None, symbol: str | None, timezone: str | None, as_json: bool) -> int:
    """Tell what is doubtful. Exit status 1 where something is an error, else 0. Raises HoldfastError for what can't be looked at."""
    if not path.exists():
        raise DataError(
            f"{path}: there is no such file or folder; holdfast data import FILE --to {path} makes a catalogue"
        )
    if calendar is not None:
        trading_calendar(calendar)
    findings: list[Finding] = []
    looked: list[tuple[Series, str]] = []
    with progress("looking", "bars") as update:
        rows = 0
        for series, zone in bars_at(path, options(symbol=symbol, timezone=timezone), calendar):
            name = calendar or likely_calendar(series.ts, zone)
            findings += [*check_bars(series), *check_sessions(series, trading_calendar(name))]
            looked.append((series, name))
            rows += len(series.ts)
            update(rows, None)
    findings += _against_days(looked)
    findings.sort(key=lambda one: (RANK.index(one.severity), one.symbol, one.length, one.kind))
    is_bad = any(one.severity is Severity.ERROR for one in findings)
    if as_json:
        checked = [
            {"symbol": series.symbol, "length": series.length, "bars": len(series.ts), "calendar": name}
            for series, name in looked
        ]
        terminal.print_json(
            {"ok": not is_bad, "checked": checked, "findings": [_finding_json(one) for one in findings]}
        )
    else:
        _print_findings(findings, looked, said=calendar is not None)
    return 1 if is_bad else 0


def _against_days(looked: Sequence[tuple[Series, str]]) -> Iterator[Finding]:
    days = {series.symbol: series for series, _ in looked if series.length_ns == DAY_NS}
    for series, name in looked:
        if series.length_ns < DAY_NS and series.symbol in days:
            yield from outside_day(series, days[series.symbol], trading_calendar(name))


def _print_findings(findings: Sequence[Finding], looked: Sequence[tuple[Series, str]], *, said: bool) -> None:
    console = terminal.console()
    for one in findings:
        head = (
            f"{one.severity:<8}",
            f"bold {STYLES[one.severity]}" if one.severity is Severity.ERROR else STYLES[one.severity],
        )
        where = f"{one.symbol} {one.length}"
        console.print(Text.assemble(head, f"{where}  {one.text}"), soft_wrap=True)
        console.print(Text(f"        {' ' * len(where)}  {_when(one)}{one.advice}", style=terminal.DIM), soft_wrap=True)
    bars = sum(len(series.ts) for series, _ in looked)
    counts = {severity: sum(one.severity is severity for one in findings) for severity in Severity}
    words = ", ".join(f"{count} {severity}{'' if count == 1 else 's'}" for severity, count in counts.items() if count)
    symbols = len({series.symbol for series, _ in looked})
    names = ", ".join(sorted({name for _, name in looked}))
    by = f"by the sessions of {names}" + ("" if said else " (--calendar names another)")
    console.print(
        f"{bars:,} bars of {terminal.many(symbols, 'symbol')} {by}: {words or 'nothing doubtful'}",
        markup=False,
        soft_wrap=True,
    )


def _when(one: Finding) -> str:
    """Where, for findings whose text doesn't say it."""
    if (
        one.kind in ("missing_sessions", "missing_bars", "no_session", "extended", "calendar")
        or one.severity is Severity.NOTE
    ):
        return ""
    first, last = iso_time(one.first_ns), iso_time(max(place.last_ns for place in one.places))
    return f"{first}: " if first == last else f"{first} to {last}: "


def _finding_json(one: Finding) -> dict[str, Any]:
    places = [
        {"from": iso_time(place.first_ns), "to": iso_time(place.last_ns), "count": place.count} for place in one.places
    ]
    return {**msgspec.to_builtins(one), "places": places}


# --- show ---------------------------------------------------------------------------------------------------------------


class ShowRequest(msgspec.Struct, frozen=True):
    """Which rows: ``start`` and ``end`` are dates or times, ``rows`` how many of them."""

    symbol: str
    folder: Path
    bar: str | None
    start: str | None
    end: str | None
    rows: int
    calendar: str | None
    as_json: bool


def show(request: ShowRequest) -> int:
    """The first and last rows of a symbol, on the clocks of its exchange. Raises HoldfastError."""
    entries = _entries(request.folder)
    names = sorted({entry.symbol for entry in entries})
    if request.symbol not in names:
        raise DataError(f"{request.folder}: has no {request.symbol}; {nearest(request.symbol, names)}")
    mine = [entry for entry in entries if entry.symbol == request.symbol]
    lengths = [entry.length for entry in mine if entry.length]
    if request.bar is not None and lengths and request.bar not in lengths:
        raise DataError(f"{request.folder}: has no {request.symbol} of {request.bar}; it has {', '.join(lengths)}")
    [entry] = chosen(mine, request.folder, [request.symbol], request.bar)
    calendar = request.calendar or likely_calendar(np.array([entry.first_ns]), entry.zone)
    zone = ZoneInfo(zone_of_calendar(calendar))
    low_ns = _bound(request.start, zone, "--from") if request.start else entry.first_ns
    high_ns = _bound(request.end, zone, "--to", is_end=True) if request.end else entry.last_ns
    table = _between(entry, low_ns, high_ns)
    rows = table.to_pylist() if len(table) <= request.rows else [
        *table.slice(0, (request.rows + 1) // 2).to_pylist(),
        *table.slice(len(table) - request.rows // 2).to_pylist(),
    ]  # fmt: skip
    if request.as_json:
        terminal.print_json(
            {"symbol": entry.symbol, "kind": entry.kind, "length": entry.length, "zone": zone.key, "of": len(table)}
            | {"rows": [{**row, "ts": iso_time(_ns(row["ts"]))} for row in rows]}
        )
        return 0
    _print_rows(request, entry, zone, rows, len(table))
    return 0


def _bound(text: str, zone: ZoneInfo, option: str, *, is_end: bool = False) -> int:
    """A date is the exchange's whole day, a time without an offset is on its clocks."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise InvalidValue(f"{option} {text!r} is no date or time, such as 2024-01-02 or 2024-01-02T09:30") from None
    if is_end and len(text) == 10:
        moment += dt.timedelta(days=1)
    ns = int((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()) * 10**9
    return ns - 1 if is_end and len(text) == 10 else ns


def _between(entry: Entry, low_ns: int, high_ns: int) -> pa.Table:
    parts = [read_month(path)[0] for path in entry.files if _may_have(path, low_ns, high_ns)]
    if parts:
        table = pa.concat_tables(parts)
        ts = pc.cast(table.column("ts"), pa.int64())
        table = table.filter(pc.and_(pc.greater_equal(ts, low_ns), pc.less_equal(ts, high_ns)))
    if not parts or not len(table):
        raise DataError(
            f"{entry.symbol}: has no rows from {iso_time(low_ns)} to {iso_time(high_ns)}; it has {iso_time(entry.first_ns)} to {iso_time(entry.last_ns)}"
        )
    return table


def _may_have(path: Path, low_ns: int, high_ns: int) -> bool:
    month = np.datetime64(path.stem, "M")
    begin, end = (int(each.astype("datetime64[ns]").astype(np.int64)) for each in (month, month + 1))
    return begin <= high_ns and end > low_ns


def _ns(moment: Any) -> int:
    return (
        int(moment.value) if hasattr(moment, "value") else int(moment.timestamp()) * 10**9 + moment.microsecond * 1000
    )


def _print_rows(request: ShowRequest, entry: Entry, zone: ZoneInfo, rows: list[dict[str, Any]], of: int) -> None:
    numbers = KINDS[entry.kind].numbers
    columns = [terminal.Column(f"time ({zone.key})"), *(terminal.Column(name, right=True) for name in numbers)]
    lines = [[_local(_ns(row["ts"]), zone), *(f"{row[name]:.15g}" for name in numbers)] for row in rows]
    if of > len(rows):
        lines.insert((request.rows + 1) // 2, ["...", *[""] * len(numbers)])
    console = terminal.console()
    console.print(terminal.table(columns, lines, console.width))
    what = f"{entry.length} {entry.kind}" if entry.length else entry.kind
    shown = f"{len(rows):,} of {of:,}" if of > len(rows) else f"{of:,}"
    console.print(f"{shown} rows, {entry.symbol} {what}, adjusted: {entry.adjustment or 'nobody said'}", markup=False)


def _local(time_ns: int, zone: ZoneInfo) -> str:
    moment = dt.datetime.fromtimestamp(time_ns // 10**9, zone)
    part = time_ns % 10**9
    return f"{moment:%Y-%m-%d %H:%M:%S}" + (f".{part:09d}".rstrip("0") if part else "") + f"{moment:%z}"
