"""A reader that stays open from one look to the next, for those who follow a journal's tail."""

from collections.abc import Callable
from typing import Generic, TypeVar

from holdfast.journal.database import open_database
from holdfast.journal.lists import ListReader

R = TypeVar("R", bound=ListReader)


class OpenReader(Generic[R]):
    """Opens with ``opens`` what is at ``url`` when it is first asked for, and anew when another journal was put in its place."""

    def __init__(self, url: str, opens: Callable[[], R]) -> None:
        self._url, self._opens = url, opens
        self._reader: R | None = None
        self._identity: object = None
        self._version: int | None = None
        self._looked: int | None = None

    def get(self) -> R:
        """The reader. Raises :class:`~holdfast.errors.JournalError` when there is no journal or it can't be read."""
        identity = open_database(self._url).identity()
        if self._reader is None or identity != self._identity:
            self.close()
            self._reader = self._opens()
            self._identity, self._version, self._looked = identity, None, None
        return self._reader

    def is_same(self) -> bool:
        """Whether nothing can have been committed since `seen`; False where the database can't tell."""
        version = self.get().data_version()
        self._looked = version
        return version is not None and version == self._version

    def seen(self) -> None:
        """What was there at the last `is_same` was read."""
        self._version = self._looked

    def close(self) -> None:
        """Let the journal go, until it is asked for again."""
        if self._reader is not None:
            self._reader.close()
        self._reader = None
