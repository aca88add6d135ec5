"""A broker in a box, engines and watchdogs, all as processes, with one account and no strategy: people's orders are enough."""

import json
import signal
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests

from holdfast.core.milestones import Restored
from holdfast.errors import JournalError
from holdfast.journal.reader import Reader
from holdfast.sim.alpaca.tortured import BOX, HEADERS, KEY, SECRET
from holdfast.torture.processes.broker import Broker
from holdfast.torture.processes.programs import Program, Spawner, kill, send
from tests.process.program import PATIENCE_S, until

LEASE_S, SILENT_S, CHECK_S = 5.0, 6.0, 1.0
SYMBOL = "AVOR"
CONFIG = f"""
[journal]
url = "{{journal}}"
[feed]
kind = "alpaca"
symbols = ["{SYMBOL}"]
warm_up_minutes = 5
stale_after_s = 86400
[alpaca]
api_key = "{KEY}"
api_secret = "{SECRET}"
trading_url = "{{url}}"
data_url = "{{url}}"
data_stream_url = "{{socket}}"
requests_per_minute = 900_000
data_requests_per_minute = 900_000
connect_timeout_s = 1.0
read_timeout_s = 1.0
settle_s = 0.5
[live]
check_every_s = 0.3
reconcile_every_s = 0.3
[lease]
duration_s = {LEASE_S}
margin_s = 2.1
[watchdog]
silent_after_s = {SILENT_S}
check_every_s = {CHECK_S}
action = "{{action}}"
{{more}}
[[accounts]]
name = "main"
broker = "alpaca"
"""

Json = dict[str, Any]


class World:
    """A broker, and a folder in which engines and watchdogs run."""

    def __init__(self, spawner: Spawner, folder: Path) -> None:
        self.spawner = spawner
        self.folder = folder
        self.url = f"sqlite:///{folder / 'holdfast.db'}"
        self.output = folder / "watchdog.txt"
        self.programs: list[Program] = []
        self.broker = Broker(
            lambda arguments, output: spawner.start(arguments, folder, output, {}), folder, 1, BOX, 60.0
        )

    def configure(self, action: str, more: str = "") -> None:
        """``more`` goes to the watchdog's section."""
        socket = self.broker.url.replace("http", "ws", 1)
        text = CONFIG.format(journal=self.url, url=self.broker.url, socket=socket, action=action, more=more)
        (self.folder / "holdfast.toml").write_text(text)

    def start(self, *arguments: str, **extra: str) -> Program:
        output = self.output if arguments[0] == "watchdog" else self.folder / f"{arguments[0]}.txt"
        program = self.spawner.start(arguments, self.folder, output, extra)
        self.programs.append(program)
        return program

    def engine(self, **extra: str) -> Program:
        """An engine that may trade."""
        before, _ = self.account()
        program = self.start("run", "--json", **extra)
        until(lambda: self.is_trading(before), "an engine that trades")
        return program

    def is_trading(self, before: int) -> bool:
        """Whether an engine of a later epoch may trade."""
        if self.account()[0] <= before:
            return False
        with Reader.open(self.url) as reader:  # market data is what an engine has last
            restored = reader.last_record("main", Restored.__name__)
        return restored is not None and restored.epoch > before

    def account(self) -> tuple[int, str]:
        """The account's epoch and state; 0 while there is none."""
        try:
            with Reader.open(self.url) as reader:
                return next(((row.epoch, row.state) for row in reader.accounts()), (0, ""))
        except JournalError:
            return 0, ""

    def watchdog(self, **extra: str) -> Program:
        return self.start("watchdog", "--json", **extra)

    def said(self) -> list[tuple[str, str]]:
        """What watchdogs have said: event and text."""
        lines = self.output.read_text().splitlines() if self.output.exists() else []
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return [(row["event"], row["text"]) for row in found]

    def heard(self, event: str) -> bool:
        return event in [kind for kind, _ in self.said()]

    def buy(self) -> Decimal:
        """Buy ten with a stop-loss, without waiting; the stop's price."""
        stop = self.price("0.9")
        self.enter("buy", "--stop-loss", str(stop))
        return stop

    def enter(self, side: str, *exits: str) -> None:
        """Buy or sell ten, without waiting."""
        assert self.start(side, SYMBOL, "10", *exits, "--yes", "--timeout", "1").ended(PATIENCE_S) is not None

    def price(self, share: str) -> Decimal:
        """The market's price times a share of it."""
        trade = self.get("/v2/stocks/trades/latest", symbols=SYMBOL, feed="iex")["trades"][SYMBOL]["p"]
        return (Decimal(str(trade)) * Decimal(share)).quantize(Decimal("0.01"))

    def get(self, path: str, **query: str) -> Any:
        answer = requests.get(self.broker.url + path, query, headers=HEADERS, timeout=PATIENCE_S)
        answer.raise_for_status()
        return answer.json()

    def position(self) -> Decimal:
        return self.broker.truth().positions.get(SYMBOL, Decimal(0))

    def stops(self) -> list[tuple[Decimal, Decimal]]:
        """Quantity and price of every stop that works at the broker."""
        return [(Decimal(row["qty"]), Decimal(row["stop_price"])) for row in self.working() if row["type"] == "stop"]

    def working(self) -> list[Json]:
        """Every order that works at the broker, the legs of pairs too."""
        orders = self.get("/v2/orders", status="open", nested="true", limit="500")
        return [row for order in orders for row in (order, *(order["legs"] or ()))]

    def orders(self) -> list[Json]:
        found: list[Json] = self.get("/v2/orders", status="all", limit="500")
        return found

    def cancel_all(self) -> None:
        """As the account's owner may on the broker's own pages."""
        requests.delete(f"{self.broker.url}/v2/orders", headers=HEADERS, timeout=PATIENCE_S).raise_for_status()

    def buy_there(self, quantity: str) -> None:
        """As the account's owner may on the broker's own pages."""
        self.order_there("buy", quantity)

    def order_there(self, side: str, quantity: str) -> None:
        """At the market, on the broker's own pages."""
        body = {"symbol": SYMBOL, "qty": quantity, "side": side, "type": "market", "time_in_force": "day"}
        answer = requests.post(f"{self.broker.url}/v2/orders", json=body, headers=HEADERS, timeout=PATIENCE_S)
        answer.raise_for_status()

    def asked_for(self) -> Counter[str]:
        return self.broker.asked_for()

    def close(self) -> None:
        for program in self.programs:
            send(program, signal.SIGCONT)
            kill(program)
        self.broker.close()
