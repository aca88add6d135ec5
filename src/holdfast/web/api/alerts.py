"""What needs a person, and the alerts that the observer keeps: who was told, acknowledged by whom, silenced until when."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response
from msgspec.structs import replace

from holdfast.alerting.shown import KeptAlert, State, Wanted, history
from holdfast.config.alerts import RULES
from holdfast.core.types import iso_time
from holdfast.errors import InvalidValue
from holdfast.views.attention import CRITICAL, Attention, attention
from holdfast.views.encode import as_json
from holdfast.web.alert_book import AlertHistory, Silence
from holdfast.web.answers import USUAL, Account, After, Limit, json_answer, pack, place_of, rows_answer, view_answer
from holdfast.web.auth.permissions import READ, may
from holdfast.web.context import Here, Web
from holdfast.web.downloads import Want, paged
from holdfast.web.errors import NotFound
from holdfast.web.reading import WebReader
from holdfast.web.schemas import WHEN, answered, list_schema, listed, one, reference

router = APIRouter(tags=["alerts"], dependencies=[Depends(may(READ))])

Number = Annotated[int, Path(ge=0, lt=2**63, description="The alert's `id`.")]
LISTED = answered(
    {
        "type": "object",
        "required": ["items", "next", "looked", "targets"],
        "properties": {
            "items": {"type": "array", "items": reference(KeptAlert)},
            "next": list_schema({})["properties"]["next"],
            "looked": {**WHEN, "type": ["string", "null"], "description": "When an observer last looked; null: never."},
            "targets": {"type": "array", "items": {"type": "string"}, "description": "Who is told, by name."},
        },
    },
    "A page of the list.",
)
SILENCES = answered(
    {"type": "object", "required": ["items"], "properties": {"items": {"type": "array", "items": reference(Silence)}}},
    "The list.",
)


@router.get("/attention", responses=listed(Attention))
def list_attention(web: Here, want: Want) -> Response:
    """What needs a person now, the worst first; alerts that nobody has acknowledged are a line for each account."""
    if want.is_file:
        return want.file(web, "attention", Attention, lambda reader: _attention(web, reader))
    with web.reading.at_once() as reader:
        return rows_answer(reader, _attention(web, reader))


def _attention(web: Web, reader: WebReader) -> list[Attention]:
    found = [*attention(reader, web.config, web.following.books), *web.alerts.attention()]
    return sorted(found, key=lambda item: item.level != CRITICAL)


@router.get("/alerts", responses=LISTED)
def list_alerts(
    web: Here,
    want: Want,
    account: Account = None,
    state: Annotated[State | None, Query(description="Those in this state.")] = None,
    lasting: Annotated[bool, Query(description="Those alone that are not over.")] = False,
    limit: Limit = USUAL,
    after: After = None,
) -> Response:
    """The alerts, the newest first, each with who was told of it; they are read whether or not the journal can be."""
    place = place_of(after)
    wanted = Wanted(limit, state, account, None if place is None else place[0], lasting)
    if want.is_file:
        return want.file(web, "alerts", KeptAlert, lambda _: _every(web, wanted))
    found, looked_ns = web.alerts.listed(wanted), web.alerts.looked_ns()
    return json_answer(
        {
            "items": [as_json(alert) for alert in found],
            "next": pack(f"{found[-1].id} ") if len(found) == limit else None,
            "looked": None if looked_ns is None else iso_time(looked_ns),
            "targets": web.alerts.targets,
        }
    )


def _every(web: Web, wanted: Wanted) -> Iterator[KeptAlert]:
    def page(last: KeptAlert | None) -> list[KeptAlert]:
        return web.alerts.listed(replace(wanted, most=USUAL, before=None if last is None else last.id))

    yield from paged(page)


@router.get("/alerts/{number}", responses=one(AlertHistory))
def get_alert(web: Here, number: Number) -> Response:
    """One alert, and what happened to it: found, told to whom, acknowledged, over."""
    alert = found_or_404(lambda: web.alerts.one(number))
    rule = RULES.get(alert.rule)
    return view_answer(AlertHistory(alert, "" if rule is None else rule.tells, history(alert)))


@router.get("/silences", responses=SILENCES)
def list_silences(web: Here) -> Response:
    """Rules that nobody is told of now, and until when."""
    return json_answer({"items": [as_json(silence) for silence in web.alerts.silences()]})


def found_or_404(look: Callable[[], Any]) -> Any:
    """What ``look`` gives; for an id that isn't there, `NotFound`."""
    try:
        return look()
    except InvalidValue as error:
        raise NotFound(str(error)) from None
