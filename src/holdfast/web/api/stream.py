"""The stream of changes (docs/web.md)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from holdfast.web.auth.depends import TheAccess
from holdfast.web.auth.permissions import READ, may
from holdfast.web.schemas import TEXT
from holdfast.web.stream.hub import reload
from holdfast.web.stream.places import Places, from_id
from holdfast.web.stream.tail import Tail

router = APIRouter(tags=["stream"], dependencies=[Depends(may(READ))])

BEGIN_S = 2.0
"""How long one who comes waits for the journal to be read for the first time."""
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
ANSWER = {200: {"description": "Server-sent events.", "content": {"text/event-stream": {"schema": TEXT}}}}


@router.get("/stream", response_class=StreamingResponse, responses=ANSWER)  # type: ignore[arg-type]
async def get_stream(
    request: Request,
    access: TheAccess,
    after: Annotated[
        str | None, Query(max_length=4000, description="The `id` of the last event that was heard.")
    ] = None,
    last_event_id: Annotated[str | None, Header(max_length=4000)] = None,
) -> StreamingResponse:
    """Changes as they are recorded: events `change`, `market`, `beat` and `reload`."""
    hub, tail = request.app.state.hub, request.app.state.tail
    listener = hub.join()
    asked = last_event_id if last_event_id is not None else after
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(hub.begun.wait(), BEGIN_S)
        listener.is_answered = True
        first = await run_in_threadpool(_first, tail, listener.places, asked)
    except BaseException:
        hub.listeners.discard(listener)
        raise

    async def messages() -> AsyncIterator[bytes]:
        async with (
            access.while_good(request, listener.over.set),
            aclosing(hub.messages(listener, first)) as every,
        ):
            async for message in every:
                yield message

    return StreamingResponse(messages(), media_type="text/event-stream", headers=HEADERS)


def _first(tail: Tail, now: Places | None, asked: str | None) -> bytes:
    """What a listener is told at once: that it is heard, or what it missed."""
    if asked is None or now is None:
        return tail.beat(now)
    before = from_id(asked)
    if before is None:
        return reload("the id is none of this stream's", now)
    return tail.beat(now) if before == now else tail.catching_up(before, now)
