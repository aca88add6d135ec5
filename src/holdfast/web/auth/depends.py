"""What routes about users ask for, beside a permission."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request

from holdfast.web.auth.access import Access, caller_of
from holdfast.web.auth.caller import Caller, is_loopback
from holdfast.web.auth.permissions import LOCAL, READ, Permission, Person, may
from holdfast.web.auth.users import By
from holdfast.web.errors import Conflict, Forbidden


def _access(request: Request) -> Access:
    access = request.app.state.access
    assert isinstance(access, Access)  # noqa: S101 - create_app put it there
    return access


def _private(request: Request) -> Caller:
    """Where a request comes from that has a password or a token in it. Raises `Forbidden`."""
    caller = caller_of(request)
    fault = _access(request).fault_of_origin(request, caller)
    if fault:
        raise Forbidden(fault)
    if not (caller.is_tls or is_loopback(caller.address)):
        raise Forbidden("no password is taken over plain HTTP: serve through a proxy with TLS (docs/web-access.md)")
    return caller


def by_hand(permission: Permission) -> Callable[..., Awaitable[Person]]:
    """As `may`, for what no key may do: change users, keys and second factors."""

    async def allowed(person: Annotated[Person, Depends(may(permission))]) -> Person:
        if not person.is_at_hand:
            raise Forbidden("no key may do this: log in, or use a token")
        return person

    return allowed


async def _somebody(person: Annotated[Person, Depends(by_hand(READ))]) -> Person:
    if person.name == LOCAL:
        raise Conflict("there is no user yet: `holdfast web user add NAME --role admin` makes one")
    return person


def by(person: Person) -> By:
    """Who changes something, for the store."""
    return By(person.who, person.address)


TheAccess = Annotated[Access, Depends(_access)]
Private = Annotated[Caller, Depends(_private)]
User = Annotated[Person, Depends(_somebody)]
"""A user who asks for something about themself."""
