"""The loop's sign of life while it starts and ends; in between the mailbox gives it. Without one its accounts are not renewed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from holdfast.journal.writer import Journal

BEAT_S = 0.1
"""How often the loop says that it turns: often beside the shortest lease that is of any use."""


@asynccontextmanager
async def beating(journal: Journal) -> AsyncIterator[None]:
    """Say meanwhile that the event loop turns: waiting is life, being stuck in a callback is not."""
    task = asyncio.create_task(_beat(journal))
    try:
        yield
    finally:
        task.cancel()


async def _beat(journal: Journal) -> None:
    while True:
        journal.beat()
        await asyncio.sleep(BEAT_S)
