"""Backtests that were kept in the results folder: found, loaded once, shown in figures and as a page."""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from holdfast.backtesting.folder import HEAD
from holdfast.web.errors import NotFound

KEPT, PAGES = 500, 8
"""So many figures and so many pages are kept."""
DEEPEST = 2
"""A result is a folder in the results folder, or an account's in one of those."""
T = TypeVar("T")


class SavedRun(msgspec.Struct, frozen=True):
    """A backtest that was kept."""

    name: str
    """The path of its folder, by which it is asked for."""
    saved_ns: int
    """When, in nanoseconds since 1970."""
    account: str
    """Its account."""
    data: str
    """What it ran on."""
    symbols: list[str]
    """What it traded."""
    start_ns: int
    """The first event's time, in nanoseconds since 1970."""
    end_ns: int
    """The last event's."""
    holdfast_version: str
    """What made it."""
    statistics: dict[str, str | float | int | bool | None]
    """The figures of docs/statistics.md, by their names; parts of a group with a dot between."""
    parameters: dict[str, dict[str, Any]]
    """Those of each strategy."""
    notes: list[str]
    """What there was to say of data and settings before it."""
    fine_print: list[str]
    """What it rests on."""
    error: str
    """Why it can't be read; empty when it can."""


class Saved:
    """The results of a folder. May be used by all threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._runs: OrderedDict[tuple[str, int], SavedRun] = OrderedDict()
        self._pages: OrderedDict[tuple[str, int], str] = OrderedDict()

    def all(self) -> list[SavedRun]:
        """Every result, the newest first; one that can't be read says why."""
        found = [self._kept(self._runs, KEPT, path, partial(self._run, path)) for path in self._folders()]
        return sorted(found, key=lambda run: (run.saved_ns, run.name), reverse=True)

    def one(self, name: str) -> SavedRun:
        """A result. Raises :class:`~holdfast.web.errors.NotFound`."""
        path = self._folder_of(name)
        return self._kept(self._runs, KEPT, path, partial(self._run, path))

    def page(self, name: str) -> str:
        """Its report. Raises :class:`~holdfast.web.errors.NotFound`, and DataError when it can't be read."""
        path = self._folder_of(name)
        return self._kept(self._pages, PAGES, path, partial(_page, path))

    def _folders(self) -> list[Path]:
        patterns = ["/".join(["*"] * depth + [HEAD]) for depth in range(1, DEEPEST + 1)]
        return sorted({head.parent for pattern in patterns for head in self.folder.glob(pattern)})

    def _folder_of(self, name: str) -> Path:
        """Only one of those that are listed: nothing elsewhere on the disk."""
        for path in self._folders():
            if self._name(path) == name:
                return path
        raise NotFound(f"there is no backtest {name!r} in {self.folder}; `holdfast backtest --save` keeps one there")

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _kept(self, kept: "OrderedDict[tuple[str, int], T]", most: int, path: Path, make: Callable[[], T]) -> T:
        """What was made of a result as it is now; results that were replaced are forgotten in time."""
        key = str(path), (path / HEAD).stat().st_mtime_ns
        with self._lock:
            if key not in kept:
                kept[key] = make()
                while len(kept) > most:
                    kept.popitem(last=False)
            kept.move_to_end(key)
            return kept[key]

    def _run(self, path: Path) -> SavedRun:
        from holdfast.backtesting.result import load
        from holdfast.errors import HoldfastError

        name, saved_ns = self._name(path), (path / HEAD).stat().st_mtime_ns
        try:
            result = load(path)
            figures = flat("", msgspec.structs.asdict(result.summarize(resamples=0)))
        except (HoldfastError, ValueError, ArithmeticError, LookupError) as error:
            return SavedRun(name, saved_ns, "", "", [], 0, 0, "", {}, {}, [], [], str(error))
        head, account = result.head, result.account
        return SavedRun(
            name,
            saved_ns,
            account.account,
            head.data,
            list(head.symbols),
            account.start_ns,
            account.end_ns,
            head.holdfast_version,
            figures,
            head.parameters,
            list(head.notes),
            list(head.fine_print),
            "",
        )


def flat(prefix: str, values: dict[str, Any]) -> dict[str, Any]:
    """Nested figures with dotted names; lists are left to the report, and what is no number is None."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, msgspec.Struct):
            found |= flat(f"{prefix}{name}.", msgspec.structs.asdict(value))
        elif not isinstance(value, tuple | list):
            found[prefix + name] = None if isinstance(value, float) and not math.isfinite(value) else value
    return found


def _page(path: Path) -> str:
    from holdfast.backtesting.report import report_of
    from holdfast.backtesting.result import load
    from holdfast.report import page

    return str(page(report_of([load(path)], [path.name])))
