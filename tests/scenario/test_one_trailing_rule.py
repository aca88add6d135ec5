"""``trail_stop`` of an entry and an order with ``trail_amount`` are the same stop."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.broker_rules import PAPER_RULES
from holdfast.core.messages import Bar, OrderFilled
from holdfast.core.orders.order import OrderState
from holdfast.core.strategy.api import Context
from holdfast.core.types import OrderRole, OrderType, plain
from holdfast.venue.settings import FillAt, VenueSettings
from tests.scenario.account import Account, Scripted, bar


def fills(account: Account) -> list[str]:
    return [f"{fill.side} {plain(fill.quantity)} @ {plain(fill.price)}" for fill in account.of(OrderFilled)]


def by_protection(*, is_long: bool, trail: dict[str, float]) -> Scripted:
    asked = {{"amount": "trail_stop", "percent": "trail_stop_percent"}[name]: value for name, value in trail.items()}

    def enter(context: Context, _: Bar) -> None:
        (context.buy if is_long else context.sell)("ABC", 10, **asked)  # type: ignore[arg-type]

    return Scripted({1: enter})


def by_hand(*, is_long: bool, trail: dict[str, float]) -> Scripted:
    asked = {f"trail_{name}": value for name, value in trail.items()}

    def enter(context: Context, _: Bar) -> None:
        (context.buy if is_long else context.sell)("ABC", 10)

    def leave(context: Context, _: OrderFilled) -> None:
        if context.position("ABC").quantity:
            (context.sell if is_long else context.buy)("ABC", 10, time_in_force="gtc", **asked)  # type: ignore[arg-type]

    return Scripted({1: enter}, leave)


prices = st.integers(160, 240).map(lambda half: half / 2)


@st.composite
def markets(draw: st.DrawFn) -> list[Bar]:
    bars = [bar(1, 100)]
    for number in range(2, draw(st.integers(3, 9))):
        opens, close = draw(prices), draw(prices)
        low, high = min(opens, close, draw(prices)), max(opens, close, draw(prices))
        bars.append(bar(number, close, opens=opens, low=low, high=high))
    return bars


@settings(max_examples=100, deadline=None)
@given(
    bars=markets(),
    is_long=st.booleans(),
    trail=st.sampled_from([{"amount": 3.0}, {"amount": 10.0}, {"percent": 5.0}]),
    fill=st.sampled_from(FillAt),
)
def test_both_are_out_at_the_same_price(bars: list[Bar], is_long: bool, trail: dict[str, float], fill: FillAt) -> None:
    """Whatever the bars are, in the bar of the entry too."""
    answers = [
        fills(Account(make(is_long=is_long, trail=trail), venue=VenueSettings(fill=fill), rules=PAPER_RULES).run(*bars))
        for make in (by_protection, by_hand)
    ]
    assert answers[0] == answers[1]


def test_the_high_moves_it_within_the_bar() -> None:
    """Bought at 100, ten behind: 108 brings it to 98, which the next bar reaches."""
    account = Account(by_protection(is_long=True, trail={"amount": 10}), rules=PAPER_RULES)
    account.run(bar(1, 100), bar(2, 105, opens=100, low=95, high=108), bar(3, 99, opens=105, low=97.5))
    assert fills(account) == ["buy 10 @ 100", "sell 10 @ 98"]


def test_the_close_triggers_what_the_high_has_moved() -> None:
    """A bar to 110 that closes at 101 has passed 107.80 on its way down."""
    account = Account(by_protection(is_long=True, trail={"percent": 2}), rules=PAPER_RULES)
    account.run(bar(1, 100), bar(2, 101, opens=100, low=99, high=110))
    assert fills(account) == ["buy 10 @ 100", "sell 10 @ 107.8"]


def test_it_may_be_linked_to_a_target() -> None:
    """The target fills and the trailing stop is canceled."""
    script = {1: lambda context, _: context.buy("ABC", 10, trail_stop=10, take_profit=112)}
    account = Account(Scripted(script), rules=PAPER_RULES)
    account.run(bar(1, 100), bar(2, 111, opens=100, high=113))
    assert fills(account) == ["buy 10 @ 100", "sell 10 @ 112"]
    assert account.order(2).state is OrderState.CANCELED


def test_an_order_in_its_place_does_not_go_back() -> None:
    """A part is sold, so the stop is placed anew for the rest: where the high of long ago had brought it."""
    script = {
        1: lambda context, _: context.buy("ABC", 10, trail_stop=10),
        3: lambda context, _: context.sell("ABC", 4),
    }
    account = Account(Scripted(script), rules=PAPER_RULES)
    account.run(bar(1, 100), bar(2, 118, opens=100, high=120), bar(3, 112, opens=118), bar(4, 111, opens=112, low=109))
    assert fills(account) == ["buy 10 @ 100", "sell 4 @ 112", "sell 6 @ 110"]


def test_a_high_before_the_entry_does_not_count() -> None:
    """Bought at a limit on the way down: the bar's high may be of before, so it moves nothing."""
    script = {1: lambda context, _: context.buy("ABC", 10, limit_price=99, trail_stop=5)}
    account = Account(Scripted(script), rules=PAPER_RULES)
    account.run(bar(1, 100), bar(2, 98, opens=100, low=97, high=110), bar(3, 95, opens=98, low=94.5))
    assert fills(account) == ["buy 10 @ 99"]
    (guard,) = account.state.guards.values()
    assert guard.stop_loss == Decimal(94)


@pytest.mark.parametrize("exits", [{"trail_stop": 10}, {"trail_stop": 10, "break_even_at": 105}])
def test_what_goes_to_break_even_too_is_moved_by_the_engine(exits: dict[str, float]) -> None:
    """No order knows both; the stop alone follows by itself."""
    script = {1: lambda context, _: context.buy("ABC", 10, **exits)}
    account = Account(Scripted(script), rules=PAPER_RULES).run(bar(1, 100))
    legs = [
        order.terms.order_type
        for order in account.state.orders.live.values()
        if order.terms.role is not OrderRole.REGULAR
    ]
    assert legs == [OrderType.STOP if len(exits) > 1 else OrderType.TRAILING_STOP]
