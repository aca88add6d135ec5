"""One broker, one journal and engines as processes, for tests that break one thing and then look at what is left."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from holdfast.journal.verify import verify
from holdfast.sim.alpaca.tortured import BOX, KEY
from holdfast.torture.processes.books import ACCOUNT, compare, never_released
from holdfast.torture.processes.broker import Broker, tail
from holdfast.torture.processes.engine import Watch, configure, surroundings, wait_until_ready
from holdfast.torture.processes.programs import Program, Spawner, kill, send
from holdfast.torture.processes.stores import SqliteStore, Store

PATIENCE_S = 60.0
"""How long anything may take: a bound that only a hang reaches."""
POLL_S = 0.01
SEED = 11


class Arena:
    """Everything there is to one test."""

    def __init__(self, folder: Path, store: Store, spawner: Spawner) -> None:
        self.folder = folder
        self.store = store
        self.watch = Watch(store.url)
        self.output = folder / "engine.txt"
        self._spawner = spawner
        self.broker = Broker(lambda arguments, output: spawner.start(arguments, folder, output, {}), folder, SEED, BOX)
        configure(folder, self.broker, "alpaca", SEED)

    def start(self, *options: str, output: Path | None = None, **extra: str) -> Program:
        """An engine, not awaited."""
        arguments = ["run", "-c", "holdfast.toml", *options]
        return self._spawner.start(
            arguments, self.folder, output or self.output, surroundings(self.store, self.broker, extra)
        )

    def watchdog(self, output: Path, **extra: str) -> Program:
        """A watchdog for the same account, not awaited."""
        arguments = ["watchdog", "-c", "holdfast.toml", "--json"]
        return self._spawner.start(arguments, self.folder, output, surroundings(self.store, self.broker, extra))

    def environment(self) -> dict[str, str]:
        """What programs that read the journal are given."""
        return surroundings(self.store, self.broker, {})

    def ready(self, *options: str) -> Program:
        """An engine that has come through its start."""
        since = self.watch.where()[1]
        program = self.start(*options)
        assert wait_until_ready(program, self.watch, since, PATIENCE_S), tail(self.output)
        return program

    def trade(self, program: Program, records: int = 150) -> None:
        """Let the market go on until so much more is recorded."""
        wanted = self.watch.where()[1] + records
        self.broker.resume()
        self.until(lambda: self.watch.where()[1] >= wanted or program.ended() is not None, f"{records} records")
        assert program.ended() is None, tail(self.output)

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for something that is going to happen."""
        ends_s = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < ends_s, f"waited in vain for {what}: {tail(self.output)}"
            time.sleep(POLL_S)

    def ended(self, program: Program, patience_s: float = PATIENCE_S) -> int:
        """The status of an engine that has to end by itself."""
        status = program.ended(patience_s)
        assert status is not None, f"it goes on: {tail(self.output)}"
        return status

    def die(self, program: Program) -> None:
        """SIGKILL."""
        kill(program)
        self.watch.let_go()

    def said(self) -> str:
        """What the engine said last."""
        return tail(self.output)

    def check_sent(self) -> None:
        """Nothing has left that was not durable before (I1)."""
        self.watch.let_go()
        assert never_released(self.watch.reader(), self.broker.asked_for()) == []

    def requests(self) -> list[dict[str, Any]]:
        """What the broker was asked about orders, as it wrote it down itself."""
        rows: list[dict[str, Any]] = self.broker.control(f"audit?key={KEY}", method="GET")["requests"]
        return rows

    def orders_sent(self) -> int:
        """How many orders the broker was asked for."""
        return self.broker.asked_for().total()

    def heal(self) -> None:
        """Everything works again: a new engine comes to rest, its books are the broker's, and its journal proves itself."""
        self.broker.disarm()
        self.store.heal()
        self.broker.pause()
        program = self.ready()
        self.agree(program)

    def agree(self, program: Program) -> None:
        """The same with an engine that runs still."""
        self.broker.pause()
        self.watch.cancel_all()
        found: list[str] = []

        def same() -> bool:
            found[:] = compare(self.watch.reader(), self.broker.truth()).problems
            return not found and self.watch.is_at_rest()

        ends_s = time.monotonic() + PATIENCE_S
        while not same():
            assert time.monotonic() < ends_s, (found, self.watch.reader().account(ACCOUNT).state, self.said())
            assert program.ended(0.3) is None, self.said()
        send(program, signal.SIGTERM)
        assert program.ended(PATIENCE_S) == 0, self.said()
        self.watch.let_go()
        assert verify(self.store.url).problems == []

    def close(self) -> None:
        """End everything."""
        self.watch.let_go()
        self.broker.close()
        self.store.close()


@contextmanager
def arena(folder: Path, spawner: Spawner, store: Store | None = None) -> Iterator[Arena]:
    """A broker with its market standing, and a journal that is not made yet (SQLite if nothing else is given)."""
    opened = Arena(folder, store or SqliteStore(folder), spawner)
    try:
        yield opened
    finally:
        opened.close()


# --- system calls that fail ------------------------------------------------------------------------------------------


class Write(NamedTuple):
    """Bytes that were written and not synced."""

    path: Path
    offset: int
    length: int


class Tracer:
    """strace on a process that runs: its writes and syncs are seen, and made to fail or to take long."""

    def __init__(self, program: Program, inject: Sequence[str], log: Path) -> None:
        self._log = log
        command = ["strace", "-f", "-y", "-o", str(log), "-e", "trace=pwrite64,fdatasync,fsync", "-e", "signal=none"]
        for each in inject:
            command += ["-e", f"inject={each}"]
        self._process = subprocess.Popen(
            [*command, "-p", str(program.pid)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        assert self._process.stderr is not None
        said = self._process.stderr.readline()
        assert "attached" in said, said

    def injected(self) -> int:
        """How often a call was made to fail or to wait."""
        log = self._log.read_text(errors="replace")
        return log.count("(INJECTED)") + log.count("(DELAYED)")

    def close(self) -> None:
        """Let go; what it traced goes on."""
        self._process.terminate()
        self._process.wait(PATIENCE_S)
        assert self._process.stderr is not None
        self._process.stderr.close()

    def unsynced(self) -> list[Write]:
        """What had been written when it ended and no sync that began later had come back: lost in a power cut."""
        return unsynced(self._log.read_text(errors="replace").splitlines())


_WRITE = re.compile(r"^(\d+) +pwrite64\(\d+<([^>]*)>.*, (\d+), (\d+)(?:\) += (\d+)| <unfinished)")
_SYNC = re.compile(r"^(\d+) +f(?:data)?sync\(\d+<([^>]*)>(\) += 0| <unfinished)?")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. f(?:data)?sync resumed>\) += 0")


def unsynced(lines: Sequence[str]) -> list[Write]:
    """From strace's lines: the writes after which no completed sync of the same file began."""
    pending: list[Write] = []
    covered: dict[str, tuple[str, int]] = {}
    for line in lines:
        if found := _WRITE.match(line):
            pending.append(Write(Path(found[2]), int(found[4]), int(found[3])))
        elif found := _SYNC.match(line):
            if found[3] and found[3].startswith(")"):
                pending = [write for write in pending if write.path != Path(found[2])]
            else:
                covered[found[1]] = (found[2], len(pending))
        elif (found := _RESUMED.match(line)) and found[1] in covered:
            path, count = covered.pop(found[1])
            pending = [write for index, write in enumerate(pending) if index >= count or write.path != Path(path)]
    return pending


def can_mount() -> bool:
    """Whether a small file system can be made here."""
    return os.geteuid() == 0 and sys.platform == "linux"


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of that size at ``folder``."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
