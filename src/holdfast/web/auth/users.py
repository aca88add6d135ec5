"""Users: their names, roles and passwords."""

import re
from typing import NamedTuple

import sqlalchemy as sa

from holdfast.errors import InvalidValue, Refused
from holdfast.web.auth import schema
from holdfast.web.auth.passwords import Passwords, check_new
from holdfast.web.auth.permissions import LOCAL, PERMISSIONS, Permission, Role
from holdfast.web.auth.store import Event, Store

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_TABLE = schema.users
OF_USERS = (schema.recovery_codes, schema.sessions, schema.refresh_tokens, schema.keys, schema.sealed)
"""What goes with a user."""


class User(NamedTuple):
    """One user, without anything secret."""

    name: str
    role: Role
    generation: int
    created_ns: int
    totp: bool

    @property
    def permissions(self) -> frozenset[Permission]:
        """What the role permits."""
        return PERMISSIONS[self.role]


class By(NamedTuple):
    """Who changes something, and from where."""

    who: str
    address: str

    def event(self, action: str, target: str, text: str = "") -> Event:
        """The event that they did it."""
        return Event(self.who, self.address, action, target, text=text)


class Users:
    """The users of a store. Every change is kept with who made it."""

    def __init__(self, store: Store, passwords: Passwords) -> None:
        self._store = store
        self._passwords = passwords

    def exist(self) -> bool:
        """Whether there is any user."""
        with self._store.reading() as connection:
            return connection.execute(sa.select(_TABLE.c.name).limit(1)).scalar() is not None

    def all(self) -> list[User]:
        """Every user, by name."""
        with self._store.reading() as connection:
            return [_user(row) for row in connection.execute(sa.select(_TABLE).order_by(_TABLE.c.name))]

    def find(self, name: str) -> User | None:
        """The user of that name."""
        with self._store.reading() as connection:
            return find(connection, name)

    def add(self, name: str, password: str, role: Role, by: By) -> User:
        """Make a user. The first must be an admin. Raises InvalidValue, and Refused when there is one of that name."""
        if not _NAME.fullmatch(name):
            raise InvalidValue(
                f"a user's name has up to {schema.NAME} small letters, digits, dots, hyphens and underscores, not {name[:80]!r}"
            )
        if name == LOCAL:
            raise InvalidValue(
                f"a user's name is not {LOCAL!r}: so the journal calls who asks without a login; take another"
            )
        hashed = self._passwords.hash(check_new(name, password))
        now_ns = self._store.now_ns()
        user = User(name, role, 1, now_ns, False)
        with self._store.begin() as connection:
            if find(connection, name) is not None:
                raise Refused(f"there is a user {name} already; `holdfast web user passwd {name}` changes the password")
            if role is not Role.ADMIN and not _admins(connection):
                raise Refused("the first user must be an admin: who else would make the others")
            row = {"role": role, "password": hashed, "generation": 1, "created_ns": now_ns}
            connection.execute(sa.insert(_TABLE).values(name=name, totp_secret="", totp_on=0, totp_step=0, **row))
            self._store.note(connection, by.event("user added", name, role))
        return user

    def remove(self, name: str, by: By, *, even_last: bool = False) -> None:
        """Remove a user with sessions, tokens and keys. Raises Refused for the last admin.

        ``even_last``: the last user of all may go; then nobody needs to log in, on this machine alone.
        """
        with self._store.begin() as connection:
            user = _required(connection, name)
            if _is_last_admin(connection, user) and not (even_last and _number(connection) == 1):
                raise Refused(f"{name} is the last admin; make another one first")
            for table in OF_USERS:
                connection.execute(sa.delete(table).where(table.c.name == name))
            connection.execute(sa.delete(_TABLE).where(_TABLE.c.name == name))
            self._store.note(connection, by.event("user removed", name))

    def set_role(self, name: str, role: Role, by: By) -> None:
        """Give another role; sessions and tokens end. Raises Refused for the last admin."""
        with self._store.begin() as connection:
            user = _required(connection, name)
            if role is not Role.ADMIN and _is_last_admin(connection, user):
                raise Refused(f"{name} is the last admin; make another one first")
            self._renew(connection, user, role=role)
            self._store.note(connection, by.event("role changed", name, f"{user.role} to {role}"))

    def set_password(self, name: str, password: str, by: By) -> None:
        """Give another password; sessions and tokens end. Raises InvalidValue."""
        hashed = self._passwords.hash(check_new(name, password))
        with self._store.begin() as connection:
            self._renew(connection, _required(connection, name), password=hashed)
            self._store.note(connection, by.event("password changed", name))

    def password_matches(self, name: str, password: str) -> bool:
        """Whether it is the user's. Takes the same time for a name that nobody has."""
        with self._store.reading() as connection:
            kept = connection.execute(sa.select(_TABLE.c.password).where(_TABLE.c.name == name)).scalar()
        right = self._passwords.matches(password, kept)
        if right and self._passwords.is_outdated(kept or ""):
            hashed = self._passwords.hash(password)
            with self._store.begin() as connection:  # the price has changed, the password has not
                same = (_TABLE.c.name == name) & (_TABLE.c.password == kept)
                connection.execute(sa.update(_TABLE).where(same).values(password=hashed))
        return right

    @staticmethod
    def _renew(connection: sa.Connection, user: User, **values: str) -> None:
        """Write ``values``, and make void what was given out before."""
        changed = sa.update(_TABLE).where(_TABLE.c.name == user.name)
        connection.execute(changed.values(generation=user.generation + 1, **values))
        for table in (schema.sessions, schema.refresh_tokens):
            connection.execute(sa.delete(table).where(table.c.name == user.name))


def find(connection: sa.Connection, name: str) -> User | None:
    """The user of that name, in a transaction."""
    row = connection.execute(sa.select(_TABLE).where(_TABLE.c.name == name)).one_or_none()
    return None if row is None else _user(row)


def _required(connection: sa.Connection, name: str) -> User:
    user = find(connection, name)
    if user is None:
        raise InvalidValue(f"there is no user {name[:80]!r}; `holdfast web user list` shows them")
    return user


def _user(row: sa.Row[tuple[object, ...]]) -> User:
    return User(row.name, Role(row.role), row.generation, row.created_ns, bool(row.totp_on))


def _admins(connection: sa.Connection) -> int:
    """How many there are. On a server nobody else changes one until this transaction is over: two who each take the other away must not both find two."""
    admins = sa.select(_TABLE.c.name).where(_TABLE.c.role == Role.ADMIN).order_by(_TABLE.c.name)
    return len(connection.execute(admins.with_for_update()).all())


def _number(connection: sa.Connection) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(_TABLE)).scalar_one())


def _is_last_admin(connection: sa.Connection, user: User) -> bool:
    return user.role is Role.ADMIN and _admins(connection) == 1
