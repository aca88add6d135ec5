"""What can be done about alerts: taken on, silenced. Neither is an engine's: it is done at once, in the observer's database."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field

from holdfast.alerting.shown import KeptAlert
from holdfast.control.duration import seconds
from holdfast.views.encode import Json, as_json
from holdfast.web.alert_book import Silence
from holdfast.web.api.actions import Body
from holdfast.web.api.alerts import Number, found_or_404
from holdfast.web.auth.depends import TheAccess
from holdfast.web.auth.store import Event
from holdfast.web.schemas import one
from holdfast.web.writes import Ask

router = APIRouter(tags=["alerts"])


class Quiet(Body):
    """What is silenced, for how long."""

    rule: Annotated[str, Field(min_length=1, max_length=32)]
    account: Annotated[str, Field(max_length=64, description="Of this account; empty: of all.")] = ""
    duration: Annotated[str, Field(max_length=24, description="Such as `30m` or `2h`; `0` ends it.")]


@router.post("/alerts/{number}/acknowledge", responses=one(KeptAlert))
def acknowledge(number: Number, ask: Ask, access: TheAccess) -> Response:
    """Take an alert on: it is escalated no further. Who did so first stays the one who did."""

    def act() -> Json:
        alert = found_or_404(lambda: ask.web.alerts.acknowledge(number, ask.person.who))
        access.store.tell(_event(ask, "alert acknowledged", f"alert {number}", f"{alert.rule} {alert.account}"))
        return as_json(alert)

    return ask.do(act)


@router.post("/silences", responses=one(Silence))
def silence(body: Quiet, ask: Ask, access: TheAccess) -> Response:
    """Tell nobody of a rule for a time; what lasts longer is told then."""
    for_s = 0.0 if body.duration.strip() == "0" else seconds(body.duration)
    if body.account:
        ask.web.account(body.account)

    def act() -> Json:
        made = ask.web.alerts.silence(body.rule, body.account, for_s, ask.person.who)
        whose = f" of {body.account}" if body.account else ""
        access.store.tell(_event(ask, "alert silenced", f"{body.rule}{whose}", f"for {body.duration}"))
        return as_json(made)

    return ask.do(act)


def _event(ask: Ask, action: str, target: str, text: str) -> Event:
    return Event(ask.person.who, ask.person.address, action, target, text=text)
