"""A real process writes, dies by SIGKILL at any moment, and starts again: nothing acknowledged is lost, nothing is half there."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import pytest

from holdfast.core.messages import PAPER, CashDeposited, Envelope
from holdfast.core.types import Money
from holdfast.errors import Refused
from holdfast.journal import Journal, Reader, is_running
from holdfast.journal.verify import verify
from tests.budget import by_tier
from tests.unit.journal.trader import Trader

ROOT = Path(__file__).resolve().parents[2]
Start = Callable[[str, str], "subprocess.Popen[str]"]
KILLS = by_tier(test=4, campaign=50)
IN_FLIGHT = 30
"""How many records the writing process runs ahead of the disk."""


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts the roles at the end of this file as processes; none of them outlives the test."""
    with ExitStack() as stack:

        def run(role: str, url: str) -> "subprocess.Popen[str]":
            command = [sys.executable, "-m", "tests.process.test_journal_kill", role, url]
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield run


def tell(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def write_for_ever(url: str) -> None:
    """What the process does: trade, and print the watermark at each commit."""
    journal = Journal.open(url)
    lease_term = journal.take("main", PAPER, f"pid {os.getpid()}")
    with Reader.open(url) as reader:
        trader = Trader(lease_term).resume(reader)
    journal.on_durable(lambda: tell(journal.watermark("main")))
    number = 0
    while True:
        number += 1
        parts = number % 7 + 1
        reason = f"{trader.lease_term.epoch}/{number}:{parts}"
        journal.append(trader.batch([CashDeposited(Money(Decimal(number)), reason)] * parts))
        for batch in trader.day(1):
            journal.append(batch)
        journal.wait_durable("main", trader.sequence - IN_FLIGHT, 30)


def kill_after(process: "subprocess.Popen[str]", commits: int) -> int:
    """Kill the process when it has told of so many commits; the last watermark it told of."""
    assert process.stdout is not None
    told = [int(process.stdout.readline()) for _ in range(commits)]
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    whole_lines = rest.rpartition("\n")[0].split()
    return int(whole_lines[-1]) if whole_lines else told[-1]


def halves(envelopes: list[Envelope]) -> list[str]:
    """The deposits' batches of which not every part is there: each part names its batch and how many it has."""
    counts: dict[str, int] = {}
    for envelope in envelopes:
        if isinstance(envelope.body, CashDeposited):
            counts[envelope.body.reason] = counts.get(envelope.body.reason, 0) + 1
    return [reason for reason, count in counts.items() if count != int(reason.partition(":")[2])]


@pytest.mark.process
@pytest.mark.proves("I10", "K9")
def test_killed_at_any_moment(start: Start, tmp_path: Path) -> None:
    """After each kill the journal proves itself, has all that was acknowledged, and the account is free at once."""
    url = f"sqlite:///{tmp_path / 'holdfast.db'}"
    chance = random.Random(20131002)
    for kill in range(1, KILLS + 1):
        process = start("write", url)
        acknowledged = kill_after(process, chance.randrange(1, 25))
        assert not is_running(url, "main")
        with Reader.open(url) as reader:  # before anything has opened it to write
            envelopes = list(reader.records("main"))
        assert len(envelopes) >= acknowledged > 0
        assert halves(envelopes) == []
        assert verify(url).problems == []
        assert envelopes[-1].epoch == kill
    journal = Journal.open(url)
    assert journal.take("main", PAPER, "survivor").epoch == KILLS + 1
    journal.close()


@pytest.mark.process
@pytest.mark.proves("L6")
def test_engine_is_seen_and_refused_from_outside(start: Start, tmp_path: Path) -> None:
    """While a process trades, others see it running, can read beside it, and can't take its account."""
    url = f"sqlite:///{tmp_path / 'holdfast.db'}"
    process = start("write", url)
    assert process.stdout is not None
    process.stdout.readline()
    assert is_running(url, "main")
    second = start("take", url)
    answer, _ = second.communicate(timeout=60)
    assert answer.startswith(f"3 account 'main' of journal {tmp_path}/holdfast.db is being traded by pid {process.pid}")
    assert verify(url).problems == []
    kill_after(process, 1)
    assert start("take", url).communicate(timeout=60)[0].split()[:2] == ["0", "2"]


def take(url: str) -> None:
    """What the second process does: try, and print exit status and text, or the epoch it got."""
    journal = Journal.open(url)
    try:
        tell(0, journal.take("main", PAPER, "second").epoch)
    except Refused as refused:
        tell(refused.exit_status, refused)
    journal.close()


if __name__ == "__main__":
    {"write": write_for_ever, "take": take}[sys.argv[1]](sys.argv[2])
