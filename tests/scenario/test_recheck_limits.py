"""No accepted order broke a limit, as an independent script finds that reads the journal alone; and the script has teeth."""

import json
import sqlite3
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest

from holdfast.calendars import trading_calendar
from holdfast.core.risk.limits import PROFILES, limits_of
from holdfast.feeds.generate import write_bars
from holdfast.feeds.synthetic import SyntheticFeed
from tests.budget import in_a_campaign
from tests.scenario.rechecked_runs import REAL, Data, configured, judged, run
from tools import recheck_limits, recheck_market

EVERYTHING = """max_position_value = "9000", max_net_pct = "70", max_gross_exposure = "40000", max_positions = 3,
 allow_short = false, cash_reserve = "15000", max_loss_streak = 30, correlation_groups = { pair = ["AVOR", "BRYX"] },
 max_group_pct = "25", min_confidence = "0.3", max_stop_pct = "5", min_stop_pct = "0.1", max_data_age_s = 400,
 max_open_orders = 12, max_orders_per_minute = 6, daily_loss_pct = "1.5", max_drawdown_pct = "4",
 max_positions_by_class = { stock = 4 }, max_position_pct = "90", max_gross_pct = "95", max_net_exposure = "45000",
 market_hours = "regular", avoid_wash_trades = true """.replace("\n", "")
OWN = '{ max_position_value = "6000", max_open_orders = 5, max_orders_per_minute = 4, daily_loss_pct = "0.5" }'


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hours and a half of a made-up market, as a file."""
    path = tmp_path_factory.mktemp("market") / "bars.parquet"
    feed = SyntheticFeed(5, trading_calendar("XNYS"), symbols=MADE_UP.symbols, days=1)
    write_bars(feed, path, 4 * 150)
    return path


MADE_UP = Data("", ("AVOR", "BRYX", "KORU", "TYNE"), "XNYS", 1.0, "", "")


def rules_of(found: recheck_limits.Recheck) -> set[str]:
    """The rules that were broken."""
    return {breach.finding.rule for breach in found.breaches}


@pytest.fixture(scope="module")
def loose(made_up: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with the default profile, on which stricter limits are broken."""
    folder = tmp_path_factory.mktemp("loose")
    file = configured(folder, made_up, MADE_UP, '{ profile = "default" }')
    run(file)
    return file


def test_no_order_of_a_made_up_market_breaks_the_default_profile(loose: Path) -> None:
    """Every order that risk let through, judged again: none is beyond a limit, and there were orders to judge."""
    found = recheck_limits.recheck(loose)
    assert found.breaches == []
    assert found.checked["buying_power"]


@pytest.mark.parametrize("profile", [in_a_campaign(name) for name in sorted(PROFILES.keys() - {"default"})])
def test_no_order_of_a_made_up_market_breaks_a_profile(made_up: Path, tmp_path: Path, profile: str) -> None:
    """The same of the others."""
    file = configured(tmp_path, made_up, MADE_UP, f'{{ profile = "{profile}" }}')
    run(file)
    found = recheck_limits.recheck(file)
    assert found.breaches == []
    assert found.checked["buying_power"]


def test_no_order_breaks_one_of_all_limits_together(made_up: Path, tmp_path: Path) -> None:
    """Every limit there is, set tight, and a strategy with limits of its own; nothing is checked that no test below breaks."""
    file = configured(tmp_path, made_up, MADE_UP, f"{{ {EVERYTHING} }}", own=OWN)
    run(file)
    found = recheck_limits.recheck(file)
    assert found.breaches == []
    for rule in ("cash_reserve", "group_exposure pair", "stale_data", "open_orders (strategy)"):
        assert found.checked[rule], rule
    seen_to_break = {rule for _, rule in [*STRICTER, *STRICTER_FOR_ONE]} | {rule for *_, rule in PLANTED}
    of_their_own = {"market_hours", "stale_data", "duplicate_intent"}  # tests of their own break these
    assert set(found.checked) - seen_to_break == of_their_own


EACH_TIME = ("us minutes", "india minutes")
"""What every run judges: minutes of two continents. A campaign adds quotes, trades and coins, and the other profiles."""
LEAST_JUDGED = 10
REFUSE = {
    "default": {"protection_side"},
    "conservative": {"position_pct", "wash_trade", "price_collar"},
    "prop-firm": {"position_pct", "wash_trade", "price_collar", "require_stop", "stop_distance", "size"},
}
"""Rules that stand in the way of something in each run: limits that nothing came near to would show little."""


@pytest.mark.parametrize(
    "profile",
    [pytest.param(name, marks=() if name == "default" else pytest.mark.campaign) for name in sorted(PROFILES)],
)
@pytest.mark.parametrize(
    "what", [pytest.param(what, marks=() if what in EACH_TIME else pytest.mark.campaign) for what in REAL]
)
def test_no_order_of_real_data_breaks_a_profile(shared_data: Path, tmp_path: Path, what: str, profile: str) -> None:
    """Real trades, quotes and minutes: enough was let through to judge, and enough stood in its way."""
    _, found = judged(tmp_path, shared_data, what, profile)
    assert found.breaches == []
    assert found.entries >= LEAST_JUDGED
    assert found.refused.keys() >= REFUSE[profile]


STRICTER = [
    ('max_position_value = "5000"', "position, max_position_value"),
    ('max_position_pct = "8"', "position, max_position_pct"),
    ('max_gross_exposure = "20000"', "gross exposure, max_gross_exposure"),
    ('max_gross_pct = "30"', "gross exposure, max_gross_pct"),
    ('max_net_exposure = "8000"', "net exposure, max_net_exposure"),
    ('max_net_pct = "20"', "net exposure, max_net_pct"),
    ('leverage = "0.5"', "buying_power"),
    ("max_positions = 2", "positions"),
    ("max_positions_by_class = { stock = 2 }", "positions_stock"),
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
    ('min_stop_pct = "0.5"', "min_stop_pct"),
    ('max_stop_pct = "0.5"', "max_stop_pct"),
    ("avoid_wash_trades = true", "wash_trade"),
]
STRICTER_FOR_ONE = [
    ('max_position_value = "3000"', "position, max_position_value (strategy)"),
    ('max_position_pct = "5"', "position, max_position_pct (strategy)"),
    ('max_gross_exposure = "8000"', "gross exposure, max_gross_exposure (strategy)"),
    ('max_gross_pct = "12"', "gross exposure, max_gross_pct (strategy)"),
    ('max_net_exposure = "3000"', "net exposure, max_net_exposure (strategy)"),
    ('max_net_pct = "5"', "net exposure, max_net_pct (strategy)"),
    ("max_positions = 1", "positions (strategy)"),
    ("max_positions_by_class = { stock = 1 }", "positions_stock (strategy)"),
    ("max_open_orders = 1", "open_orders (strategy)"),
    ("max_orders_per_minute = 1", "order_rate (strategy)"),
    ('daily_loss_pct = "0.01"', "daily_loss (strategy)"),
    ("max_loss_streak = 1", "loss_streak (strategy)"),
    ('min_confidence = "0.6"', "min_confidence"),
    ("require_stop = true", "require_stop"),
    ('min_stop_pct = "0.5"', "min_stop_pct"),
    ('max_stop_pct = "0.5"', "max_stop_pct"),
]


def judged_as(loose: Path, folder: Path, *changes: tuple[str, str]) -> set[str]:
    """The rules that the run broke, had it had another configuration."""
    text = loose.read_text().replace("journal.db", f"{loose.parent}/journal.db")
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    (folder / "holdfast.toml").write_text(text)
    return rules_of(recheck_limits.recheck(folder / "holdfast.toml"))


def together(limits: list[tuple[str, str]]) -> str:
    """All of them, as a configuration has them."""
    return ", ".join(limit for limit, _ in limits)


def test_limits_that_were_not_held_are_found(loose: Path, tmp_path: Path) -> None:
    """The same journal judged by limits that its engine did not have: each is broken, and nothing else."""
    broken = judged_as(loose, tmp_path, ('profile = "default"', together(STRICTER)))
    assert broken == {rule for _, rule in STRICTER}


def test_a_strategys_limits_that_were_not_held_are_found(loose: Path, tmp_path: Path) -> None:
    """Likewise, limits of the second strategy; and a share of equity where there was an amount."""
    own = ("risk = {}\nexits = { stop", f"risk = {{ {together(STRICTER_FOR_ONE)} }}\nexits = {{ stop")
    broken = judged_as(loose, tmp_path, own, ('profile = "default"', 'cash_reserve_pct = "60"'))
    assert broken == {rule for _, rule in STRICTER_FOR_ONE} | {"cash_reserve"}


def test_a_breach_is_shown_and_is_the_status(loose: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command ends with 0 where nothing is broken, with 1 where something is, and says which record broke what."""
    assert recheck_limits.main(["-c", str(loose)]) == 0
    stricter = loose.with_name("stricter.toml")
    stricter.write_text(loose.read_text().replace('profile = "default"', "max_positions = 2"))
    assert recheck_limits.main(["-c", str(stricter)]) == 1
    assert ": positions 3.0000 against 2.0000: " in capsys.readouterr().out


Body = dict[str, Any]


def times(number: int) -> Callable[[Body], None]:
    """Make the terms' quantity so many times as large."""

    def change(body: Body) -> None:
        body["terms"]["quantity"] = str(int(Fraction(body["terms"]["quantity"]) * number))

    return change


def wrong_stop(body: Body) -> None:
    """Put the stop-loss on the other side of the price."""
    price, stop = Fraction(body["reference_price"]), Fraction(body["terms"]["stop_loss"])
    body["terms"]["stop_loss"] = str(float(2 * price - stop))


ANOTHER_BODY = "UPDATE records SET body = ? WHERE sequence = ?"
PLANTED: list[tuple[str, str, Callable[[Body], object], str]] = [
    ("OrderPrepared", "", times(2), "approved"),
    ("RiskApproved", '"raises_risk":true', times(100), "buying_power"),
    ("RiskApproved", '"raises_risk":true', lambda body: body.update(raises_risk=False), "raises_risk"),
    ("RiskApproved", '"stop_loss"', wrong_stop, "protection_side"),
    ("AccountStateChanged", '"new":"IDLE"', lambda body: body.update(new="PRESERVATION"), "account_state"),
    ("PnlSnapshot", "", lambda body: body.update(cash=str(Fraction(body["cash"]) + 1)), "cash"),
]
"""Changes of one record: its type, what its text has, the change, and the rule that finds it."""


def planted(loose: Path, folder: Path, statement: str, *rows: tuple[object, ...]) -> set[str]:
    """The rules that the run breaks with another journal: the statement is carried out for each of the rows."""
    with sqlite3.connect(loose.parent / "journal.db") as source, sqlite3.connect(folder / "journal.db") as copy:
        source.backup(copy)
        assert copy.executemany(statement, rows or [()]).rowcount
        copy.commit()
    (folder / "holdfast.toml").write_text(loose.read_text())
    return rules_of(recheck_limits.recheck(folder / "holdfast.toml"))


@pytest.mark.parametrize(("kind", "has", "change", "rule"), PLANTED, ids=[rule for *_, rule in PLANTED])
def test_a_planted_record_is_found(
    loose: Path, tmp_path: Path, kind: str, has: str, change: Callable[[Body], object], rule: str
) -> None:
    """One record says something else than what happened."""
    last = "SELECT sequence, body FROM records WHERE type = ? AND instr(body, ?) ORDER BY sequence DESC LIMIT 1"
    with sqlite3.connect(loose.parent / "journal.db") as journal:
        sequence, text = journal.execute(last, (kind, has)).fetchone()
    body = json.loads(text)
    change(body)
    assert rule in planted(loose, tmp_path, ANOTHER_BODY, (json.dumps(body), sequence))


def test_a_repeated_order_is_found(loose: Path, tmp_path: Path) -> None:
    """What was approved right after an order was made had been the same order again."""
    rows: list[tuple[object, ...]] = []
    made: tuple[int, Body] | None = None
    for sequence, time_ns, kind, body, _ in recheck_limits.records(loose.parent / "journal.db", "one"):
        if kind == "OrderPrepared":
            made = time_ns, body["terms"]
        elif kind == "RiskApproved" and body["raises_risk"] and made is not None and made[0] == time_ns:
            key = body["terms"]["client_order_id"]
            rows.append((json.dumps({**body, "terms": {**made[1], "client_order_id": key}}), sequence))
    assert "duplicate_intent" in planted(loose, tmp_path, ANOTHER_BODY, *rows)


@pytest.mark.parametrize(
    ("limit", "rule"), [('market_hours = "regular"', "market_hours"), ("max_data_age_s = 60", "stale_data")]
)
def test_an_order_at_a_wrong_time_is_found(loose: Path, tmp_path: Path, limit: str, rule: str) -> None:
    """What was approved by day and in time, had it been approved twelve hours later."""
    day = loose.with_name("day.toml")
    day.write_text(loose.read_text().replace('profile = "default"', limit))
    assert rule not in rules_of(recheck_limits.recheck(day))
    later = "UPDATE records SET time_ns = time_ns + 43200000000000 WHERE type = 'RiskApproved'"
    assert rule in planted(day, tmp_path, later)


def test_day_trades_on_a_small_account_are_found(loose: Path, tmp_path: Path) -> None:
    """The rule is for less than 25,000: had the deposit been small, and the day one on which the rule was in force."""
    small = loose.with_name("small.toml")
    small.write_text(loose.read_text().replace('profile = "default"', "day_trade_rule = true"))
    assert "day_trades" not in rules_of(recheck_limits.recheck(small))
    deposit = (
        """UPDATE records SET body = replace(body, '"amount":"60000', '"amount":"20000') WHERE type = 'CashDeposited'"""
    )
    assert "day_trades" in planted(small, tmp_path, deposit)


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


@pytest.mark.parametrize(
    ("prices", "entry"),
    [
        ({"side": "sell", "stop_price": "98"}, 98),  # the market is at 100
        ({"side": "sell", "stop_price": "102"}, 100),
        ({"side": "sell", "stop_price": "98", "limit_price": "97"}, 97),
        ({"side": "buy", "stop_price": "102"}, 102),
    ],
)
def test_exits_are_judged_by_where_the_entry_trades(prices: dict[str, str], entry: int) -> None:
    """A short that is entered by a stop sells below the market; all others trade at the price they are judged by."""
    market = recheck_market.Market(None, None)
    market.filled["ABC"] = 1, Fraction(100)
    judge = recheck_limits.Judge(recheck_limits.Account(), market, {}, {})
    judged_by = max(Fraction(prices["stop_price"]), Fraction(100))
    assert judge.entries({"symbol": "ABC", **prices}, judged_by, 2) == [entry]
