"""The composition root: from a configuration to an engine that runs. The only place that knows all the parts."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import NamedTuple
from urllib.parse import quote

import msgspec
import structlog

from holdfast.adapters import registry
from holdfast.assembly import build_exchange, build_feed, build_live_feed, build_state, stale_after_ns
from holdfast.brokers.adapter import Watched
from holdfast.brokers.breaker import Breaker
from holdfast.brokers.port import Broker
from holdfast.brokers.replayed import ReplayedBroker
from holdfast.config import AccountConfig, Config
from holdfast.core.messages import RiskRefused, StopStrategy
from holdfast.core.milestones import FeedOpened, Impaired, Restored
from holdfast.core.protection.records import (
    ExitBlocked,
    PositionLeft,
    ProtectionComplete,
    ProtectionFailed,
    ProtectionLate,
)
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import SECOND_NS
from holdfast.feeds.live import LiveFeed, NoMarket
from holdfast.feeds.pace import Pace, parse_speed
from holdfast.feeds.port import Feed
from holdfast.journal.claims import Claims
from holdfast.journal.commands import CommandQueue
from holdfast.journal.database import open_database
from holdfast.journal.holder import WATCHDOG
from holdfast.journal.lease import Lease, Tenure, Watch
from holdfast.journal.reader import Reader
from holdfast.journal.writer import Journal
from holdfast.locks import open_locks
from holdfast.observe.metrics import ApiMetrics
from holdfast.runtime.account import AccountAtWork, Watcher
from holdfast.runtime.changes import changes
from holdfast.runtime.identity import Beginning, check_names
from holdfast.runtime.live.clock import LiveClock
from holdfast.runtime.live.loop import LiveLoop
from holdfast.runtime.loop import Loop
from holdfast.runtime.overseer import Overseer, note_stuck
from holdfast.runtime.recovery import Recovery, same_feed_since
from holdfast.runtime.rows import check_rows
from holdfast.runtime.serving import serving
from holdfast.runtime.settings import Settings
from holdfast.runtime.standby import Waiting, take_accounts

GUARD_COMPARES_EVERY_S = 5.0
"""Who guards an account may be without the stream of order events, and has to ask."""

log = structlog.get_logger(__name__)


class Engine:
    """Everything of one run: the parts that people look at, and the loop that runs them."""

    def __init__(
        self,
        feed: Feed | LiveFeed,
        accounts: Sequence[AccountAtWork[Broker]],
        journal: Journal,
        loop: Loop | LiveLoop,
        metrics: ApiMetrics | None = None,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self.feed = feed
        self.journal = journal
        self.accounts = accounts
        self.loop = loop
        self.metrics = metrics
        self.close = close
        self.metrics_url: str | None = None
        """Where metrics are served; None where they aren't."""
        self.settings: Settings | None = None
        """What strategies may not change; None where nothing looks after that."""


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


def _measured(metrics: Mapping[str, ApiMetrics], watch: Watcher | None, turn: Turn) -> None:
    measure(metrics[turn.state.account], turn)
    if watch is not None:
        watch(turn)


@contextmanager
def open_engine(
    config: Config,
    watch: Watcher | None = None,
    feed: Feed | None = None,
    waiting: Waiting | None = None,
    beginning: Beginning | None = None,
) -> Iterator[Engine]:
    """An engine ready to run; afterwards its journal is closed, whatever happened. ``watch`` is shown all that happens.

    ``feed`` is what `build_feed` gave for this configuration, if that is there already. ``waiting`` says what to do while others
    have the accounts. ``beginning`` is what a person says begins anew.

    Raises ConfigError, DataError, JournalError, and Refused when another engine has one of the accounts, or a name is one that
    something else may have had.
    """
    beginning = beginning or Beginning()
    is_live = config.feed.is_live
    is_served = config.metrics.listen is not None and not is_live  # a live engine measures anyway
    measured = {account.name: ApiMetrics() for account in config.accounts} if is_served else {}
    seen = partial(_measured, measured, watch) if measured else watch
    build = (
        partial(_live_engine, config, watch, beginning) if is_live else partial(_replaying_engine, config, seen, feed)
    )

    waits = waiting or Waiting()

    def take(journal: Journal, parts: Parts) -> list[Tenure]:
        tenures = take_accounts(journal, config, process_name(), waits)
        with Reader.open(config.journal.url) as reader:
            check_names(config, reader, beginning)
            for account, state in zip(config.accounts, parts.states, strict=True):
                for change in changes(account, state, parts.feed, reader):
                    waits.tell(change)
        return tenures

    with serving(config.metrics.listen, waits, measured) as serve, _opened(config, build, take) as engine:
        engine.metrics_url = serve(engine)
        yield engine


@contextmanager
def open_guard(config: Config, row: Watch, watch: Watcher) -> Iterator[Engine]:
    """What takes a live account whose engine is silent, to guard what it holds: an engine without strategies and market data.

    It takes no risk. ``row`` has watched the account for long enough. Raises Refused, StaleEpoch, JournalError.
    """
    (account,) = config.accounts
    lease = Lease(config.lease.duration_s, config.lease.margin_s)
    often_s = min(config.live.reconcile_every_s, GUARD_COMPARES_EVERY_S)
    live = msgspec.structs.replace(config.live, reconcile_every_s=often_s)
    idle = msgspec.structs.replace(config, strategies=[], live=live)
    name = WATCHDOG + process_name()

    def take(journal: Journal, _parts: Parts) -> list[Tenure]:
        return [journal.take(account.name, account.broker, name, lease, row)]

    with _opened(idle, partial(_live_engine, idle, watch, Beginning(), guards=True), take) as engine:
        yield engine


@contextmanager
def _opened(
    config: Config, build: "Callable[[], Parts]", take: "Callable[[Journal, Parts], list[Tenure]]"
) -> Iterator[Engine]:
    with ExitStack() as stack:
        parts = build()  # what the configuration alone can get wrong is found before the journal is touched
        journal = Journal.open(config.journal.url)
        stack.callback(journal.close)
        tenures = take(journal, parts)
        reader = stack.enter_context(Reader.open(config.journal.url))
        commands = CommandQueue(config.journal.url)
        stack.callback(commands.close)
        settings = stack.enter_context(Settings())
        budget_s = min(config.runtime.callback_budget_s, config.lease.duration_s / 2)
        stack_file = journal.database.make_lock_directory() / f"{quote(config.accounts[0].name, safe='')}.stack"
        note_stuck(parts.states, config.journal.url, stack_file)
        for state in parts.states:
            _leave_out_blocking(state, reader)
            state.host.called = settings.put_back
        stack.enter_context(Overseer(parts.states, budget_s, config.journal.url, stack_file))
        settings.keep_handlers(signal.SIGURG)
        engine = parts.assemble(journal, tenures, reader, commands)
        engine.settings = settings
        stack.callback(engine.close)
        yield engine


class Parts(NamedTuple):
    """An engine's parts before anything is taken: the accounts' states, what makes an engine of them, and a feed that can be played again."""

    states: Sequence[EngineState]
    assemble: Callable[[Journal, Sequence[Tenure], Reader, CommandQueue], Engine]
    feed: Feed | None = None


def _leave_out_blocking(state: EngineState, reader: Reader) -> None:
    """Keep from everything those strategies whose stop the last engine asked for as the last that it did."""
    for row in reader.unanswered(state.account):
        if isinstance(row.body, StopStrategy) and row.body.strategy in state.host.runners:
            state.host.runners[row.body.strategy].running = False


def _replaying_engine(config: Config, watch: Watcher | None, feed: Feed | None) -> Parts:
    feed = feed or build_feed(config)
    pace = Pace(parse_speed(str(config.feed.speed)))
    states = [build_state(config, account, feed, stale_after_ns(config.feed)) for account in config.accounts]

    def assemble(journal: Journal, tenures: Sequence[Tenure], reader: Reader, commands: CommandQueue) -> Engine:
        accounts, recoveries = [], []
        for account_config, state, tenure in zip(config.accounts, states, tenures, strict=True):
            replayed = registry.load(account_config.broker).replayed
            assert replayed is not None  # noqa: S101 - the configuration was checked
            broker = replayed(account_config.name, build_exchange(config, account_config, state.register))
            account = AccountAtWork(state, broker, journal, watch)
            broker.open(account.inbox.append)
            accounts.append(account)
            recoveries.append(_recovery(account, account_config, feed, tenure, reader))
        return Engine(feed, accounts, journal, Loop(accounts, recoveries, feed, pace, journal, commands))

    return Parts(states, assemble, feed)


def _live_engine(config: Config, watch: Watcher | None, beginning: Beginning, *, guards: bool = False) -> Parts:
    """``guards``: it only looks after what is held, and must not need what a frozen engine may still occupy."""
    from holdfast.runtime.live.account_lock import AccountLock
    from holdfast.runtime.live.desk import LiveDesk
    from holdfast.runtime.live.supervisor import Stores, Supervisor

    (account,) = config.accounts
    metrics = ApiMetrics()
    desks: list[LiveDesk] = []

    def on_trading(is_closed: bool, reason: str) -> None:
        for desk in desks:
            desk.on_breaker(is_closed, reason)

    def on_market_data(is_closed: bool, reason: str) -> None:
        log.warning("market data can be asked for" if is_closed else "market data is left alone", reason=reason)
        metrics.set_health("market data requests", is_closed)

    most = config.live.error_threshold
    watched = Watched(metrics, Breaker(most, on_trading), Breaker(most, on_market_data))
    login = registry.load(account.broker).log_in(config.section(account.broker), watched)
    claims = Claims(open_database(config.journal.url))
    locks = open_locks(config.locks.url or config.journal.url)

    def close() -> None:
        for part in (login, locks, claims):
            part.close()

    feed: LiveFeed = NoMarket() if guards else build_live_feed(config, login)
    state = build_state(config, account, feed, None if guards else stale_after_ns(config.feed))

    def assemble(journal: Journal, tenures: Sequence[Tenure], reader: Reader, commands: CommandQueue) -> Engine:
        clock, woken = LiveClock(), asyncio.Event()
        process = WATCHDOG + process_name() if guards else process_name()
        broker = login.broker(asks_only=guards)
        (tenure,) = tenures
        recorded = tenure, reader

        def seen(turn: Turn) -> None:
            measure(metrics, turn)
            if watch is not None:
                watch(turn)

        desk = LiveDesk(state, broker, journal, recorded, clock, config.live, woken.set, process, seen)
        desk.check_with(partial(check_rows, reader=reader))
        if beginning.new_journal:
            desk.begin_anew()
        stores = Stores(claims, locks, process)
        doubts, observe = desk.reconciler.doubts, metrics.observe_cycle
        supervisor = Supervisor(desk.account, doubts, clock, config.supervisor, stores, observe, woken.set)
        desk.supervise(supervisor)
        if config.locks.url is not None:
            desk.guard(AccountLock(locks, Lease(config.lease.duration_s, config.lease.margin_s)))
        desks.append(desk)
        loop = LiveLoop(desks, feed, clock, journal, commands, woken, records_stop=not guards)
        return Engine(feed, [desk.account for desk in desks], journal, loop, metrics, close)

    return Parts([state], assemble)


def process_name() -> str:
    """What an engine's process is called in the journal."""
    return f"pid {os.getpid()} on {socket.gethostname()}"


def _recovery(
    account: AccountAtWork[ReplayedBroker], config: AccountConfig, feed: Feed, tenure: Tenure, reader: Reader
) -> Recovery:
    opened = reader.last_record(account.name, FeedOpened.__name__)
    recovery = Recovery(account, feed, tenure, reader.records(account.name), same_feed_since(opened, feed))
    recovery.check = partial(check_rows, reader=reader)
    recovery.begin(config.deposit, process_name(), config.balances)
    return recovery
