"""Limits: used and allowed."""

from collections.abc import Iterator

from fastapi import APIRouter, Depends, Response

from holdfast.views.risk import LimitView, limits
from holdfast.web.answers import Account, rows_answer
from holdfast.web.auth.permissions import READ, may
from holdfast.web.context import Here, Web
from holdfast.web.downloads import Want
from holdfast.web.reading import WebReader
from holdfast.web.schemas import listed

router = APIRouter(tags=["risk"], dependencies=[Depends(may(READ))])


@router.get("/risk", responses=listed(LimitView))
def list_limits(web: Here, want: Want, account: Account = None) -> Response:
    """Every limit that is set, of each account and its strategies, with how much of it is used."""
    if want.is_file:
        return want.file(web, "risk", LimitView, lambda reader: _limits(web, reader, account))
    with web.reading.at_once() as reader:
        return rows_answer(reader, [*_limits(web, reader, account)])


def _limits(web: Web, reader: WebReader, account: str | None) -> Iterator[LimitView]:
    for name in web.recorded(reader, account):
        yield from limits(web.following.scratch(reader, name).state)
