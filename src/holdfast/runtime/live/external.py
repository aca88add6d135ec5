"""Orders at the broker that are not ours: told from our own, and taken into the books."""

from collections.abc import Callable, Container, Iterable, Sequence

from holdfast.brokers.capability import IdempotencyClass
from holdfast.brokers.port import BrokerFill, BrokerOrder
from holdfast.core.codec import external_order_id
from holdfast.core.findings import ExternalExecution
from holdfast.core.messages import OrderAdopted, OrderTerms
from holdfast.core.orders.order import Order
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.types import ZERO, ClientOrderId, Money, Quantity
from holdfast.runtime.live.linked import CLOSED
from holdfast.runtime.live.surroundings import Surroundings

ORPHAN_S = 10.0
"""For so long an execution may be shown without its order before it is adopted alone: the order may be ours, and late."""


class ExternalOrders:
    """Adopts what nobody here has ordered. ``mark_unresolved`` has an order asked for: its executions and its end come that way."""

    def __init__(self, surroundings: Surroundings, mark_unresolved: Callable[[ClientOrderId], None]) -> None:
        self._around = surroundings
        self._mark_unresolved = mark_unresolved
        self._orphans: dict[str, float] = {}
        self._late: dict[str, float] = {}

    def key_of(self, found: BrokerOrder) -> ClientOrderId | None:
        """The id here of an order at the broker, ours or adopted; None when the books don't have it."""
        orders, external = self._around.state.orders, external_order_id(found.broker_order_id)
        ours = orders.find(found.client_order_id)
        if orders.find(external) is not None and (ours is None or ours.broker_order_id != found.broker_order_id):
            return external
        return None if ours is None else found.client_order_id

    def adopt_unless_ours(self, found: BrokerOrder) -> None:
        """Adopt an order that the books don't have, unless it may turn out to be one of ours."""
        if not self._may_be_ours(found) and not self._may_have_been_ours(found):
            self.adopt(found)

    def adopt(self, found: BrokerOrder) -> None:
        """Take an order into the books; what became of it so far is asked for."""
        adopted = adopted_order(found)
        self._around.deliver([adopted])
        self._mark_unresolved(adopted.client_order_id)

    def adopt_executions(self, fills: Sequence[BrokerFill]) -> None:
        """Take in executions of one order that the broker doesn't show, if it stays so: the order is as large as they are."""
        now_s = self._around.now_s()
        if now_s - self._orphans.setdefault(fills[0].broker_order_id, now_s) < ORPHAN_S:
            return
        first, quantity = fills[0], sum((fill.quantity for fill in fills), ZERO)
        key = external_order_id(first.broker_order_id)
        terms = OrderTerms(key, EXTERNAL, first.symbol, first.side, Quantity(quantity))
        self._around.deliver([OrderAdopted(terms, first.broker_order_id)])
        order = self._around.state.orders.find(key)
        if order is not None:
            self._around.deliver(self._around.executions.missing(order, fills))

    def unknown(self, fills: Iterable[BrokerFill]) -> dict[str, list[BrokerFill]]:
        """The executions whose orders nobody here knows, by the broker's id of the order."""
        state = self._around.state
        found: dict[str, list[BrokerFill]] = {}
        for fill in fills:
            if fill.execution_id in state.held_executions or fill.client_order_id:
                continue
            if state.orders.find(external_order_id(fill.broker_order_id)) is None:
                found.setdefault(fill.broker_order_id, []).append(fill)
        return found

    def external_executions(self, fills: Iterable[BrokerFill]) -> list[ExternalExecution]:
        """The same executions, as the books are compared by."""
        return [
            ExternalExecution(fill.broker_order_id, fill.symbol, Quantity(fill.quantity * fill.side.sign), fill.price)
            for executions in self.unknown(fills).values()
            for fill in executions
        ]

    def keep_orphans(self, unknown: Container[str]) -> None:
        """Forget since when executions are without an order that are so no longer; ``unknown`` are the others' orders."""
        self._orphans = {name: since_s for name, since_s in self._orphans.items() if name in unknown}

    def _may_be_ours(self, found: BrokerOrder) -> bool:
        """Whether an order of ours that the broker has given no id yet may be this one.

        Linked orders get ids of the broker's own, which its answer tells; where our ids are no more than labels, or there are
        none, an order like ours has to be explained first.
        """
        orders = self._around.state.orders
        if any(
            order.broker_order_id == found.broker_order_id
            for order in (*orders.live.values(), *orders.finished.values())
        ):
            return True  # its own answer came while the others were on their way
        has_ids = self._around.broker.capability.idempotency is IdempotencyClass.UNIQUE_ID
        return any(
            not order.broker_order_id
            and (order.terms.symbol, order.terms.side) == (found.symbol, found.side)
            and (order.terms.oco_group is not None or (not has_ids and order.terms.quantity == found.quantity))
            for order in orders.live.values()
        )

    def _may_have_been_ours(self, found: BrokerOrder) -> bool:
        """Whether it may be an order of ours that was taken for not sent, and has come after all: those are asked for first.

        Only one of a linked pair can be that without being known by its id. It is adopted when asking has not found it for a while.
        """
        now_s = self._around.now_s()
        alike = [order for order in self._around.state.orders.finished.values() if _is_late_leg(order, found)]
        if not alike or now_s - self._late.setdefault(found.broker_order_id, now_s) >= ORPHAN_S:
            self._late.pop(found.broker_order_id, None)
            return False
        for order in alike:
            self._mark_unresolved(order.terms.client_order_id)
        return True


def _is_late_leg(order: Order, found: BrokerOrder) -> bool:
    terms = order.terms
    if order.state not in CLOSED or terms.oco_group is None or order.broker_order_id:
        return False
    same_side = (terms.symbol, terms.side, terms.order_type) == (found.symbol, found.side, found.order_type)
    same_prices = (terms.limit_price, terms.stop_price) == (found.limit_price, found.stop_price)
    return same_side and same_prices and found.quantity <= terms.quantity  # it shrinks as the other fills


def adopted_order(found: BrokerOrder, held: Sequence[BrokerFill] = ()) -> OrderAdopted:
    """The record that takes an order into the books; ``held`` are its executions that the account's holdings contain."""
    terms = OrderTerms(
        external_order_id(found.broker_order_id),
        EXTERNAL,
        found.symbol,
        found.side,
        found.quantity,
        found.order_type,
        found.time_in_force,
        found.limit_price,
        found.stop_price,
        notional=found.notional,
    )
    filled = sum((fill.quantity for fill in held), ZERO)
    worth = sum((fill.quantity * fill.price for fill in held), ZERO)
    names = tuple(fill.execution_id for fill in held)
    return OrderAdopted(terms, found.broker_order_id, Quantity(filled), Money(worth), names)
