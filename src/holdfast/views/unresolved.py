"""What nobody can say for sure: orders whose fate isn't known, orders of somebody else, and whether the broker has the same books."""

from decimal import Decimal

import msgspec

from holdfast.core.findings import BooksCompared, OrderOverdue
from holdfast.core.messages import OrderUnknown
from holdfast.core.orders.order import OrderState
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.types import SECOND_NS
from holdfast.journal.reader import OrderRow, Reader
from holdfast.views.orders import OrderView, order_row


class UnresolvedOrder(msgspec.Struct, frozen=True):
    """An order that may be at the broker or not."""

    order: OrderView
    """As it is in the books."""
    since_ns: int
    """Since when nobody knows, in nanoseconds since 1970."""
    age_s: float
    """For how long, by the account's last record."""
    overdue: str
    """Why it should be known by now; empty while the broker still has time."""
    reason: str
    """What went wrong as it was sent."""


class ComparedLine(msgspec.Struct, frozen=True):
    """A symbol in the books and at the broker."""

    symbol: str
    ours: Decimal
    theirs: Decimal
    agrees: bool
    cause: str
    """What can be told of where a difference comes from."""


class ComparisonView(msgspec.Struct, frozen=True):
    """The last recorded comparison of an account's books with its broker's. What agrees is compared all the time, and recorded when a person asks."""

    account: str
    """Whose they are."""
    time_ns: int | None
    """When it was made, in nanoseconds since 1970; None when never."""
    agree: bool | None
    """Whether all was the same; None when never compared."""
    cash: Decimal | None
    """What the books had, in the account's currency."""
    broker_cash: Decimal | None
    """What the broker had."""
    cause: str
    """What can be told of where a difference in cash comes from."""
    accepted: bool
    """Whether a person has taken over what the broker had."""
    lines: list[ComparedLine]
    """By symbol."""
    never: str
    """Why there is none; empty when there is one."""


class UnresolvedView(msgspec.Struct, frozen=True):
    """What isn't known of an account."""

    account: str
    orders: list[UnresolvedOrder]
    """The oldest first."""
    external: list[OrderView]
    """Orders of somebody else that may still trade."""
    compared: ComparisonView
    """The books beside the broker's."""


def unresolved(reader: Reader, account: str) -> UnresolvedView:
    """What isn't known of an account. Raises :class:`~holdfast.errors.InvalidValue` when the journal has no such account."""
    reader.account(account)
    last = reader.last_record(account)
    now_ns = last.time_ns if last is not None else 0
    live = reader.orders(account, live_only=True)
    unknown = sorted((row for row in live if row.state == OrderState.UNKNOWN), key=lambda row: row.updated_ns)
    overdue = _overdue(reader, account) if unknown else {}
    return UnresolvedView(
        account,
        [_unresolved(reader, row, overdue, now_ns) for row in unknown],
        [order_row(row) for row in live if row.strategy == EXTERNAL],
        comparison(reader, account),
    )


def comparison(reader: Reader, account: str) -> ComparisonView:
    """The last comparison with the broker."""
    record = reader.last_record(account, BooksCompared.__name__)
    if record is None or not isinstance(record.body, BooksCompared):
        why = (
            "no comparison is recorded: what agrees is recorded only where a person asks (`holdfast reconcile`), and an exchange in memory is part of "
            "the engine"
        )
        return ComparisonView(account, None, None, None, None, "", False, [], why)
    body = record.body
    lines = [ComparedLine(line.symbol, line.ours, line.theirs, line.agrees, line.cause) for line in body.lines]
    return ComparisonView(
        account, record.time_ns, body.agree, body.cash, body.broker_cash, body.cause, body.accepted, lines, ""
    )


def _overdue(reader: Reader, account: str) -> dict[str, str]:
    records = reader.records_of(account, (OrderOverdue,))
    return {
        record.body.client_order_id: record.body.reason for record in records if isinstance(record.body, OrderOverdue)
    }


def _unresolved(reader: Reader, row: OrderRow, overdue: dict[str, str], now_ns: int) -> UnresolvedOrder:
    newest = (record for record in reader.last_records(row.account, 200, OrderUnknown.__name__))
    since_ns, reason = row.updated_ns, row.reason
    for record in newest:
        if isinstance(record.body, OrderUnknown) and record.body.client_order_id == row.client_order_id:
            since_ns, reason = record.time_ns, record.body.reason
    age_s = max(0, now_ns - since_ns) / SECOND_NS
    return UnresolvedOrder(order_row(row), since_ns, age_s, overdue.get(row.client_order_id, ""), reason)
