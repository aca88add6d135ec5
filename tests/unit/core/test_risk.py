"""Risk: each rule at, below and above its limit; reduce-only orders are never barred; what is open counts as filled."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from holdfast.core.exits import Exits
from holdfast.core.instruments import CRYPTO, US_EQUITY, AssetClass
from holdfast.core.messages import OrderTerms, RiskApproved, RiskRefused
from holdfast.core.permits import BrokerPermits
from holdfast.core.risk.check import check, loss_pct, raises_risk, reference_price
from holdfast.core.risk.day_trades import DAY_TRADE_RULES, rule_on
from holdfast.core.risk.limits import PROFILES, MarketHours, RiskLimits, StrategyLimits, limits_of
from holdfast.core.risk.rules import ACCOUNT_RULES, RULES
from holdfast.core.risk.view import DayTrades, Holding, Others, RiskView, Scope
from holdfast.core.session.account import AccountState
from holdfast.core.types import ClientOrderId, Money, OrderRole, OrderType, Price, Quantity, Side, StrategyId

D = Decimal


SCOPE = {*Scope.__struct_fields__}
STEP_1 = replace(US_EQUITY, quantity_increment=D(1))


def view(**changes: Any) -> RiskView:
    """An account of 100,000 that is flat, at a price of 100."""
    scope = {name: changes.pop(name) for name in SCOPE & set(changes)}
    scope["others"] = Others.of(scope.get("others", ()))
    flat: dict[str, Any] = {
        "state": AccountState.IDLE, "mark": D(100), "account": Scope(**scope), "equity": D(100_000), "cash": D(100_000),
        "instrument": STEP_1,
    }  # fmt: skip
    return RiskView(**(flat | changes))


def holding(position: int, open_buys: int = 0, open_sells: int = 0, **changes: Any) -> RiskView:
    """An account with a position and open orders in the symbol."""
    worst = {"worst_long": D(position + open_buys), "worst_short": D(position - open_sells)}
    return view(position=D(position), **(worst | changes))


def other(worth: str, symbol: str = "XYZ", **changes: Any) -> tuple[Holding, ...]:
    """A long position in another symbol, worth so much."""
    units = Quantity(D(worth))
    held: dict[str, Any] = {"position": units, "worst_long": units, "worst_short": units}
    return (Holding(symbol, Price(D(1)), **(held | changes)),)


def terms(side: Side, quantity: object, **changes: Any) -> OrderTerms:
    return OrderTerms(ClientOrderId("h1"), StrategyId("s"), "ABC", side, Quantity(D(str(quantity))), **changes)


def verdict(order: OrderTerms, seen: RiskView, **limits: Any) -> str:
    """The rule that refuses an order; "" when it is approved."""
    answer = check(order, seen, RiskLimits(**limits))
    return answer.rule if isinstance(answer, RiskRefused) else ""


BUY_10 = terms(Side.BUY, 10)


@pytest.mark.parametrize(
    ("rule", "limits", "below", "at", "above"),
    [
        ("open_orders", {"max_open_orders": 3}, {"open_orders": 1}, {"open_orders": 2}, {"open_orders": 3}),
        (
            "order_rate", {"max_orders_per_minute": 3},
            {"orders_last_minute": 1}, {"orders_last_minute": 2}, {"orders_last_minute": 3},
        ),
        ("position_value", {"max_position_value": D(1000)}, {"mark": D("99.99")}, {"mark": D(100)}, {"mark": D("100.01")}),
        (
            "gross_exposure", {"max_gross_exposure": D(3000)},
            {"others": other("1999.99")}, {"others": other("2000")}, {"others": other("2000.01")},
        ),
        (
            "buying_power", {"leverage": D("0.5")},
            {"equity": D("2000.02")}, {"equity": D(2000)}, {"equity": D("1999.98")},
        ),
        (
            "daily_loss", {"daily_loss_pct": D(2)},
            {"day_loss_pct": D(1)}, {"day_loss_pct": D("1.9999")}, {"day_loss_pct": D(2)},
        ),
        ("position_pct", {"max_position_pct": D(1)}, {"mark": D("99.99")}, {"mark": D(100)}, {"mark": D("100.01")}),
        (
            "gross_pct", {"max_gross_pct": D(3)},
            {"others": other("1999.99")}, {"others": other("2000")}, {"others": other("2000.01")},
        ),
        (
            "net_exposure", {"max_net_exposure": D(500)},
            {"others": other("-500.01")}, {"others": other("-500")}, {"others": other("-499.99")},
        ),
        ("net_pct", {"max_net_pct": D(3)}, {}, {"others": other("2000")}, {"others": other("2000.01")}),
        ("cash_reserve", {"cash_reserve": D(5000)}, {}, {"cash": D(6000)}, {"cash": D("5999.99")}),
        ("cash_reserve", {"cash_reserve_pct": D(5)}, {}, {"cash": D(6000)}, {"cash": D("5999.99")}),
        (
            "cash_reserve", {"cash_reserve": D(5000)},
            {}, {"cash": D(7000), "others": other("-1000")}, {"cash": D(7000), "others": other("-1000.01")},
        ),
        (
            "group_exposure", {"max_group_pct": D(3), "correlation_groups": {"letters": ("ABC", "XYZ"), "rest": ("QRS",)}},
            {"others": other("99999", "QRS")}, {"others": other("2000")}, {"others": other("-2000.01")},
        ),
        ("volume_share", {"max_volume_pct": D(10)}, {"bar_volume": D(101)}, {"bar_volume": D(100)}, {"bar_volume": D(99)}),
        ("volume_share", {"max_volume_pct": D(10)}, {"bar_volume": D(101)}, {"bar_volume": D(100)}, {"bar_volume": None}),
        ("positions", {"max_positions": 2}, {}, {"others": other("1")}, {"others": other("1") + other("1", "QRS")}),
        (
            "positions_stock", {"max_positions_by_class": {AssetClass.STOCK: 2}},
            {"others": other("1")}, {"others": other("1") + other("1", "B/U", asset_class=AssetClass.CRYPTO)},
            {"others": other("1") + other("1", "QRS")},
        ),
        ("loss_streak", {"max_loss_streak": 3}, {}, {"loss_streak": 2}, {"loss_streak": 3}),
        ("drawdown", {"max_drawdown_pct": D(5)}, {}, {"drawdown_pct": D("4.999")}, {"drawdown_pct": D(5)}),
        ("min_confidence", {"min_confidence": D("0.5")}, {}, {"confidence": 0.5}, {"confidence": 0.4999}),
        ("stale_data", {}, {}, {}, {"is_stale": True}),
        ("stale_data", {"max_data_age_s": 5.0}, {"data_age_s": 0.0}, {"data_age_s": 5.0}, {"data_age_s": 5.001}),
        ("stale_data", {"max_data_age_s": 5.0}, {"data_age_s": 0.0}, {"data_age_s": 5.0}, {"data_age_s": None}),
        ("market_hours", {"market_hours": MarketHours.REGULAR}, {}, {}, {"is_open": False}),
        ("square_off", {}, {}, {}, {"squared_off_ns": 1}),
        ("wash_trade", {}, {}, {}, {"opposite": "h0"}),
        ("duplicate_intent", {}, {}, {}, {"twin": "h0"}),
        ("account_state", {}, {}, {"state": AccountState.PENDING_ORDER}, {"state": AccountState.PRESERVATION}),
    ],
)  # fmt: skip
@pytest.mark.proves("I7")
def test_a_rule_lets_through_up_to_its_limit(
    rule: str, limits: dict[str, Any], below: dict[str, Any], at: dict[str, Any], above: dict[str, Any]
) -> None:
    """Below and at the limit the order passes, above it is refused by that rule and no other."""
    assert verdict(BUY_10, view(**below), **limits) == ""
    assert verdict(BUY_10, view(**at), **limits) == ""
    assert verdict(BUY_10, view(**above), **limits) == rule


@pytest.mark.parametrize(
    ("side", "limit_price", "refused"),
    [
        (Side.BUY, "105", False), (Side.BUY, "105.01", True), (Side.BUY, "1", False),
        (Side.SELL, "95", False), (Side.SELL, "94.99", True), (Side.SELL, "10000", False),
    ],
)  # fmt: skip
def test_the_collar_holds_on_the_side_that_hurts(side: Side, limit_price: str, refused: bool) -> None:
    """A limit may be 5 % through the market and no more; how far away from it it waits is nobody's business."""
    order = terms(side, 1, order_type=OrderType.LIMIT, limit_price=Price(D(limit_price)))
    rule = verdict(order, view(equity=D(10**9)), price_collar_pct=D(5))
    assert (rule == "price_collar") is refused
    assert rule in ("", "price_collar")


@pytest.mark.parametrize(
    ("side", "stop_loss", "take_profit", "refused"),
    [
        (Side.BUY, "99.99", "100.01", False), (Side.BUY, "100", None, True), (Side.BUY, None, "100", True),
        (Side.SELL, "100.01", "99.99", False), (Side.SELL, "100", None, True), (Side.SELL, None, "100.5", True),
    ],
)  # fmt: skip
def test_protection_lies_on_its_own_side_of_the_entry(
    side: Side, stop_loss: str | None, take_profit: str | None, refused: bool
) -> None:
    """A stop-loss that would trigger at once, or a take-profit that would, is refused with the entry that asks for it."""
    prices = {"stop_loss": stop_loss, "take_profit": take_profit}
    order = terms(side, 1, **{name: Price(D(value)) for name, value in prices.items() if value is not None})
    assert verdict(order, view()) == ("protection_side" if refused else "")


@pytest.mark.parametrize(
    ("side", "even", "rule"),
    [(Side.BUY, "100.01", ""), (Side.BUY, "100", "protection_side"), (Side.BUY, "90", "protection_side"),
     (Side.SELL, "99.99", ""), (Side.SELL, "100", "protection_side"), (Side.SELL, "110", "protection_side")],
)  # fmt: skip
def test_break_even_is_where_the_position_earns(side: Side, even: str, rule: str) -> None:
    """On the other side of the entry the market would be there from the beginning, and the stop at the price of the entry."""
    assert verdict(terms(side, 1, exits=Exits(break_even_at=Price(D(even)))), view()) == rule


SHORTS_BY_STOP = [
    # the market is at 100
    ("98", None, "98.01", "97.99", ""),  # in at 98
    ("98", None, "98", None, "protection_side"),
    ("98", None, None, "98", "protection_side"),
    ("98", None, None, "99", "protection_side"),  # below the market, but above where it is sold
    ("102", None, "100.01", "99.99", ""),  # the market is beyond the stop: in at 100
    ("102", None, "100", None, "protection_side"),
    ("98", "97.5", "97.51", "97.49", ""),  # in at 97.5 at worst
    ("98", "97.5", "97.5", None, "protection_side"),
    ("98", "97.5", None, "97.5", "protection_side"),
]


@pytest.mark.parametrize(("stop", "limit", "stop_loss", "take_profit", "rule"), SHORTS_BY_STOP)
def test_exits_of_a_short_that_is_entered_by_a_stop_are_measured_from_there(
    stop: str, limit: str | None, stop_loss: str | None, take_profit: str | None, rule: str
) -> None:
    """It sells below the market: at the stop, at the market where that is beyond it, down to a limit."""
    kind = OrderType.STOP if limit is None else OrderType.STOP_LIMIT
    given = {"stop_price": stop, "limit_price": limit, "stop_loss": stop_loss, "take_profit": take_profit}
    values: dict[str, Any] = {name: Price(D(value)) for name, value in given.items() if value is not None}
    assert verdict(terms(Side.SELL, 1, order_type=kind, **values), view()) == rule


@pytest.mark.parametrize(
    ("side", "limit", "stop_loss", "rule"),
    [
        (Side.BUY, "101", "99.99", ""),
        (Side.BUY, "101", "100.50", "protection_side"),  # bought at the market's 100, it would be sold at once
        (Side.SELL, "99", "100.01", ""),
        (Side.SELL, "99", "99.50", "protection_side"),
        (Side.BUY, "95", "94.99", ""),
        (Side.BUY, "95", "95", "protection_side"),
    ],
)
def test_a_limit_through_the_market_is_stopped_from_the_market(
    side: Side, limit: str, stop_loss: str, rule: str
) -> None:
    """It trades at the market, so that is what its stop has to be beyond."""
    order = terms(side, 1, order_type=OrderType.LIMIT, limit_price=Price(D(limit)), stop_loss=Price(D(stop_loss)))
    assert verdict(order, view()) == rule


@pytest.mark.parametrize(("stop_loss", "rule"), [("101.91", ""), ("101.93", "stop_distance")])
def test_the_distance_of_a_stop_is_that_from_its_entry(stop_loss: str, rule: str) -> None:
    """A short entered by a stop at 98 may lose 4 %: 3.92, up to 101.92. The market's 100 has nothing to do with it."""
    order = terms(Side.SELL, 1, order_type=OrderType.STOP, stop_price=Price(D(98)), stop_loss=Price(D(stop_loss)))
    assert verdict(order, view(), max_stop_pct=D(4)) == rule


@pytest.mark.proves("A10")
def test_a_symbol_with_an_unexplained_order_takes_no_new_risk() -> None:
    """While nobody knows what became of an order, its symbol may be left and not entered."""
    assert verdict(BUY_10, view(unexplained="h1")) == "quarantine"
    held = view(unexplained="h1", position=Quantity(D(10)), worst_long=Quantity(D(10)), worst_short=Quantity(D(10)))
    assert verdict(terms(Side.SELL, 10), held) == ""


def test_rules_are_asked_in_this_order() -> None:
    """The account's own first; those that a strategy has too come after them, and caps last."""
    assert [rule.__name__.lstrip("_") for rule in (*ACCOUNT_RULES, *RULES)] == [
        "account_takes_risk", "rates_are_known", "is_tradable", "symbol_is_explained", "books_agree", "protection_side", "protectable", "data_is_fresh", "market_hours", "square_off", "drawdown",
        "day_trades", "duplicate_intent", "wash_trade", "price_collar", "volume_is_known",
        "daily_loss", "loss_streak", "min_confidence", "stop", "open_orders", "order_rate", "positions",
    ]  # fmt: skip


def test_selling_short_has_to_be_permitted() -> None:
    """Without permission a position can be sold down to zero, counting what is on its reduce-only order, and no further."""
    assert verdict(terms(Side.SELL, 1), view()) == ""
    assert verdict(terms(Side.SELL, 1), view(), allow_short=False) == "short_sale"
    assert verdict(terms(Side.SELL, 10), holding(10), allow_short=False) == ""
    assert verdict(terms(Side.SELL, 11), holding(10), allow_short=False) == "short_sale"
    assert verdict(terms(Side.SELL, 1), holding(10, open_sells=10), allow_short=False) == "short_sale"


def test_net_exposure_is_judged_on_the_side_the_order_adds_to() -> None:
    """An account that is too long may still go short of something, and not longer."""
    long = view(others=other("2000"))
    assert verdict(BUY_10, long, max_net_exposure=D(2500)) == "net_exposure"
    assert verdict(terms(Side.SELL, 10), long, max_net_exposure=D(2500)) == ""
    assert verdict(terms(Side.SELL, 46), long, max_net_exposure=D(2500)) == "net_exposure"


def test_selling_short_uses_no_cash() -> None:
    """The reserve is kept from buys; what a short brings in is set against buying it back."""
    assert verdict(terms(Side.SELL, 10), view(cash=D(1)), cash_reserve=D(5000)) == ""
    assert verdict(BUY_10, holding(-20, cash=D(7000)), cash_reserve=D(5000)) == ""  # a reduce-only order
    assert verdict(terms(Side.BUY, 41), holding(-20, cash=D(9000)), cash_reserve=D(5000)) == "cash_reserve"


STOPS = [
    (None, None, {"require_stop": True}, "require_stop"),
    (None, None, {"max_stop_pct": D(5)}, ""),
    ("96", None, {"require_stop": True, "min_stop_pct": D(4), "max_stop_pct": D(4)}, ""),
    ("95.99", None, {"max_stop_pct": D(4)}, "stop_distance"),
    ("96.01", None, {"min_stop_pct": D(4)}, "stop_distance"),
    (None, Exits(trail_amount=Price(D(4))), {"require_stop": True, "max_stop_pct": D(4)}, ""),
    (None, Exits(trail_amount=Price(D(5))), {"max_stop_pct": D(4)}, "stop_distance"),
    (None, Exits(trail_percent=D("4.1")), {"max_stop_pct": D(4)}, "stop_distance"),
    (None, Exits(hold_ns=1), {"require_stop": True}, "require_stop"),
]


@pytest.mark.parametrize(("stop_loss", "exits", "limits", "rule"), STOPS)
def test_a_stop_is_neither_missing_nor_too_near_nor_too_far(
    stop_loss: str | None, exits: Exits | None, limits: dict[str, Any], rule: str
) -> None:
    """A stop-loss or a trail, at a distance in percent of the price; an order without one is judged only where one is asked for."""
    level = None if stop_loss is None else Price(D(stop_loss))
    assert verdict(terms(Side.BUY, 1, stop_loss=level, exits=exits), view(), **limits) == rule


def test_the_collar_goes_by_the_quote() -> None:
    """Where there is a quote a limit is measured from the side it meets, and from the last price otherwise."""
    order = terms(Side.BUY, 1, order_type=OrderType.LIMIT, limit_price=Price(D(105)))
    assert verdict(order, view(touch=D(104)), price_collar_pct=D(1)) == ""
    assert verdict(order, view(touch=D(102)), price_collar_pct=D(1)) == "price_collar"


def test_a_strategy_has_limits_of_its_own() -> None:
    """They are judged on what it holds itself; a refusal says whose limit it was."""
    own = Scope(worst_long=Quantity(D(5)), position=Quantity(D(5)), worst_short=Quantity(D(5)), who="strategy s")
    seen = view(strategy=own, strategy_limits=StrategyLimits(max_gross_exposure=Money(D(1499))))
    answer = check(BUY_10, seen, RiskLimits())
    assert isinstance(answer, RiskRefused)
    assert answer.rule == "gross_exposure"
    assert answer.text == "all positions of strategy s could reach 1,500.00; 1,499.00 is allowed"
    assert verdict(terms(Side.BUY, 9), seen) == ""
    lost = view(strategy=replace(own, day_loss_pct=D(2)), strategy_limits=StrategyLimits(daily_loss_pct=D(2)))
    assert verdict(BUY_10, lost) == "daily_loss"
    assert verdict(terms(Side.SELL, 5), lost) == "", "its reduce-only order is not barred"


def day_trades(equity: int, made: int, opened: int = 0) -> str:
    seen = view(equity=D(equity), day_trades=DayTrades(DAY_TRADE_RULES[0], made, opened))
    return verdict(terms(Side.BUY, 1), seen)


def test_a_fourth_day_trade_is_prevented_at_the_entry() -> None:
    """Three in five days below 25,000; what was opened today and not left yet counts as one to come."""
    assert [day_trades(24_999, made) for made in range(4)] == ["", "", "", "day_trades"]
    assert day_trades(24_999, 1, 2) == "day_trades"
    assert day_trades(25_000, 9) == ""


@pytest.mark.parametrize(
    ("date", "calendar", "asset", "there"),
    [
        ("2001-09-27", "XNYS", AssetClass.STOCK, False), ("2001-09-28", "XNYS", AssetClass.STOCK, True),
        ("2026-06-03", "XNAS", AssetClass.STOCK, True), ("2026-06-04", "XNAS", AssetClass.STOCK, False),
        ("2013-10-08", "XLON", AssetClass.STOCK, False), ("2013-10-08", "XNYS", AssetClass.CRYPTO, False),
        ("2013-10-08", "24/7", AssetClass.STOCK, False), ("", "XNYS", AssetClass.STOCK, False),
    ],
)  # fmt: skip
def test_the_day_trade_rule_has_dates(date: str, calendar: str, asset: AssetClass, there: bool) -> None:
    """In force for stocks in the US from 28 September 2001 until it was retired on 4 June 2026."""
    assert (rule_on(date, calendar, asset) is not None) is there


@pytest.mark.parametrize(
    ("rules", "quantity", "mark", "rule"),
    [
        (US_EQUITY, "0.01", "99", "minimum_value"), (US_EQUITY, "0.01", "100", ""), (US_EQUITY, "1", "0.5", ""),
        (CRYPTO, "0.0001", "99999", "minimum_value"), (CRYPTO, "0.0001", "100000", ""), (CRYPTO, "1", "9.99", "minimum_value"),
    ],
)  # fmt: skip
def test_no_order_is_smaller_than_the_broker_takes(rules: Any, quantity: str, mark: str, rule: str) -> None:
    """A fraction of a share is worth a dollar, and crypto ten; whole shares may be cheaper, and a reduce-only order may be too."""
    assert verdict(terms(Side.BUY, quantity), view(instrument=rules, mark=D(mark), equity=D(10**7))) == rule
    held = view(instrument=rules, mark=D(mark), position=D(quantity), worst_long=D(quantity), worst_short=D(quantity))
    assert verdict(terms(Side.SELL, quantity), held) == ""


def test_a_refusal_says_rule_figure_and_limit() -> None:
    """Whoever is refused reads what was seen, what is allowed, and why."""
    answer = check(BUY_10, view(), RiskLimits(max_position_value=Money(D(500))))
    assert isinstance(answer, RiskRefused)
    assert (answer.rule, answer.figure, answer.limit) == ("position_value", "1000.00", "500.00")
    assert answer.text == "ABC could reach 1,000.00; 500.00 is allowed"
    assert (str(answer.strategy), answer.symbol, answer.side) == ("s", "ABC", Side.BUY)
    assert answer.quantity == 10


EVERYTHING_BARRED: dict[str, Any] = {
    "state": AccountState.HALTED, "equity": D(-1), "cash": D(-1), "open_orders": 10**6, "orders_last_minute": 10**6,
    "twin": "h0", "others": other("1000000000"), "is_stale": True, "is_open": False, "unexplained": "h0", "opposite": "h0",
    "drawdown_pct": D(99), "day_loss_pct": D(99), "loss_streak": 99, "confidence": 0.01, "bar_volume": D(0),
    "day_trades": DayTrades(DAY_TRADE_RULES[0], 99, 99),
}  # fmt: skip
LEAST = D("0.000000000001")
NOTHING_ALLOWED = RiskLimits(
    max_position_value=Money(LEAST), max_gross_exposure=Money(LEAST), max_open_orders=1, max_orders_per_minute=1,
    daily_loss_pct=LEAST, leverage=LEAST, max_position_pct=LEAST, max_gross_pct=LEAST, max_net_exposure=Money(LEAST),
    max_net_pct=LEAST, max_positions=1, max_loss_streak=1, min_confidence=D(1), require_stop=True, max_drawdown_pct=LEAST,
    max_volume_pct=LEAST, max_data_age_s=0.001, allow_short=False, market_hours=MarketHours.REGULAR, cash_reserve=Money(D(10**9)),
    correlation_groups={"all": ("ABC",)}, max_group_pct=LEAST, avoid_wash_trades=True, day_trade_rule=True,
)  # fmt: skip


@pytest.mark.parametrize(("position", "side"), [(100, Side.SELL), (-100, Side.BUY)])
@pytest.mark.parametrize("quantity", [1, 99, 100])
def test_a_way_out_is_never_barred(position: int, side: Side, quantity: int) -> None:
    """What only makes the position smaller passes a halted account whose every limit is broken."""
    answer = check(terms(side, quantity), holding(position, **EVERYTHING_BARRED), NOTHING_ALLOWED)
    assert isinstance(answer, RiskApproved)
    assert not answer.raises_risk


@pytest.mark.parametrize(("position", "side"), [(100, Side.SELL), (-100, Side.BUY)])
def test_turning_round_raises_risk(position: int, side: Side) -> None:
    """An order that carries the position through zero is refused while halted, and approved as raising otherwise."""
    order = terms(side, 101)
    assert verdict(order, holding(position, state=AccountState.HALTED)) == "account_state"
    answer = check(order, holding(position), RiskLimits())
    assert isinstance(answer, RiskApproved)
    assert answer.raises_risk


@pytest.mark.parametrize("role", [OrderRole.STOP_LOSS, OrderRole.TAKE_PROFIT])
def test_protection_passes(role: OrderRole) -> None:
    """Protective orders are never new risk, whatever the state."""
    order = terms(Side.SELL, 100, role=role, order_type=OrderType.STOP, stop_price=Price(D(90)))
    answer = check(order, holding(100, open_sells=100, **EVERYTHING_BARRED), NOTHING_ALLOWED)
    assert isinstance(answer, RiskApproved)
    assert not answer.raises_risk


def test_a_way_out_of_everything_passes() -> None:
    """Orders that together close the account pass even where one alone carries it through zero."""
    order = terms(Side.SELL, 100)
    assert verdict(order, holding(70, state=AccountState.HALTED)) == "account_state"
    answer = check(order, holding(70, state=AccountState.HALTED), RiskLimits(), reduce_only=True)
    assert isinstance(answer, RiskApproved)
    assert not answer.raises_risk


@pytest.mark.parametrize(
    ("seen", "side", "refused"),
    [
        (holding(0, open_buys=90), Side.BUY, False),
        (holding(0, open_buys=91), Side.BUY, True),
        (holding(60, open_buys=30), Side.BUY, False),
        (holding(60, open_buys=31), Side.BUY, True),
        (holding(-90), Side.SELL, False),
        (holding(-91), Side.SELL, True),
        (holding(50, open_sells=140), Side.SELL, False),
        (holding(50, open_sells=141), Side.SELL, True),
        (holding(0, open_sells=101), Side.BUY, True),  # the open sells alone are beyond the limit already
    ],
)
def test_what_is_open_counts_as_filled(seen: RiskView, side: Side, refused: bool) -> None:
    """The worst case is judged: every open order on the side that hurts filled, and this one too."""
    assert verdict(terms(side, 10), seen, max_position_value=D(10_000)) == ("position_value" if refused else "")


def test_two_ways_out_at_once_are_one_too_many() -> None:
    """A second order that closes what an open one closes already could open a position: it raises risk."""
    assert not raises_risk(Side.SELL, D(100), holding(100).account)
    assert raises_risk(Side.SELL, D(1), holding(100, open_sells=100).account)
    assert not raises_risk(Side.SELL, D(40), holding(100, open_sells=60).account)


@given(st.integers(-50, 50), st.integers(0, 50), st.integers(0, 50), st.sampled_from(list(Side)), st.integers(1, 120))
def test_what_is_called_harmless_can_not_enlarge(
    position: int, buys: int, sells: int, side: Side, quantity: int
) -> None:
    """However the open orders on its side fill, an order that doesn't raise risk never takes the position beyond what it is."""
    if raises_risk(side, D(quantity), holding(position, buys, sells).account):
        return
    for filled in range((buys if side is Side.BUY else sells) + 1):
        after = position + side.sign * (filled + quantity)
        assert min(0, position) <= after <= max(0, position)


@pytest.mark.parametrize(
    ("order_type", "side", "own", "expected"),
    [
        (OrderType.MARKET, Side.BUY, None, 100),
        (OrderType.TRAILING_STOP, Side.SELL, None, 100),
        (OrderType.LIMIT, Side.BUY, 90, 90),
        (OrderType.LIMIT, Side.BUY, 110, 110),
        (OrderType.LIMIT, Side.SELL, 90, 100),
        (OrderType.LIMIT, Side.SELL, 110, 110),
        (OrderType.STOP, Side.BUY, 110, 110),
        (OrderType.STOP, Side.BUY, 1, 100),
        (OrderType.STOP, Side.SELL, 90, 100),
    ],
)
def test_an_order_is_judged_by_the_most_it_can_cost(
    order_type: OrderType, side: Side, own: int | None, expected: int
) -> None:
    """A stop on the wrong side of the market, or a limit through it, trades at the market: that is what counts."""
    price = None if own is None else Price(D(own))
    order = terms(side, 1, order_type=order_type, limit_price=price, stop_price=price)
    assert reference_price(order, Price(D(100))) == expected


@pytest.mark.parametrize("order_type", [OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT, OrderType.MARKET])
def test_an_order_without_a_price_is_refused(order_type: OrderType) -> None:
    """Neither its own price nor the market's: nothing to judge it by."""
    assert verdict(terms(Side.BUY, 1, order_type=order_type), view(mark=None)) == "price_known"


@pytest.mark.parametrize(("step", "good", "bad"), [("1", "3", "3.5"), ("0.001", "0.002", "0.0021"), ("5", "10", "12")])
def test_quantities_are_whole_steps(step: str, good: str, bad: str) -> None:
    """A quantity between two steps is refused, for a reduce-only order as well: no exchange takes it."""
    seen = view(instrument=replace(US_EQUITY, quantity_increment=D(step), minimum_value=Money(D(0))))
    assert verdict(terms(Side.BUY, good), seen) == ""
    assert verdict(terms(Side.BUY, bad), seen) == "quantity_increment"


@pytest.mark.parametrize(
    ("lost", "start", "loss"), [(2, 100, 2), (-2, 100, -2), (0, 100, 0), (105, 100, 105), (50, 0, 0)]
)
def test_the_day_loses_from_its_first_equity(lost: int, start: int, loss: int) -> None:
    """The loss is in percent of the equity the day began with; without one there is none."""
    assert loss_pct(Money(D(lost)), Money(D(start))) == loss


def test_profiles_are_ordered() -> None:
    """The other profiles allow nothing that the default forbids."""
    default = limits_of("default")
    for name in ("conservative", "prop-firm"):
        careful = limits_of(name)
        for limit in ("leverage", "max_open_orders", "max_orders_per_minute", "price_collar_pct"):
            assert getattr(careful, limit) < getattr(default, limit)
        assert None not in (careful.daily_loss_pct, careful.max_drawdown_pct, careful.max_position_pct)
        assert careful.avoid_wash_trades
    assert limits_of("prop-firm").require_stop
    assert default == RiskLimits()


def test_single_limits_take_the_place_of_a_profile_s() -> None:
    """What is given overrides; the rest stays."""
    limits = limits_of("conservative", {"leverage": "1.5"})
    assert limits.leverage == D("1.5")
    assert limits.max_open_orders == 20
    assert set(PROFILES) == {"default", "conservative", "prop-firm"}


def test_a_symbol_that_the_broker_takes_no_orders_for_is_refused() -> None:
    """Before it is sent; a reduce-only order is let through, since the broker may take that."""
    barred: dict[str, Any] = {"permits": BrokerPermits(untradable=("ABC",))}
    assert verdict(BUY_10, view(**barred)) == "not_tradable"
    assert verdict(terms(Side.SELL, 10), holding(10, **barred)) == ""
    assert verdict(BUY_10, view(permits=BrokerPermits(untradable=("XYZ",)))) == ""


@pytest.mark.parametrize(
    "permits",
    [BrokerPermits(shorting=False), BrokerPermits(unshortable=("ABC",)), BrokerPermits(unshortable=("X", "ABC"))],
)
def test_what_the_broker_does_not_lend_is_not_sold_short(permits: BrokerPermits) -> None:
    """Whatever the account allows itself; what is held may be sold."""
    assert verdict(terms(Side.SELL, 1), view(permits=permits)) == "short_sale"
    assert verdict(terms(Side.SELL, 11), holding(10, permits=permits)) == "short_sale"
    assert verdict(terms(Side.SELL, 10), holding(10, permits=permits)) == ""
    assert verdict(BUY_10, view(permits=permits)) == ""


@pytest.mark.parametrize(
    ("configured", "lent", "most"), [(2, None, 2000), (2, 1, 1000), (1, 4, 1000), (4, 2, 2000), (2, 4, 2000)]
)
def test_buying_power_is_the_smaller_of_ours_and_the_brokers(configured: int, lent: int | None, most: int) -> None:
    """An equity of 100,000 at a price of 100, to the share."""
    permits = BrokerPermits(leverage=None if lent is None else D(lent))
    assert verdict(terms(Side.BUY, most), view(permits=permits), leverage=D(configured)) == ""
    assert verdict(terms(Side.BUY, most + 1), view(permits=permits), leverage=D(configured)) == "buying_power"
