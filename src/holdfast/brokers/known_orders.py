"""Which of Alpaca's orders are ours: by the id we gave, and for the legs of pairs by the id that Alpaca gave."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from holdfast.core.messages import OrderTerms
from holdfast.core.orders.order import Order
from holdfast.core.types import ClientOrderId

REMEMBERED = 20_000
"""Orders known by Alpaca's id: late reports about older ones are left to reconciliation."""
UNMATCHED_KEPT = 1_000
"""Updates about orders that nobody here knows yet: a fill may come before the answer that gives the order's id."""


class KnownOrders:
    """Ids at both ends, the pairs, and the updates that came too early."""

    def __init__(self) -> None:
        self._ours: OrderedDict[str, ClientOrderId] = OrderedDict()
        self._broker_ids: dict[ClientOrderId, str] = {}
        self._partners: dict[ClientOrderId, ClientOrderId] = {}
        self._groups: dict[str, list[OrderTerms]] = {}
        self._sent: OrderedDict[ClientOrderId, OrderTerms] = OrderedDict()
        self._early: OrderedDict[str, list[dict[str, Any]]] = OrderedDict()

    def sent(self, terms: OrderTerms) -> None:
        """An order of ours is on its way."""
        self._sent[terms.client_order_id] = terms
        if len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)
        if terms.oco_group is not None:
            members = self._groups.setdefault(terms.oco_group, [])
            members.append(terms)
            if len(members) > 1:
                first, second = (member.client_order_id for member in self._groups.pop(terms.oco_group))
                self._partners[first], self._partners[second] = second, first

    def forget(self, client_order_id: ClientOrderId) -> None:
        """An order never left after all."""
        self._sent.pop(client_order_id, None)

    def restore(self, order: Order) -> None:
        """An order of an earlier run."""
        self.sent(order.terms)
        if order.broker_order_id:
            self.learn(order.broker_order_id, order.terms.client_order_id)

    def learn(self, broker_order_id: str, client_order_id: ClientOrderId) -> list[dict[str, Any]]:
        """Alpaca's id of an order of ours; the updates about it that came before it was known."""
        self._ours[broker_order_id] = client_order_id
        self._broker_ids[client_order_id] = broker_order_id
        if len(self._ours) > REMEMBERED:
            _, gone = self._ours.popitem(last=False)
            self._broker_ids.pop(gone, None)
            self._partners.pop(gone, None)
        return self._early.pop(broker_order_id, [])

    def find(self, broker_order_id: str, client_order_id: str) -> ClientOrderId | None:
        """Our id for an order of Alpaca's; None when it is not ours, or not known to be."""
        known = self._ours.get(broker_order_id)
        if known is not None:
            return known
        given = ClientOrderId(client_order_id)
        return given if given in self._sent else None

    def keep_early(self, broker_order_id: str, update: dict[str, Any]) -> None:
        """Keep an update about an order that may turn out to be ours."""
        self._early.setdefault(broker_order_id, []).append(update)
        if len(self._early) > UNMATCHED_KEPT:
            self._early.popitem(last=False)

    def broker_id(self, client_order_id: ClientOrderId) -> str | None:
        """Alpaca's id of an order of ours, once it is known."""
        return self._broker_ids.get(client_order_id)

    def partner(self, client_order_id: ClientOrderId) -> ClientOrderId | None:
        """The other order of a pair."""
        return self._partners.get(client_order_id)

    def terms(self, client_order_id: ClientOrderId) -> OrderTerms | None:
        """The terms of an order of ours."""
        return self._sent.get(client_order_id)


def pair_of(first: OrderTerms, second: OrderTerms) -> tuple[OrderTerms, OrderTerms]:
    """Stop-loss and take-profit of a pair, in that order."""
    return (first, second) if first.stop_price is not None else (second, first)


def ids_in(answer: dict[str, Any]) -> Sequence[str]:
    """Alpaca's ids in an order's answer: its own, then its legs'."""
    return [str(answer["id"]), *(str(leg["id"]) for leg in answer.get("legs") or ())]
