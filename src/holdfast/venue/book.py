"""All orders of the venue: those at work, those under way to it, and a memory of those that are done."""

from bisect import insort
from collections import OrderedDict
from collections.abc import Sequence
from operator import attrgetter

from holdfast.core.types import NO_QUANTITY, ClientOrderId, Quantity
from holdfast.venue.market import Market
from holdfast.venue.order import NEVER_NS, InFlight, VenueOrder
from holdfast.venue.underway import UnderWay

REMEMBERED = 100_000
"""How many finished orders and linked groups are remembered: far more than can still be asked about, some 20 MB."""


_arrival = attrgetter("arrival_ns")


class OrderBook:
    """Who is where. It decides nothing."""

    def __init__(self) -> None:
        self.markets: dict[str, Market] = {}
        self.open: dict[ClientOrderId, VenueOrder] = {}
        self.in_flight: list[InFlight] = []
        self._finished: OrderedDict[ClientOrderId, None] = OrderedDict()
        self._groups: dict[str, list[VenueOrder]] = {}
        self._group_filled: OrderedDict[str, Quantity | None] = OrderedDict()
        self.under_way = UnderWay()

    def market(self, symbol: str) -> Market:
        """The market of a symbol, made when first asked for."""
        market = self.markets.get(symbol)
        if market is None:
            market = self.markets[symbol] = Market(symbol)
        return market

    def send(self, message: InFlight) -> None:
        """Puts a message on its way, behind those that arrive at the same time."""
        insort(self.in_flight, message, key=_arrival)

    def order_under_way(self, client_order_id: ClientOrderId) -> InFlight | None:
        """The order of that id, if it is still on its way."""
        for message in self.in_flight:
            if message.terms is not None and message.client_order_id == client_order_id:
                return message
        return None

    def is_finished(self, client_order_id: ClientOrderId) -> bool:
        """Whether an order of that id was here and is done, as far as memory goes."""
        return client_order_id in self._finished

    def add(self, order: VenueOrder) -> None:
        """The order works from now on."""
        self.open[order.terms.client_order_id] = order
        self.market(order.terms.symbol).add(order)
        if order.terms.oco_group is not None:
            self._groups.setdefault(order.terms.oco_group, []).append(order)

    def finish(self, order: VenueOrder) -> None:
        """The order is done, whether it was ever added or not."""
        order.done = True
        self.forget(order.terms.client_order_id)
        if self.open.pop(order.terms.client_order_id, None) is None:
            return
        self.markets[order.terms.symbol].orders.remove(order)
        group = order.terms.oco_group
        if group is not None:
            self._groups[group].remove(order)
            if not self._groups[group]:
                del self._groups[group]

    def forget(self, client_order_id: ClientOrderId) -> None:
        """Of this id only that it was used is remembered."""
        self._finished[client_order_id] = None
        if len(self._finished) > REMEMBERED:
            self._finished.popitem(last=False)

    def linked(self, order: VenueOrder) -> Sequence[VenueOrder]:
        """The other working orders of its OCO group."""
        members = self._groups.get(order.terms.oco_group or "", ())
        return [other for other in members if other is not order]

    def note_linked_fill(self, order: VenueOrder, group: str, quantity: Quantity) -> None:
        """Remembers a fill in an OCO group, for those of the group that are still to arrive."""
        before = self._group_filled.pop(group, NO_QUANTITY)
        over = before is None or order.remaining <= 0
        self._group_filled[group] = None if over or before is None else Quantity(before + quantity)
        if len(self._group_filled) > REMEMBERED:
            self._group_filled.popitem(last=False)

    def filled_in_group(self, group: str) -> Quantity | None:
        """What orders of an OCO group have filled so far; None once one of them has filled whole."""
        return self._group_filled.get(group, NO_QUANTITY)

    def first_due_ns(self) -> int:
        """The earliest arrival or expiry there is."""
        first = min((order.expires_ns for order in self.open.values()), default=NEVER_NS)
        return min(first, self.in_flight[0].arrival_ns) if self.in_flight else first
