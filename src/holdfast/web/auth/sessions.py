"""Sessions of browsers: a cookie that stands for a login."""

import hashlib
import hmac
from typing import NamedTuple

import sqlalchemy as sa

from holdfast.config.access import AccessConfig
from holdfast.core.types import SECOND_NS
from holdfast.web.auth import chance, schema
from holdfast.web.auth.store import Event, Store
from holdfast.web.auth.users import User, find

SECURE_COOKIE, PLAIN_COOKIE = "__Host-holdfast", "holdfast"
"""The session's cookie over TLS, where browsers can hold it to this very host, and on this machine without."""
SEEN_EVERY_NS = 30 * SECOND_NS
"""How exactly a session's last request is kept: a page that asks all the time must not write all the time."""

_TABLE = schema.sessions


class Session(NamedTuple):
    """A session that is good."""

    user: User
    csrf: str
    """What a request that changes something has to bring as ``X-CSRF-Token``."""


class Sessions:
    """The sessions of a store's users."""

    def __init__(self, store: Store, config: AccessConfig) -> None:
        self._store = store
        self._idle_ns = int(config.session_idle_s * SECOND_NS)
        self._longest_ns = int(config.session_s * SECOND_NS)

    def begin(self, user: User, address: str, before: str | None) -> str:
        """A new session's cookie. The one that the browser had ``before``, whoever gave it to it, ends."""
        token, now_ns = chance.secret(), self._store.now_ns()
        with self._store.begin() as connection:
            connection.execute(sa.delete(_TABLE).where(self._is_over(now_ns)))
            if before is not None:
                connection.execute(sa.delete(_TABLE).where(_TABLE.c.token == chance.digest(before)))
            row = {"name": user.name, "generation": user.generation, "address": address[:64]}
            row |= {"token": chance.digest(token), "created_ns": now_ns, "seen_ns": now_ns}
            connection.execute(sa.insert(_TABLE).values(row))
            self._store.note(connection, Event(user.name, address, "login", user.name))
        return token

    def find(self, token: str) -> Session | None:
        """The session of a cookie; None when it is over, or was never there."""
        now_ns = self._store.now_ns()
        hashed = chance.digest(token)
        with self._store.reading() as connection:
            row = connection.execute(
                sa.select(_TABLE).where(_TABLE.c.token == hashed, ~self._is_over(now_ns))
            ).one_or_none()
            user = None if row is None else find(connection, str(row.name))
        if row is None or user is None or user.generation != row.generation:
            return None
        if now_ns - row.seen_ns >= min(SEEN_EVERY_NS, self._idle_ns // 4):
            with self._store.begin() as connection:
                connection.execute(sa.update(_TABLE).where(_TABLE.c.token == hashed).values(seen_ns=now_ns))
        return Session(user, csrf_of(token))

    def end(self, token: str, address: str) -> None:
        """Log out."""
        hashed = chance.digest(token)
        with self._store.begin() as connection:
            name = connection.execute(sa.select(_TABLE.c.name).where(_TABLE.c.token == hashed)).scalar()
            connection.execute(sa.delete(_TABLE).where(_TABLE.c.token == hashed))
            if name is not None:
                self._store.note(connection, Event(str(name), address, "logout", str(name)))

    def _is_over(self, now_ns: int) -> sa.ColumnElement[bool]:
        return (_TABLE.c.seen_ns <= now_ns - self._idle_ns) | (_TABLE.c.created_ns <= now_ns - self._longest_ns)


def csrf_of(token: str) -> str:
    """What a page that may read this host's answers can know, and no other: made of the session, so it changes with it."""
    return hmac.new(token.encode("utf-8", "surrogatepass"), b"csrf", hashlib.sha256).hexdigest()
