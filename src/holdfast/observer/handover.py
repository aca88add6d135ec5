"""Handing the records to one watcher: from its place on, kept with what it writes, and again after a fault of its own."""

import logging
from collections.abc import Callable, Sequence
from functools import partial

from holdfast.core.messages import Envelope
from holdfast.core.types import SECOND_NS
from holdfast.errors import HoldfastError
from holdfast.journal.lists import ListReader
from holdfast.observer.places import BEGINNING, Overtaken, Place, Places
from holdfast.observer.watcher import Moment, Watcher

FIRST_S, LONGEST_S = 1.0, 60.0
"""How long a watcher that raised is left alone; doubled each time up to the longest."""

Page = Callable[[str, int], Sequence[tuple[Envelope, str]]]
"""The account's next records after a sequence, each with its hash."""

logger = logging.getLogger(__name__)


class Handover:
    """One watcher, and how far it is."""

    def __init__(self, watcher: Watcher, places: Places, accounts: Sequence[str]) -> None:
        self.watcher = watcher
        self._places, self._accounts = places, accounts
        self._at: dict[str, Place] | None = None
        self._restored: set[str] = set()
        self._faults, self._again_ns = 0, 0

    def waits(self, now_ns: int) -> bool:
        """Whether it is left alone after a fault; a clock that jumped back doesn't prolong that."""
        return 0 < self._again_ns - now_ns <= LONGEST_S * SECOND_NS

    def forget(self) -> None:
        """Somebody else hands over now: who goes on after that begins from what is kept."""
        self._at = None
        self._restored.clear()

    def begin(self, places: Callable[[], dict[str, Place]]) -> None:
        """What the watcher has never heard of begins at the ``places``: who begins to watch is not told of years."""
        if self._at is None:
            self._at = self._places.of(self.watcher.name)
        unheard = [account for account in self._accounts if account not in self._at]
        begins = places() if unheard else {}
        for account in unheard:
            place = begins.get(account, BEGINNING)
            self._places.put(self.watcher.name, account, place)
            self._at[account] = place

    def records(self, reader: ListReader, page: Page, now_ns: int) -> bool:
        """Hand over what is new, a page of each account. Returns whether there may be more at once."""
        more = [self._safely(partial(self._next, reader, page, account), now_ns) for account in self._accounts]
        return any(more)

    def time(self, moment: Moment) -> None:
        """Say that time has passed."""
        self._safely(partial(self._tell_time, moment), moment.now_ns)

    def _tell_time(self, moment: Moment) -> bool:
        self.watcher.on_time(moment)
        return False

    def _next(self, reader: ListReader, page: Page, account: str) -> bool:
        place = self._place(reader, account)
        if account not in self._restored:
            self.watcher.restore(reader, account, place.sequence)
            self._restored.add(account)
        new = page(account, place.sequence)
        if not new:
            return False
        records, hashes = zip(*new, strict=True)
        after = Place(records[-1].sequence, hashes[-1])
        with self._places.begin() as connection:
            self._places.move(connection, self.watcher.name, account, (place, after))
            self.watcher.on_records(account, records, connection)
        self._at = {**(self._at or {}), account: after}
        self._faults = 0
        return True

    def _place(self, reader: ListReader, account: str) -> Place:
        """Where the watcher is; in another journal than before (a backup was restored) that is its end."""
        place = (self._at or {}).get(account, BEGINNING)
        if place == BEGINNING or reader.hash_of(account, place.sequence) == place.hash:
            return place
        end = reader.end_of(account)
        now = BEGINNING if end is None or not end[0] else Place(*end)
        logger.warning(
            "%s: record %d of %s is not the one that was told of, so this is another journal than before; what it has by now is passed over",
            self.watcher.name,
            place.sequence,
            account,
        )
        self._places.put(self.watcher.name, account, now)
        self._at = {**(self._at or {}), account: now}
        self._restored.discard(account)
        return now

    def _safely(self, call: Callable[[], bool], now_ns: int) -> bool:
        if self.waits(now_ns):
            return False  # perhaps because of another account
        try:
            return call()
        except Overtaken as fault:
            self._left_alone(str(fault), now_ns)
            self._at = None
        except HoldfastError as fault:
            self._left_alone(str(fault), now_ns)
        except Exception as fault:  # noqa: BLE001  a watcher may raise anything, and stops no other
            self._left_alone(f"{type(fault).__name__}: {fault}", now_ns, fault)
        return False

    def _left_alone(self, why: str, now_ns: int, fault: Exception | None = None) -> None:
        wait_s = min(LONGEST_S, FIRST_S * 2**self._faults)
        self._faults = min(self._faults + 1, 16)
        self._again_ns = now_ns + int(wait_s * SECOND_NS)
        self._restored.clear()
        logger.error(
            "%s is left alone for %g s, then told again of what it has not kept: %s",
            self.watcher.name,
            wait_s,
            why,
            exc_info=fault,
        )
