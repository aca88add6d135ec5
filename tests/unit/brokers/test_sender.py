"""The sender that every live adapter shares, at a broker whose answers are scripted, in virtual time."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from holdfast.brokers.capability import Capability, IdempotencyClass
from holdfast.brokers.known_orders import KnownOrders
from holdfast.brokers.outcome import (
    Accepted,
    CancelOutcome,
    CancelRequested,
    Outcome,
    RateLimited,
    Rejected,
    Unauthorized,
    Unknown,
)
from holdfast.brokers.port import MOVED_ON, AtBroker, BrokerOrder, Unavailable
from holdfast.brokers.sender import HOLDS_WAIT_S, SENDS, OrderSender
from holdfast.brokers.transport import Check, OrderEvent
from holdfast.core.codec import external_order_id
from holdfast.core.messages import (
    CancelOrder,
    CancelRefused,
    OrderAccepted,
    OrderFilled,
    OrderNotSent,
    OrderRejected,
    OrderTerms,
    OrderUnknown,
    Report,
    SubmitOrder,
)
from holdfast.core.types import ClientOrderId, OrderRole, Price, Quantity, Side, StrategyId
from holdfast.torture.world.broker import capability
from holdfast.torture.world.loop import VirtualLoop

KEY = ClientOrderId("h00000100010000001")
TERMS = OrderTerms(KEY, StrategyId("s"), "IBM", Side.BUY, Quantity(Decimal(5)))
STOP = replace(
    TERMS,
    client_order_id=ClientOrderId("h00000100010000002"),
    side=Side.SELL,
    stop_price=Price(Decimal(90)),
    role=OrderRole.STOP_LOSS,
    oco_group="g",
)
TARGET = replace(
    STOP,
    client_order_id=ClientOrderId("h00000100010000003"),
    stop_price=None,
    limit_price=Price(Decimal(110)),
    role=OrderRole.TAKE_PROFIT,
)
FILL = OrderFilled(
    ClientOrderId(""), "b1:5", "IBM", Side.BUY, TERMS.quantity, Price(Decimal(100)), broker_order_id="b1"
)
FILLED = OrderEvent("b1", "", "IBM", Side.BUY, TERMS.quantity, TERMS.quantity, 7, is_over=True, reports=(FILL,))
SHOWN = BrokerOrder(KEY, "b1", "IBM", Side.BUY, TERMS.quantity, Quantity(Decimal(0)), AtBroker.WORKING, 1, 1)
NOT_TAKEN = RateLimited(1.0, "slow down")
A_LIKE_ALPACA = capability(IdempotencyClass.UNIQUE_ID)
WITHOUT_IDS = capability(IdempotencyClass.NOTHING)

Answer = Outcome | BaseException
Ask = Callable[["Ends"], Coroutine[Any, Any, None]]


class Scripted:
    """A transport whose answers are given; the last of a kind is given again and again. ``slow_s`` is how long each takes."""

    def __init__(self) -> None:
        self.answers: list[Answer] = [Accepted("b1")]
        self.cancel_answers: list[CancelOutcome | BaseException] = [CancelRequested()]
        self.shown: BrokerOrder | BaseException | None = None
        self.slow_s = 0.0
        self.sent: list[tuple[ClientOrderId, ...]] = []
        self.canceled: list[str] = []

    async def send(self, orders: Sequence[SubmitOrder], check: Check) -> Outcome:
        check()
        self.sent.append(tuple(order.terms.client_order_id for order in orders))
        outcome: Outcome = await self._next(self.answers)
        return outcome

    async def cancel(self, broker_order_id: str, check: Check) -> CancelOutcome:
        check()
        self.canceled.append(broker_order_id)
        outcome: CancelOutcome = await self._next(self.cancel_answers)
        return outcome

    async def find(self, terms: OrderTerms) -> BrokerOrder | None:
        del terms
        if isinstance(self.shown, BaseException):
            raise self.shown
        return self.shown

    async def _next(self, answers: list[Any]) -> Any:
        await asyncio.sleep(self.slow_s)
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Ends:
    """A sender at a scripted broker, and what it told."""

    def __init__(self, kind: Capability = A_LIKE_ALPACA) -> None:
        self.there = Scripted()
        self.reports: list[Report] = []
        self.unresolved: list[tuple[ClientOrderId, Quantity | None]] = []
        self.kept: str | None = None
        self.known = KnownOrders()
        self.sender = OrderSender(kind, self.there, self.known)
        self.loop = VirtualLoop()
        self.sender.open(
            self.reports.append,
            lambda _: self.kept,
            lambda key, filled: self.unresolved.append((key, filled)),
            lambda: 1,
        )

    def run(self, ask: Ask) -> list[type]:
        """Do something, and let all that is under way come to its end; the reports' types."""

        async def all_of_it() -> None:
            await ask(self)
            await self.sender.drain()

        try:
            self.loop.run_until_complete(all_of_it())
        finally:
            self.loop.close()
        return [type(report.body) for report in self.reports]

    def sends(self, *terms: OrderTerms) -> list[type]:
        """What becomes of orders that are sent now, together."""

        async def send(ends: Ends) -> None:
            for one in terms:
                ends.sender.submit(SubmitOrder(one, 1, raises_risk=True))

        return self.run(send)


def keys(ends: Ends) -> list[str]:
    """Whose the reports are."""
    return [report.body.client_order_id for report in ends.reports]


# --- orders -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Accepted("b1"), OrderAccepted),
        (Rejected("no"), OrderRejected),
        (Unauthorized("keys"), OrderRejected),
        (Unknown("no answer"), OrderUnknown),
        (KeyError("missing"), OrderUnknown),
        (SystemExit(3), OrderUnknown),
        (asyncio.CancelledError(), OrderUnknown),
    ],
    ids=repr,
)
@pytest.mark.proves("A1", "X4")
def test_what_may_have_been_taken_is_sent_once(answer: Answer, told: type) -> None:
    """One request and one report, also where the transport itself breaks: only what was definitely not taken goes again."""
    ends = Ends()
    ends.there.answers = [answer]
    assert ends.sends(TERMS) == [told]
    assert ends.there.sent == [(KEY,)]


@pytest.mark.proves("A6")
def test_what_was_not_taken_is_sent_again_under_its_id() -> None:
    """Until it is taken, each time after the wait that the broker asks for."""
    ends = Ends()
    ends.there.answers = [NOT_TAKEN, NOT_TAKEN, Accepted("b1")]
    assert ends.sends(TERMS) == [OrderAccepted]
    assert ends.there.sent == [(KEY,)] * 3
    assert ends.loop.time() > 2 * NOT_TAKEN.wait_s


@pytest.mark.proves("A1", "X4")
def test_a_try_that_the_books_have_moved_on_from_ends_in_silence() -> None:
    """Another try of the same order may be under way by then: that this one did not leave says nothing of it."""
    ends = Ends()
    ends.there.answers = [NOT_TAKEN, Accepted("b1")]

    async def overtaken(_: Ends) -> None:
        ends.sender.submit(SubmitOrder(TERMS, 1, raises_risk=True))
        await asyncio.sleep(NOT_TAKEN.wait_s / 2)
        ends.kept = MOVED_ON

    assert ends.run(overtaken) == []
    assert ends.there.sent == [(KEY,)]


def test_a_try_that_is_given_up_says_nothing_when_the_books_have_moved_on() -> None:
    """As one that is kept back: another try may be under way."""
    ends = Ends()
    ends.there.answers, ends.there.slow_s = [NOT_TAKEN], NOT_TAKEN.wait_s

    async def overtaken(_: Ends) -> None:
        ends.sender.submit(SubmitOrder(TERMS, 1, raises_risk=True))
        while len(ends.there.sent) < SENDS:
            await asyncio.sleep(NOT_TAKEN.wait_s / 2)
        ends.kept = MOVED_ON

    assert ends.run(overtaken) == []
    assert len(ends.there.sent) == SENDS


def test_an_entry_is_not_sent_for_ever_an_exit_is() -> None:
    """After so many times an entry ends as not sent; what protects a position goes on."""
    entry, exit_ = Ends(), Ends()
    entry.there.answers = [NOT_TAKEN]
    exit_.there.answers = [*[NOT_TAKEN] * (SENDS + 5), Accepted("b1")]
    assert entry.sends(TERMS) == [OrderNotSent]
    assert len(entry.there.sent) == SENDS
    assert exit_.sends(replace(STOP, oco_group=None)) == [OrderAccepted]


def test_the_last_check_is_asked_before_each_request() -> None:
    """What became of the account while an order waited to be sent again keeps it here."""
    ends = Ends()
    ends.there.answers = [NOT_TAKEN]

    async def halt_in_between(ends: Ends) -> None:
        ends.sender.submit(SubmitOrder(TERMS, 1, raises_risk=True))
        await asyncio.sleep(NOT_TAKEN.wait_s / 2)
        ends.kept = "the account is halted"

    assert ends.run(halt_in_between) == [OrderNotSent]
    assert ends.there.sent == [(KEY,)]


def test_nothing_leaves_once_the_engine_has_stopped() -> None:
    """An order that waits to be sent again is known not to have been sent: there is nothing to ask for."""
    ends = Ends()
    ends.there.answers = [NOT_TAKEN]

    async def stop_in_between(ends: Ends) -> None:
        ends.sender.submit(SubmitOrder(TERMS, 1, raises_risk=True))
        await asyncio.sleep(NOT_TAKEN.wait_s / 2)
        ends.sender.close()

    assert ends.run(stop_in_between) == [OrderNotSent]
    assert ends.there.sent == [(KEY,)]


def test_a_rejected_order_is_forgotten_only_where_nothing_but_terms_tells_it() -> None:
    """There an order just like it is another one; where an id tells, an event about it is still about it."""
    with_ids, without = Ends(), Ends(WITHOUT_IDS)
    for ends in (with_ids, without):
        ends.there.answers = [Rejected("no")]
        assert ends.sends(TERMS) == [OrderRejected]
    assert with_ids.known.terms(KEY) is TERMS
    assert without.known.terms(KEY) is None


# --- linked orders ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orders", [(STOP, TARGET), (TARGET, STOP)])
def test_a_linked_pair_goes_as_one_where_the_broker_takes_it_so(orders: tuple[OrderTerms, ...]) -> None:
    """The target and its stop in one request, whichever is handed over first; each is told under its own id."""
    ends = Ends()
    ends.there.answers = [Accepted("b1", ("b2",))]
    assert ends.sends(*orders) == [OrderAccepted, OrderAccepted]
    assert ends.there.sent == [(TARGET.client_order_id, STOP.client_order_id)]
    assert ends.known.broker_id(STOP.client_order_id) == "b2"


def test_a_pair_is_two_orders_elsewhere() -> None:
    """A broker that links orders by a group takes each by itself, at once."""
    ends = Ends(WITHOUT_IDS)
    ends.there.answers = [Accepted("b1"), Accepted("b2")]
    assert ends.sends(STOP, TARGET) == [OrderAccepted, OrderAccepted]
    assert ends.there.sent == [(STOP.client_order_id,), (TARGET.client_order_id,)]


def test_one_of_a_pair_alone_is_sent_alone_and_waited_for() -> None:
    """The other never comes: it goes after a moment, and a stop waits for its answer."""
    ends = Ends()
    assert ends.sends(STOP) == [OrderAccepted]
    assert ends.there.sent == [(STOP.client_order_id,)]


# --- events -----------------------------------------------------------------------------------------------------------


@pytest.mark.proves("S2")
def test_an_event_before_the_answer_is_kept_for_it() -> None:
    """It names an order that nobody knows yet; with the answer it is told, once, behind the acceptance."""
    ends = Ends(WITHOUT_IDS)
    ends.there.slow_s = 1.0

    async def fill_first(ends: Ends) -> None:
        ends.sender.submit(SubmitOrder(TERMS, 1, raises_risk=True))
        await asyncio.sleep(0.5)
        ends.sender.on_event(FILLED)
        assert not ends.reports

    assert ends.run(fill_first) == [OrderAccepted, OrderFilled]
    assert keys(ends) == [KEY, KEY]
    assert ends.reports[1].time_ns == FILLED.time_ns
    assert ends.unresolved == [(external_order_id("b1"), None), (KEY, TERMS.quantity)]


@pytest.mark.proves("S2")
def test_acceptance_is_told_once_whatever_shows_it_first() -> None:
    """An event that carries our id comes before the answer, and the answer after it says nothing new."""
    ends = Ends()
    ends.there.slow_s = 1.0

    async def event_first(ends: Ends) -> None:
        ends.sender.submit(SubmitOrder(TERMS, 1, raises_risk=True))
        await asyncio.sleep(0.5)
        ends.sender.on_event(replace(FILLED, client_order_id=KEY))

    assert ends.run(event_first) == [OrderAccepted, OrderFilled]


def test_another_order_under_our_id_is_not_taken_for_ours() -> None:
    """Its terms are other ones: both are asked for, and nothing is told of ours."""
    ends = Ends()
    ends.there.answers = [Unknown("no answer")]

    async def other_order(ends: Ends) -> None:
        ends.sender.submit(SubmitOrder(TERMS, 1, raises_risk=True))
        await ends.sender.drain()
        ends.sender.on_event(replace(FILLED, client_order_id=KEY, quantity=Quantity(Decimal(6))))

    assert ends.run(other_order) == [OrderUnknown]
    assert ends.unresolved == [(KEY, None), (external_order_id("b1"), None)]


# --- cancels ----------------------------------------------------------------------------------------------------------


def canceling(times: int = 1) -> Ask:
    """An order that is accepted, and so many cancels of it at once."""

    async def ask(ends: Ends) -> None:
        ends.sender.submit(SubmitOrder(TERMS, 1, raises_risk=True))
        await ends.sender.drain()
        for _ in range(times):
            ends.sender.cancel(CancelOrder(KEY, 1))

    return ask


@pytest.mark.parametrize(
    "fault", [Unknown("not found yet"), Unavailable("away"), KeyError("missing"), SystemExit(3)], ids=repr
)
def test_a_cancel_without_an_answer_is_sent_again(fault: Any) -> None:
    """Twice does no harm; also where the transport breaks."""
    ends = Ends()
    ends.there.cancel_answers = [fault, fault, CancelRequested()]
    assert ends.run(canceling()) == [OrderAccepted]
    assert ends.there.canceled == ["b1"] * 3
    assert ends.unresolved == []


def test_a_cancel_that_is_never_answered_leaves_the_order_unresolved() -> None:
    """After so many times the order is asked for."""
    ends = Ends()
    ends.there.cancel_answers = [Unknown("no answer")]
    ends.run(canceling())
    assert len(ends.there.canceled) == ends.sender.cancels
    assert ends.unresolved == [(KEY, None)]


def test_a_refused_cancel_is_told_and_the_order_asked_for() -> None:
    """It has filled, or ended already."""
    ends = Ends()
    ends.there.cancel_answers = [Rejected("it has filled")]
    assert ends.run(canceling()) == [OrderAccepted, CancelRefused]
    assert ends.there.canceled == ["b1"]
    assert ends.unresolved == [(KEY, None)]


def test_cancels_of_one_order_at_once_are_one() -> None:
    """Who asks while a cancel is under way has it already."""
    ends = Ends()
    ends.run(canceling(times=3))
    assert ends.there.canceled == ["b1"]


@pytest.mark.parametrize(("quantity", "canceled"), [(5, ["b1"]), (6, [])])
def test_an_order_without_a_known_id_is_found_before_it_is_canceled(quantity: int, canceled: list[str]) -> None:
    """By its terms; an order of somebody else under its id is left alone."""
    ends = Ends()
    ends.there.answers = [Unknown("no answer")]
    ends.there.shown = replace(SHOWN, quantity=Quantity(Decimal(quantity)))
    ends.run(canceling())
    assert ends.there.canceled == canceled


def test_what_never_left_has_nothing_to_cancel() -> None:
    """The last check kept it here."""
    ends = Ends()
    ends.kept = "not now"
    ends.run(canceling())
    assert (ends.there.canceled, ends.unresolved) == ([], [])


@pytest.mark.parametrize(("kind", "waits"), [(A_LIKE_ALPACA, True), (WITHOUT_IDS, False)])
def test_an_order_waits_for_what_an_exit_under_cancel_holds(kind: Capability, waits: bool) -> None:
    """Where the broker holds it; then until the exit's end is told, and no longer than a while."""
    ends = Ends(kind)
    ends.there.answers = [Accepted("b1"), Accepted("b2")]
    close = replace(TERMS, client_order_id=ClientOrderId("h00000100010000009"))

    async def close_after_cancel(ends: Ends) -> None:
        await canceling()(ends)
        began_s = ends.loop.time()
        ends.sender.submit(SubmitOrder(close, 1, raises_risk=False))
        await ends.sender.drain()
        assert (ends.loop.time() - began_s >= HOLDS_WAIT_S) is waits

    assert ends.run(close_after_cancel) == [OrderAccepted, OrderAccepted]
