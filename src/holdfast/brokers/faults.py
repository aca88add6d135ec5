"""What a mistake of a broker's adapter, or of a library under it, can look like to the code that calls it."""

import asyncio

from holdfast.errors import HoldfastError

FAULTS = (Exception, SystemExit, asyncio.CancelledError)
"""What a fault can be: a library that calls sys.exit() must not end the engine. A KeyboardInterrupt is a person's.

Where something is awaited, a CancelledError may also mean that we are to end: `is_asked_to_end` says which.
"""


def name_of(fault: BaseException) -> str:
    """A fault in words that may be recorded: our own errors carry no secret, of others only the log, which hides them, has the text."""
    return str(fault) if isinstance(fault, HoldfastError) else type(fault).__name__


def is_asked_to_end() -> bool:
    """Whether this task was cancelled, and not only something that it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
