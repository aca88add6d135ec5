"""A take-profit and its stop-loss are one request; it comes late, and what was found of the one says something of the other."""

import asyncio
from decimal import Decimal

import pytest

from holdfast.brokers.capability import IdempotencyClass
from holdfast.core.messages import OrderAdopted, OrderNotSent, OrderTerms
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.strategy.host import Runner
from holdfast.core.types import MINUTE_NS, SECOND_NS, ClientOrderId, OrderType, Quantity, StrategyId
from holdfast.torture.exhaustive.cases import Case, Disorder, OneOrder, Plan, Script
from holdfast.torture.world.exchange import Frame
from holdfast.torture.world.market import SYMBOLS
from holdfast.torture.world.run import quiet
from holdfast.torture.world.wire import Fate, Passage
from holdfast.torture.world.world import Life, World

CASE = Case(Script.BRACKET, IdempotencyClass.UNIQUE_ID, Fate.ANSWERED, Disorder.NONE, None)
FAULTS_S = 12.0
"""Longer than the pair is under way."""
OTHERS = ClientOrderId("manual-1")
UP, DOWN = (0,) * 15 + (30,), (0,) * 15 + (-120,)
"""By how many ticks the price moves at each step: the take-profit, or the stop-loss, trades as soon as it is there."""


class LatePair(Plan):
    """The entry goes well; the pair that protects it is under way for ``late_s``, and the events of the broker's are lost if so said."""

    def __init__(self, late_s: float, *, is_told: bool, fate: Fate = Fate.LATE, stop_s: float | None = None) -> None:
        super().__init__(CASE)
        self.late_s = late_s
        self.is_told = is_told
        self.fate = fate
        self.stop_s = stop_s
        self.sent = 0

    def order(self) -> Passage:
        self.sent += 1
        return Passage(self.fate, self.late_s) if self.sent == 2 else Passage(Fate.ANSWERED)

    def frames(self, frame: Frame) -> list[tuple[Frame, float, bool]]:
        return [(frame, 0.02, True)] if self.is_told or self.sent < 2 else []

    def on_life(self, life: Life) -> None:
        if self.stop_s is not None and life.epoch == 1:
            life.process.later(self.stop_s, life.loop.stop, "asked to")

    async def __call__(self, _world: World) -> None:
        await asyncio.sleep(FAULTS_S)


class SomebodysStop(LatePair):
    """The pair never arrives, and later somebody's own stop is there that looks just like its stop-loss."""

    async def __call__(self, world: World) -> None:
        await asyncio.sleep(9.0)
        (lost, *_) = [order.terms for order in world.disk.orders.values() if order.terms.stop_price is not None]
        kind, stop = OrderType.STOP, lost.stop_price
        terms = OrderTerms(
            OTHERS, StrategyId("manual"), lost.symbol, lost.side, Quantity(Decimal(2)), kind, stop_price=stop
        )
        world.exchange.submit(terms, is_external=True)
        await asyncio.sleep(FAULTS_S)


def live_through(plan: LatePair, path: tuple[int, ...], lag_s: float) -> World:
    """The world of a late pair, at rest."""
    taken = dict.fromkeys(SYMBOLS, 0)

    def step(symbol: str) -> int:
        taken[symbol] += 1
        return path[taken[symbol] - 1] if taken[symbol] <= len(path) else 0

    def make_runner() -> Runner:
        return Runner(StrategyId("one"), OneOrder(OneOrder.Params(script=Script.BRACKET)), SYMBOLS, MINUTE_NS)

    with quiet():
        world = World(CASE.idempotency, plan, make_runner, step, plan.part, plan.on_life)
        world.exchange.lag_ns = round(lag_s * SECOND_NS)
        plan.world = world
        world.run(plan)
    return world


def booked_to(world: World) -> dict[str, Decimal]:
    """What each ledger has of the position, by strategy."""
    return {strategy: row.quantity for (strategy, _), row in world.disk.positions.items()}


def recorded(world: World, kind: type) -> list[object]:
    """What was recorded of a kind."""
    return [record.body for record in world.disk.records(world.disk.account) if isinstance(record.body, kind)]


@pytest.mark.proves("A3", "I3", "I6", "I14")
@pytest.mark.parametrize("path", [UP, DOWN], ids=["take-profit fills", "stop-loss fills"])
@pytest.mark.parametrize("is_told", [True, False], ids=["told", "untold"])
@pytest.mark.parametrize("lag_s", [0.0, 1.5])
@pytest.mark.parametrize("late_s", [4.0, 5.2, 6.0, 9.0])
def test_a_late_pair_is_the_strategys(late_s: float, lag_s: float, is_told: bool, path: tuple[int, ...]) -> None:
    """Whenever it comes, told by the stream or only asked for, shown at once or not: neither of the two is ever an external order."""
    world = live_through(LatePair(late_s, is_told=is_told), path, lag_s)
    assert world.violations == [], "\n".join(world.trace.lines())
    assert recorded(world, OrderAdopted) == []
    assert EXTERNAL not in booked_to(world)


@pytest.mark.proves("A3", "K14", "I3", "I6", "I14")
@pytest.mark.parametrize("path", [UP, DOWN], ids=["take-profit fills", "stop-loss fills"])
@pytest.mark.parametrize("stop_s", [5.0, 8.5])
@pytest.mark.parametrize("is_told", [True, False], ids=["told", "untold"])
def test_so_it_is_after_a_new_start(*, is_told: bool, stop_s: float, path: tuple[int, ...]) -> None:
    """The engine that gets to see it is not the one that sent it, nor the one that had proof that it was not there."""
    world = live_through(LatePair(9.0, is_told=is_told, stop_s=stop_s), path, lag_s=1.5)
    assert world.violations == [], "\n".join(world.trace.lines())
    assert world.lives == 2
    assert EXTERNAL not in booked_to(world)


@pytest.mark.proves("A3", "I8")
def test_it_was_called_not_sent_before() -> None:
    """The latest of them come after the proof that they were not sent: what is tried above is that this is taken back."""
    world = live_through(LatePair(9.0, is_told=True), UP, 1.5)
    assert len(recorded(world, OrderNotSent)) >= 2


@pytest.mark.proves("S6", "A2", "I3")
def test_somebodys_stop_that_looks_like_one_that_never_came_is_theirs() -> None:
    """Ours is asked for first, and isn't there: then the other one is an external order, as any other."""
    world = live_through(SomebodysStop(0.01, is_told=True, fate=Fate.REQUEST_LOST), UP[:1], 0.0)
    assert world.violations == [], "\n".join(world.trace.lines())
    adopted = [body.broker_order_id for body in recorded(world, OrderAdopted) if isinstance(body, OrderAdopted)]
    assert [world.exchange.orders[name].client_id for name in adopted] == [OTHERS]
