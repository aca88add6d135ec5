"""Tokens of programs: a short-lived JWT for requests, and a refresh token that is good once."""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import jwt
import sqlalchemy as sa

from holdfast.config.access import AccessConfig
from holdfast.core.types import SECOND_NS
from holdfast.errors import ConfigError
from holdfast.telemetry.redact import protect
from holdfast.telemetry.secret import Secret
from holdfast.web.auth import chance, schema
from holdfast.web.auth.store import Event, Store
from holdfast.web.auth.users import User, find

VARIABLE = "JWT_SECRET_KEY"
SHORTEST = 32
"""Bytes of the key: as many as the signature has."""
MAKE_ONE = f"export {VARIABLE}=$(python3 -c 'import secrets; print(secrets.token_urlsafe(48))')"
ALGORITHM = "HS256"
ISSUER = AUDIENCE = "holdfast"
CLAIMS = ("exp", "iat", "iss", "aud", "sub", "typ", "gen", "fam")

_TABLE = schema.refresh_tokens


class Pair(NamedTuple):
    """What a program gets."""

    access: str
    refresh: str
    expires_s: int


class Reused(Exception):
    """A refresh token came that had been used: whoever has the newer one, or this one, has stolen it."""


def secret_key(environment: Mapping[str, str] = os.environ, configured: str | None = None) -> Secret | None:
    """The key that tokens are signed with, by the environment, else as ``configured``; None where there is none.

    Raises :class:`~holdfast.errors.ConfigError` for a weak one.
    """
    text = environment.get(VARIABLE, "") or str(configured or "")
    if not text:
        return None
    size = len(text.encode("utf-8", "surrogateescape"))
    if size < SHORTEST:
        raise ConfigError(f"{VARIABLE} has {size} bytes, and needs {SHORTEST} at least; make one: {MAKE_ONE}")
    if len(set(text)) < SHORTEST // 4:
        raise ConfigError(f"{VARIABLE} repeats a few characters and can be guessed; make one: {MAKE_ONE}")
    key = Secret(text)
    protect(key)
    return key


class Tokens:
    """The tokens of a store's users, signed with ``key``."""

    def __init__(self, store: Store, config: AccessConfig, key: Secret) -> None:
        self._store = store
        self._key = key
        self._token_s = int(config.token_s)
        self._refresh_ns = int(config.refresh_s * SECOND_NS)

    def begin(self, user: User, address: str) -> Pair:
        """A first pair, for a login."""
        with self._store.begin() as connection:
            self._store.note(connection, Event(user.name, address, "token", user.name))
            return self._pair(connection, user, chance.short(24))

    def refresh(self, token: str, address: str) -> Pair | None:
        """A new pair for a refresh token, which is used up; None when it is over or unknown.

        Raises `Reused` for one that was used up: then all that came of its login is void.
        """
        now_ns, hashed = self._store.now_ns(), chance.digest(token)
        with self._store.begin() as connection:
            row = connection.execute(sa.select(_TABLE).where(_TABLE.c.token == hashed)).one_or_none()
            user = None if row is None else find(connection, str(row.name))
            if row is None or user is None or row.expires_ns <= now_ns or row.generation != user.generation:
                return None
            unused = (_TABLE.c.token == hashed) & _TABLE.c.used_ns.is_(None)
            if connection.execute(sa.update(_TABLE).where(unused).values(used_ns=now_ns)).rowcount:
                return self._pair(connection, user, row.family)
            connection.execute(sa.delete(_TABLE).where(_TABLE.c.family == row.family))
            text = "a refresh token came twice: its login is void"
            self._store.note(connection, Event(user.name, address, "token reused", user.name, "refused", text))
        raise Reused

    def revoke(self, token: str, address: str) -> None:
        """End all that came of the login that a refresh token belongs to."""
        with self._store.begin() as connection:
            row = connection.execute(sa.select(_TABLE).where(_TABLE.c.token == chance.digest(token))).one_or_none()
            if row is not None:
                connection.execute(sa.delete(_TABLE).where(_TABLE.c.family == row.family))
                self._store.note(connection, Event(str(row.name), address, "token revoked", str(row.name)))

    def find(self, token: str) -> User | None:
        """The user of an access token; None when it is not good."""
        claims = self._claims(token)
        if claims is None:
            return None
        with self._store.reading() as connection:
            user = find(connection, claims["sub"])
            of_family = sa.select(_TABLE.c.token).where(_TABLE.c.family == claims["fam"]).limit(1)
            if user is None or connection.execute(of_family).scalar() is None:
                return None
        return user if user.generation == claims["gen"] else None

    def _claims(self, token: str) -> dict[str, Any] | None:
        """What a token says, if it is ours and in time, by the store's clock."""
        options: Any = {"require": list(CLAIMS), "verify_exp": False, "verify_iat": False}
        try:
            claims = jwt.decode(
                token, self._key.reveal(), algorithms=[ALGORITHM], audience=AUDIENCE, issuer=ISSUER, options=options
            )
        except (jwt.InvalidTokenError, ValueError, TypeError, RecursionError):
            return None
        now_s = self._store.now_ns() // SECOND_NS
        is_typed = all(isinstance(claims[name], int) for name in ("exp", "iat", "gen"))
        is_typed = is_typed and all(isinstance(claims[name], str) for name in ("sub", "fam"))
        is_ours = is_typed and claims["typ"] == "access" and claims["iat"] <= now_s + 1 and now_s < claims["exp"]
        return claims if is_ours else None

    def _pair(self, connection: sa.Connection, user: User, family: str) -> Pair:
        now_ns, refresh = self._store.now_ns(), chance.secret()
        connection.execute(sa.delete(_TABLE).where(_TABLE.c.expires_ns <= now_ns))
        row = {"token": chance.digest(refresh), "family": family, "name": user.name, "generation": user.generation}
        connection.execute(sa.insert(_TABLE).values(row | {"expires_ns": now_ns + self._refresh_ns, "used_ns": None}))
        now_s = now_ns // SECOND_NS
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": user.name, "typ": "access", "gen": user.generation}
        claims |= {"fam": family, "iat": now_s, "exp": now_s + self._token_s, "jti": chance.short(16)}
        return Pair(jwt.encode(claims, self._key.reveal(), ALGORITHM), refresh, self._token_s)
