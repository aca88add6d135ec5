"""A paper account on the local Alpaca's market data: the real account and loop, with the exchange in memory behind the live port."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec

from holdfast.adapters import registry
from holdfast.adapters.paper.live import HeardFeed, LivePaperBroker
from holdfast.assembly import build_exchange, build_live_feed, build_state, stale_after_ns
from holdfast.brokers.adapter import Watched
from holdfast.config import Config
from holdfast.core.messages import BrokerName
from holdfast.core.turn import Turn
from holdfast.core.types import Money
from holdfast.journal.commands import CommandQueue
from holdfast.journal.holder import process_name
from holdfast.journal.lease import Lease
from holdfast.journal.reader import Reader
from holdfast.journal.writer import Journal
from holdfast.runtime.compose import Engine
from holdfast.runtime.groups import Groups
from holdfast.runtime.live.clock import LiveClock
from holdfast.runtime.live.live_account import LiveAccount
from holdfast.runtime.live.loop import LiveLoop
from holdfast.telemetry import crash_points
from holdfast.telemetry.metrics import ApiMetrics
from tests.local_alpaca import LocalAlpaca
from tests.scenario.alpaca.engine import Running, configuration

ROOT = Path(__file__).parents[3]
ALPACA = BrokerName("alpaca")
DEPOSIT = Money(Decimal(100_000))


def on_paper(config: Config) -> Config:
    """The same with its account on paper."""
    (account,) = config.accounts
    return msgspec.structs.replace(
        config, accounts=[msgspec.structs.replace(account, broker=LivePaperBroker.name, cash=DEPOSIT)]
    )


class PaperEngine(Engine):
    """An engine whose broker can be looked at."""

    broker: LivePaperBroker


@contextmanager
def open_paper(config: Config, watch: Callable[[Turn], None] | None = None) -> Iterator[PaperEngine]:
    """An engine for one paper account on live data, ready to run."""
    (account,) = config.accounts
    with ExitStack() as stack:
        login = registry.load(ALPACA).log_in(config.section(ALPACA), "", Watched(ApiMetrics()))
        stack.callback(login.close)
        feed = build_live_feed(config, config.feed, login)
        state = build_state(config, account, feed, stale_after_ns(config.feed))
        journal = Journal.open(config.journal.url)
        stack.callback(journal.close)
        lease_term = journal.take(account.name, account.broker, process_name(), Lease())
        reader = stack.enter_context(Reader.open(config.journal.url))
        commands = CommandQueue(config.journal.url)
        stack.callback(commands.close)
        ask_time = login.broker(asks_only=True).clock_ns
        exchange = build_exchange(config, account, state)
        broker = LivePaperBroker(account.name, exchange, DEPOSIT, lambda: reader.records(account.name), ask_time)
        state.rules = broker.capability.rules
        clock, woken = LiveClock(), asyncio.Event()
        recorded = lease_term, reader
        live_account = LiveAccount(
            state, broker, journal, recorded, clock, config.live, woken.set, process_name(), watch
        )
        heard = HeardFeed(feed, [broker])
        loop = LiveLoop([live_account], heard, journal, commands, woken)
        engine = PaperEngine(config, Groups([loop], journal), journal, {})
        engine.broker = broker
        yield engine


class PaperRunning(Running):
    """A paper account at work."""

    engine: PaperEngine

    def _run(self) -> None:
        try:
            with open_paper(self.config, self._watch) as engine:
                self.engine = engine
                self.reason = asyncio.run(engine.loop.run())
        except BaseException as error:  # noqa: BLE001  whatever it was, the test's own thread raises it
            self.error = error


@contextmanager
def paper_engine(config: Config) -> Iterator[PaperRunning]:
    """One that came through its start, stopped in order afterwards."""
    running = PaperRunning(config)
    running.begin()
    try:
        yield running
    finally:
        running.stop()


def paper_configuration(server: LocalAlpaca, folder: Path, **changes: Any) -> Config:
    """A paper account on the server's data, with a strategy that does everything."""
    return on_paper(configuration(server, folder, **changes))


def start_process(server: LocalAlpaca, folder: Path, crash_at: str = "") -> "subprocess.Popen[bytes]":
    """The same engine in a process of its own; ``crash_at`` has it kill itself there."""
    environment = {**os.environ, crash_points.VARIABLE: crash_at}
    command = [sys.executable, "-m", __name__, str(folder), server.trading_url, server.data_stream_url]
    return subprocess.Popen(command, cwd=ROOT, env=environment)


def main(folder: str, trading_url: str, data_stream_url: str) -> None:
    """Trade until killed."""
    crash_points.arm_from_environment()
    server: Any = SimpleNamespace(trading_url=trading_url, data_url=trading_url, data_stream_url=data_stream_url)
    with open_paper(paper_configuration(server, Path(folder))) as engine:
        asyncio.run(engine.loop.run())


if __name__ == "__main__":
    main(*sys.argv[1:])
