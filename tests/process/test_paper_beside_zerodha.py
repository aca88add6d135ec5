"""One strategy on paper and at the local Kite, on the same ticks, killed again and again: both books are right in the end."""

import json
import signal
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests

from holdfast.journal.reader import Reader
from holdfast.sim.kite.tortured import KiteWitness
from holdfast.telemetry.crash_points import VARIABLE, CrashPoint
from holdfast.torture.processes.books import ACCOUNT, compare
from tests.budget import by_tier
from tests.local_kite import LOGIN, START_NS, LocalKite, local_kite
from tests.process.program import last_epoch, proves_itself, started, succeed, trading, until

pytestmark = pytest.mark.process

KILLS = by_tier(test=2, campaign=50)
SYMBOLS = ("AVANTI", "BHARAVI")
BEFORE = 40
"""Events of the market before the first engine."""
EVENTS_A_LIFE = 36
"""Of the market, between two kills: more than a minute of both symbols."""
POINTS = (
    CrashPoint.SENDING,
    CrashPoint.FILL_RECEIVED,
    CrashPoint.ANSWERED,
    CrashPoint.FILL_DURABLE,
    CrashPoint.RELEASED,
)
"""Where engines die, one after the other, if they come to it."""
EVENTS_A_MINUTE = 27
LAST_EVENTS = 96
"""After the last kill: enough for what is wanted in the end to be asked for and filled."""
FINAL = 2
"""Shares of each symbol that the strategy wants from some time on."""
PAPER, THERE = "paper", ACCOUNT
MINUTE_NS = 60 * 10**9
LADDER = f"""
from holdfast.core.strategy.api import Parameters, Strategy


class Ladder(Strategy):
    class Params(Parameters, frozen=True):
        final_from_ns: int = 2**62

    def on_bar(self, context, bar):
        step = bar.time_ns // {MINUTE_NS} % 4
        context.target(bar.symbol, {FINAL} if bar.time_ns >= self.params.final_from_ns else step)
"""
CONFIG = """
[feed]
kind = "zerodha"
symbols = {symbols}
warm_up_minutes = 5
stale_after_s = 86400

[zerodha]
api_key = "{key}"
api_url = "{url}"
login_url = "{url}"
socket_url = "{socket}"
read_timeout_s = 1.0
settle_s = 2.0
orders_per_second = 90_000
orders_per_minute = 900_000
orders_per_day = 900_000
quotes_per_second = 90_000
candles_per_second = 90_000
requests_per_second = 90_000

[instruments]
AVANTI = {{ tick = "0.05", lot = 1, product = "MIS" }}
BHARAVI = {{ tick = "0.05", lot = 1, product = "CNC" }}

[live]
check_every_s = 0.5
reconcile_every_s = 0.5

[[accounts]]
name = "{paper}"
broker = "paper"
calendar = "XBOM"

[[accounts]]
name = "{there}"
broker = "zerodha"
calendar = "XBOM"

[[strategies]]
id = "ladder"
class = "ladder:Ladder"
accounts = ["{paper}", "{there}"]
symbols = {symbols}
params = {{ final_from_ns = {final_from_ns} }}
"""

Positions = Mapping[str, Decimal]


class Served:
    """The local Kite as its witness asks it."""

    def __init__(self, url: str) -> None:
        self._url = url

    def control(self, what: str, body: Any = None, method: str = "POST") -> dict[str, Any]:
        found: dict[str, Any] = self.ask(method, f"/_sim/{what}", json=body)
        return found

    def ask(self, method: str, path: str, **arguments: Any) -> Any:
        answer = requests.request(method, self._url + path, timeout=30, **arguments)
        answer.raise_for_status()
        return json.loads(answer.content, parse_float=Decimal)


class Books(NamedTuple):
    """What an engine has in the end. ``paper`` are the positions on paper, ``deposit`` is its cash without its trades.

    ``fills`` is how many there were at least in each account.
    """

    paper: Positions
    deposit: Decimal
    fills: int
    epochs: int


def prepared(folder: Path, server: LocalKite, events: int) -> str:
    """The configuration, in a folder of its own; the journal's address."""
    folder.mkdir()
    (folder / "ladder.py").write_text(LADDER)
    minutes = (BEFORE + events - LAST_EVENTS) // EVENTS_A_MINUTE
    text = CONFIG.format(
        symbols=json.dumps(SYMBOLS),
        key=LOGIN.api_key,
        url=server.url,
        socket=server.socket_url,
        paper=PAPER,
        there=THERE,
        final_from_ns=START_NS + minutes * MINUTE_NS,
    )
    (folder / "holdfast.toml").write_text(text)
    return f"sqlite:///{folder / 'holdfast.db'}"


def positions(url: str, account: str) -> Positions:
    with Reader.open(url) as reader:
        return {row.symbol: row.quantity for row in reader.positions(account) if not row.strategy and row.quantity}


def hold_or_play(server: LocalKite, url: str, wanted: Positions) -> bool:
    """Whether both accounts hold what is wanted; if not, the market goes on by an event, so that what is asked for can fill."""
    if all(positions(url, account) == wanted for account in (PAPER, THERE)):
        return True
    server.play(1)
    return False


def agree(url: str, witness: KiteWitness) -> bool:
    """Whether the journal is the server's books: orders, executions, positions, and cash after charges."""
    with Reader.open(url) as reader:
        return not compare(reader, witness.truth()).problems


def live(folder: Path, server: LocalKite, url: str, surroundings: Mapping[str, str]) -> None:
    """One engine, from its start until a minute of the market later: it dies at its point, or wherever it is then."""
    since = last_epoch(url)
    with started(folder, "run", "--json", errors=None, **surroundings) as engine:
        until(lambda: engine.poll() is not None or trading(url, since), "the accounts to trade")
        if engine.poll() is None:
            seen = bars(url)
            server.play(EVENTS_A_LIFE)
            until(lambda: engine.poll() is not None or bars(url) > seen, "a minute of the market")
        engine.kill()


def bars(url: str) -> int:
    """How many bars the account at the broker has seen."""
    with Reader.open(url) as reader:
        return sum(record.type == "Bar" for record in reader.records(THERE))


def lived(folder: Path, server: LocalKite, kills: int) -> Books:
    """An engine from the market's beginning to its end, killed so often in between."""
    events = EVENTS_A_LIFE * KILLS + LAST_EVENTS
    url = prepared(folder, server, events)
    witness = KiteWitness(Served(server.url))
    token = dict(witness.environment())
    server.play(BEFORE)
    for number in range(kills):
        live(folder, server, url, token | {VARIABLE: f"{POINTS[number % len(POINTS)]}:1"})
    wanted, since = dict.fromkeys(SYMBOLS, Decimal(FINAL)), last_epoch(url)
    with started(folder, "run", "--json", errors=None, **token) as engine:
        until(lambda: trading(url, since), "the accounts to trade")
        for _ in range((events - kills * EVENTS_A_LIFE) // 2):
            server.play(2)
        until(lambda: hold_or_play(server, url, wanted), "what is wanted in the end")
        until(lambda: agree(url, witness), "books that are the server's")
        engine.send_signal(signal.SIGINT)
        assert engine.wait() == 0, (folder / "output.txt").read_text()
    assert proves_itself(folder, "holdfast.toml")
    with Reader.open(url) as reader:
        assert compare(reader, witness.truth()).problems == []
        deposit = deposit_in(reader)
        fills = [len(reader.fills(account, limit=10_000)) for account in (PAPER, THERE)]
    return Books(positions(url, PAPER), deposit, min(fills), last_epoch(url))


def deposit_in(reader: Reader) -> Decimal:
    """What there is on paper without what its executions brought in, each of which is there once."""
    rows = reader.fills(PAPER, limit=10_000)
    assert len({row.execution_id for row in rows}) == len(rows)
    came_in = sum((row.quantity * row.price * (1 if row.side == "sell" else -1) - row.fee for row in rows), Decimal(0))
    return reader.account(PAPER).cash - came_in


@pytest.mark.proves("I1", "I2", "I3", "I4", "I6", "K3", "K4")
def test_paper_beside_a_broker_without_idempotency(tmp_path: Path) -> None:
    """Paper ends as it does when the engine is left alone; at the broker all is as the server has it, to the paisa."""
    found = []
    for name, kills in (("alone", 0), ("killed", KILLS)):
        with local_kite(symbols=[f"NSE:{symbol}" for symbol in SYMBOLS]) as server:
            found.append(lived(tmp_path / name, server, kills))
    alone, killed = found
    assert (killed.paper, killed.deposit) == (alone.paper, alone.deposit)
    assert min(alone.fills, killed.fills) >= len(SYMBOLS)
    assert (alone.epochs, killed.epochs) == (1, KILLS + 1)
    compared = succeed(tmp_path / "killed", "compare", PAPER, THERE, "--json", "-").json
    assert Decimal(compared["difference"]) == sum(map(Decimal, compared["parts"].values()))
