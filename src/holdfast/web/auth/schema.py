"""The tables of the users' database. Secrets that only need to be recognised are kept as hashes.

A session's cookie, a refresh token, an API key and a recovery code are 128 bits of chance or more, so SHA-256 hides them well enough; a
password is chosen by a person and gets argon2id. The secret of a second factor, and that of a signing key, are needed to check what
comes: they are sealed where there is a secret store (`sealing.py`), and else kept as they are: nobody but the web process may read this database.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text

from holdfast.core.types import NAME_LENGTH

VERSION = 1
"""The schema's version. A database with a newer one is refused."""

NAME = 32
"""The longest name of a user, in characters."""
DIGEST = 64
"""SHA-256 in hexadecimal digits."""

metadata = MetaData()
_COUNTED = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up an INTEGER alone


def _table(name: str, *columns: Column[object] | Index) -> Table:
    return Table(name, metadata, *columns, mysql_engine="InnoDB", mysql_charset="utf8mb4", mysql_collate="utf8mb4_bin")


def _text(name: str, length: int, *, key: bool = False) -> Column[object]:
    return Column(name, String(length), primary_key=key, nullable=False)


def _number(name: str, *, key: bool = False, nullable: bool = False) -> Column[object]:
    return Column(name, BigInteger, primary_key=key, nullable=nullable, autoincrement=False)


versions = _table("web_version", Column("version", Integer, primary_key=True, autoincrement=False))

users = _table(
    "web_users",
    _text("name", NAME, key=True),
    _text("role", 16),
    _text("password", 255),
    _number("generation"),
    _number("created_ns"),
    _text("totp_secret", 64),
    _number("totp_on"),
    _number("totp_step"),
)
"""``generation`` counts changes of password and role: what was given out for an older one is void. ``totp_step`` is the last used."""

recovery_codes = _table("web_recovery_codes", _text("name", NAME, key=True), _text("code", DIGEST, key=True))

sessions = _table(
    "web_sessions",
    _text("token", DIGEST, key=True),
    _text("name", NAME),
    _number("generation"),
    _number("created_ns"),
    _number("seen_ns"),
    _text("address", 64),
    Index("web_sessions_name", "name"),
)

refresh_tokens = _table(
    "web_refresh_tokens",
    _text("token", DIGEST, key=True),
    _text("family", 32),
    _text("name", NAME),
    _number("generation"),
    _number("expires_ns"),
    _number("used_ns", nullable=True),
    Index("web_refresh_tokens_family", "family"),
    Index("web_refresh_tokens_name", "name"),
)

keys = _table(
    "web_keys",
    _text("prefix", 16, key=True),
    _text("name", NAME),
    _text("label", NAME_LENGTH),
    _text("kind", 16),
    _text("scopes", 64),
    _text("strategy", NAME_LENGTH),
    _text("secret", 128),
    _number("created_ns"),
    _number("used_ns", nullable=True),
    Index("web_keys_name", "name"),
)
"""``kind`` is ``bearer`` (``secret`` is a hash) or ``signing`` (it is the secret). ``strategy``: the only one it may signal; empty for any."""

sealed = _table(
    "web_sealed",
    _text("kind", 16, key=True),
    _text("id", 64, key=True),
    _text("name", NAME),
    Column("sealed", Text, nullable=False),
    Index("web_sealed_name", "name"),
)
"""Secrets that are encrypted: of a second factor by user, of a signing key by prefix; ``name`` is the owner."""

signed_requests = _table(
    "web_signed_requests",
    _text("prefix", 16, key=True),
    _text("id", 128, key=True),
    _number("expires_ns"),
    Index("web_signed_requests_expires", "expires_ns"),
)
"""The ids of signed requests that were taken, until their time stamp alone keeps them out."""

signals = _table(
    "web_signals",
    _text("account", NAME_LENGTH, key=True),
    _text("strategy", NAME_LENGTH, key=True),
    _text("alert", DIGEST, key=True),
    _text("body", DIGEST),
    _number("received_ns"),
    _text("command_id", 64),
    Index("web_signals_received", "received_ns"),
)
"""Signals that came, each with the command that it became."""

events = _table(
    "web_events",
    Column("id", _COUNTED, primary_key=True, autoincrement=True),
    _number("time_ns"),
    _text("who", 64),
    _text("address", 64),
    _text("action", 32),
    _text("target", 128),
    _text("outcome", 16),
    Column("text", Text, nullable=False),
    Index("web_events_time", "time_ns"),
)
"""Who did what to whom from where: logins, refusals, changes of users and keys."""
