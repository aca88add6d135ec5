"""What a watcher is: somebody who is handed each account's new records, in order, and told how time passes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from holdfast.core.messages import Envelope
from holdfast.journal.lists import ListReader

if TYPE_CHECKING:
    import sqlalchemy as sa


class Moment(NamedTuple):
    """How things are at one look.

    ``now_ns`` is this machine's clock. ``reader`` is the journal, to be read from while the call lasts; None while it can't be read, and then
    ``trouble`` says why. ``damage`` has the accounts whose records don't prove themselves, each with what is wrong.
    """

    now_ns: int
    reader: ListReader | None
    trouble: str
    damage: Mapping[str, str]


class Watcher(Protocol):
    """One who watches. All calls come from one thread; while one lasts the other watchers wait, so what may take long (a network) has its own.

    A call that raises is logged; after a while `restore` is called for every account, and what was not kept is handed over again.
    """

    name: str
    """By which its places are kept; a watcher of another name begins anew."""

    def restore(self, reader: ListReader, account: str, sequence: int) -> None:
        """Be as one who has been handed the account's records up to ``sequence``, and forget what was known of it. Before its first records, and again after a fault."""

    def on_records(self, account: str, records: Sequence[Envelope], kept: "sa.Connection") -> None:
        """The account's next records. What is written by ``kept`` (the observer's database) is committed with the place: once, whatever kills the process.

        What leaves by another way may leave again after a kill.
        """

    def on_time(self, moment: Moment) -> None:
        """Time has passed: some times a second, whether or not there was anything new, and before `restore` while there is no journal."""
