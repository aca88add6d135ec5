"""What was asked for under which ``Idempotency-Key``, and what was answered: durable, so that asking again does nothing twice.

A key is kept with the id that its command is filed under before the command is filed. Whatever breaks after that, the next request with the
key files it under the same id or finds it filed.
"""

import os
import threading
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from holdfast.core.types import DAY_NS
from holdfast.journal.commands import new_id
from holdfast.journal.database import Database, open_database
from holdfast.web.errors import Conflict

KEY_LENGTH = 128
KEPT_NS = 7 * DAY_NS
"""How long a key is kept."""

metadata = sa.MetaData()
asked = sa.Table(
    "web_asked",
    metadata,
    sa.Column("who", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(KEY_LENGTH), primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("command_id", sa.String(36), nullable=False),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
    mysql_collate="utf8mb4_bin",
)
"""``status`` is 0 until there is an answer."""


class Entry(msgspec.Struct, frozen=True):
    """What is known of a key."""

    who: str
    name: str
    command_id: str
    status: int
    answer: str
    is_new: bool
    """Whether nobody has used it before."""


class Asked:
    """The keys of a database, which is made at first use. May be used by all threads."""

    def __init__(self, url: str) -> None:
        self._database: Database = open_database(url)
        self._engine: sa.Engine | None = None
        self._lock = threading.Lock()

    def answer_to(self, who: str, name: str, fingerprint: str) -> Entry | None:
        """The key's entry if it was answered; asking what would be done now is no use then, since that may have changed."""
        mine = sa.select(asked).where((asked.c.who == who) & (asked.c.name == name) & (asked.c.status != 0))
        with self._database.reported("used"), self._opened().begin() as connection:
            row = connection.execute(mine).one_or_none()
        if row is None or row.fingerprint != fingerprint:
            return None
        return Entry(who, name, row.command_id, row.status, row.answer, is_new=False)

    def once(self, who: str, name: str, fingerprint: str, now_ns: int) -> Entry:
        """The key's entry, made when there is none.

        Raises :class:`~holdfast.web.errors.Conflict` when the key was used for something else.
        """
        with self._database.reported("used"):
            try:
                row = self._entered(who, name, fingerprint, now_ns)
            except sa.exc.IntegrityError:  # somebody else was quicker by a moment, with the same key
                row = self._entered(who, name, fingerprint, now_ns)
        if row.fingerprint != fingerprint:
            raise Conflict(f"the Idempotency-Key {name!r} was used for another request; take a new one for each")
        return Entry(who, name, row.command_id, row.status, row.answer, row.created_ns == now_ns)

    def _entered(self, who: str, name: str, fingerprint: str, now_ns: int) -> Any:
        """The key's row, made when there is none."""
        mine = sa.select(asked).where((asked.c.who == who) & (asked.c.name == name))
        with self._opened().begin() as connection:
            row = connection.execute(mine).one_or_none()
            if row is not None:
                return row
            connection.execute(sa.delete(asked).where(asked.c.created_ns < now_ns - KEPT_NS))
            fresh = {"command_id": new_id(now_ns), "fingerprint": fingerprint, "created_ns": now_ns}
            connection.execute(sa.insert(asked).values(who=who, name=name, status=0, answer="", **fresh))
            return connection.execute(mine).one()

    def answered(self, entry: Entry, status: int, answer: str) -> None:
        """Keep what the key's request was answered with."""
        mine = (asked.c.who == entry.who) & (asked.c.name == entry.name)
        with self._database.reported("used"), self._opened().begin() as connection:
            connection.execute(sa.update(asked).where(mine).values(status=status, answer=answer))

    def _opened(self) -> sa.Engine:
        with self._lock:
            if self._engine is None:
                if self._database.kind == "sqlite":
                    path = Path(self._database.shown)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
                engine = self._database.writer()
                metadata.create_all(engine)
                self._engine = engine
            return self._engine
