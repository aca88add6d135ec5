"""What an account can be asked for: each is a journaled command."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from holdfast.control import asks
from holdfast.control.lives import ORDER_LIVES_NS
from holdfast.core.findings import Reconcile
from holdfast.core.messages import CancelOrders, Command, Flatten, Halt, Preserve, Protect, Resume
from holdfast.core.settings import Reload
from holdfast.core.types import StrategyId, to_price
from holdfast.errors import InvalidValue
from holdfast.web.writes import ANSWER, Ask

router = APIRouter(tags=["actions"])

REASON = 500
"""The longest reason, in characters."""
Reason = Annotated[str, Field(max_length=REASON, description="Why; it is kept in the journal.")]
Name = Annotated[str, Field(min_length=1, max_length=64)]
Number = Annotated[str, Field(min_length=1, max_length=40, description="An exact number, as a string.")]


class Body(BaseModel):
    """What a request brings; a field that it doesn't have is a mistake."""

    model_config = ConfigDict(extra="forbid")


class Why(Body):
    """A reason."""

    reason: Reason = ""


class Compare(Why):
    """Whether what the broker has is taken over."""

    accept: bool = False


class Which(Body):
    """Which orders."""

    symbol: Name | None = None


class Holding(Body):
    """A position; of which strategy may be left out where one holds it."""

    symbol: Name
    strategy: Name | None = None


class Stop(Holding):
    """A stop for a position."""

    stop_loss: Number


@router.post("/accounts/{account}/halt", status_code=202, responses=ANSWER)
def halt(account: str, body: Why, ask: Ask) -> Response:
    """Let nothing out that raises risk, until it is resumed; where no engine runs, its next start begins halted."""
    return ask.file(ask.web.account(account), lambda: Halt(body.reason), needs_engine=False)


@router.post("/accounts/{account}/preserve", status_code=202, responses=ANSWER)
def preserve(account: str, body: Why, ask: Ask) -> Response:
    """Take no new risk until it is resumed; exits stay."""
    return ask.file(ask.web.account(account), lambda: Preserve(body.reason), needs_engine=False)


@router.post("/accounts/{account}/resume", status_code=202, responses=ANSWER)
def resume(account: str, body: Why, ask: Ask) -> Response:
    """End a halt, or PRESERVATION."""
    return ask.file(ask.web.account(account), lambda: Resume(body.reason), needs_engine=False)


@router.post("/accounts/{account}/reload", status_code=202, responses=ANSWER)
def reload(account: str, body: Why, ask: Ask) -> Response:
    """Have the account's engine read its configuration file again, and take limits, intervals, thresholds and levels: all of it, or nothing."""
    return ask.file(ask.web.account(account), lambda: Reload(body.reason))


@router.post("/accounts/{account}/flatten", status_code=202, responses=ANSWER)
def flatten(account: str, body: Why, ask: Ask) -> Response:
    """Halt, cancel every order, close every position."""
    return ask.file(ask.web.account(account), lambda: Flatten(body.reason))


@router.post("/accounts/{account}/reconcile", status_code=202, responses=ANSWER)
def reconcile(account: str, body: Compare, ask: Ask) -> Response:
    """Compare the books with the broker now; with ``accept`` take over what the broker has, for a reason."""

    def command() -> Command:
        if body.accept and not body.reason:
            raise InvalidValue("accept needs a reason: it stands in the journal beside the adjustments")
        return Reconcile(body.accept, body.reason)

    return ask.file(ask.web.account(account), command)


@router.post("/accounts/{account}/cancel", status_code=202, responses=ANSWER)
def cancel_all(account: str, body: Which, ask: Ask) -> Response:
    """Cancel every live order, or those of a symbol."""
    return ask.file(ask.web.account(account), lambda: CancelOrders(None, body.symbol))


@router.post("/accounts/{account}/close", status_code=202, responses=ANSWER)
def close_position(account: str, body: Holding, ask: Ask) -> Response:
    """Close a position at the market; its exits are canceled for that."""

    def command() -> Command:
        with ask.web.reading.open() as reader:
            return asks.close(reader, account, body.symbol, body.strategy)

    return ask.file(ask.web.account(account), command, lives_ns=ORDER_LIVES_NS)


@router.post("/accounts/{account}/protect", status_code=202, responses=ANSWER)
def protect(account: str, body: Stop, ask: Ask) -> Response:
    """Give a position that has none a stop at the broker."""
    whose = None if body.strategy is None else StrategyId(body.strategy)

    def command() -> Command:
        return Protect(body.symbol, to_price(body.stop_loss, "stop-loss"), whose)

    return ask.file(ask.web.account(account), command, lives_ns=ORDER_LIVES_NS)
