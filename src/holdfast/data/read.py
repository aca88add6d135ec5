"""Files that people have, read into Holdfast's own columns."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa

from holdfast.data import order
from holdfast.data.asking import Doubt, Part
from holdfast.data.convert import Converter, Tally
from holdfast.data.guess import Guess, guess
from holdfast.data.kinds import BARS, Kind
from holdfast.data.layout import Layout, Options
from holdfast.data.parts import parts_of
from holdfast.data.sources import Source, sources_of
from holdfast.data.zones import zone_of_calendar
from holdfast.errors import DataError, InvalidValue

Progress = Callable[[int, int | None], None]
"""Is told how many rows were read, and of how many, if that is known."""


class Opened(msgspec.Struct):
    """A table of a file with its guess."""

    source: Source
    part: Part
    guess: Guess

    @property
    def doubts(self) -> list[Doubt]:
        """What is left to ask."""
        return self.guess.doubts


class Data(msgspec.Struct):
    """What was read: rows in Holdfast's columns, and what a person is to know of them."""

    table: pa.Table
    kind: Kind
    notes: list[str]


def open_files(paths: Iterable[Path], given: Options, calendar: str | None = None) -> list[Opened]:
    """Every table of the files with its layout as far as it can be told.

    Raises :class:`~holdfast.errors.DataError` for what can't be read and :class:`~holdfast.errors.InvalidValue` where columns can't be told.
    """
    parts = ((source, part) for source in sources_of(paths) for part in parts_of(source, given))
    return [Opened(source, part, guess(part, given, calendar)) for source, part in parts]


def doubts_of(opened: Sequence[Opened]) -> list[Doubt]:
    """All of them, once for each option; one without a guess before others, and none where files differ."""
    found: dict[str, Doubt] = {}
    for each in opened:
        for doubt in each.doubts:
            before = found.setdefault(doubt.option, doubt)
            if before.guess is not None and doubt.guess is None:
                found[doubt.option] = doubt
    return list(found.values())


def accepted(opened: Sequence[Opened]) -> list[Opened]:
    """With the guesses taken for true. Raises :class:`~holdfast.errors.InvalidValue` where there is none, naming the option."""
    open_questions = [(each, doubt) for each in opened for doubt in each.doubts if doubt.guess is None]
    if open_questions:
        each, doubt = open_questions[0]
        raise InvalidValue(unsure(each.part.name, doubt))
    return [msgspec.structs.replace(each, guess=_sure(each.guess)) for each in opened]


def _sure(found: Guess) -> Guess:
    calendar = next((doubt.guess for doubt in found.doubts if doubt.option == "calendar"), found.calendar)
    return msgspec.structs.replace(found, doubts=[], calendar=calendar)


def read_files(
    paths: Iterable[Path], given: Options | None = None, calendar: str | None = None, progress: Progress | None = None
) -> Data:
    """What is in the files, sorted by time and symbol, each bar once. Nothing that is doubtful is taken.

    Raises :class:`~holdfast.errors.InvalidValue` for what can't be known, naming the option, and
    :class:`~holdfast.errors.DataError` for what can't be read or can't be true, naming the row.
    """
    opened = open_files(paths, given or Options(), calendar)
    for each in opened:
        for doubt in each.doubts:
            raise InvalidValue(unsure(each.part.name, doubt))
    return read_opened(opened, given or Options(), progress)


def unsure(name: str, doubt: Doubt) -> str:
    """The refusal of what is doubtful."""
    shown = doubt.example if doubt.guess is None else doubt.guess
    return f"{name}: {doubt.what}; give {doubt.option}, such as {shown}"


def read_opened(opened: Sequence[Opened], given: Options, progress: Progress | None = None) -> Data:
    """All rows of files whose layouts are known."""
    kinds = {each.guess.layout.kind for each in opened}
    if len(kinds) > 1:
        raise InvalidValue(
            f"the files are of different kinds ({', '.join(sorted(kinds))}); read those of one kind at a time"
        )
    notes: list[str] = []
    done = 0
    tables = []
    for each in opened:

        def told(rows: int, before: int = done) -> None:
            if progress:
                progress(before + rows, None)

        table, tally = read_one(each, unit_is_guess=given.unit is None, told=told)
        notes += [f"{each.part.name}: {note}" for note in each.guess.notes] + tally.words(each.part.name)
        done += tally.rows
        tables.append(table)
    kind = opened[0].guess.layout.of_kind
    table, repeated = together(tables, kind)
    if repeated:
        notes.append(f"{repeated:,} bars are in several of the files, the same in each; kept once")
    if not len(table):
        raise DataError(f"{opened[0].part.name}: no row has prices")
    return Data(table, kind, list(dict.fromkeys(notes)))


def read_one(
    each: Opened, *, unit_is_guess: bool = True, told: Callable[[int], None] | None = None
) -> tuple[pa.Table, Tally]:
    """The rows of one file in order, and what became of them."""
    layout, name = each.guess.layout, each.part.name
    zone = zone_of_calendar(each.guess.calendar) if each.guess.calendar else None
    converter = Converter(name, layout, zone, unit_is_guess=unit_is_guess)
    tables = []
    for batch in each.part.batches(layout):
        tables.append(converter.convert(batch))
        if told:
            told(converter.tally.rows)
    if not tables:
        raise DataError(f"{name}: has no rows")
    table = order.in_order(pa.concat_tables(tables), layout.of_kind, converter.tally, name)
    return starts(table, layout, name), converter.tally


def preview(each: Opened, count: int, *, unit_is_guess: bool = True) -> tuple[pa.Table | None, str]:
    """The first rows as they will be read, and what is wrong with those looked at; none while it isn't known how to read them."""
    unsure = {doubt.option for doubt in each.doubts if doubt.guess is None}
    if unsure & {"unit", "day_first", "decimal", "columns"}:
        return None, "rows can be shown when the doubts are settled"
    layout, words = each.guess.layout, ""
    if "timezone" in unsure:
        layout, words = (
            msgspec.structs.replace(layout, timezone="UTC"),
            "times are shown as they stand: their zone isn't known",
        )
    calendar = each.guess.calendar or next((doubt.guess for doubt in each.doubts if doubt.option == "calendar"), None)
    converter = Converter(
        each.part.name, layout, zone_of_calendar(calendar) if calendar else None, unit_is_guess=unit_is_guess
    )
    try:
        table = order.in_order(converter.convert(each.part.sample), layout.of_kind, converter.tally, each.part.name)
        return starts(table, layout, each.part.name).slice(0, count), words
    except (DataError, InvalidValue) as error:
        return None, str(error)


def starts(table: pa.Table, layout: Layout, source: str) -> pa.Table:
    """The bars stamped at their start. Raises :class:`~holdfast.errors.DataError` where their length can't be told."""
    if layout.of_kind is not BARS or layout.stamp == "start":
        return table
    found = order.lengths_of(table)
    for name, length_ns in found.items():
        if length_ns is None:
            raise DataError(
                f"{source}: {name} has no two bars near enough to each other to tell their length, and so their start; leave it out"
            )
    return order.at_start(table, {name: length_ns or 0 for name, length_ns in found.items()})


def together(tables: Sequence[pa.Table], kind: Kind) -> tuple[pa.Table, int]:
    """Tables of one kind as one in order, and how many bars were in several.

    Raises :class:`~holdfast.errors.DataError` for two bars of a symbol at one time that differ, and where trades or quotes of a symbol in
    two tables overlap: which of equal ones are the same can't be told.
    """
    if len(tables) == 1:
        return tables[0], 0
    whole = pa.concat_tables(tables)
    if kind is not BARS:
        order.check_apart(tables)
        return whole.take(order.by_time(whole)), 0
    whole = whole.take(order.by_time_and_symbol(whole))
    return order.once_of_many(whole)
