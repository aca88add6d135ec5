"""A journal in a SQLite file.

How the file is opened decides what survives. WAL with ``synchronous=FULL``: a commit returns after its pages are synced to
the disk, and readers never wait for the writer nor the writer for them. The file never exists half made: a new journal is
built beside its place and linked into it.
"""

import fcntl
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from holdfast.errors import JournalCorrupt, JournalError
from holdfast.journal import anchor, database, schema
from holdfast.journal.readonly import SqliteReadOnly
from holdfast.journal.wal import damage_in

if TYPE_CHECKING:
    import sqlalchemy as sa

_ADVICE = {
    "SQLITE_NOTADB": "it is not a journal, or its first page is damaged; restore a backup",
    "SQLITE_CORRUPT": "its content is damaged; restore a backup",
    "SQLITE_BUSY": "another program kept it locked; close whatever else has it open",
    "SQLITE_LOCKED": "another program kept it locked; close whatever else has it open",
    "SQLITE_READONLY": "it is read-only; make the file and its directory writable",
    "SQLITE_FULL": "the disk is full; free space and start again",
    "SQLITE_CANTOPEN": "it can't be opened; check that the file and its directory can be read and written",
    "SQLITE_PERM": "access is not permitted; make the file and its directory writable",
    "SQLITE_IOERR": "the disk refused (full, over quota or failing); mend that and start again",
    "SQLITE_CONSTRAINT": "it already has such a row: an id was used twice; run `holdfast audit verify`",
}


QUEUE = "commands.queue"
QUEUE_WAIT_S, QUEUE_LOOK_S = 30.0, 0.02
AGAIN_S = 0.01


class SqliteDatabase(database.Database):
    """A file: ``path``, symbolic links resolved."""

    kind = "sqlite"
    lock_tries = 12
    """A minute: whoever writes locks the whole file, and a backup or a burst of commands that ends must not end the engine. Meanwhile nothing is
    durable, so nothing leaves; whoever takes the account when its lease is over fences it."""
    begin = "BEGIN IMMEDIATE"  # with the write lock; the driver is in autocommit mode

    def __init__(self, path: str) -> None:
        self.path = Path(path).expanduser().resolve()
        super().__init__(str(self.path))

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """The driver's, SQLAlchemy's, the system's and the schema's."""
        from sqlalchemy.exc import DBAPIError

        return sqlite3.Error, DBAPIError, OSError, schema.SchemaError

    @property
    def lock_directory(self) -> Path:
        """Beside the file."""
        return self.path.with_name(f"{self.path.name}.locks")

    def make_lock_directory(self) -> Path:
        """The same, made when it is not there. Raises OSError."""
        self.lock_directory.mkdir(mode=0o700, exist_ok=True)
        return self.lock_directory

    @property
    def anchor_directory(self) -> Path:
        """Beside the file."""
        return self.path.with_name(f"{self.path.name}.anchors")

    def close_to_others(self) -> None:
        """Take from other users what an older version has given them: its group's rights may be meant, theirs are not."""
        for path in (self.path, Path(f"{self.path}-wal"), Path(f"{self.path}-shm")):
            with suppress(OSError):
                mode = path.stat().st_mode
                if mode & 0o007:
                    path.chmod(mode & ~0o007 & 0o777)

    def check(self) -> None:
        """Look at the write-ahead log. Raises JournalCorrupt, JournalError when it can't be read."""
        with self.reported("read"):
            found = damage_in(self.path)
        if found is None:
            return
        where = f"at frame {found.frame}" if found.frame else "in its header"
        raise JournalCorrupt(
            f"journal {self.shown}: its write-ahead log {self.path.name}-wal is damaged {where}, and what was committed from there on "
            f"({found.transactions} transactions or more) would be dropped in silence; nothing was opened. Keep both files as they "
            'are and restore a backup (docs/journal.md, "A lost end")'
        )

    @contextmanager
    def queue(self) -> Iterator[None]:
        """By a lock file: SQLite itself lets whoever asks at the right moment go first, and fifty at once could keep the engine out.

        After `QUEUE_WAIT_S`, or where there can be no lock file, it goes on without.
        """
        try:
            descriptor = os.open(self.make_lock_directory() / QUEUE, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            yield
            return
        try:
            ends_s = time.monotonic() + QUEUE_WAIT_S
            while not _locked(descriptor) and time.monotonic() < ends_s:
                time.sleep(QUEUE_LOOK_S)
            yield
        finally:
            os.close(descriptor)

    def exists(self) -> bool:
        """Whether there is such a file."""
        return self.path.exists()

    def create(self) -> None:
        """Make an empty journal and its directory, unless one is there already. Raises JournalError."""
        path = self.path
        with self.reported("created"):
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".holdfast-", dir=path.parent) as workshop:
                draft = Path(workshop) / path.name
                engine = _engine(draft, "rwc")
                with engine.connect() as connection:
                    schema.make(connection)
                draft.chmod(0o600)  # the log and its index get the same
                _sync(draft)
                try:
                    path.hardlink_to(draft)
                except FileExistsError:
                    return  # another process was quicker; its journal is as good
                anchor.forget(self.anchor_directory)
            _sync(path.parent)

    def writer(self) -> "sa.Engine":
        """Connections that may write to a journal that exists; each transaction takes the write lock at its start."""
        return self._watched(_engine(self.path, "rw"))

    def keeper(self, *, is_made_anew: bool = False) -> "sa.Engine":
        """The same, kept open: with its last connection SQLite puts away the log, syncs the file some times, and begins anew with the next one.

        One that is of another file than is there now is not used again. What ``is_made_anew`` is on the disk with the next commit that isn't, or when the
        log is put into the file.
        """
        import sqlalchemy as sa
        from sqlalchemy.pool import QueuePool

        engine = _engine(self.path, "rw", pool=QueuePool)

        def opened(connection: sqlite3.Connection, record: "sa.pool.ConnectionPoolEntry") -> None:
            record.info["file"] = self.identity()
            if is_made_anew:
                connection.execute("PRAGMA synchronous=NORMAL")

        def taken(_connection: object, record: "sa.pool.ConnectionPoolEntry", _proxy: object) -> None:
            if record.info["file"] != self.identity():
                raise sa.exc.DisconnectionError

        sa.event.listen(engine, "connect", opened)
        sa.event.listen(engine, "checkout", taken)
        return self._watched(engine)

    def reader(self, timeout_s: float = database.READING_TIMEOUT_S) -> "sa.Engine":  # noqa: ARG002 - its own process reads
        """Connections that can't write.

        After a crash the first connection rebuilds the index over what was committed (the ``-shm`` file), which needs a writable
        directory. Where nothing is left to rebuild, a journal on a read-only medium is read as the unchanging file it is.
        """
        return _engine(self.path, "ro", self._frozen())

    def read_only(self) -> SqliteReadOnly:
        """One such connection, for plain SQL."""
        return SqliteReadOnly(_connect(self.path, "ro", self._frozen()))

    def _frozen(self) -> str:
        is_frozen = not os.access(self.path.parent, os.W_OK) and not Path(f"{self.path}-wal").exists()
        return "&immutable=1" if is_frozen else ""

    def identity(self) -> tuple[int, int] | None:
        """Which file it is: another one in its place, or none, is another journal."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def written_s(self) -> float:
        """When the file or its log was last written."""
        files = (self.path, Path(f"{self.path}-wal"))
        return max(file.stat().st_mtime for file in files if file.exists())

    def _contention(self, cause: BaseException) -> str | None:
        busy = getattr(cause, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
        return "lock_waits" if busy else None

    def _diagnose(self, cause: BaseException) -> tuple[bool, str]:
        name = getattr(cause, "sqlite_errorname", "")
        advice = next((advice for start, advice in _ADVICE.items() if name.startswith(start)), "")
        unreadable = str(cause).startswith("Could not decode")
        return name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")) or unreadable, advice


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _connect(path: Path, mode: str, options: str = "") -> sqlite3.Connection:
    uri = f"file:{quote(str(path))}?mode={mode}{options}"
    connection = sqlite3.connect(
        uri, uri=True, timeout=database.BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    try:
        _prepare(connection, path, mode != "ro")
    except BaseException:
        connection.close()
        raise
    return connection


def _engine(path: Path, mode: str, options: str = "", pool: "type[sa.Pool] | None" = None) -> "sa.Engine":
    import sqlalchemy as sa
    from sqlalchemy.pool import NullPool

    engine = sa.create_engine("sqlite://", creator=lambda: _connect(path, mode, options), poolclass=pool or NullPool)
    begin = "BEGIN" if mode == "ro" else "BEGIN IMMEDIATE"
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _prepare(connection: sqlite3.Connection, path: Path, may_write: bool) -> None:
    if not may_write:
        return
    mode = _to_wal(connection)
    if mode != "wal":
        raise JournalError(f"{path} can't keep a write-ahead log there (SQLite answers {mode!r}); use a local disk")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA fullfsync=ON")  # on macOS an ordinary fsync stops at the drive's cache


def _to_wal(connection: sqlite3.Connection) -> str:
    """Have the file keep a write-ahead log; gives the mode it is in then.

    SQLite's own timeout is not for this: of two who open a new file at the same time one is told at once that it is locked.
    """
    ends_s = time.monotonic() + database.BUSY_TIMEOUT_S
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() >= ends_s:
                raise
            time.sleep(AGAIN_S)
        else:
            return str(mode)
