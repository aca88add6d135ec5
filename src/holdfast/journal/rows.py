"""From messages to the tables' rows, as plain tuples in the order of the tables' columns."""

import hashlib
from typing import Final

from holdfast.core import snapshot
from holdfast.core.codec import encode_body
from holdfast.core.messages import Envelope, OrderFilled
from holdfast.core.orders.order import Order
from holdfast.journal.batch import PositionRow
from holdfast.journal.chain import link
from holdfast.journal.reader import OrderRow

Row = tuple[object, ...]

_COLUMNS: Final = OrderRow.__struct_fields__  # the table's, in its order (a test compares them)
_PROGRESS: Final = len(_COLUMNS) - _COLUMNS.index("created_ns") - 1  # what follows changes after the order was made
_KEY: Final = 2  # account and client_order_id come first


def record_row(envelope: Envelope, broker: str, previous: str) -> Row:
    """A row of ``records``; its last column is the record's hash, which ``previous`` goes into."""
    columns = (
        envelope.account,
        envelope.sequence,
        envelope.epoch,
        envelope.cursor,
        envelope.time_ns,
        envelope.type,
        envelope.id,
        envelope.correlation_id,
        envelope.causation_id,
        envelope.source,
        broker,
        envelope.version,
        encode_body(envelope.body).decode(),
    )
    return (*columns, link(previous, columns))


def order_row(account: str, order: Order) -> Row:
    """A row of ``orders``."""
    terms = order.terms
    return (
        account,
        terms.client_order_id,
        terms.strategy,
        terms.symbol,
        str(terms.side),
        str(terms.order_type),
        str(terms.time_in_force),
        _text(terms.limit_price),
        _text(terms.stop_price),
        _text(terms.trail_amount),
        _text(terms.trail_percent),
        str(terms.role),
        terms.parent,
        terms.oco_group,
        _text(terms.stop_loss),
        _text(terms.take_profit),
        terms.expires_ns,
        _from_outside(terms.tag),
        order.created_ns,
        str(order.state),
        str(order.quantity),
        str(order.filled_quantity),
        str(order.filled_notional),
        str(order.fees),
        _from_outside(order.broker_order_id),
        _from_outside(order.reason),
        order.released_ns,
        order.cancel_released_ns,
        order.updated_ns,
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _from_outside(text: str) -> str:
    """A text that a broker may have sent, without the one character that PostgreSQL can't keep."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def order_progress(row: Row) -> Row:
    """What an UPDATE of an order's row takes: the columns that change, then its key."""
    return row[-_PROGRESS:] + row[:_KEY]


def fill_row(envelope: Envelope, fill: OrderFilled, strategy: str) -> Row:
    """A row of ``fills``."""
    return (
        envelope.account,
        fill.execution_id,
        envelope.sequence,
        fill.client_order_id,
        strategy,
        fill.symbol,
        str(fill.side),
        str(fill.quantity),
        str(fill.price),
        str(fill.fee),
        envelope.time_ns,
    )


def snapshot_row(account: str, sequence: int, record_hash: str, body: bytes) -> Row:
    """A row of ``snapshots``."""
    return (account, sequence, record_hash, snapshot.VERSION, hashlib.sha256(body).hexdigest(), body)


def position_row(account: str, position: PositionRow) -> Row:
    """A row of ``positions``."""
    return (
        account,
        position.strategy,
        position.symbol,
        str(position.quantity),
        str(position.cost),
        str(position.average_price),
        str(position.realised),
        str(position.fees),
    )
