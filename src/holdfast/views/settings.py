"""When what an account goes by was last changed, by whom, and how."""

from collections.abc import Iterable, Iterator

import msgspec

from holdfast.core.settings import SettingsChanged
from holdfast.journal.reader import Reader


class ChangedView(msgspec.Struct, frozen=True):
    """The last change of an account's settings since they are recorded."""

    account: str
    """Whose they are."""
    time_ns: int
    """When, in nanoseconds since 1970."""
    source: str
    """Who asked: ``cli:alice``, a signal, or the start that found another file."""
    reason: str
    """Why."""
    changes: list[str]
    """The keys that changed, each with what was and what is."""


def last_changes(reader: Reader, accounts: Iterable[str]) -> Iterator[ChangedView]:
    """The last change of each account that has one. Raises JournalError."""
    for account in accounts:
        record = reader.last_record(account, SettingsChanged.__name__)
        if record is not None and isinstance(record.body, SettingsChanged):
            changes = [str(change) for change in record.body.changes]
            yield ChangedView(account, record.time_ns, record.source, record.body.reason, changes)
