"""The accounts' whole states, beside their engines: read through once in the background, followed from there.

Limits, protection and what positions are worth need an account's state (`views.books`). Of a long journal without a snapshot that takes some time,
for which no page waits: until then whoever asks hears how far it is. What was read is kept (`kept.py`), so that the next web process begins there.
"""

import logging
import threading
import time
from contextlib import suppress

from holdfast.config import Config
from holdfast.errors import HoldfastError, JournalError
from holdfast.views.board import market
from holdfast.views.books import Books, Scratch
from holdfast.views.encode import Json, as_json
from holdfast.views.holdings import holdings
from holdfast.views.positions import positions
from holdfast.web.kept import Kept
from holdfast.web.reading import Reading, WebReader

REST_S, AGAIN_S = 0.02, 5.0
"""Between two looks, and after one that failed: the engine's machine has other things to do."""
WAY_S = 0.5
"""So long it waits for those who ask to have their answers, and then reads a little all the same: one interpreter does both."""
KEPT_EVERY = 20_000
"""After so many records a state is kept again: read in a second or two."""
SURE = 0.02
"""What part has to be read before it is said how long the rest takes."""
KEPT_S = 30.0
"""How often it is looked whether that is so, and read on where nobody asks."""
LOOKS = 4
"""How often somebody who asks has it read on, for as long as `views.books.BUDGET_S` each, before they are told to ask again."""

logger = logging.getLogger(__name__)


class Following:
    """Keeps the accounts' states. Start and stop it; any thread may ask."""

    def __init__(self, config: Config, reading: Reading) -> None:
        self.books = Books(config, Kept(config.web.url))
        self._names = [account.name for account in config.accounts]
        self._reading = reading
        self._behind: dict[str, int] = {}
        self._whole: dict[str, int] = {}
        self._began_s: dict[str, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="following", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for it."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        with suppress(HoldfastError), self._reading.open() as reader:
            for name in self._names:
                reader.orders(name, live_only=True)  # the memory is filled before anybody waits for it
                self._reading.memory.keep(reader, name)
        left = [*self._names]
        while left and not self._over.wait(REST_S):
            try:
                self._give_way()
                with self._reading.reader() as reader:
                    for name in [*left]:
                        if name in {row.account for row in reader.accounts()}:
                            self._began_s.setdefault(name, time.monotonic())
                            self._behind[name] = self.books.read_on(reader, name)
                            self._whole.setdefault(name, max(1, reader.account(name).last_sequence))
                            self._keep(reader, name, KEPT_EVERY if not self._behind[name] else 10 * KEPT_EVERY)
                            if not self._behind[name]:
                                left.remove(name)
                    waits = not any(self._behind.get(name) for name in left)
            except HoldfastError:  # whoever asks gets it told
                waits = True
            if waits and self._over.wait(AGAIN_S):
                break
        while not self._over.wait(KEPT_S):
            with suppress(HoldfastError), self._reading.reader() as reader:
                for name in filter(self.has, self._names):
                    while self.books.read_on(reader, name) and not self._over.wait(REST_S):
                        pass  # nobody may have asked since the last time
                    self._keep(reader, name, KEPT_EVERY)

    def _give_way(self) -> None:
        """Let those go first who wait for an answer."""
        ends_s = time.monotonic() + WAY_S
        while self._reading.is_asked and time.monotonic() < ends_s and not self._over.wait(REST_S):
            pass

    def _keep(self, reader: WebReader, account: str, every: int) -> None:
        """Keep an account's state now and then; where that can't be done the next process reads more."""
        try:
            self.books.keep(reader, account, every)
            self._reading.memory.keep(reader, account)
        except HoldfastError as error:
            logger.warning(
                "the state of %s can't be kept, and the next start reads on from an older one: %s", account, error
            )

    def progress(self, account: str) -> float | None:
        """What part of the account's records was read, between 0 and 1; None before it began."""
        behind, whole = self._behind.get(account), self._whole.get(account)
        return None if behind is None or not whole else 1 - behind / whole

    def has(self, account: str) -> bool:
        """Whether the account's state was read through."""
        return self._behind.get(account) == 0

    def scratch(self, reader: WebReader, account: str) -> Scratch:
        """The account with every record that there was when it was asked for, and perhaps later ones.

        Raises :class:`~holdfast.errors.JournalError` while that is still being read: no answer rests on an older state.
        """
        if not self.has(account):
            raise _not_yet(account, self._far(account))
        last = reader.account(account).last_sequence
        for _ in range(LOOKS):
            found = self.books.scratch(reader, account)
            if found.state.sequence >= last:
                return found
        raise _not_yet(account, f"{last - found.state.sequence:,} records are left")

    def _far(self, account: str) -> str:
        """How far it is, and how long it takes still."""
        behind, part = self._behind.get(account), self.progress(account)
        if behind is None or part is None:
            return "which has not begun"
        text = f"{behind:,} records are left, {100 * part:.0f} % is read"
        took_s = time.monotonic() - self._began_s[account]
        return f"{text}, some {took_s * (1 - part) / part:.0f} s more" if part > SURE else text

    def held(self, reader: WebReader, account: str) -> list[Json]:
        """What an account holds, at the last prices; while its state is still being read without what rests on it."""
        if self.has(account):
            try:
                return [as_json(view) for view in holdings(self.scratch(reader, account))]
            except HoldfastError:  # what the rows say is there all the same
                pass
        prices = market(reader, account).prices
        found = []
        for view in positions(reader, account):
            last = prices.get(view.symbol)
            found.append(as_json(view) | {"last_price": None if last is None else f"{last.price:f}"})
        return found


def _not_yet(account: str, far: str) -> JournalError:
    return JournalError(f"account {account}'s state is being read from its journal, {far}; ask again")
