"""Taking the file's thresholds while the web process runs: when somebody looks after an engine has taken a reload, and by SIGHUP (docs/reload.md)."""

import logging
import threading
from collections.abc import Callable

from holdfast.config import Config
from holdfast.config.rereading import Rereader
from holdfast.core.settings import Reload
from holdfast.errors import HoldfastError
from holdfast.web.reading import WebReader

DONE = "done"
"""The status of a command that an engine has carried out."""

logger = logging.getLogger(__name__)


class Reloading:
    """Reads the file again when there is reason to. ``take`` is called with what was read. May be used by all threads."""

    def __init__(self, rereader: Rereader, take: Callable[[Config], None]) -> None:
        self._rereader, self._take = rereader, take
        self._asked = threading.Event()
        self._lock = threading.Lock()
        self._seen: dict[str, int] = {}

    def ask(self) -> None:
        """Read the file when somebody looks next; for a signal's handler."""
        self._asked.set()

    def look(self, reader: WebReader) -> None:
        """Read the file, if somebody asked or an engine took it since the last look: what an engine refuses is taken by nobody."""
        with self._lock:
            if self._is_new(reader) or self._asked.is_set():
                self._asked.clear()
                self._read()

    def _is_new(self, reader: WebReader) -> bool:
        """Whether an engine took a reload that wasn't there at the last look; before the first, any: it may be younger than this process."""
        is_new = False
        for row in reader.accounts():
            for record in reader.records_of(row.account, (Reload,), self._seen.get(row.account, 0)):
                command = reader.command_or_none(record.correlation_id)
                if command is not None and command.answer is None:
                    break  # it comes with a later commit than the record
                self._seen[row.account] = record.sequence
                is_new |= command is not None and command.answer is not None and command.answer.status == DONE
        return is_new

    def _read(self) -> None:
        try:
            told = self._rereader.read()
        except HoldfastError as error:
            logger.error("the configuration was read again, and nothing was taken: %s", error)
            return
        self._take(self._rereader.config)
        if told:
            logger.warning("the configuration was read again: %s", told)
