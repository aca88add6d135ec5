"""The database a journal is kept in: opening it, for writing or for reading, and saying clearly what is wrong with it.

How it is opened decides what survives, so each kind has a module of its own that does nothing else: `sqlite`, `postgresql` and
`mariadb`. Whatever is kept in one goes through `Database`.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from holdfast.errors import ConfigError, JournalCorrupt, JournalError

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy.engine import URL

    from holdfast.journal.readonly import ReadOnly
    from holdfast.telemetry.journal_metrics import JournalMetrics

BUSY_TIMEOUT_S = 5.0
"""How long to wait for another program's lock before giving up. Commits take milliseconds; who holds a lock for seconds
is a backup or a shell left open. The engine's own commits may wait several times as long (`Database.lock_tries`)."""

READING_TIMEOUT_S = 60.0
"""How long a statement may take that only reads: an audit counts a whole journal in one."""

FORMS = "sqlite:///path/to/holdfast.db, postgresql://user@host/database or mariadb://user@host/database"

NO_FILE = (":memory:", "file:")
"""How what SQLite would take for something other than a file begins."""

REASON_LENGTH = 200
"""How much of what a database says goes into an error, in characters."""


class Database(ABC):
    """Where a journal is kept. Nothing is opened before one of its methods is called.

    ``kind`` is ``sqlite``, ``postgresql`` or ``mariadb``; ``shown`` is what people are told, without any password; ``errors`` is
    what the database, its driver and the system raise: `explain` makes our errors of them. ``begin`` begins a transaction on
    a writer's own cursor, for drivers that don't do so by themselves.
    """

    kind: ClassVar[str]
    lock_tries: ClassVar[int] = 1
    """How often the engine's own commit waits for a lock, `BUSY_TIMEOUT_S` each."""
    begin: ClassVar[str] = ""

    def __init__(self, shown: str) -> None:
        self.shown = shown

    @property
    @abstractmethod
    def errors(self) -> tuple[type[Exception], ...]:
        """See above. A property: the classes are libraries', and most commands end without needing one."""

    @cached_property
    def metrics(self) -> "JournalMetrics":
        """Counts what the writers do."""
        from holdfast.telemetry.journal_metrics import JournalMetrics

        return JournalMetrics()

    @property
    @abstractmethod
    def lock_directory(self) -> Path:
        """Where this machine keeps the lock files of this journal; it need not exist."""

    @abstractmethod
    def make_lock_directory(self) -> Path:
        """The same, made when it is not there. Raises OSError when it can't be, or is not safe from other users."""

    @property
    @abstractmethod
    def anchor_directory(self) -> Path:
        """Where this machine notes how far this journal's records were durable; it need not exist."""

    def check(self) -> None:  # noqa: B027 - for those that can tell
        """Look for damage that opening would hide, before anything is opened. Raises JournalCorrupt."""

    def close_to_others(self) -> None:  # noqa: B027 - for those that are files
        """Let other users of this machine read nothing."""

    @abstractmethod
    def exists(self) -> bool:
        """Whether there is a journal (or, on SQLite, a file in its place). Raises JournalError when nobody can tell."""

    @abstractmethod
    def create(self) -> None:
        """Make an empty journal unless one is there already. Raises JournalError."""

    @abstractmethod
    def writer(self) -> "sa.Engine":
        """Connections that may write to a journal that exists."""

    def keeper(self, *, is_made_anew: bool = False) -> "sa.Engine":  # noqa: ARG002 - those that it costs something
        """The same for who commits now and then for as long as it lives; a connection may be kept open between two transactions.

        ``is_made_anew``: what the last commits have is found again if the machine loses its power, and they need not wait for the disk.
        """
        return self.writer()

    @abstractmethod
    def reader(self, timeout_s: float = READING_TIMEOUT_S) -> "sa.Engine":
        """Connections that can't write; each of their transactions sees one moment.

        A server may take ``timeout_s`` for a statement.
        """

    @abstractmethod
    def read_only(self) -> "ReadOnly":
        """One such connection, for plain SQL. Raises what the driver raises."""

    @abstractmethod
    def _contention(self, cause: BaseException) -> str | None:
        """As `contention`, of the driver's own error."""

    @abstractmethod
    def _diagnose(self, cause: BaseException) -> tuple[bool, str]:
        """Whether the journal is damaged, and what to do about ``cause`` ("" when that is not known)."""

    def _words(self, cause: BaseException) -> str:
        """What the database says."""
        return str(cause)

    def identity(self) -> object:
        """Something that changes when the journal is taken away from under those who have it open."""
        return None

    def written_s(self) -> float | None:
        """When something was last written, in seconds of this machine's clock since 1970; None where only the rows tell."""
        return None

    def migrating(self, connection: "sa.Connection") -> AbstractContextManager[object]:  # noqa: ARG002 - those that need it
        """Keeps every other process from migrating meanwhile."""
        return nullcontext()

    def queue(self) -> AbstractContextManager[object]:
        """One after the other for those who file commands, so that they don't keep the engine from its commits."""
        return nullcontext()

    def weaknesses(self, connection: "sa.Connection") -> list[str]:  # noqa: ARG002 - for those that have any
        """How the server is set to lose what it acknowledged: a sentence each."""
        return []

    def contention(self, error: BaseException) -> str | None:
        """``lock_waits`` or ``deadlocks`` when the error says that another session was in the way, and trying again may help."""
        return self._contention(_driver_error(error))

    def note(self, error: BaseException) -> None:
        """Count the error if another session was in the way."""
        if kind := self.contention(error):
            self.metrics.contended(kind)

    def _watched(self, engine: "sa.Engine") -> "sa.Engine":
        """The engine, with its statements measured and what they meet counted."""
        import sqlalchemy as sa

        metrics = self.metrics  # made in this thread

        def before(connection: "sa.Connection", *_: object) -> None:
            connection.info["holdfast_began_s"] = time.perf_counter()

        def after(connection: "sa.Connection", _cursor: object, statement: str, *_: object) -> None:
            metrics.took(statement, time.perf_counter() - connection.info["holdfast_began_s"])

        sa.event.listen(engine, "before_cursor_execute", before)
        sa.event.listen(engine, "after_cursor_execute", after)
        sa.event.listen(engine, "handle_error", lambda context: self.note(context.original_exception))
        return engine

    @contextmanager
    def reported(self, doing: str) -> Iterator[None]:
        """Turn whatever is raised inside by the database or the system into one clear `JournalError`."""
        try:
            yield
        except self.errors as error:
            raise self.explain(error, doing) from error

    def explain(self, error: Exception, doing: str) -> JournalError:
        """The one-line error for what went wrong while the journal was being ``doing`` (``opened``, ``read``, ``written``)."""
        cause = _driver_error(error)
        reason = " ".join(self._words(cause).split())[:REASON_LENGTH]
        damaged, advice = self._diagnose(cause)
        if isinstance(cause, OSError):
            reason = f"{(cause.strerror or reason).lower()}{f' ({cause.filename})' if cause.filename else ''}"
            advice = "check the path, its permissions and the space on its disk"
        kind = JournalCorrupt if damaged else JournalError
        return kind(f"journal {self.shown} can't be {doing}: {reason}" + (f" - {advice}" if advice else ""))

    def require(self) -> None:
        """Raise :class:`~holdfast.errors.JournalError` unless there is a journal."""
        if not self.exists():
            raise JournalError(f"there is no journal at {self.shown}; start the engine to make one, or name another")


def _driver_error(error: BaseException) -> BaseException:
    """What the driver raised, without what SQLAlchemy puts around it."""
    cause = getattr(error, "orig", None)
    return cause if isinstance(cause, BaseException) else error


def open_database(url: str) -> Database:
    """The database that a journal's URL means; nothing is connected to yet.

    Raises :class:`~holdfast.errors.ConfigError` for a URL of another form, and when the driver for it isn't installed.
    """
    path = _plain_file(url)
    if path is not None:
        from holdfast.journal.sqlite import SqliteDatabase

        return SqliteDatabase(path)
    parsed = _parsed(url)
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        from holdfast.journal.sqlite import SqliteDatabase

        if not parsed.database or parsed.database.startswith(NO_FILE) or parsed.query:
            raise ConfigError(
                f"the journal's url {shown(parsed)} must name a plain file, as sqlite:///path/to/holdfast.db does"
            )
        return SqliteDatabase(parsed.database)
    if backend == "postgresql":
        _require_driver("psycopg", "postgres", parsed)
        from holdfast.journal.postgresql import PostgresqlDatabase

        return PostgresqlDatabase(parsed)
    if backend in ("mysql", "mariadb"):
        _require_driver("pymysql", "mariadb", parsed)
        from holdfast.journal.mariadb import MariadbDatabase

        return MariadbDatabase(parsed)
    raise ConfigError(f"the journal can't be kept in {shown(parsed)}; write its url as {FORMS}")


def _plain_file(url: str) -> str | None:
    """The path that the usual URL of a file names. Anything else is for SQLAlchemy to read, which takes a moment to load."""
    path = url.removeprefix("sqlite:///")
    is_plain = path != url and path and not path.startswith(NO_FILE) and not set(path) & set("?#%@")
    return path if is_plain else None


def _parsed(url: str) -> "URL":
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigError(f"the journal's url can't be read; write it as {FORMS}") from None


def public(url: str) -> str:
    """A journal's URL as people may see it. Raises :class:`~holdfast.errors.ConfigError` when it is none."""
    return url if _plain_file(url) is not None else shown(_parsed(url))


def shown(url: "URL") -> str:
    """A URL as people may see it: without its password, and without options, which may hold another."""
    return url.set(query={}).render_as_string(hide_password=True)


def _require_driver(driver: str, extra: str, url: "URL") -> None:
    asked = url.drivername.partition("+")[2]
    if asked not in ("", driver):
        raise ConfigError(f"the journal's url {shown(url)} asks for driver {asked}; only {driver} is supported")
    try:
        __import__(driver)
    except ImportError as error:
        raise ConfigError(
            f"a journal at {shown(url)} needs {driver}, which can't be loaded ({error}); pip install 'holdfast[{extra}]'"
        ) from None
