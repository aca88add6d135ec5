"""Posts that were sent, or were to be."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"

ACCOUNT = sa.String(64)
LONG_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
MARIADB: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def _columns(kind: sa.types.TypeEngine[Any], *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=False) for name in names]


def upgrade() -> None:
    """Make the table. MariaDB commits each definition by itself, so there this step may find a part of itself done."""
    again = op.get_bind().dialect.name == "mysql"
    op.create_table(
        "posts",
        *_columns(ACCOUNT, "account"),
        *_columns(sa.String(200), "id"),
        *_columns(sa.String(16), "kind"),
        *_columns(LONG_TEXT, "text"),
        *_columns(sa.String(16), "target", "state"),
        *_columns(sa.String(64), "post_id"),
        *_columns(LONG_TEXT, "reason"),
        *_columns(sa.BigInteger(), "created_ns", "updated_ns"),
        *_columns(sa.Integer(), "attempts"),
        sa.PrimaryKeyConstraint("account", "id"),
        if_not_exists=again,
        **MARIADB,
    )
    op.create_index("ix_posts_created_ns", "posts", ["created_ns"], if_not_exists=again)
