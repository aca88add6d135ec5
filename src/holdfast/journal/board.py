"""The board: what a running engine knows of the market this moment, in a small file beside its lock files.

The journal keeps what happened, not every tick. So that people see prices without asking the engine, it writes them here twice a second
(`runtime/board.py`). A board is for looking at: nothing is decided by it, and one that is missing, old or damaged is no board.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import msgspec

from holdfast.journal.database import Database

VERSION = 4
"""Raised whenever `Board` changes; one of another version is passed over."""
NAME_PART = 100
"""How much of an account's name goes into that of the file, in characters."""
SUFFIX = ".board"
MOST_BYTES = 16_000_000
"""A board of a hundred thousand symbols has some 5 MB; what is larger isn't one."""


class FeedBoard(msgspec.Struct, frozen=True):
    """One feed of an engine, and the accounts that trade on it."""

    name: str
    """Its name in the configuration; empty for the only one."""
    kind: str
    """``synthetic``, ``file``, or the adapter of a live one."""
    label: str
    """What people call it."""
    time_ns: int
    """The market's time, in nanoseconds since 1970; 0 before the first event."""
    is_back: bool
    """Whether its accounts are through with their start; until then the time is that of what they are shown again."""
    accounts: tuple[str, ...]
    """Those that trade on it now."""
    prices: dict[str, tuple[float, int]]
    """By symbol the last price, in its currency, and when it was heard of (0: not known)."""


class Commits(msgspec.Struct, frozen=True):
    """How an engine's commits have been since it was started."""

    count: int
    """How many."""
    p50_s: float | None
    """Of the last thousand so long at most in half of the cases, in seconds, until it was durable; None before the first."""
    p99_s: float | None
    """In 99 of 100."""
    records: float
    """Records of a commit, on average."""
    bytes: float
    """Size of their bodies, on average."""
    slow: int
    """Statements over 0.2 s."""
    slowest: str
    """The first words of the slowest of them; empty where there was none."""
    slowest_s: float
    """How long that took, in seconds."""
    waited: int
    """Commits that waited for somebody else's lock, for 0.05 s or longer, and got it."""
    lock_waits: int
    """Waits for a lock that were given up."""
    deadlocks: int
    """Deadlocks that the database broke."""


class Board(msgspec.Struct, frozen=True):
    """What an engine knows of its market. Times are by this machine's wall clock, in nanoseconds since 1970."""

    version: int
    process: str
    written_ns: int
    """When it was written, by a thread of its own, which goes on when the engine's loop is stuck."""
    turned_ns: int
    """When the loop that trades was last seen to turn."""
    feeds: tuple[FeedBoard, ...]
    commits: Commits | None = None
    """Of the engine's journal."""
    failures: dict[str, str] = {}
    """Its accounts that can't go on while others do, each with what ended it."""

    @property
    def alive_ns(self) -> int:
        """The latest time at which the engine is known to have lived, and not a thread of it alone."""
        return min(self.written_ns, self.turned_ns)


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Board).decode


def board_path(database: Database, first_account: str) -> Path:
    """The file of the engine whose first account it is."""
    return database.lock_directory / f"{quote(first_account, safe='')[:NAME_PART]}{SUFFIX}"


def write(path: Path, board: Board) -> None:
    """Put a board in the place of the one before: who reads has one or the other whole. Raises OSError."""
    spare = path.with_name(f"{path.name}.new")
    descriptor = os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.write(descriptor, _encode(board))
    finally:
        os.close(descriptor)
    spare.replace(path)


def boards(database: Database) -> Iterator[Board]:
    """Every board beside a journal that can be read, of whatever age."""
    try:
        paths = sorted(path for path in database.lock_directory.iterdir() if path.suffix == SUFFIX)
    except OSError:
        return
    for path in paths:
        try:
            if path.stat().st_size <= MOST_BYTES:
                found = _decode(path.read_bytes())
                if found.version == VERSION:
                    yield found
        except (OSError, msgspec.MsgspecError):
            continue
