"""The file read again by a process beside the engine: the observer, the web process. It is taken whole or not at all, as the engine's (docs/reload.md)."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from holdfast.config.differences import LIKEWISE, Difference, Path, Taken, differences
from holdfast.config.sections import Config
from holdfast.errors import InvalidValue

RESTART = (("monitor", "listen"), ("monitor", "window_s"), ("monitor", "settle_s"))
"""Of the sections below what can't be taken while it runs."""
UNSAID: tuple[Path, ...] = (("alerts", "targets"),)
"""Keys whose values have tokens in them."""


class Process(NamedTuple):
    """A process that reads the file: what people call it, and the sections that it reads beside the engine's."""

    name: str
    sections: Sequence[str]


OBSERVER = Process("holdfast observe", ("alerts", "monitor", "observer", "tracing", "audit"))
WEB = Process("holdfast web", ("alerts", "monitor", "web"))


class Rereader:
    """Reads the file again for a process. ``config`` is what it has in force."""

    def __init__(self, process: Process, config: Config, load: Callable[[], Config]) -> None:
        self._process, self._load = process, load
        self.config = config

    def read(self) -> str:
        """Read the file and have it in force; gives what was before and is now.

        Raises :class:`~holdfast.errors.HoldfastError` when anything in it is wrong or needs a restart; nothing is taken then.
        """
        config = self._load()
        found = differences(self.config, config)
        needs = [each for each in found if self._needs_restart(each)]
        if needs:
            names = ", ".join(each.key for each in needs)
            raise InvalidValue(
                f"{names} {'needs' if len(needs) == 1 else 'need'} a restart of {self._process.name}; put back what was there, or restart it"
            )
        self.config = config
        return "; ".join(self._told(found))

    def _needs_restart(self, each: Difference) -> bool:
        if each.path[0] in LIKEWISE:
            return each.path in RESTART and each.path[0] in self._process.sections
        return each.taken is Taken.RESTART or (each.taken is Taken.ELSEWHERE and each.path[0] in self._process.sections)

    def _told(self, found: Sequence[Difference]) -> Iterator[str]:
        for each in found:
            if each.path in UNSAID:
                yield f"{each.key} changed"
            elif each.path[0] in self._process.sections:
                yield f"{each.key} {each.old or 'unset'} -> {each.new or 'unset'}"
