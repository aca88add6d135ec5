"""A backtest of more: a hundred symbols in step, 500 of daily bars over 20 years, and ten million bars streamed.

Each figure is of processes of their own, in processor time, the least of several: anything else on the machine can only make one dearer.
Memory is that of a whole backtest at its largest, with the tables of its result.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.backtest_bench import IDLE, TRADING, write_walk
from holdfast.assembly import build_exchange, build_feed, build_state
from holdfast.backtesting.recorder import Recorder
from holdfast.backtesting.replay import Replay
from holdfast.backtesting.tables import tables_of
from holdfast.config import Config, parse_config
from holdfast.core.types import DAY_NS, MINUTE_NS

ROUNDS = 3
STREAMED = 10_000_000
DAYS, YEARS = 252, 20
FREE = {"max_orders_per_minute": 100_000, "max_open_orders": 100_000, "duplicate_window_s": 0.0}


def write_walks(path: Path, symbols: int, bars: int, bar_ns: int) -> None:
    """Random walks of many symbols in step."""
    chance = np.random.Generator(np.random.PCG64(1))
    closes = np.round(100 * np.exp(np.cumsum(chance.normal(0, 0.0005, (bars, symbols)), axis=0)), 2)
    opens = np.vstack((np.full((1, symbols), 100.0), closes[:-1]))
    starts = 1_388_534_400_000_000_000 + bar_ns * np.arange(bars)
    table = pa.table(
        {
            "symbol": pa.array([f"S{number:03d}" for number in range(symbols)] * bars),
            "ts": pa.array(np.repeat(starts, symbols), pa.timestamp("ns", "UTC")),
            "open": opens.ravel(),
            "high": np.maximum(opens, closes).ravel(),
            "low": np.minimum(opens, closes).ravel(),
            "close": closes.ravel(),
            "volume": np.full(bars * symbols, 1000.0),
        }
    )
    pq.write_table(table, path)


def configuration(path: Path, symbols: int, params: dict[str, Any]) -> Config:
    """One account with one `EmaCross` of all symbols, which no limit on orders holds up."""
    names = [f"S{number:03d}" for number in range(symbols)] if symbols else ["SPY"]
    account = {"name": "bench", "cash": "1000000000", "calendar": "24/7", "risk": FREE}
    strategy = {"id": "ema", "class": "holdfast.strategies:EmaCross", "account": "bench", "symbols": names}
    feed = {"kind": "file", "path": str(path)}
    data = {"feed": feed, "accounts": [account], "strategies": [strategy | {"params": params}]}
    return parse_config(data, "bench", path.parent)


def one(path: Path, symbols: int, params: dict[str, Any]) -> dict[str, float]:
    """One backtest in this process, with all that a result keeps. ``symbols`` 0: the one of `write_walk`."""
    config = configuration(path, symbols, params)
    account, feed = config.accounts[0], build_feed(config)
    state = build_state(config, account, feed, None)
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(state, Path(folder))
        replay = Replay(state, build_exchange(config, account, state), recorder, recorder.look)
        recorder.follow(replay)
        replay.begin(account.deposit, "bench")
        began_s = time.process_time()
        replay.run(feed.events(), feed.trading_from_ns)
        seconds = time.process_time() - began_s
        recorder.finish()
        rows = sum(table.num_rows for table in tables_of(recorder).values())
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "orders": state.order_count, "bars": replay.events, "rows": rows, "peak_mb": peak_mb}


def apart(path: Path, symbols: int, *, trading: bool) -> dict[str, float]:
    """One run in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "bench.scale_bench",
        "--one",
        str(path),
        str(symbols),
        "trading" if trading else "idle",
    ]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def order_us(path: Path, symbols: int) -> tuple[float, float]:
    """What an order costs more than the same bars without, in microseconds; and how many there were."""
    trading, idle = (
        min((apart(path, symbols, trading=kind) for _ in range(ROUNDS)), key=lambda run: run["seconds"])
        for kind in (True, False)
    )
    return (trading["seconds"] - idle["seconds"]) / trading["orders"] * 1e6, trading["orders"]


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "walk.parquet"
        print("in step      an order, us    orders")
        found = []
        for symbols, bars in ((1, 200_000), (100, 2_000)):
            write_walks(path, symbols, bars, MINUTE_NS)
            found.append(order_us(path, symbols))
            print(f"{symbols:4} symbols {found[-1][0]:14.0f}{found[-1][1]:10,.0f}", flush=True)
        print(f"a hundred beside one: {found[1][0] / found[0][0]:.2f}")
        write_walks(path, 500, DAYS * YEARS, DAY_NS)
        run = apart(path, 500, trading=True)
        print(
            f"500 symbols of daily bars, {YEARS} years: {run['seconds']:.0f} s for {run['bars']:,.0f} bars, {run['orders']:,.0f} orders"
        )
        write_walk(path, STREAMED)
        run = apart(path, 0, trading=True)
        rate = run["bars"] / run["seconds"]
        print(
            f"{STREAMED:,} bars streamed: {rate:,.0f} bars/s, {run['orders']:,.0f} orders, {run['peak_mb']:.0f} MB at the most"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--one", nargs=3, metavar=("PATH", "SYMBOLS", "KIND"))
    chosen = parser.parse_args().one
    if chosen:
        print(json.dumps(one(Path(chosen[0]), int(chosen[1]), TRADING if chosen[2] == "trading" else IDLE)))
    else:
        main()
