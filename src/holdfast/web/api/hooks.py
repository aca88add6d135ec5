"""Signals from outside: each becomes a signal of a named strategy, once, and passes its limits like the strategy's own."""

import json
import re
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from holdfast.config import StrategyConfig
from holdfast.control.client import FILED
from holdfast.control.signals import Alert, Filing, file_signal, read_alert, require_engine, signal_of
from holdfast.core.messages import Signal
from holdfast.core.types import SECOND_NS
from holdfast.errors import HoldfastError, InvalidValue
from holdfast.web.answers import json_answer
from holdfast.web.auth import chance, signatures
from holdfast.web.auth.access import Access, caller_of
from holdfast.web.auth.depends import TheAccess
from holdfast.web.auth.permissions import SIGNAL, Means, Person
from holdfast.web.context import Here, Web
from holdfast.web.errors import ApiError, Conflict, Forbidden, NotFound
from holdfast.web.received import Came, Received
from holdfast.web.schemas import answered

router = APIRouter(tags=["hooks"])

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
"""What an error repeats of an alert: the sender may see it again, and what is kept must not have it, since it may be a secret in the wrong place."""
EXAMPLE = {
    "action": "buy",
    "symbol": "SPY",
    "quantity": "10",
    "stop_loss": "440",
    "id": "breakout-2026-01-05T14:30:00Z",
}
BODY = {"required": True, "content": {"application/json": {"schema": {"type": "object"}, "example": EXAMPLE}}}
ANSWER = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("account", "command_id", "status", "text")},
}


async def signaller(request: Request, access: TheAccess) -> Person:
    """Who hands in a signal: by a key with scope ``signal``, a signature, or that key as ``token`` in the body."""
    if "authorization" not in request.headers and signatures.SIGNATURE not in request.headers:
        token = _token(await request.body())
        if token is not None:
            return await access.admit_key(request, token, SIGNAL)
    return await access.admit(request, SIGNAL)


signaller.permission = SIGNAL  # type: ignore[attr-defined]  # as `may` has it


@router.post(
    "/hooks/{strategy}",
    status_code=202,
    responses=answered(ANSWER, "It was filed.", 202),
    openapi_extra={"requestBody": BODY},
)
async def take_signal(
    strategy: Annotated[str, Path(max_length=64)],
    person: Annotated[Person, Depends(signaller)],
    web: Here,
    access: TheAccess,
    request: Request,
    account: Annotated[str, Query(max_length=64, description="Where the strategy is on several accounts.")] = "",
) -> Response:
    """Hand in a signal of a strategy. The body is JSON, whatever its type says (docs/web-access.md)."""
    body = await request.body()
    asked = _Asked(strategy, account, body, request.headers.get(signatures.ID, ""))
    try:
        return await run_in_threadpool(_take, asked, person, web, access)
    except (HoldfastError, ApiError) as error:
        await access.refused(
            person.who, caller_of(request), f"a signal of {strategy[:64]}: {_QUOTED.sub('...', str(error))}"
        )
        raise


class _Asked(msgspec.Struct, frozen=True):
    """A signal as it came."""

    strategy: str
    account: str
    body: bytes
    webhook_id: str


def _take(asked: _Asked, person: Person, web: Web, access: Access) -> Response:
    configured = _strategy(web, asked.strategy)
    if person.strategy not in ("", asked.strategy):
        raise Forbidden(f"the key may signal strategy {person.strategy} alone")
    alert = read_alert(asked.body)
    account = _account(configured, asked.account or alert.account)
    signal = signal_of(alert, asked.strategy, configured.symbols, access.store.now_ns())
    require_engine(web.config.journal.url, account)
    came = _came(account, signal, alert, asked, person, int(access.config.signal_window_s * SECOND_NS))
    taken = Received(access.store).take(came)
    file_signal(web.config.journal.url, signal, Filing(account, person.source, taken.command_id, taken.received_ns))
    text = "it was filed" if taken.is_new else "it came before and was filed then"
    answer = {"account": account, "command_id": taken.command_id, "status": FILED, "text": text}
    return json_answer(answer, 202)


def _strategy(web: Web, name: str) -> StrategyConfig:
    for strategy in web.config.strategies:
        if strategy.id == name:
            return strategy
    raise NotFound(f"the configuration has no strategy {name!r}")


def _account(strategy: StrategyConfig, name: str) -> str:
    if name in strategy.on:
        return name
    if name:
        raise InvalidValue(f"strategy {strategy.id} is not on account {name[:64]!r}; it is on {', '.join(strategy.on)}")
    if len(strategy.on) > 1:
        raise Conflict(f"which account? Add `account`: {', '.join(strategy.on)}")
    return strategy.on[0]


def _came(account: str, signal: Signal, alert: Alert, asked: _Asked, person: Person, window_ns: int) -> Came:
    """By what a signal is told from others: the id of its signed request, its own, or what it says."""
    content = chance.digest(repr((signal, alert.fields.get("timenow"))))
    if person.means is Means.SIGNATURE and not alert.id:
        return Came(account, asked.strategy, chance.digest(f"request {asked.webhook_id}"), content, None)
    if alert.id:
        return Came(account, asked.strategy, chance.digest(f"id {alert.id}"), chance.digest(repr(signal)), None)
    return Came(account, asked.strategy, chance.digest(f"content {content}"), content, window_ns)


def _token(body: bytes) -> str | None:
    """The token in a body, if it is an object that has one."""
    try:
        fields: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    token = fields.get("token") if isinstance(fields, dict) else None
    return token if isinstance(token, str) else None
