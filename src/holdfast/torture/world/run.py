"""Many seeds, one after the other or in several processes, and what came of them."""

import hashlib
import logging
import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from random import Random

import msgspec
import structlog
from msgspec.structs import replace

from holdfast.brokers.capability import IdempotencyClass
from holdfast.core.broker_rules import BrokerRules
from holdfast.core.protection.policy import ProtectionPolicy
from holdfast.core.state import EngineState
from holdfast.core.strategy.host import Runner
from holdfast.core.types import MINUTE_NS, SECOND_NS, StrategyId
from holdfast.torture.world.checks import Violation
from holdfast.torture.world.director import FAULTS_S, Director
from holdfast.torture.world.faults import Chance, Options, options_of
from holdfast.torture.world.loop import WORLD
from holdfast.torture.world.market import AIMING, SYMBOLS, Aiming, Restless
from holdfast.torture.world.world import BEGIN_NS, WATCHED, World

RECORDED_ROWS = {"OrderOverdue": "A10", "StrategyStopped": "X1", "OrderLost": "B2", "kept by the lease": "L2"}
"""Rows of the fault matrix that struck where the engine recorded this."""
STRICT = BrokerRules(wash_trades=False)
"""The rules of a broker that refuses what could trade with another order of the account."""
OFTEN = replace(WATCHED, reconcile_every_s=0.7)
"""Where shares are moved: what differs is known once two comparisons in a row show it and nothing has traded in between."""
LONGEST_STEP = 8
"""Ticks that a price moves at once."""
WHOLE = 0.6
"""The share of executions that fill all that is left."""
CHUNK = 25
"""Seeds that a process takes at once: some half a second's work."""


class Outcome(msgspec.Struct, frozen=True):
    """What came of one seed. ``trace`` is kept when something was violated."""

    seed: int
    digest: str
    orders: int
    fills: int
    records: int
    lives: int
    probes: dict[str, int]
    violations: list[Violation]
    options: str = ""
    trace: list[str] = []

    def __str__(self) -> str:
        """For people: what to run again, what was violated, and what happened before."""
        found = [f"{violation.invariant}: {violation.text}" for violation in self.violations]
        return "\n".join([f"seed {self.seed}", f"options {self.options}", *self.trace, *found])


class Summary(msgspec.Struct, frozen=True):
    """What came of many seeds. ``digest`` covers those of all, in order; ``failed`` are the seeds that violated something."""

    first: int
    seeds: int
    seconds: float
    orders: int
    fills: int
    records: int
    lives: int
    probes: dict[str, int]
    failed: list[Outcome]
    digest: str

    def missing(self, rows: Iterable[str], times: int) -> list[str]:
        """The rows of the fault matrix that struck less often than this: the run says nothing about them."""
        return [row for row in rows if self.probes.get(row, 0) < times]


Progress = Callable[[int, int], None]
"""Told how many seeds are done, and how many of them failed."""


@contextmanager
def quiet() -> Iterator[None]:
    """Without the engines' logs: a world makes more than anybody reads."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


def run_seed(seed: int, options: Options | None = None, only: IdempotencyClass | None = None) -> Outcome:
    """Live through one seed's world, and say what came of it. ``only``: at a broker of this class."""
    options = options or options_of(seed, only)
    probes: Counter[str] = Counter()
    world = live_through(seed, options, probes)
    for what, row in RECORDED_ROWS.items():
        probes[row] += world.checks.recorded[what]
    return Outcome(
        seed,
        world.digest(),
        len(world.exchange.orders),
        len(world.exchange.fills),
        len(world.disk.rows),
        world.lives,
        {row: count for row, count in sorted(probes.items()) if row and count},
        world.violations,
        msgspec.json.encode(options).decode() if world.violations else "",
        world.trace.lines() if world.violations else [],
    )


def live_through(seed: int, options: Options, probes: Counter[str]) -> World:
    """One seed's world after all of it has happened; ``probes`` counts what struck."""
    chance = Chance(options, probes)
    director = Director(options, chance, probes)
    market, fills = Random(f"market {seed}"), Random(f"fills {seed}")
    with quiet():
        world = World(
            options.idempotency,
            chance,
            _restless(options),
            lambda _symbol: market.randint(-LONGEST_STEP, LONGEST_STEP),
            lambda rest: rest if fills.random() < WHOLE else Decimal(fills.randint(1, int(rest))),
            director.on_life,
            _prepare(options),
            live=OFTEN if options.rates.moved else WATCHED,
        )
        world.exchange.is_strict = options.is_strict
        world.exchange.receive = chance.reception
        world.exchange.later = lambda seconds, do: world.loop.call_later(seconds, do, context=WORLD)
        director.join(world)
        world.run(director)
    return world


def _restless(options: Options) -> Callable[[], Runner]:
    """What makes the strategy of a seed's world."""
    until_ns = BEGIN_NS + round(FAULTS_S * SECOND_NS)
    raises = options.rates.strategy_raises > 0
    params = Restless.Params(seed=options.seed, activity=options.activity, until_ns=until_ns, raises=raises)
    return lambda: Runner(StrategyId("restless"), Restless(params), SYMBOLS, MINUTE_NS)


def _prepare(options: Options) -> Callable[[EngineState], None]:
    """What a seed's account has beside: a policy, a broker's rules, and a strategy that states positions."""
    until_ns = BEGIN_NS + round(FAULTS_S * SECOND_NS)
    params = Aiming.Params(seed=options.seed, until_ns=until_ns)

    def prepare(state: EngineState) -> None:
        state.protection = ProtectionPolicy(preservation=options.preservation, on_blocked=options.on_blocked)
        if options.is_strict:
            state.rules = STRICT
        if options.aims:
            state.host.add(Runner(AIMING, Aiming(params), SYMBOLS, MINUTE_NS), None)

    return prepare


def run_seeds(
    first: int,
    count: int,
    processes: int = 1,
    progress: Progress = lambda _done, _failed: None,
    only: IdempotencyClass | None = None,
) -> Summary:
    """Live through the worlds of ``count`` seeds from ``first`` on. The same seeds have the same digest, however many processes.

    ``only``: at brokers of this class.
    """
    chunks = [range(start, min(start + CHUNK, first + count)) for start in range(first, first + count, CHUNK)]
    sums = _Sums(first)
    for outcomes in _each(chunks, processes, partial(_run_chunk, only)):
        for outcome in outcomes:
            sums.add(outcome)
        progress(sums.seeds, len(sums.failed))
    return sums.summary()


def _each(chunks: Sequence[range], processes: int, run: Callable[[range], list[Outcome]]) -> Iterator[list[Outcome]]:
    if processes <= 1:
        yield from map(run, chunks)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap(run, chunks)


def _run_chunk(only: IdempotencyClass | None, seeds: range) -> list[Outcome]:
    return [run_seed(seed, only=only) for seed in seeds]


class _Sums:
    """What is kept of many outcomes: as much for a hundred thousand as for one."""

    def __init__(self, first: int) -> None:
        self.seeds = 0
        self.failed: list[Outcome] = []
        self._first = first
        self._began_s = time.monotonic()
        self._counts: Counter[str] = Counter()
        self._probes: Counter[str] = Counter()
        self._digest = hashlib.sha256()

    def add(self, outcome: Outcome) -> None:
        self.seeds += 1
        for name in ("orders", "fills", "records", "lives"):
            self._counts[name] += getattr(outcome, name)
        self._probes.update(outcome.probes)
        self._digest.update(outcome.digest.encode())
        if outcome.violations:
            self.failed.append(outcome)

    def summary(self) -> Summary:
        return Summary(
            self._first,
            self.seeds,
            time.monotonic() - self._began_s,
            self._counts["orders"],
            self._counts["fills"],
            self._counts["records"],
            self._counts["lives"],
            dict(sorted(self._probes.items())),
            self.failed,
            self._digest.hexdigest(),
        )
