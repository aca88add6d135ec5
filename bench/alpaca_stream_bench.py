"""How much the live feed costs: a real day of SPY trades (451,545) from the local Alpaca, flat out, and one by one at a steady pace.

Beside it, in the same run and from the same server: a bare reader, which does the handshake, unpacks each frame with the msgpack
library and counts, and neither checks, converts, orders nor delivers anything. The server is a process of its own and much slower
than either, so the seconds that the day takes are the server's; what a reader costs is its own processor time. Readers take
turns, each time with a server of their own; each figure is the best of three, because anything else on the machine can only make
one slower.

Latency is from the server's stamp on a trade to its delivery: both clocks are the machine's own.
"""

import argparse
import asyncio
import os
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median, quantiles

import msgpack
import pyarrow.parquet as pq
from websockets.asyncio.client import connect

from holdfast.adapters.alpaca.connection.rest import AlpacaRest
from holdfast.adapters.alpaca.connection.settings import AlpacaSettings, Mode
from holdfast.adapters.alpaca.market_data.feed import AlpacaFeed
from holdfast.adapters.alpaca.market_data.wire import Kind
from holdfast.calendars import trading_calendar
from holdfast.core.messages import MarketEvent, Trade
from holdfast.sim.alpaca.server import Settings, build_world, serving
from holdfast.telemetry.secret import Secret

ROUNDS = 3
SYMBOL = "SPY"
PACE_PER_S = 1_000
PACED = 3_000
WARM_UP = 200
FILE = "us_tick_trades_spy.parquet"
KEY, SECRET = "PKBENCH", "a-made-up-secret"

Take = Callable[[int], None]
"""Called for each trade with its time in nanoseconds."""
Reader = Callable[[str, Take, asyncio.Event], Awaitable[None]]
"""Reads trades from a server's port until the event is set."""


def data_file() -> Path:
    folder = os.environ.get("HOLDFAST_SHARED_DATA") or Path(__file__).resolve().parent.parent.parent / "shared" / "data"
    return Path(folder) / FILE


# --- readers ---------------------------------------------------------------------------------------------------------


async def bare(port: str, take: Take, done: asyncio.Event) -> None:
    """websockets and msgpack, and nothing else."""
    async with connect(
        f"ws://127.0.0.1:{port}/v2/iex",
        additional_headers={"Content-Type": "application/msgpack"},
        compression=None,
        max_size=None,
        ping_interval=None,
    ) as websocket:
        await websocket.recv()
        await websocket.send(msgpack.packb({"action": "auth", "key": KEY, "secret": SECRET}))
        await websocket.recv()
        await websocket.send(msgpack.packb({"action": "subscribe", "trades": [SYMBOL]}))
        while not done.is_set():
            for message in msgpack.unpackb(await websocket.recv(decode=False)):
                if message["T"] == "t":
                    take(message["t"].to_unix_nano())


async def feed(port: str, take: Take, done: asyncio.Event) -> None:
    """Ours."""
    url = f"http://127.0.0.1:{port}"
    settings = AlpacaSettings(
        mode=Mode.PAPER,
        api_key=Secret(KEY),
        api_secret=Secret(SECRET),
        trading_url=url,
        data_url=url,
        data_stream_url=f"ws://127.0.0.1:{port}",
    )
    ours = AlpacaFeed(settings, AlpacaRest(settings), [SYMBOL], [Kind.TRADES], trading_calendar("XNYS"), 0)

    async def deliver(event: MarketEvent) -> None:
        take(event.time_ns)

    running = asyncio.create_task(ours.run(deliver, lambda _status: None))
    await done.wait()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert (ours.counts.reconnects, ours.counts.bad, ours.counts.late, ours.counts.duplicates) == (0, 0, 0, 0)


READERS: dict[str, Reader] = {"feed": feed, "bare": bare}


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def drink(reader: Reader, port: str, count: int) -> tuple[float, float]:
    """Seconds and processor seconds from the first to the last of ``count`` trades."""
    taken = 0
    began = ended = (0.0, 0.0)
    done = asyncio.Event()

    def take(_time_ns: int) -> None:
        nonlocal taken, began, ended
        taken += 1
        if taken == 1:
            began = time.perf_counter(), cpu_s()
        elif taken == count:
            ended = time.perf_counter(), cpu_s()
            done.set()

    async with asyncio.timeout(600):
        await reader(port, take, done)
    return ended[0] - began[0], ended[1] - began[1]


async def sip(reader: Reader, port: str, count: int) -> list[float]:
    """Microseconds from stamp to delivery of each trade."""
    late_us: list[float] = []
    done = asyncio.Event()

    def take(time_ns: int) -> None:
        late_us.append((time.time_ns() - time_ns) / 1_000)
        if len(late_us) == count:
            done.set()

    async with asyncio.timeout(600):
        await reader(port, take, done)
    return late_us[WARM_UP:]


# --- servers ---------------------------------------------------------------------------------------------------------


async def serve_day() -> None:
    """The local Alpaca with the day, flat out from the first subscription on."""
    world = build_world(Settings(data=(data_file(),), speed=None)).world
    async with serving(world) as port:
        print(port, flush=True)
        await asyncio.Event().wait()


async def serve_pace() -> None:
    """The local Alpaca, with a trade stamped now every millisecond as soon as somebody listens."""
    world = build_world(Settings(symbols=(SYMBOL,), speed=1.0)).world
    world.clock.pause()
    async with serving(world) as port:
        print(port, flush=True)
        while not world.hub.clients:
            await asyncio.sleep(0.01)
        due_s = time.perf_counter()
        while True:
            due_s += 1 / PACE_PER_S
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            await world.take(Trade(SYMBOL, time.time_ns(), 100.0, 1.0))
            await world.hub.flush(must_wait=False)


@contextmanager
def server(kind: str) -> Iterator[str]:
    """A server in a process of its own; gives its port."""
    command = [sys.executable, "-m", "bench.alpaca_stream_bench", "--serve", kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


# --- report ----------------------------------------------------------------------------------------------------------


def day(count: int) -> dict[str, tuple[float, float]]:
    """Seconds and processor seconds of each reader's best rounds."""
    rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in READERS}
    for _ in range(ROUNDS):
        for name, reader in READERS.items():
            with server("day") as port:
                rounds[name].append(asyncio.run(drink(reader, port, count)))
    return {name: (min(wall for wall, _ in all_of), min(cpu for _, cpu in all_of)) for name, all_of in rounds.items()}


def latencies() -> dict[str, tuple[float, float]]:
    """The median and the 99th percentile, in microseconds, of each reader's best rounds."""
    rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in READERS}
    for _ in range(ROUNDS):
        for name, reader in READERS.items():
            with server("pace") as port:
                late_us = asyncio.run(sip(reader, port, PACED))
            rounds[name].append((median(late_us), quantiles(late_us, n=100)[-1]))
    return {name: (min(p50 for p50, _ in all_of), min(p99 for _, p99 in all_of)) for name, all_of in rounds.items()}


def compare(title: str, ours: float, theirs: float, form: str) -> None:
    print(f"{title:46} | {ours:{form}} | {theirs:{form}} | {ours / theirs:5.2f}")


def report() -> None:
    count = pq.read_metadata(data_file()).num_rows
    days, late_us = day(count), latencies()
    (wall, cpu), (bare_wall, bare_cpu) = days["feed"], days["bare"]
    (p50, p99), (bare_p50, bare_p99) = late_us["feed"], late_us["bare"]
    print(f"{count:,} {SYMBOL} trades from the local Alpaca, flat out; then one every {1_000 / PACE_PER_S:g} ms")
    print(f"{'':46} | {'feed':>11} | {'bare reader':>11} | feed / bare")
    compare("seconds for the day", wall, bare_wall, "11.2f")
    compare("trades a second", count / wall, count / bare_wall, "11,.0f")
    compare("the reader's processor seconds", cpu, bare_cpu, "11.2f")
    compare("trades a second of the reader's processor time", count / cpu, count / bare_cpu, "11,.0f")
    compare("stamp to delivery, microseconds, median", p50, bare_p50, "11,.0f")
    compare("stamp to delivery, microseconds, 99th pc.", p99, bare_p99, "11,.0f")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.alpaca_stream_bench")
    parser.add_argument("--serve", choices=("day", "pace"))
    asked, _ = parser.parse_known_args()
    if asked.serve:
        asyncio.run(serve_day() if asked.serve == "day" else serve_pace())
        return
    if not data_file().exists():
        print(f"no {data_file()}: nothing to measure; put it there, or name its folder in HOLDFAST_SHARED_DATA")
    else:
        report()


if __name__ == "__main__":
    main()
