"""One engine with accounts of every kind, killed again and again: its books are those of an engine that was left alone."""

import signal
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from holdfast.journal.reader import Reader
from tests.budget import by_tier
from tests.local_alpaca import KEY, OTHER_KEY, SECRET, LocalAlpaca, local_alpaca
from tests.process.program import last_epoch, proves_itself, run, started, succeed, trading, until
from tests.scenario.alpaca.several import FILE_SYMBOL, accounts_file, bars_file, theirs

pytestmark = pytest.mark.process

KILLS = by_tier(test=2, campaign=50)
BARS = by_tier(test=150, campaign=300)
"""Of the file: some seconds at its speed, so that the kills fall within it."""
EVENTS_A_LIFE = 6
"""Of the live market, between two kills."""
LAST_EVENTS = 24
"""After the last kill: enough for what is wanted in the end to be asked for and filled."""
FINAL = 2
"""Shares of each symbol that the strategy wants from some time on."""
LADDER = """
from holdfast.core.strategy.api import Parameters, Strategy

MINUTE_NS = 60 * 10**9


class Ladder(Strategy):
    class Params(Parameters, frozen=True):
        final_from_ns: int = 2**62

    def on_bar(self, context, bar):
        step = bar.time_ns // (3 * MINUTE_NS) % 4
        context.target(bar.symbol, FINAL if bar.time_ns >= self.params.final_from_ns else step)
""".replace("FINAL if", f"{FINAL} if")
LIVE = ("one", "two", "three")
"""The accounts on the live market; the last is on paper."""
BAR_FROM_NS = 1_720_618_200 * 10**9
"""The time of the live market's first bar."""
CONFIG = """
[[feeds]]
name = "live"
kind = "alpaca"
symbols = ["AVOR", "BRYX"]
warm_up_minutes = 5

[[feeds]]
name = "past"
kind = "file"
path = "{bars}"
bar = "1Min"
speed = {speed}

[alpaca]
api_key = "{key}"
api_secret = "{secret}"
trading_url = "{url}"
data_url = "{url}"
data_stream_url = "{stream}"
requests_per_minute = 900000
data_requests_per_minute = 900000
settle_s = 0.5

[alpaca.logins.second]
api_key = "{other}"
api_secret = "{secret}"

[live]
check_every_s = 1.0
reconcile_every_s = 0.5

[[accounts]]
name = "one"
broker = "alpaca"
feed = "live"

[[accounts]]
name = "two"
broker = "alpaca"
login = "second"
feed = "live"

[[accounts]]
name = "three"
feed = "live"

[[accounts]]
name = "past"
feed = "past"
calendar = "24/7"

[[strategies]]
id = "ladder"
class = "ladder:Ladder"
accounts = ["one", "two", "three"]
symbols = ["AVOR", "BRYX"]
params = {{ final_from_ns = {final_from_ns} }}

[[strategies]]
id = "ladder-past"
class = "ladder:Ladder"
account = "past"
symbols = ["{symbol}"]
"""

Positions = Mapping[str, Decimal]


class Books(NamedTuple):
    """What an engine has in the end: positions by account, and every fill of the account on a file."""

    positions: Mapping[str, Positions]
    fills: list[tuple[str, str, Decimal, Decimal, int]]


def prepared(folder: Path, server: LocalAlpaca, events: int, speed: str = "1200") -> str:
    """The configuration, in a folder of its own; the journal's address."""
    folder.mkdir()
    (folder / "ladder.py").write_text(LADDER)
    minutes = (events - LAST_EVENTS) // 2
    text = CONFIG.format(
        bars=bars_file(folder, BARS),
        speed=speed,
        key=KEY,
        other=OTHER_KEY,
        secret=SECRET,
        url=server.trading_url,
        stream=server.data_stream_url,
        symbol=FILE_SYMBOL,
        final_from_ns=BAR_FROM_NS + minutes * 60 * 10**9,
    )
    (folder / "holdfast.toml").write_text(text)
    return f"sqlite:///{folder / 'holdfast.db'}"


def positions(url: str, account: str) -> Positions:
    with Reader.open(url) as reader:
        return {row.symbol: row.quantity for row in reader.positions(account) if not row.strategy and row.quantity}


def has_ended(url: str, account: str) -> bool:
    """Whether the account's feed has come to its end, in this life."""
    with Reader.open(url) as reader:
        last = reader.last_record(account)
        return last is not None and type(last.body).__name__ == "EngineStopped"


def holds_or_plays(server: LocalAlpaca, url: str, wanted: Positions) -> bool:
    """Whether the accounts on it hold what is wanted; if not, the market goes on by an event, so that what is asked for can fill."""
    if all(positions(url, account) == wanted for account in LIVE):
        return True
    server.play(1)
    return False


def books(folder: Path, server: LocalAlpaca, url: str) -> Books:
    """What the journal has, which must be what the server has."""
    found = {account: positions(url, account) for account in (*LIVE, "past")}
    assert found["one"] == theirs(server, KEY)
    assert found["two"] == theirs(server, OTHER_KEY)
    assert proves_itself(folder, "holdfast.toml")
    with Reader.open(url) as reader:
        rows = reader.fills("past", limit=10_000, since_ns=0)
    return Books(found, [(row.symbol, row.side, row.quantity, row.price, row.time_ns) for row in reversed(rows)])


def lived(folder: Path, server: LocalAlpaca, kills: int) -> Books:
    """An engine from the market's beginning to its end, killed so often in between."""
    events = EVENTS_A_LIFE * KILLS + LAST_EVENTS
    url = prepared(folder, server, events, "1200" if kills else '"max"')
    for _ in range(kills):
        since = last_epoch(url)
        with started(folder, "run", "--json") as engine:
            until(partial(trading, url, since), "the accounts to trade")
            server.play(EVENTS_A_LIFE)
            engine.kill()
    wanted = {"AVOR": Decimal(FINAL), "BRYX": Decimal(FINAL)}
    since = last_epoch(url)
    with started(folder, "run", "--json") as engine:
        until(lambda: trading(url, since), "the accounts to trade")
        for _ in range((events - kills * EVENTS_A_LIFE) // 2):
            server.play(2)
        until(lambda: has_ended(url, "past"), "the end of the file")
        until(lambda: holds_or_plays(server, url, wanted), "what is wanted in the end")
        engine.send_signal(signal.SIGINT)
        assert engine.wait() == 0, (folder / "output.txt").read_text()
    return books(folder, server, url)


def test_books_after_kills_are_those_of_an_engine_left_alone(tmp_path: Path) -> None:
    """Two accounts at a broker, one on paper on their feed and one on a file: positions at both ends, and every fill of the file, to the last digit."""
    found = []
    for name, kills in (("alone", 0), ("killed", KILLS)):
        accounts = accounts_file(tmp_path, KEY, OTHER_KEY)
        with local_alpaca(accounts=accounts, symbols=("AVOR", "BRYX"), requests_per_minute=900_000) as server:
            found.append(lived(tmp_path / name, server, kills))
    alone, killed = found
    assert killed == alone
    assert len(alone.fills) > 20
    for name in ("alone", "killed"):
        check_comparison(tmp_path / name)


def check_comparison(folder: Path) -> None:
    """Paper beside the broker on the same ticks: both end with the same positions, so what one earned more is what its trades brought in more."""
    url = f"sqlite:///{folder / 'holdfast.db'}"
    found = succeed(folder, "compare", "three", "one", "--json", "-").json
    came_in = {name: money_in(url, name) for name in ("three", "one")}
    assert Decimal(found["difference"]) == came_in["three"] - came_in["one"]
    assert Decimal(found["difference"]) == Decimal(found["first_profit"]) - Decimal(found["other_profit"])
    assert Decimal(found["difference"]) == sum(map(Decimal, found["parts"].values()))
    traded = [row for row in found["trades"] if row["in_first"] and row["in_other"]]
    assert len(traded) >= 2
    assert "three and one" in succeed(folder, "compare", "three", "one").out
    apart = run(folder, "compare", "three", "past")
    assert (apart.status, "no strategy trades both" in apart.error) == (2, True)


def money_in(url: str, account: str) -> Decimal:
    """What an account's fills brought in."""
    with Reader.open(url) as reader:
        rows = reader.fills(account, limit=10_000)
    return -sum((row.quantity * row.price * (1 if row.side == "buy" else -1) + row.fee for row in rows), Decimal(0))


@pytest.mark.parametrize(
    ("line", "wrong", "said", "status"),
    [
        ('feed = "past"', 'feed = "pst"', "did you mean past?", 2),
        ('login = "second"', "", "both have its one login at alpaca", 2),
        ('accounts = ["one", "two", ', 'accounts = ["one", "tow", ', "did you mean two?", 2),
        ('name = "three"', 'name = "three"\nlogin = "second"', "without a login; leave it out", 2),
        ('name = "three"', 'name = "three"\nbalances = { EUR = 5 }', "balances are for a feed of kind file", 2),
        ('broker = "alpaca"\nlogin', 'broker = "alpca"\nlogin', "did you mean alpaca?", 3),
        ('kind = "alpaca"', 'kind = "alpacca"', "did you mean alpaca?", 2),
        ('account = "past"', 'account = "past"\naccounts = ["one"]', "needs either account", 2),
        (f'symbols = ["{FILE_SYMBOL}"]', 'symbols = ["ABCD"]', "has no symbol 'ABCD'", 2),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_one_line_and_nothing_is_made(
    line: str, wrong: str, said: str, status: int, tmp_path: Path
) -> None:
    """Unknown names come back with the nearest there is; no journal is made."""
    server: Any = type("NoServer", (), {"trading_url": "http://127.0.0.1:9", "data_stream_url": "ws://127.0.0.1:9"})
    prepared(tmp_path / "wrong", server, 100)
    path = tmp_path / "wrong" / "holdfast.toml"
    text = path.read_text()
    assert line in text
    path.write_text(text.replace(line, wrong, 1))
    done = run(tmp_path / "wrong", "run")
    assert done.status == status, done
    assert said in done.error
    assert not (tmp_path / "wrong" / "holdfast.db").exists()
