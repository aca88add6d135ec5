"""No accepted order broke a limit, as an independent script finds that reads the journal alone; and the script has teeth."""

import asyncio
import json
import sqlite3
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest

from holdfast.calendars import trading_calendar
from holdfast.config import load_config
from holdfast.core.risk.limits import PROFILES, limits_of
from holdfast.feeds.generate import write_bars
from holdfast.feeds.synthetic import SyntheticFeed
from holdfast.runtime.compose import open_engine
from tools import recheck_limits

EVERYTHING = """max_position_value = "9000", max_net_pct = "70", max_gross_exposure = "40000", max_positions = 3,
 allow_short = false, cash_reserve = "15000", max_loss_streak = 30, correlation_groups = { pair = ["AVOR", "BRYX"] },
 max_group_pct = "25", min_confidence = "0.3", max_stop_pct = "5", min_stop_pct = "0.1", max_data_age_s = 400,
 max_open_orders = 12, max_orders_per_minute = 6, daily_loss_pct = "1.5", max_drawdown_pct = "4" """.replace("\n", "")
OWN = '{ max_position_value = "6000", max_open_orders = 5, max_orders_per_minute = 4, daily_loss_pct = "0.5" }'

REAL = {
    "us minutes": ("us_minute_trades", ["SPY", "IBM", "AIG", "BAC"], "XNYS", 1.0, "2013-10-07T14:30:00Z"),
    "us ticks, IBM": ("us_tick_trades_ibm", ["IBM"], "XNYS", 1.0, "2013-10-07T13:45:00Z"),
    "us ticks, SPY": ("us_tick_trades_spy", ["SPY"], "XNYS", 1.0, "2013-10-08T13:34:00Z"),
    "us quotes, IBM": ("us_tick_quotes_ibm", ["IBM"], "XNYS", 1.0, "2013-10-07T13:33:00Z"),
    "crypto minutes": ("crypto_minute", ["BTCUSD", "ETHUSD"], "24/7", 0.05, "2016-10-07T08:00:00Z"),
    "india minutes": ("india_minute", ["YESBANK", "JUNIORBEES"], "XBOM", 5.0, "2019-01-02T00:00:00Z"),
}


def configured(
    folder: Path, data: Path, symbols: list[str], calendar: str, unit: float, risk: str, *, end: str | None = None,
    own: str = "{}",
) -> Path:  # fmt: skip
    """A configuration file with two strategies that push and one that ships, on an exchange with costs and delays."""
    strategies = [
        ("pushing", "tests.scenario.pushing:Pushing", f"{{ seed = 3, unit = {unit} }}", "{}"),
        ("second", "tests.scenario.pushing:Pushing", f"{{ seed = 4, unit = {unit} }}", own),
        (
            "reverts",
            "holdfast.strategies:MeanReversion",
            f'{{ window = 8, entry = 0.8, quantity = "{unit * 10}", allow_short = true, stop_pct = 0.5 }}',
            "{}",
        ),
    ]
    text = f"""
[journal]
url = "sqlite:///journal.db"
[feed]
path = "{data}"
symbols = {json.dumps(symbols)}
{f'end = "{end}"' if end else ""}
[venue]
fill = "next_open"
slippage_bps = 2
volume_share = "0.3"
latency_ms = 200
[[accounts]]
name = "one"
cash = 60000
calendar = "{calendar}"
risk = {risk}
"""
    for name, path, params, limits in strategies:
        text += f"""
[[strategies]]
id = "{name}"
class = "{path}"
account = "one"
symbols = {json.dumps(symbols)}
timeframe = "1Min"
params = {params}
risk = {limits}
"""
    file = folder / "holdfast.toml"
    file.write_text(text)
    return file


def run(file: Path) -> None:
    """The whole engine on paper, to the end of the data."""
    with open_engine(load_config(file)) as engine:
        asyncio.run(engine.loop.run())


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hours and a half of a made-up market, as a file."""
    path = tmp_path_factory.mktemp("market") / "bars.parquet"
    feed = SyntheticFeed(5, trading_calendar("XNYS"), symbols=["AVOR", "BRYX", "KORU", "TYNE"], days=1)
    write_bars(feed, path, 4 * 150)
    return path


SYMBOLS = ["AVOR", "BRYX", "KORU", "TYNE"]


def rules_of(found: recheck_limits.Recheck) -> set[str]:
    """The rules that were broken."""
    return {breach.finding.rule for breach in found.breaches}


@pytest.mark.slow
@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_no_order_of_a_made_up_market_breaks_a_profile(made_up: Path, tmp_path: Path, profile: str) -> None:
    """Every order that risk let through, judged again: none is beyond a limit, and there were orders to judge."""
    file = configured(tmp_path, made_up, SYMBOLS, "XNYS", 1.0, f'{{ profile = "{profile}" }}')
    run(file)
    found = recheck_limits.recheck(file)
    assert found.breaches == []
    assert found.checked["buying_power"]
    assert recheck_limits.main(["-c", str(file)]) == 0


@pytest.mark.slow
def test_no_order_breaks_one_of_all_limits_together(made_up: Path, tmp_path: Path) -> None:
    """Every limit there is, set tight, and a strategy with limits of its own."""
    file = configured(tmp_path, made_up, SYMBOLS, "XNYS", 1.0, f"{{ {EVERYTHING} }}", own=OWN)
    run(file)
    found = recheck_limits.recheck(file)
    assert found.breaches == []
    for rule in ("cash_reserve", "group_exposure pair", "stale_data", "open_orders (strategy)"):
        assert found.checked[rule], rule


@pytest.mark.slow
@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("what", REAL)
def test_no_order_of_real_data_breaks_a_profile(shared_data: Path, tmp_path: Path, what: str, profile: str) -> None:
    """Real ticks, quotes and minutes of three continents."""
    name, symbols, calendar, unit, end = REAL[what]
    data = shared_data / f"{name}.parquet"
    file = configured(tmp_path, data, symbols, calendar, unit, f'{{ profile = "{profile}" }}', end=end)
    run(file)
    found = recheck_limits.recheck(file)
    assert found.breaches == []
    assert found.orders


@pytest.fixture(scope="module")
def loose(made_up: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with the default profile, on which stricter limits are broken."""
    folder = tmp_path_factory.mktemp("loose")
    file = configured(folder, made_up, SYMBOLS, "XNYS", 1.0, '{ profile = "default" }')
    run(file)
    return file


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limit", "rule"),
    [
        ('max_position_value = "5000"', "position, max_position_value"),
        ('max_position_pct = "8"', "position, max_position_pct"),
        ('max_gross_exposure = "20000"', "gross exposure, max_gross_exposure"),
        ('max_gross_pct = "30"', "gross exposure, max_gross_pct"),
        ('max_net_pct = "20"', "net exposure, max_net_pct"),
        ('leverage = "0.5"', "buying_power"),
        ("max_positions = 2", "positions"),
        ("max_open_orders = 4", "open_orders"),
        ("max_orders_per_minute = 3", "order_rate"),
        ('price_collar_pct = "0.05"', "price_collar"),
        ('daily_loss_pct = "0.05"', "daily_loss"),
        ('max_drawdown_pct = "0.1"', "drawdown"),
        ("max_loss_streak = 2", "loss_streak"),
        ("allow_short = false", "short_sale"),
        ('cash_reserve = "40000"', "cash_reserve"),
        ('correlation_groups = { pair = ["AVOR", "BRYX"] }, max_group_pct = "10"', "group_exposure pair"),
        ('min_confidence = "0.6"', "min_confidence"),
        ("require_stop = true", "require_stop"),
        ('max_stop_pct = "0.5"', "max_stop_pct"),
        ("avoid_wash_trades = true", "wash_trade"),
    ],
)
def test_a_limit_that_was_not_held_is_found(
    loose: Path, tmp_path: Path, limit: str, rule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same journal judged by one limit that its engine did not have: that limit is broken, and the status is 1."""
    text = loose.read_text().replace('profile = "default"', limit).replace("journal.db", f"{loose.parent}/journal.db")
    (tmp_path / "holdfast.toml").write_text(text)
    assert recheck_limits.main(["-c", str(tmp_path / "holdfast.toml")]) == 1
    assert f": {rule} " in capsys.readouterr().out
    assert rule in rules_of(recheck_limits.recheck(tmp_path / "holdfast.toml"))


@pytest.mark.slow
def test_a_planted_order_is_found(loose: Path, tmp_path: Path) -> None:
    """One order's quantity is another in the journal than what was approved, one's approval a hundred times as large."""
    journal = tmp_path / "journal.db"
    with sqlite3.connect(loose.parent / "journal.db") as source, sqlite3.connect(journal) as copy:
        source.backup(copy)
        for kind, factor in (("OrderPrepared", 2), ("RiskApproved", 100)):
            rows = copy.execute("SELECT sequence, body FROM records WHERE type = ? ORDER BY sequence DESC", (kind,))
            sequence, text = next(row for row in rows if '"raises_risk":true' in row[1] or kind == "OrderPrepared")
            body: dict[str, Any] = json.loads(text)
            body["terms"]["quantity"] = str(int(Fraction(body["terms"]["quantity"]) * factor))
            copy.execute("UPDATE records SET body = ? WHERE sequence = ?", (json.dumps(body), sequence))
        copy.commit()
    (tmp_path / "holdfast.toml").write_text(loose.read_text())
    assert {"approved", "buying_power"} <= rules_of(recheck_limits.recheck(tmp_path / "holdfast.toml"))


def test_the_script_knows_the_profiles_as_they_are() -> None:
    """Its own table of the profiles says what the engine's does: the values are the same, and nothing is left out."""
    assert set(recheck_limits.PROFILES) == set(PROFILES)
    for name in PROFILES:
        ours = {**recheck_limits.DEFAULT, **recheck_limits.PROFILES[name]}
        engine = msgspec.to_builtins(limits_of(name))
        left_out = {"sizing", "volume_bars"}
        for field, value in engine.items():
            if field not in left_out and (field in ours or value not in (None, {}, True, False, "any")):
                known = ours[field]
                same = (
                    known == value
                    if isinstance(value, bool) or value == "regular"
                    else Fraction(str(known)) == Fraction(str(value))
                )
                assert same, f"{name}: {field} is {known} here and {value} there"


def test_the_script_shares_nothing_with_the_engine() -> None:
    """It imports nothing of ours."""
    text = Path(recheck_limits.__file__ or "").read_text(encoding="utf-8")
    assert "import holdfast" not in text
    assert "from holdfast" not in text
