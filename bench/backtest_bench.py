"""How fast a backtest is: `EmaCross` over a million one-minute bars with some 36,000 orders, on one core.

Every bar goes from a Parquet file through feed, venue, `step`, strategy, risk, orders and portfolio; every record is made.
Beside it, in the same run: the peer backtrader with the same rule over the first size, where it is installed (it is no dependency
of ours: `pip install backtrader` to see it); the same averages in a bare loop over the same bars, which orders nothing (the limit of what
plain Python could do), and a run in which the strategy never trades. Each figure is the best of three fresh processes,
because anything else on the machine can only make one slower. Memory is that of the process at its largest.
"""

import argparse
import importlib.util
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

from holdfast.assembly import build_exchange, build_feed, build_state
from holdfast.backtesting.replay import Replay
from holdfast.config import Config, parse_config
from holdfast.core.turn import Turn
from holdfast.core.types import MINUTE_NS
from holdfast.feeds.port import Feed

SIZES = (100_000, 1_000_000)
ROUNDS = 3
TRADING = {"fast": 10, "slow": 30, "quantity": 100, "allow_short": True}
IDLE = {"fast": 10, "slow": 10_000_000, "quantity": 100}


def write_walk(path: Path, bars: int) -> None:
    """A random walk of one symbol, a bar a minute around the clock."""
    chance = np.random.Generator(np.random.PCG64(1))
    closes = np.round(100 * np.exp(np.cumsum(chance.normal(0, 0.0005, bars))), 2)
    opens = np.concatenate(([100.0], closes[:-1]))
    starts = 1_388_534_400_000_000_000 + MINUTE_NS * np.arange(bars)
    table = pa.table(
        {
            "symbol": pa.array(["SPY"] * bars),
            "ts": pa.array(starts, pa.timestamp("ns", "UTC")),
            "open": opens,
            "high": np.maximum(opens, closes),
            "low": np.minimum(opens, closes),
            "close": closes,
            "volume": np.full(bars, 1000.0),
        }
    )
    pq.write_table(table, path)


def configuration(path: Path, params: dict[str, Any]) -> Config:
    """One account with one `EmaCross`."""
    account = {"name": "bench", "cash": "10000000", "calendar": "24/7"}
    strategy = {"id": "ema", "class": "holdfast.strategies:EmaCross", "account": "bench", "symbols": ["SPY"]}
    feed = {"kind": "file", "path": str(path)}
    data = {"feed": feed, "accounts": [account], "strategies": [strategy | {"params": params}]}
    return parse_config(data, "bench", path.parent)


def backtest(path: Path, params: dict[str, Any]) -> dict[str, float]:
    """One replay in this process."""
    config = configuration(path, params)
    feed = build_feed(config)
    account = config.accounts[0]
    state = build_state(config, account, feed, None)
    records = 0

    def count(turn: Turn) -> None:
        nonlocal records
        records += len(turn.records)

    replay = Replay(state, build_exchange(config, account, state), count)
    replay.begin(account.deposit, "bench")
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began_s = time.perf_counter()
    replay.run(feed.events(), feed.trading_from_ns)
    seconds = time.perf_counter() - began_s
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    return {
        "seconds": seconds,
        "orders": state.order_count,
        "records": records,
        "grown_mb": grown_kb / 1024,
    }


def bare_loop(path: Path, _params: dict[str, Any]) -> dict[str, float]:
    """The averages alone, over the same events."""
    feed: Feed = build_feed(configuration(path, TRADING))
    fast = slow = 0.0
    crossings = 0
    above = False
    began_s = time.perf_counter()
    for bar in feed.events():
        close = bar.close  # type: ignore[union-attr]
        fast += 2 / 11 * (close - fast)
        slow += 2 / 31 * (close - slow)
        if above is not (fast >= slow):
            above = not above
            crossings += 1
    return {"seconds": time.perf_counter() - began_s, "orders": crossings, "records": 0, "grown_mb": 0}


def peer(path: Path, params: dict[str, Any]) -> dict[str, float]:
    """The same rule in backtrader: both averages, orders filled at the close they were decided on."""
    import backtrader  # type: ignore[import-untyped, import-not-found, unused-ignore]

    class Cross(backtrader.Strategy):  # type: ignore[misc, unused-ignore]
        orders = 0

        def __init__(self) -> None:
            self.fast = backtrader.ind.EMA(period=params["fast"])
            self.slow = backtrader.ind.EMA(period=params["slow"])

        def next(self) -> None:
            wanted = params["quantity"] if self.fast[0] >= self.slow[0] else -params["quantity"]
            missing = wanted - self.position.size
            if missing:
                self.orders += 1
                (self.buy if missing > 0 else self.sell)(size=abs(missing))

    frame = pq.read_table(path).to_pandas().set_index("ts").tz_localize(None)
    cerebro = backtrader.Cerebro(stdstats=False)
    cerebro.broker.set_cash(10_000_000)
    cerebro.broker.set_coc(True)
    cerebro.adddata(backtrader.feeds.PandasData(dataname=frame))
    cerebro.addstrategy(Cross)
    began_s = time.perf_counter()
    (ran,) = cerebro.run()
    return {"seconds": time.perf_counter() - began_s, "orders": ran.orders, "records": 0, "grown_mb": 0}


KINDS = {
    "trading": (backtest, TRADING),
    "idle": (backtest, IDLE),
    "bare": (bare_loop, TRADING),
    "peer": (peer, TRADING),
}


NAMES = {
    "trading": "EmaCross trading",
    "idle": "EmaCross never trading",
    "bare": "bare loop, no engine",
    "peer": "backtrader, same rule",
}
COMPILED = {"trading": "the same, compiled", "idle": "never trading, compiled"}
FAST = Path(__file__).resolve().parent.parent / ".venv-fast" / "bin" / "python"
"""What runs the compiled form, where `make fast` has built it."""
HAS_PEER = importlib.util.find_spec("backtrader") is not None


def one(kind: str, path: Path, python: str | Path = sys.executable) -> dict[str, float]:
    """One run in a process of its own."""
    command = [str(python), "-m", "bench.backtest_bench", "--one", kind, str(path)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return dict(json.loads(output))


def measure() -> dict[str, Any]:
    """Everything the report says. The kinds take turns, so that a slow moment of the machine falls on all of them."""
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = {size: Path(folder) / f"{size}.parquet" for size in SIZES}
        for size, path in paths.items():
            write_walk(path, size)
        for _ in range(ROUNDS):
            for kind in NAMES:
                sizes = SIZES if kind != "peer" else SIZES[:1] if HAS_PEER else ()
                for size in sizes:
                    _keep(report, f"{kind}_{size}", size, one(kind, paths[size]))
            for kind in COMPILED if FAST.exists() else ():
                for size, path in paths.items():
                    _keep(report, f"compiled {kind}_{size}", size, one(kind, path, FAST))
    return report


def _keep(report: dict[str, Any], name: str, size: int, run: dict[str, float]) -> None:
    """The quickest of the runs so far."""
    known = report.get(name)
    if known is None or run["seconds"] < known["seconds"]:
        report[name] = run | {"bars_per_second": size / run["seconds"]}


def main() -> None:
    """Measure and print."""
    report = measure()
    small, large = SIZES
    print(f"{'':28}{'bars/s':>12}{'orders':>10}{'seconds':>10}{'memory grown':>14}")
    for kind, name in (NAMES | {f"compiled {kind}": name for kind, name in COMPILED.items()}).items():
        for size in SIZES:
            run = report.get(f"{kind}_{size}")
            if run is None:
                continue
            cells = f"{run['bars_per_second']:>12,.0f}{run['orders']:>10,.0f}{run['seconds']:>10.2f}{run['grown_mb']:>11.1f} MB"
            print(f"{name + f', {size // 1000}k':28}{cells}")
    trading, idle, bare = (report[f"{kind}_{large}"] for kind in ("trading", "idle", "bare"))
    per_order_us = (trading["seconds"] - idle["seconds"]) / trading["orders"] * 1e6
    rate, machine = (
        report[f"{kind}_{large}"]["bars_per_second"] / report[f"{kind}_{small}"]["bars_per_second"]
        for kind in ("trading", "bare")
    )
    print(
        f"rate at 1,000k beside 100k: {rate:.2f} (the bare loop's own: {machine:.2f}; lower than that would be a slope)"
    )
    print(f"time beside the bare loop:  {trading['seconds'] / bare['seconds']:.1f} x")
    if HAS_PEER:
        ratio = report[f"trading_{small}"]["bars_per_second"] / report[f"peer_{small}"]["bars_per_second"]
        print(f"rate beside backtrader:     {ratio:.1f} x")
    print(
        f"an order from signal to booked fill: {per_order_us:.0f} us; {trading['records'] / trading['orders']:.1f} records each"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--one", nargs=2, metavar=("KIND", "PATH"))
    chosen = parser.parse_args().one
    if chosen:
        run_one, its_params = KINDS[chosen[0]]
        print(json.dumps(run_one(Path(chosen[1]), its_params)))
    else:
        main()
