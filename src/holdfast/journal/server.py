"""What journals in PostgreSQL and MariaDB have in common."""

import hashlib
import os
import stat
import tempfile
from abc import abstractmethod
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL

from holdfast.errors import ConfigError, JournalError
from holdfast.journal import anchor, database, schema, tables
from holdfast.journal.readonly import ServerReadOnly
from holdfast.telemetry.redact import protect
from holdfast.telemetry.secret import Secret

CONNECT_TIMEOUT_S = 5
"""How long a server may take to answer the door."""

STATEMENT_TIMEOUT_S = 5
"""How long one of our statements may take that writes, and how long we may be idle inside a transaction: the server ends
both. A process that was stopped in the middle of a commit must not keep its successor from the rows it has locked."""

GRACE_S = 5
"""How much longer our side waits for a server that should have ended a statement itself."""


class ServerDatabase(database.Database):
    """A journal in a database of its own on a server. Our tables are in the one that the URL names."""

    def __init__(self, url: URL, drivername: str) -> None:
        """Raises :class:`~holdfast.errors.ConfigError` when the URL names no database."""
        super().__init__(database.shown(url))
        if not url.database:
            raise ConfigError(f"the journal's url {self.shown} names no database; write it as {database.FORMS}")
        self._url = url.set(drivername=drivername)
        self._engines: dict[float, sa.Engine] = {}  # by a reader's timeout; 0 is the writer
        self._password = url.password or ""
        protect(Secret(self._password))

    @abstractmethod
    def _make_writer(self) -> sa.Engine:
        """What `writer` gives."""

    @abstractmethod
    def _make_reader(self, timeout_s: float) -> sa.Engine:
        """What `reader` gives."""

    def writer(self) -> sa.Engine:
        """Connections that may write. Each is opened anew; the engine, which asks the server what it is, is made once."""
        return self._engines.get(0) or self._engines.setdefault(0, self._make_writer())

    def reader(self, timeout_s: float = database.READING_TIMEOUT_S) -> sa.Engine:
        """Connections that can't write; each of their transactions sees one moment."""
        return self._engines.get(timeout_s) or self._engines.setdefault(timeout_s, self._make_reader(timeout_s))

    def read_only(self) -> ServerReadOnly:
        """One such connection, for plain SQL."""
        return ServerReadOnly(self.reader().connect())

    @property
    def lock_directory(self) -> Path:
        """In this user's part of the folder for temporary files: on this machine's own disk, which a home may not be."""
        place = repr((self._url.host, self._url.port, self._url.database, sorted(self._url.query.items())))
        name = "locks-" + hashlib.sha256(place.encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"holdfast-{os.getuid()}" / name

    def make_lock_directory(self) -> Path:
        """The same, made when it is not there. Raises OSError when another user could meddle with it."""
        ours = self.lock_directory.parent
        ours.mkdir(mode=0o700, exist_ok=True)
        found = ours.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
            raise PermissionError(1, f"other users may write to {ours}; remove it", str(ours))
        self.lock_directory.mkdir(mode=0o700, exist_ok=True)
        return self.lock_directory

    @property
    def anchor_directory(self) -> Path:
        """In the user's own folder for state, which stays when the machine starts again."""
        state = Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state")
        return Path(os.path.expanduser(state)) / "holdfast" / self.lock_directory.name  # noqa: PTH111  that raises without a home

    def exists(self) -> bool:
        """Whether the database has our tables, all of them: their version is written last."""
        with self.reported("opened"), self.reader().connect() as connection, connection.begin():
            return schema.is_made(connection)

    def create(self) -> None:
        """Make our tables in the database. What was begun and not finished is finished. Raises JournalError."""
        with self.reported("created"), self.writer().connect() as connection:
            with connection.begin():
                names = sa.inspect(connection).get_table_names()
                taken = sorted({*names} & {*tables.metadata.tables})
                if taken and schema.VERSION_TABLE not in names:
                    raise schema.SchemaError(
                        f"it has a table {taken[0]} of another program; name a database that is the journal's alone"
                    )
            schema.upgrade(connection, self)
            if not taken:
                anchor.forget(self.anchor_directory)

    def explain(self, error: Exception, doing: str) -> JournalError:
        """As `Database.explain`; whatever the server says, no password is in it."""
        explained = super().explain(error, doing)
        if self._password and self._password in str(explained):
            return type(explained)(str(explained).replace(self._password, "***"))
        return explained
