"""Keys of programs: one is shown once, and is for what its scopes say and no more than its owner may."""

import base64
import binascii
import hmac
import re
import secrets
from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple

import sqlalchemy as sa

from holdfast.core.types import SECOND_NS, check_name
from holdfast.errors import InvalidValue, Refused
from holdfast.web.auth import chance, schema
from holdfast.web.auth.permissions import PERMISSIONS, SCOPES, Permission, Role
from holdfast.web.auth.sealing import SIGNING
from holdfast.web.auth.store import Store
from holdfast.web.auth.users import By, User, find

PREFIX = 8
"""Characters by which a key is recognised."""
FORM = re.compile(rf"hf_([a-z0-9]{{{PREFIX}}})_([A-Za-z0-9_-]{{43}})")
SIGNING_START = "whsec_"
MOST = 100
"""How many keys one user may have."""
USED_EVERY_NS = 60 * SECOND_NS

_TABLE = schema.keys


class KeyKind(StrEnum):
    """How a key shows that it is there."""

    BEARER = "bearer"  # it is sent, in a header or, to the hooks, in the body
    SIGNING = "signing"  # it signs the request and is never sent


class Key(NamedTuple):
    """One key, without its secret."""

    prefix: str
    owner: str
    label: str
    kind: KeyKind
    scopes: frozenset[Permission]
    strategy: str
    created_ns: int
    used_ns: int | None


class Wanted(NamedTuple):
    """A key to be made."""

    owner: str
    label: str
    scopes: Collection[Permission]
    kind: KeyKind = KeyKind.BEARER
    strategy: str = ""
    """The only strategy that it may signal; empty for any."""


class Good(NamedTuple):
    """A key that was found good, its owner, and what both together permit."""

    key: Key
    user: User
    permissions: frozenset[Permission]


class Keys:
    """The keys of a store's users."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self, owner: str | None = None) -> list[Key]:
        """Every key, or those of a user, by prefix."""
        rows = sa.select(_TABLE).order_by(_TABLE.c.prefix)
        if owner is not None:
            rows = rows.where(_TABLE.c.name == owner)
        with self._store.reading() as connection:
            return [_key(row) for row in connection.execute(rows)]

    def add(self, wanted: Wanted, by: By) -> tuple[Key, str]:
        """Make a key; the text is shown this once. Raises InvalidValue, and Refused where its owner may not have it."""
        check_name("a key's label", wanted.label)
        scopes = frozenset(wanted.scopes)
        if not scopes or not scopes <= SCOPES.keys():
            raise InvalidValue(f"a key's scopes are one or more of {', '.join(SCOPES)}")
        if wanted.strategy:
            check_name("a strategy", wanted.strategy)
        prefix = chance.short(PREFIX)
        text, kept = _secret(wanted.kind, prefix)
        key = Key(prefix, wanted.owner, wanted.label, wanted.kind, scopes, wanted.strategy, self._store.now_ns(), None)
        with self._store.begin() as connection:
            owner = find(connection, wanted.owner)
            if owner is None:
                raise InvalidValue(f"there is no user {wanted.owner[:80]!r} who could own the key; make one first")
            beyond = [scope for scope in sorted(scopes) if SCOPES[scope] not in owner.permissions]
            if beyond:
                raise Refused(f"{owner.name} is {owner.role} and can't have a key with scope {', '.join(beyond)}")
            owned = sa.select(sa.func.count()).select_from(_TABLE).where(_TABLE.c.name == owner.name)
            if int(connection.execute(owned).scalar_one()) >= MOST:
                raise Refused(f"{owner.name} has {MOST} keys; remove one first")
            if wanted.kind is KeyKind.SIGNING:
                kept = self._store.sealing.keep(connection, (SIGNING, prefix), owner.name, kept)
            row = {"prefix": prefix, "name": key.owner, "label": key.label, "kind": key.kind, "secret": kept}
            row |= {"scopes": ",".join(sorted(scopes)), "strategy": key.strategy}
            connection.execute(sa.insert(_TABLE).values(row | {"created_ns": key.created_ns}))
            self._store.note(connection, by.event("key added", prefix, f"of {owner.name}: {row['scopes']}"))
        return key, text

    def remove(self, prefix: str, by: By, owner: str | None = None) -> None:
        """Remove a key, of this ``owner`` where one is given. Raises InvalidValue when there is none."""
        mine = _TABLE.c.prefix == prefix if owner is None else (_TABLE.c.prefix == prefix) & (_TABLE.c.name == owner)
        with self._store.begin() as connection:
            if not connection.execute(sa.delete(_TABLE).where(mine)).rowcount:
                raise InvalidValue(f"there is no key {prefix[:40]!r}; `holdfast web key list` shows them")
            self._store.sealing.forget(connection, (SIGNING, prefix))
            self._store.note(connection, by.event("key removed", prefix))

    def find(self, text: str) -> Good | None:
        """The key that a bearer's text is."""
        match = FORM.fullmatch(text)
        if match is None:
            return None
        found = self._row(match[1], KeyKind.BEARER)
        if found is None or not hmac.compare_digest(found[1], chance.digest(text)):
            return None
        self._note_use(found[0].key)
        return found[0]

    def signing(self, prefix: str) -> tuple[Good, str] | None:
        """A signing key by its prefix, and its secret: who asks proves it with a signature."""
        return self._row(prefix, KeyKind.SIGNING)

    def use_once(self, good: Good, request_id: str, expires_ns: int) -> bool:
        """Whether a signed request of that id comes for the first time; until ``expires_ns`` it can't come again."""
        table = schema.signed_requests
        row = {"prefix": good.key.prefix, "id": request_id, "expires_ns": expires_ns}
        same = (table.c.prefix == good.key.prefix) & (table.c.id == request_id)
        with self._store.begin() as connection:
            connection.execute(sa.delete(table).where(table.c.expires_ns <= self._store.now_ns()))
            if connection.execute(sa.select(table.c.id).where(same)).scalar() is not None:
                return False
            connection.execute(sa.insert(table).values(row))
        self._note_use(good.key)
        return True

    def _row(self, prefix: str, kind: KeyKind) -> tuple[Good, str] | None:
        with self._store.reading() as connection:
            rows = sa.select(_TABLE).where(_TABLE.c.prefix == prefix, _TABLE.c.kind == kind)
            row = connection.execute(rows).one_or_none()
            user = None if row is None else find(connection, str(row.name))
            if row is None or user is None:
                return None
            secret = str(row.secret)
            if kind is KeyKind.SIGNING:
                secret = self._store.sealing.read(connection, (SIGNING, prefix), secret)
        key = _key(row)
        return Good(key, user, _permitted(key, user.role)), secret

    def _note_use(self, key: Key) -> None:
        now_ns = self._store.now_ns()
        if now_ns - (key.used_ns or 0) >= USED_EVERY_NS:
            with self._store.begin() as connection:
                connection.execute(sa.update(_TABLE).where(_TABLE.c.prefix == key.prefix).values(used_ns=now_ns))


def _permitted(key: Key, role: Role) -> frozenset[Permission]:
    """What of a key's scopes its owner, as they are now, may give it."""
    return frozenset(scope for scope in key.scopes if SCOPES[scope] in PERMISSIONS[role])


def _secret(kind: KeyKind, prefix: str) -> tuple[str, str]:
    """What is shown, and what is kept of it."""
    if kind is KeyKind.SIGNING:
        text = SIGNING_START + base64.b64encode(secrets.token_bytes(32)).decode()
        return text, text
    text = f"hf_{prefix}_{chance.secret()}"
    return text, chance.digest(text)


def _key(row: sa.Row[tuple[object, ...]]) -> Key:
    scopes = frozenset(Permission(scope) for scope in row.scopes.split(","))
    return Key(row.prefix, row.name, row.label, KeyKind(row.kind), scopes, row.strategy, row.created_ns, row.used_ns)


def signing_bytes(secret: str) -> bytes:
    """The bytes that a signing key's text stands for. Raises :class:`~holdfast.errors.InvalidValue`."""
    try:
        return base64.b64decode(secret.removeprefix(SIGNING_START), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidValue(f"a signing key is {SIGNING_START} and base64") from None
