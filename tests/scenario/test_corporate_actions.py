"""Splits and dividends from a file: what they make of positions, cash, orders, exits, histories and results."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from holdfast.assembly import build_feed
from holdfast.calendars import trading_calendar
from holdfast.cli.backtest import backtest
from holdfast.config import load_config
from holdfast.core.adjustments import CorporateAction
from holdfast.core.messages import FeedEvent, OrderFilled, OrderPrepared
from holdfast.core.strategy.api import Context
from holdfast.core.types import Money, OrderRole
from holdfast.errors import DataError
from holdfast.feeds.actions import read_actions
from tests.scenario.account import Account, Scripted, bar, minute

D = Decimal


def action(number: int, new: int = 1, old: int = 1, dividend: str = "0", symbol: str = "ABC") -> CorporateAction:
    """One just after the ``number``-th minute."""
    return CorporateAction(symbol, minute(number) + 1, "2023-11-14", new, old, Money(D(dividend)))


class Watching(Scripted):
    """Remembers what it is told of actions, and what it could see then."""

    def __init__(self, script: dict[int, Any]) -> None:
        super().__init__(script)
        self.told: list[tuple[CorporateAction, list[float], Decimal]] = []

    def on_corporate_action(self, context: Context, action: CorporateAction) -> None:
        closes = [known.close for known in context.history("ABC", 5)]
        self.told.append((action, closes, context.position("ABC").quantity))


def buy(quantity: object, **terms: Any) -> Any:
    return lambda context, _: context.buy("ABC", quantity, **terms)


def run(script: dict[int, Any], *events: FeedEvent) -> tuple[Account, Watching]:
    """An account over these events."""
    strategy = Watching(script)
    return Account(strategy).run(*events), strategy


def test_a_split_neither_gains_nor_loses() -> None:
    """A hundred at 645 are seven hundred at 92.14 2/7: the same money, the same cost, nothing realised."""
    account, _ = run({1: buy(100)}, bar(1, 645.0), action(1, 7), bar(2, 645 / 7))
    assert account.position() == 700
    assert abs(account.state.equity - 100_000) < D("0.0001")
    value = account.state.exposure.value(account.state)
    assert value.realised == 0
    assert account.state.portfolio.ledgers[account.order(1).terms.strategy, "ABC"].cost == 64_500


def test_a_reverse_split_pays_what_is_left_over_in_money() -> None:
    """1 for 20 of 1,015 is fifty and three quarters: fifty shares, and 0.75 of a share at 20 in cash."""
    account, _ = run({1: buy(1015)}, bar(1, 1.0), action(1, 1, 20), bar(2, 20.0))
    assert account.position() == 50
    assert account.state.portfolio.cash == 100_000 - 1015 + 15
    assert account.state.equity == 100_000


def test_fractions_stay_fractions() -> None:
    """Who holds a part of a share holds one after the split, and is paid nothing."""
    account, _ = run({1: buy("10.5")}, bar(1, 100.0), action(1, 3, 2), bar(2, 100 / 1.5))
    assert account.position() == D("15.75")
    assert account.state.portfolio.cash == 100_000 - 1050


def test_a_short_position_splits_and_owes_the_dividend() -> None:
    """Sold short: 50 become 100, and the dividend on the fifty is taken from the account."""
    account, _ = run(
        {1: lambda context, _: context.sell("ABC", 50)},
        bar(1, 100.0), action(1, dividend="2"), bar(2, 98.0), action(2, 2), bar(3, 49.0),
    )  # fmt: skip
    assert account.position() == -100
    assert account.state.portfolio.cash == 100_000 + 5_000 - 100
    assert account.state.equity == 100_000


def test_a_dividend_is_paid_on_what_is_held_before_the_day() -> None:
    """Bought before the ex-date it is paid, bought on it it is not; the fall by its amount is no loss."""
    account, _ = run({1: buy(100), 2: buy(7)}, bar(1, 100.0), action(1, dividend="1.50"), bar(2, 98.5))
    assert account.state.portfolio.realised == 150
    assert account.state.equity == 100_000


def test_the_day_of_a_dividend_begins_without_a_peak() -> None:
    """Between the payment and the first price of the day the share is worth less by it: no drawdown comes of that."""
    account, _ = run({1: buy(100)}, bar(1, 100.0), action(1, dividend="10"))
    assert account.state.equity == 100_000
    assert account.state.counters.peak_equity == 100_000


def test_a_stop_goes_with_a_split_and_is_not_reached_by_it() -> None:
    """Stop 600 of 100 becomes 85.71 of 700 before the first bar of the day, which does not reach it; the next one does."""
    account, _ = run({1: buy(100, stop_loss=600)}, bar(1, 645.0), action(1, 7), bar(2, 92.0, low=90.0))
    (leg,) = [order for order in account.state.orders.live.values() if order.terms.role is OrderRole.STOP_LOSS]
    assert leg.terms.stop_price == D("85.71")
    assert leg.terms.quantity == 700
    assert account.position() == 700
    account.run(bar(3, 85.0, opens=88.0))
    assert [fill.price for fill in account.of(OrderFilled)][-1] == D("85.71")
    assert account.position() == 0


def test_a_target_below_the_old_price_is_not_filled_at_it() -> None:
    """Target 700 becomes 100; the last price of before, 645, is no price for seven hundred shares."""
    account, _ = run({1: buy(100, take_profit=700)}, bar(1, 645.0), action(1, 7), bar(2, 92.0))
    assert account.position() == 700
    account.run(bar(3, 101.0, opens=99.0))
    assert [fill.price for fill in account.of(OrderFilled)][-1] == 100


def test_open_orders_are_canceled_at_a_split_and_stay_at_a_dividend() -> None:
    """A resting limit is for old shares at an old price."""
    rest = buy(10, limit_price=90, time_in_force="gtc")
    account, _ = run({1: rest}, bar(1, 100.0), action(1, dividend="1"), bar(2, 99.0))
    assert len(account.state.orders.live) == 1
    account.run(action(2, 2), bar(3, 49.5))
    assert account.order(1).state == "CANCELED"
    assert account.position() == 0
    assert account.state.orders.live == {}


def test_strategies_see_a_history_in_shares_of_today() -> None:
    """No bar of before looks like a crash, and who keeps prices of its own is told, with the position of after."""
    account, strategy = run({2: buy(10)}, bar(1, 98.0), bar(2, 100.0), action(2, 4), bar(3, 25.5))
    ((told, closes, quantity),) = strategy.told
    assert (told.new, closes, int(quantity)) == (4, [24.5, 25.0], 40)
    (runner,) = account.state.host.runners.values()
    assert [known.close for known in runner.history["ABC"]] == [24.5, 25.0, 25.5]
    assert [known.volume for known in runner.history["ABC"]] == [4000.0, 4000.0, 1000.0]


def test_two_strategies_each_keep_their_share() -> None:
    """Long 30 and short 10 in one symbol: each ledger splits, the account's line is their sum."""
    one, two = Scripted({1: buy(30)}), Scripted({1: lambda context, _: context.sell("ABC", 10)})
    account = Account(one, two).run(bar(1, 90.0), action(1, 3, dividend="1"), bar(2, 89 / 3))
    assert [int(account.position(owner)) for owner in ("s0", "s1")] == [90, -30]
    assert account.state.portfolio.quantity("ABC") == 60
    assert account.state.portfolio.realised == 20


def test_nothing_is_recorded_of_what_concerns_nobody() -> None:
    """A split of a symbol that is neither held nor ordered makes no record."""
    account, _ = run({}, bar(1, 100.0), action(1, 2), bar(2, 50.0))
    assert account.of(CorporateAction) == []
    assert account.of(OrderPrepared) == []


# --- whole runs ---------------------------------------------------------------------------------------------------------

STRATEGIES = """
from holdfast.core.strategy.api import Strategy

class Reinvest(Strategy):
    def on_bar(self, context, bar):
        shares = int(float(context.cash) / bar.close)
        if shares:
            context.buy(bar.symbol, shares)

class Once(Strategy):
    def on_bar(self, context, bar):
        if bar.close > 600 and not context.position(bar.symbol).quantity:
            context.buy(bar.symbol, 100, stop_loss=500)
"""


def configured(folder: Path, monkeypatch: pytest.MonkeyPatch, feed: str, strategy: str, symbol: str) -> Path:
    """A configuration with one strategy, whose orders fill at the close that it saw: what it could pay for then, it can pay for."""
    module = f"acting_{folder.name}"
    (folder / f"{module}.py").write_text(STRATEGIES)
    monkeypatch.syspath_prepend(str(folder))
    path = folder / "holdfast.toml"
    path.write_text(f"""
[feed]
{feed}
[venue]
fill = "close"
[[accounts]]
name = "a"
[[strategies]]
id = "s"
class = "{module}:{strategy}"
account = "a"
symbols = ["{symbol}"]
timeframe = "1Day"
""")
    return path


def result(config: Path) -> Any:
    assert backtest(config, None, str(config.with_name("result.json"))) == 0
    return json.loads(config.with_name("result.json").read_text())["accounts"][0]


def test_spy_with_its_dividends_returns_what_it_did(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1998 to March 2021, every dividend put back into shares: the product of the factors says +520 %; raw it is +307 %."""
    feed = f'path = "{shared_data / "us_daily.parquet"}"\nsymbols = ["SPY"]\n'
    raw = result(configured(tmp_path, monkeypatch, feed, "Reinvest", "SPY"))
    with_them = f'{feed}actions = "{shared_data / "us_factors.parquet"}"\n'
    whole = result(configured(tmp_path, monkeypatch, with_them, "Reinvest", "SPY"))
    assert float(raw["return_pct"]) == pytest.approx(307, abs=1)
    assert float(whole["return_pct"]) == pytest.approx(520, abs=3)


def test_seven_for_one_loses_nothing(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred AAPL with a stop over 9 June 2014 are seven hundred, still held; the stop at 500 is one at 71.43."""
    feed = f"""
path = "{shared_data / "us_daily.parquet"}"
symbols = ["AAPL"]
start = "2014-06-05"
end = "2014-06-12"
actions = "{shared_data / "us_factors.parquet"}"
"""
    found = result(configured(tmp_path, monkeypatch, feed, "Once", "AAPL"))
    assert [(row["symbol"], row["quantity"]) for row in found["positions"]] == [("AAPL", "700")]
    assert abs(float(found["return_pct"])) < 3


def test_a_file_of_ones_own_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ratios as people write them and dividends in money, at the start of the exchange's day; another file is other data."""
    (tmp_path / "bars.csv").write_text(
        "symbol,ts,open,high,low,close,volume\n"
        + "".join(
            f"X,2024-01-0{day}T05:00:00Z,{p},{p},{p},{p},1000\n" for day, p in [(2, 640), (3, 644), (4, 92), (5, 92)]
        )
    )
    (tmp_path / "actions.csv").write_text("symbol,ex_date,split,dividend\nX,2024-01-04,7:1,\nY,2024-01-05,1:20,0.5\n")
    config = configured(tmp_path, monkeypatch, 'path = "bars.csv"\nactions = "actions.csv"', "Once", "X")
    found = result(config)
    assert [(row["symbol"], row["quantity"]) for row in found["positions"]] == [("X", "700")]
    feed = build_feed(load_config(config))
    (known,) = [event for event in feed.events() if isinstance(event, CorporateAction)]
    assert (known.time_ns, known.new, known.old) == (1_704_344_400_000_000_001, 7, 1)
    before = feed.fingerprint()
    (tmp_path / "actions.csv").write_text("symbol,ex_date,split,dividend\nX,2024-01-04,7:2,\n")
    assert build_feed(load_config(config)).fingerprint() != before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("symbol,when\nX,2024-01-04\n", "need the columns symbol, ex_date and split or dividend"),
        ("symbol,ex_date,split\nX,2024-01-04,seven\n", "is no ratio of new to old shares"),
        ("symbol,ex_date,split\nX,2024-01-04,0:1\n", "is no ratio of new to old shares"),
        ("symbol,ex_date,dividend\nX,2024-01-04,-1\n", "dividend must be zero or above"),
        ("symbol,ex_date,dividend\nX,04.01.2024,1\n", "is no date; write 2014-06-09"),
        ("symbol,ex_date,dividend\nX,2024-01-04,1\nX,2024-01-04,2\n", "two rows for one ex-date"),
    ],
)
def test_what_can_not_be_meant_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """With the row and what to write."""
    path = tmp_path / "actions.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=said):
        read_actions(path, trading_calendar("XNYS"), ["X"])


def test_a_trail_goes_with_a_split() -> None:
    """A trail of 70 behind 645 is one of 10 behind 92.14 2/7: it neither fires at the split nor stays where it was."""
    account, _ = run({1: buy(100, trail_stop=70)}, bar(1, 645.0), action(1, 7), bar(2, 92.0, low=90.0), bar(3, 95.0))
    assert account.position() == 700
    account.run(bar(4, 80.0, opens=90.0))
    assert account.position() == 0
    assert D(82) <= [fill.price for fill in account.of(OrderFilled)][-1] <= D(85)
