"""The folder that a result is kept in: nothing heavy, so that a command may look at it before it begins."""

from pathlib import Path

from holdfast.errors import DataError

HEAD = "result.json"


def check_folder(folder: Path) -> None:
    """Raises :class:`~holdfast.errors.DataError` for what a result can't be kept in: a file, or a folder with something else in it."""
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file; a result is kept in a folder")
    if folder.is_dir() and any(folder.iterdir()) and not _has_results(folder):
        raise DataError(f"{folder} has other files in it; give a folder that is empty, or one with an earlier result")


def _has_results(folder: Path) -> bool:
    return (folder / HEAD).exists() or all((each / HEAD).exists() for each in folder.iterdir())
