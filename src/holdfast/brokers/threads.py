"""Work of an adapter in a pool of threads, with the ids that are bound where it was asked for: its lines of the log carry them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import copy_context
from typing import Any


async def in_pool(pool: Executor, work: Callable[..., Any], *arguments: Any) -> Any:
    """What ``work`` gives back, or raises; `asyncio.to_thread` takes the ids along as well, an executor by itself does not."""
    return await asyncio.get_running_loop().run_in_executor(pool, copy_context().run, work, *arguments)
