"""The real program: started as people start it, or forked, which is the same without a second of imports."""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import holdfast
from holdfast.errors import JournalError
from holdfast.journal.reader import Reader
from holdfast.torture.processes import programs
from holdfast.torture.processes.programs import Program, kill, send
from tests.spawning import shared_spawner

PATIENCE_S = 90.0
"""How long anything may take: a bound that only a hang reaches."""
POLL_S = 0.05

COMMAND = [sys.executable, "-m", "holdfast"]
PACKAGES = str(Path(holdfast.__file__).resolve().parents[1])


class Done(NamedTuple):
    """A command that has ended. ``err`` and ``out`` are all that it said."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its output, which must be one JSON value and nothing else."""
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """Its only line on stderr, which must say whose it is."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("holdfast: ")
        return lines[0]


def environment(**extra: str) -> dict[str, str]:
    """The test's own, without what would change the program's ways, with this package in reach of any folder."""
    return programs.environment({"PYTHONPATH": PACKAGES, **extra})


def run_from_nothing(folder: Path, *arguments: str, **extra: str) -> Done:
    """Type a command in ``folder``, and wait for Python and all imports too; ``extra`` goes to its environment."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(**extra),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def run(folder: Path, *arguments: str, **extra: str) -> Done:
    """Run a command in ``folder``, forked (tests/spawning.py); ``extra`` goes to its environment."""
    with tempfile.TemporaryDirectory(prefix="holdfast-said-") as said:
        out, err = Path(said, "out"), Path(said, "err")
        program = shared_spawner().start(arguments, folder, out, extra, err)
        status = program.ended(PATIENCE_S)
        if status is None:
            kill(program)
        assert status is not None, f"{arguments} goes on: {out.read_text()} {err.read_text()}"
        return Done(status, out.read_text(), err.read_text())


def succeed(folder: Path, *arguments: str, **extra: str) -> Done:
    """Run a command that must work."""
    done = run(folder, *arguments, **extra)
    assert done.status == 0, (arguments, done)
    return done


class Running:
    """A command that goes on, forked."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.pid = program.pid

    def send_signal(self, number: signal.Signals) -> None:
        """Nothing when it has ended."""
        send(self._program, number)

    def kill(self) -> None:
        """SIGKILL; it is gone afterwards."""
        kill(self._program)

    def poll(self) -> int | None:
        """Its exit status, minus a signal's number; None while it runs."""
        return self._program.ended()

    def wait(self) -> int:
        """The status of one that has to end by itself."""
        status = self._program.ended(PATIENCE_S)
        assert status is not None, "it goes on"
        return status


@contextmanager
def started(folder: Path, *arguments: str, errors: Path | None = None, **extra: str) -> Iterator[Running]:
    """A command that goes on, with its output in ``output.txt``; it is killed if it is still there at the end."""
    process = Running(shared_spawner().start(arguments, folder, folder / "output.txt", extra, errors))
    try:
        yield process
    finally:
        process.kill()


def until(condition: Callable[[], Any], what: str) -> Any:
    """What ``condition`` gives as soon as that is true. Who waits by starting programs leaves the processor to others half the time."""
    deadline_s = time.monotonic() + PATIENCE_S
    while (began_s := time.monotonic()) < deadline_s:
        found = condition()
        if found:
            return found
        time.sleep(max(POLL_S, time.monotonic() - began_s))
    raise AssertionError(f"waited in vain for {what}")


def trading(url: str, since: int = 0) -> bool:
    """Whether every account of the journal at ``url`` has come through its start, and has seen the market, after epoch ``since``."""
    try:
        with Reader.open(url) as reader:
            accounts = reader.accounts()
            return bool(accounts) and all(
                row.epoch > since and _trades(reader, row.account, row.epoch) for row in accounts
            )
    except JournalError:
        return False  # not made yet


def last_epoch(url: str) -> int:
    """The highest epoch of any account: those of the next engine are above it. 0 while there is no journal."""
    try:
        with Reader.open(url) as reader:
            return max((row.epoch for row in reader.accounts()), default=0)
    except JournalError:
        return 0


def _trades(reader: Reader, account: str, epoch: int) -> bool:
    names = ("TradingDayStarted", "RecoveryCompleted") if epoch > 1 else ("TradingDayStarted",)
    last = [reader.last_record(account, name) for name in names]
    return any(record is not None and record.epoch == epoch for record in last)


def proves_itself(folder: Path, config: str) -> bool:
    """Whether the journal is what was written."""
    return run(folder, "audit", "verify", "-c", config).status == 0
