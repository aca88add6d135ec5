"""Opening the SQLite file, for writing or for reading, and saying clearly what is wrong with it.

How the file is opened decides what survives. WAL with ``synchronous=FULL``: a commit returns after its pages are synced to
the disk, and readers never wait for the writer nor the writer for them. The file never exists half made: a new journal is
built beside its place and linked into it.
"""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from holdfast.errors import ConfigError, JournalCorrupt, JournalError
from holdfast.journal import schema

BUSY_TIMEOUT_S = 5.0
"""How long to wait for another program's lock before giving up. Commits take milliseconds; who holds a lock for seconds
is a backup or a shell left open, and an engine that can't record must stop rather than wait on."""

DRIVER_ERRORS = (sqlite3.Error, DBAPIError, OSError)
"""What the database and the system raise; `explain` makes our errors of them."""

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


def journal_path(url: str) -> Path:
    """The file that a journal's URL means, symbolic links resolved; it need not exist.

    Raises :class:`~holdfast.errors.ConfigError` for anything but ``sqlite:///path``.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigError("the journal's url can't be read; write it as sqlite:///path/to/holdfast.db") from None
    _require_sqlite_file(parsed)
    return Path(parsed.database or "").expanduser().resolve()


def _require_sqlite_file(url: URL) -> None:
    shown = url.render_as_string(hide_password=True)
    if url.get_backend_name() != "sqlite":
        raise ConfigError(
            f"the journal can't be kept in {shown}: only sqlite:///path/to/holdfast.db is supported so far"
        )
    if not url.database or url.database == ":memory:" or url.database.startswith("file:") or url.query:
        raise ConfigError(f"the journal's url {shown} must name a plain file, as sqlite:///path/to/holdfast.db does")


def create(path: Path) -> None:
    """Make an empty journal at ``path`` and its directory, unless one is there already. Raises JournalError."""
    with reported(path, "created"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".holdfast-", dir=path.parent) as workshop:
            draft = Path(workshop) / path.name
            engine = _engine(draft, "rwc")
            with engine.connect() as connection:
                schema.upgrade(connection)
            _sync(draft)
            try:
                path.hardlink_to(draft)
            except FileExistsError:
                return  # another process was quicker; its journal is as good
        _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def writer(path: Path) -> sa.Engine:
    """Connections that may write to a journal that exists; each transaction takes the write lock at its start."""
    return _engine(path, "rw")


def reader(path: Path) -> sa.Engine:
    """Connections that can't write.

    After a crash the first connection rebuilds the index over what was committed (the ``-shm`` file), which needs a writable
    directory. Where nothing is left to rebuild, a journal on a read-only medium is read as the unchanging file it is.
    """
    frozen = not os.access(path.parent, os.W_OK) and not Path(f"{path}-wal").exists()
    return _engine(path, "ro", "&immutable=1" if frozen else "")


def _engine(path: Path, mode: str, options: str = "") -> sa.Engine:
    uri = f"file:{quote(str(path))}?mode={mode}{options}"
    may_write = mode != "ro"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(connection, path, may_write)
        except BaseException:
            connection.close()
            raise
        return connection

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=NullPool)
    begin = "BEGIN IMMEDIATE" if may_write else "BEGIN"
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _prepare(connection: sqlite3.Connection, path: Path, may_write: bool) -> None:
    if not may_write:
        return
    (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    if mode != "wal":
        raise JournalError(f"{path} can't keep a write-ahead log there (SQLite answers {mode!r}); use a local disk")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA fullfsync=ON")  # on macOS an ordinary fsync stops at the drive's cache


@contextmanager
def reported(path: Path, doing: str) -> Iterator[None]:
    """Turn whatever the database or the system raises inside into one clear `JournalError` about ``path``."""
    try:
        yield
    except (*DRIVER_ERRORS, schema.SchemaError) as error:
        raise explain(error, path, doing) from error


def explain(error: Exception, path: Path, doing: str) -> JournalError:
    """The one-line error for what went wrong while the journal was being ``doing`` (``opened``, ``read``, ``written``)."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    name = getattr(cause, "sqlite_errorname", "")
    reason = " ".join(str(cause).split())[:200]
    advice = next((advice for start, advice in _ADVICE.items() if name.startswith(start)), "")
    if isinstance(cause, OSError):
        reason, advice = (cause.strerror or reason).lower(), "check the path, its permissions and the space on its disk"
    damaged = name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")) or reason.startswith("Could not decode")
    kind = JournalCorrupt if damaged else JournalError
    return kind(f"journal {path} can't be {doing}: {reason}" + (f" - {advice}" if advice else ""))
