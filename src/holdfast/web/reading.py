"""Readers of the journal, for requests: opened in the worker thread that answers, closed after use."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from holdfast.config import Config
from holdfast.core.messages import AnyBody, Envelope
from holdfast.core.types import SECOND_NS
from holdfast.journal.lists import ListReader, OrderFilter, Place, place_of
from holdfast.journal.reader import AccountRow, OrderRow
from holdfast.web.kept import Kept, memories
from holdfast.web.memory import Memory

QUIET_S = 0.15
"""So long after an answer the next question is awaited."""


class WebReader(ListReader):
    """A reader that asks the memory first for what a long journal is slow to find: every view is quick with it, and none knows of it."""

    memory: Memory | None = None

    def last_records(
        self, account: str, most: int, *kinds: str, after: int = 0, before: int | None = None
    ) -> list[Envelope]:
        """As of `Reader`."""
        is_known = self.memory and kinds and before is None
        found = self.memory.records(self, account, kinds, after, most) if self.memory and is_known else None
        if found is None:
            return super().last_records(account, most, *kinds, after=after, before=before)
        return found[::-1]

    def records_of(
        self, account: str, kinds: Sequence[type], after: int = 0, before: int | None = None
    ) -> list[Envelope]:
        """As of `Reader`."""
        names = [kind.__name__ for kind in kinds]
        found = self.memory.records(self, account, names, after) if self.memory and before is None else None
        return super().records_of(account, kinds, after, before) if found is None else found

    def newest_of(self, account: str, *kinds: type) -> Iterator[AnyBody]:
        """As of `Reader`."""
        names = [kind.__name__ for kind in kinds]
        found = self.memory.records(self, account, names, 0) if self.memory else None
        if found is None:
            return super().newest_of(account, *kinds)
        return (record.body for record in reversed(found))

    def orders(
        self, account: str | None = None, *, live_only: bool = False, limit: int | None = None
    ) -> list[OrderRow]:
        """As of `Reader`."""
        if self.memory is None or account is None or not live_only:
            return super().orders(account, live_only=live_only, limit=limit)
        return self.memory.live_orders(self, account)[:limit]

    def orders_page(self, which: OrderFilter, most: int, after: Place | None = None) -> list[OrderRow]:
        """As of `ListReader`."""
        if self.memory is None or not which.live_only or which.account is None:
            return super().orders_page(which, most, after)
        live = self.memory.live_orders(self, which.account)
        return [row for row in live if which.has(row) and (after is None or place_of(row) < after)][:most]


class Reading:
    """Opens the journal of a configuration. ``memory`` is shared by all who read."""

    def __init__(self, config: Config) -> None:
        self._url = config.journal.url
        self.memory = Memory(Kept(config.web.url, memories))
        self._lock = threading.Lock()
        self._open = 0
        self._answered_s = 0.0

    @contextmanager
    def open(self) -> Iterator[WebReader]:
        """A reader. Raises :class:`~holdfast.errors.JournalError` when there is no journal or it can't be read."""
        with self._lock:
            self._open += 1
        try:
            with self.reader() as reader:
                yield reader
        finally:
            with self._lock:
                self._open -= 1
                self._answered_s = time.monotonic()

    @property
    def is_asked(self) -> bool:
        """Whether somebody waits for an answer, or has got one just now and will ask again: a page asks for one thing after the other."""
        return self._open > 0 or time.monotonic() - self._answered_s < QUIET_S

    @contextmanager
    def at_once(self) -> Iterator[WebReader]:
        """A reader for which all is as of one moment."""
        with self.open() as reader, reader.snapshot():
            yield reader

    def reader(self) -> WebReader:
        """A reader to be closed by whoever asks. Raises as `open`."""
        reader = WebReader.open(self._url)
        reader.memory = self.memory
        return reader


def age_s(reader: ListReader, row: AccountRow) -> float:
    """Seconds of real time since something was last written, as far as this machine's clock and the engine's agree."""
    written_s = reader.database.written_s() or max(row.started_ns, row.renewed_ns) / SECOND_NS
    return round(max(0.0, time.time() - written_s), 3)
