"""The version, and who asks."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Response

from holdfast import __version__
from holdfast.web.answers import json_answer, view_answer
from holdfast.web.auth.permissions import READ, Person, may
from holdfast.web.context import Here
from holdfast.web.schemas import one

router = APIRouter(tags=["about"])


class Version(msgspec.Struct, frozen=True):
    """What is served."""

    version: str
    """Holdfast's own."""
    build: str
    """Changes with the version and with any file of the page."""


class Me(msgspec.Struct, frozen=True):
    """Who asks, and what they may do."""

    name: str
    role: str
    permissions: list[str]
    csrf: str
    """To be sent back with every write; empty where none is needed."""
    demo: bool
    """Whether this is the demo, which has buttons of its own."""
    totp: bool
    """Whether they log in with a second factor."""


@router.get("/version", responses=one(Version))
def version(web: Here) -> Response:
    """What is served; the page loads itself again when ``build`` changes."""
    return view_answer(Version(__version__, web.build))


@router.get("/me", responses=one(Me))
def me(person: Annotated[Person, Depends(may(READ))], web: Here) -> Response:
    """Who asks."""
    permissions = [permission.value for permission in person.permissions]
    return json_answer(
        Me(person.name, person.role, permissions, person.csrf, demo=web.demo is not None, totp=person.totp)
    )
