"""How positions are protected."""

from collections.abc import Iterator

from fastapi import APIRouter, Depends, Response

from holdfast.views.protection import ProtectionView, protection
from holdfast.web.answers import Account, rows_answer
from holdfast.web.auth.permissions import READ, may
from holdfast.web.context import Here, Web
from holdfast.web.downloads import Want
from holdfast.web.reading import WebReader
from holdfast.web.schemas import listed

router = APIRouter(tags=["protection"], dependencies=[Depends(may(READ))])


@router.get("/protection", responses=listed(ProtectionView))
def list_protection(web: Here, want: Want, account: Account = None) -> Response:
    """Every open position, with its exits and how much of it the broker is known to cover."""
    if want.is_file:
        return want.file(web, "protection", ProtectionView, lambda reader: _protection(web, reader, account))
    with web.reading.at_once() as reader:
        return rows_answer(reader, [*_protection(web, reader, account)])


def _protection(web: Web, reader: WebReader, account: str | None) -> Iterator[ProtectionView]:
    for name in web.recorded(reader, account):
        yield from protection(web.following.scratch(reader, name).state)
