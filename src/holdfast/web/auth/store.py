"""The users' database: opened, made at first use, one transaction at a time."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import sqlalchemy as sa

from holdfast.errors import HoldfastError
from holdfast.journal.keeping import Keeping, Tables
from holdfast.telemetry.redact import REDACTOR
from holdfast.web.auth import schema
from holdfast.web.auth.sealing import Sealing

Clock = Callable[[], int]
"""The time in nanoseconds since 1970."""

DONE = "done"
"""The outcome of an event that is no refusal."""
CHANGED = "holdfast.changed"
"""Where a connection says that something was done in its transaction."""
EVENTS_KEPT = 100_000
"""So many events are kept; the oldest go when the process starts."""


class StoreError(HoldfastError):
    """The users' database can't be opened, read or written; nobody was let in."""


class Event(NamedTuple):
    """Something done to or by a user, for those who ask later. No field may hold a secret."""

    who: str
    address: str
    action: str
    target: str = ""
    outcome: str = DONE
    text: str = ""


TABLES = Tables(schema.metadata, schema.versions, schema.VERSION, "the users' database", "web", StoreError)


class Store(Keeping):
    """Users and what belongs to them, at a database's ``url``; ``sealing`` seals what is secret there. May be used by all threads.

    Raises :class:`~holdfast.errors.ConfigError` for a URL that is none. Its transactions raise `StoreError`.
    """

    def __init__(self, url: str, now_ns: Clock = time.time_ns, sealing: Sealing | None = None) -> None:
        super().__init__(url, TABLES)
        self.now_ns = now_ns
        self.sealing = sealing or Sealing()
        self.when_changed: list[Callable[[], None]] = []
        """Called after something was done that is kept as an event, in the thread that did it. They must not block."""

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A transaction: what is done inside is kept whole, or not at all. Raises `StoreError`."""
        with super().begin() as connection:
            connection.info[CHANGED] = False
            yield connection
            has_changed = connection.info[CHANGED]
        if has_changed:
            for tell in self.when_changed:
                tell()

    def note(self, connection: sa.Connection, event: Event) -> None:
        """Keep an event, in the transaction of what it tells of."""
        row = event._replace(
            who=event.who[:64],
            address=event.address[:64],
            target=event.target[:128],
            text=REDACTOR.text(event.text)[:500],
        )
        connection.execute(sa.insert(schema.events).values(time_ns=self.now_ns(), **row._asdict()))
        connection.info[CHANGED] = connection.info.get(CHANGED, False) or event.outcome == DONE

    def tell(self, event: Event) -> None:
        """Keep an event of its own."""
        with self.begin() as connection:
            self.note(connection, event)

    def events(self, limit: int, before: int | None = None) -> list[tuple[int, int, Event]]:
        """The newest events with number and time, the newest first; with ``before``, those before that number."""
        table = schema.events
        rows = sa.select(table).order_by(table.c.id.desc()).limit(limit)
        if before is not None:
            rows = rows.where(table.c.id < before)
        with self.reading() as connection:
            found = connection.execute(rows).all()
        return [
            (row.id, row.time_ns, Event(row.who, row.address, row.action, row.target, row.outcome, row.text))
            for row in found
        ]

    def on_made(self, connection: sa.Connection) -> None:
        """The oldest events go, and secrets that could not be sealed before are."""
        self.sealing.seal_all(connection)
        events = schema.events
        newest = connection.execute(sa.select(sa.func.max(events.c.id))).scalar() or 0
        connection.execute(sa.delete(events).where(events.c.id <= newest - EVENTS_KEPT))
