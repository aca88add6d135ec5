"""Orders that were sent as one: what is learnt of one of a pair is told of the other.

Where `Capability.links_exits`, a take-profit and its stop-loss are one request: the broker has both or neither. The stop-loss is there
under an id of the broker's own, and is found by the order that it was sent with. So an answer "no such order" about it says
nothing any more once the other is there, however late that comes.
"""

from collections.abc import Callable
from typing import Protocol

from holdfast.core.messages import AnyBody, BrokerReport, OrderAccepted, OrderUnknown
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.types import ClientOrderId
from holdfast.runtime.live.surroundings import Surroundings

CLOSED = (OrderState.NOT_SENT, OrderState.FAILED)
"""States of an order that is taken never to have been at the broker."""


def sent_with(around: Surroundings, order: Order) -> Order | None:
    """The order that went to the broker as one with this one; None where it went alone."""
    group, book = order.terms.oco_group, around.state.orders
    if group is None or not around.broker.capability.links_exits:
        return None
    for orders in (book.live, book.finished):
        for other in reversed(orders.values()):
            if other is not order and other.terms.oco_group == group:
                return other
    return None


class Ask(Protocol):
    """Has an order asked for. ``anew``: what was found so far says nothing of how it is now."""

    def __call__(self, key: ClientOrderId, *, anew: bool) -> None:
        """Ask for it, soon."""


class LinkedOrders:
    """One account's. Shown every record; ``tell`` hands a report to the core in its turn."""

    def __init__(self, surroundings: Surroundings, ask: Ask, tell: Callable[[BrokerReport], None]) -> None:
        self._around = surroundings
        self._orders = surroundings.state.orders
        self._are_linked = surroundings.broker.capability.links_exits
        self._ask = ask
        self._tell = tell
        self._unanswered: set[ClientOrderId] = set()
        """Those that left and got no answer: once they are closed, only a proof can have closed them."""

    def see(self, body: AnyBody) -> None:
        """Take a record in: of an order that is at the broker, the one that it was sent with has to be asked for."""
        if not self._are_linked or not isinstance(body, OrderAccepted | OrderUnknown):
            return
        order = self._orders.find(body.client_order_id)
        if order is None or order.terms.oco_group is None:
            return
        if isinstance(body, OrderUnknown):
            self._unanswered.add(body.client_order_id)
            return
        self._unanswered.discard(body.client_order_id)
        other = sent_with(self._around, order)
        if other is not None and not other.broker_order_id:
            self._look_for(other)

    def _look_for(self, order: Order) -> None:
        """Ask for an order that has no id of the broker's yet. One that was closed by proof is unknown again, and live, until then."""
        key = order.terms.client_order_id
        if order.state in CLOSED and key in self._unanswered:
            self._tell(OrderUnknown(key, "the order that it was sent with is at the broker"))
        if order.state in (*CLOSED, OrderState.UNKNOWN):
            self._ask(key, anew=True)
