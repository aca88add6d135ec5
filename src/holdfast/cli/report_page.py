"""``holdfast report``: results that were kept, as a page for a browser. ``holdfast backtest --report`` makes the same."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.backtesting.folder import HEAD
from holdfast.cli import terminal
from holdfast.errors import DataError, InvalidValue

if TYPE_CHECKING:
    from holdfast.backtesting.result import Result


def report(folders: Sequence[Path], out: Path, title: str | None = None) -> int:
    """One result in full, several side by side under the names of their folders. Exit status 0; raises HoldfastError."""
    check_page(out)
    from holdfast.backtesting.result import load

    write_page({name: load(folder) for name, folder in _named(folders).items()}, out, title)
    return 0


def check_page(path: Path) -> None:
    """Raises :class:`~holdfast.errors.DataError` for what a page can't be written to."""
    if path.is_dir():
        raise DataError(f"{path} is a folder; give the name of a file, as {path / 'report.html'}")
    if not path.absolute().parent.is_dir():
        raise DataError(f"{path}: there is no folder {path.absolute().parent}; make it first")


def write_page(results: "Mapping[str, Result]", path: Path, title: str | None = None, trials: int = 1) -> None:
    """Write it, and say where it is."""
    from holdfast.backtesting.report import report_of, write

    names = list(results) if len(results) > 1 else ()
    write(report_of(list(results.values()), names, title=title, trials=trials), path)
    terminal.say(f"report: {path} ({path.stat().st_size / 1000:,.0f} kB)")


def _named(folders: Sequence[Path]) -> dict[str, Path]:
    """Each result's folder under a name: the folder's own, or as much of its path as tells it from the others."""
    found: list[Path] = []
    for folder in folders:
        found += _results_in(folder)
    seen = [path.resolve() for path in found]
    if len(set(seen)) < len(seen):
        again = next(path for place, path in enumerate(found) if seen.index(seen[place]) < place)
        raise InvalidValue(f"{again} was given twice")
    names = [path.name for path in seen]
    return {
        name if names.count(name) == 1 else "/".join(path.parts[-2:]): folder
        for name, path, folder in zip(names, seen, found, strict=True)
    }


def _results_in(folder: Path) -> Iterator[Path]:
    """The folder, or those of its accounts."""
    inside = sorted(each.parent for each in folder.glob(f"*/{HEAD}")) if not (folder / HEAD).exists() else []
    yield from inside or [folder]
