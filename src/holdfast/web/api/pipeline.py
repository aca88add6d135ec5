"""The way from a tick to a profit, with the monitor's verdicts."""

from fastapi import APIRouter, Depends, Response

from holdfast.views.pipeline import StageView
from holdfast.web.answers import Account, rows_answer
from holdfast.web.auth.permissions import READ, may
from holdfast.web.context import Here
from holdfast.web.downloads import Want
from holdfast.web.schemas import listed

router = APIRouter(tags=["pipeline"], dependencies=[Depends(may(READ))])


@router.get("/pipeline", responses=listed(StageView))
def list_stages(web: Here, want: Want, account: Account = None) -> Response:
    """Each stage with its verdict, why, what to do, and its last event, by account."""
    if want.is_file:
        return want.file(web, "pipeline", StageView, lambda reader: web.pipelines.stages(reader, account))
    with web.reading.at_once() as reader:
        web.reloading.look(reader)
        return rows_answer(reader, web.pipelines.stages(reader, account))
