"""The composition root: from a configuration to an engine that runs. The only place that knows all the parts."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from holdfast.assembly import build_exchange, build_feed, build_live_feed, build_state, stale_after_ns
from holdfast.brokers.paper.broker import PaperBroker
from holdfast.brokers.port import Broker
from holdfast.config import AccountConfig, Config
from holdfast.core.messages import FeedOpened, Impaired, Restored
from holdfast.core.turn import Turn
from holdfast.feeds.live import LiveFeed
from holdfast.feeds.pace import Pace, parse_speed
from holdfast.feeds.port import Feed
from holdfast.journal.commands import CommandQueue
from holdfast.journal.reader import Reader
from holdfast.journal.writer import Journal
from holdfast.runtime.account import AccountAtWork, Watcher
from holdfast.runtime.live.clock import LiveClock
from holdfast.runtime.live.loop import LiveLoop
from holdfast.runtime.loop import Loop
from holdfast.runtime.recovery import Recovery, same_feed_since

if TYPE_CHECKING:
    from holdfast.brokers.alpaca.account import AlpacaAccount
    from holdfast.feeds.alpaca.market_data import AlpacaMarketData
    from holdfast.observe.metrics import ApiMetrics

MARKET_DATA_PATHS = ("/stocks", "/crypto")
"""Requests that say nothing about whether orders can be sent."""


class Engine:
    """Everything of one run: the parts that people look at, and the loop that runs them."""

    def __init__(
        self,
        feed: Feed | LiveFeed,
        accounts: Sequence[AccountAtWork[Broker]],
        journal: Journal,
        loop: Loop | LiveLoop,
        broker_view: "BrokerView | None" = None,
    ) -> None:
        self.feed = feed
        self.journal = journal
        self.accounts = accounts
        self.loop = loop
        self.broker_view = broker_view


class BrokerView(NamedTuple):
    """What a live engine's surroundings may ask without costing the broker a request each time."""

    account: "AlpacaAccount"
    market: "AlpacaMarketData"
    metrics: "ApiMetrics"
    close: Callable[[], None]

    def see(self, turn: Turn) -> None:
        """Show in the metrics what is missing, or there again."""
        for record in turn.records:
            if isinstance(record.body, Impaired | Restored):
                self.metrics.set_health(record.body.cause, isinstance(record.body, Restored))


@contextmanager
def open_engine(config: Config, watch: Watcher | None = None, feed: Feed | None = None) -> Iterator[Engine]:
    """An engine ready to run; afterwards its journal is closed, whatever happened. ``watch`` is shown all that happens.

    ``feed`` is what `build_feed` gave for this configuration, if that is there already.

    Raises ConfigError, DataError, JournalError, and Refused when another engine has one of the accounts.
    """
    is_live = config.feed.kind == "alpaca"
    build = partial(_live_engine, config, watch) if is_live else partial(_replaying_engine, config, watch, feed)
    with ExitStack() as stack:
        parts = build()  # what the configuration alone can get wrong is found before the journal is touched
        journal = Journal.open(config.journal.url)
        stack.callback(journal.close)
        reader = stack.enter_context(Reader.open(config.journal.url))
        commands = CommandQueue(config.journal.url)
        stack.callback(commands.close)
        engine = parts(journal, reader, commands)
        if engine.broker_view is not None:
            stack.callback(engine.broker_view.close)
        yield engine


Assemble = Callable[[Journal, Reader, CommandQueue], Engine]


def _replaying_engine(config: Config, watch: Watcher | None, feed: Feed | None) -> Assemble:
    feed = feed or build_feed(config)
    pace = Pace(parse_speed(str(config.feed.speed)))
    states = [build_state(config, account, feed, stale_after_ns(config.feed)) for account in config.accounts]

    def assemble(journal: Journal, reader: Reader, commands: CommandQueue) -> Engine:
        accounts, recoveries = [], []
        for account_config, state in zip(config.accounts, states, strict=True):
            broker = PaperBroker(account_config.name, build_exchange(config, account_config))
            account = AccountAtWork(state, broker, journal, watch)
            broker.open(account.inbox.append)
            accounts.append(account)
            recoveries.append(_recovery(account, account_config, feed, journal, reader))
        return Engine(feed, accounts, journal, Loop(accounts, recoveries, feed, pace, journal, commands))

    return assemble


def _live_engine(config: Config, watch: Watcher | None) -> Assemble:
    from holdfast.brokers.alpaca.account import AlpacaAccount
    from holdfast.brokers.alpaca.broker import AlpacaBroker
    from holdfast.connections.alpaca.environment import load_alpaca
    from holdfast.connections.alpaca.rest import AlpacaRest, Call
    from holdfast.feeds.alpaca.market_data import AlpacaMarketData
    from holdfast.observe.metrics import ApiMetrics
    from holdfast.runtime.live.desk import LiveDesk

    settings = load_alpaca(os.environ, Path(".env"), config.alpaca)
    metrics = ApiMetrics()
    desks: list[LiveDesk] = []

    def observe(call: Call) -> None:
        metrics.observe(call)
        for desk in desks:
            if not call.path.startswith(MARKET_DATA_PATHS):
                desk.on_call(call)

    rest = AlpacaRest(settings, observe)
    view = BrokerView(AlpacaAccount(rest, metrics), AlpacaMarketData(rest, settings, metrics), metrics, rest.close)
    feed = build_live_feed(config, settings, rest)
    (account,) = config.accounts
    state = build_state(config, account, feed, stale_after_ns(config.feed))

    def assemble(journal: Journal, reader: Reader, commands: CommandQueue) -> Engine:
        clock, woken, process = LiveClock(), asyncio.Event(), process_name()
        broker = AlpacaBroker(settings, rest, view.account.invalidate)
        recorded = journal.take(account.name, account.broker, process), reader.records(account.name)

        def seen(turn: Turn) -> None:
            view.see(turn)
            if watch is not None:
                watch(turn)

        desks.append(LiveDesk(state, broker, journal, recorded, clock, config.live, woken.set, process, seen))
        loop = LiveLoop(desks, feed, clock, journal, commands, woken)
        return Engine(feed, [desk.account for desk in desks], journal, loop, view)

    return assemble


def process_name() -> str:
    """What an engine's process is called in the journal."""
    return f"pid {os.getpid()} on {socket.gethostname()}"


def _recovery(
    account: AccountAtWork[PaperBroker], config: AccountConfig, feed: Feed, journal: Journal, reader: Reader
) -> Recovery:
    process = process_name()
    tenure = journal.take(account.name, config.broker, process)
    opened = reader.last_record(account.name, FeedOpened.__name__)
    recovery = Recovery(account, feed, tenure, reader.records(account.name), same_feed_since(opened, feed))
    recovery.begin(config.deposit, process)
    return recovery
