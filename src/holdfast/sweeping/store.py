"""The trials of a sweep on disk: each durable as it is done, one Parquet file in the end.

While a sweep goes on its trials are in ``FILE.unfinished``, an SQLite database; the same sweep again goes on there. A sweep that is over,
or was interrupted, is ``FILE``.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.core.session.calendar import SpecialSession
from holdfast.errors import DataError, InvalidValue, Refused
from holdfast.sweeping.figures import NAMES
from holdfast.sweeping.trial import Trial

ABOUT = b"holdfast.sweep"
VERSION = 1
FIXED = ("trial", "error", "first_session", "returns")


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep is. ``prints`` are the fingerprints of what its trials rest on, by what it is; two that differ are never mixed."""

    version: int = VERSION
    strategy: str
    space: dict[str, list[Any]]
    search: str
    prints: dict[str, str]
    by: str = "sharpe"
    calendar: str = "XNYS"
    calendar_sessions: tuple[SpecialSession, ...] = ()
    parts: dict[str, Any] = {}
    data: str = ""
    skipped: int = 0
    skipped_why: str = ""
    planned: int = 0
    is_complete: bool = False


class Store:
    """The trials of one sweep, in memory, or with ``path`` on disk too. Close it.

    Raises :class:`~holdfast.errors.Refused` where another sweep is, and :class:`~holdfast.errors.DataError` for what can't be read or written.
    """

    def __init__(self, about: About, path: Path | None = None) -> None:
        self._about = about
        self.path = path
        self.trials: dict[int, Trial] = {}
        self._database: sqlite3.Connection | None = None
        if path is None:
            return
        check_target(path)
        done = read(path) if path.exists() else None
        if done is not None:
            self._check(done[0], path)
            self.trials = {trial.number: trial for trial in done[1]}
            if done[0].is_complete:
                return
        self._open(unfinished(path))

    @property
    def resumed(self) -> int:
        """How many trials were there."""
        return len(self.trials)

    def _open(self, path: Path) -> None:
        try:
            self._database = sqlite3.connect(path, timeout=1.0, check_same_thread=False)
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("PRAGMA synchronous = FULL")
            with self._database:
                self._database.execute("CREATE TABLE IF NOT EXISTS about (content BLOB NOT NULL)")
                self._database.execute(
                    "CREATE TABLE IF NOT EXISTS trials (number INTEGER PRIMARY KEY, content BLOB NOT NULL)"
                )
                there = self._database.execute("SELECT content FROM about").fetchone()
                if there is None:
                    self._database.execute("INSERT INTO about VALUES (?)", [msgspec.json.encode(self._about)])
                else:
                    self._check(msgspec.json.decode(there[0], type=About), path)
                self._keep(self.trials.values())
            for (content,) in self._database.execute("SELECT content FROM trials"):
                trial = msgspec.msgpack.decode(content, type=Trial)
                self.trials[trial.number] = trial
        except (sqlite3.Error, msgspec.DecodeError) as error:
            self.close()
            if "locked" in str(error):
                raise Refused(
                    f"{path}: another sweep is writing to it; wait for its end, or give another --out"
                ) from None
            raise DataError(
                f"{path}: can't be used for a sweep's trials ({error}); remove it, or give another --out"
            ) from None
        except Refused:
            self.close()
            raise

    def _check(self, there: About, path: Path) -> None:
        own = self._about
        differ = [what for what, mark in own.prints.items() if there.prints.get(what) != mark]
        if there.space != own.space:
            differ.append("the values of the parameters")
        if there.search != own.search:
            differ.append("the search")
        if differ:
            raise Refused(
                f"{path}: is of another sweep ({', '.join(differ)} differ{'s' if len(differ) == 1 else ''}); remove it, or give another --out"
            )

    def add(self, trials: Iterable[Trial]) -> None:
        """Keep trials; they are durable when this returns."""
        trials = list(trials)
        try:
            if self._database is not None:
                with self._database:
                    self._keep(trials)
        except sqlite3.Error as error:
            raise DataError(
                f"{self.path}: trials can't be kept ({error}); free space, and start the sweep again"
            ) from None
        for trial in trials:
            self.trials[trial.number] = trial

    def _keep(self, trials: Iterable[Trial]) -> None:
        if self._database is not None:
            rows = [(trial.number, msgspec.msgpack.encode(trial)) for trial in trials]
            self._database.executemany("INSERT OR REPLACE INTO trials VALUES (?, ?)", rows)

    def finish(self, about: About) -> None:
        """Write the Parquet file; what was kept on the way goes when the sweep is complete."""
        if self.path is None:
            return
        write(self.path, about, sorted(self.trials.values(), key=lambda trial: trial.number))
        self.close()
        if about.is_complete:
            unfinished(self.path).unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file."""
        if self._database is not None:
            self._database.close()
            self._database = None


def unfinished(path: Path) -> Path:
    """Where the trials of a sweep are while it goes on."""
    return path.with_name(path.name + ".unfinished")


def check_target(path: Path) -> None:
    """Raises :class:`~holdfast.errors.InvalidValue` for what can't become a Parquet file."""
    if path.suffix != ".parquet":
        raise InvalidValue(f"--out {path}: trials are kept as Parquet; give a name that ends in .parquet")
    if path.is_dir() or not path.resolve().parent.is_dir():
        raise InvalidValue(f"--out {path}: is a folder, or in a folder that is not there; give the path of a file")


def names_of(space: Iterable[str]) -> dict[str, str]:
    """The column of each parameter: its name, with ``param_`` before it where a figure has that name."""
    return {name: f"param_{name}" if name in (*NAMES, *FIXED) else name for name in space}


def write(path: Path, about: About, trials: list[Trial]) -> None:
    """All trials as one Parquet file, which appears when it is whole. Raises :class:`~holdfast.errors.DataError`."""
    columns: dict[str, Any] = {"trial": pa.array([trial.number for trial in trials], pa.int64())}
    for name, column in names_of(about.space).items():
        columns[column] = _column([trial.params[name] for trial in trials])
    columns["error"] = pa.array([trial.error or None for trial in trials], pa.string())
    for name in NAMES:
        columns[name] = pa.array([trial.figures.get(name) for trial in trials], pa.float64())
    columns["first_session"] = pa.array([trial.first_session or None for trial in trials], pa.string())
    columns["returns"] = pa.array([trial.values for trial in trials], pa.list_(pa.float64()))
    params = msgspec.json.encode([trial.params for trial in trials])
    table = pa.table(columns).replace_schema_metadata({ABOUT: msgspec.json.encode(about), ABOUT + b".params": params})
    part = path.with_name(f".{path.name}.part")
    try:
        pq.write_table(table, part, compression="zstd")
        part.replace(path)
    except OSError as error:
        raise DataError(f"{path}: can't be written ({error.strerror or error})") from None
    finally:
        part.unlink(missing_ok=True)


def _column(values: list[Any]) -> pa.Array:
    """Numbers as numbers, all else as text."""
    if all(isinstance(value, bool) for value in values):
        return pa.array(values, pa.bool_())
    if all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return pa.array(values, pa.int64())
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return pa.array([float(value) for value in values], pa.float64())
    return pa.array([_text(value) for value in values], pa.string())


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def read(path: Path) -> tuple[About, list[Trial]]:
    """A sweep from its file. Raises :class:`~holdfast.errors.DataError` for what is none."""
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: can't be read as a sweep ({str(error).splitlines()[0]})") from None
    metadata: Mapping[bytes, bytes] = table.schema.metadata or {}
    if ABOUT not in metadata:
        raise DataError(f"{path}: is no sweep; remove it, or give another --out")
    try:
        about = msgspec.json.decode(metadata[ABOUT], type=About)
        params = msgspec.json.decode(metadata[ABOUT + b".params"])
    except (msgspec.DecodeError, KeyError) as error:
        raise DataError(f"{path}: is no whole sweep ({error}); remove it") from None
    if about.version > VERSION:
        raise DataError(f"{path}: was written by a newer Holdfast; upgrade to read it")
    return about, [
        Trial(
            row["trial"],
            own,
            row["error"] or "",
            {name: row[name] for name in NAMES} if not row["error"] else {},
            row["first_session"] or "",
            np.asarray(row["returns"], dtype=np.float64).tobytes(),
        )
        for row, own in zip(table.to_pylist(), params, strict=True)
    ]
