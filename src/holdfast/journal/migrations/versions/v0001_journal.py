"""The journal's first tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None

ACCOUNT = sa.String(64)
NUMBER = sa.String(64)  # exact decimals, as text
TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
MARIADB: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def _columns(kind: sa.types.TypeEngine[Any], *names: str, nullable: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=nullable) for name in names]


def _create_table(name: str, *parts: sa.schema.SchemaItem) -> None:
    op.create_table(name, *parts, if_not_exists=_repeats(), **MARIADB)


def _repeats() -> bool:
    """Whether this step may find a part of itself done: MariaDB commits each definition by itself."""
    return op.get_bind().dialect.name == "mysql"


def upgrade() -> None:
    """Make them."""
    _accounts_and_records()
    _orders()
    _fills_and_positions()
    _commands()


def _accounts_and_records() -> None:
    _create_table(
        "accounts",
        *_columns(ACCOUNT, "account"),
        *_columns(sa.String(16), "broker"),
        *_columns(sa.String(64), "broker_account_id", nullable=True),
        *_columns(sa.BigInteger(), "epoch"),
        *_columns(sa.String(32), "state"),
        *_columns(NUMBER, "cash"),
        *_columns(sa.BigInteger(), "last_sequence"),
        *_columns(sa.String(64), "last_hash"),
        *_columns(sa.BigInteger(), "cursor"),
        *_columns(sa.String(128), "process"),
        *_columns(sa.BigInteger(), "started_ns"),
        sa.PrimaryKeyConstraint("account"),
    )
    _create_table(
        "records",
        *_columns(ACCOUNT, "account"),
        *_columns(sa.BigInteger(), "sequence", "epoch", "cursor", "time_ns"),
        *_columns(sa.String(32), "type"),
        *_columns(sa.String(64), "event_id"),
        *_columns(sa.String(128), "correlation_id", "causation_id", "source"),
        *_columns(sa.String(16), "broker"),
        *_columns(sa.Integer(), "version"),
        *_columns(TEXT, "body"),
        *_columns(sa.String(64), "hash"),
        sa.PrimaryKeyConstraint("account", "sequence"),
    )


def _orders() -> None:
    _create_table(
        "orders",
        *_columns(ACCOUNT, "account"),
        *_columns(sa.String(128), "client_order_id"),
        *_columns(sa.String(64), "strategy", "symbol"),
        *_columns(sa.String(8), "side"),
        *_columns(sa.String(16), "order_type"),
        *_columns(sa.String(8), "time_in_force"),
        *_columns(NUMBER, "limit_price", "stop_price", "trail_amount", "trail_percent", nullable=True),
        *_columns(sa.String(16), "role"),
        *_columns(sa.String(128), "parent", nullable=True),
        *_columns(sa.String(64), "oco_group", nullable=True),
        *_columns(NUMBER, "stop_loss", "take_profit", nullable=True),
        *_columns(sa.BigInteger(), "expires_ns", nullable=True),
        *_columns(TEXT, "tag"),
        *_columns(sa.BigInteger(), "created_ns"),
        *_columns(sa.String(32), "state"),
        *_columns(NUMBER, "quantity", "filled_quantity", "filled_notional", "fees"),
        *_columns(sa.String(128), "broker_order_id"),
        *_columns(TEXT, "reason"),
        *_columns(sa.BigInteger(), "released_ns", "cancel_released_ns", "updated_ns"),
        sa.PrimaryKeyConstraint("account", "client_order_id"),
    )
    op.create_index("ix_orders_created_ns", "orders", ["created_ns"], if_not_exists=_repeats())


def _fills_and_positions() -> None:
    _create_table(
        "fills",
        *_columns(ACCOUNT, "account"),
        *_columns(sa.String(255), "execution_id"),
        *_columns(sa.BigInteger(), "sequence"),
        *_columns(sa.String(128), "client_order_id"),
        *_columns(sa.String(64), "strategy", "symbol"),
        *_columns(sa.String(8), "side"),
        *_columns(NUMBER, "quantity", "price", "fee"),
        *_columns(sa.BigInteger(), "time_ns"),
        sa.PrimaryKeyConstraint("account", "execution_id"),
    )
    op.create_index(
        "ix_fills_account_sequence", "fills", ["account", "sequence"], unique=True, if_not_exists=_repeats()
    )
    _create_table(
        "positions",
        *_columns(ACCOUNT, "account"),
        *_columns(sa.String(64), "strategy", "symbol"),
        *_columns(NUMBER, "quantity", "cost", "average_price", "realised", "fees"),
        sa.PrimaryKeyConstraint("account", "strategy", "symbol"),
    )


def _commands() -> None:
    _create_table(
        "commands",
        *_columns(sa.String(36), "id"),
        *_columns(ACCOUNT, "account"),
        *_columns(sa.String(128), "source"),
        *_columns(sa.BigInteger(), "created_ns"),
        *_columns(sa.BigInteger(), "expires_ns", nullable=True),
        *_columns(TEXT, "body"),
        *_columns(sa.String(16), "status"),
        *_columns(TEXT, "text", "client_order_ids"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_commands_account_status", "commands", ["account", "status"], if_not_exists=_repeats())
