"""Orders and executions: the same values from a journal and from a backtest."""

from decimal import Decimal
from typing import Any

import msgspec

from holdfast.journal.reader import FillRow, OrderRow, Reader


class OrderView(msgspec.Struct, frozen=True):
    """An order: what was asked for, and what became of it so far."""

    account: str
    """Whose it is."""
    client_order_id: str
    """Our own id of it."""
    strategy: str
    """Which strategy asked; ``manual`` is a person, ``external`` somebody elsewhere."""
    symbol: str
    """What is traded."""
    side: str
    """``buy`` or ``sell``."""
    quantity: Decimal
    """How much was asked for, in units of the symbol."""
    filled_quantity: Decimal
    """How much has traded, in units of the symbol."""
    state: str
    """Where it stands in its life (docs/orders.md)."""
    order_type: str
    """``market``, ``limit``, ``stop`` and so on."""
    time_in_force: str
    """How long it works."""
    limit_price: Decimal | None
    """The worst price, in the symbol's currency."""
    stop_price: Decimal | None
    """Where it begins to work, in the symbol's currency."""
    trail_amount: Decimal | None
    """How far a trailing stop stays behind, in the symbol's currency."""
    trail_percent: Decimal | None
    """The same in percent."""
    average_fill_price: Decimal | None
    """The average of what has traded, to ten decimals, in the symbol's currency; None when nothing has."""
    fees: Decimal
    """What it has cost so far, in the account's currency."""
    role: str
    """What it is for: an entry, a protective leg."""
    parent: str | None
    """The order that it protects or follows."""
    oco_group: str | None
    """Orders of one group cancel each other."""
    stop_loss: Decimal | None
    """Where its position is to be closed at a loss, in the symbol's currency."""
    take_profit: Decimal | None
    """Where its position is to be closed at a profit, in the symbol's currency."""
    broker_order_id: str
    """The broker's id of it; empty until it is known."""
    created_ns: int
    """When it was made, in nanoseconds since 1970."""
    updated_ns: int
    """When something was last heard of it, in nanoseconds since 1970."""
    cancel_requested: bool
    """Whether a cancel may be at the broker."""
    reason: str
    """Why it ended as it did, as the broker or risk said."""
    tag: str
    """What the strategy noted."""


class FillView(msgspec.Struct, frozen=True):
    """One execution."""

    account: str
    """Whose it is."""
    client_order_id: str
    """Of which order."""
    execution_id: str
    """The same whichever way it was learnt."""
    strategy: str
    """Which strategy's."""
    symbol: str
    """What was traded."""
    side: str
    """``buy`` or ``sell``."""
    quantity: Decimal
    """How much, in units of the symbol."""
    price: Decimal
    """At which price, in the symbol's currency."""
    fees: Decimal
    """What it cost, in the account's currency."""
    time_ns: int
    """When, in nanoseconds since 1970."""


def orders(
    reader: Reader, account: str | None = None, *, live_only: bool = False, limit: int | None = None
) -> list[OrderView]:
    """Orders of one account or all, the newest first."""
    return [order_row(row) for row in reader.orders(account, live_only=live_only, limit=limit)]


def fills(reader: Reader, account: str | None = None, *, limit: int | None = None) -> list[FillView]:
    """Executions of one account or all, the newest first."""
    return [fill_row(row) for row in reader.fills(account, limit=limit)]


def order_row(row: OrderRow) -> OrderView:
    """An order of the journal."""
    return order_view(row.account, row, row)


def order_view(account: str, terms: Any, order: Any) -> OrderView:
    """``terms`` and ``order`` as `OrderTerms` and `Order` have their fields, or an `OrderRow` as both."""
    filled = order.filled_quantity
    return OrderView(
        account=account,
        client_order_id=terms.client_order_id,
        strategy=terms.strategy,
        symbol=terms.symbol,
        side=terms.side,
        quantity=order.quantity,
        filled_quantity=filled,
        state=order.state,
        order_type=terms.order_type,
        time_in_force=terms.time_in_force,
        limit_price=terms.limit_price,
        stop_price=terms.stop_price,
        trail_amount=terms.trail_amount,
        trail_percent=terms.trail_percent,
        average_fill_price=average(order.filled_notional, filled),
        fees=order.fees,
        role=terms.role,
        parent=terms.parent,
        oco_group=terms.oco_group,
        stop_loss=terms.stop_loss,
        take_profit=terms.take_profit,
        broker_order_id=order.broker_order_id,
        created_ns=getattr(order, "created_ns", None) or terms.created_ns,
        updated_ns=order.updated_ns,
        cancel_requested=bool(order.cancel_released_ns),
        reason=order.reason,
        tag=terms.tag,
    )


def average(notional: Decimal, quantity: Decimal) -> Decimal | None:
    """The average price of what has traded, to ten decimals; None when nothing has."""
    return round(notional / quantity, 10) if quantity else None


def fill_row(row: FillRow) -> FillView:
    """An execution of the journal."""
    return fill_view(row.account, row.strategy, row, row.time_ns)


def fill_view(account: str, strategy: str, fill: Any, time_ns: int) -> FillView:
    """``fill`` as `OrderFilled` or `FillRow` have its fields; ``time_ns`` is when it traded."""
    return FillView(
        account,
        fill.client_order_id,
        fill.execution_id,
        strategy,
        fill.symbol,
        fill.side,
        fill.quantity,
        fill.price,
        fill.fee,
        time_ns,
    )
