"""What a strategy can set for the whole process, put back after each of its callbacks.

None of it is the strategy's to say: a lower recursion limit, warnings that are errors or a closed stdout would end the engine, a signal's
handler in the place of ours would keep people from ending it. What the engine doesn't depend on stays as it is set: the locale, the
working directory (paths were made absolute), the seed of ``random``, threads. What can't be undone is in docs/reliability.md.
"""

import _signal  # type: ignore[import-not-found]  # as C has it: `signal` makes names of handlers, at ninety times the price
import gc
import os
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog

from holdfast.core.strategy.host import Runner

STREAMS = ("stdout", "stderr")

log = structlog.get_logger(__name__)


class LeftByForce(BaseException):
    """Raised where a strategy calls ``os._exit`` or ``os.abort``: like sys.exit(), it ends the strategy and not the engine."""


class Settings:
    """The process's settings, taken for right as they are when entered; `put_back` is for `Host.called`."""

    def __enter__(self) -> "Settings":
        self._leave = {name: getattr(os, name) for name in ("_exit", "abort")}
        for name in self._leave:
            setattr(os, name, _not_left(name, os.getpid(), self._leave[name]))
        self._streams = [getattr(sys, name) for name in STREAMS]
        for stream in self._streams:
            with suppress(AttributeError):
                stream.close = _stays_open  # a closed descriptor would be the next file's, with what is printed in it
        self._recursion = sys.getrecursionlimit()
        self._collects = gc.isenabled()
        self._filters = list(warnings.filters)
        self._handlers: dict[signal.Signals, Any] = {}
        self._told: set[tuple[str, str]] = set()
        return self

    def __exit__(self, *_: object) -> None:
        for name, function in self._leave.items():
            setattr(os, name, function)
        for stream in self._streams:
            with suppress(AttributeError):
                del stream.close

    def keep_handlers(self, *numbers: signal.Signals, install: Callable[[], None] = lambda: None) -> None:
        """Have these signals, too, handled as they are now; ``install`` is called when that was put back."""
        self._handlers.update({number: signal.getsignal(number) for number in numbers})
        self._install = install

    def put_back(self, runner: Runner) -> None:
        """Put back what has changed, and say so once for each strategy and setting. In the main thread."""
        if sys.getrecursionlimit() < self._recursion:  # more is what a strategy may need, and harms nobody
            sys.setrecursionlimit(self._recursion)
            self._tell(runner, "the recursion limit")
        if gc.isenabled() is not self._collects:
            (gc.enable if self._collects else gc.disable)()
            self._tell(runner, "the collection of garbage")
        if warnings.filters != self._filters:
            warnings.resetwarnings()
            warnings.filters[:] = self._filters  # type: ignore[index]  # a list, whatever its stub says
            self._tell(runner, "the filters of warnings")
        for name, stream in zip(STREAMS, self._streams, strict=True):
            if getattr(sys, name) is not stream:
                setattr(sys, name, stream)
                self._tell(runner, f"sys.{name}")
        for number, handler in self._handlers.items():
            if _signal.getsignal(number) != handler:
                signal.signal(number, handler)
                self._install()
                self._tell(runner, f"the handler of {number.name}")

    def _tell(self, runner: Runner, what: str) -> None:
        if (runner.id, what) not in self._told:
            self._told.add((runner.id, what))
            log.error("a strategy changed what is the whole process's; it was put back", strategy=runner.id, what=what)


def _stays_open() -> None:
    """In place of a stream's ``close``."""


def _not_left(name: str, engine: int, leave: Callable[..., None]) -> Callable[..., None]:
    """In place of a function that ends the process on the spot: in the engine itself it raises."""

    def left(*arguments: object) -> None:
        if os.getpid() != engine:  # a child may end as it likes
            leave(*arguments)
        raise LeftByForce(f"os.{name}{arguments or '()'}")

    return left
