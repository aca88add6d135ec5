"""Limits and sizing in the engine: from a signal to an order or a refusal, with real fills in between."""

from decimal import Decimal
from typing import Any

import pytest

from holdfast.core.exposure import worst_case
from holdfast.core.messages import (
    Action,
    Bar,
    OrderAdopted,
    OrderPrepared,
    OrderTerms,
    Quote,
    Report,
    Resume,
    RiskRefused,
)
from holdfast.core.milestones import Impaired
from holdfast.core.orders.order import OrderState
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.risk.limits import MarketHours, RiskLimits, StrategyLimits
from holdfast.core.risk.sizing import Method, Sizing
from holdfast.core.session.account import AccountState
from holdfast.core.session.causes import Cause
from holdfast.core.strategy.api import Context
from holdfast.core.types import ClientOrderId, Money, OrderType, Price, Quantity, Side, StrategyId
from holdfast.venue.settings import FillAt, VenueSettings
from tests.scenario.account import OFFICE_HOURS, Account, Script, Scripted, bar, minute

D = Decimal


def buy(symbol: str = "ABC", quantity: object = None, **terms: Any) -> Script:
    return lambda context, _: context.buy(symbol, quantity, **terms)  # type: ignore[arg-type]


def rules(account: Account) -> list[str]:
    return [body.rule for body in account.of(RiskRefused)]


def sizes(account: Account) -> list[Decimal]:
    return [body.terms.quantity for body in account.of(OrderPrepared)]


def sized_by(**sizing: Any) -> RiskLimits:
    return RiskLimits(sizing=Sizing(**sizing))


def test_a_size_by_the_distance_of_the_stop() -> None:
    """One percent of 100,000 over a distance of 4 are 250; without a stop there is no size, and the refusal says why."""
    limits = sized_by(method=Method.RISK_PER_TRADE, risk_pct=D(1))
    account = Account(Scripted({1: buy(stop_loss=96), 2: buy("XYZ")}), limits=limits)
    account.run(bar(1, 100.0), bar(1, 50.0, symbol="XYZ"))
    assert sizes(account)[0] == 250
    assert [(body.rule, body.text) for body in account.of(RiskRefused)] == [
        ("size", "risk_per_trade needs a stop_loss or a trail to measure the risk by")
    ]


@pytest.mark.parametrize(
    ("intent", "size"),
    [
        (lambda context, bar: context.sell(bar.symbol, stop_price=98, stop_loss=101), 333),  # 98 to 101
        (lambda context, bar: context.buy(bar.symbol, stop_price=102, stop_loss=99), 333),  # 102 to 99
        (lambda context, bar: context.sell(bar.symbol, stop_price=98, limit_price=96, stop_loss=100), 250),  # 96 to 100
        (
            lambda context, bar: context.buy(bar.symbol, stop_price=102, limit_price=104, stop_loss=100),
            250,
        ),  # 104 to 100
        (lambda context, bar: context.sell(bar.symbol, limit_price=101, stop_loss=105), 250),  # 101 to 105
    ],
)
def test_the_risk_of_a_size_is_measured_from_the_entry(intent: Script, size: int) -> None:
    """One percent of 100,000 over the way from where it gets in, at worst, to its stop. The market is at 100."""
    limits = sized_by(method=Method.RISK_PER_TRADE, risk_pct=D(1))
    assert sizes(Account(Scripted({1: intent}), limits=limits).closes(1, 100)) == [size]


def test_a_size_by_the_average_true_range() -> None:
    """Bars with a range of 2 each: 1 % of equity over twice that is 250; before there are enough of them there is no size."""
    limits = sized_by(method=Method.VOLATILITY_TARGET, bars=3, time_to_live_s=60.0)
    account = Account(Scripted({2: buy(), 5: buy()}), limits=limits)
    account.run(*[bar(number, 100.0, high=101.0, low=99.0) for number in range(1, 6)])
    assert rules(account) == ["size"]
    assert sizes(account) == [250]


def test_a_fraction_of_a_share_where_the_lot_says_so() -> None:
    """A tenth of equity at 30,000 is no whole share; with lots of 0.001 it is 0.333 of one."""
    assert sizes(Account(Scripted({1: buy()})).closes(1, 30_000)) == []
    assert sizes(Account(Scripted({1: buy()}), limits=sized_by(lot=D("0.001"))).closes(1, 30_000)) == [D("0.333")]


def test_a_crypto_pair_has_its_own_lots() -> None:
    """In a stock account too a pair is sized in millionths."""
    account = Account(Scripted({1: buy("BTC/USD")}), symbols=("BTC/USD",)).run(bar(1, 30_000.0, symbol="BTC/USD"))
    assert sizes(account) == [D("0.333333")]


def test_a_target_turns_round_at_its_size() -> None:
    """What is held on the other side is closed, and what opens beyond has the size of one signal."""
    script: dict[int, Script] = {
        1: buy("ABC", 30),
        2: lambda context, _: context.target("ABC", direction=Side.SELL, confidence=0.5),
    }
    account = Account(Scripted(script)).closes(1, 100, 100, 100)
    assert sizes(account) == [30, 80]
    assert account.position() == -50


def test_a_turn_that_a_limit_refuses_closes_first() -> None:
    """The whole of it is too large: what is held goes out at once, and the rest is refused when its turn comes."""
    limits = RiskLimits(max_position_value=Money(D(5_000)))
    script: dict[int, Script] = {1: buy("ABC", 30), 2: lambda context, _: context.sell("ABC", 90)}
    account = Account(Scripted(script), limits=limits).closes(1, 100, 100, 100)
    assert account.position() == 0
    assert rules(account) == ["position_value"]
    assert sizes(account) == [30, 30]


def test_volume_bounds_an_order() -> None:
    """A tenth of what the last two bars traded on average."""
    limits = RiskLimits(max_volume_pct=D(10), volume_bars=2)
    account = Account(Scripted({2: buy(), 3: buy("ABC", 151)}), limits=limits)
    for runner in account.state.host.runners.values():
        runner.keep_bars(2)
    account.run(bar(1, 10.0, volume=1000.0), bar(2, 10.0, volume=2000.0), bar(3, 10.0, volume=1000.0))
    assert sizes(account) == [150]
    assert rules(account) == ["volume_share"]


# --- strategies' own limits -------------------------------------------------------------------------------------------


def two_strategies(first: Script, second: Script, limits: StrategyLimits) -> Account:
    account = Account(Scripted({1: first, 2: first, 3: first}), Scripted({1: second, 2: second, 3: second}))
    account.state.strategy_limits[StrategyId("s0")] = limits
    return account


def test_a_strategy_s_limits_are_its_own() -> None:
    """One strategy may hold 2,000 of a symbol, the other as much as it likes; what the other holds doesn't count."""
    account = two_strategies(buy("ABC", 10), buy("ABC", 11), StrategyLimits(max_position_value=Money(D(2_000))))
    account.closes(1, 100, 100.01, 99.99)
    assert [(body.strategy, body.figure) for body in account.of(RiskRefused)] == [("s0", "2000.20")]
    assert [account.position("s0"), account.position("s1")] == [20, 33]


def test_a_strategy_that_lost_its_share_makes_no_entries_that_day() -> None:
    """Its loss is its own, in percent of the account's first equity; the account goes on, and so do reduce-only orders."""
    script: dict[int, Script] = {1: buy("ABC", 100), 3: buy("ABC", 1), 4: lambda context, _: context.close("ABC")}
    account = Account(Scripted(script), Scripted({3: buy("ABC", 5)}))
    account.state.strategy_limits[StrategyId("s0")] = StrategyLimits(daily_loss_pct=D(1))
    account.closes(1, 100, 90, 90, 90)
    assert [(body.strategy, body.rule) for body in account.of(RiskRefused)] == [("s0", "daily_loss")]
    assert "the day of strategy s0 has lost 1.00%" in account.of(RiskRefused)[0].text
    assert [account.position("s0"), account.position("s1")] == [0, 5]
    assert account.state.account_state is AccountState.IDLE


def test_a_strategy_s_orders_are_counted_by_the_minute() -> None:
    """Three entries in a minute, whether they live or have ended; a minute later there is room again."""

    def many(context: Context, _bar: Bar) -> None:
        for number in range(1, 6):
            context.buy("ABC", number)

    account = Account(Scripted({1: many, 2: buy("ABC", 9), 3: buy("ABC", 8)}))
    account.state.strategy_limits[StrategyId("s0")] = StrategyLimits(max_orders_per_minute=3)
    account.closes(1, 10, 10, 10)
    assert sizes(account) == [1, 2, 3, 9, 8]
    assert set(rules(account)) == {"order_rate"}


# --- the account's ----------------------------------------------------------------------------------------------------


def test_a_drawdown_ends_only_by_a_person() -> None:
    """Far enough below the peak nothing is entered, not on the next day either; a resume begins a new peak."""
    day = 24 * 60
    script: dict[int, Script] = {1: buy("ABC", 500), 4: buy("ABC", 1), 5: buy("ABC", 2), 6: buy("ABC", 3)}
    account = Account(Scripted(script), limits=RiskLimits(max_drawdown_pct=D(5)))
    account.run(bar(1, 100.0), bar(61, 110.0), bar(121, 99.0), bar(122, 99.0), bar(day + 5, 99.0))
    assert [body.cause for body in account.of(Impaired)] == [Cause.DRAWDOWN]
    assert rules(account) == ["drawdown", "account_state"]  # by the rule, and once that is looked at by the state
    assert not account.state.account_state.takes_risk
    account.ask(Resume("seen"), "r")
    account.run(bar(day + 6, 99.0))
    assert sizes(account)[-1] == 3
    assert account.state.account_state is AccountState.IDLE


def test_entries_wait_for_regular_hours() -> None:
    """Where entries belong to regular hours, one before the open is refused; crypto has no hours."""
    limits = RiskLimits(market_hours=MarketHours.REGULAR)
    script = {number: buy("ABC", number) for number in (1, 2)}
    account = Account(Scripted(script), limits=limits, calendar=OFFICE_HOURS)
    account.run(bar(8 * 60, 100.0), bar(9 * 60, 100.0))
    assert rules(account) == ["market_hours"]
    assert sizes(account) == [2]


@pytest.mark.parametrize(("limit_price", "refused"), [(99.0, False), (101.0, True), (None, True)])
def test_no_order_meets_one_of_our_own(limit_price: float | None, refused: bool) -> None:
    """A buy that could trade with a live sell of the same account is refused; a lower limit can't."""
    limits = RiskLimits(avoid_wash_trades=True)
    sell: Script = lambda context, _: context.sell("ABC", 5, limit_price=101)  # noqa: E731
    account = Account(Scripted({1: sell}), Scripted({2: buy("ABC", 5, limit_price=limit_price)}), limits=limits)
    account.closes(1, 100, 100)
    assert rules(account) == (["wash_trade"] if refused else [])


def test_the_collar_is_measured_from_the_quote() -> None:
    """The mark is the middle; a limit two dollars above it is one above the ask."""
    quote = Quote("ABC", minute(1) + 1, 99.0, 1.0, 101.0, 1.0)
    account = Account(limits=RiskLimits(price_collar_pct=D(1))).run(bar(1, 100.0), quote)
    for limit, refused in ((102, False), (103, True)):
        before = len(rules(account))
        account.place(Action.BUY, limit, limit_price=Price(D(limit)), order_type=OrderType.LIMIT)
        assert (len(rules(account)) > before) is refused


def test_data_that_has_aged_takes_no_entry() -> None:
    """A symbol whose last bar is older than allowed waits for the next; a bar of the same instant would have been known."""
    limits = RiskLimits(max_data_age_s=60.0)
    account = Account(Scripted({3: buy("XYZ", 1), 4: buy("XYZ", 2)}), limits=limits, stale_after_ns=10**15)
    account.run(bar(1, 50.0, symbol="XYZ"), bar(2, 100.0), bar(3, 100.0), bar(4, 50.0, symbol="XYZ"))
    assert [(body.rule, body.figure) for body in account.of(RiskRefused)] == [("stale_data", "120.0 s")]
    assert sizes(account) == [2]


def test_waiting_orders_count_as_positions() -> None:
    """The limit on symbols held counts those that an open order may still open."""
    limits = RiskLimits(max_positions=1)
    script: dict[int, Script] = {1: buy("ABC", 1, limit_price=50), 2: buy("XYZ", 1), 3: buy("ABC", 2, limit_price=40)}
    account = Account(Scripted(script), limits=limits, venue=VenueSettings(fill=FillAt.NEXT_OPEN))
    account.run(bar(1, 100.0), bar(2, 70.0, symbol="XYZ"), bar(3, 100.0))
    assert rules(account) == ["positions"]
    assert sizes(account) == [1, 2]


def test_somebody_else_s_order_for_an_amount_of_money_counts() -> None:
    """Its quantity is known only as it fills; until then its worth is exposure, and it ends with the order."""
    account = Account(limits=RiskLimits(max_position_value=Money(D(10_000)))).closes(1, 100)
    terms = OrderTerms(ClientOrderId("f1"), EXTERNAL, "ABC", Side.BUY, Quantity(D(0)), notional=Money(D(5_000)))
    account.take(Report(minute(1), OrderAdopted(terms, "b1")))
    assert worst_case(account.state, "ABC") == (D("50.5"), D(0))
    account.place(Action.BUY, 49)
    account.place(Action.BUY, 1)
    assert rules(account) == ["position_value"]
    order = account.state.orders.find(ClientOrderId("f1"))
    assert order is not None
    assert order.state is OrderState.SUBMITTED
