"""How an account did: the line of its worth, and what each strategy earned."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from holdfast.core.types import ZERO
from holdfast.views.encode import as_json
from holdfast.views.performance import CURVE, Performance, performance
from holdfast.web.answers import json_answer, rests_on
from holdfast.web.auth.permissions import READ, may
from holdfast.web.context import Here
from holdfast.web.schemas import one

router = APIRouter(tags=["accounts"], dependencies=[Depends(may(READ))])


@router.get("/accounts/{account}/performance", responses=one(Performance))
def get_performance(
    account: str,
    web: Here,
    points: Annotated[int, Query(ge=1, le=CURVE, description="Of the latest so many valuations.")] = 1000,
) -> Response:
    """The account's latest valuations, the oldest first, and what its strategies earned; nothing before its first start."""
    name = web.account(account).name
    with web.reading.at_once() as reader:
        is_known = any(row.account == name for row in reader.accounts())
        found = performance(reader, name, points) if is_known else Performance(name, None, [], [], ZERO)
        return json_answer(as_json(found) | rests_on(reader))
