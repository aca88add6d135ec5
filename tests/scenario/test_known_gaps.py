"""Books that are known to be wrong: no more goes out than both they and the broker have, and a flatten goes by the broker."""

from collections import deque
from decimal import Decimal
from typing import Any

import pytest

from holdfast.brokers.port import MOVED_ON
from holdfast.core import lifecycle, snapshot
from holdfast.core.exits import Exits
from holdfast.core.findings import Comparison
from holdfast.core.messages import (
    Action,
    Flatten,
    Flattened,
    Heartbeat,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderNotSent,
    OrderPrepared,
    OrderTerms,
    OrderUnknown,
    PlaceOrder,
    Report,
    RiskRefused,
    Signal,
    SubmitOrder,
)
from holdfast.core.protection.records import PositionLeft
from holdfast.core.state import apply
from holdfast.core.types import MINUTE_NS, OrderType, Quantity, Side, StrategyId
from holdfast.runtime.gate import Gate
from tests.property.test_risk_interleaved import Silent
from tests.scenario.account import Account, bar, new_state, price

pytestmark = pytest.mark.proves("I6")


class Books:
    """An account whose broker says only what the test says; ``ABC`` and ``XYZ`` trade at 100."""

    def __init__(self) -> None:
        self.account = Account(exchange=Silent()).run(bar(1, 100), bar(1, 100, symbol="XYZ"))

    def tell(self, body: Any) -> None:
        self.account.take(Report(self.account.state.now_ns, body))

    def last(self) -> OrderTerms:
        """The order made last."""
        terms: OrderTerms = self.account.of(OrderPrepared)[-1].terms
        return terms

    def fill(self, terms: OrderTerms) -> None:
        key = terms.client_order_id
        name = f"x{self.account.state.sequence}"
        self.tell(OrderFilled(key, name, terms.symbol, terms.side, terms.quantity, price(100)))

    def order(self, strategy: str, side: Side, quantity: int, **terms: Any) -> OrderTerms:
        """Order something by hand for a strategy; it works."""
        action = Action.BUY if side is Side.BUY else Action.SELL
        self.place(strategy, action, quantity, **terms)
        made = self.last()
        self.tell(OrderAccepted(made.client_order_id, f"b{made.client_order_id}"))
        return made

    def place(self, strategy: str, action: Action, quantity: int, **terms: Any) -> None:
        """Let a strategy ask for something."""
        side = Side.BUY if action is Action.BUY else Side.SELL
        signal = Signal(StrategyId(strategy), "ABC", action, side, Quantity(Decimal(quantity)), **terms)
        self.account.ask(PlaceOrder(signal), f"c{self.account.state.sequence}")

    def hold(self, strategy: str, quantity: int, **terms: Any) -> None:
        """A strategy holds so much; what protects it works."""
        self.fill(self.order(strategy, Side.BUY if quantity > 0 else Side.SELL, abs(quantity), **terms))
        for key, order in list(self.account.state.orders.live.items()):
            if not order.broker_order_id:
                self.tell(OrderAccepted(key, f"b{key}"))

    def found(self, there: int, *, accept: bool = False) -> None:
        """The books are compared with a broker that has so much."""
        state = self.account.state
        rows = (("ABC", Quantity(Decimal(there)), price(100)),) if there else ()
        self.account.take(Comparison(state.now_ns, state.portfolio.cash, rows, accept=accept))

    def confirm(self) -> None:
        """Every cancel that was asked for takes hold."""
        for key, order in list(self.account.state.orders.live.items()):
            if order.cancel_released_ns:
                self.tell(OrderCanceled(key))

    def at_work(self) -> list[tuple[str, str, int]]:
        """What works, or is on its way, and isn't being canceled."""
        live = self.account.state.orders.live.values()
        return [
            (order.terms.role.value, order.terms.side.value, int(order.remaining))
            for order in live
            if not order.cancel_released_ns
        ]


@pytest.mark.parametrize(("there", "sold"), [(10, 10), (4, 4), (0, 0), (-3, 0), (25, 10)])
def test_a_close_sells_what_both_have(there: int, sold: int) -> None:
    """Ten in the books; the broker has as many, fewer, none, is short, or has more."""
    books = Books()
    books.hold("s0", 10)
    books.found(there)
    books.place("s0", Action.SELL, 10)
    assert books.at_work() == ([("entry", "sell", sold)] if sold else [])
    if sold < 10:
        (refusal,) = books.account.of(RiskRefused)
        assert (refusal.rule, refusal.quantity) == ("books", 10 - sold)


@pytest.mark.parametrize(("there", "bought"), [(-10, 10), (-4, 4), (0, 0), (3, 0)])
def test_a_short_position_is_bought_back_as_far_as_both_have_it(there: int, bought: int) -> None:
    """The other side is the same."""
    books = Books()
    books.hold("s0", -10)
    books.found(there)
    books.place("s0", Action.BUY, 10)
    assert books.at_work() == ([("entry", "buy", bought)] if bought else [])


@pytest.mark.parametrize(("there", "stop"), [(10, 10), (4, 4), (0, 0), (-3, 0), (25, 10)])
def test_a_stop_that_is_too_large_is_canceled_at_once(there: int, stop: int) -> None:
    """It would sell what the broker does not have; what it has is protected."""
    books = Books()
    books.hold("s0", 10, stop_loss=price(90))
    books.found(there)
    books.confirm()
    assert books.at_work() == ([("stop_loss", "sell", stop)] if stop else [])
    books.found(10)
    books.confirm()
    assert sum(quantity for _, _, quantity in books.at_work()) == 10  # the books were right after all


def test_stops_of_two_strategies_are_cut_to_what_is_there() -> None:
    """Ten and ten in the books and twelve at the broker: the older guard is whole, the younger has two."""
    books = Books()
    books.hold("s0", 10, stop_loss=price(90))
    books.hold("s1", 10, stop_loss=price(80))
    books.found(12)
    books.confirm()
    assert books.at_work() == [("stop_loss", "sell", 10), ("stop_loss", "sell", 2)]


@pytest.mark.parametrize(
    ("there", "left"), [(4, []), (7, [("entry", "sell", 7)]), (12, [("entry", "sell", 7), ("entry", "sell", 5)])]
)
def test_resting_ways_out_that_are_too_many_are_canceled(there: int, left: list[tuple[str, str, int]]) -> None:
    """Two limits for all that the books have: the newest goes first, and a part of one is not kept."""
    books = Books()
    books.hold("s0", 12)
    for quantity in (7, 5):
        books.order("s0", Side.SELL, quantity, limit_price=price(120), order_type=OrderType.LIMIT)
    books.found(there)
    assert books.at_work() == left


def test_nothing_new_is_taken_in_a_symbol_that_differs_and_others_trade_on() -> None:
    """The account itself may still take risk, as while an execution of somebody else is about to be booked."""
    books = Books()
    books.hold("s0", 10)
    books.found(15)
    books.place("s1", Action.BUY, 1)
    assert [refusal.rule for refusal in books.account.of(RiskRefused)] == ["books"]
    books.account.place(Action.BUY, 1, symbol="XYZ")
    assert books.at_work() == [("entry", "buy", 1)]


FLATTENS = [
    # ledgers, at the broker: what the flatten orders, who is left in the books
    ({"s0": 10}, 10, [("s0", "sell", 10)], []),
    ({"s0": 10}, 0, [], ["s0:ABC"]),
    ({"s0": 10}, 4, [("s0", "sell", 4)], ["s0:ABC"]),
    ({"s0": 10}, 15, [("s0", "sell", 10), ("external", "sell", 5)], []),
    ({"s0": 10}, -3, [("external", "buy", 3)], ["s0:ABC"]),
    ({}, -10, [("external", "buy", 10)], []),
    ({"s0": -10}, -4, [("s0", "buy", 4)], ["s0:ABC"]),
    ({"s0": 10, "s1": -4}, 2, [("s0", "sell", 2)], ["s0:ABC", "s1:ABC"]),
    ({"s0": 3, "s1": 7}, 8, [("s0", "sell", 3), ("s1", "sell", 5)], ["s1:ABC"]),
]


@pytest.mark.parametrize(("ledgers", "there", "ordered", "left"), FLATTENS)
def test_a_flatten_closes_what_the_broker_has(
    ledgers: dict[str, int], there: int, ordered: list[tuple[str, str, int]], left: list[str]
) -> None:
    """Not what the books say: afterwards the broker has nothing, and what the books have beyond that is named."""
    books = Books()
    for strategy, quantity in ledgers.items():
        books.hold(strategy, quantity)
    books.found(there)
    before = len(books.account.of(OrderPrepared))
    books.account.ask(Flatten(), "f")
    made = [body.terms for body in books.account.of(OrderPrepared)[before:]]
    assert [(terms.strategy, terms.side.value, int(terms.quantity)) for terms in made] == ordered
    moved = sum(int(terms.quantity) * terms.side.sign for terms in made)
    assert there + moved == 0
    for terms in made:
        books.fill(terms)
    assert len(books.account.of(OrderPrepared)) == before + len(made)
    (flattened,) = books.account.of(Flattened)
    assert set(left) <= set(flattened.left)


def test_a_position_whose_time_is_up_is_closed_as_far_as_it_is_there() -> None:
    """The engine's own close keeps to it too; none there is left to a person."""
    for there, sold in ((4, 4), (0, 0)):
        books = Books()
        books.hold("s0", 10, exits=Exits(hold_ns=MINUTE_NS))
        books.found(there)
        books.account.run(Heartbeat(books.account.state.now_ns + 2 * MINUTE_NS))
        assert books.at_work() == ([("entry", "sell", sold)] if sold else [])
        assert len(books.account.of(PositionLeft)) == (0 if sold else 1)


def test_an_exit_that_waits_to_leave_when_the_difference_is_found_never_leaves() -> None:
    """It was right when it was made, and waits for the rate limit."""
    books = Books()
    books.hold("s0", 10)
    books.place("s0", Action.SELL, 10)
    effect = next(effect for effect in reversed(books.account.turns[-1].effects) if isinstance(effect, SubmitOrder))
    gate = Gate(books.account.state, Any, deque(), lambda: True)  # type: ignore[arg-type]
    assert gate.reason_to_keep(effect) is None
    books.found(0)
    assert "no more leaves" in (gate.reason_to_keep(effect) or "")


def test_an_order_that_is_asked_for_or_is_over_leaves_no_more() -> None:
    """An adapter that broke may still try to send it, and what proves its absence by then says nothing of that try."""
    books = Books()
    books.place("s0", Action.BUY, 10)
    effect = next(effect for effect in books.account.turns[-1].effects if isinstance(effect, SubmitOrder))
    key = effect.terms.client_order_id
    gate = Gate(books.account.state, Any, deque(), lambda: True)  # type: ignore[arg-type]
    assert gate.reason_to_keep(effect) is None
    for report in (OrderUnknown(key, "it broke"), OrderNotSent(key, "not there")):
        books.tell(report)
        assert gate.reason_to_keep(effect) == MOVED_ON
        late = Gate(books.account.state, Any, deque(), lambda: False)  # type: ignore[arg-type]
        assert late.reason_to_keep(effect) == MOVED_ON  # without the lease too: it says nothing of the order


def test_an_earlier_try_leaves_no_more_when_the_order_is_sent_again() -> None:
    """The same order, released a second time: what keeps back the first try says nothing of the second, which may be at the broker."""
    books = Books()
    books.place("s0", Action.BUY, 10)
    first = next(effect for effect in books.account.turns[-1].effects if isinstance(effect, SubmitOrder))
    key, state = first.terms.client_order_id, books.account.state
    books.tell(OrderUnknown(key, "it broke"))
    (second,) = lifecycle.resend(state, state.orders.live[key]).effects
    gate = Gate(state, Any, deque(), lambda: True)  # type: ignore[arg-type]
    assert isinstance(second, SubmitOrder)
    assert (first.attempt, second.attempt) == (1, 2)
    assert gate.reason_to_keep(second) is None
    assert gate.reason_to_keep(first) == MOVED_ON


def test_a_person_who_accepts_what_the_broker_has_ends_it() -> None:
    """Then the books are the broker's, and what there is may go out."""
    books = Books()
    books.hold("s0", 10)
    books.found(4)
    assert books.account.state.gaps == {"ABC": -6}
    books.found(4, accept=True)
    assert books.account.state.gaps == {}
    assert books.account.state.portfolio.quantity("ABC") == 4
    books.place("s0", Action.SELL, 4)
    assert books.at_work() == [("entry", "sell", 4)]


def test_what_is_known_to_differ_outlives_a_restart() -> None:
    """In the records and in the snapshot."""
    books = Books()
    books.hold("s0", 10)
    books.found(4)
    state = books.account.state
    copy, again = new_state(state.limits), new_state(state.limits)
    snapshot.restore(copy, snapshot.take(state))
    for record in books.account.records:
        apply(again, record)
    assert copy.gaps == again.gaps == {"ABC": -6}
