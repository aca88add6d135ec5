"""Programs that are started, frozen and killed: from nothing, or forked by a process that has everything loaded."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import msgspec

from holdfast.adapters.registry import SHIPPED
from holdfast.errors import Fatal
from holdfast.torture.processes.spawner import Wanted

PATIENCE_S = 60.0
"""How long a process may take to come or to go: a bound that only a hang reaches."""

NO_THREADS = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
"""For numpy and pyarrow: a process with threads can't be forked safely."""

OURS = ("HOLDFAST_", "COLUMNS", "NO_COLOR", *(f"{name.upper()}_" for name in SHIPPED))
"""Variables, by how they begin, that change what the program does or shows."""


class Program(Protocol):
    """A process of ours."""

    pid: int

    def ended(self, within_s: float = 0.0) -> int | None:
        """Its exit status, minus a signal's number; None while it is there, after waiting for ``within_s``."""


def send(program: Program, number: signal.Signals) -> None:
    """Send a signal; nothing when it has ended."""
    if program.ended() is None:
        with suppress(ProcessLookupError):
            os.kill(program.pid, number)


def kill(program: Program) -> int:
    """SIGKILL, and its status when it is gone. Raises Fatal when it doesn't go."""
    send(program, signal.SIGKILL)
    status = program.ended(PATIENCE_S)
    if status is None:
        raise Fatal(f"process {program.pid} outlived SIGKILL")
    return status


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's own without what would change the program's ways, and ``extra``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {**kept, **NO_THREADS, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **extra}


class FromNothing:
    """``python -m holdfast``, as people start it."""

    def __init__(self, arguments: Sequence[str], folder: Path, output: Path, extra: Mapping[str, str]) -> None:
        with output.open("ab") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "holdfast", *arguments],
                cwd=folder,
                env=environment(extra),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        self.pid = self._process.pid

    def ended(self, within_s: float = 0.0) -> int | None:
        """See `Program`."""
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return None


class Forked:
    """What the spawner has forked."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._is_over = threading.Event()
        self._status = 0

    def end(self, status: int) -> None:
        """The spawner has seen it end."""
        self._status = status
        self._is_over.set()

    def ended(self, within_s: float = 0.0) -> int | None:
        """See `Program`."""
        return self._status if self._is_over.wait(within_s) else None


class Spawner:
    """The process of `spawner`, for engines at a ``broker``. All that it has forked is killed by :meth:`close`."""

    def __init__(self, broker: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "holdfast.torture.processes.spawner", broker],
            env=environment({}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._one_at_a_time = threading.Lock()
        self._programs: dict[int, Forked] = {}
        self._told = threading.Condition()
        self._started: list[Forked] = []
        self._is_ready = self._is_gone = False
        self._listener = threading.Thread(target=self._listen, name="spawner", daemon=True)
        self._listener.start()

    def start(
        self,
        arguments: Sequence[str],
        folder: Path,
        output: Path,
        extra: Mapping[str, str],
        errors: Path | None = None,
    ) -> Forked:
        """Fork one; any thread may ask. stderr goes to ``errors``, or to ``output`` too; both are there when this returns.

        Raises Fatal when the spawner is gone.
        """
        for file in filter(None, (output, errors)):  # here: what was forked opens them when it gets its turn
            file.touch(0o600)
        wanted = Wanted(list(arguments), str(folder), str(output), dict(extra), str(errors or ""))
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        with self._one_at_a_time, self._told:
            self._until(lambda: self._is_ready)
            self._process.stdin.write(msgspec.json.encode(wanted) + b"\n")
            self._process.stdin.flush()
            self._until(lambda: bool(self._started))
            return self._started.pop()

    def _until(self, condition: Callable[[], bool]) -> None:
        if not self._told.wait_for(lambda: condition() or self._is_gone, PATIENCE_S) or self._is_gone:
            raise Fatal("the process that forks engines doesn't answer; see what it says on stderr")

    def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        for line in self._process.stdout:
            kind, *numbers = line.split()
            with self._told:
                if kind == b"ready":
                    self._is_ready = True
                elif kind == b"started":
                    program = Forked(int(numbers[0]))
                    self._programs[program.pid] = program
                    self._started.append(program)
                else:
                    self._programs.pop(int(numbers[0])).end(int(numbers[1]))
                self._told.notify_all()
        with self._told:
            self._is_gone = True
            self._told.notify_all()

    def close(self) -> None:
        """Kill what is left, and end."""
        for program in list(self._programs.values()):
            kill(program)
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.close()
        try:
            self._process.wait(PATIENCE_S)
        finally:
            self._process.kill()
        self._listener.join(PATIENCE_S)
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        self._process.stdout.close()
