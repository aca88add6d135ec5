"""What is going to happen, drawn from a seed before anything is started: the same seed is the same plan."""

import random
from collections.abc import Iterator
from enum import StrEnum

import msgspec

from holdfast.sim.chassis.tortured import UNANSWERED, Box, Fault
from holdfast.telemetry.crash_points import CrashPoint
from holdfast.torture.processes.stores import FAULTS, NOT_FATAL

FREQUENT = {
    CrashPoint.BEFORE_APPEND: 120,
    CrashPoint.IN_COMMIT: 60,
    CrashPoint.COMMITTED: 60,
    CrashPoint.RELEASED: 6,
    CrashPoint.SENDING: 6,
    CrashPoint.ANSWERED: 6,
    CrashPoint.FILL_RECEIVED: 3,
    CrashPoint.FILL_DURABLE: 3,
    CrashPoint.CANCEL_SENDING: 2,
    CrashPoint.CANCEL_ANSWERED: 2,
}
"""Up to the how manyth passage of a point the kill may wait, so that it falls anywhere within a second or two of trading."""

AT_A_STOP = (CrashPoint.STOPPING, CrashPoint.IN_SNAPSHOT)
"""Passed when the engine is asked to stop, which writes a snapshot."""


class Death(StrEnum):
    """How a life ends."""

    AT_POINT = "point"  # it kills itself at a named place
    AT_WORK = "at work"  # some records after it was ready
    IN_START = "in its start"  # some milliseconds after it was started
    FROZEN = "frozen"  # stopped for a while, woken, and killed a little later


class BrokerEvent(StrEnum):
    """What becomes of the broker meanwhile."""

    RESTART = "restarted"  # connections cut, away for a while
    RESTART_LOSING = "restarted, and lost its orders"
    KILLED = "killed"  # its process is killed while the engine is dead, and starts from its state


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """One engine's, from its start to its death.

    ``point`` and ``count`` say at which passage of which place it dies; otherwise it does after ``records`` more, or
    ``seconds`` after its start, or, frozen for ``seconds``, after ``records`` more. ``is_cold``: started from nothing.
    ``market_waits``: the market stands until it is ready. ``faults`` are the broker's, on from the start or once it is ready.
    """

    number: int
    death: Death
    point: CrashPoint | None
    count: int
    records: int
    seconds: float
    is_cold: bool
    market_waits: bool
    faults: tuple[Fault, ...]
    faults_in_start: bool
    broker_event: BrokerEvent | None
    store_fault: str | None
    store_seconds: float

    @property
    def may_end_by_itself(self) -> bool:
        """Whether something happens to it after which it has to stop, or can't start."""
        return self.store_fault is not None and self.store_fault not in NOT_FATAL


def lives(seed: int, kills: int, kind: str, box: Box) -> Iterator[Life]:
    """The plan, on a box. ``kind`` is the database's."""
    chance = random.Random(f"holdfast torture {seed} {kind}")
    points: list[CrashPoint] = []
    for number in range(kills):
        if not points:
            points = list(CrashPoint)
            chance.shuffle(points)
        if number % 2:
            yield _life(chance, number, kind, points.pop(), box)
        else:
            yield _life(chance, number, kind, None, box)


def _life(chance: random.Random, number: int, kind: str, point: CrashPoint | None, box: Box) -> Life:
    death = Death.AT_POINT
    if point is None:
        death = chance.choices((Death.AT_WORK, Death.IN_START, Death.FROZEN), (6, 3, 1))[0]
    names = chance.sample(sorted(box.faults), chance.choice((0, 1, 1, 2, 3)))
    faults = [fault for name in names for fault in box.faults[name]]
    if point is CrashPoint.RECONCILING:  # it takes an unresolved order to get there
        faults = [*box.faults[UNANSWERED]]
    events: list[BrokerEvent | None] = [None, *BrokerEvent]
    store_fault = chance.choice(FAULTS[kind]) if chance.random() < 0.15 else None
    return Life(
        number=number,
        death=death,
        point=point,
        count=chance.randint(1, FREQUENT.get(point, 1)) if point is not None else 0,
        records=chance.randint(20, 250),
        seconds=chance.uniform(0.05, 1.0) if death is Death.IN_START else chance.choice((0.2, 0.6, 2.5)),
        is_cold=chance.random() < 0.04,
        market_waits=chance.random() < 0.5,
        faults=tuple({**fault, "seed": chance.randrange(1_000_000)} for fault in faults),
        faults_in_start=chance.random() < 0.4,
        broker_event=_possible(chance.choices(events, (85, 7, 4, 4))[0], box),
        store_fault=store_fault,
        store_seconds=chance.choice((0.1, 0.5, 1.5)),
    )


def _possible(event: BrokerEvent | None, box: Box) -> BrokerEvent | None:
    """None in place of what can't become of this box."""
    is_possible = {BrokerEvent.RESTART_LOSING: bool(box.restart_losing), BrokerEvent.KILLED: box.keeps_state}
    return event if event is None or is_possible.get(event, True) else None
