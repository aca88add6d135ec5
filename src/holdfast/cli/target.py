"""Where a command's JSON goes: a file that appears when it is complete, looked at before the work begins."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from holdfast.errors import DataError, InvalidValue

STDOUT = "-"


def target_of(text: str | None) -> Path | None:
    """The file that ``--json`` names; None without one, and for stdout.

    Raises :class:`~holdfast.errors.InvalidValue` for what can't become a file, so that no work is done for nothing.
    """
    if text is None or text == STDOUT:
        return None
    path = Path(text)
    if not path.name or path.is_dir() or "\0" in text:
        raise InvalidValue(f"--json {text!r} names no file; give the path of one that can be written, or - for stdout")
    folder = path.resolve().parent
    if not folder.is_dir():
        raise InvalidValue(f"--json {text}: there is no folder {folder} to write it to")
    if path.exists() and not path.is_file():
        raise InvalidValue(f"--json {text} is no ordinary file; - is stdout")
    if not os.access(folder, os.W_OK):
        raise InvalidValue(f"--json {text}: {folder} can't be written to; choose another folder, or allow it")
    return path


@contextmanager
def written(path: Path) -> Iterator[IO[str]]:
    """A text file that is there, under its name, when all has been written. Raises :class:`~holdfast.errors.DataError`."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            yield file
        unfinished.replace(path)
    except OSError as error:
        raise DataError(f"{path}: can't be written ({error.strerror or error}); the work itself went through") from None
    finally:
        unfinished.unlink(missing_ok=True)
