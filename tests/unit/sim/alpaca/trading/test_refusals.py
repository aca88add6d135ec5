"""What Alpaca refuses because of what the account has already: orders at work, a position, the price as it is.

A bot that meets these only live has a position without its stop, or one it didn't want.
"""

from decimal import Decimal
from typing import Any

import pytest

from holdfast.sim.alpaca.errors import ApiError
from holdfast.sim.alpaca.faults.catalogue import FAULTS
from holdfast.sim.alpaca.market.assets import make_asset
from holdfast.sim.alpaca.trading.positions import closing_request
from tests.unit.sim.alpaca.trading.kit import EVENING, MORNING, Bench

EXITS: dict[str, Any] = {"take_profit": {"limit_price": "110"}, "stop_loss": {"stop_price": "90"}}
SHORT_EXITS: dict[str, Any] = {"take_profit": {"limit_price": "90"}, "stop_loss": {"stop_price": "110"}}
SHORT = "cannot open a short sell while a long buy order is open"
LONG = "cannot open a long buy while a short sell order is open"


def refusal(bench: Bench, **body: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        bench.send(**body)
    return caught.value


def limit(side: str, price: str, **more: Any) -> dict[str, Any]:
    return {"side": side, "type": "limit", "limit_price": price, **more}


# --- both sides at once ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resting", "coming", "words"),
    [
        ({}, {"side": "sell", "type": "trailing_stop", "trail_percent": "5", "time_in_force": "gtc"}, SHORT),
        ({}, {"side": "sell", "type": "stop", "stop_price": "95"}, SHORT),
        (limit("buy", "98"), limit("sell", "102"), SHORT),
        (limit("sell", "102"), limit("buy", "98"), LONG),
        (limit("sell", "102"), {"type": "trailing_stop", "trail_price": "3"}, LONG),
        (limit("buy", "98", order_class="bracket", **EXITS), limit("sell", "102"), SHORT),
        (limit("buy", "98"), limit("sell", "102", order_class="bracket", **SHORT_EXITS), SHORT),
        (limit("sell", "102"), limit("buy", "98", order_class="oto", stop_loss={"stop_price": "90"}), LONG),
        ({"notional": "500"}, limit("sell", "102"), SHORT),
    ],
)
def test_nobody_opens_both_sides_at_once(resting: dict[str, Any], coming: dict[str, Any], words: str) -> None:
    """An order that would open the other side of one at work is refused, of whatever type and class the two are."""
    bench = Bench(EVENING)
    bench.price(100)
    bench.place(**resting)
    error = refusal(bench, **coming)
    assert (error.status, error.code, error.message) == (403, 40310000, words)


def test_the_other_side_is_free_again_when_the_order_is_gone() -> None:
    """After the cancel the short sale is taken; another share was free all the time."""
    bench = Bench()
    bench.price(100)
    bench.price(50, "BRYX")
    buy = bench.place(**limit("buy", "98"))
    assert bench.place(symbol="BRYX", **limit("sell", "55")).status == "new"
    bench.cancel(buy)
    assert bench.place(**limit("sell", "102")).status == "new"


def test_orders_that_close_are_no_openings() -> None:
    """Beside a buy that adds to a position its exits are taken; beside a buy that covers, so is more of the short."""
    bench = Bench()
    bench.price(100)
    bench.place()
    bench.place(**limit("buy", "95"))
    assert bench.place(**limit("sell", "105")).position_intent == "sell_to_close"
    short = Bench()
    short.price(100)
    short.place(side="sell")
    short.place(**limit("buy", "95"))
    assert short.place(**limit("sell", "105")).position_intent == "sell_to_open"


def test_a_refused_stop_leaves_the_position_bare() -> None:
    """The accident of live trading: buy, and at once the stop. It is refused, the buy fills, and nothing guards it."""
    bench = Bench(EVENING)
    bench.price(100)
    bench.place()
    assert refusal(bench, side="sell", type="trailing_stop", trail_percent="5").message == SHORT
    bench.go_to(MORNING)
    bench.price(100)
    assert bench.trading.books.quantity("AVOR") == 10
    assert not bench.trading.orders.open()


# --- brackets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "body", "code", "words"),
    [
        ("buy", {"side": "sell", "order_class": "bracket", **SHORT_EXITS}, 42210000, "bracket orders must be entry"),
        ("sell", {"side": "buy", "order_class": "bracket", **EXITS}, 42210000, "bracket orders must be entry orders"),
        (
            "buy",
            {"side": "sell", "order_class": "oto", "stop_loss": {"stop_price": "110"}},
            42210000,
            "oto orders must be entry orders",
        ),
        (
            "",
            {"type": "stop", "stop_price": "105", "order_class": "bracket", **EXITS},
            40010001,
            "bracket orders must be market or limit orders",
        ),
        (
            "",
            {"type": "stop_limit", "stop_price": "105", "limit_price": "106", "order_class": "bracket", **EXITS},
            40010001,
            "bracket orders must be market or limit orders",
        ),
    ],
)
def test_a_bracket_opens_a_position(held: str, body: dict[str, Any], code: int, words: str) -> None:
    """A bracket or OTO that would close is refused, and one that is entered by a stop."""
    bench = Bench()
    bench.price(100)
    if held:
        bench.place(side=held)
    error = refusal(bench, **body)
    assert (error.status, error.code) == (422, code)
    assert error.message.startswith(words)


# --- stops that the market has reached -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "stop", "relation"),
    [("sell", "100", "less"), ("sell", "100.01", "less"), ("buy", "100", "greater"), ("buy", "99.99", "greater")],
)
@pytest.mark.parametrize("terms", [{"type": "stop"}, {"type": "stop_limit", "limit_price": "100"}])
def test_a_stop_that_was_reached_is_refused(side: str, stop: str, relation: str, terms: dict[str, Any]) -> None:
    """A sell's stop has to be below the last price and a buy's above it; the refusal names both prices."""
    bench = Bench()
    bench.price(100)
    error = refusal(bench, side=side, stop_price=stop, **terms)
    assert (error.status, error.code) == (422, 42210000)
    assert error.message == f"stop price must be {relation} than current price"
    assert error.extras == {"market_price": "100", "stop_price": stop}


def test_a_stop_on_its_side_is_taken_and_can_not_be_moved_over_the_price() -> None:
    """Below the price it is a stop; moved to the price it is refused, and works where it was."""
    bench = Bench()
    bench.price(100)
    bench.place()
    stop = bench.place(side="sell", type="stop", stop_price="99")
    with pytest.raises(ApiError, match="stop price must be less than current price"):
        bench.replace(stop, stop_price="100")
    bench.price(98.5)
    assert stop.status == "filled"


def test_the_stop_of_a_pair_can_not_be_moved_over_the_price() -> None:
    """The same for the stop-loss of a bracket."""
    bench = Bench()
    bench.price(100)
    _, _, loss = bench.bracket()
    with pytest.raises(ApiError, match="stop price must be less than current price"):
        bench.replace(loss, stop_price="100.5")
    assert bench.replace(loss, stop_price="99").is_open


# --- changes and cancels ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"limit_price": "90"},
        {"limit_price": 90.0, "qty": "10", "time_in_force": "day"},
        {"qty": 10},
        {"client_order_id": "another"},
    ],
)
def test_a_change_that_changes_nothing_is_refused(change: dict[str, Any]) -> None:
    """What is asked for is what the order has: 422, and the order keeps its id and its place."""
    bench = Bench()
    bench.price(100)
    order = bench.place(**limit("buy", "90"))
    with pytest.raises(ApiError, match="order parameters are not changed") as caught:
        bench.replace(order, **change)
    assert (caught.value.status, caught.value.code) == (422, 42210000)
    assert (order.status, len(bench.trading.orders.all())) == ("new", 1)


def test_a_trail_that_is_the_same_is_no_change() -> None:
    """A trailing stop is changed by another trail only."""
    bench = Bench()
    bench.price(100)
    bench.place()
    order = bench.place(side="sell", type="trailing_stop", trail_percent="5")
    with pytest.raises(ApiError, match="not changed"):
        bench.replace(order, trail="5.0")
    assert bench.replace(order, trail="4").trail_percent == 4


@pytest.mark.parametrize(("qty", "is_taken"), [(5, False), (7, False), (8, True)])
def test_a_quantity_is_above_what_has_filled(qty: int, is_taken: bool) -> None:
    """Seven of ten have filled: five or seven are refused, eight are taken."""
    bench = Bench()
    bench.world.faults.arm(FAULTS.parse({"name": "partial_fills", "fraction": 0.7}))
    bench.price(100)
    order = bench.place()
    assert (order.filled_qty, order.status) == (Decimal(7), "partially_filled")
    if is_taken:
        assert bench.replace(order, qty=qty).qty == 8
        return
    with pytest.raises(ApiError, match="qty must be > filled_qty") as caught:
        bench.replace(order, qty=qty)
    assert (caught.value.status, caught.value.code) == (422, 42210000)
    bench.price(100)
    assert bench.trading.books.quantity("AVOR") == 10


@pytest.mark.parametrize("how", ["canceled", "expired", "replaced", "filled"])
def test_what_has_ended_can_not_be_canceled(how: str) -> None:
    """Each end is named in the refusal."""
    bench = Bench()
    bench.price(100)
    order = bench.place(**limit("buy", "90"))
    if how == "canceled":
        bench.cancel(order)
    elif how == "expired":
        bench.go_to(order.expires_ns)
    elif how == "replaced":
        bench.replace(order, limit_price="91")
    else:
        bench.price(89)
    assert order.status == how
    with pytest.raises(ApiError) as caught:
        bench.cancel(order)
    error = caught.value
    assert (error.status, error.code, error.message) == (422, 42210000, f'order is already in "{how}" state')


# --- fractions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "percentage", "sold"),
    [("3", "50", "1"), ("10", "25", "2"), ("4", "50", "2"), ("3.5", "50", "1.75"), ("3", "100", "3")],
)
def test_a_percentage_of_whole_shares_is_whole_shares(held: str, percentage: str, sold: str) -> None:
    """A fraction is sold of a fractional position only."""
    bench = Bench()
    bench.price(100)
    bench.place(qty=held)
    wanted = closing_request(bench.trading, make_asset("AVOR"), None, Decimal(percentage))
    assert wanted.qty == Decimal(sold)


def test_a_percentage_of_one_share_is_nothing_to_sell() -> None:
    """Half of one share is no share: refused, and the share stays."""
    bench = Bench()
    bench.price(100)
    bench.place(qty="1")
    with pytest.raises(ApiError, match="qty must be > 0"):
        bench.trading.submit(closing_request(bench.trading, make_asset("AVOR"), None, Decimal("50")))


@pytest.mark.parametrize("body", [{"qty": "0.5"}, {"notional": "50"}])
def test_fractions_can_be_turned_off(body: dict[str, Any]) -> None:
    """With fractional_trading off a part of a share is refused; whole shares and coins are not concerned."""
    bench = Bench()
    bench.price(100)
    bench.price(100, "BTC/USD")
    bench.trading.configure({"fractional_trading": False})
    error = refusal(bench, **body)
    assert (error.status, error.code) == (403, 40310000)
    assert bench.place(qty="1").status == "filled"
    assert bench.place(symbol="BTC/USD", qty="0.5", time_in_force="gtc").status == "filled"


@pytest.mark.parametrize("body", [{}, {"symbol": "BTC/USD", "time_in_force": "gtc"}])
def test_money_has_two_decimals(body: dict[str, Any]) -> None:
    """An order for money names cents; Alpaca's own words."""
    bench = Bench()
    for symbol in ("AVOR", "BTC/USD"):
        bench.price(100, symbol)
    error = refusal(bench, notional="50.001", **body)
    assert (error.status, error.code) == (422, 42210000)
    assert error.message == "notional value must be limited to 2 decimal places"
    assert bench.place(notional="50.01", **body).status == "filled"


def test_exits_of_a_coin_without_a_class_are_left_out_in_silence() -> None:
    """The order is taken and the coin bought; nothing guards it."""
    bench = Bench()
    bench.price(100, "BTC/USD")
    order = bench.place(symbol="BTC/USD", qty="1", time_in_force="gtc", **EXITS)
    assert (order.status, order.leg_ids) == ("filled", [])
    assert not bench.trading.orders.open()
