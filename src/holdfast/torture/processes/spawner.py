"""A process that has loaded what an engine needs, and forks one when it is asked: a kill costs no seconds of imports.

``python -m holdfast.torture.processes.spawner BROKER`` reads one `Wanted` a line from stdin, as JSON. It answers with lines: ``ready`` when
it is, ``started PID`` for each, and ``ended PID STATUS`` when one has died (minus a signal's number, as `subprocess` has it). What it
forks runs ``python -m holdfast`` from its first line on.
"""

import gc
import os
import runpy
import selectors
import signal
import sys
from importlib import import_module
from pathlib import Path

import msgspec

from holdfast.adapters.registry import load as load_adapter
from holdfast.calendars import trading_calendar
from holdfast.torture.processes.boxes import box_of

LOADED = (
    "holdfast.cli.app",
    "holdfast.cli.run",
    "holdfast.assembly",
    "holdfast.journal.schema",
    "holdfast.telemetry.metrics",
    "holdfast.runtime.live.live_account",
    "holdfast.torture.processes.strategy",
    "alembic.runtime.migration",
    "alembic.operations",
)
"""What an engine and the local broker import, now or while they start."""
DRIVERS = ("psycopg", "pymysql")
"""Of databases; those that are not installed are not needed."""
CALENDARS = ("XNYS", "XBOM", "24/7")


class Wanted(msgspec.Struct, frozen=True):
    """A program to start: its ``arguments``, in ``folder``, with what it says appended to ``output``; stderr to ``errors``, if given."""

    arguments: list[str]
    folder: str
    output: str
    environment: dict[str, str]
    errors: str = ""


def load(broker: str) -> None:
    """Import everything now that an engine at a broker needs, and the box of that. Raises RuntimeError when a thread was started by it: a fork would leave its locks behind."""
    for name in (*LOADED, *load_adapter(broker).modules, *box_of(broker).modules):
        import_module(name)
    for name in DRIVERS:
        try:
            import_module(name)
        except ImportError:
            continue
    for name in CALENDARS:
        trading_calendar(name)
    threads = len(list(Path("/proc/self/task").iterdir())) if Path("/proc/self/task").exists() else 1
    if threads > 1:
        raise RuntimeError(f"{threads} threads are there after the imports; nothing can be forked safely")
    gc.collect()
    gc.freeze()  # no child looks through all this again, and what nobody touches stays one copy in memory


def serve() -> None:
    """Fork what is asked for until stdin ends; then nobody is there to look after what was forked, and it is killed."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    with selectors.DefaultSelector() as selector:
        selector.register(0, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        _say("ready")
        pending = b""
        living: set[int] = set()
        while True:
            for key, _ in selector.select():
                data = os.read(key.fd, 65536)
                if key.fd == woken:
                    living -= _reap()
                elif data:
                    *lines, pending = (pending + data).split(b"\n")
                    for line in lines:
                        living.add(_start(msgspec.json.decode(line, type=Wanted)))
                else:
                    for pid in living:
                        os.kill(pid, signal.SIGKILL)
                    return


def _say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def _reap() -> set[int]:
    """Tell of those that have ended, and which they are."""
    ended: set[int] = set()
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if not pid:
            return ended
        ended.add(pid)
        _say(f"ended {pid} {os.waitstatus_to_exitcode(status)}")


def _start(wanted: Wanted) -> int:
    pid = os.fork()
    if pid:
        _say(f"started {pid}")
        return pid
    try:
        _become(wanted)
        runpy.run_module("holdfast", run_name="__main__", alter_sys=True)
    finally:
        os._exit(70)  # the program ends by itself, with a status of its own


def _become(wanted: Wanted) -> None:
    """Everything that a new process of its own has: its signals, files, folder, arguments and environment."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    output, errors = (
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for path in (wanted.output, wanted.errors or wanted.output)
    )
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    os.closerange(3, 256)
    os.environ.update(wanted.environment)
    os.chdir(wanted.folder)
    sys.argv = ["holdfast", *wanted.arguments]


if __name__ == "__main__":
    load(sys.argv[1])
    serve()
