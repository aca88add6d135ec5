"""What proves that orders which went as one are not there, and what has become too old to prove it."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from holdfast.brokers.capability import IdempotencyClass
from holdfast.brokers.port import AtBroker, BrokerOrder, Unavailable
from holdfast.core.messages import (
    Action,
    OrderAccepted,
    OrderFilled,
    OrderNotSent,
    OrderTerms,
    OrderUnknown,
    PlaceOrder,
    Signal,
)
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.types import HOUR_NS, MANUAL, ClientOrderId, OrderType, Price, Quantity, Side
from tests.unit.runtime.live.bench import START_NS, SYMBOL, Bench, ShownBroker, bench

HELD = Quantity(Decimal(5))


class PairBroker(ShownBroker):
    """Takes a stop-loss and a take-profit as one order."""

    def __init__(self, kind: IdempotencyClass) -> None:
        super().__init__(kind)
        self.capability = msgspec.structs.replace(self.capability, links_exits=True)
        self.unreadable: set[ClientOrderId] = set()
        self.asked: list[ClientOrderId] = []

    async def find(self, terms: OrderTerms) -> BrokerOrder | None:
        """It has neither; some answers can't be read."""
        self.asked.append(terms.client_order_id)
        if terms.client_order_id in self.unreadable:
            raise Unavailable("no answer")
        return await super().find(terms)


def unanswered_pair(one: Bench) -> tuple[Order, Order]:
    """The stop and the target of a position, which left as one and got no answer."""
    signal = Signal(
        MANUAL, SYMBOL, Action.BUY, quantity=HELD, order_type=OrderType.LIMIT, limit_price=Price(Decimal(90)),
        stop_loss=Price(Decimal(85)), take_profit=Price(Decimal(95)),
    )  # fmt: skip
    one.ask(PlaceOrder(signal))
    entry = one.state.ids.order(one.state.order_count)
    filled = OrderFilled(entry, "e1", SYMBOL, Side.BUY, HELD, Price(Decimal(90)), broker_order_id="b1")
    one.deliver([OrderAccepted(entry, "b1"), filled])
    stop, target = one.state.legs(MANUAL, SYMBOL)
    for leg in (stop, target):
        one.deliver([OrderUnknown(leg.terms.client_order_id, "no answer")])
        one.reconciler.mark_unresolved(leg.terms.client_order_id)
    return stop, target


@pytest.mark.proves("A2", "I8")
@pytest.mark.parametrize("silent", [0, 1], ids=["the stop can't be asked for", "the target can't be asked for"])
def test_both_are_absent_once_both_are_proven_so(tmp_path: Path, silent: int) -> None:
    """While nothing is known of one of them, the other isn't taken for not sent: it could be closed on top of a stop that comes."""
    with bench(tmp_path, IdempotencyClass.UNIQUE_ID, PairBroker) as one:
        assert isinstance(one.broker, PairBroker)
        broker, pair = one.broker, unanswered_pair(one)
        keys = [leg.terms.client_order_id for leg in pair]
        broker.unreadable.add(keys[silent])
        one.run_until(lambda: broker.asked.count(keys[1 - silent]) > 4)
        assert one.of(OrderNotSent) == []
        broker.unreadable.clear()
        one.run_until(lambda: all(leg.state is OrderState.NOT_SENT for leg in pair))


class SleepyBroker(ShownBroker):
    """The machine is suspended while the last answer of a proof is on its way; the order comes in meanwhile."""

    bench: Bench
    order: Order

    async def find(self, terms: OrderTerms) -> BrokerOrder | None:
        """As it was when it was asked."""
        found = await super().find(terms)
        unresolved = self.bench.reconciler.unresolved._orders[terms.client_order_id]
        if unresolved.negatives == self.capability.negatives - 1 and not self.bench.slept_ns:
            self.bench.slept_ns = HOUR_NS
            order = self.order.terms
            self.orders["b1"] = BrokerOrder(
                order.client_order_id, "b1", SYMBOL, order.side, order.quantity, Quantity(Decimal(0)),
                AtBroker.WORKING, START_NS, START_NS,
            )  # fmt: skip
        return found


@pytest.mark.proves("C2", "I8")
@pytest.mark.parametrize("kind", [IdempotencyClass.UNIQUE_ID, IdempotencyClass.LABEL])
def test_an_answer_from_before_a_freeze_proves_no_absence(tmp_path: Path, kind: IdempotencyClass) -> None:
    """What had not left when the machine was suspended may leave as it wakes: it has to be asked for again."""
    with bench(tmp_path, kind, SleepyBroker) as one:
        assert isinstance(one.broker, SleepyBroker)
        one.broker.bench, one.broker.order = one, one.place_unanswered()
        order = one.broker.order
        one.run_until(lambda: bool(order.broker_order_id))
        assert one.broker.bench.slept_ns == HOUR_NS
        assert one.of(OrderNotSent) == []


@pytest.mark.proves("C2", "I8")
def test_a_proof_from_before_a_freeze_is_none(tmp_path: Path) -> None:
    """An order that waits to be sent again, or to be called not sent: after the freeze it is asked for once more."""
    with bench(tmp_path, IdempotencyClass.UNIQUE_ID) as one:
        unresolved = one.reconciler.unresolved
        unresolved.may_send_again = lambda _order: True
        key = one.place_unanswered().terms.client_order_id
        one.run_until(lambda: bool(unresolved.proof(key)))
        one.slept_ns = HOUR_NS
        assert unresolved.proof(key) == ""
        one.run_until(lambda: bool(unresolved.proof(key)))
