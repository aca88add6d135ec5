"""Failed requests in a row put the account into PRESERVATION, and only what the policy names takes it out.

The breaker and the whole `LiveAccount` are the real ones, in virtual time; the clock, the answers and what people ask are drawn.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.brokers.breaker import FIRST_BACK_OFF_S, Breaker, is_well
from holdfast.brokers.capability import IdempotencyClass
from holdfast.config import LiveConfig
from holdfast.core.instruments import US_EQUITY
from holdfast.core.messages import (
    Action,
    Halt,
    Heartbeat,
    MarketEvent,
    PlaceOrder,
    Request,
    Resume,
    Signal,
    SubmitOrder,
)
from holdfast.core.milestones import AccountStateChanged, Restored
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.session.account import AccountState
from holdfast.core.state import EngineState
from holdfast.core.strategy.host import Runner
from holdfast.core.turn import Turn
from holdfast.core.types import MANUAL, MINUTE_NS, SECOND_NS, Quantity, Side, StrategyId
from holdfast.feeds.live import NoMarket
from holdfast.runtime.live.clock import LiveClock
from holdfast.runtime.live.health import Cause
from holdfast.runtime.live.live_account import LiveAccount
from holdfast.torture.world.broker import WorldBroker
from holdfast.torture.world.disk import Disk, WorldJournal
from holdfast.torture.world.exchange import Exchange
from holdfast.torture.world.faults import Chance, Options, Rates
from holdfast.torture.world.loop import WORLD, Process, VirtualLoop
from holdfast.torture.world.wire import Network, Wire
from tests.budget import examples
from tests.scenario.account import DAYS, START_NS, Scripted, bar

NEVER_S = 366 * 86_400.0
"""Longer than any story: nobody asks the broker anything but what is drawn."""
LATER_S = (0.1, FIRST_BACK_OFF_S, 20.0, 3_600.0, 12 * 3_600.0)
"""Less than a back-off, one, more than the longest, and enough for a new trading day."""

REQUESTS = st.tuples(st.just("request"), st.booleans())
FAILURES = st.tuples(st.just("request"), st.just(False))
OTHERS = st.one_of(
    st.tuples(st.just("question"), st.booleans()),
    st.tuples(st.just("time"), st.sampled_from(LATER_S)),
    st.tuples(st.just("market data"), st.booleans()),
    st.tuples(st.just("command"), st.sampled_from([Resume(), Resume(), Halt()])),
    st.tuples(st.just("order")),
    st.tuples(st.just("deliver")),
)
SCRIPTS = st.lists(st.one_of(REQUESTS, FAILURES, FAILURES, OTHERS, OTHERS), min_size=3, max_size=40)


class Expected:
    """What the account's standing should be, by the rule alone. It hears everything in the order in which the engine will."""

    def __init__(self, threshold: int, manual: bool) -> None:
        self.threshold, self.manual = threshold, manual
        self.failures = 0
        self.missing: set[Cause] = set()
        self.known: set[Cause] = set()  # what the engine was told and has not forgotten
        self.halted = False
        self._on_the_way: deque[tuple[Cause, bool] | Resume | Halt] = deque()

    @property
    def is_open(self) -> bool:
        """So many failures in a row that requests count as missing."""
        return self.failures >= self.threshold

    def request(self, ok: bool) -> None:
        """A request has come to an end."""
        self.failures = 0 if ok else self.failures + 1
        self.stands(Cause.REQUESTS, ok=not self.is_open)

    def stands(self, cause: Cause, *, ok: bool) -> None:
        """Something is there, or missing."""
        if ok is (cause in self.missing):
            self.missing ^= {cause}
            self._on_the_way.append((cause, ok))

    def command(self, command: Resume | Halt) -> None:
        """A person asks."""
        self._on_the_way.append(command)

    def deliver(self) -> None:
        """The engine has heard everything."""
        while self._on_the_way:
            said = self._on_the_way.popleft()
            if isinstance(said, Halt):
                self.halted = True
            elif isinstance(said, Resume):  # forgets all, and is told again what is missing still
                self.halted, self.known = False, set(self.missing)
            elif not said[1]:
                self.known.add(said[0])
            elif not self.manual:
                self.known.discard(said[0])

    def check(self, state: AccountState) -> None:
        """The account is where it should be."""
        if self.halted:
            assert state is AccountState.HALTED
        elif self.known:
            assert state is AccountState.PRESERVATION
        else:
            assert state.takes_risk


class OneBar(NoMarket):
    """A market that showed one price before the start."""

    def history(self, until_ns: int) -> Sequence[MarketEvent]:
        return [bar(1, 100.0)]


class Rig:
    """A `LiveAccount` in virtual time, at a broker that answers, whose requests, clock and people are drawn.

    What is told waits in its inbox until it is delivered, as the loop does it. ``slept_s`` is what the machine slept: time that goes by
    without anything happening.
    """

    def __init__(self, threshold: int, manual: bool) -> None:
        self.expected = Expected(threshold, manual)
        self.manual = manual
        self.answered = self.restored = self.preserved = self.sent = 0
        self.standings: list[AccountState] = []
        self._slept_s = 0.0
        self._turns: list[Turn] = []
        self._loop = VirtualLoop()
        self._process = Process("engine", self._loop)
        self._process.context.run(self._build, threshold)

    def _build(self, threshold: int) -> None:
        process, loop = self._process, self._loop
        chance = Chance(Options(0, IdempotencyClass.UNIQUE_ID, Rates(), 0), Counter())
        exchange = Exchange(lambda rest: rest, lambda: START_NS + MINUTE_NS + process.boot_time_ns(), unique_ids=True)
        wire = Wire(Network(loop, exchange, chance), process)
        broker, disk = WorldBroker(IdempotencyClass.UNIQUE_ID, exchange, wire), Disk("main")
        journal: Any = WorldJournal(disk, process, chance, loop.time)
        recorded = journal.take("main", broker.name, "engine"), disk
        state = EngineState("main", broker.name, DAYS, US_EQUITY, RiskLimits(), None)
        state.host.add(Runner(StrategyId("s0"), Scripted({}), ("ABC",), MINUTE_NS), MINUTE_NS)
        self.clock = LiveClock(lambda: process.boot_time_ns() + int(self._slept_s * SECOND_NS))
        policy: Literal["manual", "auto"] = "manual" if self.manual else "auto"
        config = LiveConfig(threshold, policy, check_every_s=NEVER_S, reconcile_every_s=NEVER_S)
        self.live_account = LiveAccount(
            state, broker, journal, recorded, self.clock, config, lambda: None, "engine", self._turns.append
        )
        self.breaker = Breaker(threshold, self.live_account.on_breaker, self.clock.monotonic_s)
        wire.observe = lambda call: self._request_ended(is_well(call.status))

    @property
    def state(self) -> EngineState:
        """The account's."""
        return self.live_account.account.state

    def live(self, script: Iterable[tuple[Any, ...]], *, delivered: bool = False) -> "Rig":
        """Start, let what is drawn happen, ``delivered`` at once or in the end, and end."""
        try:
            self._loop.run_until_complete(self._process.start(self._live(script, delivered=delivered)))
        finally:
            self._process.kill()
            self._loop.run_until_complete(self._loop.create_task(asyncio.sleep(1), context=WORLD))
            self._loop.close()
        return self

    async def _live(self, script: Iterable[tuple[Any, ...]], *, delivered: bool) -> None:
        await self.live_account.start(OneBar())
        self.live_account.monitor.set(
            Cause.MARKET_DATA, ok=True, reason="there"
        )  # it was not there yet, which needs no person
        self.live_account.take_inbox()
        self._turns.clear()
        for what, *details in script:
            getattr(self, "_" + what.replace(" ", "_"))(*details)
            for _ in range(3):  # what a thread has found out reaches the account
                await asyncio.sleep(0)
            if delivered:
                self._deliver()
        self._deliver()

    def _deliver(self) -> None:
        """Let the engine take what has come in, as its loop does."""
        self.live_account.take_inbox()
        self.expected.deliver()
        self._check()
        self.standings.append(self.state.account_state)

    # --- what is drawn ------------------------------------------------------------------------------------------------

    def _request_ended(self, ok: bool) -> None:
        """Whoever made it."""
        self.answered += ok and self.expected.is_open
        self.expected.request(ok)
        self.breaker.note(ok, "drawn")
        assert self.breaker.is_closed is not self.expected.is_open

    def _request(self, ok: bool) -> None:
        self._request_ended(ok)

    def _question(self, ok: bool) -> None:
        """One that asks first whether it may go; all go while the breaker is closed."""
        wait_s = self.breaker.wait_s()
        assert not wait_s or self.expected.is_open
        if not wait_s:
            self._request(ok)

    def _time(self, seconds: float) -> None:
        self._slept_s += seconds
        self.live_account.account.take(Heartbeat(self.clock.now_ns()))

    def _market_data(self, ok: bool) -> None:
        self.expected.stands(Cause.MARKET_DATA, ok=ok)
        self.live_account.monitor.set(Cause.MARKET_DATA, ok=ok, reason="drawn")

    def _command(self, command: Resume | Halt) -> None:
        self.expected.command(command)
        self.live_account.account.inbox.append(self._asked(command))

    def _asked(self, command: Resume | Halt | PlaceOrder) -> Request:
        return Request(self.clock.now_ns(), f"c{self.state.sequence}", "cli:alice", command)

    def _order(self) -> None:
        """A person orders something new: it is released only where risk may be taken."""
        may, before = self.state.account_state.takes_risk, len(self._turns)
        signal = Signal(MANUAL, "ABC", Action.BUY, Side.BUY, Quantity(Decimal(1)))
        self.live_account.account.take(self._asked(PlaceOrder(signal)))
        sent = [effect for turn in self._turns[before:] for effect in turn.effects if isinstance(effect, SubmitOrder)]
        assert may or not sent
        self.sent += len(sent)

    # --- what must hold -----------------------------------------------------------------------------------------------

    def _check(self) -> None:
        self.expected.check(self.state.account_state)
        for turn in self._turns:
            self._check_turn(turn)
        self._turns.clear()

    def _check_turn(self, turn: Turn) -> None:
        """Nothing but what the policy names takes the account out of PRESERVATION, and it says so in the same turn."""
        bodies = [record.body for record in turn.records]
        by_person = any(isinstance(body, Resume | Halt) for body in bodies)
        restored = [body.cause for body in bodies if isinstance(body, Restored) and not by_person]
        assert not (restored and self.manual)
        self.restored += restored.count(Cause.REQUESTS)
        assert self.restored <= self.answered  # no time and nothing else restores what no answer has
        for body in bodies:
            if isinstance(body, AccountStateChanged):
                self.preserved += body.new is AccountState.PRESERVATION
                assert body.old is not AccountState.PRESERVATION or by_person or restored


@settings(max_examples=examples())
@given(st.integers(1, 4), st.booleans(), SCRIPTS)
def test_preservation_is_entered_at_the_threshold_and_left_by_policy(
    threshold: int, manual: bool, script: list[tuple[Any, ...]]
) -> None:
    """Whenever all was delivered: in it while too many have failed in a row; with ``manual`` until a person's resume."""
    Rig(threshold, manual).live(script)


@pytest.mark.parametrize(("manual", "after_an_answer"), [(True, AccountState.PRESERVATION), (False, AccountState.IDLE)])
def test_the_rig_does_something(manual: bool, after_an_answer: AccountState) -> None:
    """One failure fewer leaves the account alone, the last one doesn't; a day changes nothing, an answer by policy, a resume all."""
    story = (
        [("request", False)] * 3 + [("time", LATER_S[-1])] * 2 + [("request", True), ("command", Resume()), ("order",)]
    )
    rig = Rig(3, manual).live(story, delivered=True)
    idle, preserved = AccountState.IDLE, AccountState.PRESERVATION
    assert rig.standings[:7] == [idle, idle, preserved, preserved, preserved, after_an_answer, idle]
    assert (rig.answered, rig.restored, rig.preserved, rig.sent) == (1, 0 if manual else 1, 1, 1)
