"""The demo's own buttons. Outside the demo there is nothing here."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from holdfast.web.answers import json_answer, view_answer
from holdfast.web.auth.permissions import READ, TRADE, may
from holdfast.web.context import Here
from holdfast.web.demo import Fault
from holdfast.web.errors import NotFound
from holdfast.web.schemas import TEXT, answered, one

router = APIRouter(tags=["demo"])

NO_DEMO = "this is no demo; `holdfast demo` is one"
IN_THE_ENGINE = (
    "this demo has no broker of its own, only an exchange inside its engine: the two go down together. "
    "`holdfast demo --web --fresh` begins one with a broker"
)
Watcher = Annotated[object, Depends(may(READ))]
Trader = Annotated[object, Depends(may(TRADE))]


class DemoView(msgspec.Struct, frozen=True):
    """What the demo can be made to suffer."""

    crashes: int
    """How often the engine was killed from the page, since this process runs."""
    faults: list[Fault]
    """What its broker can be made to do wrong, once each."""
    why: str
    """Why there is none; empty where there are some."""


class FaultAsked(BaseModel):
    """What the broker is to do wrong."""

    model_config = ConfigDict(extra="forbid")

    fault: str = Field(min_length=1, max_length=64)
    """The name of a fault."""


@router.get("/demo", responses=one(DemoView))
def get_demo(_: Watcher, web: Here) -> Response:
    """What the demo can be made to suffer; not found outside the demo."""
    if web.demo is None:
        raise NotFound(NO_DEMO)
    return view_answer(DemoView(web.demo.crashes, web.demo.faults(), "" if web.demo.has_broker else IN_THE_ENGINE))


@router.post(
    "/demo/crash",
    status_code=202,
    responses=answered({"type": "object", "properties": {"text": TEXT}}, "It is being killed.", 202),
)
def crash(_: Trader, web: Here) -> Response:
    """Kill the demo's engine by SIGKILL; it is started again, and recovers. Not found outside the demo."""
    if web.demo is None:
        raise NotFound(NO_DEMO)
    web.demo.crash()
    return json_answer({"text": "the engine is killed by SIGKILL, and started again"}, 202)


@router.post(
    "/demo/fault",
    status_code=202,
    responses=answered({"type": "object", "properties": {"text": TEXT}}, "The broker will do it.", 202),
)
def break_broker(asked: FaultAsked, _: Trader, web: Here) -> Response:
    """Have the demo's broker do one thing wrong at the next chance. Not found outside the demo, or without such a fault."""
    if web.demo is None:
        raise NotFound(NO_DEMO)
    if not web.demo.has_broker:
        raise NotFound(IN_THE_ENGINE)
    fault = web.demo.do_wrong(asked.fault)
    return json_answer({"text": f"Seen: {fault.seen}. True: {fault.true}."}, 202)
