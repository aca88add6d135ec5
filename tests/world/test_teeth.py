"""Does the harness bite? Engines that are broken on purpose must be found out, each by the invariant it breaks."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from holdfast.brokers.capability import IdempotencyClass
from holdfast.brokers.known_orders import KnownOrders
from holdfast.brokers.outcome import RateLimited, Unknown
from holdfast.brokers.sender import OrderSender
from holdfast.core import drafts, exposure, views, waiting
from holdfast.core.engine import reports
from holdfast.core.engine.obligations import closing, differences
from holdfast.core.messages import OrderFilled, OrderNotSent, OrderUnknown, Report
from holdfast.core.orders.book import event_of, judge
from holdfast.core.orders.life import LIFE, Cell
from holdfast.core.orders.order import Order
from holdfast.core.protection import cover
from holdfast.core.protection.policy import Preservation
from holdfast.core.state import EngineState
from holdfast.core.types import ClientOrderId, Side
from holdfast.runtime.account import AccountAtWork
from holdfast.runtime.gate import Gate
from holdfast.runtime.live import linked, unresolved
from holdfast.runtime.live.live_account import LiveAccount
from holdfast.torture.exhaustive.cases import Case, Disorder, Script, run_case
from holdfast.torture.world.exchange import Exchange, TheirFill
from holdfast.torture.world.faults import Options, Rates, options_of
from holdfast.torture.world.run import run_seed
from holdfast.torture.world.wire import Fate
from tests.budget import by_tier

SEEDS = 40
"""A mutant that lives this long was not found."""
INTACT = by_tier(test=3, campaign=SEEDS)
"""In so many of the same worlds nothing is found of the engine as it is; test_world.py asks that of many."""


def worlds(rates: Rates, seeds: int = SEEDS) -> Iterable[Options]:
    """Worlds in which only these faults strike."""
    for seed in range(seeds):
        yield replace(options_of(seed), rates=rates, idempotency=IdempotencyClass.UNIQUE_ID)


def found_by(rates: Rates, seeds: int = SEEDS) -> set[str]:
    """The invariants that the first world to be violated names; nothing when none is."""
    for options in worlds(rates, seeds):
        violations = run_seed(options.seed, options).violations
        if violations:
            return {violation.invariant for violation in violations}
    return set()


def test_canary_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker whose cash is a cent off is noticed: if this passes, a world that reports nothing means something."""
    book: Callable[..., None] = Exchange._book

    def dear(self: Exchange, fill: TheirFill, sign: int) -> None:
        book(self, fill, sign)
        self.cash -= Decimal("0.01")

    assert not found_by(Rates(), INTACT)
    monkeypatch.setattr(Exchange, "_book", dear)
    assert "I6" in found_by(Rates())


@pytest.mark.proves("I1")
def test_sending_before_the_commit_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that doesn't wait for the disk."""
    monkeypatch.setattr(Gate, "is_due", lambda self, _watermark: bool(self.waiting))
    assert "I1" in found_by(Rates())


@pytest.mark.proves("I8", "A1")
def test_forgetting_at_a_timeout_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """An order without an answer that is taken for not sent; in a world, and in the shortest story there is of it."""
    tell: Callable[..., None] = LiveAccount._on_report

    def forget(self: LiveAccount, report: Report) -> None:
        body = report.body
        if isinstance(body, OrderUnknown):
            body = OrderNotSent(body.client_order_id, body.reason)
        tell(self, Report(report.time_ns, body))

    case = Case(Script.CANCEL, IdempotencyClass.UNIQUE_ID, Fate.REQUEST_LOST, Disorder.NONE, None)
    rates = Rates(request_lost=0.1, answer_lost=0.1, frame_lost=0.25)
    assert not found_by(rates, INTACT)
    assert not run_case(case).violations
    monkeypatch.setattr(LiveAccount, "_on_report", forget)
    assert "I8" in found_by(rates)
    assert {violation.invariant for violation in run_case(case).violations} == {"I8"}


@pytest.mark.proves("A1", "A3", "I2")
@pytest.mark.parametrize(
    ("script", "answer", "disorder"),
    [(Script.WHOLE, Fate.LATE, Disorder.NONE), (Script.CANCEL, Fate.GARBLED, Disorder.FIRST_LOST)],
)
def test_sending_again_what_may_have_been_taken_is_found(
    monkeypatch: pytest.MonkeyPatch, script: Script, answer: Fate, disorder: Disorder
) -> None:
    """A sender that takes no answer for not taken: where the broker takes an id twice, there are two orders.

    Nothing may tell of the first one meanwhile: the last check would keep the second back.
    """
    ask: Callable[..., Any] = OrderSender._try_to_send

    async def careless(self: OrderSender, effects: Any) -> Any:
        outcome = await ask(self, effects)
        return RateLimited(0.5, outcome.reason) if isinstance(outcome, Unknown) else outcome

    case = Case(script, IdempotencyClass.LABEL, answer, disorder, None)
    assert not run_case(case).violations
    monkeypatch.setattr(OrderSender, "_try_to_send", careless)
    assert "I2" in {violation.invariant for violation in run_case(case).violations}


@pytest.mark.proves("S2")
def test_forgetting_events_that_come_early_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender that drops what names an order before its answer does: asking has to bring what the stream had told."""
    case = Case(Script.WHOLE, IdempotencyClass.NOTHING, Fate.ANSWERED, Disorder.BEFORE_ANSWER, None)
    assert run_case(case).found == 0
    monkeypatch.setattr(KnownOrders, "keep_early", lambda _self, _event: None)
    assert run_case(case).found > 0


@pytest.mark.proves("I11", "I13")
def test_skipping_the_last_check_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender that doesn't ask again before an order leaves that has waited."""
    rates = Rates(throttled=0.25, command=0.25, freeze=0.25, takeover=0.33)
    assert not found_by(rates, INTACT)
    monkeypatch.setattr(OrderSender, "_check", lambda _self, _effects: None)
    assert found_by(rates) & {"I11", "I13"}


@pytest.mark.proves("I4", "S1")
def test_booking_executions_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A core that doesn't know an execution again."""

    def careless(order: Order, body: Any) -> Cell:
        known = isinstance(body, OrderFilled) and body.execution_id in order.execution_ids
        return LIFE[order.state][event_of(order, body)] if known else judge(order, body)

    case = Case(Script.WHOLE, IdempotencyClass.UNIQUE_ID, Fate.ANSWERED, Disorder.DOUBLED, None)
    rates = Rates(frame_doubled=0.25)
    assert not found_by(rates, INTACT)
    assert not run_case(case).violations
    monkeypatch.setattr(reports, "judge", careless)
    assert "I4" in found_by(rates)
    assert run_case(case).violations


@pytest.mark.proves("I11", "L2")
def test_sending_without_a_lease_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that doesn't ask whether the account is still ours."""
    asked: Callable[..., str | None] = Gate.reason_to_keep

    def trusting(self: Gate, effect: Any) -> str | None:
        self._may_send = lambda: True
        return asked(self, effect)

    rates = Rates(commit_slow=0.9, freeze=0.25, takeover=0.33)
    assert not found_by(rates, INTACT)
    monkeypatch.setattr(Gate, "reason_to_keep", trusting)
    assert "I11" in found_by(rates)


@pytest.mark.proves("I9", "C5")
def test_ties_broken_by_memory_address_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports of one moment taken in the order in which they lie in memory: the same seed has another end."""
    take: Callable[..., None] = AccountAtWork.take_inbox

    def shuffled(self: AccountAtWork[Any]) -> None:
        events = sorted(self.inbox, key=id)
        self.inbox.clear()
        self.inbox.extend(events)
        take(self)

    def differs(seeds: int = SEEDS) -> bool:
        held = []
        for options in worlds(Rates(freeze=0.25, suspend=0.25), seeds):
            first = run_seed(options.seed, options)
            held.append(
                [Report(number, OrderUnknown(ClientOrderId(""), "")) for number in range(1_000)][::3]
            )  # other holes in memory
            if first.digest != run_seed(options.seed, options).digest:
                return True
        return False

    assert not differs(INTACT)
    monkeypatch.setattr(AccountAtWork, "take_inbox", shuffled)
    assert differs()


def aiming(rates: Rates, seeds: int = SEEDS, **changes: Any) -> set[str]:
    """As `found_by`, in worlds with a strategy that states positions."""
    for options in worlds(rates, seeds):
        violations = run_seed(options.seed, replace(options, aims=True, **changes)).violations
        if violations:
            return {violation.invariant for violation in violations}
    return set()


@pytest.mark.proves("I17")
def test_taking_an_exit_on_its_way_for_done_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A core that goes by the position once everything open has filled: what may not fill is bought again."""
    rates = Rates(answer_lost=0.25, frame_lost=0.25)
    assert not aiming(rates, INTACT, is_strict=False)
    monkeypatch.setattr(drafts, "contrary", lambda _state, _signal: None)
    assert "I17" in aiming(rates, is_strict=False)


@pytest.mark.proves("I8", "A3")
def test_one_of_a_pair_taken_for_not_sent_though_the_other_is_there_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A runtime that asks for each of two orders that went as one, and never for both."""
    rates = Rates(late=0.25, lag=0.25, frame_lost=0.25)
    assert not aiming(rates, INTACT, is_strict=False)
    for module in (linked, unresolved):
        monkeypatch.setattr(module, "sent_with", lambda _around, _order: None)
    assert "I8" in aiming(rates, is_strict=False)


@pytest.mark.proves("I17")
def test_closing_beside_a_stop_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A core that sends a close without waiting for the end of what would close the same."""
    monkeypatch.setattr(drafts, "obstacle", lambda _state, _terms: None)
    assert "I17" in aiming(Rates(), is_strict=False)


@pytest.mark.proves("I18")
def test_trusting_books_that_are_known_to_be_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A core that knows what the broker has and goes by its own books all the same."""
    rates = Rates(moved=0.25)
    assert not aiming(rates, INTACT, preservation=Preservation.CLOSE_ALL)

    def by_the_books(state: EngineState, symbol: str, side: Side) -> Decimal:
        return max(Decimal(0), -state.portfolio.quantity(symbol) * side.sign)

    def worst_by_the_books(state: EngineState, symbol: str) -> tuple[Decimal, Decimal]:
        gap = state.gaps.pop(symbol, None)
        try:
            return worst_case(state, symbol)
        finally:
            if gap is not None:
                state.gaps[symbol] = gap

    worst_case = exposure.worst_case
    for module in (exposure, closing, differences, cover):
        monkeypatch.setattr(module, "held", by_the_books)
    for module in (exposure, closing, views):
        monkeypatch.setattr(module, "worst_case", worst_by_the_books)
    assert "I18" in aiming(rates, preservation=Preservation.CLOSE_ALL)


@pytest.mark.proves("I18")
def test_taking_exits_off_for_a_close_that_is_barred_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A core that doesn't know what its broker refuses."""
    rates = Rates(rests=0.25)
    assert not aiming(rates, INTACT, is_strict=True)
    monkeypatch.setattr(waiting, "blockers", lambda _state, _terms: iter(()))
    assert "I18" in aiming(rates, is_strict=True)
