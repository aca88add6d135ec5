"""What nobody can say for sure: unresolved and external orders, the books beside the broker's, pending orders."""

import msgspec
from fastapi import APIRouter, Depends, Response

from holdfast.views.status import Supervisor, supervisor
from holdfast.views.unresolved import ComparisonView, UnresolvedView, comparison, unresolved
from holdfast.web.answers import Account, rows_answer
from holdfast.web.auth.permissions import READ, may
from holdfast.web.context import Here
from holdfast.web.schemas import listed

router = APIRouter(tags=["unresolved"], dependencies=[Depends(may(READ))])


class SupervisorView(msgspec.Struct, frozen=True):
    """Pending orders of an account."""

    account: str
    """Whose they are."""
    supervisor: Supervisor | None
    """What was done about them; None when there never was one."""


@router.get("/unresolved", responses=listed(UnresolvedView))
def list_unresolved(web: Here, account: Account = None) -> Response:
    """By account the orders whose fate isn't known, those of somebody else, and the last comparison."""
    with web.reading.at_once() as reader:
        return rows_answer(reader, [unresolved(reader, name) for name in web.recorded(reader, account)])


@router.get("/reconciliation", responses=listed(ComparisonView))
def list_comparisons(web: Here, account: Account = None) -> Response:
    """By account the last comparison of the books with the broker's."""
    with web.reading.at_once() as reader:
        return rows_answer(reader, [comparison(reader, name) for name in web.recorded(reader, account)])


@router.get("/supervisor", responses=listed(SupervisorView))
def list_supervisors(web: Here, account: Account = None) -> Response:
    """By account what was done about pending orders."""
    with web.reading.at_once() as reader:
        names = web.recorded(reader, account)
        return rows_answer(reader, [SupervisorView(name, supervisor(reader, name)) for name in names])
