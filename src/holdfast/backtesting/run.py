"""One account's backtest from its configuration to its result."""

import time
from pathlib import Path
from typing import Any

import msgspec

import holdfast
from holdfast.assembly import NO_CLASSES, Classes, build_exchange, build_state
from holdfast.backtesting.recorder import Recorder
from holdfast.backtesting.replay import Replay
from holdfast.backtesting.results import AccountResult
from holdfast.config import AccountConfig, Config
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.types import DAY_NS, iso_time
from holdfast.errors import DataError
from holdfast.feeds.port import Feed


class Backtest:
    """An account ready to be run over a feed, once. What it records goes to ``folder``; ``classes`` are strategies at hand, by id.

    Raises :class:`~holdfast.errors.ConfigError` for strategies that can't be built.
    """

    def __init__(
        self, config: Config, account: AccountConfig, feed: Feed, folder: Path, classes: Classes = NO_CLASSES
    ) -> None:
        self.config = config
        self.account = account
        self.feed = feed
        self._state = build_state(config, account, feed, None, classes)
        self.recorder = Recorder(self._state, folder)
        exchange = build_exchange(config, account, self._state)
        self._replay = Replay(self._state, exchange, self.recorder, self.recorder.look)
        self.recorder.follow(self._replay)

    def mute(self) -> None:
        """Leave the strategies' own words (`Context.log`) unsaid: for one of many runs."""
        self._state.host.log = lambda _line: None

    @property
    def done(self) -> int:
        """How many market events have been taken; may be asked from another thread."""
        return self._replay.events

    @property
    def params(self) -> dict[str, dict[str, Any]]:
        """The parameters of each strategy, those by default included."""
        runners = self._state.host.runners.values()
        return {str(runner.id): msgspec.to_builtins(runner.strategy.params) for runner in runners}

    def run(self) -> AccountResult:
        """Take every event of the feed. Raises :class:`~holdfast.errors.DataError` for bad data."""
        deposit = self.account.deposit
        started_s = time.perf_counter()
        self._replay.begin(deposit, holdfast.__version__, self.account.balances)
        self._replay.run(self.feed.events(), self.feed.trading_from_ns)
        seconds = time.perf_counter() - started_s
        self.recorder.finish()
        if self._replay.events and not self._replay.has_traded:
            raise DataError(
                f"{self.feed.name}: all of it lies before start ({iso_time(self.feed.trading_from_ns)}), the last at "
                f"{iso_time(self._state.now_ns)}: nothing could be traded; give an earlier start"
            )
        outcome = self.recorder.result(deposit, seconds, self._replay.tally(), self.config.venue.preset.fill.value)
        return by_days(outcome, self.feed, self._state.calendar)


def by_days(outcome: AccountResult, feed: Feed, calendar: TradingCalendar) -> AccountResult:
    """Of daily bars sessions without data are counted as ``holdfast data check`` does: by the days that were meant.

    Where they stand in another session than their own, counting what happened in each would tell of hundreds that are missing.
    """
    days: Any = getattr(feed, "days_ns", ())
    if not len(days):
        return outcome
    from holdfast.data.sessions import missing_sessions, own_session, played_session, sessions_of

    sessions = sessions_of(calendar)
    days = days[(days >= max(outcome.start_ns - DAY_NS, sessions.starts[0])) & (days < outcome.end_ns)]
    own = own_session(days, sessions)
    shifted = (own >= 0) & (played_session(days, sessions) != own)
    return msgspec.structs.replace(
        outcome, missing_sessions=len(missing_sessions(own)), shifted_days=int(shifted.sum())
    )
