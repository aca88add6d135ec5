"""Engines killed between an entry's fill and the placement of its protection: how long until it is there."""

import logging
import signal
import time
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from holdfast.core.messages import Action, PlaceOrder, Signal
from holdfast.core.milestones import Restored
from holdfast.core.protection.records import ProtectionFailed
from holdfast.core.types import MANUAL, Price, Quantity
from holdfast.journal.commands import file_command
from holdfast.sim.alpaca.tortured import KEY
from holdfast.telemetry.crash_points import CrashPoint
from holdfast.torture.processes.books import ACCOUNT, compare
from holdfast.torture.processes.programs import Spawner
from tests.budget import by_tier
from tests.torture.arena import Arena, arena

log = logging.getLogger(__name__)

POINTS = (
    f"{CrashPoint.FILL_RECEIVED}:1",  # the fill is known and not durable
    f"{CrashPoint.FILL_DURABLE}:1",  # the fill is durable, and so is what follows from it
    f"{CrashPoint.RELEASED}:2",  # the first leg is about to be handed to the broker (1 was the entry)
    f"{CrashPoint.RELEASED}:3",  # the first leg was, the second is about to be
    f"{CrashPoint.SENDING}:2",  # the pair's request is about to leave
    f"{CrashPoint.ANSWERED}:2",  # the broker has the pair, and nobody here knows
)
KILLS = by_tier(test=3, campaign=100)
OVER = ("filled", "canceled", "expired", "rejected", "replaced")
STOP, TARGET = Price(Decimal(1)), Price(Decimal(10_000))
"""So far away that neither fires."""


def buy(where: Arena) -> None:
    """Have a share bought that is to be protected."""
    one = Quantity(Decimal(1))
    wanted = Signal(MANUAL, "AVOR", Action.BUY, quantity=one, stop_loss=STOP, take_profit=TARGET)
    file_command(where.store.url, ACCOUNT, PlaceOrder(wanted), "test", None, time.time_ns())


def sees_the_market(where: Arena, since: int) -> bool:
    """Whether the engine's market data has come, and the account may trade."""
    restored = where.watch.reader().last_record(ACCOUNT, Restored.__name__)
    return restored is not None and restored.sequence > since and where.watch.is_at_rest()


def minute_goes_by(where: Arena) -> bool:
    """Let the market go on by a minute: what is there may fill."""
    where.broker.control("clock", {"action": "step", "events": 2})
    return True


def exits(where: Arena) -> list[int]:
    """How much the stops and the targets that work at the broker would sell."""
    audit = where.broker.control(f"audit?key={KEY}", method="GET")
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    rows = {each["id"]: each for order in audit["orders"] for each in (order, *(order["legs"] or ()))}
    for row in rows.values():
        if row["side"] == "sell" and row["status"] not in OVER:
            found[row["type"]] += Decimal(row["qty"]) - Decimal(row["filled_qty"])
    return [int(found["stop"]), int(found["limit"])]


def held(where: Arena) -> Decimal:
    """The broker's position."""
    return where.broker.truth().positions.get("AVOR", Decimal(0))


def kill_once(where: Arena, point: str, bought: int) -> float:
    """Let an engine buy and die at a point; the seconds from the start of the next until all that is held is protected."""
    since = where.watch.where()[1]
    doomed = where.start(HOLDFAST_CRASH_AT=point)
    where.until(lambda: where.watch.is_ready(since) or doomed.ended() is not None, "the engine")
    where.until(lambda: sees_the_market(where, since), "the market data")
    buy(where)
    where.until(lambda: doomed.ended() is not None or not minute_goes_by(where), f"the kill at {point}")
    assert where.ended(doomed) == -signal.SIGKILL
    where.watch.let_go()
    where.until(lambda: held(where) == bought, "the entry to fill")
    began_s = time.monotonic()
    program = where.start()
    where.until(lambda: exits(where) == [bought, bought], f"exits for {bought} after {point}, not {exits(where)}")
    took_s = time.monotonic() - began_s
    where.until(lambda: compare(where.watch.reader(), where.broker.truth()).problems == [], "the books to agree")
    assert exits(where) == [bought, bought]
    where.die(program)
    return took_s


@pytest.mark.process
@pytest.mark.proves("K7", "K8")
def test_kills_between_a_fill_and_its_protection(tmp_path: Path, spawner: Spawner) -> None:
    """After each the next engine protects exactly what is held, no exit is there twice, the books agree; the log says how soon."""
    with arena(tmp_path, spawner) as where:
        path = tmp_path / "holdfast.toml"
        path.write_text(path.read_text().replace("params = { seed", "params = { idle_in = 10, seed"))
        minute_goes_by(where)
        took_s = [kill_once(where, POINTS[number % len(POINTS)], number + 1) for number in range(KILLS)]
        assert where.watch.reader().last_record(ACCOUNT, ProtectionFailed.__name__) is None
        where.heal()
    took_s.sort()
    figures = (
        f"p50 {took_s[len(took_s) // 2]:.2f} s, p95 {took_s[-1 - len(took_s) // 20]:.2f} s, longest {took_s[-1]:.2f} s"
    )
    log.info("%d kills: unprotected after a new start for %s", KILLS, figures)
