"""What became of a paper account's orders, for a broker that can be asked: built from reports, and from records of the same kinds."""

from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from holdfast.brokers.port import AtBroker, BrokerFill, BrokerOrder
from holdfast.core.messages import (
    AnyBody,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderPrepared,
    OrderRejected,
    OrderReplaced,
    OrderTerms,
)
from holdfast.core.types import NO_QUANTITY, ClientOrderId, Quantity

REMEMBERED = 20_000
"""Orders, and executions: far more than any question is about."""

_ENDS: dict[type, AtBroker] = {
    OrderCanceled: AtBroker.CANCELED,
    OrderExpired: AtBroker.EXPIRED,
    OrderRejected: AtBroker.REJECTED,
}


class PaperOrders:
    """Orders that the exchange has accepted, in this order, and their executions."""

    def __init__(self) -> None:
        self._terms: dict[ClientOrderId, OrderTerms] = {}
        self._orders: OrderedDict[ClientOrderId, BrokerOrder] = OrderedDict()
        self._fills: list[BrokerFill] = []

    def prepared(self, terms: OrderTerms) -> None:
        """An order may come in with these terms."""
        self._terms[terms.client_order_id] = terms

    def see(self, body: AnyBody, time_ns: int) -> None:
        """Take in what a report or a record says."""
        match body:
            case OrderPrepared():
                self.prepared(body.terms)
            case OrderAccepted():
                self._accept(body, time_ns)
            case OrderFilled():
                self._fill(body, time_ns)
            case OrderReplaced():
                self._change(body.client_order_id, time_ns, quantity=body.quantity)
            case OrderCanceled() | OrderExpired() | OrderRejected():
                self._change(body.client_order_id, time_ns, state=_ENDS[type(body)], reason=body.reason)
                self._terms.pop(body.client_order_id, None)

    def _accept(self, body: OrderAccepted, time_ns: int) -> None:
        terms = self._terms.pop(body.client_order_id, None)
        if terms is None:
            return  # it is here already
        self._orders[body.client_order_id] = BrokerOrder(
            client_order_id=body.client_order_id,
            broker_order_id=body.broker_order_id,
            symbol=terms.symbol,
            side=terms.side,
            quantity=terms.quantity,
            filled_quantity=NO_QUANTITY,
            state=AtBroker.WORKING,
            submitted_ns=time_ns,
            updated_ns=time_ns,
            order_type=terms.order_type,
            time_in_force=terms.time_in_force,
            limit_price=terms.limit_price,
            stop_price=terms.stop_price,
        )
        if len(self._orders) > REMEMBERED:
            self._forget_one()

    def _forget_one(self) -> None:
        """The oldest that works no more."""
        over = (key for key, order in self._orders.items() if order.state is not AtBroker.WORKING)
        oldest = next(over, None)
        if oldest is not None:
            del self._orders[oldest]

    def _fill(self, body: OrderFilled, time_ns: int) -> None:
        order = self._orders.get(body.client_order_id)
        if order is None:
            return
        filled = Quantity(order.filled_quantity + body.quantity)
        state = AtBroker.FILLED if filled >= order.quantity else order.state
        self._change(body.client_order_id, time_ns, filled_quantity=filled, state=state)
        self._fills.append(
            BrokerFill(
                body.client_order_id,
                order.broker_order_id,
                body.execution_id,
                body.symbol,
                body.side,
                body.quantity,
                body.price,
                time_ns,
            )
        )
        if len(self._fills) > 2 * REMEMBERED:
            del self._fills[:REMEMBERED]

    def _change(self, key: ClientOrderId, time_ns: int, **changes: object) -> None:
        order = self._orders.get(key)
        if order is not None:
            self._orders[key] = msgspec.structs.replace(order, updated_ns=time_ns, **changes)

    def find(self, key: ClientOrderId) -> BrokerOrder | None:
        """An order by its id."""
        return self._orders.get(key)

    def working(self) -> Sequence[BrokerOrder]:
        """The orders at work."""
        return [order for order in self._orders.values() if order.state is AtBroker.WORKING]

    def fills_since(self, time_ns: int) -> Sequence[BrokerFill]:
        """Executions since a time, oldest first."""
        return [fill for fill in self._fills if fill.time_ns >= time_ns]
