"""Which of a broker's orders are ours: by the id we gave, and by the id that the broker gave."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence

from holdfast.brokers.transport import OrderEvent
from holdfast.core.codec import is_external
from holdfast.core.messages import OrderTerms
from holdfast.core.orders.order import Order
from holdfast.core.types import ClientOrderId

REMEMBERED = 20_000
"""Orders known by the broker's id: late reports about older ones are left to reconciliation."""
UNMATCHED_KEPT = 1_000
"""Orders whose events are kept though nobody here knows them yet: a fill may come before the answer that gives the order's id."""


class KnownOrders:
    """Ids at both ends, the pairs, and the events that came too early."""

    def __init__(self) -> None:
        self._ours: OrderedDict[str, ClientOrderId] = OrderedDict()
        self._broker_ids: dict[ClientOrderId, str] = {}
        self._partners: dict[ClientOrderId, ClientOrderId] = {}
        self._groups: dict[str, list[OrderTerms]] = {}
        self._sent: OrderedDict[ClientOrderId, tuple[OrderTerms, int]] = OrderedDict()
        self._early: OrderedDict[str, list[OrderEvent]] = OrderedDict()
        self._unanswered: dict[ClientOrderId, None] = {}

    def sent(self, terms: OrderTerms, sent_ns: int) -> None:
        """An order of ours is on its way."""
        self._sent[terms.client_order_id] = terms, sent_ns
        if len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)
        if terms.oco_group is not None:
            members = self._groups.setdefault(terms.oco_group, [])
            members.append(terms)
            if len(members) > 1:
                first, second = (member.client_order_id for member in self._groups.pop(terms.oco_group))
                self._partners[first], self._partners[second] = second, first

    def await_answer(self, client_order_ids: Sequence[ClientOrderId]) -> None:
        """These orders leave: what looks like them at the broker may be them."""
        self._unanswered.update(dict.fromkeys(client_order_ids))

    def answered(self, client_order_ids: Sequence[ClientOrderId]) -> None:
        """What became of these orders is known, or known to be unknown."""
        for client_order_id in client_order_ids:
            self._unanswered.pop(client_order_id, None)

    @property
    def unanswered(self) -> Iterator[OrderTerms]:
        """The orders whose answers are awaited."""
        return (self._sent[key][0] for key in self._unanswered if key in self._sent)

    def forget(self, client_order_id: ClientOrderId) -> None:
        """An order never left after all, or is not there and never will be."""
        self._sent.pop(client_order_id, None)

    def restore(self, order: Order) -> None:
        """An order of an earlier run, or one that was adopted. What came early of it is asked for, by whoever adopts it."""
        self.sent(order.terms, order.released_ns)
        if order.broker_order_id:
            self.learn(order.broker_order_id, order.terms.client_order_id)

    def learn(self, broker_order_id: str, client_order_id: ClientOrderId) -> list[OrderEvent]:
        """The broker's id of an order of ours; the events about it that came before it was known.

        An adopted order that has turned out to be one of ours is that one from then on.
        """
        if not is_external(client_order_id) or broker_order_id not in self._ours:
            self._ours[broker_order_id] = client_order_id
        self._broker_ids[client_order_id] = broker_order_id
        if len(self._ours) > REMEMBERED:
            _, gone = self._ours.popitem(last=False)
            self._broker_ids.pop(gone, None)
            self._partners.pop(gone, None)
        return self._early.pop(broker_order_id, [])

    def find(self, broker_order_id: str, client_order_id: str) -> ClientOrderId | None:
        """Our id for an order of the broker's; None when it is not ours, or not known to be."""
        known = self._ours.get(broker_order_id)
        if known is not None:
            return known
        given = ClientOrderId(client_order_id)
        return given if given in self._sent else None

    def keep_early(self, event: OrderEvent) -> None:
        """Keep an event about an order that may turn out to be ours."""
        self._early.setdefault(event.broker_order_id, []).append(event)
        if len(self._early) > UNMATCHED_KEPT:
            self._early.popitem(last=False)

    def broker_id(self, client_order_id: ClientOrderId) -> str | None:
        """The broker's id of an order of ours, once it is known."""
        return self._broker_ids.get(client_order_id)

    def partner(self, client_order_id: ClientOrderId) -> ClientOrderId | None:
        """The other order of a pair."""
        return self._partners.get(client_order_id)

    def terms(self, client_order_id: ClientOrderId) -> OrderTerms | None:
        """The terms of an order of ours."""
        found = self._sent.get(client_order_id)
        return None if found is None else found[0]

    def sent_ns(self, client_order_id: ClientOrderId) -> int:
        """When an order of ours was sent; 0 when that isn't known."""
        found = self._sent.get(client_order_id)
        return 0 if found is None else found[1]
