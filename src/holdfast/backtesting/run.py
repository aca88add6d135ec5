"""One account's backtest from its configuration to its result."""

import time
from pathlib import Path

import holdfast
from holdfast.assembly import build_exchange, build_state
from holdfast.backtesting.replay import Replay
from holdfast.backtesting.results import AccountResult, Recorder
from holdfast.config import AccountConfig, Config
from holdfast.feeds.port import Feed


class Backtest:
    """An account ready to be run over a feed, once. What it records goes to ``folder``.

    Raises :class:`~holdfast.errors.ConfigError` for strategies that can't be built.
    """

    def __init__(self, config: Config, account: AccountConfig, feed: Feed, folder: Path) -> None:
        self._account = account
        self._fill = config.venue.preset.fill
        self._feed = feed
        self._state = build_state(config, account, feed, None)
        self.recorder = Recorder(self._state, folder)
        exchange = build_exchange(config, account, self._state)
        self._replay = Replay(self._state, exchange, self.recorder, self.recorder.look)

    @property
    def done(self) -> int:
        """How many market events have been taken; may be asked from another thread."""
        return self._replay.events

    def run(self) -> AccountResult:
        """Take every event of the feed. Raises :class:`~holdfast.errors.DataError` for bad data."""
        deposit = self._account.deposit
        started_s = time.perf_counter()
        self._replay.begin(deposit, holdfast.__version__, self._account.balances)
        self._replay.run(self._feed.events(), self._feed.trading_from_ns)
        seconds = time.perf_counter() - started_s
        self.recorder.finish()
        return self.recorder.result(deposit, seconds, self._replay.tally(), self._fill.value)
