"""The long proofs, part by part: run, remembered, and gone on with where they were broken off.

python -m tools.campaign                    every part that has not passed at this commit
python -m tools.campaign kills-sqlite       that part, whether it has passed or not
python -m tools.campaign --slice 2/4        the second of four slices that take about as long as each other
python -m tools.campaign --slice commit/11  the slice whose turn it is at this commit
python -m tools.campaign --list             the parts, and where each stands
python -m tools.campaign --record           what has passed here goes into docs/campaign.toml and docs/campaign.md

Each part searches with a seed of its own, drawn anew each time and printed. The seed of a part that fails is kept in
``.campaign/state.json`` and used again until the part passes. What a part said is beside it. Ends with 1 when a part failed.
"""

import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tools import campaign_record
from tools.campaign_record import ROOT, Commit, Figures, Passed, commit_now

FOLDER = ROOT / ".campaign"
SEEDS = 1_000_000_000
"""Seeds are below; every tool takes them, `holdfast torture` up to this one."""
WITHIN_S = 3 * 3600
"""How long one part may take: a bound that only a hang reaches."""
SERVERS = {
    "postgres": ("HOLDFAST_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres"),
    "mariadb": ("HOLDFAST_TEST_MARIADB_URL", "mariadb://root@127.0.0.1:3306/"),
}


@dataclass(frozen=True)
class Part:
    """What can be run and can fail by itself. ``minutes`` is about how long it takes on two idle cores."""

    name: str
    what: str
    minutes: float

    def run(self, seed: int, folder: Path) -> Figures | None:
        """Run it; what it counted, or None when it failed. What it says is in ``folder``."""
        raise NotImplementedError


@dataclass(frozen=True)
class Tests(Part):
    """Tests at their longest. ``calls`` are what pytest is given, one call after the other."""

    calls: tuple[tuple[str, ...], ...]

    def run(self, seed: int, folder: Path) -> Figures | None:
        """See `Part`."""
        for call in self.calls:
            if _said([sys.executable, "-m", "pytest", "-n", "2", f"--hypothesis-seed={seed}", *call], folder):
                return None
        return {"tests": sum(map(int, _PASSED.findall((folder / "said.txt").read_text())))}


@dataclass(frozen=True)
class Kills(Part):
    """``holdfast torture`` on a database, at a broker."""

    database: str
    kills: int
    broker: str = "alpaca"

    def run(self, seed: int, folder: Path) -> Figures | None:
        """See `Part`."""
        arguments = ["--broker", self.broker, "--db", self.database, "--kills", str(self.kills), "--seed", str(seed)]
        if self.database in SERVERS:
            variable, usual = SERVERS[self.database]
            arguments += ["--url", os.environ.get(variable) or usual]
        found = _torture(arguments, folder)
        if found is None:
            return None
        places = found["kill_points"]
        return {
            "kills": found["kills"],
            "at named places": f"{sum(places.values())} at {len(places)}",
            "faults": found["faults"],
            "intents": found["intents"],
            "orders at the broker": found["broker_orders"],
            "executions": found["executions"],
            "lost": found["lost"],
            "doubled": found["doubled"],
            "unbooked fills": found["unbooked_fills"],
            "books": "equal" if found["books_equal"] else "not equal",
            "recovery p50, p99": f"{found['recovery_p50_s']:.2f} s, {found['recovery_p99_s']:.2f} s",
        }


@dataclass(frozen=True)
class Worlds(Part):
    """``holdfast torture --world``, at brokers of every kind or of one broker's."""

    seeds: int
    broker: str = ""

    def run(self, seed: int, folder: Path) -> Figures | None:
        """See `Part`."""
        only = ["--broker", self.broker] if self.broker else []
        found = _torture(["--world", str(self.seeds), "--seed", str(seed), *only], folder)
        if found is None:
            return None
        rarest = min(found["probes"], key=found["probes"].get)
        return {
            "seeds": found["seeds"],
            "lives of engines": found["lives"],
            "orders at the broker": found["orders"],
            "executions": found["fills"],
            "records": found["records"],
            "rows of the fault matrix that struck": len(found["probes"]),
            "the rarest": f"{rarest}, {found['probes'][rarest]} times",
            "seeds that violated an invariant": len(found["failed"]),
        }


@dataclass(frozen=True)
class Compiled(Part):
    """The compiled form makes the records that pure Python makes."""

    def run(self, seed: int, folder: Path) -> Figures | None:  # noqa: ARG002  its runs have seeds of their own
        """See `Part`."""
        (folder / "said.txt").unlink(missing_ok=True)
        if _said([sys.executable, "-m", "tools.fast", "--check"], folder):
            return None
        said = (folder / "said.txt").read_text()
        return {"runs": len(_COUNTED.findall(said)), "records": sum(map(int, _COUNTED.findall(said)))}


FAULTS = ("tests/scenario/alpaca/test_faults.py", "tests/scenario/zerodha/test_faults.py")
PARTS: tuple[Part, ...] = (
    Kills("kills-sqlite", "engines killed, journal in SQLite", 6, "sqlite", 100),
    Kills("kills-postgres", "engines killed, journal in PostgreSQL", 6, "postgres", 100),
    Kills("kills-mariadb", "engines killed, journal in MariaDB", 7, "mariadb", 100),
    Kills(
        "kills-zerodha", "engines killed at the local Kite, which has no idempotency keys", 6, "sqlite", 60, "zerodha"
    ),
    Worlds("worlds", "new seeds of the seeded world", 5, 20_000),
    Worlds("worlds-zerodha", "new seeds at brokers without an idempotency key", 4, 10_000, "zerodha"),
    Tests(
        "properties",
        "properties, searched at random",
        6,
        (
            ("tests/property", "tests/audit"),
            ("-m", "campaign", "tests/process/test_sweep_dask.py", "tests/unit/tools"),
        ),
    ),
    Tests("pipeline", "the monitor's verdicts beside an independent reading, 1,000 sessions", 6, (("tests/monitor",),)),
    Tests(
        "alerts",
        "the observer killed at each step of telling, and two in turn, on every database",
        4,
        (("-m", "campaign", "tests/process/test_alerts_killed.py", "tests/process/test_observers.py"),),
    ),
    Tests("combinations", "all of the exhaustive part, and the fixed seeds", 4, (("tests/world",),)),
    Tests("cuts", "journals cut after every batch, runs killed fifty times", 8, (("tests/crash",),)),
    Tests("faults", "each fault of the local brokers alone, and mixes of them", 10, (("-m", "campaign", *FAULTS),)),
    Tests(
        "brokers",
        "kills and a whole session at local brokers, and what else of them takes long",
        8,
        (
            (
                *("-m", "campaign", "tests/scenario", "tests/contract", "tests/process/test_alpaca_run.py"),
                *(f"--ignore={file}" for file in FAULTS),
            ),
            (
                "tests/scenario/alpaca/test_break_kill.py",
                "tests/scenario/zerodha/test_kills.py",
                "tests/unit/sim/alpaca/market/test_streams.py",
                "tests/unit/sim/alpaca/market/test_history.py",
            ),
        ),
    ),
    Tests(
        "beside",
        "paper beside brokers on the same ticks, killed fifty times",
        8,
        (("tests/process/test_paper_beside_zerodha.py", "tests/process/test_mixed_accounts.py"),),
    ),
    Tests(
        "storage",
        "failing disks, power cuts, leases, contention, streams and traces on every database",
        10,
        (
            (
                *("-m", "campaign", "tests/torture", "tests/process/test_standby.py"),
                *("tests/process/test_cli_databases.py", "tests/process/test_tracing.py"),
                *("tests/process/test_web_stream.py", "tests/unit/journal"),
            ),
            (
                *("tests/process/test_contention.py", "tests/process/test_journal_kill.py", "tests/unit/locks"),
                "tests/unit/journal/test_journal_lost_end.py",
            ),
        ),
    ),
    Tests(
        "protection",
        "engines killed between a fill and its protection",
        8,
        (("tests/torture/test_protection_kills.py",),),
    ),
    Tests(
        "watchdog",
        "the same with nobody but the watchdog to act",
        10,
        (("tests/torture/test_watchdog_kills.py",), ("-m", "campaign", "tests/process/test_watchdog.py")),
    ),
    Compiled("compiled", "the core compiled by mypyc, its records beside pure Python's", 4),
)

_COUNTED = re.compile(r"^[\w ]+: [0-9a-f]+ (\d+) records", re.MULTILINE)
_PASSED = re.compile(r"^=.* (\d+) passed", re.MULTILINE)


def _torture(arguments: Sequence[str], folder: Path) -> dict[str, Any] | None:
    out = folder / "out.json"
    out.unlink(missing_ok=True)
    command = [sys.executable, "-m", "holdfast", "torture", "--at-once", "2", "--json", str(out), *arguments]
    if _said(command, folder):
        return None
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def _said(command: Sequence[str], folder: Path) -> int:
    """Run a command; its status. What it says goes to ``said.txt``."""
    environment = os.environ | {"HOLDFAST_TESTS": "campaign"}
    with (folder / "said.txt").open("a") as said:
        said.write(f"$ {' '.join(command)}\n")
        said.flush()
        try:
            done = subprocess.run(  # noqa: S603  our own tools
                command, cwd=ROOT, env=environment, stdout=said, stderr=said, timeout=WITHIN_S, check=False
            )
        except subprocess.TimeoutExpired:
            said.write(f"it was still at it after {WITHIN_S} s\n")
            return 1
    return done.returncode


class State:
    """What has passed and what has failed here, part by part, in a file."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "state.json"
        found = json.loads(self._path.read_text()) if self._path.exists() else {}
        self.passed = {name: Passed(**row) for name, row in found.get("passed", {}).items()}
        self.failed: dict[str, int] = found.get("failed", {})
        """Seeds, by the part that failed with it."""

    def note(self, part: Part, seed: int, passed: Passed | None) -> None:
        """Remember how a part ended."""
        if passed is None:
            self.failed[part.name] = seed
        else:
            self.failed.pop(part.name, None)
            self.passed[part.name] = passed
        rows = {name: row._asdict() for name, row in self.passed.items()}
        self._path.write_text(json.dumps({"passed": rows, "failed": self.failed}, indent=2) + "\n")

    def has_passed(self, part: Part, commit: Commit) -> bool:
        """Whether it has, at exactly this state of the code."""
        return part.name in self.passed and self.passed[part.name].commit == commit.name


def run(part: Part, commit: Commit, state: State, folder: Path) -> bool:
    """Run one part, tell what came of it, and remember that; whether it passed."""
    seed = state.failed.get(part.name, secrets.randbelow(SEEDS))
    place = folder / part.name
    place.mkdir(parents=True, exist_ok=True)
    (place / "said.txt").unlink(missing_ok=True)
    print(f"{part.name}: {part.what}; seed {seed}", flush=True)
    began_s = time.monotonic()
    figures = part.run(seed, place)
    minutes = (time.monotonic() - began_s) / 60
    if figures is None:
        state.note(part, seed, None)
        print(f"{part.name}: FAILED with seed {seed}, which is kept for the next time; see {place / 'said.txt'}:")
        print("\n".join((place / "said.txt").read_text(errors="replace").splitlines()[-40:]), flush=True)
        return False
    date = time.strftime("%Y-%m-%d", time.gmtime())
    state.note(part, seed, Passed(commit.name, commit.number, date, seed, round(minutes, 1), figures))
    told = ", ".join(f"{name} {value}" for name, value in figures.items())
    print(f"{part.name}: passed in {minutes:.1f} minutes: {told}", flush=True)
    return True


class Slice(NamedTuple):
    """The ``number``-th of ``of`` slices, from 1 on."""

    number: int
    of: int

    def parts(self) -> list[Part]:
        """Its parts: longest first, each goes to the slice that has least to do until then."""
        loads = [0.0] * self.of
        mine: list[Part] = []
        for part in sorted(PARTS, key=lambda part: -part.minutes):
            place = loads.index(min(loads))
            loads[place] += part.minutes
            if place == self.number - 1:
                mine.append(part)
        return mine


def slice_of(text: str, commit: Commit) -> Slice:
    """``2/6``, or ``commit/6`` for the one whose turn it is. Raises ValueError for anything else."""
    number, _, of = text.partition("/")
    slices = int(of)
    chosen = commit.turn % slices + 1 if number == "commit" else int(number)
    if not 1 <= chosen <= slices:
        raise ValueError(f"there is no slice {text}")
    return Slice(chosen, slices)


def wanted(arguments: Sequence[str], commit: Commit, state: State) -> list[Part]:
    """The parts that the arguments ask for. Raises ValueError when they can't be understood."""
    by_name = {part.name: part for part in PARTS}
    if arguments and arguments[0] not in ("--slice",):
        unknown = [name for name in arguments if name not in by_name]
        if unknown:
            raise ValueError(f"there is no part {', '.join(unknown)}; there are {', '.join(by_name)}")
        return [by_name[name] for name in arguments]
    parts: Sequence[Part] = PARTS
    if arguments:
        if len(arguments) != 2:
            raise ValueError("--slice takes K/N or commit/N, and no parts beside it")
        parts = slice_of(arguments[1], commit).parts()
    return [part for part in parts if not state.has_passed(part, commit)]


def listed(commit: Commit, state: State) -> str:
    """Every part, and where it stands here."""
    lines = [f"{'part':<16}{'minutes':>8}  here"]
    for part in PARTS:
        stands = "passed" if state.has_passed(part, commit) else "to do"
        if part.name in state.failed:
            stands = f"failed with seed {state.failed[part.name]}"
        lines.append(f"{part.name:<16}{part.minutes:>8.0f}  {stands}: {part.what}")
    return "\n".join(lines)


def main(arguments: Sequence[str], folder: Path = FOLDER) -> int:
    """Do what is asked; gives the exit status."""
    folder.mkdir(exist_ok=True)
    state, commit = State(folder), commit_now()
    names = {part.name: part.what for part in PARTS}
    if list(arguments) == ["--list"]:
        print(listed(commit, state))
        return 0
    if list(arguments) == ["--record"]:
        return campaign_record.record(names, state.passed, commit)
    if list(arguments) == ["--check"]:
        return campaign_record.check(names, commit)
    try:
        parts = wanted(arguments, commit, state)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    results: Mapping[str, bool] = {part.name: run(part, commit, state, folder) for part in parts}
    failed = [name for name, is_good in results.items() if not is_good]
    print(campaign_record.tables(names, state.passed))
    print(f"{len(results) - len(failed)} parts passed" + (f", FAILED: {', '.join(failed)}" if failed else ""))
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
