"""A target holds in the worst case: however what is open fills, the position stays between zero, what is held and what is asked for.

The broker is the model of `test_protection.py`, which answers in any order; what may still happen is counted from its own orders.
"""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from holdfast.adapters.alpaca.trading.capability import ALPACA_RULES
from holdfast.core.broker_rules import ANY_ORDER, BrokerRules
from holdfast.core.messages import Action, OrderCanceled, OrderExpired, OrderTerms, PlaceOrder, Report, Signal
from holdfast.core.protection.records import OnFailure
from holdfast.core.types import ZERO, OrderRole, OrderType, Quantity, Side, StrategyId
from tests.budget import examples
from tests.property.test_protection import Model, Run, prices_of
from tests.scenario.account import price

S0 = StrategyId("s0")


def worst(model: Model) -> tuple[Decimal, Decimal]:
    """The lowest and the highest position that what is at the broker, or on its way there, can lead to. Of a linked pair one fills."""
    most: dict[tuple[str, Side], Decimal] = {}
    for key, order in model.orders.items():
        name = (order.terms.oco_group or key, order.terms.side)
        most[name] = max(most.get(name, ZERO), order.remaining)
    sold = sum((quantity for (_, side), quantity in most.items() if side is Side.SELL), ZERO)
    bought = sum((quantity for (_, side), quantity in most.items() if side is Side.BUY), ZERO)
    return model.held - sold, model.held + bought


class Strict(Model):
    """It checks each order as it comes in: against what was asked for last, and against what its holder may do at Alpaca."""

    asked = ZERO

    def submit(self, terms: OrderTerms, released_ns: int, now_ns: int) -> list[Report]:
        held = self.held * terms.side.sign
        if not self.account.state.rules.orders_cross_zero and held < 0 and terms.role is OrderRole.REGULAR:
            same = [order for order in self.orders.values() if order.terms.side is terms.side]
            assert terms.quantity + sum((order.remaining for order in same), ZERO) <= -held, "it would go through zero"
        before = worst(self)
        reports = super().submit(terms, released_ns, now_ns)
        low, high = worst(self)
        bounds = (ZERO, self.held, self.asked)
        assert low >= min(bounds) or low == before[0], (
            f"{low} is possible with {terms.side} {terms.quantity}, of {bounds}"
        )
        assert high <= max(bounds) or high == before[1], (
            f"{high} is possible with {terms.side} {terms.quantity}, of {bounds}"
        )
        return reports


class Aims(Run):
    """One strategy that states positions."""

    def __init__(self, rules: BrokerRules) -> None:
        super().__init__(OnFailure.ALERT, rules)
        strict = Strict()
        strict.account = self.account
        self.model = self.account.exchange = strict
        self.strict = strict

    def aim(self, position: int, kind: str = "none") -> None:
        """State a position; which orders come of it is the engine's affair."""
        action = Action.TARGET if position else Action.CLOSE
        exits = prices_of(kind, Side.BUY if position > 0 else Side.SELL) if position else {}
        self.strict.asked = Decimal(position)
        self._ask(PlaceOrder(Signal(S0, "ABC", action, None, Quantity(Decimal(position)), **exits)))

    def at_broker(self) -> list[tuple[Side, int]]:
        """What the broker has of it, or is being sent."""
        return [(order.terms.side, int(order.terms.quantity)) for order in self.model.orders.values()]


aims = st.tuples(st.just("aim"), st.sampled_from([-10, -4, 0, 0, 4, 10, 10]), st.sampled_from(["none", "stop", "pair"]))
long_aims = st.tuples(st.just("aim"), st.sampled_from([0, 0, 4, 10, 10]), st.sampled_from(["none", "stop", "pair"]))
answers = st.one_of(
    st.tuples(st.just("answer"), st.integers(0, 9), st.sampled_from(["accept", "reject", "not sent", "unknown"])),
    st.tuples(st.just("accept all")),
    st.tuples(st.just("fill"), st.integers(0, 9), st.sampled_from([Decimal("0.3"), Decimal("0.7"), Decimal(1)])),
    st.tuples(st.just("end"), st.integers(0, 9), st.sampled_from([OrderCanceled, OrderExpired])),
    st.tuples(st.just("confirm"), st.integers(0, 9), st.sampled_from(["canceled", "filled"])),
    st.tuples(st.just("beat"), st.sampled_from([1, 70])),
)
EXAMPLES = examples(75, campaign=500)


@settings(max_examples=EXAMPLES)
@given(st.sampled_from([ANY_ORDER, ALPACA_RULES]), st.lists(st.one_of(long_aims, answers), min_size=3, max_size=25))
@example(
    ANY_ORDER,
    [  # the exit without an answer was taken for filled each time: 30 were held of 10
        ("aim", 10), ("fill", 0, Decimal(1)), ("answer", 0, "accept"), ("fill", 0, Decimal(1)),
        ("aim", 0), ("answer", 0, "unknown"), ("aim", 10), ("aim", 0), ("answer", 9, "unknown"), ("aim", 10),
        ("accept all",), ("fill", 0, Decimal(1)), ("fill", 0, Decimal(1)),
    ],
)  # fmt: skip
def test_a_long_only_target_is_never_exceeded_nor_short(rules: BrokerRules, drawn: list[tuple[Any, ...]]) -> None:
    """Zero to ten is all that is ever asked for: so it is all that is ever held, or possible at the broker."""
    run = Aims(rules)
    for operation in drawn:
        run.do(operation)
        low, high = worst(run.model)
        assert 0 <= run.model.held <= 10
        assert (low >= 0, high <= 10) == (True, True), f"from {low} to {high} is possible"


@settings(max_examples=EXAMPLES)
@given(
    st.sampled_from([ANY_ORDER, ALPACA_RULES]),
    st.lists(st.one_of(aims, answers), min_size=3, max_size=25),
    st.sampled_from([-10, 0, 7]),
)
def test_a_target_is_reached_once_everything_is_answered(
    rules: BrokerRules, drawn: list[tuple[Any, ...]], last: int
) -> None:
    """Asked for once, however things stand: what could not be done at once is done later, without being asked for again."""
    run = Aims(rules)
    for operation in drawn:
        run.do(operation)
    run.aim(last)
    run.quiet()
    assert run.model.held == run.account.position() == last
    assert run.account.state.waiting == {}
    run.check_at_rest()


def in_flight(rules: BrokerRules) -> Aims:
    """Ten are held, and the order that sells them has no answer."""
    run = Aims(rules)
    run.aim(10)
    run.accept_all()
    run.fill(0, Decimal(1))
    run.aim(0)
    run.answer(0, "unknown")
    return run


@pytest.mark.parametrize("rules", [ANY_ORDER, ALPACA_RULES])
@pytest.mark.parametrize(
    ("what_came", "orders"),
    [("filled", [(Side.BUY, 10)]), ("canceled", []), ("half filled", [(Side.BUY, 5)])],
)
def test_a_target_waits_for_an_exit_without_an_answer(
    rules: BrokerRules, what_came: str, orders: list[tuple[Side, int]]
) -> None:
    """What is ordered in the end is what is missing then: nothing when the exit came to nothing."""
    run = in_flight(rules)
    run.aim(10)
    assert [order.terms.side for order in run.model.orders.values()] == [Side.SELL]
    if what_came == "half filled":
        (key,) = run.model.orders
        run.model.fill(key, Decimal("0.5"))
    run.confirm(0, "filled" if what_came == "filled" else "canceled")
    assert run.at_broker() == orders


def test_a_target_on_the_other_side_waits_and_is_not_one_order_through_zero() -> None:
    """Seven are sold and not answered when the strategy turns round: at Alpaca one order for fourteen would be refused."""
    run = Aims(ALPACA_RULES)
    run.aim(-7)
    run.aim(7)
    (key,) = run.model.orders
    run.model.fill(key, Decimal(1))
    assert run.at_broker() == [(Side.BUY, 7)]
    run.quiet()
    assert run.model.held == 7


@pytest.mark.parametrize("filled_first", [0, 4])
def test_a_close_waits_for_the_stop_that_would_close_the_same(filled_first: int) -> None:
    """Both could fill while the stop's cancel is under way: the close is for what is left when that is known."""
    run = Aims(ANY_ORDER)
    run.aim(10, "stop")
    run.accept_all()
    run.fill(0, Decimal(1))
    run.accept_all()
    run.aim(0)
    (stop,) = run.model.orders
    assert run.model.orders[stop].is_canceling
    if filled_first:
        run.model.fill(stop, Decimal("0.4"))
    run.confirm(0, "canceled")
    assert run.at_broker() == [(Side.SELL, 10 - filled_first)]


@pytest.mark.parametrize(("asked", "sold"), [(10, 6), (4, 0), (15, 11)])
def test_a_sale_of_so_much_counts_what_its_stop_has_closed_meanwhile(asked: int, sold: int) -> None:
    """It was to lead to a position: what the stop has sold by then is not sold again; and never more than was asked for."""
    run = Aims(ANY_ORDER)
    run.aim(10, "stop")
    run.accept_all()
    run.fill(0, Decimal(1))
    run.accept_all()
    run._ask(PlaceOrder(Signal(S0, "ABC", Action.SELL, Side.SELL, Quantity(Decimal(asked)))))
    (stop,) = run.model.orders
    run.strict.asked = Decimal(min(0, 10 - asked))
    run.model.fill(stop, Decimal("0.4"))
    run.confirm(0, "canceled")
    entries = [order.terms for order in run.model.orders.values() if order.terms.role is OrderRole.REGULAR]
    assert sum((terms.quantity for terms in entries), ZERO) == sold


def test_a_limit_order_that_leads_away_from_a_target_is_canceled_for_it() -> None:
    """A target is the whole intent: a resting sale of its own would undo it. Nothing is bought in the meantime."""
    run = Aims(ANY_ORDER)
    run.aim(10)
    run.accept_all()
    run.fill(0, Decimal(1))
    limit = Signal(
        S0, "ABC", Action.SELL, Side.SELL, Quantity(Decimal(10)), order_type=OrderType.LIMIT, limit_price=price(120)
    )
    run._ask(PlaceOrder(limit))
    run.accept_all()
    run.aim(10)
    assert [order.is_canceling for order in run.model.orders.values()] == [True]
    run.quiet()
    assert run.model.held == 10


def test_protection_is_not_placed_beside_a_sale_that_may_still_fill() -> None:
    """Ten are held, ten on their reduce-only order and ten on their way in: a stop for ten could sell what the sale has sold."""
    run = Aims(ANY_ORDER)
    run.aim(10)
    run.accept_all()
    run.fill(0, Decimal(1))
    run._ask(PlaceOrder(Signal(S0, "ABC", Action.SELL, Side.SELL, Quantity(Decimal(10)))))
    run.strict.asked = Decimal(30)
    run._ask(PlaceOrder(Signal(S0, "ABC", Action.BUY, Side.BUY, Quantity(Decimal(20)), **prices_of("stop", Side.BUY))))
    buy = next(key for key, order in run.model.orders.items() if order.terms.side is Side.BUY)
    run.model.fill(buy, Decimal("0.5"))
    assert run.model.held == 20
    stops = [order.remaining for order in run.model.orders.values() if order.terms.role is OrderRole.STOP_LOSS]
    assert sum(stops, ZERO) <= 10
