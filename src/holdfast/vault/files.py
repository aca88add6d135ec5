"""A small file that is replaced as a whole, and a lock between those who would."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from holdfast.errors import ConfigError, Refused

WAIT_S = 10.0
"""So long a writer waits for another, who needs milliseconds."""
_AGAIN_S = 0.02


def write_whole(path: Path, data: bytes, what: str) -> None:
    """Put ``data`` in the place of ``path``, on the disk when this returns: a kill at any moment leaves the old file or the new one.

    Who writes holds the file's lock. Raises :class:`~holdfast.errors.ConfigError`, which calls it ``what``; the old file is there then.
    """
    path = path.resolve()  # a link stays one
    new = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new.unlink(missing_ok=True)  # what a kill has left, which may have other rights
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise ConfigError(
            f"{what} can't be written: {(error.strerror or str(error)).lower()} ({path}); nothing was changed"
        ) from None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One after the other for those who write ``path``. Raises :class:`~holdfast.errors.Refused` when the other takes too long."""
    lock = path.with_name(f"{path.name}.lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(
            f"{lock} can't be made: {(error.strerror or str(error)).lower()}; nothing was changed"
        ) from None
    try:
        _take(descriptor, lock)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, lock: Path) -> None:
    until_s = time.monotonic() + WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until_s:
                raise Refused(
                    f"another program has held {lock} for {WAIT_S:.0f} seconds; nothing was changed"
                ) from None
            time.sleep(_AGAIN_S)
        else:
            return
