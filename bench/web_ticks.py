"""From a tick's arrival to the commit of what it led to: a real engine on live market data, and a witness beside its loop.

The market data come over a socket from the local Alpaca, each trade stamped as it is sent. The witness sees three moments from outside: when
the feed hands a trade to the loop, which of the turns shown to a watcher has that trade's order, and when the journal says that this is
durable (`Journal.on_durable`). Nothing is added to the engine, which is watched as `holdfast run` watches one.
"""

import argparse
import asyncio
import json
import logging
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from holdfast.cli.log_setup import log_setting, set_up_from
from holdfast.cli.place import tell_of_errors
from holdfast.cli.session import Session
from holdfast.config import LogsConfig, load_config
from holdfast.core.messages import MarketEvent, OrderPrepared, Trade
from holdfast.core.turn import Turn
from holdfast.runtime.compose import Engine, open_engine
from holdfast.sim.alpaca.server import Settings, build_world, serving
from holdfast.telemetry.channels import Levels
from holdfast.telemetry.logs import change_levels

SYMBOL = "BTC/USD"
TICKS_PER_S = 50
READY = "it trades"
STRATEGY = '''"""Asks for an order at every tick."""

from holdfast import Strategy


class EachTick(Strategy):
    def on_start(self, context):
        self.count = 0

    def on_trade(self, context, trade):
        self.count += 1
        context.target(trade.symbol, self.count % 2)
'''
CONFIG = """
[feed]
kind = "alpaca"
symbols = ["{symbol}"]
streams = ["trades"]
warm_up_minutes = 5

[alpaca]
api_key = "PKBENCH"
api_secret = "a-made-up-secret"
trading_url = "{url}"
data_url = "{url}"
data_stream_url = "{socket}"
requests_per_minute = 900_000
data_requests_per_minute = 900_000

[[accounts]]
name = "ticks"
calendar = "24/7"
cash = 1_000_000
risk = {{ max_orders_per_minute = 100_000 }}

[[strategies]]
id = "each"
class = "each_tick:EachTick"
account = "ticks"
symbols = ["{symbol}"]
wishes_per_minute = 100_000
"""

METRICS = "http://127.0.0.1:8441/metrics"
WATCHED = """
[logs]
level = "debug"
file = "engine.log"

[metrics]
listen = "127.0.0.1:8441"

[sentry]
dsn = "http://key@127.0.0.1:1/1"

[tracing]
otlp = "http://127.0.0.1:1"
"""
"""Everything on that an engine can be watched by; nobody is there to take errors and traces, and nothing may wait for them."""


class Sample(NamedTuple):
    """One tick that led to an order, in nanoseconds."""

    sent_ns: int
    """When the exchange's server sent it, since 1970."""
    arrived_ns: int
    """When the feed handed it to the loop, since 1970."""
    turned_ns: int
    """When the core was through with it, since 1970."""
    durable_ns: int
    """When its order was on the disk, since 1970."""


class Witness:
    """Sees ticks come and become durable."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self._arrived: dict[int, int] = {}
        self._waiting: deque[tuple[int, int, int]] = deque()
        self.session: Session | None = None
        """What `holdfast run` has beside the loop: it counts, and tells the log."""

    def watch(self, engine: Engine) -> None:
        """Begin, before the engine's loop runs."""
        (group,) = engine.loop.groups
        feed: Any = group.feed
        run, journal = feed.run, engine.journal

        def stamped(deliver: Callable[[MarketEvent], Awaitable[None]], on_status: Any) -> Any:
            async def take(event: MarketEvent) -> None:
                self._arrived[event.time_ns] = time.time_ns()
                await deliver(event)

            return run(take, on_status)

        feed.run = stamped
        journal.on_durable(lambda: self._durable(journal.watermark("ticks")))

    def turn(self, turn: Turn) -> None:
        """What the core made of an input, as it goes to the journal."""
        ticks = [record.body.time_ns for record in turn.records if isinstance(record.body, Trade)]
        if ticks and any(isinstance(record.body, OrderPrepared) for record in turn.records):
            self._waiting.append((turn.records[-1].sequence, ticks[-1], time.time_ns()))
        if self.session is not None:
            self.session.watch(turn)
            self.session.news.clear()

    def _durable(self, watermark: int) -> None:
        """In the writer's thread, after each commit."""
        now_ns = time.time_ns()
        while self._waiting and self._waiting[0][0] <= watermark:
            _, sent_ns, turned_ns = self._waiting.popleft()
            if not self.samples:
                print(READY, flush=True)
            self.samples.append(Sample(sent_ns, self._arrived.pop(sent_ns, sent_ns), turned_ns, now_ns))


async def _exchange(ticks_per_s: int) -> None:
    """The local Alpaca, with a trade stamped now so many times a second as soon as somebody listens."""
    world = build_world(Settings(symbols=(SYMBOL,), speed=1.0)).world
    world.clock.pause()
    async with serving(world) as port:
        print(port, flush=True)
        while not world.hub.clients:
            await asyncio.sleep(0.01)
        due_s, count = time.perf_counter(), 0
        while True:
            due_s, count = due_s + 1 / ticks_per_s, count + 1
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            await world.take(Trade(SYMBOL, time.time_ns(), 60_000.0 + count % 7, 1.0))
            await world.hub.flush(must_wait=False)


def _levels(config: LogsConfig, level: int) -> None:
    """Log from this level on, at every end."""
    setting = log_setting(config, level)
    file = setting.file and setting.file._replace(levels=Levels(level))
    change_levels(setting._replace(levels=Levels(max(level, logging.WARNING)), file=file))


def _engine(folder: Path) -> None:
    """The engine, until its standard input ends; then it prints what was seen. A line there is the level from which on it logs."""
    witness = Witness()
    sys.path.insert(0, str(folder))
    config = load_config(folder / "holdfast.toml")
    tell_of_errors(config, "engine")
    set_up_from(config.logs, logging.WARNING)  # as `holdfast run` does both
    witness.session = Session(config)

    async def run(engine: Engine) -> None:
        loop = asyncio.get_running_loop()

        def wait() -> None:
            for line in sys.stdin:
                _levels(config.logs, int(line))
            loop.call_soon_threadsafe(engine.loop.stop, "measured")

        threading.Thread(target=wait, daemon=True).start()
        await engine.loop.run()

    with open_engine(config, witness.turn) as engine:
        witness.watch(engine)
        asyncio.run(run(engine))
    print(json.dumps(witness.samples))


class Ticking:
    """An engine that trades at every tick, as a process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.pid = process.pid

    def log_from(self, level: int) -> None:
        """Have it log from this level on."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{level}\n")
        self._process.stdin.flush()

    def end(self) -> list[Sample]:
        """Stop it; gives what was seen."""
        said, _ = self._process.communicate(timeout=120)
        assert self._process.returncode == 0, "the engine failed"
        return [Sample(*row) for row in json.loads(said.splitlines()[-1])]  # the log comes before


@contextmanager
def ticking(folder: Path, more: str = "", ticks_per_s: int = TICKS_PER_S) -> Iterator[Ticking]:
    """An exchange and an engine on it, each a process of its own; its configuration is in ``folder``, with ``more`` at its end."""
    me = [sys.executable, "-m", "bench.web_ticks"]
    with subprocess.Popen([*me, "--exchange", str(ticks_per_s)], stdout=subprocess.PIPE, text=True) as exchange:
        assert exchange.stdout is not None
        try:
            place = f"127.0.0.1:{exchange.stdout.readline().strip()}"
            config = CONFIG.format(symbol=SYMBOL, url=f"http://{place}", socket=f"ws://{place}")
            (folder / "holdfast.toml").write_text(config + more)
            (folder / "each_tick.py").write_text(STRATEGY)
            command = [*me, "--engine", str(folder)]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as engine:
                assert engine.stdout is not None
                try:
                    while READY not in (line := engine.stdout.readline()):
                        assert line, "the engine ended before it traded"
                    yield Ticking(engine)
                finally:
                    engine.kill()
        finally:
            exchange.kill()


def main() -> None:
    """The processes of `ticking`."""
    parser = argparse.ArgumentParser(prog="python -m bench.web_ticks")
    parser.add_argument("--exchange", type=int)
    parser.add_argument("--engine", type=Path)
    asked = parser.parse_args()
    if asked.exchange:
        asyncio.run(_exchange(asked.exchange))
    elif asked.engine:
        _engine(asked.engine)


if __name__ == "__main__":
    main()
