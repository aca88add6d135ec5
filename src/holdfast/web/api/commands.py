"""What became of a command."""

from fastapi import APIRouter, Depends, Response

from holdfast.control.client import Outcome, outcome_of
from holdfast.web.answers import view_answer
from holdfast.web.auth.permissions import READ, may
from holdfast.web.context import Here
from holdfast.web.errors import NotFound
from holdfast.web.schemas import one

router = APIRouter(tags=["commands"], dependencies=[Depends(may(READ))])


@router.get("/commands/{command_id}", responses=one(Outcome))
def get_command(command_id: str, web: Here) -> Response:
    """What became of a command so far: `filed` while no engine runs, `pending`, `done`, `refused` or `expired`."""
    with web.reading.open() as reader:
        row = reader.command_or_none(command_id)
        if row is None:
            raise NotFound(f"no command {command_id!r} was filed")
        return view_answer(outcome_of(row, is_running=reader.is_running(row.account)))
