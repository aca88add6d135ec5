"""Failed requests in a row put the account into PRESERVATION, and only what the policy names takes it out.

The breaker, the monitor and the engine are the real ones, put together as `LiveDesk` does; the clock and the answers are drawn.
"""

from collections import deque
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.connections.breaker import FIRST_BACK_OFF_S, Breaker
from holdfast.core.messages import Action, Halt, Health, Heartbeat, Request, Resume, SubmitOrder
from holdfast.core.milestones import AccountStateChanged, Restored
from holdfast.core.session.account import AccountState
from holdfast.core.turn import Turn
from holdfast.core.types import SECOND_NS
from holdfast.runtime.live.health import Cause, Monitor
from tests.scenario.desk import START_NS, Desk, Scripted, bar

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


class Rig:
    """An account whose requests, clock and people are drawn. What is told waits until it is delivered, as in a live engine's inbox."""

    def __init__(self, threshold: int, manual: bool) -> None:
        self.desk = Desk(Scripted({}))
        self.desk.run(bar(1, 100.0))
        self.expected = Expected(threshold, manual)
        self.monitor = Monitor(self._on_health, lambda: self.now_ns, manual=manual)
        self.breaker = Breaker(threshold, self._on_breaker, lambda: (self.now_ns - START_NS) / SECOND_NS)
        self.now_ns = self.desk.state.now_ns
        self.answered = self.restored = self.preserved = 0
        self._inbox: deque[Health | Request] = deque()
        self._seen = len(self.desk.turns)

    # --- as LiveDesk wires them -------------------------------------------------------------------------------------

    def _on_breaker(self, is_closed: bool, reason: str) -> None:
        self.monitor.set(Cause.REQUESTS, ok=is_closed, reason=reason)

    def _on_health(self, health: Health) -> None:
        self._inbox.append(health)

    def deliver(self) -> None:
        """Let the engine take what has come in; a resume brings with it what is missing still."""
        while self._inbox:
            event = self._inbox.popleft()
            if isinstance(event, Health):
                self.desk.take_health(event)
                continue
            self.desk.take(event)
            if isinstance(event.body, Resume):
                self.monitor.tell_again()
        self.expected.deliver()
        self._check()

    # --- what is drawn ------------------------------------------------------------------------------------------------

    def do(self, what: str, *details: Any) -> None:
        """Let one thing happen."""
        getattr(self, "_" + what.replace(" ", "_"))(*details)

    def _request(self, ok: bool) -> None:
        self.answered += ok and self.expected.is_open
        self.expected.request(ok)
        self.breaker.note(ok, "drawn")
        assert self.breaker.is_closed is not self.expected.is_open

    def _question(self, ok: bool) -> None:
        """One that asks first whether it may go; all go while the breaker is closed."""
        wait_s = self.breaker.wait_s()
        assert not wait_s or self.expected.is_open
        if not wait_s:
            self._request(ok)

    def _time(self, seconds: float) -> None:
        self.now_ns += int(seconds * SECOND_NS)
        self.desk.run(Heartbeat(self.now_ns))

    def _market_data(self, ok: bool) -> None:
        self.expected.stands(Cause.MARKET_DATA, ok=ok)
        self.monitor.set(Cause.MARKET_DATA, ok=ok, reason="drawn")

    def _command(self, command: Resume | Halt) -> None:
        self.expected.command(command)
        self._inbox.append(Request(self.now_ns, f"c{self.desk.state.sequence}", "cli:alice", command))

    def _order(self) -> None:
        """A person orders something new: it leaves only where risk may be taken."""
        may = self.desk.state.account_state.takes_risk
        before = len(self.desk.turns)
        self.desk.place(Action.BUY, 1)
        sent = [effect for turn in self.desk.turns[before:] for effect in turn.effects]
        assert may or not any(isinstance(effect, SubmitOrder) for effect in sent)

    def _deliver(self) -> None:
        self.deliver()

    # --- what must hold -----------------------------------------------------------------------------------------------

    def _check(self) -> None:
        self.expected.check(self.desk.state.account_state)
        for turn in self.desk.turns[self._seen :]:
            self._check_turn(turn)
        self._seen = len(self.desk.turns)

    def _check_turn(self, turn: Turn) -> None:
        """Nothing but what the policy names takes the account out of PRESERVATION, and it says so in the same turn."""
        bodies = [record.body for record in turn.records]
        by_person = any(isinstance(body, Resume | Halt) for body in bodies)
        restored = [body.cause for body in bodies if isinstance(body, Restored) and not by_person]
        assert not (restored and self.monitor.manual)
        self.restored += restored.count(Cause.REQUESTS)
        assert self.restored <= self.answered  # no time and nothing else restores what no answer has
        for body in bodies:
            if isinstance(body, AccountStateChanged):
                self.preserved += body.new is AccountState.PRESERVATION
                assert body.old is not AccountState.PRESERVATION or by_person or restored


@pytest.mark.slow
@settings(max_examples=2500, deadline=None)
@given(st.integers(1, 4), st.booleans(), SCRIPTS)
def test_preservation_is_entered_at_the_threshold_and_left_by_policy(
    threshold: int, manual: bool, script: list[tuple[Any, ...]]
) -> None:
    """Whenever all was delivered: in it while too many have failed in a row; with ``manual`` until a person's resume."""
    rig = Rig(threshold, manual)
    for what, *details in script:
        rig.do(what, *details)
    rig.deliver()


@pytest.mark.parametrize(("manual", "after_an_answer"), [(True, AccountState.PRESERVATION), (False, AccountState.IDLE)])
def test_the_rig_does_something(manual: bool, after_an_answer: AccountState) -> None:
    """One failure fewer leaves the account alone, the last one doesn't; a day changes nothing, an answer by policy, a resume all."""
    rig, standings = Rig(3, manual), []
    story = [("request", False)] * 3 + [("time", LATER_S[-1])] * 2 + [("request", True), ("command", Resume())]
    for what, detail in story:
        rig.do(what, detail)
        rig.deliver()
        standings.append(rig.desk.state.account_state)
    idle, preserved = AccountState.IDLE, AccountState.PRESERVATION
    assert standings == [idle, idle, preserved, preserved, preserved, after_an_answer, idle]
    assert (rig.answered, rig.restored, rig.preserved) == (1, 0 if manual else 1, 1)
