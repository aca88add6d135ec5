"""Taking the file's rules and thresholds while the observer runs: by SIGHUP, and when an engine has taken a reload (docs/reload.md)."""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from holdfast.config import Config
from holdfast.config.rereading import Rereader
from holdfast.core.messages import Envelope
from holdfast.core.settings import Reload
from holdfast.errors import HoldfastError
from holdfast.journal.lists import ListReader
from holdfast.observer.watcher import Moment

if TYPE_CHECKING:
    import sqlalchemy as sa

DONE, WAITS = "done", "waits"
"""The status of a command that an engine has carried out, and that of one without an answer so far."""

logger = logging.getLogger(__name__)


class Reloading:
    """A watcher that reads the file again when it is time, and tells the others; ``takers`` go by what was read from then on."""

    name = "reload"

    def __init__(self, rereader: Rereader) -> None:
        self._rereader = rereader
        self._asked = threading.Event()
        self._filed: list[str] = []
        self._is_new = False
        self.takers: list[Callable[[Config], None]] = []

    def ask(self) -> None:
        """Read the file at the next look; for a signal's handler."""
        self._asked.set()

    def restore(self, reader: ListReader, account: str, sequence: int) -> None:  # noqa: ARG002  the file has no place
        """What was taken between the read of the start and this place is not told of any more: the file is read once again."""
        self._is_new = True

    def on_records(self, account: str, records: Sequence[Envelope], kept: "sa.Connection") -> None:  # noqa: ARG002  nothing is kept
        """Note the reloads of engines."""
        self._filed += [record.correlation_id for record in records if isinstance(record.body, Reload)]

    def on_time(self, moment: Moment) -> None:
        """Read the file, if somebody asked, or an engine took it: what an engine refuses is taken by nobody."""
        if moment.reader is not None:
            answers = {command_id: _answer(moment.reader, command_id) for command_id in self._filed}
            self._filed = [command_id for command_id, answer in answers.items() if answer == WAITS]
            if DONE in answers.values():
                self._asked.set()
        if self._asked.is_set() or self._is_new:
            was_asked, self._is_new = self._asked.is_set(), False
            self._asked.clear()
            self._read(was_asked=was_asked)

    def _read(self, *, was_asked: bool) -> None:
        try:
            told = self._rereader.read()
        except HoldfastError as error:
            logger.error("the configuration was read again, and nothing was taken: %s", error)
            return
        for take in self.takers:
            take(self._rereader.config)
        if told or was_asked:
            logger.warning("the configuration was read again: %s", told or "nothing has changed for the observer")


def _answer(reader: ListReader, command_id: str) -> str:
    """What came of a reload. Its record may be there before its answer: that comes with a later commit."""
    row = reader.command_or_none(command_id)
    return "" if row is None else WAITS if row.answer is None else str(row.answer.status)
