"""``/health``, ``/health/live`` and ``/health/ready`` (``/ready``): for whoever watches the process. No login."""

import time

from fastapi import APIRouter, Request, Response

from holdfast.errors import HoldfastError
from holdfast.views.board import silent_s
from holdfast.web.answers import json_answer
from holdfast.web.context import Here

router = APIRouter(tags=["health"])


@router.get("/health")
def health(request: Request, web: Here) -> Response:
    """As `live`, and whether the journal can be read (``ready``)."""
    fault = request.app.state.tail.fault
    is_ready = _is_ready(web)
    if fault:
        return json_answer({"status": "stuck", "why": fault, "live": False, "ready": is_ready}, 503)
    return json_answer({"status": "ok", "live": True, "ready": is_ready})


@router.get("/health/live")
def live(request: Request) -> Response:
    """The process lives: its event loop, a thread that answers, and the one that follows the journal; 503 with what stands still."""
    fault = request.app.state.tail.fault
    return json_answer({"status": "stuck", "why": fault}, 503) if fault else json_answer({"status": "ok"})


@router.get("/ready")
@router.get("/health/ready", name="health_ready")
def ready(web: Here) -> Response:
    """The journal can be read; 503 with the reason when it can't. ``silent`` are accounts whose engine has its process and does nothing."""
    now_ns = time.time_ns()
    with web.reading.open() as reader:
        names = [row.account for row in reader.accounts()]
        silent = [name for name in names if silent_s(reader, name, now_ns) is not None]
    return json_answer({"status": "ok", "accounts": names, "silent": silent})


def _is_ready(web: Here) -> bool:
    try:
        with web.reading.open() as reader:
            reader.accounts()
    except HoldfastError:
        return False
    return True
