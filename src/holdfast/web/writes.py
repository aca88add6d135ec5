"""Writes: a journaled command, filed once for an ``Idempotency-Key``, answered at once; the engine's own answer comes later."""

import hashlib
import time
from collections.abc import Callable
from typing import Annotated

import msgspec
from fastapi import Depends, Header, Request, Response

from holdfast.config import AccountConfig
from holdfast.control.client import FILED, Outcome
from holdfast.control.lives import lives_ns as usual_lives_ns
from holdfast.control.lives import until
from holdfast.core.messages import Command
from holdfast.errors import Refused
from holdfast.journal.commands import file_command
from holdfast.journal.holder import is_running
from holdfast.views.encode import Json, as_json
from holdfast.web.answers import json_answer
from holdfast.web.asked import KEY_LENGTH, Entry
from holdfast.web.auth.permissions import TRADE, Person, may
from holdfast.web.context import Here, Web
from holdfast.web.schemas import answered, reference

FILED_STATUS, DONE_STATUS = 202, 200
ANSWER = answered(reference(Outcome), "It is filed; `GET /api/v1/commands/{id}` follows it.", FILED_STATUS)
"""The ``responses`` of a route that files a command."""

Key = Annotated[
    str,
    Header(alias="Idempotency-Key", min_length=1, max_length=KEY_LENGTH, description="New for each thing asked for."),
]


class Asking:
    """One write of one person."""

    def __init__(self, web: Web, person: Person, name: str, fingerprint: str) -> None:
        self.web = web
        self.person = person
        self._name = name
        self._fingerprint = fingerprint

    def file(
        self,
        account: AccountConfig,
        make: Callable[[], Command],
        *,
        lives_ns: int | None = None,
        needs_engine: bool = True,
    ) -> Response:
        """File the command that ``make`` gives for the engine of an account, unless the key has done so; ``lives_ns`` is how long it may be taken, None as `control.lives` says.

        Raises :class:`~holdfast.errors.Refused` when it needs an engine and none runs; nothing is filed then.
        """
        before = self.web.asked.answer_to(self.person.name, self._name, self._fingerprint)
        if before is not None:  # a position that was closed is gone, and so is what `make` would look for
            return Response(before.answer.encode(), before.status, media_type="application/json")
        command = make()
        now_ns = time.time_ns()
        entry = self.web.asked.once(self.person.name, self._name, self._fingerprint, now_ns)
        if entry.status:
            return Response(entry.answer.encode(), entry.status, media_type="application/json")
        url = self.web.config.journal.url
        is_there = is_running(url, account.name)
        if needs_engine and not is_there and not self._is_filed(entry):
            raise Refused(f"no engine trades account {account.name}; start it first (`holdfast run`)")
        lives_ns = lives_ns or usual_lives_ns(command)
        expires_ns = None if lives_ns is None else now_ns + lives_ns
        source, command_id = self.person.source, entry.command_id
        file_command(url, account.name, command, source, expires_ns, now_ns, command_id=command_id)
        text = f"filed for the engine of account {account.name}"
        if not is_there:
            text = f"no engine trades account {account.name} now: its next start does it{until(command)}"
        outcome = Outcome(account.name, command_id, FILED, text)
        return self._answered(entry, as_json(outcome), FILED_STATUS)

    def do(self, act: Callable[[], Json]) -> Response:
        """Do at once what needs no engine, unless the key has done so, and answer with what ``act`` gives. After a crash in between it may be done twice: it must bear that."""
        before = self.web.asked.answer_to(self.person.name, self._name, self._fingerprint)
        entry = before or self.web.asked.once(self.person.name, self._name, self._fingerprint, time.time_ns())
        if entry.status:
            return Response(entry.answer.encode(), entry.status, media_type="application/json")
        return self._answered(entry, act(), DONE_STATUS)

    def _is_filed(self, entry: Entry) -> bool:
        """Whether an earlier request with the key got as far as filing it."""
        if entry.is_new:
            return False
        with self.web.reading.open() as reader:
            return reader.command_or_none(entry.command_id) is not None

    def _answered(self, entry: Entry, answer: Json, status: int) -> Response:
        self.web.asked.answered(entry, status, msgspec.json.encode(answer).decode())
        return json_answer(answer, status)


async def _asking(request: Request, web: Here, person: Annotated[Person, Depends(may(TRADE))], key: Key) -> Asking:
    """A write of somebody who may trade."""
    digest = hashlib.sha256(f"{request.method} {request.url.path}\n".encode())
    digest.update(await request.body())
    return Asking(web, person, key, digest.hexdigest())


Ask = Annotated[Asking, Depends(_asking)]
