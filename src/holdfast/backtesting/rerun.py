"""An account's recorded session once more, as a backtest: the same beginning, the same strategies, other data perhaps."""

from collections.abc import Callable, Iterator, Sequence

import holdfast
from holdfast.assembly import build_exchange, build_state
from holdfast.backtesting.replay import Replay
from holdfast.config import AccountConfig, Config
from holdfast.core.adjustments import CashDeposited
from holdfast.core.messages import Envelope, FeedEvent, PositionAdopted
from holdfast.core.turn import Turn
from holdfast.feeds.port import Feed
from holdfast.venue.settings import FillAt


class Rerun:
    """An account ready to be run over a feed, once; ``take`` is shown every record. ``begun`` is how its orders filled when it began.

    Raises :class:`~holdfast.errors.ConfigError` for strategies that can't be built.
    """

    def __init__(
        self, config: Config, account: AccountConfig, feed: Feed, begun: FillAt | None, take: Callable[[Envelope], None]
    ) -> None:
        self._feed = feed
        self._take = take
        self.state = build_state(config, account, feed, None)
        self._replay = Replay(self.state, build_exchange(config, account, self.state, begun), self._record)

    @property
    def done(self) -> int:
        """How many market events have been taken; may be asked from another thread."""
        return self._replay.events

    def begin(self, opening: Sequence[CashDeposited | PositionAdopted]) -> None:
        """Take the account as it was: its cash and its positions."""
        self._replay.begin_with(opening, holdfast.__version__)

    def run(self, from_ns: int, until_ns: int) -> None:
        """Take every event up to a time, those before ``from_ns`` as history. Raises :class:`~holdfast.errors.DataError` for bad data."""
        self._replay.run(self.events(until_ns), from_ns)

    def events(self, until_ns: int) -> Iterator[FeedEvent]:
        """The feed's events up to a time."""
        for event in self._feed.events():
            if event.time_ns > until_ns:
                return
            yield event

    def _record(self, turn: Turn) -> None:
        for record in turn.records:
            self._take(record)
