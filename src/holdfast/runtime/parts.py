"""The groups of an engine, built from its configuration: for each feed the accounts on it, and the loop that runs them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

import structlog

from holdfast.adapters import registry
from holdfast.assembly import build_exchange, build_feed, build_live_feed, build_state, log_in, stale_after_ns
from holdfast.brokers.adapter import Login, Watched
from holdfast.brokers.breaker import Breaker
from holdfast.brokers.port import LiveBroker
from holdfast.brokers.replayed import ReplayedBroker
from holdfast.config import AccountConfig, Config, FeedConfig
from holdfast.core.messages import RiskRefused
from holdfast.core.milestones import FeedOpened, Impaired, Restored
from holdfast.core.protection.records import (
    ExitBlocked,
    PositionLeft,
    ProtectionComplete,
    ProtectionFailed,
    ProtectionLate,
)
from holdfast.core.settings import SettingsChanged, read
from holdfast.core.state import EngineState
from holdfast.core.state.settings import take_settings
from holdfast.core.turn import Turn
from holdfast.core.types import SECOND_NS
from holdfast.errors import ConfigError
from holdfast.feeds.live import LiveFeed, NoMarket
from holdfast.feeds.pace import Pace, parse_speed
from holdfast.feeds.port import Feed
from holdfast.journal.claims import Claims
from holdfast.journal.commands import CommandQueue
from holdfast.journal.database import open_database
from holdfast.journal.lease import Lease, LeaseTerm
from holdfast.journal.reader import Reader
from holdfast.journal.writer import Journal
from holdfast.locks import open_locks
from holdfast.locks.lock import LockManager
from holdfast.runtime.account import AccountAtWork, Watcher
from holdfast.runtime.changes import begun_fill
from holdfast.runtime.groups import Group
from holdfast.runtime.identity import Beginning
from holdfast.runtime.live.account_lock import AccountLock
from holdfast.runtime.live.clock import LiveClock
from holdfast.runtime.live.live_account import LiveAccount
from holdfast.runtime.live.loop import LiveLoop
from holdfast.runtime.live.retuned import retune
from holdfast.runtime.live.supervisor import Stores, Supervisor
from holdfast.runtime.loop import Loop
from holdfast.runtime.recovery import Recovery, same_feed_since
from holdfast.runtime.reloading import Reloader
from holdfast.runtime.rows import check_rows
from holdfast.runtime.standby import say_nothing
from holdfast.telemetry.metrics import ApiMetrics

log = structlog.get_logger(__name__)

ALARMS: dict[type, str] = {
    ProtectionLate: "late",
    ProtectionFailed: "failed",
    PositionLeft: "left",
    ExitBlocked: "blocked",
}
"""The alarms about protection, as the metrics call them."""


def measure(metrics: ApiMetrics, turn: Turn) -> None:
    """Show in the metrics what is missing, or there again, what risk refused, and what was not protected."""
    for record in turn.records:
        if isinstance(record.body, RiskRefused):
            metrics.refused(record.body.rule)
        if isinstance(record.body, ProtectionComplete):
            metrics.protected_after(record.body.unprotected_ns / SECOND_NS)
        alarm = ALARMS.get(type(record.body))
        if alarm is not None:
            metrics.protection_alarm(alarm)
        if isinstance(record.body, Impaired | Restored):
            metrics.set_health(record.body.cause, isinstance(record.body, Restored))


def _measured(metrics: ApiMetrics, watch: Watcher | None, turn: Turn) -> None:
    measure(metrics, turn)
    if watch is not None:
        watch(turn)


def begin_as_recorded(state: EngineState, reader: Reader) -> None:
    """Have the records applied from the settings on that were in force before the first change that is recorded. Raises JournalError."""
    first = next(iter(reader.records_of(state.account, (SettingsChanged,))), None)
    if first is not None and isinstance(first.body, SettingsChanged):
        take_settings(state, read(first.body.before))


class Shared(NamedTuple):
    """What all groups of an engine have in common. ``lease_terms`` are by account."""

    journal: Journal
    lease_terms: Mapping[str, LeaseTerm]
    reader: Reader
    commands: CommandQueue
    watch: Watcher | None
    reloader: Reloader | None = None


class Parts(NamedTuple):
    """A group before anything is taken: its accounts and their states, what makes it work, and a feed that can be played again."""

    accounts: Sequence[AccountConfig]
    states: Sequence[EngineState]
    assemble: Callable[[Shared], Group]
    replayed: Feed | None = None


class Builder:
    """Builds the groups of one engine. What it opens it closes.

    ``tell`` is given what a person should read at the start. ``guards``: it only looks after what is held, and must not need what a frozen
    engine may still occupy.
    """

    def __init__(
        self,
        config: Config,
        process: str,
        beginning: Beginning,
        tell: Callable[[str], None] = say_nothing,
        *,
        guards: bool = False,
    ) -> None:
        self._config = config
        self._process = process
        self._beginning = beginning
        self._tell = tell
        self._guards = guards
        self._logins: dict[tuple[str, str], Login] = {}
        self._taken: dict[str, Login] = {}
        self._live_accounts: dict[tuple[str, str], list[LiveAccount]] = {}
        self._breakers: list[Breaker] = []
        self._stores: tuple[Claims, LockManager] | None = None
        self._opened = ExitStack()
        self.metrics: dict[str, ApiMetrics] = {}
        """Those of accounts that are measured: what happens there, and the requests of the account's login."""

    def close(self) -> None:
        """Close every login, and what pending orders are claimed in."""
        self._opened.close()

    def retune(self, config: Config) -> None:
        """Take what is another in the configuration and goes for logins."""
        for breaker in self._breakers:
            breaker.threshold = config.live.error_threshold

    @property
    def where(self) -> dict[str, str]:
        """What the logins of accounts say of themselves, by account."""
        return {account: login.where for account, login in self._taken.items()}

    def build(self, source: FeedConfig, feed: Feed | None = None) -> Parts:
        """A feed and the accounts on it. Raises ConfigError, DataError."""
        return self._live(source) if source.is_live else self._replaying(source, feed)

    def guard(self, account: AccountConfig) -> Parts:
        """One account at its broker, without market data."""
        return self._at_brokers([account], NoMarket(), None)

    # --- on a feed that can be played again ---------------------------------------------------------------------------

    def _replaying(self, source: FeedConfig, given: Feed | None) -> Parts:
        config, accounts = self._config, self._config.accounts_on(source)
        feed = given or build_feed(config, source)
        pace = Pace(parse_speed(str(source.speed)))
        states = [build_state(config, account, feed, stale_after_ns(source)) for account in accounts]

        def assemble(shared: Shared) -> Group:
            at_work, recoveries = [], []
            for account_config, state in zip(accounts, states, strict=True):
                replayed = registry.load(account_config.broker).replayed
                assert replayed is not None  # noqa: S101 - the configuration was checked
                begun = begun_fill(account_config.name, shared.reader)
                broker = replayed(account_config.name, build_exchange(config, account_config, state, begun))
                seen = shared.watch
                if config.metrics.listen is not None:  # nobody else would look at them
                    seen = partial(_measured, self._metrics_of(account_config.name), seen)
                account = AccountAtWork(state, broker, shared.journal, seen)
                broker.open(account.inbox.append)
                at_work.append(account)
                recoveries.append(self._recovery(account, account_config, feed, shared))
            return Loop(at_work, recoveries, feed, pace, shared.journal, shared.commands, shared.reloader)

        return Parts(accounts, states, assemble, feed)

    def _recovery(
        self, account: AccountAtWork[ReplayedBroker], config: AccountConfig, feed: Feed, shared: Shared
    ) -> Recovery:
        reader = shared.reader
        since = same_feed_since(reader.last_record(account.name, FeedOpened.__name__), feed)
        recovery = Recovery(account, feed, shared.lease_terms[account.name], reader.records(account.name), since)
        begin_as_recorded(account.state, reader)
        recovery.check = partial(check_rows, reader=reader)
        recovery.begin(config.deposit, self._process, config.balances)
        return recovery

    # --- on a live feed -----------------------------------------------------------------------------------------------

    def _live(self, source: FeedConfig) -> Parts:
        login = self._login(source.kind, source.login)
        feed = build_live_feed(self._config, source, login)
        return self._at_brokers(self._config.accounts_on(source), feed, stale_after_ns(source), login)

    def _at_brokers(
        self, accounts: Sequence[AccountConfig], feed: LiveFeed, stale_ns: int | None, market: Login | None = None
    ) -> Parts:
        config = self._config
        elsewhere = {row.name: self._broker(row) for row in accounts if registry.load(row.broker).replayed is None}
        states = [build_state(config, account, feed, stale_ns) for account in accounts]
        for state in states if self._guards else ():
            state.configured = None  # who only guards goes on with what its engine had

        def assemble(shared: Shared) -> Group:
            woken = asyncio.Event()
            live_accounts, heard = [], feed
            for account, state in zip(accounts, states, strict=True):
                broker = elsewhere.get(account.name)
                if broker is None:
                    broker, heard = self._in_memory(account, state, shared.reader, heard, market)
                live = self._live_account(account, state, broker, shared, woken)
                self._live_accounts.setdefault((account.broker, account.login), []).append(live)
                live_accounts.append(live)
            if shared.reloader is not None:
                shared.reloader.on_change.append(partial(retune, live_accounts))
            return LiveLoop(
                live_accounts,
                heard,
                shared.journal,
                shared.commands,
                woken,
                records_stop=not self._guards,
                reloader=shared.reloader,
            )

        return Parts(accounts, states, assemble)

    def _in_memory(
        self, account: AccountConfig, state: EngineState, reader: Reader, feed: LiveFeed, market: Login | None
    ) -> tuple[LiveBroker, LiveFeed]:
        """An exchange in memory on a live feed, by the clock of its market; and the feed as it hears it."""
        on_live = registry.load(account.broker).on_live
        assert on_live is not None  # noqa: S101 - the configuration was checked
        assert market is not None  # noqa: S101 - nobody guards what lives in here
        exchange = build_exchange(self._config, account, state, begun_fill(account.name, reader))
        clock = market.broker(asks_only=True).clock_ns
        records = partial(reader.records, account.name)
        kind = on_live()
        broker = kind.make(account.name, exchange, account.deposit, records, clock, self._tell)
        return broker, kind.hear(feed, [broker])

    def _broker(self, account: AccountConfig) -> LiveBroker:
        """Raises ConfigError where two accounts have one login, under whatever names."""
        login = self._login(account.broker, account.login)
        mine = (account.broker, account.login)
        for other, there in self._taken.items():
            if there.identity == login.identity:
                raise ConfigError(
                    f"accounts {other} and {account.name} have the same keys at {mine[0]}; each needs a login of its own"
                )
        self._taken[account.name] = login
        return login.broker(asks_only=self._guards)

    def _live_account(
        self, account: AccountConfig, state: EngineState, broker: LiveBroker, shared: Shared, woken: asyncio.Event
    ) -> LiveAccount:
        config, metrics = self._config, self._metrics_of(account.name)
        clock = LiveClock()
        seen = partial(_measured, metrics, shared.watch)
        recorded = shared.lease_terms[account.name], shared.reader
        begin_as_recorded(state, shared.reader)
        live = LiveAccount(state, broker, shared.journal, recorded, clock, config.live, woken.set, self._process, seen)
        live.check_with(partial(check_rows, reader=shared.reader))
        if self._beginning.new_journal:
            live.begin_anew()
        claims, locks = self._open_stores()
        stores, unresolved = Stores(claims, locks, self._process), live.reconciler.unresolved
        live.supervise(
            Supervisor(live.account, unresolved, clock, config.supervisor, stores, metrics.observe_cycle, woken.set)
        )
        if config.locks.url is not None:
            live.guard(AccountLock(locks, Lease(config.lease.duration_s, config.lease.margin_s)))
        return live

    def _open_stores(self) -> tuple[Claims, LockManager]:
        if self._stores is None:
            config = self._config
            claims = Claims(open_database(config.journal.url))
            locks = open_locks(config.locks.url or config.journal.url)
            self._opened.callback(claims.close)
            self._opened.callback(locks.close)
            self._stores = claims, locks
        return self._stores

    def _metrics_of(self, account: str) -> ApiMetrics:
        if account not in self.metrics:
            self.metrics[account] = ApiMetrics(self._config.metrics.slow_call_s)
        return self.metrics[account]

    def _login(self, broker: str, name: str) -> Login:
        """A login, opened once. Raises ConfigError."""
        key = (broker, name)
        if key not in self._logins:
            owners = [row.name for row in self._config.accounts if (row.broker, row.login) == key]
            metrics = self._metrics_of(owners[0]) if owners else ApiMetrics(self._config.metrics.slow_call_s)
            most = self._config.live.error_threshold

            def on_trading(is_closed: bool, reason: str) -> None:
                for live in self._live_accounts.get(key, ()):
                    live.on_breaker(is_closed, reason)

            def on_market_data(is_closed: bool, reason: str) -> None:
                log.warning("market data can be asked for" if is_closed else "market data is left alone", reason=reason)
                metrics.set_health("market data requests", is_closed)

            watched = Watched(metrics, Breaker(most, on_trading), Breaker(most, on_market_data))
            self._breakers += [breaker for breaker in (watched.trading, watched.market_data) if breaker is not None]
            login = log_in(self._config, broker, name, watched)
            self._opened.callback(login.close)
            self._logins[key] = login
        return self._logins[key]
