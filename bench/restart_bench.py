"""How long a restart takes with a long past: from the process's start to READY, against the local Alpaca.

The journal is made as the engine makes it: 100,000 orders that have filled, 1,000 that work at the server, and as many records
behind the newest snapshot as there ever are. Then the real program is started, and killed when it is READY, some times over.
Beside it stands what no start can do without: the interpreter with the same imports, and how long the same past takes when
there is no snapshot.
"""

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests
from rich.progress import Progress

from bench.alpaca_orders_bench import HEADERS, KEY, SECRET, START_NS, SYMBOL, server
from holdfast.adapters import registry
from holdfast.assembly import build_live_feed, build_state
from holdfast.brokers.adapter import Watched
from holdfast.config import Config, load_config
from holdfast.core import lifecycle
from holdfast.core.engine.reports import on_report
from holdfast.core.messages import OrderAccepted, OrderFilled, OrderPrepared, OrderReleased, OrderTerms, Report
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import DAY_NS, SECOND_NS, ClientOrderId, Money, OrderType, Price, Quantity, Side, StrategyId
from holdfast.journal.reader import Reader
from holdfast.journal.writer import Journal
from holdfast.runtime.account import AccountAtWork
from holdfast.runtime.live.live_account import SNAPSHOT_EVERY
from holdfast.telemetry.metrics import ApiMetrics

PAST_ORDERS, OPEN_ORDERS = 100_000, 1_000
ROUNDS = 5
PATIENCE_S = 300.0
ACCOUNT = "one"
STRATEGY = StrategyId("ema")


def write_configuration(folder: Path, url: str) -> Config:
    path = folder / "holdfast.toml"
    path.write_text(
        f"""
        [journal]
        url = "sqlite:///holdfast.db"
        [feed]
        kind = "alpaca"
        symbols = ["{SYMBOL}"]
        [alpaca]
        api_key = "{KEY}"
        api_secret = "{SECRET}"
        trading_url = "{url}"
        data_url = "{url}"
        data_stream_url = "{url.replace("http", "ws")}"
        requests_per_minute = 900_000
        data_requests_per_minute = 900_000
        [[accounts]]
        name = "{ACCOUNT}"
        broker = "alpaca"
        [[strategies]]
        id = "{STRATEGY}"
        class = "holdfast.strategies:EmaCross"
        account = "{ACCOUNT}"
        symbols = ["{SYMBOL}"]
        """
    )
    return load_config(path, {})


# --- a long past ------------------------------------------------------------------------------------------------------


class Past:
    """Makes records as the engine does, and keeps them as the engine does."""

    def __init__(self, config: Config, journal: Journal) -> None:
        login = registry.load("alpaca").log_in(config.section("alpaca"), "", Watched(ApiMetrics()))
        state = build_state(config, config.accounts[0], build_live_feed(config, config.feed, login), None)
        self.state: EngineState = state
        self.account = AccountAtWork(state, login.broker(), journal, None, SNAPSHOT_EVERY)
        self.epoch = journal.take(ACCOUNT, config.accounts[0].broker, "the past").epoch

    def begin(self, account: dict[str, Any]) -> None:
        state = self.state
        state.now_ns = START_NS - 100 * DAY_NS
        turns = [lifecycle.start(state, self.epoch, "0", "the past"), lifecycle.bind(state, str(account["id"]))]
        turns.append(lifecycle.adopt(state, Money(Decimal(str(account["cash"]))), []))
        turns.append(lifecycle.recovered(state, lifecycle.nothing_recovered(state)))
        self.account.keep(*turns)

    def prepare(self, side: Side, price: str) -> ClientOrderId:
        state = self.state
        state.now_ns += 80 * SECOND_NS
        key = state.ids.order(state.order_count + 1)
        terms = OrderTerms(
            key, STRATEGY, SYMBOL, side, Quantity(Decimal(1)), OrderType.LIMIT, limit_price=Price(Decimal(price))
        )
        turn = Turn(state)
        turn.record(OrderPrepared(terms))
        turn.record(OrderReleased(key))
        self.account.keep(turn)
        return key

    def report(self, *bodies: OrderAccepted | OrderFilled) -> None:
        self.account.keep(*[on_report(self.state, Report(self.state.now_ns, body)).finish() for body in bodies])

    def trade(self, number: int) -> None:
        side = Side.SELL if number % 2 else Side.BUY
        key, broker_id = self.prepare(side, "100"), f"past-{number:08}-0000-0000-0000-000000000000"
        fill = OrderFilled(
            key, f"{broker_id}:1", SYMBOL, side, Quantity(Decimal(1)), Price(Decimal(100)), broker_order_id=broker_id
        )
        self.report(OrderAccepted(key, broker_id), fill)


def make_past(config: Config, url: str) -> int:
    """The journal before the crash; how many records it has."""
    journal = Journal.open(config.journal.url)
    past = Past(config, journal)
    with requests.Session() as session:
        session.headers.update(HEADERS)
        past.begin(session.get(f"{url}/v2/account", timeout=10).json())
        with Progress(transient=True) as progress:
            task = progress.add_task("orders of the past", total=PAST_ORDERS)
            for number in range(PAST_ORDERS):
                past.trade(number)
                progress.update(task, completed=number + 1)
        for _ in range(OPEN_ORDERS):
            key = past.prepare(Side.BUY, "1.00")
            body = {"symbol": SYMBOL, "qty": "1", "side": "buy", "type": "limit", "time_in_force": "day"}
            body |= {"limit_price": "1.00", "client_order_id": key}
            answer = session.post(f"{url}/v2/orders", json=body, timeout=10)
            answer.raise_for_status()
            past.report(OrderAccepted(key, answer.json()["id"]))
    number = PAST_ORDERS
    while past.state.sequence - past.account.snapshot_at < SNAPSHOT_EVERY - 10:
        past.trade(number)
        number += 1
    if number % 2:
        past.trade(number)
    journal.close()
    return past.state.sequence


# --- starting ---------------------------------------------------------------------------------------------------------


def start_until_ready(folder: Path, config: Config) -> float:
    """Seconds from the process's start until the account may trade; it is killed then."""
    with Reader.open(config.journal.url) as reader:
        epoch = reader.account(ACCOUNT).epoch
        began_s = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, "-m", "holdfast", "run", "-c", "holdfast.toml"],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            try:
                while True:
                    done = reader.last_record(ACCOUNT, "RecoveryCompleted")
                    if done is not None and done.epoch > epoch:
                        return time.perf_counter() - began_s
                    if process.poll() is not None or time.perf_counter() - began_s > PATIENCE_S:
                        assert process.stdout is not None
                        raise SystemExit(process.stdout.read().decode(errors="replace")[-2_000:])
                    time.sleep(0.005)
            finally:
                process.send_signal(signal.SIGKILL)


def imports_alone(folder: Path) -> float:
    code = "import holdfast.cli.run, holdfast.runtime.compose, holdfast.runtime.live.live_account, holdfast.adapters.alpaca.trading.broker, holdfast.adapters.alpaca.market_data.feed"
    began_s = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)
    return time.perf_counter() - began_s


def drop_snapshots(folder: Path) -> None:
    connection = sqlite3.connect(folder / "holdfast.db")
    with connection:
        connection.execute("DELETE FROM snapshots")
    connection.close()


def shown(times_s: Sequence[float]) -> str:
    return f"best {min(times_s):.2f} s, worst {max(times_s):.2f} s of {len(times_s)}"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as name, server("ours") as url:
        folder = Path(name)
        config = write_configuration(folder, url)
        began_s = time.perf_counter()
        records = make_past(config, url)
        print(
            f"{PAST_ORDERS:,} past orders and {OPEN_ORDERS:,} open ones, {records:,} records, made in "
            f"{time.perf_counter() - began_s:.0f} s"
        )
        floor = [imports_alone(folder) for _ in range(ROUNDS)]
        found = [start_until_ready(folder, config) for _ in range(ROUNDS)]
        print(f"  process start to READY: {shown(found)}")
        print(f"  interpreter and imports alone: {shown(floor)}; ratio {min(found) / min(floor):.1f}")
        drop_snapshots(folder)
        whole = start_until_ready(folder, config)
        print(f"  without a snapshot, all records read: {whole:.1f} s; ratio {whole / min(found):.0f}")


if __name__ == "__main__":
    main()
