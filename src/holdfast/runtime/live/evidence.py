"""What proves that an order never got to its broker: it depends on how orders are found there (`IdempotencyClass`)."""

from holdfast.brokers.capability import IdempotencyClass
from holdfast.brokers.port import BrokerFill
from holdfast.core.orders.order import Order
from holdfast.runtime.live.surroundings import OVERLAP_NS, Surroundings


class Evidence:
    """Judges what the broker shows apart from the order itself, which was asked for and not found."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self.kind = surroundings.broker.capability.idempotency

    @property
    def can_prove_absence(self) -> bool:
        """Whether anything the broker shows can prove that an order isn't there; if not, a person has to."""
        return self.kind is not IdempotencyClass.NOTHING

    def can_tell(self, order: Order) -> bool:
        """Whether an order at the broker can be told for this one, and not for one just like it.

        Where only terms and time tell, one that is over and never got an id of the broker's can't: what looks like it there is the
        order that came after it.
        """
        return self.can_prove_absence or not order.state.is_terminal or bool(order.broker_order_id)

    async def is_absent(self, order: Order) -> bool:
        """Whether everything that is to be asked says so. Raises Unavailable, AccessDenied.

        An id that is unique is proof by itself, ours or the broker's own. A label may have been dropped, so that orders, executions and the position
        have to agree that nothing like it is there.
        """
        if self.kind is IdempotencyClass.UNIQUE_ID or order.broker_order_id:
            return True
        return self.can_prove_absence and await self._nothing_like_it(order)

    async def _nothing_like_it(self, order: Order) -> bool:
        around, terms = self._around, order.terms
        for found in await around.broker.open_orders():
            same = (found.symbol, found.side, found.quantity) == (terms.symbol, terms.side, terms.quantity)
            if same and around.state.orders.find(found.client_order_id) is None:
                return False
        for fill in await around.broker.fills_since(order.created_ns - OVERLAP_NS):
            if (fill.symbol, fill.side) == (terms.symbol, terms.side) and not self._is_booked(fill):
                return False
        positions = (await around.broker.account()).positions
        theirs = sum(row.quantity for row in positions if row.symbol == terms.symbol)
        return theirs == around.state.portfolio.quantity(terms.symbol)

    def _is_booked(self, fill: BrokerFill) -> bool:
        """Whether the books have an execution. The order may be older than the snapshot of this start, and so may that be."""
        executions = self._around.executions
        if fill.execution_id in self._around.state.held_executions or executions.has(fill):
            return True
        executions.recall()
        return executions.has(fill)
