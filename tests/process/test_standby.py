"""A warm standby on paper, as real processes; `tests/torture/test_lease.py` has the same at a broker elsewhere."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from holdfast.core.milestones import EngineStarted, RecoveryCompleted
from holdfast.errors import JournalError
from holdfast.journal import Reader
from tests.budget import in_a_campaign
from tests.databases import fresh_database
from tests.freezing import freeze
from tests.process.program import proves_itself, run, started, until

pytestmark = pytest.mark.process

LEASE_S = 6.0
COMMON = f"""
[lease]
duration_s = {LEASE_S}
margin_s = 2.5

[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
account = "main"
symbols = ["AVOR", "BRYX"]
params = {{ fast = 2, slow = 3, quantity = 5, allow_short = true }}
"""
PAPER = """
[feed]
kind = "synthetic"
seed = 5
days = 5
speed = 240
symbols = ["AVOR", "BRYX"]

[[accounts]]
name = "main"
calendar = "24/7"

[[accounts]]
name = "side"
calendar = "24/7"

[[strategies]]
id = "other"
class = "holdfast.strategies:EmaCross"
account = "side"
symbols = ["AVOR", "BRYX"]
params = { fast = 2, slow = 4, quantity = 5, allow_short = true }
"""


def records(url: str, kind: type, epoch: int) -> int:
    """How many records of a type an epoch has; none while there is no journal."""
    try:
        with Reader.open(url) as reader:
            return sum(type(row.body) is kind and row.epoch == epoch for row in reader.records("main"))
    except JournalError:
        return 0


def trades(url: str, epoch: int) -> bool:
    """Whether the engine of an epoch has come through its start."""
    return records(url, EngineStarted, epoch) > 0 and (epoch == 1 or records(url, RecoveryCompleted, epoch) > 0)


def last_sequence(url: str, epoch: int) -> int:
    with Reader.open(url) as reader:
        return max(row.sequence for row in reader.records("main") if row.epoch == epoch)


@contextmanager
def stands_by(folder: Path, name: str) -> Iterator[Any]:
    """A standby of the engine in ``folder`` that has said that it is one."""
    output = folder / "output.txt"
    output.write_text("")
    with started(folder, "run", "--standby", "-c", name) as process:
        until(lambda: "standing by: account" in output.read_text(), "the standby")
        yield process


def take_over(url: str, stop: Callable[[], None], epoch: int) -> float:
    """Stop the engine; how long it took until the standby traded."""
    began_s = time.monotonic()
    stop()
    until(lambda: trades(url, epoch), "the standby's trading")
    return time.monotonic() - began_s


def check(folder: Path, url: str, report: pytest.FixtureRequest) -> None:
    """The whole play: the first is frozen, the second takes over, the first wakes; the second is killed, the third takes over."""
    name = "holdfast.toml"
    with started(folder, "run", "-c", name) as first:
        until(lambda: trades(url, 1), "the first engine's trading")
        refused = run(folder, "run", "-c", name)
        assert refused.status == 3
        assert f"being traded by pid {first.pid} on" in refused.error
        with stands_by(folder, name) as second:
            frozen_s = take_over(url, partial(freeze, first.pid, first.send_signal, url), 2)
            end = last_sequence(url, 1)
            first.send_signal(signal.SIGCONT)
            assert first.wait() == 3
            assert last_sequence(url, 1) == end
            assert "taken over by another engine" in (folder / "output.txt").read_text()
            with stands_by(folder, name) as third:
                killed_s = take_over(url, second.kill, 3)
                third.send_signal(signal.SIGTERM)
                assert third.wait() == 0
    sys_write(
        report,
        f"takeover from a frozen engine {frozen_s:.1f} s, from a killed one {killed_s:.1f} s (lease {LEASE_S} s)",
    )
    assert proves_itself(folder, name)


def sys_write(report: pytest.FixtureRequest, text: str) -> None:
    reporter = report.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(f"\n{report.node.name}: {text}")


def configure(folder: Path, url: str, text: str) -> None:
    (folder / "holdfast.toml").write_text(f'[journal]\nurl = "{url}"\n{text}{COMMON}')


@pytest.mark.proves("L1", "L2", "L6", "L8", "I11")
@pytest.mark.parametrize("kind", [in_a_campaign("sqlite"), "mariadb"])
def test_paper(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    """Two accounts that trade on paper: both go to the standby, and back to another one."""
    with fresh_database(kind, tmp_path) as url:
        configure(tmp_path, url, PAPER)
        check(tmp_path, url, request)
