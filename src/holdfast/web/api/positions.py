"""What is held."""

from fastapi import APIRouter, Depends, Response

from holdfast.views.holdings import HeldView
from holdfast.views.positions import PositionView, positions
from holdfast.web.answers import Account, items_answer
from holdfast.web.auth.permissions import READ, may
from holdfast.web.context import Here
from holdfast.web.downloads import Want
from holdfast.web.schemas import listed

router = APIRouter(tags=["positions"], dependencies=[Depends(may(READ))])


@router.get("/positions", responses=listed(HeldView))
def list_positions(web: Here, want: Want, account: Account = None) -> Response:
    """The positions that aren't flat, at the last prices. While an account's state is still being read, without what rests on it."""
    if want.is_file:
        return want.file(web, "positions", PositionView, lambda reader: positions(reader, account))
    with web.reading.at_once() as reader:
        held = [row for name in web.recorded(reader, account) for row in web.following.held(reader, name)]
        return items_answer(reader, held)
