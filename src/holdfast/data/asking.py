"""What is guessed at, and what is doubtful: what the parts of guessing share."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
import pyarrow as pa

from holdfast.data import times
from holdfast.data.delimited import Head
from holdfast.data.known import Known
from holdfast.data.layout import Column, Layout, Options


class Part(msgspec.Struct):
    """What is guessed at: a table of a file, or a frame. ``sample``: its first rows; ``batches``: all of them, in a layout."""

    name: str
    stem: str
    sample: pa.Table
    has_names: bool
    batches: Callable[[Layout], Iterator[pa.RecordBatch]]
    head: Head | None = None
    symbol: str | None = None
    about: Mapping[str, Any] = {}
    folder: str = ""
    above: str | None = None


class Doubt(msgspec.Struct, frozen=True):
    """What can't be known from the data. ``guess`` is the likeliest, or None where none is; ``option`` settles it, with such an ``example``."""

    option: str
    what: str
    guess: Any = None
    example: Any = None


class Asker:
    """One guess on its way: what is known of a part, and the doubts so far."""

    def __init__(self, part: Part, given: Options, calendar: str | None) -> None:
        self.part = part
        self.given = given
        self.calendar = calendar
        self.doubts: list[Doubt] = []
        self.notes: list[str] = []
        self.known = Known("")

    def doubt(self, option: str, what: str, likely: Any = None, example: Any = None) -> None:
        """Kept once for each option."""
        if all(doubt.option != option for doubt in self.doubts):
            self.doubts.append(Doubt(option, what, likely, example if likely is None else likely))

    def column(self, column: Column) -> pa.Array:
        """The first rows of a column."""
        table = self.part.sample
        return flat(table.column(column - 1 if isinstance(column, int) else column))


def flat(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    whole = column.combine_chunks()
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole


def first_text(texts: pa.Array) -> str:
    """What stands first in a column, as an example."""
    text = next((text for text in times.text_of(texts).to_pylist() if text), "")
    return re.sub(r"(:\d\d)\.0+$", r"\1", text)
