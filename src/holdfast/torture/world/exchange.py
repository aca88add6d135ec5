"""The broker at the other end: its true book, its matching, and what it tells.

It knows nothing of engines. Prices come from the market; an order fills whole or in parts as chance has it; orders of one
group cancel each other. What an answer or an event says is what was true when it was made.
"""

import copy
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum

import msgspec

from holdfast.brokers.port import AtBroker
from holdfast.core.messages import OrderTerms
from holdfast.core.types import SECOND_NS, ZERO, OrderType, Side

CASH = Decimal(100_000)
"""What the account begins with."""


Part = Callable[[Decimal], Decimal]
"""How much of what is left of an order fills at once."""


class Reception(msgspec.Struct, frozen=True):
    """What becomes of an order that was received: after how long it gets to the market, or is refused after all, for a reason."""

    after_s: float = 0.0
    refusal: str = ""


AT_ONCE = Reception()


class FrameKind(StrEnum):
    """What an event of the stream is about."""

    ACCEPTED = "accepted"
    FILL = "fill"
    REPLACED = "replaced"
    ENDED = "ended"
    BUST = "bust"


class TheirOrder(msgspec.Struct):
    """An order as the broker has it. ``client_id`` is the id it came with; what of it is shown is the broker's affair.

    ``shown_ns`` is from when questions show it. ``comes`` counts how often an order of this id came in.
    """

    id: str
    client_id: str
    symbol: str
    side: Side
    quantity: Decimal
    kind: OrderType
    limit: Decimal | None
    stop: Decimal | None
    group: str | None
    submitted_ns: int
    shown_ns: int
    state: AtBroker = AtBroker.WORKING
    filled: Decimal = ZERO
    updated_ns: int = 0
    reason: str = ""
    is_external: bool = False
    is_received: bool = False
    """Whether it is on its way to the market still: it was said to be there, and can't trade."""
    is_leg: bool = False
    """Whether it was sent as the leg of another: then it shows an id of the broker's own, and ours doesn't find it."""
    ordered: Decimal = ZERO
    """What it was sent with; ``quantity`` follows its linked order."""

    @property
    def shown_id(self) -> str:
        """The client's id as questions and events show it."""
        return f"leg-{self.id}" if self.is_leg else self.client_id

    @property
    def is_working(self) -> bool:
        """Whether it may trade."""
        return self.state is AtBroker.WORKING


class TheirFill(msgspec.Struct, frozen=True):
    """An execution: ``id`` is the order's and what was filled of it in all."""

    id: str
    order: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    time_ns: int


class Frame(msgspec.Struct, frozen=True):
    """An event as the stream tells it. ``total`` is the order's quantity then, ``filled`` what was filled in all."""

    kind: FrameKind
    order: str
    client_id: str
    symbol: str
    side: Side
    state: AtBroker
    total: Decimal
    filled: Decimal
    time_ns: int
    reason: str = ""
    fill: TheirFill | None = None


class Taken(msgspec.Struct, frozen=True):
    """The answer to an order that is there now, with its leg if it was sent with one."""

    order: str
    legs: tuple[str, ...] = ()


class Refusal(msgspec.Struct, frozen=True):
    """The answer to what was not done. ``is_duplicate``: an order of this id came before. ``is_absent``: there is no such order."""

    reason: str
    is_duplicate: bool = False
    is_absent: bool = False


class Exchange:
    """One account at the broker. ``part`` decides how much fills. ``unique_ids``: a client id is taken once. ``emit`` is given every event."""

    def __init__(self, part: Part, now_ns: Callable[[], int], *, unique_ids: bool) -> None:
        self.orders: dict[str, TheirOrder] = {}
        self.fills: list[TheirFill] = []
        self.cash = CASH
        self.positions: dict[str, Decimal] = {}
        self.prices: dict[str, Decimal] = {}
        self.lag_ns = 0
        """How long until questions show an order."""
        self.lost: dict[str, TheirOrder] = {}
        """Orders it once had and has forgotten."""
        self.emit: Callable[[Frame], None] = lambda _: None
        self.is_strict = False
        """Whether it refuses what could trade with another order of the account."""
        self.receive: Callable[[], Reception] = lambda: AT_ONCE
        """What becomes of an order that comes in."""
        self.later: Callable[[float, Callable[[], None]], object] = lambda _seconds, do: do()
        self._stale: list[TheirOrder] = []
        self._stale_until_ns = 0
        self.on_fill: Callable[[TheirOrder], None] = lambda _: None
        self.has_busted = False
        self.moves = 0
        """How often shares came or went without a trade."""
        self._part = part
        self.now_ns = now_ns
        self._unique_ids = unique_ids
        self._by_client: dict[str, TheirOrder] = {}
        self._count = 0

    # --- requests -----------------------------------------------------------------------------------------------------

    def submit(self, terms: OrderTerms, *legs: OrderTerms, is_external: bool = False) -> Taken | Refusal:
        """Take an order, or one with a leg that is linked to it."""
        if self._unique_ids and terms.client_order_id in self._by_client:
            return Refusal("client_order_id must be unique", is_duplicate=True)
        if self.is_strict and any(_could_trade(terms, order) for order in self.orders.values() if order.is_working):
            return Refusal("it could trade with another order of the account")
        order = self._take(terms, is_external=is_external)
        self._by_client[order.client_id] = order
        return Taken(order.id, tuple(self._take(leg, is_leg=True).id for leg in legs))

    def _take(self, terms: OrderTerms, *, is_external: bool = False, is_leg: bool = False) -> TheirOrder:
        self._count += 1
        now_ns = self.now_ns()
        order = TheirOrder(
            f"b{self._count:05d}",
            terms.client_order_id,
            terms.symbol,
            terms.side,
            terms.quantity,
            terms.order_type,
            terms.limit_price,
            terms.stop_price,
            terms.oco_group,
            now_ns,
            max(now_ns + self.lag_ns, self._stale_until_ns),
            updated_ns=now_ns,
            is_external=is_external,
            is_leg=is_leg,
            ordered=terms.quantity,
        )
        self.orders[order.id] = order
        self._tell(order, FrameKind.ACCEPTED)
        reception = AT_ONCE if is_external else self.receive()
        if reception is AT_ONCE:
            self._enter(order)
        else:
            order.is_received = True
            self.later(reception.after_s, lambda: self._enter(order, reception.refusal))
        return order

    def _enter(self, order: TheirOrder, refusal: str = "") -> None:
        """An order gets to the market, or doesn't after all; unless it was canceled on its way."""
        order.is_received = False
        if not order.is_working:
            return
        if refusal:
            self._end(order, AtBroker.REJECTED, refusal)
        elif self._is_group_over(order):
            self._end(order, AtBroker.CANCELED, "the linked order is over")
        elif order.kind is OrderType.MARKET:
            self._trade(order, self.prices[order.symbol])

    def cancel(self, order_id: str) -> Refusal | None:
        """Cancel an order; None when it is done."""
        order = self.orders.get(order_id)
        if order is None:
            return Refusal("there is no such order", is_absent=True)
        if not order.is_working:
            return Refusal(f"the order is {order.state} already")
        self._end(order, AtBroker.CANCELED, "asked for")
        return None

    def can_be_lost(self, order: TheirOrder) -> bool:
        """Whether it, and its leg with it, works and has not filled."""
        return (
            order.is_working and not order.is_received and not any(each.filled for each in (order, *self._legs(order)))
        )

    def forget(self, order: TheirOrder) -> None:
        """Lose an order and its leg, as if it had never come."""
        for each in (order, *self._legs(order)):
            self.lost[each.id] = self.orders.pop(each.id)
            self._by_client.pop(each.client_id, None)

    def _legs(self, order: TheirOrder) -> list[TheirOrder]:
        """What was sent as the leg of an order."""
        has_legs = order.group is not None and not order.is_leg
        return [other for other in self.orders.values() if has_legs and other.is_leg and other.group == order.group]

    def bust(self, fill: TheirFill) -> None:
        """Undo an execution: it is gone from the list, and its order has filled less."""
        order = self.orders[fill.order]
        self.has_busted = True
        self.fills.remove(fill)
        order.filled -= fill.quantity
        order.updated_ns = self.now_ns()
        self._book(fill, -1)
        self._tell(order, FrameKind.BUST, fill)

    def move(self, symbol: str, quantity: Decimal) -> None:
        """Shares come or go, signed, without a trade and without a word."""
        self.moves += 1
        self.positions[symbol] = self.positions.get(symbol, ZERO) + quantity

    # --- questions ----------------------------------------------------------------------------------------------------

    def shown(self) -> list[TheirOrder]:
        """Every order that questions show by now, as it is now, oldest first; of a stale book as it was."""
        now_ns = self.now_ns()
        if now_ns < self._stale_until_ns:
            return [copy.copy(order) for order in self._stale]
        return [copy.copy(order) for order in self.orders.values() if order.shown_ns <= now_ns]

    def be_stale(self, seconds: float) -> None:
        """From now on and for so long the book shows what it shows now."""
        self._stale, self._stale_until_ns = self.shown(), self.now_ns() + round(seconds * SECOND_NS)

    def be_fresh(self) -> None:
        """The book shows what there is."""
        self._stale_until_ns = 0

    def shown_of(self, client_id: str) -> list[TheirOrder]:
        """The order that came with an id, if questions show it by now."""
        order = self._by_client.get(client_id)
        return [] if order is None or order.shown_ns > self.now_ns() else [copy.copy(order)]

    def shown_leg_of(self, client_id: str) -> list[TheirOrder]:
        """The leg of the order that came with an id, if questions show it by now."""
        group = {order.group for order in self.shown_of(client_id) if order.group is not None}
        return [order for order in self.shown() if order.group in group and order.is_leg]

    # --- the market ---------------------------------------------------------------------------------------------------

    def on_price(self, symbol: str, price: Decimal) -> None:
        """The market trades at a price: so do orders that may."""
        self.prices[symbol] = price
        for order in [order for order in self.orders.values() if order.symbol == symbol and order.is_working]:
            if order.is_working and not order.is_received and _trades_at(order, price):
                self._trade(order, price)

    def go_on(self) -> None:
        """Trade at the last prices what is at the market: it never rests, though no price is new."""
        for order in list(self.orders.values()):
            if order.is_working and not order.is_received and order.kind is OrderType.MARKET:
                self._trade(order, self.prices[order.symbol])

    def _trade(self, order: TheirOrder, price: Decimal) -> None:
        """Fill what is left of an order, or a part of it."""
        rest = order.quantity - order.filled
        part = self._part(rest)
        order.filled += part
        order.updated_ns = self.now_ns()
        if order.filled == order.quantity:
            order.state = AtBroker.FILLED
        name = f"{order.id}:{order.filled}"
        fill = TheirFill(name, order.id, order.symbol, order.side, part, price, order.updated_ns)
        self.fills.append(fill)
        self._book(fill, 1)
        self._tell(order, FrameKind.FILL, fill)
        self.on_fill(order)
        for other in self._linked(order):
            if order.state is AtBroker.FILLED:
                self._end(other, AtBroker.CANCELED, "the linked order has filled")
            else:
                other.quantity -= part
                self._tell(other, FrameKind.REPLACED)

    def _book(self, fill: TheirFill, sign: int) -> None:
        signed = fill.quantity * fill.side.sign * sign
        self.positions[fill.symbol] = self.positions.get(fill.symbol, ZERO) + signed
        self.cash -= signed * fill.price

    def _linked(self, order: TheirOrder) -> list[TheirOrder]:
        if order.group is None:
            return []
        return [
            other
            for other in self.orders.values()
            if other.group == order.group and other is not order and other.is_working
        ]

    def _is_group_over(self, order: TheirOrder) -> bool:
        if order.group is None:
            return False
        others = [other for other in self.orders.values() if other.group == order.group and other is not order]
        return any(other.filled for other in others)

    def _end(self, order: TheirOrder, state: AtBroker, reason: str) -> None:
        order.state, order.reason, order.updated_ns = state, reason, self.now_ns()
        self._tell(order, FrameKind.ENDED)

    def _tell(self, order: TheirOrder, kind: FrameKind, fill: TheirFill | None = None) -> None:
        self.emit(
            Frame(
                kind,
                order.id,
                order.shown_id,
                order.symbol,
                order.side,
                order.state,
                order.quantity,
                order.filled,
                order.updated_ns,
                order.reason,
                fill,
            )
        )


def _could_trade(terms: OrderTerms, order: TheirOrder) -> bool:
    """Whether an order that comes in could trade with one that works: but for linked ones, and two limits that can't meet."""
    is_across = (order.symbol, order.side) == (terms.symbol, terms.side.opposite)
    if not is_across or order.group is not None or terms.oco_group is not None:
        return False
    if order.limit is None or terms.limit_price is None:
        return True
    return (terms.limit_price - order.limit) * terms.side.sign >= 0


def _trades_at(order: TheirOrder, price: Decimal) -> bool:
    if order.kind is OrderType.MARKET:
        return True
    if order.kind is OrderType.LIMIT and order.limit is not None:
        return price <= order.limit if order.side is Side.BUY else price >= order.limit
    if order.stop is not None:
        return price >= order.stop if order.side is Side.BUY else price <= order.stop
    return False
