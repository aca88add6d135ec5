"""What accounts on one feed warm up on: its history, fetched once, and what has come since while an account was on its way."""

import threading
from collections.abc import Sequence

from holdfast.core.messages import MarketEvent
from holdfast.feeds.live import Deliver, LiveFeed, TellStatus

MOST_MISSED = 100_000
"""Events kept for accounts that are on their way while others trade: some hundred bytes each. Older ones are left out for them."""


class SharedPast:
    """A feed's history and what followed. ``keep`` and ``rest`` are the event loop's; any thread may ask for the history."""

    def __init__(self, feed: LiveFeed) -> None:
        self.feed = feed
        self._lock = threading.Lock()
        self._history: Sequence[MarketEvent] | None = None
        self._missed: list[MarketEvent] = []
        self._left_out = 0

    def history(self, until_ns: int) -> tuple[Sequence[MarketEvent], int]:
        """Everything up to now, and how many events since the history that is. Raises :class:`~holdfast.errors.DataError`."""
        with self._lock:
            if self._history is None:
                self._history = self.feed.history(until_ns)
        missed = list(self._missed)
        return [*self._history, *missed], self._left_out + len(missed)

    def keep(self, events: Sequence[MarketEvent]) -> None:
        """Remember events for the accounts that are on their way."""
        self._missed += events
        if len(self._missed) > MOST_MISSED:
            self._left_out += len(self._missed) // 2
            del self._missed[: len(self._missed) // 2]

    def rest(self, seen: int) -> Sequence[MarketEvent]:
        """The events since the first ``seen``."""
        return self._missed[max(0, seen - self._left_out) :]

    def forget(self) -> None:
        """Nobody is on the way any more."""
        self._left_out += len(self._missed)
        self._missed = []


class JoinedFeed:
    """The feed as one account is shown it while it starts: with what came since its history."""

    def __init__(self, past: SharedPast) -> None:
        self._past = past
        self.kind = past.feed.kind
        self.name = past.feed.name
        self.symbols = past.feed.symbols
        self.bar_ns = past.feed.bar_ns
        self._seen = 0

    def history(self, until_ns: int) -> Sequence[MarketEvent]:
        """What strategies warm up on. Raises :class:`~holdfast.errors.DataError`."""
        events, self._seen = self._past.history(until_ns)
        return events

    def unseen(self) -> Sequence[MarketEvent]:
        """What has come since `history` was asked for."""
        return self._past.rest(self._seen)

    async def run(self, deliver: Deliver, tell: TellStatus) -> None:
        """The loop hears the feed itself."""
        raise NotImplementedError
