"""What trades cost, by Zerodha's own contract note: brokerage, taxes, the exchange's and the state's shares.

Charges go by an order's turnover, so they are known when the order is over, and are counted then. Zerodha takes them at the end of the day.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Any

from holdfast.adapters.zerodha.trading.wire import Row, decimal_of, fill_of, state_of, symbol_in
from holdfast.brokers.port import AtBroker
from holdfast.core.adjustments import AdjustmentKind, BrokerActivity
from holdfast.core.types import ZERO, ClientOrderId, Money

PRICE_STEP = Decimal("0.0000000001")
"""A mean price is rounded up to this: downwards, half a paisa of charges would become less than half."""
MOST_A_NOTE = 100
"""How many orders one question asks for."""

Note = Callable[[Sequence[Mapping[str, Any]]], Sequence[Row]]
"""Asks for a contract note; its rows are in the order of those asked for."""


class Charges:
    """What each order of the day cost. An order is asked for once: when it is over, nothing of it changes."""

    def __init__(self) -> None:
        self._activities: dict[str, BrokerActivity] = {}

    def of(self, book: Sequence[Row], trades: Sequence[Row], ask: Note) -> Sequence[BrokerActivity]:
        """Those of every order in the book that is over and has traded, oldest first."""
        by_order: defaultdict[str, list[Row]] = defaultdict(list)
        for trade in trades:
            by_order[str(trade["order_id"])].append(trade)
        over = [row for row in book if _is_over(row) and _is_whole(row, by_order[str(row["order_id"])])]
        new = [row for row in over if str(row["order_id"]) not in self._activities]
        for begin in range(0, len(new), MOST_A_NOTE):
            part = new[begin : begin + MOST_A_NOTE]
            answer = ask([_item(row, by_order[str(row["order_id"])]) for row in part])
            for row, note in zip(part, answer, strict=True):
                activity = _activity(row, by_order[str(row["order_id"])], note)
                self._activities[str(row["order_id"])] = activity
        return [self._activities[str(row["order_id"])] for row in over]


def _is_over(row: Row) -> bool:
    return state_of(row) is not AtBroker.WORKING and decimal_of(row.get("filled_quantity")) > 0


def _is_whole(row: Row, trades: Sequence[Row]) -> bool:
    """Whether the list of trades has all of an order: it may lag behind the book."""
    return sum((decimal_of(trade["quantity"]) for trade in trades), ZERO) == decimal_of(row["filled_quantity"])


def _item(row: Row, trades: Sequence[Row]) -> dict[str, Any]:
    quantity = decimal_of(row["filled_quantity"])
    turnover = sum((decimal_of(trade["quantity"]) * decimal_of(trade["average_price"]) for trade in trades), ZERO)
    names = ("order_id", "exchange", "tradingsymbol", "transaction_type", "variety", "product", "order_type")
    mean = (turnover / quantity).quantize(PRICE_STEP, ROUND_CEILING)
    return {name: row[name] for name in names} | {"quantity": int(quantity), "average_price": float(mean)}


def _activity(row: Row, trades: Sequence[Row], note: Row) -> BrokerActivity:
    order_id = str(row["order_id"])
    total = decimal_of(note["charges"]["total"])
    return BrokerActivity(
        activity_id=f"charges:{order_id}",
        time_ns=max(fill_of(trade, ClientOrderId("")).time_ns for trade in trades),
        kind=AdjustmentKind.FEE,
        symbol=symbol_in(row),
        amount=Money(-total),
        reason=f"charges of order {order_id}",
    )
