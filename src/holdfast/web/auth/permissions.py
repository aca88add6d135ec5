"""What a route asks for, and who asks: ``Depends(may(READ))`` on every route."""

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Final, Protocol, cast

import msgspec
from fastapi import Request


class Permission(StrEnum):
    """What somebody may do."""

    READ = "read"
    TRADE = "trade"
    ADMIN = "admin"
    SIGNAL = "signal"
    """Hand in signals of strategies."""


READ, TRADE, ADMIN, SIGNAL = Permission.READ, Permission.TRADE, Permission.ADMIN, Permission.SIGNAL


class Role(StrEnum):
    """What a user is."""

    VIEWER = "viewer"
    TRADER = "trader"
    ADMIN = "admin"


PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({READ}),
    Role.TRADER: frozenset({READ, TRADE}),
    Role.ADMIN: frozenset({READ, TRADE, ADMIN}),
}

SCOPES: Mapping[Permission, Permission] = {READ: READ, TRADE: TRADE, SIGNAL: TRADE}
"""What a key may be for, and what its owner must be permitted for it: who hands in signals trades."""

LONGEST_SOURCE: Final = 128
LOCAL: Final = "local"
"""The name of whoever uses a web process that has no users, on its own machine."""


class Means(StrEnum):
    """How somebody showed who they are."""

    LOCAL = "local"  # by being on this machine, while there are no users
    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - a word, not one
    KEY = "key"
    SIGNATURE = "signature"


class Person(msgspec.Struct, frozen=True):
    """Who asks."""

    name: str
    """The user's name."""
    role: str
    """``viewer``, ``trader`` or ``admin``."""
    permissions: tuple[Permission, ...]
    """What they may do."""
    address: str
    """Where they are, as far as can be told."""
    means: Means = Means.LOCAL
    key: str = ""
    """The prefix of the key that stands for them."""
    strategy: str = ""
    """The only strategy that the key may signal; empty for any."""
    csrf: str = ""
    """What their writes have to bring; empty where none is needed."""
    totp: bool = False
    """Whether they log in with a second factor."""

    @property
    def who(self) -> str:
        """The name, and the key where one was used."""
        return f"{self.name}/{self.key}" if self.key else self.name

    @property
    def source(self) -> str:
        """What the journal says of who asked: 128 characters at most."""
        return f"web:{self.who}@{self.address}"[:LONGEST_SOURCE]

    @property
    def is_at_hand(self) -> bool:
        """Whether a person, or a program in a person's name, and not a key: only such may change users and keys."""
        return self.means in (Means.LOCAL, Means.SESSION, Means.TOKEN)


class Gate(Protocol):
    """Lets a request through, or not."""

    async def admit(self, request: Request, permission: Permission) -> Person:
        """Who asks, if they may. Raises :class:`~holdfast.web.errors.ApiError`."""


def may(permission: Permission) -> Callable[[Request], Awaitable[Person]]:
    """A dependency that lets through who has the permission, and gives back who it is."""

    async def allowed(request: Request) -> Person:
        return await cast(Gate, request.app.state.access).admit(request, permission)

    allowed.permission = permission  # type: ignore[attr-defined]  # a test reads it off each route
    return allowed
