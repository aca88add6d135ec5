"""Users, and who did what: for admins."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Response

from holdfast.views.encode import as_json
from holdfast.web.answers import USUAL, Limit, json_answer
from holdfast.web.api import bodies
from holdfast.web.auth.depends import Private, TheAccess, by, by_hand
from holdfast.web.auth.permissions import ADMIN, Person
from holdfast.web.auth.users import User
from holdfast.web.errors import NotFound
from holdfast.web.schemas import answered, one, reference

router = APIRouter(tags=["users"])

Admin = Annotated[Person, Depends(by_hand(ADMIN))]
Name = Annotated[str, Path(max_length=64)]


class UserView(msgspec.Struct, frozen=True):
    """One user."""

    name: str
    role: str
    totp: bool
    """Whether a second factor is needed."""
    created_ns: int


class EventView(msgspec.Struct, frozen=True):
    """Something that was done, or refused."""

    number: int
    time_ns: int
    who: str
    address: str
    action: str
    target: str
    outcome: str
    """``done`` or ``refused``."""
    text: str


def _items(kind: type[msgspec.Struct]) -> dict[int | str, dict[str, object]]:
    items = {"type": "array", "items": reference(kind)}
    return answered({"type": "object", "required": ["items"], "properties": {"items": items}}, "The list.")


@router.get("/users", responses=_items(UserView))
def list_users(_: Admin, access: TheAccess) -> Response:
    """Every user."""
    return json_answer({"items": [as_json(_view(user)) for user in access.users.all()]})


@router.post("/users", responses=one(UserView), status_code=201)
def add_user(body: bodies.NewUser, person: Admin, _: Private, access: TheAccess) -> Response:
    """Make a user. From the first on, who must be an admin, everybody has to log in."""
    user = access.users.add(body.name, body.password, body.role, by(person))
    return json_answer(as_json(_view(user)), 201)


@router.delete("/users/{name}", status_code=204)
def remove_user(name: Name, person: Admin, access: TheAccess) -> Response:
    """Remove a user, with sessions, tokens and keys."""
    _require(access.users.find(name), name)
    access.users.remove(name, by(person))
    return Response(status_code=204)


@router.post("/users/{name}/role", status_code=204)
def set_role(name: Name, body: bodies.NewRole, person: Admin, access: TheAccess) -> Response:
    """Give another role; sessions and tokens end."""
    _require(access.users.find(name), name)
    access.users.set_role(name, body.role, by(person))
    return Response(status_code=204)


@router.post("/users/{name}/password", status_code=204)
def set_password(name: Name, body: bodies.NewPassword, person: Admin, _: Private, access: TheAccess) -> Response:
    """Give another password; sessions and tokens end."""
    _require(access.users.find(name), name)
    access.users.set_password(name, body.password, by(person))
    return Response(status_code=204)


@router.get("/access/events", responses=_items(EventView))
def list_events(
    _: Admin,
    access: TheAccess,
    limit: Limit = USUAL,
    before: Annotated[int | None, Query(ge=0, le=2**62, description="Those before this number.")] = None,
) -> Response:
    """Logins, refusals, and changes of users and keys, the newest first."""
    found = access.store.events(limit, before)
    return json_answer({"items": [as_json(EventView(number, time_ns, *event)) for number, time_ns, event in found]})


def _view(user: User) -> UserView:
    return UserView(user.name, user.role, user.totp, user.created_ns)


def _require(user: User | None, name: str) -> None:
    if user is None:
        raise NotFound(f"there is no user {name!r}")
