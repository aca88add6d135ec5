"""One process for each worker of the tests that has everything loaded and forks the program: a start costs no imports.

What is forked is the real program in a process of its own, from the first line of ``python -m holdfast`` on.
"""

from functools import cache

from holdfast.torture.processes.programs import Spawner


@cache
def shared_spawner() -> Spawner:
    """It is there from the first use until :func:`close`."""
    return Spawner("alpaca")


def close() -> None:
    """End it, with all that it forked."""
    if shared_spawner.cache_info().currsize:
        shared_spawner().close()
        shared_spawner.cache_clear()
