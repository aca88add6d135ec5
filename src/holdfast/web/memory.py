"""What of a long journal is read over and over, kept in memory and carried forward: rare records, and the orders that may still trade.

A journal has no index of its records' types: that would cost the engine at each commit. So who wants the last stop of a strategy in a million
records reads them all. The web process does so once, and from there on only what is new; where they are is kept for its next start (`kept.py`).
"""

import logging
import threading
from collections import deque
from collections.abc import Iterable, Sequence

import msgspec

from holdfast.core.messages import Envelope, OrderTerms
from holdfast.core.protection.records import ProtectionComplete
from holdfast.errors import JournalError
from holdfast.journal.lists import OVER, ListReader
from holdfast.journal.reader import PAGE, OrderRow, Snapshot, to_envelope
from holdfast.web.kept import Kept

FREQUENT = frozenset(
    {
        "AccountStateChanged",
        "Bar",
        "CancelReleased",
        "OrderAccepted",
        "OrderCanceled",
        "OrderFilled",
        "OrderPrepared",
        "OrderReleased",
        "PnlSnapshot",
        "PositionChanged",
        "Quote",
        "RiskApproved",
        "Signal",
        "Trade",
        "WishOver",
        "WishWaits",
    }
)
"""Types of which there are many, and some among the last records; all others are kept."""
KEPT = 20_000
"""How many records of a type are kept, the newest; at some 1 kB each."""
SMALL_STEP = 5_000
"""Up to so many new records are read one by one, more with one question."""
KEPT_EVERY = 20_000
"""After so many records it is kept again for the next process where they are."""

logger = logging.getLogger(__name__)


class Where(msgspec.Struct, frozen=True):
    """Where an account's rare records are, and of which types there are more than are kept."""

    sequences: list[int]
    overflown: list[str]


class AccountMemory:
    """One account's. Its methods are called by one thread at a time."""

    def __init__(self, account: str) -> None:
        self.account = account
        self.upto = 0
        self._hash = ""
        self._kinds: dict[str, deque[Envelope]] = {}
        self._overflown: set[str] = set()
        self._protected: dict[tuple[str, str], Envelope] = {}
        self.live: dict[str, OrderRow] = {}

    def catch_up(self, reader: ListReader) -> None:
        """Read what is new; a journal that is another one than before is read from the beginning.

        For a reader that looks at a moment of before, what others have read since then stays.
        """
        ends = reader.end_of(self.account)
        if ends is not None and ends[0] < self.upto and reader.is_of_before:
            return
        if ends is None or ends[0] < self.upto or (self.upto and reader.hash_of(self.account, self.upto) != self._hash):
            self.__init__(self.account)  # type: ignore[misc]
        if ends is None or ends[0] == self.upto:
            return
        last, hashed = ends
        if last - self.upto <= SMALL_STEP:
            self._step(reader, last)
        else:
            self._leap(reader, last)
        self.upto, self._hash = last, hashed

    def resume(self, reader: ListReader, kept: Snapshot, where: Where) -> None:
        """Begin with what another process kept."""
        hashed = reader.hash_of(self.account, kept.sequence)
        records = reader.records_in(self.account, where.sequences)
        if hashed is None or len(records) != len(where.sequences):
            return
        self._keep(records)
        self._overflown = set(where.overflown)
        self.live = _live(reader, self.account)
        self.upto, self._hash = kept.sequence, hashed

    def where(self) -> Where:
        """For the next process."""
        records = [*self._protected.values(), *(record for kind in self._kinds.values() for record in kind)]
        return Where(sorted(record.sequence for record in records), sorted(self._overflown))

    def _step(self, reader: ListReader, last: int) -> None:
        after, changed = self.upto, set[str]()
        while after < last:
            rows = reader.page(self.account, after)
            records = [to_envelope(row) for row in rows if row.sequence <= last]
            self._keep(record for record in records if record.type not in FREQUENT)
            changed |= orders_named(records)
            after += PAGE
        for row in reader.orders_of(self.account, sorted(changed)):
            self.live.pop(row.client_order_id, None)
            if row.state not in OVER:
                self.live[row.client_order_id] = row

    def _leap(self, reader: ListReader, last: int) -> None:
        self._keep(reader.records_but(self.account, FREQUENT, self.upto, last))
        self.live = _live(reader, self.account)

    def _keep(self, records: Iterable[Envelope]) -> None:
        for record in records:
            body = record.body
            if isinstance(body, ProtectionComplete):
                self._protected[body.strategy, body.symbol] = record
                continue
            kept = self._kinds.setdefault(record.type, deque(maxlen=KEPT))
            if len(kept) == KEPT:
                self._overflown.add(record.type)
            kept.append(record)

    def records(self, kinds: Iterable[str], after: int, most: int | None = None) -> list[Envelope] | None:
        """Those of some types after a sequence, in order; None when not enough of them is kept.

        Of `ProtectionComplete` the newest of each position. With ``most`` the newest so many are enough.
        """
        wanted = set(kinds)
        if wanted & FREQUENT:
            return None
        found = [record for kind in wanted for record in self._kinds.get(kind, ()) if record.sequence > after]
        if ProtectionComplete.__name__ in wanted:
            found += [record for record in self._protected.values() if record.sequence > after]
        if self._lacks(wanted, after, most):
            return None
        found.sort(key=lambda record: record.sequence)
        return found if most is None else found[-most:]

    def _lacks(self, wanted: set[str], after: int, most: int | None) -> bool:
        """Whether records are wanted that were let go."""
        cut = [self._kinds[kind] for kind in wanted & self._overflown]
        return any(kept[0].sequence > after + 1 and (most is None or most > len(kept)) for kept in cut)


class Memory:
    """That of all accounts, for all threads. ``kept`` is what it begins with and is kept in; it does without where that can't be used."""

    def __init__(self, kept: Kept | None = None) -> None:
        self._lock = threading.Lock()
        self._accounts: dict[str, AccountMemory] = {}
        self._kept = kept
        self._kept_at: dict[str, int] = {}

    def records(
        self, reader: ListReader, account: str, kinds: Sequence[str], after: int, most: int | None = None
    ) -> list[Envelope] | None:
        """Up-to-date; None when the journal has to be asked itself."""
        if not set(kinds) or set(kinds) & FREQUENT:
            return None
        with self._lock:
            return self._of(reader, account).records(kinds, after, most)

    def live_orders(self, reader: ListReader, account: str) -> list[OrderRow]:
        """The account's orders that may still trade, the newest first."""
        with self._lock:
            found = list(self._of(reader, account).live.values())
        return sorted(found, key=lambda row: (row.created_ns, row.client_order_id), reverse=True)

    def _of(self, reader: ListReader, account: str) -> AccountMemory:
        found = self._accounts.get(account)
        if found is None:
            found = self._accounts[account] = AccountMemory(account)
            if self._kept is not None and not reader.is_of_before:
                self._resume(self._kept, reader, found)
        found.catch_up(reader)
        return found

    def _resume(self, kept: Kept, reader: ListReader, memory: AccountMemory) -> None:
        try:
            snapshot = kept.newest(reader, memory.account)
            if snapshot is not None:
                memory.resume(reader, snapshot, msgspec.json.decode(snapshot.body, type=Where))
                self._kept_at[memory.account] = memory.upto
        except (JournalError, msgspec.DecodeError) as error:
            logger.warning("where the rare records of %s are is not known, and all are read: %s", memory.account, error)

    def keep(self, reader: ListReader, account: str) -> None:
        """Keep where the account's records are for the next process, if many are new. Raises JournalError."""
        if self._kept is None:
            return
        with self._lock:
            memory = self._accounts.get(account)
            if memory is None or memory.upto - self._kept_at.get(account, 0) < KEPT_EVERY:
                return
            found = Snapshot(memory.upto, msgspec.json.encode(memory.where()))
        self._kept.keep(reader, account, found)
        self._kept_at[account] = found.sequence


def _live(reader: ListReader, account: str) -> dict[str, OrderRow]:
    return {row.client_order_id: row for row in reversed(reader.live_orders(account))}


def orders_named(records: Iterable[Envelope]) -> set[str]:
    """The ids of the orders that records name as their own."""
    found: set[str] = set()
    for record in records:
        body = record.body
        if name := getattr(body, "client_order_id", None):
            found.add(name)
        terms = getattr(body, "terms", None)
        if isinstance(terms, OrderTerms):
            found.add(terms.client_order_id)
    return found
