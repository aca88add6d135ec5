"""Protection under whatever a broker and other people do: random fills, refusals, cancels, trades elsewhere, flattens.

The broker here is a model of its own: it answers when the test draws an answer, in any order, and keeps its own positions.
"""

from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from holdfast.adapters.alpaca.trading.capability import ALPACA_RULES
from holdfast.core.broker_rules import ANY_ORDER, BrokerRules
from holdfast.core.codec import external_order_id
from holdfast.core.exits import Exits
from holdfast.core.messages import (
    Action,
    BrokerReport,
    CancelRefused,
    Flatten,
    Heartbeat,
    OrderAccepted,
    OrderAdopted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderNotSent,
    OrderRejected,
    OrderReplaced,
    OrderTerms,
    OrderUnknown,
    PlaceOrder,
    Report,
    Request,
    Resume,
    Signal,
)
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.protection.cover import Key, to_protect
from holdfast.core.protection.policy import ProtectionPolicy
from holdfast.core.protection.records import OnFailure
from holdfast.core.types import (
    SECOND_NS,
    ZERO,
    ClientOrderId,
    OrderRole,
    Price,
    Quantity,
    Side,
    StrategyId,
    TimeInForce,
)
from tests.budget import examples
from tests.scenario.account import Account, bar, minute, price

STRATEGIES = (StrategyId("s0"), StrategyId("s1"))
RULES = (ANY_ORDER, ALPACA_RULES, BrokerRules(stocks=ALPACA_RULES.crypto))
"""A broker that holds everything, one that holds fractions for a day and in no pair, one that holds stop-limits and no pair."""
QUIET_S = (*[1] * 10, *[70] * 3)
"""The steps of the quiet at the end: longer than the longest pause between two tries."""


class AtBroker(msgspec.Struct):
    """An order as the model has it."""

    terms: OrderTerms
    remaining: Decimal
    is_accepted: bool = False
    is_canceling: bool = False
    filled: Decimal = ZERO


class Model:
    """A broker that says nothing by itself. It checks what it is sent."""

    def __init__(self) -> None:
        self.orders: dict[ClientOrderId, AtBroker] = {}
        self.held = ZERO
        self.account: Account
        self.executions = 0

    # --- what the engine sends ----------------------------------------------------------------------------------------

    def submit(self, terms: OrderTerms, _released_ns: int, _now_ns: int) -> list[Report]:
        """Keep an order; a protective one, or one that the engine closes with, must fit the position."""
        self.orders[terms.client_order_id] = AtBroker(terms, terms.quantity)
        if terms.role is not OrderRole.REGULAR:
            self._fits(terms)
            return []
        closing = self.account.state.closing.get((terms.strategy, terms.symbol))
        if closing is not None and not closing.is_left and not self.account.state.flattening:
            held = self.account.state.portfolio.strategy_quantity(terms.strategy, terms.symbol)
            assert held * terms.side.sign < 0
            assert terms.quantity <= min(abs(held), abs(self.held))
        return []

    def _fits(self, terms: OrderTerms) -> None:
        held = self.account.state.rules.stocks
        if terms.role is OrderRole.STOP_LOSS:
            assert terms.order_type is held.stop
        if held.step is not None and terms.quantity % held.step:
            assert terms.time_in_force is TimeInForce.DAY
            assert terms.oco_group is None
        if not held.pairs:
            assert terms.oco_group is None
        same = [
            order for order in self.orders.values() if order.terms.role is terms.role and order.terms.side is terms.side
        ]
        closes = sum((order.remaining for order in same), ZERO)
        assert closes <= -self.held * terms.side.sign, f"{closes} would be closed of {self.held}"

    def cancel(self, key: ClientOrderId, _released_ns: int, now_ns: int) -> list[Report]:
        """Note that a cancel was asked for."""
        if key not in self.orders:
            return [Report(now_ns, CancelRefused(key, "it is over"))]
        self.orders[key].is_canceling = True
        return []

    def end_instant(self) -> None:
        """Nothing is known of bars here."""

    def on_market(self, _event: object) -> list[Report]:
        """The market moves nothing by itself."""
        return []

    # --- what is drawn ------------------------------------------------------------------------------------------------

    def tell(self, body: BrokerReport) -> None:
        """Let the engine hear something."""
        self.account.take(Report(self.account.state.now_ns, body))

    def accept(self, key: ClientOrderId) -> None:
        """An order works."""
        self.orders[key].is_accepted = True
        self.tell(OrderAccepted(key, f"b{key}"))

    def end(self, key: ClientOrderId, kind: Any) -> None:
        """An order is over, and its twin with it."""
        twin = self.twin(key)
        del self.orders[key]
        self.tell(kind(key, "drawn"))
        if twin is not None and twin in self.orders:
            is_there = self.orders.pop(twin).is_accepted  # then nobody can say that it never came
            self.tell((OrderCanceled if is_there and kind is OrderNotSent else kind)(twin, "with its twin"))

    def fill(self, key: ClientOrderId, share: Decimal) -> None:
        """A part of an order trades; its twin is made smaller, or canceled with the last of it."""
        order = self.orders[key]
        quantity = min(order.remaining, max(Decimal(1), (order.remaining * share).to_integral_value()))
        order.is_accepted = True
        order.remaining -= quantity
        order.filled += quantity
        self.executions += 1
        self.held += quantity * order.terms.side.sign
        twin = self.twin(key)
        if not order.remaining:
            del self.orders[key]
        terms = order.terms
        name = f"{key}:{self.executions}"
        self.tell(OrderFilled(key, name, terms.symbol, terms.side, Quantity(quantity), price(100)))
        if twin is None or twin not in self.orders:
            return
        other = self.orders[twin]
        other.remaining -= quantity
        if other.remaining > 0:
            self.tell(OrderReplaced(twin, Quantity(other.filled + other.remaining)))
        else:
            del self.orders[twin]
            self.tell(OrderCanceled(twin, "its twin has filled"))

    def twin(self, key: ClientOrderId) -> ClientOrderId | None:
        """The other order of a linked pair."""
        group = self.orders[key].terms.oco_group
        if group is None:
            return None
        return next(
            (name for name, other in self.orders.items() if name != key and other.terms.oco_group == group), None
        )

    def elsewhere(self, number: int, side: Side, quantity: int) -> None:
        """A person trades in the app."""
        key = external_order_id(f"app{number}")
        terms = OrderTerms(key, EXTERNAL, "ABC", side, Quantity(Decimal(quantity)))
        self.orders[key] = AtBroker(terms, terms.quantity, is_accepted=True)
        self.tell(OrderAdopted(terms, f"app{number}"))
        self.fill(key, Decimal(1))


sides = st.sampled_from(list(Side))
operations = st.one_of(
    st.tuples(
        st.just("enter"),
        st.sampled_from(STRATEGIES),
        sides,
        st.one_of(st.integers(1, 20), st.sampled_from([Decimal("0.5"), Decimal("7.25")])),
        st.sampled_from(["none", "stop", "target", "pair", "trail", "pair and time"]),
    ),
    st.tuples(st.just("answer"), st.integers(0, 9), st.sampled_from(["accept", "reject", "not sent", "unknown"])),
    st.tuples(st.just("accept all")),
    st.tuples(st.just("fill"), st.integers(0, 9), st.sampled_from([Decimal("0.3"), Decimal("0.7"), Decimal(1)])),
    st.tuples(st.just("end"), st.integers(0, 9), st.sampled_from([OrderCanceled, OrderExpired])),
    st.tuples(st.just("confirm"), st.integers(0, 9), st.sampled_from(["canceled", "filled"])),
    st.tuples(st.just("elsewhere"), sides, st.integers(1, 30)),
    st.tuples(st.just("beat"), st.sampled_from([1, 5, 70])),
    st.tuples(st.just("price"), st.integers(80, 120)),
    st.tuples(st.just("flatten")),
    st.tuples(st.just("resume")),
)


def prices_of(kind: str, side: Side) -> dict[str, Any]:
    """What an entry asks for."""
    stop, target = price(100 - 30 * side.sign), price(100 + 30 * side.sign)
    asked: dict[str, dict[str, Any]] = {
        "none": {},
        "stop": {"stop_loss": stop},
        "target": {"take_profit": target},
        "pair": {"stop_loss": stop, "take_profit": target},
        "trail": {"exits": Exits(trail_amount=Price(Decimal(25)))},
        "pair and time": {"stop_loss": stop, "take_profit": target, "exits": Exits(hold_ns=60 * SECOND_NS)},
    }
    return asked[kind]


class Run:
    """One example: an account at the model, and what happens to it."""

    def __init__(self, on_failure: OnFailure, rules: BrokerRules, make_account: type[Account] = Account) -> None:
        self.model = Model()
        self.account = self.model.account = make_account(exchange=self.model, rules=rules)
        self.account.state.protection = ProtectionPolicy(on_failure)
        self.account.run(bar(1, 100.0))
        self.number = 0

    def do(self, operation: tuple[Any, ...]) -> None:
        """Let one thing happen."""
        self.number += 1
        name, *arguments = operation
        getattr(self, name.replace(" ", "_"))(*arguments)

    def _pick(self, index: int, wanted: Any) -> ClientOrderId | None:
        keys = [key for key, order in self.model.orders.items() if wanted(order)]
        return keys[index % len(keys)] if keys else None

    def _ask(self, command: Any) -> None:
        self.account.take(Request(self.account.state.now_ns, f"c{self.number}", "cli:alice", command))

    def enter(self, strategy: StrategyId, side: Side, quantity: int | Decimal, kind: str) -> None:
        action = Action.BUY if side is Side.BUY else Action.SELL
        amount = Quantity(Decimal(quantity))
        self._ask(PlaceOrder(Signal(strategy, "ABC", action, side, amount, **prices_of(kind, side))))

    def answer(self, index: int, how: str) -> None:
        key = self._pick(index, lambda order: not order.is_accepted)
        if key is None:
            return
        twin = self.model.orders.get(self.model.twin(key) or ClientOrderId(""))
        if how == "not sent" and twin is not None and twin.is_accepted:
            return  # a pair leaves as one
        if how == "accept":
            self.model.accept(key)
        elif how == "unknown":
            self.model.tell(OrderUnknown(key, "no answer"))
        else:
            self.model.end(key, OrderRejected if how == "reject" else OrderNotSent)

    def accept_all(self) -> None:
        for key in [key for key, order in self.model.orders.items() if not order.is_accepted]:
            if key in self.model.orders:
                self.model.accept(key)

    def fill(self, index: int, share: Decimal) -> None:
        key = self._pick(index, lambda order: order.is_accepted)
        if key is not None:
            self.model.fill(key, share)

    def end(self, index: int, kind: Any) -> None:
        key = self._pick(index, lambda order: order.is_accepted)
        if key is not None:
            self.model.end(key, kind)

    def confirm(self, index: int, how: str) -> None:
        key = self._pick(index, lambda order: order.is_canceling)
        if key is None:
            return
        if how == "filled":
            self.model.fill(key, Decimal(1))
        else:
            self.model.end(key, OrderCanceled)

    def elsewhere(self, side: Side, quantity: int) -> None:
        self.model.elsewhere(self.number, side, quantity)

    def beat(self, seconds: int) -> None:
        for _ in range(seconds):
            self.account.run(Heartbeat(self.account.state.now_ns + SECOND_NS))

    def price(self, close: int) -> None:
        minutes = (self.account.state.now_ns - minute(0)) // (60 * SECOND_NS) + 1
        self.account.run(bar(minutes, float(close)))

    def flatten(self) -> None:
        self._ask(Flatten())

    def resume(self) -> None:
        self._ask(Resume())

    def quiet(self) -> None:
        """A broker that takes everything, cancels at once and fills every entry, until nothing more happens."""
        for seconds in QUIET_S:
            for _ in range(300):
                todo = [
                    key
                    for key, order in self.model.orders.items()
                    if order.is_canceling or not order.is_accepted or order.terms.role is OrderRole.REGULAR
                ]
                if not todo:
                    break
                self._settle(todo[0])
            else:
                raise AssertionError("the engine goes on ordering for ever")
            self.account.run(Heartbeat(self.account.state.now_ns + seconds * SECOND_NS))

    def _settle(self, key: ClientOrderId) -> None:
        order = self.model.orders[key]
        if order.is_canceling:
            self.model.end(key, OrderCanceled)
        elif order.terms.role is OrderRole.REGULAR:
            self.model.fill(key, Decimal(1))
        else:
            self.model.accept(key)

    # --- what must hold ---------------------------------------------------------------------------------------------

    def check_at_rest(self) -> None:
        """Protected is what is to be protected, or the policy was carried out; nothing is protected that isn't there."""
        state = self.account.state
        assert state.portfolio.quantity("ABC") == self.model.held
        for key in state.guards:
            if not (state.covers[key].has_failed or key in state.closing):
                self._check_covered(key)
        for side in Side:
            self._check_no_excess(side)
        assert {order.terms.client_order_id for order in self.model.orders.values()} == set(state.orders.live)
        for key, closing in state.closing.items():
            assert closing.is_left, f"{key} is still being closed"

    def _check_covered(self, key: Key) -> None:
        state = self.account.state
        wanted = to_protect(state, key)
        for role in state.guards[key].roles_for(wanted, state.rules.stocks):
            at_broker = sum(
                (
                    order.remaining
                    for order in self.model.orders.values()
                    if order.terms.role is role and (order.terms.strategy, order.terms.symbol) == key
                ),
                ZERO,
            )
            assert at_broker == wanted, f"{role} of {key}: {at_broker}, and {wanted} are to be protected"
        assert state.covers[key].since_ns == 0

    def _check_no_excess(self, side: Side) -> None:
        for role in (OrderRole.STOP_LOSS, OrderRole.TAKE_PROFIT):
            legs = [order for order in self.model.orders.values() if order.terms.role is role]
            closes = sum((order.remaining for order in legs if order.terms.side is side), ZERO)
            assert closes <= max(ZERO, -self.model.held * side.sign)


@settings(max_examples=examples())
@given(st.sampled_from(list(OnFailure)), st.sampled_from(RULES), st.lists(operations, min_size=3, max_size=25))
@example(
    OnFailure.ALERT,
    ANY_ORDER,
    [  # a stop that is too large and on its reduce-only order took up what another strategy's was made for
        ("enter", StrategyId("s0"), Side.BUY, 1, "none"),
        ("enter", StrategyId("s1"), Side.BUY, 2, "stop"),
        ("enter", StrategyId("s1"), Side.SELL, 1, "none"),
        ("enter", StrategyId("s0"), Side.BUY, 2, "stop"),
        ("enter", StrategyId("s1"), Side.BUY, 1, "none"),
    ],
)
def test_what_is_held_is_protected_once_all_is_quiet(
    on_failure: OnFailure, rules: BrokerRules, drawn: list[tuple[Any, ...]]
) -> None:
    """Whatever came before; and no order that protects or closes was ever sent for more than the account held then, or that the broker doesn't hold."""
    run = Run(on_failure, rules)
    for operation in drawn:
        run.do(operation)
    run.quiet()
    run.check_at_rest()
