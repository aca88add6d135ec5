"""The configuration in force, without its secrets."""

from contextlib import suppress
from typing import Any

import msgspec
from fastapi import APIRouter, Depends, Response

from holdfast.config import Config
from holdfast.errors import JournalError
from holdfast.journal.database import public
from holdfast.telemetry.redact import HIDDEN, REDACTOR
from holdfast.vault.references import SecretText, is_whole_reference
from holdfast.views.encode import Json, as_json
from holdfast.views.settings import ChangedView, last_changes
from holdfast.web.answers import json_answer
from holdfast.web.auth.permissions import READ, may
from holdfast.web.context import Here
from holdfast.web.schemas import answered, reference

router = APIRouter(tags=["settings"], dependencies=[Depends(may(READ))])

SETTINGS = {
    "type": "object",
    "required": ["settings", "changed"],
    "properties": {"settings": {"type": "object"}, "changed": {"type": "array", "items": reference(ChangedView)}},
}


@router.get("/settings", responses=answered(SETTINGS, "The sections, by name."))
def get_settings(web: Here) -> Response:
    """The configuration that this process has read, and the last change of each account's settings while its engine ran."""
    changed: list[Json] = []
    with suppress(JournalError), web.reading.open() as reader:  # there may be none yet
        web.reloading.look(reader)
        changed = [as_json(each) for each in last_changes(reader, web.recorded(reader))]
    return json_answer({"settings": shown(web.config), "changed": changed})


def shown(config: Config) -> Json:
    """The sections as people may see them."""
    plain: Any = msgspec.to_builtins(config, enc_hook=_plain)
    plain.update(plain.pop("adapters"))
    found: Json = _named(REDACTOR.value(plain), plain)
    for target in found["alerts"]["targets"]:
        target["url"] = target["url"] if is_whole_reference(target["url"]) else HIDDEN  # there are tokens in it
    for name in ("journal", "web", "observer"):
        written = plain[name]["url"]
        found[name]["url"] = written if is_whole_reference(written) else public(written)
    return found


def _plain(value: object) -> str:
    return value.written if isinstance(value, SecretText) else HIDDEN


def _named(shown: Any, written: Any) -> Any:
    """What is shown, and in the place of a secret its name, which says nothing of it."""
    if isinstance(written, str):
        return written if is_whole_reference(written) else shown
    if isinstance(written, dict) and isinstance(shown, dict):
        return {key: _named(value, written.get(key)) for key, value in shown.items()}
    if isinstance(written, list) and isinstance(shown, list):
        return [_named(*pair) for pair in zip(shown, written, strict=True)]
    return shown
