"""Several symbols at one time: nobody trades at a price that lies before the decision."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from holdfast.core.messages import Bar, OrderFilled, Quote, Trade
from holdfast.core.protection.records import StopMoved
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.strategy.api import Context, Strategy
from holdfast.core.strategy.host import Runner
from holdfast.core.types import MINUTE_NS, StrategyId, plain
from holdfast.venue.settings import FillAt, VenueSettings
from tests.scenario.account import Account, bar, minute

Act = Callable[[Context, Bar], object]


class OnBar(Strategy):
    """Does ``act`` at each bar."""

    def __init__(self, act: Act) -> None:
        super().__init__(None)
        self.act = act

    def on_bar(self, context: Context, bar: Bar) -> None:
        self.act(context, bar)


def prices(account: Account) -> list[str]:
    return [f"{fill.symbol} {fill.side} @ {plain(fill.price)}" for fill in account.of(OrderFilled)]


def when(symbol: str, close: float, act: Callable[[Context], object]) -> OnBar:
    return OnBar(lambda context, bar: act(context) if (bar.symbol, bar.close) == (symbol, close) else None)


@pytest.mark.parametrize("fill", FillAt)
@pytest.mark.parametrize("rows", ["AX", "XA"])
def test_an_order_in_another_symbol_meets_what_comes_after_the_decision(fill: FillAt, rows: str) -> None:
    """The other's bar of the same time is over: not its open, and not the close before it."""
    first = {"A": bar(1, 10, symbol="ABC"), "X": bar(1, 20, symbol="XYZ")}
    second = {"A": bar(2, 15, opens=10, symbol="ABC"), "X": bar(2, 30, opens=20, symbol="XYZ")}
    third = {"A": bar(3, 15, symbol="ABC"), "X": bar(3, 31, opens=31, symbol="XYZ")}
    account = Account(when("ABC", 15, lambda context: context.target("XYZ", 10)), venue=VenueSettings(fill=fill))
    account.run(*[bars[row] for bars in (first, second, third) for row in rows])
    assert prices(account) == ["XYZ buy @ 30" if fill is FillAt.CLOSE else "XYZ buy @ 31"]


@pytest.mark.parametrize("order", [{"limit_price": 25}, {"stop_price": 25}])
def test_a_resting_order_in_another_symbol_does_not_meet_the_bar_that_is_over(order: dict[str, Any]) -> None:
    """Its range held 25, but before the decision."""
    act = when("ABC", 15, lambda context: context.buy("XYZ", 10, **order))
    account = Account(act, venue=VenueSettings(fill=FillAt.NEXT_OPEN))
    over = bar(2, 26, low=20, high=30, symbol="XYZ")
    account.run(bar(1, 10), bar(1, 20, symbol="XYZ"), bar(2, 15), over)
    assert account.of(OrderFilled) == []


OLD_PRICE = [
    ({}, "25"),
    ({"limit_price": 20}, None),  # could be had a while ago
    ({"limit_price": "20.50"}, None),
    ({"stop_price": 19}, "25"),  # at or above its stop, but at what is asked now
    ({"time_in_force": "ioc"}, "25"),
]


@pytest.mark.parametrize("fill", FillAt)
@pytest.mark.parametrize(("order", "price"), OLD_PRICE)
def test_an_old_close_is_met_by_nobody(fill: FillAt, order: dict[str, Any], price: str | None) -> None:
    """XYZ closed at 20 when the decision was two minutes away. What can be had is its next open, whatever may be known of it by now."""
    act = when("ABC", 15, lambda context: context.buy("XYZ", 10, **order))
    account = Account(act, venue=VenueSettings(fill=fill))
    account.run(
        bar(1, 10), bar(1, 20, symbol="XYZ"), bar(2, 10), bar(3, 15), bar(4, 15), bar(5, 26, opens=25, symbol="XYZ")
    )
    assert prices(account) == ([] if price is None else [f"XYZ buy @ {price}"])


@pytest.mark.parametrize("is_stale", [False, True])
def test_a_trade_is_met_by_those_that_come_with_it(is_stale: bool) -> None:
    """What was traded before the decision is past; where it is the very trade that led to the order, it is met."""

    class OnTrade(Strategy):
        def on_trade(self, context: Context, trade: Trade) -> None:
            if trade.symbol == ("ABC" if is_stale else "XYZ") and trade.price == 5:
                context.buy("XYZ", 10)

    other = "ABC" if is_stale else "XYZ"
    account = Account(OnTrade(None))
    account.run(
        Trade("XYZ", minute(1), 20.0, 10.0), Trade(other, minute(2), 5.0, 10.0), Trade("XYZ", minute(3), 21.0, 10.0)
    )
    assert prices(account) == ["XYZ buy @ 21" if is_stale else "XYZ buy @ 5"]


def test_a_quote_stands_however_old() -> None:
    """Unlike a trade it is an offer: it holds until another takes its place."""
    act = when("ABC", 15, lambda context: context.buy("XYZ", 10))
    account = Account(act)
    account.run(
        Quote("XYZ", minute(1), 20.0, 9.0, 20.1, 9.0),
        bar(1, 10),
        bar(3, 15),
        Quote("XYZ", minute(4), 30.0, 9.0, 30.1, 9.0),
    )
    assert prices(account) == ["XYZ buy @ 20.1"]


def test_every_symbol_is_known_at_each_call() -> None:
    """Prices and histories of the whole instant, in the alphabet's order, whichever row came first."""
    seen: list[tuple[str, float | None, int]] = []

    def look(context: Context, bar: Bar) -> None:
        seen.append((bar.symbol, context.price("XYZ"), len(context.history("XYZ", 9))))

    Account(OnBar(look)).run(bar(1, 7, symbol="XYZ"), bar(1, 5))
    assert seen == [("ABC", 7.0, 1), ("XYZ", 7.0, 1)]


def test_every_call_sees_the_orders_that_there_were_before_the_instant() -> None:
    """What one call asks for is carried out after the last: the past is shown again in whole instants, and looks the same then."""
    seen: list[tuple[str, int]] = []

    def look(context: Context, bar: Bar) -> None:
        seen.append((bar.symbol, len(context.orders())))
        context.buy(bar.symbol, 10, limit_price=1)

    account = Account(OnBar(look))
    account.run(bar(1, 5), bar(1, 7, symbol="XYZ"), bar(2, 5), bar(2, 7, symbol="XYZ"))
    assert seen == [("ABC", 0), ("XYZ", 0), ("ABC", 2), ("XYZ", 2)]


def test_who_asks_twice_in_one_instant_gets_it_once() -> None:
    """The second intent meets the first one's order, though its call didn't see it."""
    account = Account(OnBar(lambda context, _: context.target("ABC", 10)))
    account.run(bar(1, 5), bar(1, 7, symbol="XYZ"))
    assert prices(account) == ["ABC buy @ 5"]


class Together(Strategy):
    """Keeps what it is shown."""

    def __init__(self) -> None:
        super().__init__(None)
        self.calls: list[str] = []

    def on_bar(self, context: Context, bar: Bar) -> None:
        self.calls.append(bar.symbol)

    def on_bars(self, context: Context, bars: Mapping[str, Bar]) -> None:
        self.calls.append("+".join(bars))
        context.target("ABC", len(bars))


def test_the_bars_of_an_instant_can_be_had_together() -> None:
    """After each by itself; a symbol without a bar is not among them."""
    strategy = Together()
    account = Account(strategy).run(bar(1, 7, symbol="XYZ"), bar(1, 5), bar(2, 5))
    assert strategy.calls == ["ABC", "XYZ", "ABC+XYZ", "ABC", "ABC"]
    assert [fill.quantity for fill in account.of(OrderFilled)] == [2, 1]


@pytest.mark.parametrize("rows", ["AX", "XA"])
def test_bars_that_are_built_come_together(rows: str) -> None:
    """Two-minute bars of two symbols end at one time, though each is built from its own."""
    strategy = Together()
    account = Account(symbols=())
    account.state.host.add(Runner(StrategyId("two"), strategy, ("XYZ", "ABC"), 2 * MINUTE_NS), MINUTE_NS)
    bars = [{"A": bar(n, 5), "X": bar(n, 7, symbol="XYZ")}[row] for n in (1, 2, 3, 4) for row in rows]
    account.run(*bars)
    assert strategy.calls == ["ABC", "XYZ", "ABC+XYZ"] * 2


def test_trades_of_one_time_reach_the_venue_before_anyone_reacts() -> None:
    """The strategy sees the first of three, and buys at the last."""

    class FirstTrade(Strategy):
        def on_trade(self, context: Context, trade: Trade) -> None:
            context.target("ABC", 1)

    account = Account(FirstTrade(None))
    account.run(*[Trade("ABC", minute(1), price, 5.0) for price in (10.0, 12.0, 11.0)])
    assert prices(account) == ["ABC buy @ 11"]


def test_a_quote_of_another_symbol_is_known_too() -> None:
    """A bar and a quote of one time: what the bar leads to pays the new ask."""
    account = Account(when("ABC", 10, lambda context: context.buy("XYZ", 1)))
    account.run(Quote("XYZ", minute(0) + 1, 19.0, 5.0, 20.0, 5.0))
    account.run(bar(1, 10), Quote("XYZ", minute(1), 29.0, 5.0, 30.0, 5.0))
    assert prices(account) == ["XYZ buy @ 30"]


def test_what_fills_in_one_instant_is_booked_before_any_strategy_is_called() -> None:
    """Cash and positions of all symbols are those after the instant's fills."""
    seen: list[tuple[object, object]] = []

    def act(context: Context, bar: Bar) -> None:
        if bar.time_ns == minute(1) and bar.symbol == "ABC":
            context.buy("ABC", 10, limit_price=4)
            context.buy("XYZ", 10, limit_price=6)
        seen.append((context.position("ABC").quantity, context.position("XYZ").quantity))

    Account(OnBar(act)).run(bar(1, 5), bar(1, 7, symbol="XYZ"), bar(2, 5, low=3), bar(2, 7, low=5, symbol="XYZ"))
    assert seen[2:] == [(10, 10), (10, 10)]


def test_a_day_bar_gives_no_open_that_is_past() -> None:
    """An order of the afternoon meets the close of the day's bar, not the open or the low of the morning."""

    def buy_two(context: Context) -> None:
        context.buy("XYZ", 1)
        context.buy("XYZ", 2, limit_price=15)

    account = Account(when("ABC", 10, buy_two), venue=VenueSettings(fill=FillAt.NEXT_OPEN))
    day = Bar("XYZ", minute(60), minute(0), 11.0, 30.0, 9.0, 20.0, 1000.0)
    account.run(bar(1, 20, symbol="XYZ"), bar(30, 10), day)
    assert prices(account) == ["XYZ buy @ 20"]


def test_a_stop_follows_its_symbol_whatever_else_happens_at_that_time() -> None:
    """Of the events of one instant each moves the stops of its own symbol."""
    account = Account(when("ABC", 10, lambda context: context.buy("ABC", 1, trail_stop=2)), limits=RiskLimits())
    account.run(bar(1, 10), bar(1, 7, symbol="XYZ"), bar(2, 20, symbol="ABC"), bar(2, 7, symbol="XYZ"))
    assert [(moved.symbol, moved.stop_loss) for moved in account.of(StopMoved)] == [("ABC", 18)]
