"""The journal's tables, as the newest migration leaves them (a test compares the two)."""

from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator

from holdfast.core.types import NAME_LENGTH
from holdfast.errors import JournalCorrupt


class LONGTEXT(Text):
    """MariaDB's longest text, by the name that its dialect knows it by: the dialect itself is loaded where it is spoken."""

    __visit_name__ = "LONGTEXT"


class LONGBLOB(LargeBinary):
    """MariaDB's longest bytes, likewise."""

    __visit_name__ = "LONGBLOB"


LONG_TEXT = Text().with_variant(LONGTEXT(), "mysql", "mariadb")
LONG_BYTES = LargeBinary().with_variant(LONGBLOB(), "mysql", "mariadb")
MARIADB: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
"""Each table's, whatever the server's defaults are: transactions, all of Unicode, and "a" is not "A"."""

ID_LENGTH = 128
"""The longest id of an order, ours or one that a broker tells of, in characters."""

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
    return Column("account", String(NAME_LENGTH), nullable=False)


def _text(name: str, length: int) -> Column[str]:
    return Column(name, String(length), nullable=False)


def _long_text(name: str) -> Column[str]:
    return Column(name, LONG_TEXT, nullable=False)


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
    Column("lease_ms", BigInteger, nullable=False, server_default="0"),
    Column("renewals", BigInteger, nullable=False, server_default="0"),
    Column("renewed_ns", TIME, nullable=False, server_default="0"),
    PrimaryKeyConstraint("account"),
    **MARIADB,
)
"""One row an account: who has it (``process``, ``epoch``) and where its records end.

``renewals`` counts the commits of the process that has it: one that doesn't count on for ``lease_ms`` has lost the account (0:
it was let go in order). ``renewed_ns`` is that process's own wall clock at the last of them: for people, nothing goes by it.
"""

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
    _long_text("body"),
    _text("hash", 64),
    PrimaryKeyConstraint("account", "sequence"),
    **MARIADB,
)
"""All that happened, in order; never changed. ``hash`` covers the other columns and the hash before (`chain.py`)."""

orders = Table(
    "orders",
    metadata,
    _account(),
    _text("client_order_id", ID_LENGTH),
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
    _maybe_text("parent", ID_LENGTH),
    _maybe_text("oco_group", 64),
    _maybe_number("stop_loss"),
    _maybe_number("take_profit"),
    Column("expires_ns", TIME, nullable=True),
    _long_text("tag"),
    _time("created_ns"),
    _text("state", 32),
    _number("quantity"),
    _number("filled_quantity"),
    _number("filled_notional"),
    _number("fees"),
    _text("broker_order_id", ID_LENGTH),
    _long_text("reason"),
    _time("released_ns"),
    _time("cancel_released_ns"),
    _time("updated_ns"),
    PrimaryKeyConstraint("account", "client_order_id"),
    Index("ix_orders_created_ns", "created_ns"),
    **MARIADB,
)
"""One row an order: its terms (up to ``created_ns``) and what became of it so far."""

ORDER_PROGRESS = tuple(orders.columns.keys()[orders.columns.keys().index("created_ns") + 1 :])
"""The columns of an order that change after it was made."""

fills = Table(
    "fills",
    metadata,
    _account(),
    _text("execution_id", 255),
    _integer("sequence"),
    _text("client_order_id", ID_LENGTH),
    _text("strategy", 64),
    _text("symbol", 64),
    _text("side", 8),
    _number("quantity"),
    _number("price"),
    _number("fee"),
    _time("time_ns"),
    PrimaryKeyConstraint("account", "execution_id"),
    Index("ix_fills_account_sequence", "account", "sequence", unique=True),
    **MARIADB,
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
    **MARIADB,
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
    _long_text("body"),
    _text("status", 16),
    _long_text("text"),
    _long_text("client_order_ids"),
    PrimaryKeyConstraint("id"),
    Index("ix_commands_account_status", "account", "status"),
    **MARIADB,
)
"""What people asked for, and the engine's answer. ``client_order_ids`` is a JSON array."""

snapshots = Table(
    "snapshots",
    metadata,
    _account(),
    _integer("sequence"),
    _text("record_hash", 64),
    Column("version", Integer, nullable=False),
    _text("body_hash", 64),
    Column("body", LONG_BYTES, nullable=False),
    PrimaryKeyConstraint("account", "sequence"),
    **MARIADB,
)
"""The engine's state after record ``sequence``, whose hash is ``record_hash``: a restart reads on from there."""

locks = Table(
    "locks",
    metadata,
    _text("name", 128),
    _text("token", 64),
    _integer("fence"),
    _integer("expires_ms"),
    PrimaryKeyConstraint("name"),
    **MARIADB,
)
"""One row a lock that was ever taken. ``token`` is the holder's ("" for none), ``fence`` counts holders, ``expires_ms`` is the
database's own clock."""

claims = Table(
    "claims",
    metadata,
    _account(),
    _text("client_order_id", ID_LENGTH),
    _text("worker", 128),
    _integer("fence"),
    _integer("claimed_until_ms"),
    _integer("due_ms"),
    Column("attempts", Integer, nullable=False),
    _text("error", 512),
    PrimaryKeyConstraint("account", "client_order_id"),
    Index("ix_claims_account_due_ms", "account", "due_ms"),
    **MARIADB,
)
"""One row an order that needs looking into: who does so, until when (the database's clock), and when it is due again."""

posts = Table(
    "posts",
    metadata,
    _account(),
    _text("id", 200),
    _text("kind", 16),
    _long_text("text"),
    _text("target", 16),
    _text("state", 16),
    _text("post_id", 64),
    _long_text("reason"),
    _time("created_ns"),
    _time("updated_ns"),
    Column("attempts", Integer, nullable=False),
    PrimaryKeyConstraint("account", "id"),
    Index("ix_posts_created_ns", "created_ns"),
    **MARIADB,
)
"""One row a post that was to be sent, written before it is: ``id`` says of what it tells, ``post_id`` what its target calls it."""
