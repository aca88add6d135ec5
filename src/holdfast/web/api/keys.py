"""Keys of programs: one's own, and everybody's for admins."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Path, Response

from holdfast.errors import InvalidValue
from holdfast.views.encode import as_json
from holdfast.web.answers import json_answer
from holdfast.web.api import bodies
from holdfast.web.auth.depends import Private, TheAccess, User, by, by_hand
from holdfast.web.auth.keys import Key, KeyKind, Wanted
from holdfast.web.auth.permissions import ADMIN, READ, Permission, Person
from holdfast.web.errors import Forbidden, NotFound
from holdfast.web.schemas import answered, one, reference

router = APIRouter(tags=["keys"])


class KeyView(msgspec.Struct, frozen=True):
    """One key, without its secret."""

    prefix: str
    """By which it is recognised: the key itself begins with ``hf_`` and this."""
    owner: str
    label: str
    kind: str
    """``bearer`` is sent, ``signing`` signs."""
    scopes: list[str]
    strategy: str
    """The only strategy that it may signal; empty for any."""
    created_ns: int
    used_ns: int | None
    """When it was last used, to a minute or so."""


class NewKeyView(msgspec.Struct, frozen=True):
    """A key that was made."""

    key: KeyView
    secret: str
    """The key itself; shown this once."""


LISTED = answered(
    {"type": "object", "required": ["items"], "properties": {"items": {"type": "array", "items": reference(KeyView)}}},
    "The list.",
)


@router.get("/keys", responses=LISTED)
def list_keys(person: Annotated[Person, Depends(by_hand(READ))], access: TheAccess) -> Response:
    """One's own keys; an admin sees everybody's."""
    owner = None if ADMIN in person.permissions else person.name
    return json_answer({"items": [as_json(_view(key)) for key in access.keys.all(owner)]})


@router.post("/keys", responses=one(NewKeyView), status_code=201)
def add_key(body: bodies.NewKey, person: User, _: Private, access: TheAccess) -> Response:
    """Make a key for oneself; an admin may for another `owner`."""
    owner = body.owner or person.name
    if owner != person.name and ADMIN not in person.permissions:
        raise Forbidden("only an admin makes keys for others")
    scopes = [Permission(scope) for scope in body.scopes]
    key, secret = access.keys.add(Wanted(owner, body.label, scopes, KeyKind(body.kind), body.strategy), by(person))
    return json_answer({"key": as_json(_view(key)), "secret": secret}, 201)


@router.delete("/keys/{prefix}", status_code=204)
def remove_key(prefix: Annotated[str, Path(max_length=64)], person: User, access: TheAccess) -> Response:
    """Remove a key of one's own; an admin, any. It is good no more from now on."""
    try:
        access.keys.remove(prefix, by(person), None if ADMIN in person.permissions else person.name)
    except InvalidValue as error:
        raise NotFound(str(error)) from None
    return Response(status_code=204)


def _view(key: Key) -> KeyView:
    scopes = [scope.value for scope in Permission if scope in key.scopes]
    return KeyView(key.prefix, key.owner, key.label, key.kind, scopes, key.strategy, key.created_ns, key.used_ns)
