"""Leases that lapse, locks, claims on pending orders, and snapshots to restart from."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"

ACCOUNT = sa.String(64)
BYTES = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
MARIADB: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def _columns(kind: sa.types.TypeEngine[Any], *names: str, nullable: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=nullable) for name in names]


def upgrade() -> None:
    """Make them. MariaDB commits each definition by itself, so there this step may find a part of itself done."""
    again = op.get_bind().dialect.name == "mysql"
    for name in ("lease_ms", "renewals", "renewed_ns"):
        op.add_column(
            "accounts", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"), if_not_exists=again
        )
    op.create_table(
        "snapshots",
        *_columns(ACCOUNT, "account"),
        *_columns(sa.BigInteger(), "sequence"),
        *_columns(sa.String(64), "record_hash"),
        *_columns(sa.Integer(), "version"),
        *_columns(sa.String(64), "body_hash"),
        *_columns(BYTES, "body"),
        sa.PrimaryKeyConstraint("account", "sequence"),
        if_not_exists=again,
        **MARIADB,
    )
    op.create_table(
        "locks",
        *_columns(sa.String(128), "name"),
        *_columns(sa.String(64), "token"),
        *_columns(sa.BigInteger(), "fence", "expires_ms"),
        sa.PrimaryKeyConstraint("name"),
        if_not_exists=again,
        **MARIADB,
    )
    op.create_table(
        "claims",
        *_columns(ACCOUNT, "account"),
        *_columns(sa.String(128), "client_order_id"),
        *_columns(sa.String(128), "worker"),
        *_columns(sa.BigInteger(), "fence", "claimed_until_ms", "due_ms"),
        *_columns(sa.Integer(), "attempts"),
        *_columns(sa.String(512), "error"),
        sa.PrimaryKeyConstraint("account", "client_order_id"),
        if_not_exists=again,
        **MARIADB,
    )
    op.create_index("ix_claims_account_due_ms", "claims", ["account", "due_ms"], if_not_exists=again)
