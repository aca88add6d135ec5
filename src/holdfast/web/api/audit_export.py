"""The records as a file that proves itself, signed by the key of the secret store (docs/audit.md)."""

import os
import tempfile
import threading
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from holdfast.config import Config
from holdfast.config.secrets import store_of
from holdfast.errors import ConfigError, Refused
from holdfast.journal import export as exports
from holdfast.vault.signing import Signer, signer
from holdfast.web.answers import Account
from holdfast.web.auth.depends import TheAccess
from holdfast.web.auth.permissions import ADMIN, Person, may
from holdfast.web.auth.store import Event
from holdfast.web.context import Here, Web
from holdfast.web.errors import TooMany

router = APIRouter(tags=["audit"])

FILE = "application/jsonl"
_ONE_AT_A_TIME = threading.Lock()


@router.get(
    "/audit/export",
    response_class=FileResponse,
    responses={200: {"description": "The file.", "content": {FILE: {"schema": {"type": "string"}}}}},
)
def export(
    web: Here,
    access: TheAccess,
    person: Annotated[Person, Depends(may(ADMIN))],
    account: Account = None,
    sign: Annotated[bool, Query(description="Sign it with the key of the secret store.")] = True,
) -> Response:
    """Every record, of one account or of all, as `holdfast audit verify FILE` checks it; one at a time."""
    by = _signer(web.config) if sign else None
    if not _ONE_AT_A_TIME.acquire(blocking=False):
        raise TooMany("an export is being made; ask again when it is there", {"Retry-After": "10"})
    try:
        path, done = _written(web, account, by)
    finally:
        _ONE_AT_A_TIME.release()
    records = ", ".join(f"{name} {count:,}" for name, count in done.records.items()) or "nothing"
    signed = f"signed by {done.key}" if done.key else "not signed"
    access.store.tell(Event(person.who, person.address, "audit exported", account or "", text=f"{records}; {signed}"))
    name = f"holdfast-audit-{account or 'all'}.jsonl"
    return FileResponse(path, media_type=FILE, filename=name, background=BackgroundTask(path.unlink))


def _written(web: Web, account: str | None, by: Signer | None) -> tuple[Path, exports.Exported]:
    """The file, which the caller removes. Raises JournalCorrupt for records that don't prove themselves, and then there is none."""
    descriptor, name = tempfile.mkstemp(prefix="holdfast-", suffix=".jsonl")
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file, web.reading.reader() as reader:
            return path, exports.write(reader, web.recorded(reader, account), file, by, lambda *_: None)
    except BaseException:
        path.unlink()
        raise


def _signer(config: Config) -> Signer:
    """The key that the configuration's store has. Raises `Refused` where there is none, or another than `[audit] key`."""
    try:
        found = signer(store_of(config.secrets))
    except ConfigError as error:
        raise Refused(f"it can't be signed: {error}; `sign=false` gives it unsigned") from None
    if config.audit.key is not None and config.audit.key != found.public:
        raise Refused(
            f"the signing key of the secret store is {found.public}, and key of [audit] is {config.audit.key}: give the right one"
        )
    return found
