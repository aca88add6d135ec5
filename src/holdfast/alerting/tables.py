"""The tables of alerts, in the observer's database."""

from typing import Any

import sqlalchemy as sa

from holdfast.core.types import NAME_LENGTH
from holdfast.errors import HoldfastError
from holdfast.journal.keeping import Keeping, Tables

VERSION = 1
SUBJECT, RULE, TARGET = 200, 32, 64
"""Lengths, in characters."""

metadata = sa.MetaData()
_COUNTED = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # SQLite counts up an INTEGER alone


def _table(name: str, *columns: sa.Column[Any] | sa.Index) -> sa.Table:
    return sa.Table(
        name, metadata, *columns, mysql_engine="InnoDB", mysql_charset="utf8mb4", mysql_collate="utf8mb4_bin"
    )


def _number(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _text(name: str, length: int, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length), nullable=nullable)


def _id() -> sa.Column[Any]:
    return sa.Column("id", _COUNTED, primary_key=True, autoincrement=True)


versions = _table("alert_version", sa.Column("version", sa.Integer, primary_key=True, autoincrement=False))

alerts = _table(
    "alerts",
    _id(),
    sa.Column("open_key", sa.String(400), nullable=True, unique=True),
    _text("rule", RULE),
    _text("account", NAME_LENGTH),
    _text("subject", SUBJECT),
    _text("level", 16),
    sa.Column("text", sa.Text, nullable=False),
    _number("opened_ns"),
    _number("resolved_ns", nullable=True),
    _number("acknowledged_ns", nullable=True),
    _text("acknowledged_by", 64),
    _number("told_ns", nullable=True),
    sa.Index("alerts_opened", "opened_ns"),
)
"""``open_key`` is the condition and its subject while it lasts, so that there is one alert of it. ``told_ns``: when messages were made of it."""

deliveries = _table(
    "alert_deliveries",
    _id(),
    _number("alert", nullable=True),
    _text("target", TARGET),
    _text("kind", 16),
    _text("level", 16),
    _text("title", 200),
    sa.Column("text", sa.Text, nullable=False),
    _number("created_ns"),
    _text("state", 16),
    sa.Column("tries", sa.Integer, nullable=False),
    _number("next_ns"),
    _number("ended_ns", nullable=True),
    sa.Column("error", sa.Text, nullable=False),
    sa.Index("alert_deliveries_state", "state", "next_ns"),
    sa.Index("alert_deliveries_alert", "alert"),
)
"""A message to a target: ``waiting``, ``trying`` (it is prepared, ``error`` names the process that does), ``leaving`` (it may have arrived), then ``sent``, ``failed``, ``unanswered`` or, told with others, ``merged``."""

silences = _table(
    "alert_silences",
    sa.Column("rule", sa.String(RULE), primary_key=True),
    sa.Column("account", sa.String(NAME_LENGTH), primary_key=True),
    _number("until_ns"),
    _text("made_by", 64),
)
"""``account`` is empty for all."""

marks = _table("alert_marks", sa.Column("name", sa.String(300), primary_key=True), _text("value", 64))
"""What was done last, such as the daily summary of an account."""


class AlertsError(HoldfastError):
    """The database of alerts can't be opened, read or written; nothing was changed."""


TABLES = Tables(metadata, versions, VERSION, "the observer's database", "observer", AlertsError)


def kept_at(url: str) -> Keeping:
    """The alerts at a database's URL."""
    return Keeping(url, TABLES)
