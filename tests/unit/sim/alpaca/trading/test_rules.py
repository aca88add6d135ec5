"""What the local Alpaca refuses, with which code and words."""

from decimal import Decimal
from typing import Any

import pytest

from holdfast.core.types import HOUR_NS
from holdfast.sim.alpaca.errors import ApiError
from holdfast.sim.alpaca.trading.request import read_object
from tests.unit.sim.alpaca.trading.kit import EVENING, MORNING, OPEN, Bench

LIMIT = {"type": "limit", "limit_price": "100"}
BRACKET = {"order_class": "bracket", "take_profit": {"limit_price": "110"}, "stop_loss": {"stop_price": "90"}}
OCO = {**BRACKET, "order_class": "oco", "type": "limit", "side": "sell"}
STOP_LIMIT = {"type": "stop_limit", "stop_price": "90", "limit_price": "85.5"}
COIN = {"symbol": "BTC/USD", "time_in_force": "gtc", "qty": "1"}


def refusal(bench: Bench, **body: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        bench.send(**body)
    return caught.value


@pytest.mark.parametrize(
    ("body", "status", "code", "words"),
    [
        ({"symbol": "NOPE"}, 422, 42210000, 'asset "NOPE" not found'),
        ({"qty": None}, 422, 40010001, "qty or notional is required"),
        ({"qty": "1", "notional": "5"}, 422, 40010001, "only one of qty or notional is accepted"),
        ({"qty": "0"}, 422, 40010001, "qty must be > 0"),
        ({"qty": "-3"}, 422, 40010001, "qty must be > 0"),
        ({"qty": "1.0000000001"}, 422, 40010001, "qty must be limited to 9 decimal places"),
        ({"notional": "0.99"}, 422, 42210000, "notional must be >= 1.00"),
        ({"type": "limit"}, 422, 40010001, "limit orders require a limit price"),
        ({"type": "stop"}, 422, 40010001, "stop orders require a stop price"),
        (
            {"type": "stop_limit", "stop_price": "99"},
            422,
            40010001,
            "stop limit orders require both stop and limit price",
        ),
        ({"limit_price": "100"}, 422, 40010001, "market orders require no stop or limit price"),
        ({**LIMIT, "stop_price": "90"}, 422, 40010001, "limit orders require no stop price"),
        ({"type": "trailing_stop"}, 422, 40010001, "trailing stop orders must specify one of"),
        ({"type": "trailing_stop", "trail_percent": "100"}, 422, 40010001, "trail_percent must be > 0 and < 100"),
        ({"type": "nonsense"}, 422, 40010001, "invalid order type"),
        ({"time_in_force": "gtx"}, 422, 40010001, "invalid time_in_force"),
        ({"type": "stop", "stop_price": "120", "time_in_force": "ioc"}, 422, 40010001, "invalid time_in_force"),
        (
            {"type": "limit", "limit_price": "290.123"},
            422,
            42210000,
            "invalid limit_price 290.123. sub-penny increment does not fulfill minimum pricing criteria",
        ),
        ({"type": "limit", "limit_price": "0.12345"}, 422, 42210000, "invalid limit_price 0.12345. sub-penny"),
        ({"type": "stop", "stop_price": "120.001"}, 422, 42210000, "invalid stop_price 120.001. sub-penny"),
        ({"qty": "1.5", "time_in_force": "gtc"}, 422, 42210000, "fractional orders must be DAY orders"),
        ({"qty": "1.5", **BRACKET}, 422, 42210000, "fractional orders must be simple orders"),
        ({"qty": "1.5", **OCO, "time_in_force": "day"}, 422, 42210000, "fractional orders must be simple orders"),
        ({"qty": "1.5", **OCO, "time_in_force": "gtc"}, 422, 42210000, "fractional orders must be DAY orders"),
        ({"qty": "1.5", "side": "sell"}, 422, 42210000, "fractional orders cannot be sold short"),
        ({"extended_hours": True}, 422, 42210000, "extended hours order must be DAY or GTC limit orders"),
        ({**BRACKET, "extended_hours": True, **LIMIT}, 422, 42210000, "extended hours are not allowed for bracket"),
        ({**BRACKET, "time_in_force": "ioc"}, 422, 40010001, "bracket orders must be DAY or GTC orders"),
        ({**BRACKET, "stop_loss": None}, 422, 40010001, "bracket orders require stop_loss.stop_price"),
        ({**BRACKET, "take_profit": None}, 422, 40010001, "bracket orders require take_profit.limit_price"),
        ({**BRACKET, "order_class": "oto"}, 422, 40010001, "oto orders require either take_profit or stop_loss"),
        ({**BRACKET, "order_class": ""}, 422, 40010001, "take_profit and stop_loss require order_class"),
        ({**BRACKET, "order_class": "oco", "type": "limit", "side": "sell"}, 422, 42210000, "oco orders must be exit"),
        ({"order_class": "mleg"}, 403, 40310000, "submit mleg order is disabled"),
        ({"symbol": "AVOR261218C00100000"}, 403, 40310000, "account is not authorized to trade options"),
        ({"position_intent": "sell_to_close"}, 422, 42210000, "position intent mismatch, inferred: buy_to_open"),
        ({"client_order_id": "x" * 129}, 422, 40010001, "client_order_id must be no more than 128 characters"),
        ({"qty": True}, 400, 40010000, "failed to decode request body: qty must be a number"),
        ({**COIN, "time_in_force": "day"}, 422, 42210000, "invalid crypto time_in_force"),
        ({**COIN, "type": "stop", "stop_price": "200"}, 422, 42210000, "invalid order type for crypto order"),
        ({**COIN, "type": "trailing_stop", "trail_percent": "5"}, 422, 42210000, "invalid order type for crypto order"),
        ({**COIN, **STOP_LIMIT, "time_in_force": "ioc"}, 422, 42210000, "invalid crypto time_in_force"),
        ({**COIN, **OCO}, 422, 42210000, "crypto orders not allowed for advanced order_class: oco"),
        ({**COIN, **BRACKET}, 422, 42210000, "crypto orders not allowed for advanced order_class: bracket"),
        ({**COIN, "side": "sell"}, 403, 40310000, "insufficient balance for BTC (requested: 1, available: 0)"),
        ({**COIN, "qty": "0.01"}, 403, 40310000, "cost basis must be >= minimal amount of order 10"),
        ({**COIN, "qty": "100000"}, 403, 40310000, "insufficient balance for USD"),
        ({"qty": "5000"}, 403, 40310000, "insufficient buying power"),
        ({"time_in_force": "opg"}, 403, 40310000, "opg orders are only accepted between"),
    ],
)
def test_what_is_refused(body: dict[str, Any], status: int, code: int, words: str) -> None:
    """Each rule of the table refuses with its status, its code and Alpaca's words, and makes no order."""
    bench = Bench()
    bench.price(100)
    bench.price(100, "BTC/USD")
    error = refusal(bench, **body)
    assert (error.status, error.code) == (status, code)
    assert error.message.startswith(words)
    assert not bench.trading.orders.all()


@pytest.mark.parametrize(
    "exit_order",
    [
        {"qty": "1.5", "type": "stop", "stop_price": "90", "time_in_force": "day"},
        {"qty": "1.5", "type": "limit", "limit_price": "110", "time_in_force": "day"},
        {**COIN, **STOP_LIMIT},
        {**COIN, "type": "limit", "limit_price": "110"},
    ],
)
def test_what_is_taken_of_exits(exit_order: dict[str, Any]) -> None:
    """A fraction's stop or limit for the day, a coin's stop-limit or limit until canceled."""
    bench = Bench()
    for symbol in ("AVOR", "BTC/USD"):
        bench.price(100, symbol)
    bench.send(**{name: exit_order[name] for name in ("symbol", "time_in_force", "qty") if name in exit_order})
    bench.price(100, str(exit_order.get("symbol", "AVOR")))
    assert bench.send(**exit_order, side="sell").status in ("accepted", "pending_new", "new")


@pytest.mark.parametrize(
    ("exits", "words", "base"),
    [
        ({"take_profit": {"limit_price": "100"}}, "take_profit.limit_price must be >= base_price + 0.01", "100"),
        ({"stop_loss": {"stop_price": "100"}}, "stop_loss.stop_price must be <= base_price - 0.01", "100"),
    ],
)
def test_exits_keep_a_cent_from_the_market(exits: dict[str, Any], words: str, base: str) -> None:
    """An exit on the wrong side of the market is refused, and the refusal names the price it went by."""
    bench = Bench()
    bench.price(100)
    error = refusal(bench, **(BRACKET | exits))
    assert (error.status, error.code, error.message) == (422, 42210000, words)
    assert error.extras == {"base_price": base}


def test_exits_of_a_limit_entry_go_by_its_limit() -> None:
    """With a limit entry the take-profit is measured from the limit, wherever the market is."""
    bench = Bench()
    bench.price(100)
    terms = BRACKET | {"type": "limit", "limit_price": "95", "take_profit": {"limit_price": "97"}}
    assert bench.send(**terms).status == "accepted"
    error = refusal(bench, **(terms | {"take_profit": {"limit_price": "95"}}))
    assert error.extras == {"base_price": "95"}


def test_a_client_order_id_is_used_once_for_ever() -> None:
    """The id of an order that is long canceled is still refused."""
    bench = Bench()
    bench.price(100)
    bench.cancel(bench.place(client_order_id="mine", type="limit", limit_price="50"))
    error = refusal(bench, client_order_id="mine")
    assert (error.status, error.code, error.message) == (422, 40010001, "client_order_id must be unique")


def test_auction_orders_have_their_hours() -> None:
    """An opg order is taken in the evening, and a cls order until ten to four."""
    assert Bench(EVENING + 2 * HOUR_NS).send(time_in_force="opg").time_in_force == "opg"
    assert Bench(MORNING).send(time_in_force="cls").time_in_force == "cls"
    late = refusal(Bench(OPEN + 6 * HOUR_NS + HOUR_NS // 2 - HOUR_NS // 12), time_in_force="cls")
    assert late.status == 403


@pytest.mark.parametrize(
    ("resting", "coming", "is_wash"),
    [
        ({"type": "limit", "limit_price": "101"}, {"type": "limit", "limit_price": "100.99"}, False),
        ({"type": "limit", "limit_price": "101"}, {"type": "limit", "limit_price": "101"}, True),
        ({"type": "limit", "limit_price": "101"}, {"type": "market"}, True),
        ({"type": "stop", "stop_price": "80"}, {"type": "limit", "limit_price": "99"}, True),
        ({"type": "trailing_stop", "trail_percent": "5"}, {"type": "market"}, False),
    ],
)
def test_wash_trades(resting: dict[str, Any], coming: dict[str, Any], is_wash: bool) -> None:
    """An order that could trade with a resting one of the account is refused; trailing stops are let be."""
    bench = Bench()
    bench.price(100)
    bench.place(qty="10")
    seller = bench.place(side="sell", qty="10", **resting)
    if not is_wash:
        assert bench.send(**coming).side == "buy"
        return
    error = refusal(bench, **coming)
    assert (error.status, error.code) == (403, 40310000)
    assert error.message == "potential wash trade detected. use complex orders"
    assert error.extras["existing_order_id"] == seller.id


def test_numbers_and_texts_mean_the_same() -> None:
    """A price sent as a JSON number is the decimal that was written, not the float nearest to it."""
    bench = Bench()
    bench.price(100)
    order = bench.send(type="limit", limit_price=99.1, qty=1.0)
    assert (str(order.limit_price), order.qty) == ("99.1", Decimal(1))


def test_a_suspended_account_takes_no_orders() -> None:
    """An account whose owner suspended trading refuses every order until that is taken back."""
    bench = Bench()
    bench.price(100)
    bench.trading.configure({"suspend_trade": True, "pdt_check": None})
    assert refusal(bench).status == 403
    bench.trading.configure({"suspend_trade": False})
    assert bench.send().status == "accepted"


def test_no_shorting_is_obeyed() -> None:
    """An account set to no_shorting can't sell what it has not."""
    bench = Bench()
    bench.price(100)
    bench.trading.configure({"no_shorting": "true"})
    error = refusal(bench, side="sell")
    assert (error.status, error.message) == (403, "account is not allowed to short")


def test_endless_nesting_is_undecodable() -> None:
    """A body of brackets alone is refused like any other that is no order."""
    with pytest.raises(ApiError) as caught:
        read_object(b"[" * 100_000)
    assert (caught.value.status, caught.value.code) == (400, 40010000)


@pytest.mark.parametrize(("sent", "taken"), [(0.1 + 0.2, "0.3"), ("0.00251234567899", "0.002512345"), ("1.50", "1.50")])
def test_a_coin_is_cut_to_its_smallest_step(sent: float | str, taken: str) -> None:
    """Alpaca (observed): what a quantity of coins has beyond nine decimals is left out, never rounded up."""
    bench = Bench()
    bench.price(40_000, "BTC/USD")
    order = bench.place(symbol="BTC/USD", qty=sent, time_in_force="gtc")
    assert (order.qty, order.filled_qty, order.status) == (Decimal(taken), Decimal(taken), "filled")


def test_a_dust_of_a_coin_is_nothing() -> None:
    """A quantity below the smallest step is cut to zero, which can't be ordered; shares are not cut but refused."""
    bench = Bench()
    bench.price(40_000, "BTC/USD")
    bench.price(100)
    with pytest.raises(ApiError, match="qty must be > 0"):
        bench.place(symbol="BTC/USD", qty="0.0000000009", time_in_force="gtc")
    with pytest.raises(ApiError, match="qty must be limited to 9 decimal places"):
        bench.place(qty="1.0000000009")
