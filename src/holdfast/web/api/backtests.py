"""Backtests that were kept."""

from fastapi import APIRouter, Depends, Response

from holdfast.views.encode import as_json
from holdfast.web.answers import json_answer, view_answer
from holdfast.web.auth.permissions import READ, may
from holdfast.web.context import Here
from holdfast.web.downloads import Want
from holdfast.web.saved import SavedRun
from holdfast.web.schemas import listed, one

router = APIRouter(tags=["backtests"], dependencies=[Depends(may(READ))])

REPORT = {
    "Content-Security-Policy": "sandbox allow-scripts; frame-ancestors 'self'",  # the page itself has the rest
    "X-Frame-Options": "SAMEORIGIN",
}


@router.get("/backtests", responses=listed(SavedRun))
def list_backtests(web: Here, want: Want) -> Response:
    """Every backtest in the results folder, the newest first."""
    if want.is_file:
        return want.file(web, "backtests", SavedRun, lambda _: web.saved.all())
    return json_answer({"items": [as_json(run) for run in web.saved.all()], "next": None, "as_of": {}, "age_s": {}})


@router.get(
    "/backtests/{name:path}/report",
    responses={200: {"description": "A page for a browser.", "content": {"text/html": {"schema": {"type": "string"}}}}},
)
def get_report(name: str, web: Here) -> Response:
    """A backtest's report, as a page of its own."""
    return Response(web.saved.page(name), headers=REPORT, media_type="text/html; charset=utf-8")


@router.get("/backtests/{name:path}", responses=one(SavedRun))
def get_backtest(name: str, web: Here) -> Response:
    """One backtest in figures."""
    return view_answer(web.saved.one(name))
