"""Does the harness bite? Engines that are broken on purpose must be found out, each by the invariant it breaks."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from holdfast.brokers.capability import IdempotencyClass
from holdfast.core.engine import reports
from holdfast.core.messages import OrderFilled, OrderNotSent, OrderUnknown, Report
from holdfast.core.orders.book import event_of, judge
from holdfast.core.orders.life import LIFE, Cell
from holdfast.core.orders.order import Order
from holdfast.core.types import ClientOrderId
from holdfast.runtime.account import AccountAtWork
from holdfast.runtime.gate import Gate
from holdfast.runtime.live.desk import LiveDesk
from holdfast.torture.exhaustive.cases import Case, Disorder, Script, run_case
from holdfast.torture.world.exchange import Exchange, TheirFill
from holdfast.torture.world.faults import Options, Rates, options_of
from holdfast.torture.world.run import run_seed
from holdfast.torture.world.wire import Fate

SEEDS = 40
"""A mutant that lives this long was not found."""


def worlds(rates: Rates) -> Iterable[Options]:
    """Worlds in which only these faults strike."""
    for seed in range(SEEDS):
        yield replace(options_of(seed), rates=rates, idempotency=IdempotencyClass.UNIQUE_ID)


def found_by(rates: Rates) -> set[str]:
    """The invariants that the first world to be violated names; nothing when none is."""
    for options in worlds(rates):
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

    assert not found_by(Rates())
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
    tell: Callable[..., None] = LiveDesk._on_report

    def forget(self: LiveDesk, report: Report) -> None:
        body = report.body
        if isinstance(body, OrderUnknown):
            body = OrderNotSent(body.client_order_id, body.reason)
        tell(self, Report(report.time_ns, body))

    case = Case(Script.CANCEL, IdempotencyClass.UNIQUE_ID, Fate.REQUEST_LOST, Disorder.NONE, None)
    rates = Rates(request_lost=0.1, answer_lost=0.1, frame_lost=0.25)
    assert not found_by(rates)
    assert not run_case(case).violations
    monkeypatch.setattr(LiveDesk, "_on_report", forget)
    assert "I8" in found_by(rates)
    assert {violation.invariant for violation in run_case(case).violations} == {"I8"}


@pytest.mark.proves("I4", "S1")
def test_booking_executions_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A core that doesn't know an execution again."""

    def careless(order: Order, body: Any) -> Cell:
        known = isinstance(body, OrderFilled) and body.execution_id in order.execution_ids
        return LIFE[order.state][event_of(order, body)] if known else judge(order, body)

    case = Case(Script.WHOLE, IdempotencyClass.UNIQUE_ID, Fate.ANSWERED, Disorder.DOUBLED, None)
    rates = Rates(frame_doubled=0.25)
    assert not found_by(rates)
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
    assert not found_by(rates)
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

    def differs() -> bool:
        held = []
        for options in worlds(Rates(freeze=0.25, suspend=0.25)):
            first = run_seed(options.seed, options)
            held.append(
                [Report(number, OrderUnknown(ClientOrderId(""), "")) for number in range(1_000)][::3]
            )  # other holes in memory
            if first.digest != run_seed(options.seed, options).digest:
                return True
        return False

    assert not differs()
    monkeypatch.setattr(AccountAtWork, "take_inbox", shuffled)
    assert differs()
