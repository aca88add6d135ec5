"""The second factor of one's own login."""

import msgspec
from fastapi import APIRouter, Response
from starlette.concurrency import run_in_threadpool

from holdfast.web.answers import json_answer
from holdfast.web.api import bodies
from holdfast.web.auth.depends import Private, TheAccess, User, by
from holdfast.web.auth.login import Credentials
from holdfast.web.errors import Unauthorised
from holdfast.web.schemas import one

router = APIRouter(tags=["totp"])


class Enrolment(msgspec.Struct, frozen=True):
    """What a telephone needs; shown this once."""

    secret: str
    uri: str
    """The same as an address, for a picture."""


class RecoveryCodes(msgspec.Struct, frozen=True):
    """Each is good once in a code's place; shown this once."""

    recovery_codes: list[str]


@router.post("/totp", responses=one(Enrolment))
def enrol(person: User, access: TheAccess) -> Response:
    """Begin with a second factor. It counts once a first code was sent to `/totp/confirm`."""
    secret, uri = access.logins.second_factor.enrol(person.name)
    return json_answer(Enrolment(secret, uri))


@router.post("/totp/confirm", responses=one(RecoveryCodes))
async def confirm(body: bodies.Confirmed, person: User, caller: Private, access: TheAccess) -> Response:
    """Turn the second factor on."""
    codes = await access.logins.confirm(person.name, body.code, by(person), caller)
    if codes is None:
        raise Unauthorised("the code is wrong: check the telephone's clock, and take the newest code")
    return json_answer(RecoveryCodes(codes))


@router.post("/totp/remove", status_code=204)
async def remove(body: bodies.Removed, person: User, caller: Private, access: TheAccess) -> Response:
    """Turn the second factor off, with password and code."""
    await access.logins.check(Credentials(person.name, body.password, body.code), caller)
    await run_in_threadpool(access.logins.second_factor.remove, person.name, by(person))
    return Response(status_code=204)
