"""What a process's name in the journal says of whether it is there."""

import os
import re
import socket

_NAME = re.compile(r"pid (\d+) on (\S+)")


def is_alive_here(process: str) -> bool:
    """Whether a process of that name is on this machine; False where that can't be told."""
    return _is_alive(process) is True


def is_dead_here(process: str) -> bool:
    """Whether a process of that name was on this machine and is gone; False where that can't be told."""
    return _is_alive(process) is False


def _is_alive(process: str) -> bool | None:
    found = _NAME.search(process)
    if found is None or found[2] != socket.gethostname():
        return None
    try:
        os.kill(int(found[1]), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it is somebody else's
        return True
    return True
