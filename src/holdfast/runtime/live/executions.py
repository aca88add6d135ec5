"""Every execution of late that the books have, to tell what the broker has and we don't, and the reverse."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

import msgspec

from holdfast.brokers.port import BrokerFill
from holdfast.core.codec import is_external
from holdfast.core.messages import AnyBody, BrokerReport, FillBusted, OrderFilled
from holdfast.core.orders.order import Order
from holdfast.core.portfolio.portfolio import BUST
from holdfast.core.types import NO_MONEY, ClientOrderId, Money, Price, Quantity, Side, plain
from holdfast.journal.reader import FillRow

REMEMBERED = 20_000
"""Executions: far more than any window that is asked for."""
_CORRECTED = "@"
"""In an execution's id: what follows is the price that it was corrected to."""


class Booked(msgspec.Struct, frozen=True):
    """An execution as the books have it; ``execution_id`` is the one it was booked under."""

    execution_id: str
    client_order_id: ClientOrderId
    symbol: str
    side: Side
    quantity: Quantity
    price: Price
    fee: Money = NO_MONEY
    time_ns: int = 0


class Executions:
    """By the broker's id. Shown every record that books one."""

    def __init__(self) -> None:
        self.count = 0
        """How many were taken in: whether there was one in between."""
        self._booked: OrderedDict[str, Booked] = OrderedDict()
        self._undone: set[str] = set()
        self.past: Callable[[], Sequence[FillRow]] = tuple
        """The journal's latest executions, newest first; see :meth:`recall`."""
        self._is_whole = False

    def see(self, body: AnyBody, time_ns: int = 0) -> None:
        """Take a record in, and when it was made."""
        if isinstance(body, OrderFilled | FillBusted):
            self.count += 1
        if isinstance(body, OrderFilled):
            self._booked[_key(body.execution_id)] = Booked(
                body.execution_id,
                body.client_order_id,
                body.symbol,
                body.side,
                body.quantity,
                body.price,
                body.fee,
                time_ns,
            )
            if len(self._booked) > REMEMBERED:
                self._booked.popitem(last=False)
        elif isinstance(body, FillBusted):
            self._booked.pop(_key(body.execution_id), None)
            self._undone.add(_key(body.execution_id))

    def restore(self, rows: Iterable[FillRow]) -> None:
        """Take in executions that were booked before, oldest first."""
        for row in rows:
            if row.execution_id.startswith(BUST):
                self._booked.pop(_key(row.execution_id.removeprefix(BUST)), None)
            else:
                self.see(fill_of(row), row.time_ns)

    def recall(self) -> int:
        """Take in what was booked before this run, once; when the oldest execution was booked, 0 for none."""
        if not self._is_whole:
            before = Executions()
            before.restore(reversed(self.past()))
            older = {name: row for name, row in before._booked.items() if name not in self._undone}
            self._booked = OrderedDict({**older, **self._booked})
            while len(self._booked) > REMEMBERED:
                self._booked.popitem(last=False)
            self._is_whole = True
        return min((row.time_ns for row in self._booked.values()), default=0)

    def has(self, fill: BrokerFill) -> bool:
        """Whether an execution is booked as the broker has it."""
        known = self._booked.get(fill.execution_id)
        return known is not None and (known.price, known.quantity) == (fill.price, fill.quantity)

    def gone(self, fills: Sequence[BrokerFill], since_ns: int, until_ns: int) -> set[ClientOrderId]:
        """The orders with an execution booked in a time that a list of the broker's, which covers that time, doesn't show."""
        there = {fill.execution_id for fill in fills}
        orders: set[ClientOrderId] = set()
        for name, row in self._booked.items():
            if since_ns <= row.time_ns <= until_ns and name not in there:
                orders.add(row.client_order_id)
        return orders

    def missing(self, order: Order, fills: Sequence[BrokerFill]) -> list[BrokerReport]:
        """What brings the books to the broker's executions of an order: new fills, corrections, busts.

        ``fills`` are all of the order's. What is booked under an order that was taken for somebody else's is taken over from there.
        """
        key = order.terms.client_order_id
        reports: list[BrokerReport] = []
        for fill in fills:
            known = self._booked.get(fill.execution_id)
            if known is not None:  # it may have been booked long after it happened
                self._booked[fill.execution_id] = msgspec.structs.replace(known, time_ns=fill.time_ns)
            if known is None and fill.execution_id not in order.execution_ids:
                reports.append(_filled(key, fill, fill.execution_id))
            elif (
                known is None and f"{BUST}{fill.execution_id}" in order.execution_ids
            ):  # undone here, and there after all
                again = _again(fill)
                reports += [_filled(key, fill, again)] if again not in order.execution_ids else []
            elif known is not None and is_external(known.client_order_id) and not is_external(key):
                reports += [_busted(known, f"it is an execution of {key}"), _filled(key, fill, _again(fill))]
            elif known is not None and (known.price, known.quantity) != (fill.price, fill.quantity):
                reports += [_busted(known, "corrected"), _filled(key, fill, _again(fill))]
        there = {fill.execution_id for fill in fills}
        gone = [row for name, row in self._booked.items() if row.client_order_id == key and name not in there]
        return [*(_busted(row, "the broker has it no more") for row in gone), *reports]


def fill_of(row: FillRow) -> OrderFilled:
    """The execution that a row of the journal tells of."""
    return OrderFilled(
        ClientOrderId(row.client_order_id),
        row.execution_id,
        row.symbol,
        row.side,
        Quantity(row.quantity),
        Price(row.price),
        Money(row.fee),
    )


def _key(execution_id: str) -> str:
    return execution_id.partition(_CORRECTED)[0]


def _again(fill: BrokerFill) -> str:
    """The id of an execution that is booked a second time, after it was undone here."""
    return f"{fill.execution_id}{_CORRECTED}{plain(fill.price)}"


def _filled(key: ClientOrderId, fill: BrokerFill, execution_id: str) -> OrderFilled:
    return OrderFilled(
        key,
        execution_id,
        fill.symbol,
        fill.side,
        fill.quantity,
        fill.price,
        broker_order_id=fill.broker_order_id,
    )


def _busted(row: Booked, reason: str) -> FillBusted:
    return FillBusted(
        row.client_order_id, row.execution_id, row.symbol, row.side, row.quantity, row.price, row.fee, reason
    )
