"""The composition root: from a configuration to an engine that runs. `parts.py` builds its groups."""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import quote

import msgspec

from holdfast.config import AccountConfig, Config
from holdfast.core.state import EngineState
from holdfast.core.steering import StopStrategy
from holdfast.feeds.live import LiveFeed
from holdfast.feeds.port import Feed
from holdfast.journal.board import board_path
from holdfast.journal.commands import CommandQueue
from holdfast.journal.holder import WATCHDOG, process_name
from holdfast.journal.lease import Lease, LeaseTerm, Watch
from holdfast.journal.reader import Reader
from holdfast.journal.writer import Journal
from holdfast.runtime.account import AccountAtWork, Watcher
from holdfast.runtime.board import BoardWriter
from holdfast.runtime.changes import changes
from holdfast.runtime.groups import Groups
from holdfast.runtime.identity import Beginning, check_names
from holdfast.runtime.overseer import Overseer, note_stuck
from holdfast.runtime.parts import Builder, Parts, Shared
from holdfast.runtime.reloading import Reloader
from holdfast.runtime.serving import serving
from holdfast.runtime.settings import Settings
from holdfast.runtime.standby import Waiting, take_accounts
from holdfast.telemetry.metrics import ApiMetrics

GUARD_COMPARES_EVERY_S = 5.0
"""Who guards an account may be without the stream of order events, and has to ask."""


class Engine:
    """Everything of one run: the parts that people look at, and the loop that runs them.

    ``accounts`` are in the order of the configuration. ``metrics`` are by account; those of accounts in
    memory are there only where they are served.
    """

    def __init__(self, config: Config, loop: Groups, journal: Journal, metrics: Mapping[str, ApiMetrics]) -> None:
        self.loop = loop
        self.journal = journal
        self.metrics = metrics
        at_work = {account.name: account for group in loop.groups for account in group.accounts}
        self.accounts: Sequence[AccountAtWork[Any]] = [at_work[account.name] for account in config.accounts]
        self.metrics_url: str | None = None
        """Where metrics are served; None where they aren't."""
        self.where: dict[str, str] = {}
        """What is known of each account that is at a broker elsewhere, and whose money it is, in its login's words."""
        self.settings: Settings | None = None
        """What strategies may not change; None where nothing looks after that."""

    @property
    def feeds(self) -> Sequence[Feed | LiveFeed]:
        """Where market data comes from, in the order of the configuration."""
        return [group.feed for group in self.loop.groups]


@contextmanager
def open_engine(
    config: Config,
    watch: Watcher | None = None,
    feeds: Mapping[str, Feed] | None = None,
    waiting: Waiting | None = None,
    beginning: Beginning | None = None,
    reloader: Reloader | None = None,
) -> Iterator[Engine]:
    """An engine ready to run; afterwards its journal is closed, whatever happened. ``watch`` is shown all that happens.

    ``feeds`` are those by name that `build_feed` gave for this configuration, if they are there already. ``waiting`` says what to do
    while others have the accounts. ``beginning`` is what a person says begins anew. ``reloader`` reads the configuration again when asked.

    Raises ConfigError, DataError, JournalError, and Refused when another engine has one of the accounts, or a name is one that
    something else may have had.
    """
    beginning = beginning or Beginning()
    waits = waiting or Waiting()

    def build(builder: Builder) -> Sequence[Parts]:
        given = feeds or {}
        return [builder.build(source, given.get(source.name)) for source in config.sources]

    def take(journal: Journal, groups: Sequence[Parts]) -> list[LeaseTerm]:
        lease_terms = take_accounts(journal, config, process_name(), waits)
        with Reader.open(config.journal.url) as reader:
            check_names(config, reader, beginning)
            for parts in groups:
                for account, state in zip(parts.accounts, parts.states, strict=True):
                    for change in changes(account, config.venue, state, parts.replayed, reader):
                        waits.tell(change)
        if reloader is not None and waits.stands_by:
            reloader.take_over(waits.tell)
        return lease_terms

    with ExitStack() as stack:
        builder = Builder(config, process_name(), beginning, waits.tell)
        stack.callback(builder.close)
        serve = stack.enter_context(serving(config.metrics.listen, waits))
        engine = stack.enter_context(_opened(config, builder, build, take, watch, reloader))
        engine.metrics_url = serve(engine)
        path = board_path(engine.journal.database, config.accounts[0].name)
        names = [source.name for source in config.sources]
        journal = engine.journal
        metrics = journal.database.metrics
        board = BoardWriter(path, process_name(), names, engine.loop, lambda: journal.beats, metrics)
        stack.enter_context(board)
        yield engine


@contextmanager
def open_guard(config: Config, account: AccountConfig, row: Watch, watch: Watcher) -> Iterator[Engine]:
    """What takes a live account whose engine is silent, to guard what it holds: an engine without strategies and market data.

    It takes no risk. ``row`` has watched the account for long enough. Raises Refused, StaleEpoch, JournalError.
    """
    lease = Lease(config.lease.duration_s, config.lease.margin_s)
    often_s = min(config.live.reconcile_every_s, GUARD_COMPARES_EVERY_S)
    live = msgspec.structs.replace(config.live, reconcile_every_s=often_s)
    idle = msgspec.structs.replace(config, accounts=[account], strategies=[], live=live)
    name = WATCHDOG + process_name()

    def take(journal: Journal, _groups: Sequence[Parts]) -> list[LeaseTerm]:
        return [journal.take(account.name, account.broker, name, lease, row)]

    with ExitStack() as stack:
        builder = Builder(idle, name, Beginning(), guards=True)
        stack.callback(builder.close)
        yield stack.enter_context(_opened(idle, builder, lambda build: [build.guard(account)], take, watch))


@contextmanager
def _opened(
    config: Config,
    builder: Builder,
    build: Callable[[Builder], Sequence[Parts]],
    take: Callable[[Journal, Sequence[Parts]], list[LeaseTerm]],
    watch: Watcher | None,
    reloader: Reloader | None = None,
) -> Iterator[Engine]:
    with ExitStack() as stack:
        groups = build(builder)  # what the configuration alone can get wrong is found before the journal is touched
        states = [state for parts in groups for state in parts.states]
        if reloader is not None:
            reloader.watch(states)
            reloader.on_change.append(builder.retune)
        journal = Journal.open(config.journal.url)
        stack.callback(journal.close)
        lease_terms = {lease_term.account: lease_term for lease_term in take(journal, groups)}
        reader = stack.enter_context(Reader.open(config.journal.url))
        commands = CommandQueue(config.journal.url)
        stack.callback(commands.close)
        settings = stack.enter_context(Settings())
        budget_s = min(config.runtime.callback_budget_s, config.lease.duration_s / 2)
        stack_file = journal.database.make_lock_directory() / f"{quote(config.accounts[0].name, safe='')}.stack"
        note_stuck(states, config.journal.url, stack_file)
        for state in states:
            _leave_out_blocking(state, reader)
            state.host.called = settings.put_back
        stack.enter_context(Overseer(states, budget_s, config.journal.url, stack_file))
        settings.keep_handlers(signal.SIGURG)
        shared = Shared(journal, lease_terms, reader, commands, watch, reloader)
        loop = Groups([parts.assemble(shared) for parts in groups], journal)
        if reloader is not None:
            reloader.settle()
        engine = Engine(config, loop, journal, builder.metrics)
        engine.settings = settings
        engine.where = builder.where
        yield engine


def _leave_out_blocking(state: EngineState, reader: Reader) -> None:
    """Keep from everything those strategies whose stop the last engine asked for as the last that it did."""
    for row in reader.unanswered(state.account):
        if isinstance(row.body, StopStrategy) and row.body.strategy in state.host.runners:
            state.host.runners[row.body.strategy].running = False
