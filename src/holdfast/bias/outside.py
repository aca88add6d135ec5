"""Data that a strategy has from elsewhere: the engine shows it bars, and can't say what else it knows."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import holdfast
from holdfast.core.strategy.api import Strategy

FRAMES = ("pandas", "polars", "pyarrow")
DATA = (
    ".csv",
    ".gz",
    ".parquet",
    ".feather",
    ".arrow",
    ".json",
    ".jsonl",
    ".zip",
    ".h5",
    ".hdf5",
    ".npy",
    ".npz",
    ".pkl",
    ".pickle",
    ".xlsx",
    ".db",
    ".sqlite",
)
OURS = (str(Path(holdfast.__file__).parent), sys.prefix, sys.base_prefix)
"""What Python and Holdfast open is not the strategy's."""
FEW = 30
"""A list of fewer different numbers may be a setting."""

_watching = threading.local()


def outside_data(strategy: Strategy) -> Iterator[str]:
    """What data a strategy holds, or its methods name, before it was shown anything."""
    for name, value in vars(strategy).items():
        if name != "params" and (kind := kind_of(value)):
            yield f"self.{name} is {kind} before the first bar"
    for owner in type(strategy).__mro__:
        if owner in (Strategy, object):
            break
        for name, value in vars(owner).items():
            if kind := kind_of(value):
                yield f"{owner.__name__}.{name} is {kind}"
            function = getattr(value, "__func__", value)
            if isinstance(function, FunctionType):
                yield from _named(f"{owner.__name__}.{name}", function, set())


def _named(where: str, function: FunctionType, seen: set[FunctionType]) -> Iterator[str]:
    """What the code of a function names from outside, and that of the functions of its own module that it calls."""
    if function in seen:
        return
    seen.add(function)
    for name in dict.fromkeys(_names(function.__code__)):
        value = function.__globals__.get(name)
        if kind := kind_of(value):
            yield f"{where} reads {name}, which is {kind}"
        elif isinstance(value, FunctionType) and value.__module__ == function.__module__:
            yield from _named(where, value, seen)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            kind = kind_of(cell.cell_contents)
        except ValueError:  # not set yet
            continue
        if kind:
            yield f"{where} reads {name}, which is {kind}"


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def kind_of(value: object) -> str | None:
    """What a value is called if it is data: a frame, a column, many different numbers."""
    library = type(value).__module__.partition(".")[0]
    length = _length(value)
    if library in FRAMES and length > 1:
        return f"a {type(value).__name__} of {length:,} rows"
    if library == "numpy" and getattr(value, "ndim", None) and length >= FEW and _varies(value):
        return f"an array of {length:,} values"
    if isinstance(value, (list, tuple, dict)) and length >= FEW:
        items: Any = value.values() if isinstance(value, dict) else value
        numbers = {each for each in items if isinstance(each, float)}
        if len(numbers) >= FEW:
            return f"a {type(value).__name__} of {length:,} numbers"
    return None


def _length(value: Any) -> int:
    try:
        return len(value)
    except TypeError:
        return 0


def _varies(value: Any) -> bool:
    return len({each for each in value.ravel()[:10_000].tolist() if each == each}) >= FEW  # noqa: PLR0124 - not a number is no value


@contextmanager
def files_opened() -> Iterator[set[str]]:
    """The data files that this thread opens by Python's own means meanwhile."""
    _install()
    found: set[str] = set()
    _watching.found = found
    try:
        yield found
    finally:
        _watching.found = None


_installed = threading.Event()


def _install() -> None:
    """A hook can't be taken away again, so there is one, which does nothing where nobody watches."""
    if not _installed.is_set():
        _installed.set()
        sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    found = getattr(_watching, "found", None)
    if event == "open" and found is not None and isinstance(arguments[0], (str, bytes)):
        path = arguments[0] if isinstance(arguments[0], str) else arguments[0].decode(errors="replace")
        if Path(path).suffix.lower() in DATA and not path.startswith(OURS):
            found.add(path)
