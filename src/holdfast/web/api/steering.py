"""Strategies switched off and on, and given other parameters."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import Field

from holdfast.control import asks
from holdfast.core.messages import Command
from holdfast.web.api.actions import Body, Reason, Why
from holdfast.web.errors import NotFound
from holdfast.web.writes import ANSWER, Ask, Asking

router = APIRouter(tags=["strategies"])

MOST = 200
"""So many parameters at once."""


class Parameters(Body):
    """Parameters to change; none: back to those of the configuration."""

    params: Annotated[dict[str, Any], Field(max_length=MOST)]
    reason: Reason = ""


@router.post("/strategies/{account}/{strategy}/stop", status_code=202, responses=ANSWER)
def stop_strategy(account: str, strategy: str, body: Why, ask: Ask) -> Response:
    """Switch a strategy off, until it is started again; what it holds stays."""
    return _file(ask, account, strategy, lambda: asks.stop_strategy(strategy, body.reason))


@router.post("/strategies/{account}/{strategy}/start", status_code=202, responses=ANSWER)
def start_strategy(account: str, strategy: str, body: Why, ask: Ask) -> Response:
    """Let a strategy run again."""
    return _file(ask, account, strategy, lambda: asks.start_strategy(strategy, body.reason))


@router.post("/strategies/{account}/{strategy}/parameters", status_code=202, responses=ANSWER)
def set_parameters(account: str, strategy: str, body: Parameters, ask: Ask) -> Response:
    """Change some parameters of a strategy while it runs; the engine checks them all."""
    return _file(ask, account, strategy, lambda: asks.set_parameters(strategy, body.params, body.reason))


def _file(ask: Asking, account: str, strategy: str, make: Callable[[], Command]) -> Response:
    configured = ask.web.account(account)
    if strategy not in {row.id for row in ask.web.config.strategies_on(account)}:
        raise NotFound(f"account {account} has no strategy {strategy!r}")
    return ask.file(configured, make)
