"""Risk: each rule at, below and above its limit; ways out are never barred; what is open counts as filled."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.instruments import CRYPTO, INDIA_EQUITY, US_EQUITY
from holdfast.core.messages import OrderTerms, RiskApproved, RiskRefused
from holdfast.core.risk.check import RULES, RiskView, check, daily_loss_pct, raises_risk, reference_price
from holdfast.core.risk.limits import PROFILES, RiskLimits
from holdfast.core.risk.sizing import sized_quantity
from holdfast.core.session.account import AccountState
from holdfast.core.types import ClientOrderId, Money, OrderRole, OrderType, Price, Quantity, Side, StrategyId

D = Decimal


def view(**changes: Any) -> RiskView:
    """An account of 100,000 that is flat, at a price of 100."""
    flat: dict[str, Any] = {
        "state": AccountState.IDLE, "mark": D(100), "position": D(0), "worst_long": D(0), "worst_short": D(0),
        "others_exposure": D(0), "equity": D(100_000), "day_start_equity": D(100_000), "open_orders": 0,
        "orders_last_minute": 0, "twin": None, "quantity_increment": D(1),
    }  # fmt: skip
    return RiskView(**(flat | changes))


def holding(position: int, open_buys: int = 0, open_sells: int = 0, **changes: Any) -> RiskView:
    """An account with a position and open orders in the symbol."""
    worst = {"worst_long": D(position + open_buys), "worst_short": D(position - open_sells)}
    return view(position=D(position), **(worst | changes))


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
            {"others_exposure": D("1999.99")}, {"others_exposure": D(2000)}, {"others_exposure": D("2000.01")},
        ),
        (
            "buying_power", {"leverage": D("0.5")},
            {"equity": D("2000.02")}, {"equity": D(2000)}, {"equity": D("1999.98")},
        ),
        (
            "daily_loss", {"daily_loss_pct": D(2)},
            {"equity": D("98000.01")}, {"equity": D("98000.0001")}, {"equity": D(98000)},
        ),
        ("duplicate_intent", {}, {}, {}, {"twin": "h0"}),
        ("account_state", {}, {}, {"state": AccountState.PENDING_ORDER}, {"state": AccountState.PRESERVATION}),
    ],
)  # fmt: skip
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


def test_every_rule_is_tried_here() -> None:
    """The rules there are, in the order in which they are asked."""
    assert [rule.__name__.lstrip("_") for rule in RULES] == [
        "account_takes_risk", "protection_side", "daily_loss", "duplicate_intent", "open_orders", "order_rate", "price_collar",
        "position_value", "gross_exposure", "buying_power",
    ]  # fmt: skip


def test_a_refusal_says_rule_figure_and_limit() -> None:
    """Whoever is refused reads what was seen, what is allowed, and why."""
    answer = check(BUY_10, view(), RiskLimits(max_position_value=Money(D(500))))
    assert isinstance(answer, RiskRefused)
    assert (answer.rule, answer.figure, answer.limit) == ("position_value", "1000.00", "500.00")
    assert answer.text == "ABC could reach 1,000.00; 500.00 is allowed"
    assert (str(answer.strategy), answer.symbol, answer.side) == ("s", "ABC", Side.BUY)
    assert answer.quantity == 10


EVERYTHING_BARRED: dict[str, Any] = {
    "state": AccountState.HALTED, "equity": D(1), "open_orders": 10**6, "orders_last_minute": 10**6, "twin": "h0",
    "others_exposure": D(10**9),
}  # fmt: skip
NOTHING_ALLOWED = RiskLimits(
    max_position_value=Money(D(0)), max_gross_exposure=Money(D(0)), max_open_orders=0, max_orders_per_minute=0,
    daily_loss_pct=D(1), leverage=D(0),
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
    answer = check(order, holding(70, state=AccountState.HALTED), RiskLimits(), way_out=True)
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
    assert not raises_risk(Side.SELL, Quantity(D(100)), holding(100))
    assert raises_risk(Side.SELL, Quantity(D(1)), holding(100, open_sells=100))
    assert not raises_risk(Side.SELL, Quantity(D(40)), holding(100, open_sells=60))


@given(st.integers(-50, 50), st.integers(0, 50), st.integers(0, 50), st.sampled_from(list(Side)), st.integers(1, 120))
def test_what_is_called_harmless_can_not_enlarge(
    position: int, buys: int, sells: int, side: Side, quantity: int
) -> None:
    """However the open orders on its side fill, an order that doesn't raise risk never takes the position beyond what it is."""
    if raises_risk(side, Quantity(D(quantity)), holding(position, buys, sells)):
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
    """A quantity between two steps is refused, for a way out as well: no exchange takes it."""
    seen = view(quantity_increment=D(step))
    assert verdict(terms(Side.BUY, good), seen) == ""
    assert verdict(terms(Side.BUY, bad), seen) == "quantity_increment"


@pytest.mark.parametrize(
    ("equity", "start", "loss"), [(98, 100, 2), (102, 100, -2), (100, 100, 0), (-5, 100, 105), (50, 0, 0)]
)
def test_the_day_loses_from_its_first_equity(equity: int, start: int, loss: int) -> None:
    """The loss is in percent of the equity the day began with; without one there is none."""
    assert daily_loss_pct(Money(D(equity)), Money(D(start))) == loss


def size(equity: str, price: str, confidence: float = 1.0, **limits: Any) -> Decimal:
    rules = limits.pop("instrument", US_EQUITY)
    return sized_quantity(Money(D(equity)), Price(D(price)), confidence, RiskLimits(**limits), rules)


def test_a_size_is_a_share_of_equity() -> None:
    """equity x size_pct x confidence / price, rounded down to whole lots."""
    assert size("100000", "100") == 100
    assert size("100000", "101") == 99
    assert size("100000", "100", 0.5) == 50
    assert size("100000", "100", 0.1, size_pct=D(1)) == 1
    assert size("100000", "30000", instrument=CRYPTO) == D("0.333333")
    assert size("100000", "30000", instrument=INDIA_EQUITY) == 0


def test_a_size_stays_below_the_largest_position() -> None:
    """max_position_value caps the budget; no equity gives no size, and never a negative one."""
    assert size("100000", "100", max_position_value=Money(D(450))) == 4
    assert size("0", "100") == 0
    assert size("-5000", "100") == 0


def test_profiles_are_ordered() -> None:
    """The conservative profile allows nothing that the default forbids."""
    default, careful = PROFILES["default"], PROFILES["conservative"]
    for name in ("leverage", "max_open_orders", "max_orders_per_minute", "price_collar_pct", "size_pct"):
        assert getattr(careful, name) < getattr(default, name)
    assert careful.daily_loss_pct is not None
