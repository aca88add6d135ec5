"""Ctrl-C and SIGTERM: the first ends a run in order, the second at once, whatever the process is busy with.

A handler written in Python runs in the main thread alone, between two of its instructions, so it never runs while a strategy's call
blocks. The interpreter's own C handler always does, and writes the signal's number into a pipe, which a thread reads. Where C code
doesn't let any Python run, the kernel helps: each handler is installed for one signal only, and the second meets the default action.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress

from holdfast.cli.interrupts import INTERRUPTED, only_once

ENDING = {signal.SIGINT: "interrupted", signal.SIGTERM: "SIGTERM"}
"""The signals that end a run, and the reason that is recorded."""


class Ender:
    """While it is entered, in a running event loop, the first signal calls ``stop`` in that loop and the second ends the process.

    ``reload``, if given, is called there for each SIGHUP.
    """

    def __init__(self, stop: Callable[[str], None], reload: Callable[[], None] | None = None) -> None:
        self._stop = stop
        self._reload = reload
        self.signals = (*ENDING, signal.SIGHUP) if reload is not None else tuple(ENDING)
        """Those that are handled here."""
        self._read, self._write = os.pipe()

    def __enter__(self) -> None:
        self._loop = asyncio.get_running_loop()
        os.set_blocking(self._write, False)
        self._before = {number: signal.getsignal(number) for number in self.signals}
        self._pipe_before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self.install()
        threading.Thread(target=self._listen, name="signals", daemon=True).start()

    def install(self) -> None:
        """Put the handlers (back) in their place, in the main thread."""
        for number in self.signals:
            signal.signal(number, _noticed)
            if number in ENDING:
                only_once(number)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._pipe_before)
        os.close(self._write)  # ends the thread

    def _listen(self) -> None:
        was_told = False
        while got := os.read(self._read, 1):
            if got[0] == signal.SIGHUP and self._reload is not None:
                with suppress(RuntimeError):  # the event loop is over
                    self._loop.call_soon_threadsafe(self._reload)
            if got[0] not in tuple(ENDING):
                continue
            if was_told:
                os._exit(INTERRUPTED)
            was_told = True
            with suppress(RuntimeError):  # the event loop is over
                self._loop.call_soon_threadsafe(self._stop, ENDING[signal.Signals(got[0])])
        os.close(self._read)


def on_hang_up(reload: Callable[[], None], end: Callable[[], None]) -> None:
    """Have SIGHUP call ``reload``, or ``end`` when it came because the process's terminal was closed."""
    had_terminal = os.isatty(2)

    def handle(*_: object) -> None:
        if had_terminal and not os.isatty(2):
            end()
        else:
            reload()

    signal.signal(signal.SIGHUP, handle)


def _noticed(_number: int, _frame: object) -> None:
    """The thread that reads the pipe does it all."""
