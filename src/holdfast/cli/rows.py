"""Orders, fills and positions as the JSON of ``--json``: the same keys from a journal and from a backtest."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from holdfast.core.types import ZERO, iso_time, plain
from holdfast.journal.reader import AccountPosition, FillRow, OrderRow

Json = dict[str, Any]


def order_json(row: OrderRow) -> Json:
    """An order of the journal."""
    return order_fields(row.account, row, row)


def order_fields(account: str, terms: Any, order: Any) -> Json:
    """``terms`` and ``order`` as `OrderTerms` and `Order` have their fields, or an `OrderRow` as both."""
    filled = order.filled_quantity
    return {
        "account": account,
        "client_order_id": terms.client_order_id,
        "strategy": terms.strategy,
        "symbol": terms.symbol,
        "side": terms.side,
        "quantity": plain(order.quantity),
        "filled_quantity": plain(filled),
        "state": order.state,
        "order_type": terms.order_type,
        "time_in_force": terms.time_in_force,
        "limit_price": _price(terms.limit_price),
        "stop_price": _price(terms.stop_price),
        "trail_amount": _price(terms.trail_amount),
        "trail_percent": _price(terms.trail_percent),
        "average_fill_price": _price(average(order.filled_notional, filled)),
        "fees": plain(order.fees),
        "role": terms.role,
        "parent": terms.parent,
        "oco_group": terms.oco_group,
        "stop_loss": _price(terms.stop_loss),
        "take_profit": _price(terms.take_profit),
        "broker_order_id": order.broker_order_id,
        "created": iso_time(order_created(terms, order)),
        "updated": iso_time(order.updated_ns),
        "cancel_requested": bool(order.cancel_released_ns),
        "reason": order.reason,
        "tag": terms.tag,
    }


def order_created(terms: Any, order: Any) -> int:
    """When the order was made, in nanoseconds."""
    created: int = getattr(order, "created_ns", None) or terms.created_ns
    return created


def average(notional: Decimal, quantity: Decimal) -> Decimal | None:
    """The average price of what has filled, to ten decimals; None when nothing has."""
    return round(notional / quantity, 10) if quantity else None


def fill_json(row: FillRow) -> Json:
    """A fill of the journal."""
    return fill_fields(row.account, row.strategy, row, row.time_ns)


def fill_fields(account: str, strategy: str, fill: Any, time_ns: int) -> Json:
    """``fill`` as `OrderFilled` or `FillRow` have its fields."""
    return {
        "account": account,
        "client_order_id": fill.client_order_id,
        "execution_id": fill.execution_id,
        "strategy": strategy,
        "symbol": fill.symbol,
        "side": fill.side,
        "quantity": plain(fill.quantity),
        "price": plain(fill.price),
        "fees": plain(fill.fee),
        "time": iso_time(time_ns),
    }


def positions_json(rows: Iterable[AccountPosition]) -> list[Json]:
    """The accounts' positions that aren't flat, each with the strategies that hold it."""
    held = [row for row in rows if row.quantity != ZERO]
    return [
        {
            "account": line.account,
            **position_fields(line.symbol, line),
            "strategies": [
                {"strategy": row.strategy, **position_fields(row.symbol, row)}
                for row in held
                if row.strategy and (row.account, row.symbol) == (line.account, line.symbol)
            ],
        }
        for line in held
        if not line.strategy
    ]


def position_fields(symbol: str, book: Any) -> Json:
    """``book`` as `Ledger` or `PositionRow` have its fields."""
    return {
        "symbol": symbol,
        "quantity": plain(book.quantity),
        "average_price": plain(book.average_price),
        "cost": plain(book.cost),
        "realised": plain(book.realised),
        "fees": plain(book.fees),
    }


def _price(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
