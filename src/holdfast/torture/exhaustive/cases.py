"""One order's story in a world where exactly what was chosen goes wrong, and nothing else."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum

import msgspec

from holdfast.brokers.capability import IdempotencyClass
from holdfast.core.messages import Trade
from holdfast.core.strategy.api import Context, Parameters, Strategy
from holdfast.core.strategy.host import Runner
from holdfast.core.types import MINUTE_NS, SECOND_NS, StrategyId
from holdfast.telemetry import crash_points
from holdfast.telemetry.crash_points import CrashPoint
from holdfast.torture.exhaustive.choices import Choices, every
from holdfast.torture.world.checks import Violation
from holdfast.torture.world.disk import CommitFate
from holdfast.torture.world.exchange import Frame
from holdfast.torture.world.loop import OWNER, Killed
from holdfast.torture.world.market import SYMBOLS
from holdfast.torture.world.run import quiet
from holdfast.torture.world.wire import Fate, Passage
from holdfast.torture.world.world import BEGIN_NS, Life, World

FAULTS_S = 5.0
"""How long what was chosen may go wrong."""
HANDED_IN_S, CANCELED_S = 1.0, 2.0
"""When the strategy asks for its order, and for its cancel."""
SYMBOL = SYMBOLS[0]
QUANTITY = 6
SLOW_S, LATE_S = 0.3, 1.0


class Script(StrEnum):
    """What the order is, and what becomes of it where nothing goes wrong."""

    WHOLE = "market, fills whole"
    TWO_PARTS = "limit, fills in two parts"
    CANCEL = "limit, canceled"
    BRACKET = "bracket, one exit fills"


class Disorder(StrEnum):
    """What the stream does to the events of the order."""

    NONE = "in order"
    DOUBLED = "each twice"
    SWAPPED = "the second before the first"
    FIRST_LOST = "the first lost"
    SECOND_LOST = "the second lost"
    BEFORE_ANSWER = "before the order's answer"


ANSWERS = (
    Fate.ANSWERED,
    Fate.REFUSED,
    Fate.ANSWER_LOST,
    Fate.REQUEST_LOST,
    Fate.THROTTLED,
    Fate.GARBLED,
    Fate.DENIED,
    Fate.LATE,
)
BEFORE_IT_LEAVES = (
    CrashPoint.BEFORE_APPEND,
    CrashPoint.IN_COMMIT,
    CrashPoint.COMMITTED,
    CrashPoint.RELEASED,
    CrashPoint.SENDING,
)
"""Where a kill, the first time they are passed, leaves nothing for the broker to answer."""
REPEATED = BEFORE_IT_LEAVES[:3]
"""Passed again with the order's answer, and with its executions."""
AFTERWARDS = (CrashPoint.ANSWERED, CrashPoint.FILL_RECEIVED, CrashPoint.FILL_DURABLE, CrashPoint.STOPPING)
IN_RECOVERY = (CrashPoint.RECOVERING, CrashPoint.RECONCILING)
IN_CANCEL = (CrashPoint.CANCEL_SENDING, CrashPoint.CANCEL_ANSWERED)


class Case(msgspec.Struct, frozen=True):
    """One combination. The kill falls on the point's first, second or third ``passing`` after the order was asked for.

    A second one may fall on the recovery ``again``. What was being written may be there afterwards (``keeps_commits``).
    """

    script: Script
    idempotency: IdempotencyClass
    answer: Fate
    disorder: Disorder
    kill: CrashPoint | None
    passing: int = 1
    again: CrashPoint | None = None
    keeps_commits: bool = False


class Told(msgspec.Struct, frozen=True):
    """What came of a case: what was violated, and what happened. ``found`` counts reports that no stream had brought the last engine."""

    case: Case
    violations: list[Violation]
    trace: list[str]
    digest: str
    found: int

    def __str__(self) -> str:
        """A regression test, ready to be kept, and what it shows."""
        case = ", ".join(f"{name}={getattr(self.case, name)!r}" for name in Case.__struct_fields__)
        found = [f"{violation.invariant}: {violation.text}" for violation in self.violations]
        return "\n".join([*self.trace, f"Case({case})", *found])


def cases(script: Script, idempotency: IdempotencyClass) -> Iterator[Case]:
    """Every combination of a script at a broker of a class."""
    for choices in every():
        yield _chosen(choices, script, idempotency)


def _chosen(choices: Choices, script: Script, idempotency: IdempotencyClass) -> Case:
    cancels = script in (Script.CANCEL, Script.BRACKET)
    kill = choices.of(None, *BEFORE_IT_LEAVES, *AFTERWARDS, *(IN_CANCEL if cancels else ()))
    if kill is None:
        return Case(script, idempotency, choices.of(*ANSWERS), choices.of(*Disorder), None)
    passing = choices.of(1, 2, 3) if kill in REPEATED else 1
    has_left = kill not in BEFORE_IT_LEAVES or passing > 1
    answer = choices.of(*ANSWERS) if has_left else Fate.ANSWERED
    disorder = choices.of(*Disorder) if has_left else Disorder.NONE
    again = choices.of(None, *IN_RECOVERY) if disorder is Disorder.NONE else None
    keeps = choices.of(False, True) if kill is CrashPoint.IN_COMMIT else False
    return Case(script, idempotency, answer, disorder, kill, passing, again, keeps)


class OneOrder(Strategy):
    """Asks for one order, and for its cancel if the script says so."""

    class Params(Parameters, frozen=True):
        """Which script."""

        script: Script

    params: Params
    history_bars = 1

    def on_trade(self, context: Context, trade: Trade) -> None:
        """At its moment, do it."""
        if trade.symbol != SYMBOL:
            return
        at_s = (trade.time_ns - BEGIN_NS) / SECOND_NS
        script = self.params.script
        if script is Script.CANCEL and CANCELED_S <= at_s < CANCELED_S + 0.5:
            for order in context.orders(SYMBOL):
                context.cancel(order.client_order_id)
        if not HANDED_IN_S <= at_s < HANDED_IN_S + 0.5:
            return
        if script is Script.WHOLE:
            context.buy(SYMBOL, QUANTITY)
        elif script is Script.BRACKET:
            context.buy(SYMBOL, QUANTITY, stop_loss=trade.price - 5, take_profit=trade.price + 1)
        else:
            below = 5 if script is Script.CANCEL else 0
            context.buy(SYMBOL, QUANTITY, limit_price=trade.price - below)


class Plan:
    """Makes go wrong what the case says, once: the fates of its messages and commits, and the kills."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._orders = 0
        self._frames = 0
        self._passings = case.passing
        self._kills = [point for point in (case.kill, case.again) if point is not None]
        self.world: World

    # --- fates --------------------------------------------------------------------------------------------------------

    def order(self) -> Passage:
        """The first order meets what was chosen; all others go well."""
        self._orders += 1
        if self._orders > 1:
            return Passage(Fate.ANSWERED)
        there_s = LATE_S * 4 if self._case.answer is Fate.LATE else 0.01
        return Passage(self._case.answer, there_s, SLOW_S if self._case.disorder is Disorder.BEFORE_ANSWER else 0.01)

    def cancel(self) -> Passage:
        """Goes well."""
        return Passage(Fate.ANSWERED)

    def question(self) -> Passage:
        """Goes well."""
        return Passage(Fate.ANSWERED)

    def frames(self, frame: Frame) -> list[tuple[Frame, float, bool]]:
        """The first two events meet what was chosen."""
        self._frames += 1
        disorder, number = self._case.disorder, self._frames
        wait_s = 0.001 if disorder is Disorder.BEFORE_ANSWER else 0.02
        is_lost = (disorder, number) in ((Disorder.FIRST_LOST, 1), (Disorder.SECOND_LOST, 2))
        if is_lost:
            return []
        if disorder is Disorder.SWAPPED and number == 1:
            return [(frame, LATE_S, False)]
        once = (frame, wait_s, True)
        return [once, once] if disorder is Disorder.DOUBLED else [once]

    def commit(self) -> CommitFate:
        """Goes well."""
        return CommitFate(0.002)

    def store_is_lost(self) -> bool:
        """Never."""
        return False

    def slip(self) -> BaseException | None:
        """Never."""
        return None

    def survives_kill(self) -> bool:
        """As was chosen."""
        return self._case.keeps_commits

    def part(self, rest: Decimal) -> Decimal:
        """The limit of two parts fills in two."""
        is_first = self._case.script is Script.TWO_PARTS and rest == QUANTITY
        return Decimal(4) if is_first else rest

    # --- kills --------------------------------------------------------------------------------------------------------

    def _on_point(self, point: CrashPoint) -> None:
        owner = OWNER.get()
        if owner is None or owner.is_dead or not self._kills or point is not self._kills[0]:
            return
        if self.world.loop.time() < HANDED_IN_S:
            return  # nothing has been asked for yet
        self._passings -= 1
        if self._passings > 0:
            return
        self._kills.pop(0)
        self._passings = 1
        self.world.trace.add(f"{owner.name} is killed at {point}")
        owner.kill()
        raise Killed

    async def __call__(self, _world: World) -> None:
        """Let it happen."""
        crash_points.arm(self._on_point)
        await asyncio.sleep(FAULTS_S)
        crash_points.arm(None)

    def on_life(self, life: Life) -> None:
        """A stop in order is asked for where the kill is to fall on it."""
        if self._case.kill is CrashPoint.STOPPING and life.epoch == 1:
            life.process.later(HANDED_IN_S + 0.02, life.loop.stop, "asked to")


PATHS = {
    Script.WHOLE: (0,) * 10,
    Script.TWO_PARTS: (0, 0, 0, 0, -4, 0, 0, 0),
    Script.CANCEL: (0,) * 10,
    Script.BRACKET: (0, 0, 0, 0, 0, 30, 0, 0, 0),
}
"""By how many ticks the price moves at each step."""


def run_case(case: Case) -> Told:
    """Live through one combination."""
    plan = Plan(case)
    taken: Counter[str] = Counter()

    def step(symbol: str) -> int:
        taken[symbol] += 1
        path = PATHS[case.script]
        return path[taken[symbol] - 1] if taken[symbol] <= len(path) else 0

    def make_runner() -> Runner:
        return Runner(StrategyId("one"), OneOrder(OneOrder.Params(script=case.script)), SYMBOLS, MINUTE_NS)

    lives: list[Life] = []

    def on_life(life: Life) -> None:
        lives.append(life)
        plan.on_life(life)

    with quiet():
        world = World(case.idempotency, plan, make_runner, step, plan.part, on_life)
        plan.world = world
        world.run(plan)
    found = lives[-1].live.reconciler.found
    return Told(case, world.violations, world.trace.lines() if world.violations else [], world.digest(), found)
