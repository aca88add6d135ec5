# mypy: disable-error-code="comparison-overlap", no-warn-unreachable
# (quantities are compared with plain numbers)
"""Protection that fits the broker: what it would not hold is refused before anything is bought, and the rest is asked for as it holds it."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from holdfast.adapters.alpaca.trading.capability import ALPACA_RULES
from holdfast.core import snapshot
from holdfast.core.broker_rules import STOP_LIMIT_PCT
from holdfast.core.instruments import CRYPTO, US_EQUITY
from holdfast.core.messages import OrderExpired, OrderFilled, OrderPrepared, OrderTerms, Protect, RiskRefused
from holdfast.core.protection.policy import PASSED_NS, ProtectionPolicy
from holdfast.core.protection.records import (
    OnFailure,
    PositionClosing,
    ProtectionComplete,
    ProtectionFailed,
    StopMoved,
    StopPassed,
)
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.risk.sizing import Method, Sizing
from holdfast.core.state import apply
from holdfast.core.types import DAY_NS, SECOND_NS, OrderRole, OrderType, TimeInForce
from holdfast.venue.settings import VenueSettings
from tests.scenario.account import Account, Scripted, bar, new_state, price
from tests.scenario.test_engine_protection import STOP, TARGET, Picky, legs, live
from tests.scenario.test_engine_protection_failure import beats

D = Decimal
COIN = "BTC/USD"
BOTH: dict[str, Any] = {"stop_loss": 90, "take_profit": 120}
DAY, GTC = TimeInForce.DAY, TimeInForce.GTC


def not_held(terms: OrderTerms) -> bool:
    """What Alpaca refuses of exits (facts: fractions are simple day orders; crypto is stop-limit and limit, simple, until canceled)."""
    if terms.role is OrderRole.REGULAR:
        return False
    if "/" in terms.symbol:
        return terms.oco_group is not None or terms.order_type is OrderType.STOP or terms.time_in_force is not GTC
    return bool(terms.quantity % 1) and (terms.oco_group is not None or terms.time_in_force is not DAY)


def buys(quantity: object = None, symbol: str = "ABC", **terms: Any) -> Callable[..., None]:
    return lambda context, _: context.buy(symbol, quantity, **terms)


def sells(quantity: object, symbol: str = "ABC") -> Callable[..., None]:
    return lambda context, _: context.sell(symbol, quantity)


def account_at_alpaca(script: dict[int, Any], symbol: str = "ABC", **more: Any) -> Account:
    """An account whose broker takes what Alpaca takes, and whose exchange refuses exits as Alpaca does."""
    return Account(Scripted(script), rules=ALPACA_RULES, exchange=Picky(not_held), symbols=(symbol,), **more)


def refusals(account: Account) -> list[tuple[str, str, str]]:
    return [(body.rule, body.figure, body.limit) for body in account.of(RiskRefused)]


def exits(account: Account) -> list[tuple[OrderRole, Decimal, TimeInForce]]:
    """The protective orders at work, how much each would close, and for how long it is there."""
    return [
        (leg.terms.role, leg.remaining, leg.terms.time_in_force)
        for leg in live(account)
        if leg.terms.role is not OrderRole.REGULAR
    ]


# --- fractions of a share ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("terms", "role"), [({"stop_loss": 90}, STOP), ({"take_profit": 120}, TARGET)])
def test_one_exit_of_a_fraction_is_a_day_order_that_is_there_again_the_next_day(terms: Any, role: OrderRole) -> None:
    """The broker ends it with the day; it is placed anew at once, and nothing fails."""
    account = account_at_alpaca({1: buys(10.5, **terms)}).closes(1, 100, 101)
    assert exits(account) == [(role, D("10.5"), DAY)]
    for day in (1, 2, 3):
        account.run(bar(day * DAY_NS // (60 * SECOND_NS) + 1, 100.0))
        assert exits(account) == [(role, D("10.5"), DAY)]
        assert len(account.of(OrderExpired)) == day
    assert account.of(ProtectionFailed) == []
    assert len(account.of(ProtectionComplete)) == 4


@pytest.mark.parametrize("quantity", [10.5, 0.25])
def test_both_exits_of_a_fraction_are_refused_before_anything_is_bought(quantity: float) -> None:
    """The refusal names the rule, what would be held, and what may be; whole shares pass."""
    account = account_at_alpaca({1: buys(quantity, **BOTH), 2: buys(10, **BOTH)}).closes(1, 100)
    assert refusals(account) == [("protectable", str(quantity), "multiples of 1")]
    assert account.of(OrderPrepared) == []
    account.closes(2, 100)
    assert exits(account) == [(STOP, 10, GTC), (TARGET, 10, GTC)]


def test_a_trailing_stop_or_a_break_even_counts_as_a_stop() -> None:
    """Each will need a stop beside the target."""
    script = {1: buys(1.5, take_profit=120, trail_stop=5), 2: buys(2.5, take_profit=120, break_even_at=110)}
    account = account_at_alpaca(script).closes(1, 100, 100)
    assert [rule for rule, _, _ in refusals(account)] == ["protectable", "protectable"]


def test_it_is_the_position_that_has_to_be_whole() -> None:
    """Half a share that is held already counts: what makes it whole may have both exits, and what doesn't may not."""
    account = account_at_alpaca({1: buys(0.5), 2: buys(10, **BOTH), 3: buys(9.5, **BOTH)}).closes(1, 100, 100)
    assert refusals(account) == [("protectable", "10.5", "multiples of 1")]
    account.closes(3, 100)
    assert exits(account) == [(STOP, 10, GTC), (TARGET, 10, GTC)]


@pytest.mark.parametrize(("terms", "quantity"), [(BOTH, D(12)), ({"stop_loss": 90}, D("12.345")), ({}, D("12.345"))])
def test_a_size_left_to_risk_is_one_whose_exits_are_held(terms: Any, quantity: Decimal) -> None:
    """Where the strategy's lot is a thousandth, a size with both exits is whole shares; without them it is as fine as asked for."""
    sizing = Sizing(method=Method.FIXED_QUANTITY, quantity=D("12.3456"), lot=D("0.001"))
    account = account_at_alpaca({1: buys(**terms)}, limits=RiskLimits(sizing=sizing)).closes(1, 100)
    assert account.position() == quantity
    assert account.of(RiskRefused) == []


def test_a_size_below_one_share_with_both_exits_is_refused() -> None:
    """Sizing says so itself: nothing is sized that validation then refuses."""
    sizing = Sizing(method=Method.FIXED_QUANTITY, quantity=D("0.7"), lot=D("0.001"))
    account = account_at_alpaca({1: buys(**BOTH)}, limits=RiskLimits(sizing=sizing)).closes(1, 100)
    assert [rule for rule, _, _ in refusals(account)] == ["size"]


def test_a_sale_that_leaves_a_fraction_leaves_it_with_the_stop_alone() -> None:
    """A reduce-only order is never refused. What stays can't have both exits, so it has the stop; whole again, it has both again."""
    script = {1: buys(5, **BOTH), 2: sells(2.5), 3: buys(0.5)}
    account = account_at_alpaca(script).closes(1, 100)
    assert exits(account) == [(STOP, 5, GTC), (TARGET, 5, GTC)]
    account.closes(2, 100)
    assert exits(account) == [(STOP, D("2.5"), DAY)]
    account.closes(3, 100)
    assert exits(account) == [(STOP, 3, GTC), (TARGET, 3, GTC)]
    assert (account.of(ProtectionFailed), account.of(PositionClosing)) == ([], [])


# --- crypto -----------------------------------------------------------------------------------------------------------


def coin_account(script: dict[int, Any], **more: Any) -> Account:
    return account_at_alpaca(script, COIN, instrument=CRYPTO, **more)


def coins(account: Account, first: int, *closes: float) -> Account:
    return account.closes(first, *closes, symbol=COIN)


def test_a_stop_for_a_coin_is_a_stop_limit_some_percent_beyond() -> None:
    """It works until canceled, its limit stands on the tick, and all is covered with it."""
    account = coins(coin_account({1: buys(2.5, COIN, stop_loss="90.123456789")}), 1, 100)
    (stop,) = live(account)
    terms = stop.terms
    assert (terms.order_type, terms.time_in_force, terms.quantity) == (OrderType.STOP_LIMIT, GTC, D("2.5"))
    assert (terms.stop_price, terms.limit_price) == (D("90.123456789"), D("85.617283949"))
    assert STOP_LIMIT_PCT == 5
    assert len(account.of(ProtectionComplete)) == 1
    coins(account, 2, 89)
    assert account.position(symbol=COIN) == 0


def test_a_target_for_a_coin_is_a_limit() -> None:
    """It is the one exit, so there is nothing to link."""
    account = coins(coin_account({1: buys(2.5, COIN, take_profit=120)}), 1, 100)
    assert exits(account) == [(TARGET, D("2.5"), GTC)]


@pytest.mark.parametrize("stop", [{"stop_loss": 90}, {"trail_stop": 5}, {"break_even_at": 110}])
@pytest.mark.parametrize("quantity", [2, 2.5, None])
def test_both_exits_of_a_coin_are_refused_before_anything_is_bought(stop: Any, quantity: Any) -> None:
    """The refusal says what to ask for instead, whatever the size and whoever chooses it."""
    account = coins(coin_account({1: buys(quantity, COIN, take_profit=120, **stop)}), 1, 100)
    (refused,) = account.of(RiskRefused)
    assert (refused.rule, refused.figure, refused.limit) == ("protectable", "stop-loss and take-profit", "one of them")
    assert "ask for the stop alone" in refused.text
    assert account.of(OrderPrepared) == []


def test_a_coins_stop_trails() -> None:
    """It moves with the market, and its limit with it."""
    account = coins(coin_account({1: buys(1, COIN, trail_stop=10)}), 1, 100, 120)
    assert [move.stop_loss for move in account.of(StopMoved)] == [110]
    (stop,) = live(account)
    assert (stop.terms.stop_price, stop.terms.limit_price) == (110, D("104.5"))


# --- a market that jumps over the limit -------------------------------------------------------------------------------


def jumped(on_failure: OnFailure, to: float = 80) -> Account:
    """A coin with a stop at 90 and its limit at 85.5, and a market that opens beyond both."""
    account = coins(coin_account({1: buys(2, COIN, stop_loss=90)}), 1, 100)
    account.state.protection = ProtectionPolicy(on_failure)
    return account.run(bar(2, to, symbol=COIN))


def test_a_limit_that_the_market_has_passed_is_a_failure_after_some_seconds() -> None:
    """The stop has fired and can't fill: after five seconds the position is closed at the market."""
    account = jumped(OnFailure.FLATTEN)
    assert [passed.limit for passed in account.of(StopPassed)] == [D("85.5")]
    beats(account, PASSED_NS // SECOND_NS - 1)
    assert account.of(ProtectionFailed) == []
    beats(account, 1)
    (failed,) = account.of(ProtectionFailed)
    assert failed.reason == "the market is at 80, beyond 85.5, the limit of its stop, which is open still"
    coins(account, 3, 79)
    assert (account.position(symbol=COIN), live(account)) == (0, [])


@pytest.mark.parametrize("on_failure", [OnFailure.ALERT, OnFailure.RETRY])
def test_other_policies_say_so_once_and_leave_the_order(on_failure: OnFailure) -> None:
    """The stop-limit stays where it is: it fills when the market comes back."""
    account = beats(jumped(on_failure), 60)
    assert [body.action for body in account.of(ProtectionFailed)] == [on_failure]
    assert len(legs(account)) == 1
    coins(account, 4, 86)
    assert account.position(symbol=COIN) == 0


def test_a_stop_that_fills_in_the_fall_is_no_alarm() -> None:
    """A market that goes through stop and limit step by step fills it on the way."""
    account = coins(coin_account({1: buys(2, COIN, stop_loss=90)}), 1, 100, 88, 80)
    beats(account, 10)
    assert (account.position(symbol=COIN), account.of(StopPassed), account.of(ProtectionFailed)) == (0, [], [])


def test_a_stop_that_a_person_asks_for_is_watched_too() -> None:
    """It is a stop-limit as any other of a coin's, on the coin's tick."""
    account = coins(coin_account({1: buys(2, COIN)}), 1, 100)
    account.ask(Protect(COIN, price("90.123456")))
    (stop,) = live(account)
    assert (stop.terms.order_type, stop.terms.stop_price) == (OrderType.STOP_LIMIT, D("90.123456"))
    account.run(bar(2, 80, symbol=COIN))
    assert len(account.of(StopPassed)) == 1


def test_what_a_restart_knows_of_a_passed_limit() -> None:
    """Records alone give the same state, so the seconds are counted on from where they began."""
    account = jumped(OnFailure.FLATTEN)
    state = new_state(RiskLimits(), instrument=CRYPTO, rules=ALPACA_RULES)
    for record in account.records:
        apply(state, record)
    assert state.covers == account.state.covers
    assert state.covers[next(iter(state.covers))].passed_ns == account.state.now_ns
    restored = new_state(RiskLimits(), instrument=CRYPTO, rules=ALPACA_RULES)
    snapshot.restore(restored, snapshot.take(account.state))
    assert (restored.covers, restored.followed) == (account.state.covers, frozenset({COIN}))


# --- the paper broker, and prices -------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", ["ABC", COIN])
def test_the_paper_broker_holds_everything(symbol: str) -> None:
    """A fraction, or a coin, with both exits: a linked pair until canceled, with a plain stop."""
    account = Account(Scripted({1: buys(10.5, symbol, **BOTH)}), symbols=(symbol,)).closes(1, 100, symbol=symbol)
    assert exits(account) == [(STOP, D("10.5"), GTC), (TARGET, D("10.5"), GTC)]
    assert live(account)[0].terms.order_type is OrderType.STOP


def test_prices_of_a_coin_are_on_its_own_tick_in_an_account_of_shares() -> None:
    """Limit, stop, target, trail and where a trailing stop goes: what is rounded to cents for a share is not for a coin."""
    terms = {"limit_price": "100.00123", "stop_loss": "90.00123", "take_profit": "120.00123"}
    for symbol, limit, stop, target in (
        ("ABC", "100", "90", "120.01"),
        (COIN, "100.00123", "90.00123", "120.00123"),
    ):
        account = Account(Scripted({1: buys(1, symbol, **terms)}), symbols=(symbol,), instrument=US_EQUITY)
        account.closes(1, 100, symbol=symbol)
        made = account.order(1).terms
        assert (made.limit_price, made.stop_loss, made.take_profit) == (price(limit), price(stop), price(target))
    for symbol, stops in (("ABC", ["87.65", "97.65"]), (COIN, ["87.65433", "97.65433"])):
        account = Account(
            Scripted({1: buys(1, symbol, trail_stop="12.34567")}), symbols=(symbol,), instrument=US_EQUITY
        )
        account.closes(1, 100, 110, symbol=symbol)
        begun = [body.terms.stop_price for body in account.of(OrderPrepared) if body.terms.role is STOP]
        assert begun == [D(stop) for stop in stops]


def test_the_paper_exchange_rounds_a_coin_to_its_own_tick() -> None:
    """Slippage on a coin of small price comes to that much, and not to a cent."""
    for symbol, paid in (("ABC", "0.0501"), ("PEPE/USD", "0.050005")):
        account = Account(Scripted({1: buys(1000, symbol)}), symbols=(symbol,), venue=VenueSettings(slippage_bps=D(1)))
        account.closes(1, 0.05, symbol=symbol)
        assert [fill.price for fill in account.of(OrderFilled)] == [D(paid)]
