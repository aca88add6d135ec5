"""The composition root: from a configuration to an engine that runs. The only place that knows all the parts."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from holdfast.assembly import build_exchange, build_feed, build_state, stale_after_ns
from holdfast.brokers.paper.broker import PaperBroker
from holdfast.config import AccountConfig, Config
from holdfast.core.messages import BrokerName, FeedOpened
from holdfast.errors import ConfigError
from holdfast.feeds.pace import Pace, parse_speed
from holdfast.feeds.port import Feed
from holdfast.journal.commands import CommandQueue
from holdfast.journal.reader import Reader
from holdfast.journal.writer import Journal
from holdfast.runtime.account import AccountAtWork, Watcher
from holdfast.runtime.loop import Loop
from holdfast.runtime.recovery import Recovery, same_feed_since


class Engine:
    """Everything of one run: the parts that people look at, and the loop that runs them."""

    def __init__(self, feed: Feed, accounts: list[AccountAtWork[PaperBroker]], journal: Journal, loop: Loop) -> None:
        self.feed = feed
        self.journal = journal
        self.accounts = accounts
        self.loop = loop


@contextmanager
def open_engine(config: Config, watch: Watcher | None = None, feed: Feed | None = None) -> Iterator[Engine]:
    """An engine ready to run; afterwards its journal is closed, whatever happened. ``watch`` is shown all that happens.

    ``feed`` is what `build_feed` gave for this configuration, if that is there already.

    Raises ConfigError, DataError, JournalError, and Refused when another engine has one of the accounts.
    """
    feed = feed or build_feed(config)
    pace = Pace(parse_speed(str(config.feed.speed)))
    states = [build_state(config, account, feed, stale_after_ns(config.feed)) for account in config.accounts]
    for unsupported in (account for account in config.accounts if account.broker is not BrokerName.PAPER):
        raise ConfigError(f"account {unsupported.name}: broker {unsupported.broker} is not supported yet; use paper")
    journal = Journal.open(config.journal.url)
    commands = None
    try:
        with Reader.open(config.journal.url) as reader:
            commands = CommandQueue(config.journal.url)
            accounts, recoveries = [], []
            for account_config, state in zip(config.accounts, states, strict=True):
                broker = PaperBroker(account_config.name, build_exchange(config, account_config))
                account = AccountAtWork(state, broker, journal, watch)
                broker.open(account.inbox.append)
                accounts.append(account)
                recoveries.append(_recovery(account, account_config, feed, journal, reader))
            yield Engine(feed, accounts, journal, Loop(accounts, recoveries, feed, pace, journal, commands))
    finally:
        if commands is not None:
            commands.close()
        journal.close()


def _recovery(
    account: AccountAtWork[PaperBroker], config: AccountConfig, feed: Feed, journal: Journal, reader: Reader
) -> Recovery:
    process = f"pid {os.getpid()} on {socket.gethostname()}"
    tenure = journal.take(account.name, config.broker, process)
    opened = reader.last_record(account.name, FeedOpened.__name__)
    recovery = Recovery(account, feed, tenure, reader.records(account.name), same_feed_since(opened, feed))
    recovery.begin(config.deposit, process)
    return recovery
