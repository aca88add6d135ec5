"""Which order of the book is ours. Kite knows no id of ours: an order carries a label, and the label may get lost.

An order is known by Kite's id once that was told; before that by its label, which is our id; and where the one that looks like it has no
label, by its terms and its time, if there is one such order there and one such order here, and no other. A trigger has no label ever: of several of
ours that are just alike and sent together, those that are there belong to the first of them, in the order in which they were made.
"""

from collections.abc import Iterable, Iterator, Sequence

from holdfast.adapters.zerodha.connection.times import parse_time_ns
from holdfast.adapters.zerodha.trading.triggers import VARIETY, is_trigger
from holdfast.adapters.zerodha.trading.wire import Row, decimal_of, key_of, product_of, side_of, symbol_in, tags_of
from holdfast.brokers.known_orders import KnownOrders
from holdfast.core.messages import OrderTerms
from holdfast.core.types import SECOND_NS, ClientOrderId

CLOCKS_NS = 2 * SECOND_NS
"""How much earlier than it was sent an order may be dated: the book counts whole seconds, and our clock is about the broker's."""


class Search:
    """One account's. ``doubtful`` are the orders that were sent, and of which no answer says what became of them.

    ``settle_s`` is after how long an order that was taken is in the book.
    """

    def __init__(self, known: KnownOrders, settle_s: float) -> None:
        self._known = known
        self._settle_ns = int(settle_s * SECOND_NS)
        self.doubtful: dict[ClientOrderId, OrderTerms] = {}

    def find(self, book: Sequence[Row], terms: OrderTerms) -> Row | None:
        """The row of an order of ours; None when the book shows none that is sure to be it."""
        key = terms.client_order_id
        known = self._known.broker_id(key)
        if known is not None:
            return next((row for row in book if str(row["order_id"]) == known), None)
        found = next((row for row in book if key in tags_of(row)), None)
        found = found or self._by_terms(book, terms)
        if found is not None:
            self.doubtful.pop(key, None)
        return found

    def _by_terms(self, book: Iterable[Row], terms: OrderTerms) -> Row | None:
        """The one order without a label, and without an owner, that looks like this one and came after it."""
        sent_ns = self._known.sent_ns(terms.client_order_id)
        if terms.client_order_id not in self.doubtful or not sent_ns:
            return None
        rivals = {other.client_order_id for other in self._rivals(terms, sent_ns) if _looks(other) == _looks(terms)}
        if rivals and not is_trigger(terms):
            return None
        alike = [row for row in book if self._is_nobodys(row) and _looks_there(row) == _looks(terms)]
        later = [row for row in alike if parse_time_ns(row["order_timestamp"]) >= sent_ns - CLOCKS_NS]
        place = sum(other < terms.client_order_id for other in rivals)
        return later[place] if place < len(later) <= len(rivals) + 1 else None

    def _rivals(self, terms: OrderTerms, sent_ns: int) -> Iterator[OrderTerms]:
        """Other orders that may be the one that is found. One that was sent long before or after is told from it by its time."""
        for other in (*self._known.unanswered, *self.doubtful.values()):
            apart_ns = abs(self._known.sent_ns(other.client_order_id) - sent_ns)
            if other.client_order_id != terms.client_order_id and apart_ns < self._settle_ns:
                yield other

    def _is_nobodys(self, row: Row) -> bool:
        return not key_of(row) and self._known.find(str(row["order_id"]), "") is None


def _looks(terms: OrderTerms) -> tuple[object, ...]:
    """What stays as it was sent: type and price of a market order are rewritten there, the limit of a trigger's order is not."""
    price = terms.limit_price if is_trigger(terms) else None
    return terms.symbol, terms.side, terms.quantity, product_of(terms).value, price


def _looks_there(row: Row) -> tuple[object, ...]:
    price = decimal_of(row["price"]) if row["variety"] == VARIETY else None
    return symbol_in(row), side_of(row), decimal_of(row["quantity"]), row.get("product"), price
