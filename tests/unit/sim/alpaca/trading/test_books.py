"""The account's money, shares and figures."""

from decimal import Decimal
from typing import Any

import pytest

from holdfast.core.types import HOUR_NS
from holdfast.sim.alpaca.errors import ApiError
from holdfast.sim.alpaca.faults.catalogue import FAULTS
from holdfast.sim.alpaca.market.assets import make_asset
from holdfast.sim.alpaca.trading.account import account_json
from holdfast.sim.alpaca.trading.activities import ActivityRequest, activities_json
from holdfast.sim.alpaca.trading.curve import HistoryRequest, history_json, read_history
from holdfast.sim.alpaca.trading.positions import closing_request, position_json
from tests.unit.sim.alpaca.trading.kit import MORNING, OPEN, Bench

DAY = 24 * HOUR_NS
CLOSE = OPEN + 6 * HOUR_NS + HOUR_NS // 2


def account(bench: Bench) -> dict[str, Any]:
    return account_json(bench.trading.account, bench.trading.funds)


def position(bench: Bench, symbol: str = "AVOR") -> dict[str, str]:
    return position_json(bench.trading, bench.world.market, make_asset(symbol))


def test_cash_is_exact() -> None:
    """Deposit less what was bought plus what was sold, to the last digit, over odd quantities and prices."""
    bench = Bench()
    expected = Decimal(100_000)
    for number in range(1, 30):
        bench.price(31.37 + number * 0.07)
        order = bench.place(qty=f"{number / 7:.9f}", side="buy" if number % 3 else "sell")
        expected -= sum(
            (one.price * one.quantity * order.side.sign for one in bench.trading.executions.all()[-1:]), Decimal(0)
        )
        assert order.status == "filled"
    assert bench.trading.books.cash == expected
    sums = sum(one.price * one.quantity * one.side.sign for one in bench.trading.executions.all())
    assert bench.trading.books.cash == 100_000 - sums


def test_held_shares_are_not_available() -> None:
    """What a resting sell may take is held; an order for more than the rest is refused with all three figures."""
    bench = Bench()
    bench.price(100)
    bench.place()
    bench.place(side="sell", qty="4", type="limit", limit_price="120")
    assert (position(bench)["qty"], position(bench)["qty_available"]) == ("10", "6")
    with pytest.raises(ApiError) as caught:
        bench.send(side="sell", qty="7")
    error = caught.value
    assert (error.status, error.code) == (403, 40310000)
    assert error.message == "insufficient qty available for order (requested: 7, available: 6)"
    assert error.extras == {"available": "6", "existing_qty": "10", "held_for_orders": "4", "symbol": "AVOR"}


def test_no_order_crosses_zero() -> None:
    """Neither a long nor a short can be turned round by one order."""
    bench = Bench()
    bench.price(100)
    bench.place()
    with pytest.raises(ApiError, match="requested: 11, available: 10"):
        bench.send(side="sell", qty="11")
    bench.place(side="sell")
    bench.place(side="sell")
    with pytest.raises(ApiError, match="requested: 11, available: 10"):
        bench.send(side="buy", qty="11")


def test_buying_power_is_reserved_and_given_back() -> None:
    """An open buy takes its value from the buying power until it is canceled; a fill takes it for good."""
    bench = Bench()
    bench.price(100)
    assert account(bench)["buying_power"] == "400000"
    order = bench.place(type="limit", limit_price="90", qty="100")
    assert account(bench)["buying_power"] == "391000"
    bench.cancel(order)
    assert account(bench)["buying_power"] == "400000"
    bench.place(qty="100")
    assert account(bench)["cash"] == "89999"
    assert account(bench)["buying_power"] == "389996"
    with pytest.raises(ApiError) as caught:
        bench.send(qty="3900")
    assert caught.value.extras == {"buying_power": "389996", "cost_basis": "390039"}


def test_a_replacement_is_measured_without_the_old_order() -> None:
    """A buy that takes nearly everything can be moved: what the old one reserved is free for the new."""
    bench = Bench()
    bench.price(100)
    old = bench.place(type="limit", limit_price="99", qty="4000")
    new = bench.replace(old, limit_price="100")
    assert (new.status, account(bench)["buying_power"]) == ("new", "0")


def test_a_small_account_has_no_margin() -> None:
    """Below two thousand dollars of equity the multiplier is one, and nothing can be sold short."""
    bench = Bench()
    bench.price(100)
    bench.place(qty="1000")
    bench.price(1.50)
    assert (account(bench)["multiplier"], account(bench)["shorting_enabled"]) == ("1", False)
    with pytest.raises(ApiError, match="account is not allowed to short"):
        bench.send(side="sell", symbol="BRYX", qty="1")


def test_a_short_position() -> None:
    """A short has negative quantity, cost and value; it gains when the price falls; buying it back is a closing order."""
    bench = Bench()
    bench.price(100)
    sold = bench.place(side="sell", qty="10")
    assert sold.position_intent == "sell_to_open"
    bench.price(90)
    row = position(bench)
    assert (row["side"], row["qty"], row["cost_basis"]) == ("short", "-10", "-999.9")
    assert (row["market_value"], row["unrealized_pl"]) == ("-900", "99.9")
    bought = bench.place(side="buy", qty="10")
    assert (bought.position_intent, account(bench)["cash"]) == ("buy_to_close", "100099.8")


def test_coins_take_cash_only() -> None:
    """A coin is bought with cash, not on margin, and its position is spelled without a slash."""
    bench = Bench()
    bench.price(50_000, "BTC/USD")
    coin = {"symbol": "BTC/USD", "time_in_force": "gtc"}
    bench.place(qty="1.5", **coin)
    assert position(bench, "BTC/USD")["symbol"] == "BTCUSD"
    with pytest.raises(ApiError, match="insufficient balance for USD"):
        bench.send(qty="0.6", **coin)


def test_closing_a_part_of_a_position() -> None:
    """By quantity or by percentage, of a fraction rounded down to nine decimals; both together are refused."""
    bench = Bench()
    bench.price(100)
    bench.place(qty="7.5")
    asset = make_asset("AVOR")
    third = closing_request(bench.trading, asset, None, Decimal("33.3"))
    assert (third.qty, third.side, third.time_in_force) == (Decimal("2.4975"), "sell", "day")
    with pytest.raises(ApiError):
        closing_request(bench.trading, asset, Decimal(1), Decimal(1))
    with pytest.raises(ApiError) as none:
        closing_request(bench.trading, make_asset("BRYX"), None, None)
    assert (none.value.status, none.value.message) == (404, "position does not exist")


def test_fills_are_activities_in_pages() -> None:
    """Newest first, a page at a time from where the last ended; ids begin with New York's time and end with the execution."""
    bench = Bench()
    bench.price(100)
    for _ in range(5):
        bench.place(qty="1")
        bench.price(100)
    trading = bench.trading
    seen: list[str] = []
    token = None
    while True:
        wanted = ActivityRequest(types=frozenset({"FILL"}), page_size=2, page_token=token)
        rows = activities_json(trading.account, trading.executions.all(), wanted)
        if not rows:
            break
        seen += [row["id"] for row in rows]
        token = seen[-1]
    assert seen == [one.activity_id for one in reversed(trading.executions.all())]
    assert seen[-1].startswith("20240710100001")
    assert seen[-1].endswith(trading.executions.all()[0].id)
    everything = activities_json(trading.account, trading.executions.all(), ActivityRequest(ascending=True))
    assert [row["activity_type"] for row in everything] == ["JNLC"] + ["FILL"] * 5
    after = ActivityRequest(after_ns=trading.executions.all()[3].time_ns)
    assert len(activities_json(trading.account, trading.executions.all(), after)) == 1


def test_a_partial_fill_says_what_is_left() -> None:
    """The FILL rows of an order in pieces count up, and only the last is a fill."""
    bench = Bench()
    bench.world.faults.arm(FAULTS.parse({"name": "partial_fills", "fraction": 0.4, "times": 2}))
    bench.price(100)
    order = bench.place(qty="10")
    bench.price(100)
    bench.price(100)
    rows = activities_json(
        bench.trading.account, bench.trading.executions.all(), ActivityRequest(types=frozenset({"FILL"}))
    )
    figures = [(row["type"], row["qty"], row["cum_qty"], row["leaves_qty"]) for row in reversed(rows)]
    assert figures == [("partial_fill", "4", "4", "6"), ("partial_fill", "2", "6", "4"), ("fill", "4", "10", "0")]
    assert order.status == "filled"


def test_a_busted_fill_never_was() -> None:
    """After a bust the position, the cash, the order's filled quantity and the activities are as before the fill."""
    bench = Bench()
    bench.price(100)
    bench.place(qty="4")
    second = bench.place(qty="6")
    assert bench.trading.bust_last_fill()
    assert bench.trading.books.cash == 100_000 - 4 * Decimal("100.01")
    assert (bench.trading.books.quantity("AVOR"), second.filled_qty) == (Decimal(4), Decimal(0))
    assert [one.order_id for one in bench.trading.executions.all()] != [second.id]
    assert bench.heard[-1]["event"] == "trade_bust"
    assert bench.heard[-1]["position_qty"] == "4"
    assert not Bench().trading.bust_last_fill()


def test_a_corrected_fill_has_another_price() -> None:
    """After a correction cash and average price go by the new price; the quantity stays."""
    bench = Bench()
    bench.price(100)
    order = bench.place(client_order_id="mine")
    assert bench.trading.correct_last_fill("mine", Decimal("99"))
    assert (order.filled_qty, order.filled_cost) == (Decimal(10), Decimal(990))
    assert bench.trading.books.cash == 99_010
    data = bench.heard[-1]
    assert (data["event"], data["price"], data["order"]["filled_avg_price"]) == ("trade_correct", "99", "99")


def test_yesterday_is_remembered() -> None:
    """The worth at the close becomes last_equity when the next trading day begins."""
    bench = Bench()
    bench.price(100)
    bench.place(qty="10")
    bench.price(110)
    bench.go_to(CLOSE)
    bench.price(150, after_s=60)
    assert account(bench)["last_equity"] == "100000"
    bench.go_to(OPEN + DAY)
    assert (account(bench)["last_equity"], account(bench)["balance_asof"]) == ("100099.9", "2024-07-10")


def test_the_history_follows_the_account() -> None:
    """Each point is the worth at its time, in seconds, and the profit is measured from the day's beginning."""
    bench = Bench()
    bench.price(100)
    bench.place(qty="10")
    for minute in range(1, 6):
        bench.price(100 + minute, after_s=60)
    start, end, frame = read_history("1D", "1Min", None, None, bench.now_ns)
    body = history_json(
        bench.trading.curve, bench.world.calendar, HistoryRequest(start_ns=start, end_ns=end, timeframe=frame)
    )
    assert body["timestamp"][0] == MORNING // 10**9
    assert body["equity"] == [100_000.0, 100_000.0, 100_009.9, 100_019.9, 100_029.9, 100_039.9]
    assert body["profit_loss"][-1] == pytest.approx(body["equity"][-1] - 100_000)
    assert body["base_value"] == 100_000.0
    with pytest.raises(ApiError, match="invalid period"):
        read_history("soon", None, None, None, bench.now_ns)


def test_the_history_begins_with_the_account() -> None:
    """Seconds after it was opened each frame has a point, of the opening worth."""
    bench = Bench()
    for period, name in (("1D", "1Min"), ("1D", "5Min"), ("1W", "15Min"), ("1M", "1H"), ("1M", None)):
        start, end, frame = read_history(period, name, None, None, bench.now_ns)
        wanted = HistoryRequest(start_ns=start, end_ns=end, timeframe=frame)
        assert history_json(bench.trading.curve, bench.world.calendar, wanted)["equity"][-1] == 100_000
