"""What is going to happen, drawn from a seed before anything is started: the same seed is the same plan."""

import random
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from holdfast.telemetry.crash_points import CrashPoint
from holdfast.torture.processes.stores import FAULTS, NOT_FATAL

ROUND = 25
"""Lives on one broker and one journal: then everything is healed, counted, and begun anew."""

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

Fault = dict[str, Any]
SOME: dict[str, Sequence[Fault]] = {
    "answers lost": [{"name": "accepted_then_504", "times": None, "probability": 0.3}],
    "orders lost on the way": [{"name": "not_accepted_then_504", "times": None, "probability": 0.2}],
    "connections reset before": [{"name": "reset_before", "times": None, "probability": 0.2}],
    "connections reset after": [{"name": "reset_after", "times": None, "probability": 0.2}],
    "cancels without an answer": [
        {"name": "reset_after", "method": "DELETE", "path": "/v2/orders/", "times": None, "probability": 0.5}
    ],
    "anything reset": [{"name": "reset_after", "path": "/v2/", "times": 6, "probability": 0.2}],
    "answers late": [
        {"name": "accepted_then_timeout", "times": 2, "seconds": 1.5},
        {"name": "slow", "times": 3, "seconds": 0.2},
    ],
    "answers cut short": [{"name": "unparsable_200", "times": None, "probability": 0.2}],
    "429": [{"name": "storm_429", "seconds": 0.3}],
    "401": [{"name": "unauthorized", "times": 2}],
    "maintenance": [{"name": "maintenance_page", "path": "/v2/", "seconds": 0.3}],
    "orders seen late": [
        {"name": "invisible_order", "times": 5, "seconds": 0.12},
        {"name": "accepted_then_504", "times": 3},
    ],
    "ids refused": [{"name": "duplicate_id_answer", "times": 3}],
    "rejected after all": [{"name": "reject_after_accept", "times": 3}],
    "filled before the answer": [{"name": "fill_before_ack", "times": None, "probability": 0.5}],
    "filled in parts": [{"name": "partial_fills", "times": None, "probability": 0.6, "fraction": 0.3}],
    "filled while canceled": [{"name": "cancel_races_fill", "times": 3}],
    "stop-losses missing": [{"name": "leg_missing", "times": 2}, {"name": "leg_dead", "times": 2}],
    "events lost": [{"name": "stream_drop", "times": None, "probability": 0.3, "stream": "trade_updates"}],
    "events twice": [{"name": "stream_duplicate", "times": None, "probability": 0.6}],
    "events out of order": [{"name": "stream_reorder", "times": None, "probability": 0.4}],
    "events mute": [{"name": "stream_mute", "seconds": 0.5, "stream": "trade_updates"}],
    "streams refused": [{"name": "stream_refused_429", "times": 1}, {"name": "stream_refused_406", "times": 1}],
    "data lost": [{"name": "stream_drop", "times": None, "probability": 0.3, "stream": "data"}],
}
"""Faults of the local broker (docs/sim-alpaca-faults.md) that one life may have, by what they come to."""


class Death(StrEnum):
    """How a life ends."""

    AT_POINT = "point"  # it kills itself at a named place
    AT_WORK = "at work"  # some records after it was ready
    IN_START = "in its start"  # some milliseconds after it was started
    FROZEN = "frozen"  # stopped for a while, woken, and killed a little later


class BrokerEvent(StrEnum):
    """What becomes of the broker meanwhile."""

    RESTART = "restart_keeping_orders"  # connections cut, away for a while
    RESTART_LOSING = "restart_losing_orders"  # and the open orders are gone
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


def lives(seed: int, kills: int, kind: str) -> Iterator[Life]:
    """The plan. ``kind`` is the database's."""
    chance = random.Random(f"holdfast torture {seed} {kind}")
    points: list[CrashPoint] = []
    for number in range(kills):
        if not points:
            points = list(CrashPoint)
            chance.shuffle(points)
        if number % 2:
            yield _life(chance, number, kind, points.pop())
        else:
            yield _life(chance, number, kind, None)


def _life(chance: random.Random, number: int, kind: str, point: CrashPoint | None) -> Life:
    death = Death.AT_POINT
    if point is None:
        death = chance.choices((Death.AT_WORK, Death.IN_START, Death.FROZEN), (6, 3, 1))[0]
    faults = [fault for name in chance.sample(sorted(SOME), chance.choice((0, 1, 1, 2, 3))) for fault in SOME[name]]
    if point is CrashPoint.RECONCILING:  # it takes an unresolved order to get there
        faults = [*SOME["answers lost"]]
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
        broker_event=chance.choices(events, (85, 7, 4, 4))[0],
        store_fault=store_fault,
        store_seconds=chance.choice((0.1, 0.5, 1.5)),
    )
