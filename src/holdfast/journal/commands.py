"""The mailbox: people file commands in the journal, the engine reads them there and answers in its next commit."""

import logging
import secrets
from typing import Any, cast

import sqlalchemy as sa

from holdfast.core.codec import encode_body
from holdfast.core.messages import Command
from holdfast.errors import InvalidValue, JournalCorrupt
from holdfast.journal import schema
from holdfast.journal.batch import CommandAnswer
from holdfast.journal.database import BUSY_TIMEOUT_S, Database, open_database
from holdfast.journal.reader import PENDING, Reader, to_command
from holdfast.journal.tables import accounts, commands

FILE_TRIES = 6
"""How often a command waits for a lock (`BUSY_TIMEOUT_S` each): an engine that commits without a pause leaves little room, but some."""
MAX_PENDING = 100
"""How many unanswered commands the engine looks at in one go, the oldest first; the rest wait their turn."""

logger = logging.getLogger(__name__)

Pending = tuple[str, str, int, int | None, Command]
"""id, source, created_ns, expires_ns, body"""


def file_command(
    url: str,
    account: str,
    body: Command,
    source: str,
    expires_ns: int | None,
    now_ns: int,
    *,
    command_id: str | None = None,
) -> str:
    """File a command for the engine that trades ``account``; gives the id it can be asked for by.

    ``command_id`` is the one to use, for those who may have to file again: what is filed under it already is left as it is.

    ``source`` says who asks (``cli:alice``); after ``expires_ns`` the engine is to refuse it. Raises
    :class:`~holdfast.errors.JournalError` when there is no journal or it can't be written,
    :class:`~holdfast.errors.InvalidValue` when it has no such account.
    """
    database = open_database(url)
    database.require()
    database.check()
    row = {
        "id": command_id or new_id(now_ns),
        "account": account,
        "source": source,
        "created_ns": now_ns,
        "expires_ns": expires_ns,
        "body": encode_body(body).decode(),
        "status": PENDING,
        "text": "",
        "client_order_ids": "[]",
    }
    with database.reported("written"), database.queue():
        for tries_left in reversed(range(FILE_TRIES)):
            try:
                _file(database, row)
                break
            except database.errors as error:
                if database.contention(error) is None or not tries_left:
                    raise
    return str(row["id"])


def _file(database: Database, row: dict[str, Any]) -> None:
    """Write it, whole or not at all: what met another session's lock may be tried again."""
    with database.writer().connect() as connection, connection.begin():
        schema.require_head(connection)
        known = sa.select(accounts.c.epoch).where(accounts.c.account == row["account"])
        if connection.execute(known).scalar() is None:
            raise InvalidValue(
                f"journal {database.shown} has no account {row['account']!r}; see `holdfast status` for those it has"
            )
        if connection.execute(sa.select(commands.c.id).where(commands.c.id == row["id"])).scalar() is None:
            connection.execute(sa.insert(commands).values(row))


def new_id(now_ns: int) -> str:
    """A UUIDv7 (RFC 9562 section 5.7): 48 bits of milliseconds, the rest random."""
    chance = secrets.randbits(74)
    number = (now_ns // 1_000_000) << 80 | 7 << 76 | (chance >> 62) << 64 | 2 << 62 | chance & (1 << 62) - 1
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def answer_of(url: str, command_id: str) -> CommandAnswer | None:
    """The engine's answer; None while there is none.

    Raises :class:`~holdfast.errors.InvalidValue` when no such command was filed, JournalError when it can't be read.
    """
    with Reader.open(url) as reader:
        return reader.command(command_id).answer


class CommandQueue:
    """The engine's side, to be asked often: it reads the table only after somebody has committed something.

    Each command is handed out once by a queue; one that was never answered comes again after a restart. A command that this
    version can't read is logged and stays unanswered.
    """

    def __init__(self, url: str) -> None:
        self._database = open_database(url)
        with self._database.reported("opened"):
            self._connection = self._database.reader(BUSY_TIMEOUT_S).connect()
        self._driver = cast(Any, self._connection.connection.driver_connection)
        self._seen_version: dict[str, int] = {}
        self._handed_out: dict[str, set[str]] = {}

    def pending(self, account: str) -> list[Pending]:
        """The commands for ``account`` that were not handed out yet, the oldest first. Raises JournalError."""
        with self._database.reported("read"):
            version = self._data_version()
            if version is not None and self._seen_version.get(account) == version:
                return []
            rows = self._unanswered(account)
            if version is not None and len(rows) < MAX_PENDING:
                self._seen_version[account] = version
        before = self._handed_out.get(account, set())
        self._handed_out[account] = {row.id for row in rows}
        return [command for row in rows if row.id not in before and (command := _read(row))]

    def _data_version(self) -> int | None:
        """A number that changes when another connection has committed; None where there is none."""
        if self._database.kind != "sqlite":
            return None
        (version,) = self._driver.execute("PRAGMA data_version").fetchone()
        return int(version)

    def _unanswered(self, account: str) -> list[sa.Row[tuple[object, ...]]]:
        statement = (
            sa.select(commands)
            .where(commands.c.account == account, commands.c.status == PENDING)
            .order_by(commands.c.created_ns, commands.c.id)
            .limit(MAX_PENDING)
        )
        with self._connection.begin():
            return list(self._connection.execute(statement))

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()


def _read(row: sa.Row[tuple[object, ...]]) -> Pending | None:
    try:
        command = to_command(tuple(row))
    except JournalCorrupt as error:
        logger.warning("command %s is passed over: %s", row.id, error)
        return None
    return command.id, command.source, command.created_ns, command.expires_ns, command.body
