"""The feed of files or of a catalogue, whatever layout the files have."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from holdfast.core.adjustments import CorporateAction
from holdfast.core.strategy.timeframe import parse_timeframe, timeframe_name
from holdfast.data.catalogue import Catalogue, chosen
from holdfast.data.layout import Options
from holdfast.data.read import read_files
from holdfast.errors import DataError
from holdfast.feeds.files import FileFeed
from holdfast.feeds.tables import CatalogueTable, kind_of, open_table


class FeedSettings(msgspec.Struct, frozen=True):
    """What any of these feeds is asked for; as in :class:`~holdfast.feeds.files.FileFeed`."""

    symbols: Sequence[str] | None = None
    start_ns: int | None = None
    end_ns: int | None = None
    bar_ns: int | Mapping[str, int] | None = None
    actions: Callable[[Sequence[str]], Sequence[CorporateAction]] = lambda _: ()

    def given(self) -> dict[str, Any]:
        """As keywords."""
        return {name: getattr(self, name) for name in self.__struct_fields__}


def file_feed(paths: Sequence[Path], layout: Options, calendar: str, settings: FeedSettings) -> FileFeed:
    """One file in Holdfast's own columns is streamed; all others are read into memory, in the layout that is theirs.

    Days without a zone are those of ``calendar``. Raises :class:`~holdfast.errors.InvalidValue` where the layout can't be known, and
    :class:`~holdfast.errors.DataError` for what can't be read.
    """
    if len(paths) == 1 and not layout.given() and (not paths[0].exists() or _is_own(paths[0])):
        return FileFeed(paths[0], **settings.given())
    data = read_files(paths, layout, calendar)
    name = paths[0] if len(paths) == 1 else Path(f"{paths[0]} and {len(paths) - 1} more")
    feed = FileFeed(name, frame=data.table, **settings.given())
    feed.notes = tuple(data.notes)
    return feed


def frame_feed(name: Path, frame: pa.Table, settings: FeedSettings) -> FileFeed:
    """Rows in memory, in Holdfast's own columns, under a name."""
    return FileFeed(name, frame=frame, **settings.given())


def is_other_layout(path: Path) -> bool:
    """Whether there is a file or folder that is laid out otherwise than Holdfast's own."""
    return path.exists() and not _is_own(path)


def _is_own(path: Path) -> bool:
    """Whether a file has Holdfast's own columns, and what is wrong with it is told as such."""
    if not path.is_file() or not path.name.endswith((".csv", ".csv.gz", ".parquet")):
        return False
    try:
        table = open_table(path)
        kind_of(path, table.names)
    except DataError:
        return False
    return True


def catalogue_feed(folder: Path, settings: FeedSettings) -> FileFeed:
    """The wanted symbols of a catalogue, streamed; ``bar_ns`` says which bars, where there are several lengths.

    Raises :class:`~holdfast.errors.DataError` for what isn't there and :class:`~holdfast.errors.InvalidValue` where it is there several times.
    """
    length = timeframe_name(settings.bar_ns) if isinstance(settings.bar_ns, int) else None
    entries = Catalogue(folder).entries()
    if isinstance(settings.bar_ns, Mapping):
        wanted = {symbol: timeframe_name(length_ns) for symbol, length_ns in settings.bar_ns.items()}
        entries = [entry for entry in entries if entry.length in (wanted.get(entry.symbol, entry.length), "")]
    found = chosen(entries, folder, settings.symbols, length)
    lengths = {entry.symbol: parse_timeframe(entry.length) for entry in found if _is_timeframe(entry.length)}
    given = {**settings.given(), "bar_ns": lengths or None}
    return FileFeed(folder, table=CatalogueTable(found), **given)


def _is_timeframe(length: str) -> bool:
    try:
        parse_timeframe(length)
    except ValueError:
        return False
    return True
