"""What should never end, begun again whenever it does: a fault of a feed or of a broker's adapter costs a gap, not the engine."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

import structlog

from holdfast.brokers.faults import FAULTS, is_asked_to_end, name_of

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
"""Before something that broke is begun again: doubled each time, until it has run for longer than the longest."""
log = structlog.get_logger(__name__)

Broke = Callable[[BaseException | None, str], Awaitable[None]]
"""Told of the fault, if there was one, and of the same in words that may be recorded."""


async def keep_going(what: str, run: Callable[[], Awaitable[None]], broke: Broke) -> NoReturn:
    """Run what should never end, and again whenever it does, until cancelled. What ``broke`` raises ends it all the same."""
    loop, wait_s = asyncio.get_running_loop(), FIRST_WAIT_S
    while True:
        began_s = loop.time()
        fault = await fault_of(run)
        await broke(fault, f"{what} broke ({'it ended' if fault is None else name_of(fault)}) and is begun again")
        log.error("something broke and is begun again", what=what, exc_info=fault)
        if loop.time() - began_s > LONGEST_WAIT_S:
            wait_s = FIRST_WAIT_S
        await asyncio.sleep(wait_s)
        wait_s = min(2 * wait_s, LONGEST_WAIT_S)


async def fault_of(run: Callable[[], Awaitable[None]]) -> BaseException | None:
    """Run something; the fault that ended it, or None. That this task is cancelled is no fault, and is raised."""
    try:
        await run()
    except asyncio.CancelledError as error:
        if is_asked_to_end():
            raise
        return error
    except FAULTS as error:
        return error
    return None
