"""The seeded world (H2): the whole engine among everything that fails, and the same end every time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from holdfast.brokers.capability import IdempotencyClass
from holdfast.torture.world import run
from holdfast.torture.world.faults import CLAIMED, Rates, options_of
from holdfast.torture.world.run import run_seed, run_seeds
from tests.budget import by_tier


@pytest.mark.parametrize("seed", range(5))
def test_calm_world_has_nothing_to_explain(seed: int) -> None:
    """Where nothing fails, one engine lives through it all, and its books are the broker's."""
    outcome = run_seed(seed, replace(options_of(seed), rates=Rates()))
    assert outcome.violations == []
    assert outcome.lives == 1
    assert outcome.fills > 0
    assert outcome.probes == {}


@pytest.mark.proves("I9", "C5")
def test_same_seeds_same_end_under_any_hash_seed() -> None:
    """Two programs, with other hash seeds and memory laid out otherwise, live through the same worlds to the last record."""
    script = "from holdfast.torture.world.run import run_seeds; print(run_seeds(0, 6).digest)"
    digests = {
        subprocess.run(
            [sys.executable, "-c", f"{noise}; {script}"],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed, noise in (("1", "pass"), ("2", "held = [bytearray(n) for n in range(5000)]"))
    }
    assert len(digests) == 1


def test_same_seeds_same_end_in_several_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """How the seeds are shared out changes nothing."""
    monkeypatch.setattr(run, "CHUNK", 3)
    assert run_seeds(100, 8, processes=2).digest == run_seeds(100, 8).digest


SHARES, SEEDS_A_SHARE = by_tier(test=1, campaign=4), 250
"""Seeds with each commit, in parts that can run beside each other: as many as it takes for all that is claimed to strike."""
AT_ONCE = by_tier(test=80, campaign=SEEDS_A_SHARE)
"""So many of a share, and the others only where something has not struck by then."""


@pytest.mark.proves(
    *CLAIMED,
    "I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10", "I11", "I12", "I13", "I14", "I15", "I16", "I17", "I18",
)  # fmt: skip
@pytest.mark.parametrize("share", range(SHARES))
def test_no_seed_breaks_an_invariant(share: int) -> None:
    """Whatever strikes, no invariant breaks, and afterwards everything is known; and all that is claimed did strike."""
    missing, first, end = set(CLAIMED), share * SEEDS_A_SHARE, (share + 1) * SEEDS_A_SHARE
    while missing and first < end:
        summary = run_seeds(first, min(AT_ONCE, end - first))
        assert not summary.failed, f"{len(summary.failed)} seeds, the first:\n{summary.failed[0]}"
        missing &= set(summary.missing(CLAIMED, times=1))
        first += AT_ONCE
    assert not missing


LABELED = by_tier(test=30, campaign=2_000)
"""Seeds at brokers with labels alone."""


@pytest.mark.proves("I2", "I3", "I4", "I6", "I8", "I13", "I14")
def test_no_seed_breaks_an_invariant_where_yes_means_received() -> None:
    """At a broker without an idempotency key, whose yes means received, and whose book may be behind."""
    summary = run_seeds(0, LABELED, only=IdempotencyClass.LABEL)
    assert not summary.failed, f"{len(summary.failed)} seeds, the first:\n{summary.failed[0]}"
    assert not summary.missing(("received", "refused after all", "stale book"), times=1)


def _kept() -> list[int]:
    lines = Path(__file__).with_name("failing_seeds.txt").read_text().splitlines()
    return [int(line.split()[0]) for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("seed", _kept())
def test_seeds_that_failed_once_stay_mended(seed: int) -> None:
    """What was broken once is looked at for ever."""
    outcome = run_seed(seed)
    assert not outcome.violations, str(outcome)
