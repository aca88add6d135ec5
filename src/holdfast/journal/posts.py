"""Posts that were sent: each is written down before it is, so that none is sent twice, whoever dies meanwhile."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from holdfast.errors import Refused
from holdfast.journal import schema
from holdfast.journal.commands import FILE_TRIES
from holdfast.journal.database import open_database
from holdfast.journal.tables import posts

SENDING, SENT, UNKNOWN, FAILED = "sending", "sent", "unknown", "failed"
"""Written down and maybe on its way; taken; sent without an answer that says what became of it; certainly not taken."""

T = TypeVar("T")


class PostRow(msgspec.Struct, frozen=True):
    """A post as it is kept. ``reason`` is why it isn't sent, in words; ``attempts`` is how often it was sent, or was about to be."""

    account: str
    id: str
    kind: str
    text: str
    target: str
    state: str
    post_id: str
    reason: str
    created_ns: int
    updated_ns: int
    attempts: int


class Outbox:
    """The posts of a journal, at its database's ``url``. Its methods raise :class:`~holdfast.errors.JournalError`."""

    def __init__(self, url: str) -> None:
        self._database = open_database(url)
        self._database.require()

    def find(self, account: str, post_id: str) -> PostRow | None:
        """The post of that id; None where there never was one."""
        chosen = sa.select(posts).where(posts.c.account == account, posts.c.id == post_id)
        found = self._read(chosen)
        return found[0] if found else None

    def latest(self, most: int | None = None) -> list[PostRow]:
        """The latest posts, the newest first."""
        return self._read(sa.select(posts).order_by(posts.c.created_ns.desc(), posts.c.id).limit(most))

    def claim(self, row: PostRow, *, again: bool) -> PostRow:
        """Write down that a post is about to be sent. Only who gets it back may send it.

        Raises :class:`~holdfast.errors.Refused` for one that was sent, or may have been, unless it is to be sent ``again``.
        """
        return self._write(lambda connection: _claim(connection, row, again=again))

    def settle(self, row: PostRow, state: str, now_ns: int, *, post_id: str = "", reason: str = "") -> None:
        """Write down what became of a claimed post."""
        changed = {"state": state, "post_id": post_id[:64], "reason": reason, "updated_ns": now_ns}
        self._write(lambda connection: connection.execute(sa.update(posts).where(*_is(row)).values(**changed)))

    def _read(self, statement: sa.Select[Any]) -> list[PostRow]:
        with self._database.reported("read"), self._database.reader().connect() as connection, connection.begin():
            schema.require_head(connection)
            return [PostRow(**row._asdict()) for row in connection.execute(statement)]

    def _write(self, work: Callable[[sa.Connection], T]) -> T:
        """Do it in a transaction of its own, waiting for others as commands do."""
        database = self._database
        with database.reported("written"), database.queue():
            for tries_left in reversed(range(FILE_TRIES)):
                try:
                    with database.writer().connect() as connection, connection.begin():
                        schema.require_head(connection)
                        return work(connection)
                except IntegrityError:  # another command has written the same post down since we looked
                    raise Refused(_TAKEN) from None
                except database.errors as error:
                    if database.contention(error) is None or not tries_left:
                        raise
        raise AssertionError("the last try returns or raises")


_TAKEN = "another command is sending this post right now; `holdfast post list` says what becomes of it"


def _is(row: PostRow) -> tuple[sa.ColumnElement[bool], ...]:
    return posts.c.account == row.account, posts.c.id == row.id, posts.c.attempts == row.attempts


def _claim(connection: sa.Connection, row: PostRow, *, again: bool) -> PostRow:
    chosen = sa.select(posts).where(posts.c.account == row.account, posts.c.id == row.id)
    found = connection.execute(chosen).one_or_none()
    if found is None:
        claimed = msgspec.structs.replace(row, state=SENDING, attempts=1)
        connection.execute(sa.insert(posts).values(**msgspec.structs.asdict(claimed)))
        return claimed
    before = PostRow(**found._asdict())
    if before.state != FAILED and not again:
        raise Refused(_REFUSALS[before.state])
    claimed = msgspec.structs.replace(row, state=SENDING, attempts=before.attempts + 1, created_ns=before.created_ns)
    changed = connection.execute(sa.update(posts).where(*_is(before)).values(**msgspec.structs.asdict(claimed)))
    if not changed.rowcount:
        raise Refused(_TAKEN)
    return claimed


_REFUSALS = {
    SENT: "this was posted already; --again posts it once more",
    UNKNOWN: "this may have been posted already: no answer said so. Look there; --again posts it once more",
    SENDING: "this is being posted, or a command that was posting it died: look there; --again posts it once more",
}
"""Why a post that was written down before isn't sent."""
