"""How far an account's records were durable, kept outside the database: a journal that ends earlier has lost something.

A database that lost its end (a log that was cut, an older copy put back, a server that forgot what it acknowledged) proves itself: it is
what it was some time ago. So after each commit the sequence and hash of the last record are written to a small file, which is never
ahead of the database. It isn't synced: after a loss of power it may lag, which says less and nothing wrong.
"""

import hashlib
import logging
import os
import shutil
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

LENGTH = 128
NAME_PART = 100
"""How much of an account's name goes into that of its anchor, in characters."""

logger = logging.getLogger(__name__)


class Anchor:
    """One account's, in ``folder``; made with the first `write`. What can't be written is told once: trading goes on without."""

    def __init__(self, folder: Path, account: str) -> None:
        self.path = folder / f"{quote(account, safe='')[:NAME_PART]}.anchor"
        self._account = account
        self._descriptor: int | None = None
        self._is_broken = False

    def read(self) -> tuple[int, str] | None:
        """The last record's sequence and hash as it was left; None when there is none, or none that is whole."""
        try:
            fields = self.path.read_text(encoding="ascii", errors="replace").split()
        except OSError:
            return None
        if len(fields) != 3 or not fields[0].isdecimal() or fields[2] != self._proof(fields[0], fields[1]):
            return None
        return int(fields[0]), fields[1]

    def write(self, sequence: int, last_hash: str) -> None:
        """Note what is durable."""
        if self._is_broken:
            return
        text = f"{sequence} {last_hash} {self._proof(str(sequence), last_hash)}".ljust(LENGTH - 1) + "\n"
        try:
            if self._descriptor is None:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.pwrite(self._descriptor, text.encode(), 0)
        except OSError as error:
            self._is_broken = True
            logger.warning("how far the journal goes can't be noted: a lost end would go unseen (%s)", error)

    def close(self) -> None:
        """Let the file go."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def rename(self, account: str) -> "Anchor":
        """The same under another account's name, still to be written; this one is gone."""
        self.close()
        self.path.unlink(missing_ok=True)
        return Anchor(self.path.parent, account)

    def _proof(self, sequence: str, last_hash: str) -> str:
        return hashlib.sha256(f"{self._account} {sequence} {last_hash}".encode()).hexdigest()[:16]


def forget(folder: Path) -> None:
    """A journal is made anew in this place: what was noted of another one means nothing."""
    with suppress(OSError):
        shutil.rmtree(folder)
