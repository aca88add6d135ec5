"""Orders of others in every order of events: the books end where the broker is."""

import tempfile
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.brokers.capability import IdempotencyClass
from holdfast.brokers.port import AtBroker, BrokerFill, BrokerOrder
from holdfast.core.messages import OrderFilled
from holdfast.core.types import ClientOrderId, Money, Price, Quantity, Side
from holdfast.journal.verify import verify
from tests.budget import examples
from tests.unit.runtime.live.bench import START_NS, SYMBOL, Bench, bench

SIZE = 4
PRICE = Price(Decimal(90))

Step = tuple[str, int]
STEPS = st.lists(st.tuples(st.sampled_from(["place", "fill", "cancel", "look"]), st.integers(0, 2)), max_size=14)


class Others:
    """Up to three orders of somebody else, bought and sold, and what becomes of them."""

    def __init__(self, one: Bench) -> None:
        self._one = one
        self._broker = one.broker

    def take(self, step: Step) -> None:
        """One thing that happens."""
        what, number = step
        name = f"b{number}"
        order = self._broker.orders.get(name)
        if what == "look":
            self._one.settle()
        elif what == "place" and order is None:
            side = Side.BUY if number != 1 else Side.SELL
            self._broker.orders[name] = BrokerOrder(
                ClientOrderId(f"theirs {number}"), name, SYMBOL, side, Quantity(Decimal(SIZE)), Quantity(Decimal(0)),
                AtBroker.WORKING, START_NS, START_NS,
            )  # fmt: skip
        elif order is not None and order.state is AtBroker.WORKING:
            self._fill(order) if what == "fill" else self._end(order, AtBroker.CANCELED)

    def _fill(self, order: BrokerOrder) -> None:
        filled = Quantity(order.filled_quantity + 1)
        one_share = Quantity(Decimal(1))
        self._broker.fills.append(
            BrokerFill(
                ClientOrderId(""), order.broker_order_id, f"{order.broker_order_id}:{filled}", SYMBOL, order.side,
                one_share, PRICE, START_NS,
            )
        )  # fmt: skip
        self._broker.held[SYMBOL] = self._broker.held.get(SYMBOL, Decimal(0)) + order.side.sign
        self._broker.cash = Money(self._broker.cash - PRICE * order.side.sign)
        changed = msgspec.structs.replace(order, filled_quantity=filled)
        self._broker.orders[order.broker_order_id] = changed
        if filled == SIZE:
            self._end(changed, AtBroker.FILLED)

    def _end(self, order: BrokerOrder, state: AtBroker) -> None:
        self._broker.orders[order.broker_order_id] = msgspec.structs.replace(order, state=state)


@pytest.mark.proves("S6", "S4", "I3", "I4", "I6")
@settings(max_examples=examples(25, campaign=250))
@given(steps=STEPS, kind=st.sampled_from(IdempotencyClass))
def test_whatever_others_do_the_books_follow(steps: list[Step], kind: IdempotencyClass) -> None:
    """Placed, filled in parts, canceled, looked at in between or not: every execution is booked once, and the audit agrees."""
    with tempfile.TemporaryDirectory() as folder:
        with bench(Path(folder), kind) as one:
            others = Others(one)
            for step in steps:
                others.take(step)
            one.settle()
            assert one.state.portfolio.quantity(SYMBOL) == one.broker.held.get(SYMBOL, 0)
            assert one.state.portfolio.cash == one.broker.cash
            assert len(one.of(OrderFilled)) == len(one.broker.fills)
            live = {order.broker_order_id for order in one.state.orders.live.values()}
            assert live == {row.broker_order_id for row in one.broker.orders.values() if row.state is AtBroker.WORKING}
            assert one.state.order_count == 0
            assert one.state.impairments == {}
        assert verify(f"sqlite:///{Path(folder) / 'journal.db'}").problems == []
