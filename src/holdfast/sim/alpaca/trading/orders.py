"""All orders of one account: found by their ids, listed as clients ask."""

import bisect
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import msgspec

from holdfast.sim.alpaca.errors import not_found
from holdfast.sim.alpaca.trading.order import EXITS, Order, OrderClass, Status

APART_NS = 1_000
"""How far apart the times of an account's orders are at least, and those of its fills.

Bots page by the time of the last row they have, and Alpaca's own SDK cuts times to microseconds: what shared a
microsecond with that row would never be listed.
"""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What to list: Alpaca's own filters. Times are exclusive and on the time of submission."""

    status: str = "open"
    limit: int = 50
    after_ns: int | None = None
    until_ns: int | None = None
    ascending: bool = False
    nested: bool = False
    symbols: frozenset[str] | None = None
    side: str | None = None
    asset_classes: frozenset[str] | None = None
    before: Order | None = None
    after: Order | None = None


class Orders:
    """Every order the account ever had, in order of arrival; those that ended stay, as their ids stay used."""

    def __init__(self) -> None:
        self._by_id: dict[str, Order] = {}
        self._by_client_id: dict[str, Order] = {}
        self._all: list[Order] = []
        self._open: dict[str, Order] = {}
        self._open_of: dict[str, dict[str, Order]] = {}

    @property
    def next_sequence(self) -> int:
        """The place that the next order takes."""
        return self._all[-1].sequence + 1 if self._all else 1

    def next_created_ns(self, now_ns: int) -> int:
        """When the next order is said to have come: now, or `APART_NS` after the last one if that is later."""
        return max(now_ns, self._all[-1].created_ns + APART_NS) if self._all else now_ns

    def add(self, order: Order) -> None:
        """One more. Orders come in the order of their sequence."""
        self._by_id[order.id] = order
        self._by_client_id[order.client_order_id] = order
        self._all.append(order)
        if order.is_open:
            self._open[order.id] = order
            self._open_of.setdefault(order.symbol, {})[order.id] = order

    def close(self, order: Order) -> None:
        """It has ended."""
        self._open.pop(order.id, None)
        self._open_of.get(order.symbol, {}).pop(order.id, None)

    def forget(self, order: Order) -> None:
        """It never was."""
        self.close(order)
        del self._by_id[order.id]
        del self._by_client_id[order.client_order_id]
        self._all.remove(order)

    def has_client_id(self, client_order_id: str) -> bool:
        """Whether an order of that name was ever made."""
        return client_order_id in self._by_client_id

    def find(self, order_id: str) -> Order | None:
        """By the server's id."""
        return self._by_id.get(order_id)

    def get(self, order_id: str) -> Order:
        """By the server's id. Raises `ApiError` (404)."""
        order = self._by_id.get(order_id)
        if order is None:
            raise not_found(f"order not found for {order_id}")
        return order

    def by_client_id(self, client_order_id: str) -> Order:
        """By the client's id. Raises `ApiError` (404)."""
        order = self._by_client_id.get(client_order_id)
        if order is None:
            raise not_found(f"order not found for {client_order_id}")
        return order

    def all(self) -> Sequence[Order]:
        """Every order, in order of arrival."""
        return self._all

    def open(self) -> Sequence[Order]:
        """Those that may still fill, in order of arrival."""
        return tuple(self._open.values())

    def open_of(self, symbol: str) -> Iterable[Order]:
        """Those of one symbol that may still fill."""
        return self._open_of.get(symbol, {}).values()

    def legs(self, order: Order) -> list[Order]:
        """The exits that belong to an order."""
        return [self._by_id[leg_id] for leg_id in order.leg_ids if leg_id in self._by_id]

    def parent(self, order: Order) -> Order | None:
        """The order that an exit belongs to."""
        return None if order.parent_id is None else self._by_id.get(order.parent_id)

    def sibling(self, order: Order) -> Order | None:
        """The other exit of a pair."""
        if order.role not in EXITS:
            return None
        if order.order_class is OrderClass.OCO:
            return next(iter(self.legs(order)), None) if order.leg_ids else self.parent(order)
        parent = self.parent(order)
        others = [] if parent is None else [leg for leg in self.legs(parent) if leg is not order]
        return next(iter(others), None)

    def relink(self, old: Order, new: Order) -> list[Order]:
        """The new order takes the old one's place among its exits; returns the others that changed."""
        changed = self.legs(old)
        for leg in changed:
            leg.parent_id = new.id
        new.leg_ids, old.leg_ids = old.leg_ids, []
        parent = self.parent(old)
        if parent is not None:
            parent.leg_ids = [new.id if leg_id == old.id else leg_id for leg_id in parent.leg_ids]
            changed.append(parent)
        return changed

    def list(self, wanted: Listing) -> list[Order]:
        """What a client asked for, at most ``wanted.limit``."""
        return list(islice((order for order in self._run(wanted) if _matches(order, wanted)), wanted.limit))

    def _run(self, wanted: Listing) -> Iterator[Order]:
        """The orders in question, cut by time and in the direction wanted."""
        orders = self._open_and_parents(wanted.nested) if wanted.status == "open" else self._all
        first, last = 0, len(orders)
        if wanted.after_ns is not None:
            first = bisect.bisect_right(orders, wanted.after_ns, key=_created)
        if wanted.until_ns is not None:
            last = bisect.bisect_left(orders, wanted.until_ns, key=_created)
        if wanted.after is not None:
            first = bisect.bisect_right(orders, wanted.after.sequence, key=_sequence)
        if wanted.before is not None:
            last = bisect.bisect_left(orders, wanted.before.sequence, key=_sequence)
        indexes = range(first, last) if wanted.ascending else range(last - 1, first - 1, -1)
        return (orders[index] for index in indexes)

    def _open_and_parents(self, nested: bool) -> Sequence[Order]:
        """Those at work but not held; nested, an exit at work is shown by its parent, though that may have filled."""
        found = {name: order for name, order in self._open.items() if nested or order.status is not Status.HELD}
        if nested:
            parents = [self.parent(order) for order in self._open.values()]
            found |= {parent.id: parent for parent in parents if parent is not None}
        return sorted(found.values(), key=_sequence)


def _sequence(order: Order) -> int:
    return order.sequence


def _created(order: Order) -> int:
    return order.created_ns


def _matches(order: Order, wanted: Listing) -> bool:
    if wanted.status == "closed" and order.is_open:
        return False
    if wanted.nested and order.parent_id is not None:
        return False
    if wanted.symbols is not None and order.symbol not in wanted.symbols:
        return False
    if wanted.side is not None and order.side.value != wanted.side:
        return False
    return wanted.asset_classes is None or order.asset_class in wanted.asset_classes
