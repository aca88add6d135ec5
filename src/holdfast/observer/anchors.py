"""The anchor file, added to on a schedule (docs/audit.md). It takes a thread of its own: the first time all records are proven."""

import logging
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.alerting.book import Finding
from holdfast.config import Config
from holdfast.core.messages import Envelope
from holdfast.core.types import SECOND_NS
from holdfast.errors import ConfigError, HoldfastError
from holdfast.journal import anchor_log
from holdfast.journal.lists import ListReader
from holdfast.journal.reader import Reader
from holdfast.observer.watcher import Moment
from holdfast.vault.signing import Signer, signer
from holdfast.vault.store import Place, Store

if TYPE_CHECKING:
    import sqlalchemy as sa

LATE = 2
"""An anchor that isn't there after so many times the pause between two is overdue."""

logger = logging.getLogger(__name__)


class AnchorWatcher:
    """Anchors the records of every account every so often. What doesn't fit is logged each time, and nothing is added then."""

    name = "anchors"

    def __init__(self, url: str, path: Path, every_s: float, by: Signer | None) -> None:
        self._url = url
        self._path = path
        self._every_ns = int(every_s * SECOND_NS)
        self._by = by
        self._last_ns: int | None = None
        self._failure = ""
        self._thread: threading.Thread | None = None

    def restore(self, reader: ListReader, account: str, sequence: int) -> None:
        """It keeps nothing."""

    def on_records(self, account: str, records: Sequence[Envelope], kept: "sa.Connection") -> None:
        """They are read when it is time."""

    def on_time(self, moment: Moment) -> None:
        """Begin to anchor, when it is time and the last one has ended."""
        is_time = self._last_ns is None or moment.now_ns - self._last_ns >= self._every_ns
        if moment.reader is None or not is_time or (self._thread is not None and self._thread.is_alive()):
            return
        self._last_ns = moment.now_ns
        self._thread = threading.Thread(target=self._anchor, name="anchors", daemon=True)
        self._thread.start()

    def findings(self, now_ns: int) -> Iterator[Finding]:
        """That the last anchor failed, or that it still isn't there."""
        if self._failure:
            yield Finding(
                "anchor", "", str(self._path), f"the records were not anchored in {self._path}: {self._failure}"
            )
        goes_on = self._thread is not None and self._thread.is_alive()
        if goes_on and self._last_ns is not None and now_ns - self._last_ns > LATE * self._every_ns:
            text = f"the anchor in {self._path} has been overdue for long: it was begun {(now_ns - self._last_ns) // SECOND_NS} s ago and goes on. Look at the disk, and at how many records there are"
            yield Finding("anchor", "", str(self._path), text)

    def wait(self, within_s: float) -> bool:
        """Whether the one that goes on has ended in time."""
        if self._thread is not None:
            self._thread.join(within_s)
        return self._thread is None or not self._thread.is_alive()

    def _anchor(self) -> None:
        try:
            with Reader.open(self._url) as reader:
                lines = anchor_log.add(self._path, reader, self._by)
        except HoldfastError as error:
            self._failure = str(error)
            logger.error("the journal was not anchored in %s: %s", self._path, error)
            return
        except Exception as error:
            self._failure = f"{type(error).__name__}: {error}"
            logger.exception("the journal was not anchored in %s", self._path)
            return
        self._failure = ""
        for line in lines:
            logger.info("account %s is anchored at record %d in %s", line.account, line.sequence, self._path)


def anchor_watchers(config: Config) -> list[AnchorWatcher]:
    """One where the configuration asks for it; it signs where that names a key. Raises :class:`~holdfast.errors.ConfigError`."""
    audit = config.audit
    if audit.anchor_file is None or audit.anchor_every_s is None:
        return []
    by = None if audit.key is None else _signer(config)
    return [AnchorWatcher(config.journal.url, Path(audit.anchor_file), audit.anchor_every_s, by)]


def _signer(config: Config) -> Signer:
    key_file = config.secrets.key_file
    found = signer(Store(Place(Path(config.secrets.file), None if key_file is None else Path(key_file))))
    if found.public != config.audit.key:
        raise ConfigError(
            f"the signing key of the secret store is {found.public}, and key of [audit] is {config.audit.key}: give the right one"
        )
    return found
