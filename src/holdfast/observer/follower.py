"""The one who follows the tails of a configuration's accounts. It only reads: a page at a time, in transactions that end at once."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import partial

from holdfast.config import Config
from holdfast.core.messages import Envelope
from holdfast.core.milestones import EngineStarted
from holdfast.core.types import SECOND_NS
from holdfast.errors import HoldfastError, JournalCorrupt
from holdfast.journal.chain import GENESIS
from holdfast.journal.database import open_database
from holdfast.journal.lists import ListReader
from holdfast.journal.reader import check_link, to_envelope
from holdfast.journal.tail import OpenReader
from holdfast.observer.handover import Handover
from holdfast.observer.places import Place, Places
from holdfast.observer.turn import Turn
from holdfast.observer.watcher import Moment, Watcher

REST_S = 0.01
"""Between two pages, while there is more to read: the engine's machine has other things to do."""
AGAIN_S = 2.0
"""How long a journal that can't be read is left alone."""
DAMAGED_S = 30.0
"""How long an account is left alone whose records don't prove themselves."""

logger = logging.getLogger(__name__)

Records = list[tuple[Envelope, str]]


class Follower:
    """Hands what is new to ``watchers``, from `look` to `look`. In one thread.

    What is new begins where the journal ends at the first look; or where the process ``beside`` took an account, which may have written before that.
    """

    def __init__(self, config: Config, watchers: Sequence[Watcher], beside: str = "") -> None:
        self._url, self._every_s = config.journal.url, config.observer.every_s
        self._open = OpenReader(self._url, lambda: ListReader.open(self._url))
        self._places = Places(config.observer.url)
        self._turn, self._was_mine = Turn(self._places), True
        self._accounts = [account.name for account in config.accounts]
        self._beside, self._has_begun = beside, False
        self._handovers = [Handover(watcher, self._places, self._accounts) for watcher in watchers]
        self._damage: dict[str, str] = {}
        self._damaged_ns: dict[str, int] = {}
        self._is_done = False
        self.trouble = ""
        """Why nothing can be handed over now; empty while it can."""

    def run(self, over: threading.Event) -> None:
        """Look until ``over``. Raises nothing: what can't be read now may be readable later."""
        with closing(self):
            while not over.is_set():
                more = self.look(time.time_ns())
                over.wait(REST_S if more else AGAIN_S if self.trouble else self._every_s)

    def close(self) -> None:
        """Let the journal and the observer's database go, and the next observer work."""
        self._open.close()
        with suppress(HoldfastError):  # it is seen that it isn't renewed
            self._turn.give_back()
        self._places.close()

    def look(self, now_ns: int) -> bool:
        """Hand over what is new, and say that it is ``now_ns``, unless another observer works. Returns whether there may be more at once."""
        if not self._is_mine():
            return False
        more, reader = False, None
        try:
            reader = self._open.get()
            more = self._read(reader, now_ns)
            self._say("")
        except HoldfastError as error:
            reader = None
            self._open.close()
            self._begin_before_journal()
            self._say(str(error))
        moment = Moment(now_ns, reader, self.trouble, dict(self._damage))
        for handover in self._handovers:
            handover.time(moment)
        return more

    def _is_mine(self) -> bool:
        try:
            is_mine = self._turn.is_mine()
        except HoldfastError as error:
            self._say(str(error))
            return False
        if not is_mine and self._was_mine:
            logger.info("another observer works (%s); this one waits until it is gone", self._turn.holder)
            for handover in self._handovers:
                handover.forget()
        elif is_mine and not self._was_mine:
            logger.info("the other observer is gone; this one works now")
        self._was_mine = is_mine
        return is_mine

    def _say(self, trouble: str) -> None:
        if trouble and trouble != self.trouble:
            logger.warning("nothing is read: %s", trouble)
        elif self.trouble and not trouble:
            logger.info("the journal is read again")
        self.trouble = trouble

    def _begin_before_journal(self) -> None:
        """Where there is no journal yet, all of it will be new."""
        try:
            if not open_database(self._url).exists():
                self._begin(dict)
        except HoldfastError:  # nobody can tell
            pass

    def _begin(self, places: Callable[[], dict[str, Place]]) -> None:
        for handover in self._handovers:
            handover.begin(places)
        if not self._has_begun:
            self._has_begun = True
            logger.info("observing %s", ", ".join(self._accounts))

    def _read(self, reader: ListReader, now_ns: int) -> bool:
        is_same = self._open.is_same()
        self._begin(partial(self._ends, reader))
        if is_same and self._is_done:
            return False
        pages: dict[tuple[str, int], Records] = {}

        def page(account: str, after: int) -> Records:
            if (account, after) not in pages:
                pages[account, after] = self._page(reader, account, after, now_ns)
            return pages[account, after]

        more = [handover.records(reader, page, now_ns) for handover in self._handovers]
        self._open.seen()
        waits = any(handover.waits(now_ns) for handover in self._handovers)
        self._is_done = not (any(more) or waits or self._damage)
        return any(more)

    def _ends(self, reader: ListReader) -> dict[str, Place]:
        """Where each account's records end; or what was before the start of the engine that this one is beside."""
        places = {
            row.account: Place(row.last_sequence, row.last_hash) for row in reader.accounts() if row.last_sequence
        }
        for account in places if self._beside else ():
            start = reader.last_record(account, EngineStarted.__name__)
            if start is not None and isinstance(start.body, EngineStarted) and start.body.process == self._beside:
                before = start.sequence - 1
                places[account] = Place(before, reader.hash_of(account, before) or "")
        return places

    def _page(self, reader: ListReader, account: str, after: int, now_ns: int) -> Records:
        """The next records, as far as they prove themselves."""
        if now_ns < self._damaged_ns.get(account, 0):
            return []
        found: Records = []
        previous = (reader.hash_of(account, after) or "") if after else GENESIS
        try:
            for row in reader.page(account, after):
                previous = check_link(previous, after + len(found) + 1, row)
                found.append((to_envelope(row), previous))
            self._damage.pop(account, None)
        except JournalCorrupt as error:
            if not found:
                self._damage[account] = str(error)
                self._damaged_ns[account] = now_ns + int(DAMAGED_S * SECOND_NS)
        return found
