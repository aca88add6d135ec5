"""What `run` refuses before it trades, `check` refuses: a folder of bad configurations goes through check, run and backtest."""

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from holdfast.cli.backtest import backtest
from holdfast.cli.check import check
from holdfast.cli.run import run
from holdfast.errors import HoldfastError

ROWS = [f"{symbol},2024-01-02T14:{minute}:00Z,10,11,9,10,1000" for minute in range(30, 50) for symbol in ("SPY", "VOD")]
GOOD = """
[feed]
kind = "file"
path = "bars.csv"
bar = "1Min"

[[accounts]]
name = "one"
calendar = "24/7"

[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
account = "one"
symbols = ["SPY"]
params = { fast = 2, slow = 4 }
"""
LIVE = """
[feed]
kind = "alpaca"

[alpaca]
api_key = "PKONE"
api_secret = "secretsecret"

[[accounts]]
name = "one"
broker = "alpaca"

[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
account = "one"
symbols = ["SPY"]
"""
SAME_KEYS = """
[alpaca.logins.second]
api_key = "PKONE"
api_secret = "secretsecret"

[[accounts]]
name = "two"
broker = "alpaca"
login = "second"
"""
WITHOUT_KEYS = '[[accounts]]\nname = "two"\nbroker = "alpaca"\nlogin = "nobody"\n'
LONG = "x" * 300


class Bad(NamedTuple):
    """A mistake: what takes the place of what in the good file, or is added to it, and a part of what is said."""

    old: str
    new: str
    said: str


MISTAKES = {
    "parameter": Bad("fast = 2", "fasst = 2", "did you mean fast?"),
    "parameter's bound": Bad("fast = 2", "fast = 9", "must be below slow"),
    "infinite parameter": Bad("fast = 2", "fast = inf", "finite"),
    "class": Bad(":EmaCross", ":EmaCros", "EmaCross"),
    "module": Bad("holdfast.strategies:", "nowhere:", "can't be imported"),
    "no class": Bad("holdfast.strategies:EmaCross", "EmaCross", "module:Class"),
    "symbol": Bad('["SPY"]', '["SPX"]', "it has SPY"),
    "no symbol": Bad('symbols = ["SPY"]', "symbols = []", "at least one symbol"),
    "symbol twice": Bad('["SPY"]', '["SPY", "SPY"]', "symbols of strategy ema: SPY is there 2 times"),
    "feed's symbol twice": Bad('bar = "1Min"', 'symbols = ["SPY", "SPY"]', "symbols of the feed: SPY is there 2 times"),
    "empty symbol": Bad('["SPY"]', '["SPY", ""]', "a symbol has 1 to 64"),
    "symbol with a line": Bad('["SPY"]', '["SP\\nY"]', "a symbol has 1 to 64"),
    "feed's long symbol": Bad('bar = "1Min"', f'symbols = ["{LONG}"]', "300 characters"),
    "instrument's symbol": Bad("[feed]", '[instruments." "]\ntick = "1"\n[feed]', "instruments: a symbol"),
    "empty account": Bad('name = "one"', 'name = ""', "an account's name has 1 to 64"),
    "blank account": Bad('name = "one"', 'name = "  "', "an account's name has 1 to 64"),
    "account with a line": Bad('name = "one"', 'name = "o\\nne"', "an account's name has 1 to 64"),
    "long account": Bad('name = "one"', f'name = "{LONG}"', "300 characters"),
    "empty strategy": Bad('id = "ema"', 'id = ""', "a strategy's id has 1 to 64"),
    "strategy with a tab": Bad('id = "ema"', 'id = "e\\tma"', "a strategy's id has 1 to 64"),
    "strategy's name is taken": Bad('id = "ema"', 'id = "manual"', "an id of its own"),
    "feed with a line": Bad("[feed]", '[[feeds]]\nname = "a\\nb"', "a feed's name has 1 to 64"),
    "long feed": Bad("[feed]", f'[[feeds]]\nname = "{LONG}"', "300 characters"),
    "feed without a name": Bad("[feed]", "[[feeds]]", "needs a name"),
    "account twice": Bad("[[strategies]]", '[[accounts]]\nname = "one"\n[[strategies]]', "2 of account 'one'"),
    "accounts twice": Bad('account = "one"', 'accounts = ["one", "one"]', "accounts of strategy ema: one is there 2 times"),
    "profile": Bad('calendar = "24/7"', "risk = { profile = [] }", "no risk profile"),
    "calendar": Bad('calendar = "24/7"', 'calendar = "XNYX"', "XNYS"),
    "no rate": Bad("[feed]", '[instruments.SPY]\ncurrency = "EUR"\n[feed]', "no rate of it in USD"),
    "balance without a rate": Bad('calendar = "24/7"', 'calendar = "24/7"\nbalances = { GBP = "5" }', "no rate of it in USD"),
    "balance in its own": Bad('calendar = "24/7"', 'calendar = "24/7"\nbalances = { USD = "5" }', "that is cash"),
    "rate of no symbol": Bad(
        "[feed]", '[rates]\nEURUSD = "feed"\n[instruments.SPY]\ncurrency = "EUR"\n[feed]', "no symbol 'EURUSD'"
    ),
    "rate twice": Bad("[feed]", '[rates]\nEURUSD = "1.2"\nUSDEUR = "0.8"\n[feed]', "is given twice"),
    "no path": Bad('path = "bars.csv"', "", "feed.path is missing"),
    "no file": Bad("bars.csv", "bras.csv", "bras.csv"),
    "no broker": Bad('name = "one"', 'name = "one"\nbroker = ""', "account one has an empty broker; there are paper, alpaca"),
    "stream's word": Bad('bar = "1Min"', 'streams = ["barz"]', "feed.streams[0]: there is no 'barz'; did you mean bars?"),
    "fill's word": Bad("[feed]", '[venue]\nfill = "middle"\n[feed]', "venue.fill: there is no 'middle'; there are close, next_open"),
    "lost orders' word": Bad("[feed]", '[supervisor]\nlost_orders = "adpot"\n[feed]', "lost_orders: there is no 'adpot'; did you mean adopt?"),
    "rate": Bad("[feed]", '[rates]\nEURUSD = "1.2"\nGBPUSD = [1]\n[feed]', "rates.GBPUSD: Expected `str`"),
    "instrument": Bad("[feed]", '[instruments.VOD]\nlot = "1"\n[instruments.SPY]\nlot = []\n[feed]', "instruments.SPY.lot: Expected"),
    "balance": Bad('calendar = "24/7"', 'calendar = "24/7"\nbalances = { GBP = [] }', "accounts[0].balances.GBP: Expected"),
    "bar of a symbol": Bad('bar = "1Min"', "bar = { SPY = 1 }", "feed.bar.SPY: Expected"),
    "paper has no keys": Bad("[feed]", "[paper]\nx = 1\n[feed]", "unknown key paper.x; it takes no keys"),
    "login of a file": Bad('bar = "1Min"', 'login = "x"', "the feed is of kind file, and login is for live feeds"),
    "streams of a file": Bad('bar = "1Min"', 'streams = ["trades"]', "streams is for live feeds"),
    "login of a made-up market": Bad('kind = "file"\npath = "bars.csv"', 'kind = "synthetic"\nlogin = "x"', "login is for live feeds"),
    "days of a file": Bad('bar = "1Min"', "days = 5", "days is for synthetic feeds"),
    "path of a made-up market": Bad('kind = "file"', 'kind = "synthetic"', "path is for file and catalogue feeds"),
    "date": Bad('bar = "1Min"', 'start = "yesterday"', "feed.start is no ISO date"),
}  # fmt: skip
LIVE_MISTAKES = {
    "one login under two names": Bad("[[strategies]]", SAME_KEYS + "[[strategies]]", "have the same keys"),
    "keys that are missing": Bad("[[strategies]]", WITHOUT_KEYS + "[[strategies]]", "account two: ALPACA_NOBODY_PAPER_API_KEY"),
    "feed's keys": Bad('kind = "alpaca"', 'kind = "alpaca"\nlogin = "data"', "the feed: ALPACA_DATA_PAPER_API_KEY"),
    "path of a live feed": Bad('kind = "alpaca"', 'kind = "alpaca"\npath = "bars.csv"', "the feed is of kind alpaca, and path is for file and catalogue feeds"),
    "login's name": Bad('broker = "alpaca"', 'broker = "alpaca"\nlogin = "A B"', "small letters"),
    "live strategy's parameter": Bad('symbols = ["SPY"]', 'symbols = ["SPY"]\nparams = { fats = 2 }', "did you mean fast?"),
    "no rate, live": Bad("[alpaca]", '[instruments.SPY]\ncurrency = "EUR"\n[alpaca]', "no rate of it in USD"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with data, in which commands are typed."""
    (tmp_path / "bars.csv").write_text("symbol,ts,open,high,low,close,volume\n" + "\n".join(ROWS) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str) -> Path:
    Path("holdfast.toml").write_text(text)
    return Path("holdfast.toml")


def ended(command: Callable[[], int]) -> tuple[int, str]:
    """A command's exit status and the line that it ends with, as `holdfast` shows it."""
    try:
        return command(), ""
    except HoldfastError as error:
        return error.exit_status, " ".join(str(error).split())


def checked(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The check's exit status and its first failure."""
    capsys.readouterr()
    status = check(path, as_json=True)
    failed = (row["text"] for row in json.loads(capsys.readouterr().out)["checks"] if row["verdict"] == "fail")
    return status, next(failed, "")


def journals() -> list[Path]:
    """Every journal in the folder."""
    return list(Path().glob("*.db"))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_the_same_to_check_run_and_backtest(mistake: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Same status, same line; and no journal is made for it."""
    old, new, said = MISTAKES[mistake]
    assert old in GOOD
    path = write(GOOD.replace(old, new))
    ran = ended(lambda: run(path, None, None, stands_by=False, as_json=True))
    assert ran[0] == (1 if mistake == "no file" else 2)
    assert said in ran[1]
    assert "\n" not in ran[1]
    assert len(ran[1]) < 500
    assert checked(path, capsys) == ran
    assert ended(lambda: backtest(path, None, "-")) == ran
    assert not journals()


@pytest.mark.parametrize("mistake", LIVE_MISTAKES)
def test_a_mistake_about_a_broker_is_the_same_to_check_and_run(
    mistake: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the broker is asked anything; a backtest has no use for a login, and isn't asked."""
    old, new, said = LIVE_MISTAKES[mistake]
    assert old in LIVE
    path = write(LIVE.replace(old, new))
    ran = ended(lambda: run(path, None, None, stands_by=False, as_json=True))
    assert (ran[0], said in ran[1]) == (2, True), ran
    assert checked(path, capsys) == ran
    assert not journals()


def test_what_several_parts_need_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A calendar that isn't there is in the way of feeds and accounts too."""
    check(
        write(GOOD.replace('kind = "file"\npath = "bars.csv"', 'kind = "synthetic"').replace("24/7", "XNYX")),
        as_json=True,
    )
    texts = [row["text"] for row in json.loads(capsys.readouterr().out)["checks"] if row["verdict"] == "fail"]
    assert len([text for text in texts if "XNYX" in text]) == 1


def test_every_wrong_strategy_is_found_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A person mends them in one go; the status is that of the first."""
    second = GOOD.partition("[[strategies]]")[2].replace('"ema"', '"other"').replace("fast = 2", "slwo = 2")
    path = write(GOOD.replace("fast = 2", "fasst = 2") + "[[strategies]]" + second)
    assert check(path, as_json=True) == 2
    rows = json.loads(capsys.readouterr().out)["checks"]
    assert [row["text"][:15] for row in rows if row["verdict"] == "fail"] == ["strategy ema: E", "strategy other:"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('calendar = "24/7"', 'broker = "elsewhere"', "bound to broker"),
        ('name = "one"', 'name = "uno"', "rename-account one uno"),
        ('id = "ema"', 'id = "emma"', "rename-strategy ema emma"),
    ],
)
def test_what_is_recorded_otherwise_is_the_same_to_check_and_run(
    old: str, new: str, said: str, capsys: pytest.CaptureFixture[str], elsewhere: None
) -> None:
    """An account under another broker, account and strategy under other names: with a position, a start is refused."""
    (Path() / "buys.py").write_text(
        "from holdfast import Strategy\n\n\nclass Buys(Strategy):\n"
        "    def on_bar(self, context, bar):\n        context.target(bar.symbol, 1)\n"
    )
    good = GOOD.replace("holdfast.strategies:EmaCross", "buys:Buys").replace("params = { fast = 2, slow = 4 }", "")
    assert run(write(good), None, None, stands_by=False, as_json=True) == 0
    path = write(good.replace("one", new.split('"')[1]) if "name" in old else good.replace(old, new))
    ran = ended(lambda: run(path, None, None, stands_by=False, as_json=True))
    assert (ran[0], said in ran[1]) == (3, True), ran
    assert checked(path, capsys) == ran


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second broker on paper."""
    from holdfast.adapters import registry
    from holdfast.adapters.paper.adapter import PaperAdapter
    from holdfast.brokers.adapter import Adapter
    from holdfast.core.messages import BrokerName

    class Elsewhere(PaperAdapter):
        name = BrokerName("elsewhere")

    known = registry.load
    monkeypatch.setattr(registry, "load", lambda name: Elsewhere() if name == "elsewhere" else known(name))
    assert isinstance(registry.load("elsewhere"), Adapter)


def test_an_address_in_use_is_the_same_to_check_and_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Metrics can't be served where something else listens; where an engine of this journal runs, it may be that one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        path = write(f'[metrics]\nlisten = "127.0.0.1:{taken.getsockname()[1]}"\n{GOOD}')
        ran = ended(lambda: run(path, None, None, stands_by=False, as_json=True))
        assert ran[0] == 3
        assert checked(path, capsys) == ran
