"""The real program, started as people start it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import holdfast

PATIENCE_S = 90.0
"""How long anything may take: a bound that only a hang reaches."""
POLL_S = 0.05

COMMAND = [sys.executable, "-m", "holdfast"]
PACKAGES = str(Path(holdfast.__file__).resolve().parents[1])


class Done(NamedTuple):
    """A command that has ended."""

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
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("HOLDFAST_", "COLUMNS", "NO_COLOR"))
    }
    return kept | {"PYTHONPATH": PACKAGES} | extra


def run(folder: Path, *arguments: str, **extra: str) -> Done:
    """Type a command in ``folder``; ``extra`` goes to its environment."""
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


def succeed(folder: Path, *arguments: str, **extra: str) -> Done:
    """Type a command that must work."""
    done = run(folder, *arguments, **extra)
    assert done.status == 0, (arguments, done)
    return done


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A command that goes on, with its output in ``output.txt``; it is killed if it is still there at the end."""
    with (folder / "output.txt").open("a") as output:
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait(PATIENCE_S)


def until(condition: Callable[[], Any], what: str) -> Any:
    """What ``condition`` gives as soon as that is true."""
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        found = condition()
        if found:
            return found
        time.sleep(POLL_S)
    raise AssertionError(f"waited in vain for {what}")


def trading(folder: Path, config: str) -> bool:
    """Whether the engine of this configuration has come through its recovery and has seen the market."""
    done = run(folder, "audit", "tail", "-c", config, "-n", "1000", "--json")
    if done.status:
        return False  # no journal yet
    types = [record["type"] for record in done.json]
    last = max((index for index, name in enumerate(types) if name == "EngineStarted"), default=0)
    return "TradingDayStarted" in types[last:] or ("RecoveryCompleted" in types[last:] and last > 0)


def proves_itself(folder: Path, config: str) -> bool:
    """Whether the journal is what was written."""
    return run(folder, "audit", "verify", "-c", config).status == 0
