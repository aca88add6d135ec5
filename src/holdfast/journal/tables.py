"""The journal's tables, as the newest migration leaves them (a test compares the two)."""

from decimal import Decimal, InvalidOperation

from sqlalchemy import BigInteger, Column, Dialect, Index, Integer, MetaData, PrimaryKeyConstraint, String, Table, Text
from sqlalchemy.types import TypeDecorator

from holdfast.errors import JournalCorrupt

ACCOUNT_LENGTH = 64
"""The longest account name, in characters."""

TIME = BigInteger  # nanoseconds since the Unix epoch, UTC


class ExactDecimal(TypeDecorator[Decimal]):
    """A Decimal kept as the text it prints as, never as a float."""

    impl = String(64)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, _: Dialect) -> str | None:
        """The text that is stored."""
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, _: Dialect) -> Decimal | None:
        """The number again. Raises :class:`~holdfast.errors.JournalCorrupt` when it isn't one."""
        try:
            return None if value is None else Decimal(value)
        except (InvalidOperation, TypeError):
            raise JournalCorrupt(f"the journal has {value!r} where a number should be; restore a backup") from None


def _account() -> Column[str]:
    return Column("account", String(ACCOUNT_LENGTH), nullable=False)


def _text(name: str, length: int) -> Column[str]:
    return Column(name, String(length), nullable=False)


def _maybe_text(name: str, length: int) -> Column[str | None]:
    return Column(name, String(length), nullable=True)


def _number(name: str) -> Column[Decimal]:
    return Column(name, ExactDecimal, nullable=False)


def _maybe_number(name: str) -> Column[Decimal]:
    return Column(name, ExactDecimal, nullable=True)


def _integer(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _time(name: str) -> Column[int]:
    return Column(name, TIME, nullable=False)


metadata = MetaData()

accounts = Table(
    "accounts",
    metadata,
    _account(),
    _text("broker", 16),
    _maybe_text("broker_account_id", 64),
    _integer("epoch"),
    _text("state", 32),
    _number("cash"),
    _integer("last_sequence"),
    _text("last_hash", 64),
    _integer("cursor"),
    _text("process", 128),
    _time("started_ns"),
    PrimaryKeyConstraint("account"),
)
"""One row an account: who has it (``process``, ``epoch``) and where its records end."""

records = Table(
    "records",
    metadata,
    _account(),
    _integer("sequence"),
    _integer("epoch"),
    _integer("cursor"),
    _time("time_ns"),
    _text("type", 32),
    _text("event_id", 64),
    _text("correlation_id", 128),
    _text("causation_id", 128),
    _text("source", 128),
    _text("broker", 16),
    Column("version", Integer, nullable=False),
    Column("body", Text, nullable=False),
    _text("hash", 64),
    PrimaryKeyConstraint("account", "sequence"),
)
"""All that happened, in order; never changed. ``hash`` covers the other columns and the hash before (`chain.py`)."""

orders = Table(
    "orders",
    metadata,
    _account(),
    _text("client_order_id", 32),
    _text("strategy", 64),
    _text("symbol", 64),
    _text("side", 8),
    _text("order_type", 16),
    _text("time_in_force", 8),
    _maybe_number("limit_price"),
    _maybe_number("stop_price"),
    _maybe_number("trail_amount"),
    _maybe_number("trail_percent"),
    _text("role", 16),
    _maybe_text("parent", 32),
    _maybe_text("oco_group", 64),
    _maybe_number("stop_loss"),
    _maybe_number("take_profit"),
    Column("expires_ns", TIME, nullable=True),
    _text("tag", 128),
    _time("created_ns"),
    _text("state", 32),
    _number("quantity"),
    _number("filled_quantity"),
    _number("filled_notional"),
    _number("fees"),
    _text("broker_order_id", 64),
    _text("reason", 512),
    _time("released_ns"),
    _time("cancel_released_ns"),
    _time("updated_ns"),
    PrimaryKeyConstraint("account", "client_order_id"),
    Index("ix_orders_created_ns", "created_ns"),
)
"""One row an order: its terms (up to ``created_ns``) and what became of it so far."""

ORDER_PROGRESS = tuple(orders.columns.keys()[orders.columns.keys().index("created_ns") + 1 :])
"""The columns of an order that change after it was made."""

fills = Table(
    "fills",
    metadata,
    _account(),
    _text("execution_id", 128),
    _integer("sequence"),
    _text("client_order_id", 32),
    _text("strategy", 64),
    _text("symbol", 64),
    _text("side", 8),
    _number("quantity"),
    _number("price"),
    _number("fee"),
    _time("time_ns"),
    PrimaryKeyConstraint("account", "execution_id"),
    Index("ix_fills_account_sequence", "account", "sequence", unique=True),
)
"""One row an execution, with the sequence of its record."""

positions = Table(
    "positions",
    metadata,
    _account(),
    _text("strategy", 64),
    _text("symbol", 64),
    _number("quantity"),
    _number("cost"),
    _number("average_price"),
    _number("realised"),
    _number("fees"),
    PrimaryKeyConstraint("account", "strategy", "symbol"),
)
"""One row a strategy and symbol, and one with strategy "" for the account's own line in the symbol."""

commands = Table(
    "commands",
    metadata,
    _text("id", 36),
    _account(),
    _text("source", 128),
    _time("created_ns"),
    Column("expires_ns", TIME, nullable=True),
    Column("body", Text, nullable=False),
    _text("status", 16),
    Column("text", Text, nullable=False),
    Column("client_order_ids", Text, nullable=False),
    PrimaryKeyConstraint("id"),
    Index("ix_commands_account_status", "account", "status"),
)
"""What people asked for, and the engine's answer. ``client_order_ids`` is a JSON array."""
