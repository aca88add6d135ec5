"""The numbers of a trading day, each against another reckoning."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from holdfast.cli.session import Session
from holdfast.config import Config, load_config
from holdfast.core.adjustments import CashDeposited
from holdfast.core.messages import Action, OrderFilled, Report, RiskRefused
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.turn import Turn
from holdfast.core.types import MANUAL, Money
from holdfast.errors import InvalidValue
from holdfast.journal.reader import Reader
from holdfast.runtime.compose import open_engine
from holdfast.views.day import Day, day, trading_days
from holdfast.views.encode import as_json
from tests.scenario.account import Account, bar
from tests.scenario.kept import bust_of, kept, seen

CONFIG = """
[feed]
kind = "synthetic"
seed = 3
symbols = ["AVOR", "BRYX"]
days = 3
history_days = 0

[venue]
commission = { type = "per_share", rate = "0.005", minimum = "1" }
slippage_bps = 2

[[accounts]]
name = "house"
risk = { max_position_value = 1000 }

[[accounts]]
name = "idle"

[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
account = "house"
symbols = ["AVOR"]
params = { fast = 5, slow = 15, quantity = 4, allow_short = true }
exits = { stop_loss_pct = 0.2 }

[[strategies]]
id = "large"
class = "holdfast.strategies:EmaCross"
account = "house"
symbols = ["BRYX"]
params = { fast = 5, slow = 20, quantity = 10 }
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Three sessions that are over, with commissions, slippage, stops and refusals."""
    path = tmp_path_factory.mktemp("day") / "holdfast.toml"
    path.write_text(CONFIG)
    found = load_config(path)
    session = Session(found)
    with open_engine(found, session.watch) as engine:
        session.run(engine, None, session.news.clear)
    return found


@pytest.fixture
def reader(config: Config) -> Iterator[Reader]:
    """Its journal."""
    with Reader.open(config.journal.url) as opened:
        yield opened


class Raw:
    """What the journal's file says of one day, read without our reader: plain rows and JSON."""

    def __init__(self, config: Config, date: str) -> None:
        file = sqlite3.connect(config.journal.url.removeprefix("sqlite:///"))
        sql = "SELECT type, body FROM records WHERE account = 'house' ORDER BY sequence"
        self.before: list[tuple[str, Any]] = []
        self.during: list[tuple[str, Any]] = []
        self.after: list[tuple[str, Any]] = []
        now = self.before
        for kind, text in file.execute(sql):
            body = msgspec.json.decode(text)
            if kind == "TradingDayStarted":
                now = self.during if body["trading_day"] == date else self.after if self.during else self.before
            now.append((kind, body))
        file.close()

    def of(self, *kinds: str) -> list[Any]:
        return [body for kind, body in self.during if kind in kinds]


@pytest.fixture
def raw(config: Config, reader: Reader) -> Raw:
    """The second day, raw."""
    return Raw(config, trading_days(reader, "house")[1])


@pytest.fixture
def found(reader: Reader) -> Day:
    """The second day, as a view."""
    return day(reader, "house", trading_days(reader, "house")[1])


def dec(text: object) -> Decimal:
    return Decimal(str(text))


def test_orders_and_fills_are_counted(found: Day, raw: Raw) -> None:
    """As many as there are records of; bought and sold are the sums of quantity times price."""
    assert found.placed == len(raw.of("OrderPrepared")) > 10
    assert sum(found.orders.values()) == found.placed
    fills = raw.of("OrderFilled")
    assert found.fills == len(fills)
    sums = Counter[str]()
    for fill in fills:
        sums[fill["side"]] += dec(fill["quantity"]) * dec(fill["price"])  # type: ignore[assignment]
    assert seen(found.bought, found.sold) == (sums["buy"], sums["sell"])
    assert found.symbols == ["AVOR"]


def test_profit_adds_up_and_is_the_difference_of_two_worths(found: Day, raw: Raw) -> None:
    """Equity as the next day began less as this one did; realised and fees by the cash and costs of the day's own records."""
    assert found.pnl is not None
    starts = [body for kind, body in (*raw.during[:1], *raw.after[:1])]
    start, end = (dec(body["day_start_equity"]) for body in starts)
    pnl = found.pnl
    assert seen(pnl.start_equity, pnl.end_equity, pnl.total) == (start, end, end - start)
    assert pnl.total == pnl.realised + pnl.unrealised - pnl.fees
    assert pnl.fees == sum(dec(fill.get("fee", "0")) for fill in raw.of("OrderFilled")) > 0
    changes = [body for kind, body in (*raw.before, *raw.during) if kind == "PositionChanged"]
    booked = {(body["strategy"], body["symbol"]): dec(body["realised"]) for body in changes}
    earlier = [body for kind, body in raw.before if kind == "PositionChanged"]
    had = {(body["strategy"], body["symbol"]): dec(body["realised"]) for body in earlier}
    assert pnl.realised == sum(booked.values()) - sum(had.values())


def test_the_days_follow_each_other(reader: Reader) -> None:
    """What a day ends with is what the next begins with, so that their profits add up to all that was earned."""
    days = [day(reader, "house", date) for date in trading_days(reader, "house")]
    pnls = [each.pnl for each in days if each.pnl is not None]
    assert len(pnls) == 3
    assert [pnl.end_equity for pnl in pnls[:-1]] == [pnl.start_equity for pnl in pnls[1:]]
    assert [each.is_over for each in days] == [True, True, False]
    assert sum(pnl.total for pnl in pnls) == pnls[-1].end_equity - 100_000


def test_strategies_add_up_to_the_account(found: Day) -> None:
    """Of a day that is over; one that has never held anything is not among them."""
    assert found.pnl is not None
    assert sum(found.strategies.values()) == found.pnl.total
    assert found.strategies.keys() == {"ema"}


def test_slippage_is_against_what_risk_saw_and_the_stops(found: Day, raw: Raw) -> None:
    """Of market orders the price that they were judged at, of stops their own price; worse is above zero."""
    meant = {}
    for body in (*[body for kind, body in raw.before if kind == "RiskApproved"], *raw.of("RiskApproved")):
        terms = body["terms"]
        kind = terms.get("order_type", "market")
        if kind in ("market", "stop"):
            meant[terms["client_order_id"]] = dec(body["reference_price"] if kind == "market" else terms["stop_price"])
    cost = worth = Decimal(0)
    for fill in raw.of("OrderFilled"):
        at = meant[fill["client_order_id"]]
        worse = dec(fill["price"]) - at if fill["side"] == "buy" else at - dec(fill["price"])
        cost += worse * dec(fill["quantity"])
        worth += at * dec(fill["quantity"])
    assert found.slippage.fills == found.fills
    assert found.slippage.amount == cost > 0
    assert found.slippage.bps == round(cost / worth * 10_000, 4)


def test_refusals_are_by_rule(config: Config, reader: Reader) -> None:
    """The largest position that is allowed bars the larger strategy; as many as were recorded, with the last one's words."""
    date = trading_days(reader, "house")[0]
    said = [(body["rule"], body["text"]) for body in Raw(config, date).of("RiskRefused")]
    found = day(reader, "house", date).refused
    assert {each.why: (each.count, each.text) for each in found} == {
        rule: (count, dict(said)[rule]) for rule, count in Counter(rule for rule, _ in said).items()
    }
    assert found[0].why == "position_value"


def test_trades_are_those_that_ended_on_the_day(found: Day, raw: Raw) -> None:
    """By how often the position was zero again or turned round, in the records of positions."""
    held, ended = Decimal(0), 0
    for kind, body in (*raw.before, *raw.during):
        if kind == "TradingDayStarted":
            ended = 0
        if kind == "PositionChanged":
            now = dec(body["quantity"])
            ended += bool(held) and held * now <= 0
            held = now
    assert found.trades.count == ended > 5
    assert found.trades.wins + found.trades.losses <= found.trades.count
    assert found.trades.worst is not None
    assert found.trades.best is not None
    assert found.trades.worst < 0 < found.trades.best


def test_a_day_without_anything_says_so(reader: Reader) -> None:
    """An account whose market was seen and that did nothing has zeros, and its worth."""
    found = day(reader, "idle")
    assert seen(found.placed, found.fills, found.refused, found.trades.count) == (0, 0, [], 0)
    assert found.slippage.bps is None
    assert found.pnl is not None
    assert found.pnl.total == 0


def test_json_has_everything(found: Day) -> None:
    """Numbers as text, times as people write them."""
    shown = as_json(found)
    assert shown["pnl"]["total"] == str(found.pnl.total.normalize() if found.pnl else "")
    assert shown["began"].endswith("Z")
    assert shown["trades"]["count"] == found.trades.count


def test_a_date_without_records_names_the_nearest(reader: Reader) -> None:
    """And what is no date is told how one is written."""
    with pytest.raises(
        InvalidValue, match=r"house has no records of the trading day 2024-01-01; the nearest is 2024-01-0"
    ):
        day(reader, "house", "2024-01-01")
    with pytest.raises(InvalidValue, match=r"'yesterday' is no date; write it as 2024-01-0"):
        day(reader, "house", "yesterday")
    with pytest.raises(InvalidValue, match="no account 'hause'"):
        day(reader, "hause")


# --- stories ----------------------------------------------------------------------------------------------------------


def today(account: Account, folder: Path) -> Day:
    with kept(account, folder) as reader:
        return day(reader, "main")


def test_an_execution_that_was_undone_the_same_day_is_no_fill(tmp_path: Path) -> None:
    """It is an incident, nothing was bought, and nothing was earned or slipped."""
    account = Account().run(bar(1, 100.0))
    account.place(Action.BUY, 10)
    (fill,) = account.of(OrderFilled)
    account.take(Report(account.state.now_ns, bust_of(fill)))
    found = today(account, tmp_path)
    assert seen(found.fills, found.bought, found.slippage.fills) == (0, 0, 0)
    assert found.pnl is not None
    assert found.pnl.total == 0
    assert found.incidents["undone execution"] == 1
    assert [each.kind for each in found.latest_incidents] == ["undone execution"]
    assert "erroneous" in found.latest_incidents[0].text


def test_money_that_was_paid_in_is_no_profit(tmp_path: Path) -> None:
    """It counts as if it had been there as the day began."""
    account = Account().run(bar(1, 100.0))
    account.place(Action.BUY, 10)
    turn = Turn(account.state)
    turn.record(CashDeposited(Money(Decimal(5_000)), "more"))
    account._work(turn)
    account.run(bar(61, 101.0), bar(121, 101.0))
    found = today(account, tmp_path)
    assert found.pnl is not None
    assert found.pnl.start_equity == 105_000
    assert seen(found.pnl.total, found.pnl.unrealised) == (10, 10)


def test_refusals_of_a_story_have_their_words(tmp_path: Path) -> None:
    """The rule, how often, and what was said."""
    account = Account(limits=RiskLimits(max_position_value=Money(Decimal(500)))).run(bar(1, 100.0))
    for _ in range(3):
        account.place(Action.BUY, 10)
    (refused,) = today(account, tmp_path).refused
    assert (refused.why, refused.count) == (account.of(RiskRefused)[0].rule, 3)
    assert refused.text == account.of(RiskRefused)[-1].text


def test_strategy_of_a_person_is_told_too(tmp_path: Path) -> None:
    """What a person has traded is under ``manual``."""
    account = Account().run(bar(1, 100.0))
    account.place(Action.BUY, 10)
    account.run(bar(61, 101.0), bar(121, 101.0))
    assert today(account, tmp_path).strategies == {MANUAL: 10}
