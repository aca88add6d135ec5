"""``holdfast data``: what people have, looked at, asked about and put into a catalogue."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.prompt import Prompt

from holdfast.cli import terminal
from holdfast.cli.progress import Update, progress
from holdfast.core.strategy.timeframe import parse_timeframe
from holdfast.core.types import iso_time
from holdfast.data.asking import Doubt
from holdfast.data.catalogue import About, Added, Catalogue
from holdfast.data.kinds import BARS, Kind
from holdfast.data.layout import Layout, Options, options
from holdfast.data.order import lengths_of
from holdfast.data.read import Opened, accepted, doubts_of, open_files, preview, read_one, together
from holdfast.errors import InvalidValue

NOT_ASKED = 3
"""The exit status where something is doubtful and nobody was there to say."""
FLUSH_ROWS = 2_000_000
"""So many rows of small files are gathered before the catalogue is written."""
SHOWN_ROWS = 5
MOST_LAYOUTS = 5
MOST_NOTES = 20
MOST_QUESTIONS = 20


class ImportRequest(msgspec.Struct, frozen=True):
    """What the command was asked for, beside the layout."""

    paths: tuple[Path, ...]
    folder: Path
    calendar: str | None
    adjustment: str | None
    replace: bool
    yes: bool
    as_json: bool


def import_files(request: ImportRequest, columns: Sequence[str], **said: Any) -> int:
    """Show what is found in the files, ask what the data don't tell, and add them to the catalogue. Raises HoldfastError."""
    given = _options(columns, said)
    console = terminal.console(stderr=request.as_json)
    opened = _open(request, given)
    doubts = doubts_of(opened)
    can_ask = terminal.is_interactive() and not request.as_json and not request.yes
    _show(console, opened, given)
    for _ in range(MOST_QUESTIONS):
        if not doubts or not can_ask:
            break
        given, request = _asked(console, doubts[0], given, request)
        opened = _open(request, given)
        doubts = doubts_of(opened)
        if not doubts:
            _show(console, opened, given)
    if any(doubt.guess is None or not request.yes for doubt in doubts):
        return _unsettled(request, opened, doubts)
    opened = accepted(opened)
    if can_ask and not _agreed(console, opened, request):
        terminal.say("nothing was imported")
        return 1
    return _import(console, request, given, opened)


def _options(columns: Sequence[str], said: dict[str, Any]) -> Options:
    """Raises InvalidValue."""
    named: dict[str, str | int] = {}
    for text in columns:
        for pair in text.split(","):
            role, equals, name = pair.partition("=")
            if not equals or not name.strip():
                raise InvalidValue(f"--columns {text!r} is not like ts=Date,open=Open or ts=1,open=2")
            named[role.strip()] = int(name) if name.strip().isdigit() else name.strip()
    if said.get("bar") is not None:
        parse_timeframe(said["bar"])
    return options(**{**said, "columns": named or None})


def _open(request: ImportRequest, given: Options) -> list[Opened]:
    return open_files(request.paths, given, request.calendar)


def _asked(console: Console, doubt: Doubt, given: Options, request: ImportRequest) -> tuple[Options, ImportRequest]:
    """One answer of a person, asked again until it can be used."""
    while True:
        console.print()
        console.print(f"{doubt.what[0].upper()}{doubt.what[1:]}.", markup=False)
        default = None if doubt.guess is None else shown(doubt.guess)
        hint = "" if doubt.guess is not None else f" (such as {shown(doubt.example)})"
        answer = Prompt.ask(f"{doubt.option}{hint}", console=console, default=default)
        if not answer:
            continue
        try:
            return _with_answer(doubt, str(answer), given, request)
        except InvalidValue as error:
            terminal.say(str(error))


def _with_answer(doubt: Doubt, answer: str, given: Options, request: ImportRequest) -> tuple[Options, ImportRequest]:
    if doubt.option == "calendar":
        from holdfast.calendars import trading_calendar

        trading_calendar(answer)
        return given, msgspec.structs.replace(request, calendar=answer)
    said = given.given()
    if doubt.option == "columns":
        return _options([answer], {**said, "columns": None}), request
    value: Any = answer
    if doubt.option == "day_first":
        value = answer.strip().casefold() in ("y", "yes", "true", "1", "day")
    elif doubt.option == "price_scale":
        value = float(answer)
    return options(**{**said, doubt.option: value}), request


def _agreed(console: Console, opened: Sequence[Opened], request: ImportRequest) -> bool:
    files = len({each.source for each in opened})
    question = f"Import {files:,} file{'s' if files > 1 else ''} into {request.folder}?"
    return Prompt.ask(question, console=console, choices=["y", "n"], default="y") == "y"


def _unsettled(request: ImportRequest, opened: Sequence[Opened], doubts: Sequence[Doubt]) -> int:
    if request.as_json:
        terminal.print_json(
            {"imported": False, "doubts": [msgspec.to_builtins(doubt) for doubt in doubts], "layouts": _layouts(opened)}
        )
    needed = [doubt for doubt in doubts if doubt.guess is None]
    words = ", ".join(option_of(doubt) for doubt in (needed or doubts))
    rest = "" if needed else ", or --yes to take what is likely"
    first = next(each.part.name for each in opened if any(doubt in (needed or doubts) for doubt in each.doubts))
    terminal.say(f"nothing was imported: {first} doesn't tell all that must be known; give {words}{rest}")
    return NOT_ASKED


def option_of(doubt: Doubt) -> str:
    """The option that settles a doubt, as it is typed."""
    value = shown(doubt.example)
    if doubt.option == "day_first":
        return "--day-first or --month-first"
    return (
        f"--{doubt.option.replace('_', '-')} {value!r}"
        if " " in value
        else f"--{doubt.option.replace('_', '-')} {value}"
    )


def shown(value: Any) -> str:
    """A value of an option as it is typed."""
    if isinstance(value, dict):
        return ",".join(f"{role}={column}" for role, column in value.items())
    return str(value)


# --- showing ------------------------------------------------------------------------------------------------------------


def _show(console: Console, opened: Sequence[Opened], given: Options) -> None:
    """Each different layout once, with the first rows of its first file."""
    groups: dict[str, list[Opened]] = {}
    for each in opened:
        plain = msgspec.structs.replace(each.guess.layout, symbol=None, date=None)
        groups.setdefault(str(plain) + str([doubt.option for doubt in each.doubts]), []).append(each)
    for group in list(groups.values())[:MOST_LAYOUTS]:
        _show_one(console, group, given)
    if len(groups) > MOST_LAYOUTS:
        console.print(f"... and {len(groups) - MOST_LAYOUTS} further layouts", markup=False)


def _show_one(console: Console, group: Sequence[Opened], given: Options) -> None:
    each = group[0]
    layout = each.guess.layout
    more = f" and {len(group) - 1:,} more like it" if len(group) > 1 else ""
    known = f", as {each.guess.known} writes them" if each.guess.known else ""
    console.print(f"{each.part.name}{more}: {layout.kind}{known}", markup=False, style="bold")
    console.print(terminal.facts(list(facts_of(each))))
    table, note = preview(each, SHOWN_ROWS, unit_is_guess=given.unit is None)
    if table is not None:
        console.print(_rows(table, layout.of_kind, console.width))
    if note:
        console.print(f"  {note}", markup=False, style=terminal.BAD)
    for text in each.guess.notes:
        console.print(f"  note: {text}", markup=False, style=terminal.DIM)
    for doubt in each.doubts:
        likely = "" if doubt.guess is None else " (likely)"
        console.print(f"  unsure: {doubt.what}: {option_of(doubt)}{likely}", markup=False, style=terminal.WARN)
    console.print()


def facts_of(each: Opened) -> Iterator[tuple[str, str]]:
    """What was found out, in words."""
    layout, head = each.guess.layout, each.part.head
    if head is not None:
        names = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars", " ": "spaces"}
        first = "with names" if layout.header else "without names"
        before = f", {layout.skip} line{'s' if layout.skip > 1 else ''} before" if layout.skip else ""
        yield "text", f"{layout.encoding}, {names.get(layout.separator, repr(layout.separator))}, {first}{before}"
    columns = {role: column for role, column in layout.columns.items() if role not in ("ts", "date", "time")}
    yield "time", _time_words(each, layout)
    yield (
        "columns",
        ", ".join(role if role == column else f"{role} = {column}" for role, column in columns.items()) or "by symbol",
    )
    if "symbol" not in layout.columns:
        yield "symbol", ", ".join(layout.wide) or layout.symbol or "?"
    if layout.decimal != "." or layout.price_scale != 1:
        yield (
            "numbers",
            f"decimal sign {layout.decimal}"
            + ("" if layout.price_scale == 1 else f", prices times {layout.price_scale:g}"),
        )


def _time_words(each: Opened, layout: Layout) -> str:
    columns = " and ".join(str(layout.columns[role]) for role in ("ts", "date", "time") if role in layout.columns)
    unsure = {doubt.option for doubt in each.doubts}
    words = [f"column {columns}"]
    if layout.unit == "midnight":
        words.append(f"milliseconds of {layout.date or 'the day'}")
    elif layout.unit:
        words.append(f"a number of {'days' if layout.unit == 'excel' else layout.unit}")
    if layout.timezone:
        words.append(f"clock of {layout.timezone}")
    if each.guess.calendar or "calendar" in unsure:
        words.append(f"days of {each.guess.calendar or '?'}")
    if layout.kind == "bars" and "stamp" not in unsure:
        words.append(f"a bar's {layout.stamp}" if "days" not in " ".join(words) else "a bar's day")
    return ", ".join(words)


def _rows(table: Any, kind: Kind, width: int) -> Any:
    columns = [terminal.Column("symbol"), terminal.Column("ts (UTC)")]
    columns += [terminal.Column(name, right=True) for name in kind.numbers]
    rows = []
    for row in table.to_pylist():
        ns = row["ts"].value if hasattr(row["ts"], "value") else int(row["ts"].timestamp() * 10**9)
        rows.append([row["symbol"], iso_time(ns), *(f"{row[name]:.15g}" for name in kind.numbers)])
    return terminal.table(columns, rows, width)


def _layouts(opened: Sequence[Opened]) -> list[dict[str, Any]]:
    return [
        {"file": each.part.name, "known_as": each.guess.known, **msgspec.to_builtins(each.guess.layout)}
        for each in opened
    ]


# --- importing ----------------------------------------------------------------------------------------------------------


def _import(console: Console, request: ImportRequest, given: Options, opened: Sequence[Opened]) -> int:
    catalogue = Catalogue(request.folder)
    total, notes = len(opened), []
    added: dict[tuple[str, str, str], list[int]] = {}
    waiting: list[tuple[Opened, Any]] = []
    lengths: dict[str, int] = {}
    rows = 0
    with progress("importing", "rows") as update:
        for place, each in enumerate(opened):
            table, tally = read_one(each, unit_is_guess=given.unit is None, told=_from(rows, update))
            rows += tally.rows
            notes += tally.words(each.part.name)
            mine = _lengths(table, each, given)
            if any(lengths.get(name, length) != length for name, length in mine.items()):
                _count(added, _flush(catalogue, waiting, request, given))
                waiting, lengths = [], {}
            lengths |= mine
            waiting.append((each, table))
            if (
                place == total - 1
                or sum(len(part) for _, part in waiting) >= FLUSH_ROWS
                or _differs(each, opened[place + 1])
            ):
                _count(added, _flush(catalogue, waiting, request, given))
                waiting, lengths = [], {}
    for note in list(dict.fromkeys(notes))[:MOST_NOTES]:
        terminal.say(note)
    _report(console, request, rows, added, opened)
    return 0


def _from(done: int, update: Update) -> Callable[[int], None]:
    """Tells of the rows of one file as of those of all."""
    return lambda count: update(done + count, None)


def _differs(one: Opened, other: Opened) -> bool:
    """Whether they can't be put into the catalogue together."""
    return (one.guess.layout.kind, _zone(one), one.guess.adjustment) != (
        other.guess.layout.kind,
        _zone(other),
        other.guess.adjustment,
    )


def _count(added: dict[tuple[str, str, str], list[int]], those: Sequence[Added]) -> None:
    for one in those:
        counts = added.setdefault((one.kind, one.symbol, one.length), [0, 0])
        counts[0] += one.new
        counts[1] += one.there


def _lengths(table: Any, each: Opened, given: Options) -> dict[str, int]:
    """Of the bars of each symbol, where they tell. Bars of two lengths that are read together would be taken for one."""
    if each.guess.layout.of_kind is not BARS or given.bar is not None:
        return {}
    return {name: length for name, length in lengths_of(table).items() if length}


def _zone(each: Opened) -> str:
    return each.guess.layout.timezone or (f"days of {each.guess.calendar}" if each.guess.calendar else "")


def _flush(
    catalogue: Catalogue, waiting: Sequence[tuple[Opened, Any]], request: ImportRequest, given: Options
) -> list[Added]:
    first = waiting[0][0]
    kind = first.guess.layout.of_kind
    table, _ = together([table for _, table in waiting], kind)
    names = dict.fromkeys(each.source.path.name for each, _ in waiting)
    about = About(sources=tuple(names), zone=_zone(first), adjustment=request.adjustment or first.guess.adjustment)
    lengths = None
    if given.bar is not None:
        lengths = dict.fromkeys(table.column("symbol").unique().to_pylist(), parse_timeframe(given.bar))
    return catalogue.add(table, kind, about, lengths_ns=lengths, replace=request.replace)


def _report(
    console: Console,
    request: ImportRequest,
    rows: int,
    added: dict[tuple[str, str, str], list[int]],
    opened: Sequence[Opened],
) -> None:
    if request.as_json:
        symbols = [
            {"kind": kind, "symbol": symbol, "length": length, "new": new, "there": there}
            for (kind, symbol, length), (new, there) in sorted(added.items())
        ]
        terminal.print_json(
            {
                "imported": True,
                "folder": str(request.folder),
                "rows": rows,
                "added": symbols,
                "layouts": _layouts(opened),
            }
        )
        return
    columns = [terminal.Column("symbol"), terminal.Column("kind"), terminal.Column("bars")]
    columns += [terminal.Column("new", right=True), terminal.Column("there already", right=True)]
    lines = [
        [symbol, kind, length, f"{new:,}", f"{there:,}"]
        for (kind, symbol, length), (new, there) in sorted(added.items())
    ]
    console.print(terminal.table(columns, lines, console.width))
    console.print(f"{rows:,} rows were read into {request.folder}", markup=False)
