"""What trades cost: a coin's fee goes at once from what is received, the regulators' after the day; both are listed with the day."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from holdfast.core.types import DAY_NS, HOUR_NS
from holdfast.sim.alpaca.errors import ApiError
from holdfast.sim.alpaca.market.opening import time_from
from holdfast.sim.alpaca.trading.activities import ActivityRequest, activities_json
from holdfast.sim.alpaca.trading.order import Order
from tests.unit.sim.alpaca.trading.kit import Bench

COIN: dict[str, Any] = {"symbol": "BTC/USD", "time_in_force": "gtc"}
POSTED = time_from("2024-07-11T00:15:00Z")


def bench_with_fees(price: float = 40_000, **more: Any) -> Bench:
    bench = Bench(has_fees=True, **more)
    bench.quote(price, price, "BTC/USD")
    bench.quote(100, 100)
    return bench


def listed(bench: Bench, *types: str) -> list[dict[str, Any]]:
    wanted = ActivityRequest(now_ns=bench.trading.now_ns, types=frozenset(types))
    return activities_json(bench.trading.account, bench.trading.executions.all(), wanted)


def test_a_bought_coin_is_less_than_was_bought() -> None:
    """Of 0.1 bought there are 0.09975, the order says 0.1, and selling what was bought is refused; what is there can be sold."""
    bench = bench_with_fees()
    order = bench.place(**COIN, qty="0.1")
    assert (order.filled_qty, bench.trading.books.quantity("BTC/USD")) == (Decimal("0.1"), Decimal("0.09975"))
    assert bench.heard[-1]["position_qty"] == "0.09975"
    assert bench.trading.books.cash == 96_000
    with pytest.raises(ApiError, match=r"insufficient balance for BTC \(requested: 0.1, available: 0.09975\)"):
        bench.send(**COIN, qty="0.1", side="sell")
    assert bench.place(**COIN, qty="0.09975", side="sell").status == "filled"
    assert not bench.trading.books.ledgers


def test_a_sold_coin_brings_less_money() -> None:
    """Sold for 3,990 dollars, of which 0.25 % are the fee: 9.975."""
    bench = bench_with_fees()
    bench.place(**COIN, qty="0.1")
    bench.place(**COIN, qty="0.09975", side="sell")
    assert bench.trading.books.cash == Decimal(96_000) + Decimal(3990) - Decimal("9.975")


def test_who_waits_in_the_book_pays_less() -> None:
    """A limit that rested pays 0.15 %, one that met a quote at once 0.25 %."""
    bench = bench_with_fees()
    bench.place(**COIN, qty="0.1", type="limit", limit_price="40000")
    assert bench.trading.books.quantity("BTC/USD") == Decimal("0.09975")
    rests = bench.place(**COIN, qty="0.1", type="limit", limit_price="39000")
    bench.trade(38_900, "BTC/USD")
    assert rests.status == "filled"
    assert bench.trading.books.quantity("BTC/USD") == Decimal("0.09975") + Decimal("0.09985")


def test_who_trades_much_pays_less() -> None:
    """From 100,000 dollars in thirty days on the taker's fee is 0.22 %; when they are over it is 0.25 % again."""
    bench = bench_with_fees(50_000)
    first = bench.place(**COIN, qty="1")
    assert taken(bench, first) == Decimal("0.0025")
    second = bench.place(**COIN, qty="0.9", side="sell")
    assert taken(bench, second) == Decimal(45_000) * Decimal("0.0025")
    third = bench.place(**COIN, qty="0.5")
    assert taken(bench, third) == Decimal("0.5") * Decimal("0.0025")
    fourth = bench.place(**COIN, qty="0.1")
    assert taken(bench, fourth) == Decimal("0.1") * Decimal("0.0022")
    bench.go_to(bench.now_ns + 31 * DAY_NS)
    bench.quote(50_000, 50_000, "BTC/USD")
    assert taken(bench, bench.place(**COIN, qty="0.1")) == Decimal("0.1") * Decimal("0.0025")


def taken(bench: Bench, order: Order) -> Decimal:
    """The fee of an order's one fill, in whatever it was taken."""
    (fill,) = (one for one in bench.trading.executions.all() if one.order_id == order.id)
    (fee,) = (one for one in bench.trading.account.bookings if one.id.endswith(f"::{fill.id}"))
    return -fee.qty or -fee.net_amount


def test_a_coins_fee_is_listed_in_the_evening() -> None:
    """Not before 20:15 New York; then with the day in its id, the coins it took, and no money."""
    bench = bench_with_fees()
    bench.place(**COIN, qty="0.1")
    bench.go_to(POSTED - 1)
    assert listed(bench, "CFEE") == []
    bench.go_to(POSTED)
    (row,) = listed(bench, "CFEE")
    assert row["id"].startswith("20240710000000000::")
    shown = {name: row[name] for name in ("date", "symbol", "qty", "price", "net_amount", "status")}
    assert shown == {
        "date": "2024-07-10",
        "symbol": "BTCUSD",
        "qty": "-0.00025",
        "price": "40000",
        "net_amount": "0",
        "status": "executed",
    }
    assert bench.trading.books.quantity("BTC/USD") == Decimal("0.09975")


def test_the_regulators_fees_of_a_day() -> None:
    """200 shares sold for 20,000 in two trades, 200 bought: each kind is summed, rounded up to a cent and taken in the evening."""
    bench = bench_with_fees()
    bench.place(qty="200")
    for _ in range(2):
        bench.quote(100, 100)
        bench.place(qty="100", side="sell")
    assert bench.trading.books.cash == 100_000
    bench.go_to(POSTED)
    rows = {row["activity_sub_type"]: row for row in listed(bench, "FEE")}
    assert {name: row["net_amount"] for name, row in rows.items()} == {"REG": "-0.42", "TAF": "-0.04", "CAT": "-0.01"}
    assert rows["REG"]["description"] == "REG fee for proceed of $20000 on 2024-07-10"
    assert rows["TAF"]["description"] == "TAF fee for proceed of 200 shares (2 trades) on 2024-07-10"
    assert all(row["created_at"].startswith("2024-07-11T00:15") for row in rows.values())
    assert bench.trading.books.cash == Decimal(100_000) - Decimal("0.47")
    bench.go_to(POSTED + 3 * DAY_NS)
    assert len(listed(bench, "FEE")) == 3


def test_one_share_costs_a_cent_of_each_kind() -> None:
    """However small, a fee is a cent; a day of purchases alone has the one of both sides only."""
    bench = bench_with_fees()
    bench.place(qty="2")
    bench.go_to(POSTED)
    assert [row["activity_sub_type"] for row in listed(bench, "FEE")] == ["CAT"]
    bench.go_to(POSTED + 14 * HOUR_NS)
    bench.quote(100, 100)
    bench.place(qty="1", side="sell")
    bench.go_to(POSTED + DAY_NS)
    assert [row["net_amount"] for row in listed(bench, "FEE")] == ["-0.01"] * 4


def test_the_fee_for_shares_sold_has_a_most() -> None:
    """Of one trade of 60,000 shares 9.79 dollars are taken, not 11.70."""
    bench = bench_with_fees()
    bench.quote(1, 1)
    bench.place(qty="60000")
    bench.quote(1, 1)
    bench.place(qty="60000", side="sell")
    bench.go_to(POSTED)
    amounts = {row["activity_sub_type"]: row["net_amount"] for row in listed(bench, "FEE")}
    assert amounts["TAF"] == "-9.79"


def test_a_trade_that_is_taken_back_costs_nothing() -> None:
    """The bust of a coin's purchase takes its fee along: neither coins nor a debt of them are left."""
    bench = bench_with_fees()
    bench.place(**COIN, qty="0.1")
    assert bench.trading.bust_last_fill()
    assert bench.trading.books.cash == 100_000
    assert not bench.trading.books.ledgers
    assert not bench.trading.account.bookings


def test_fees_outlive_a_restart(tmp_path: Path) -> None:
    """Coins, cash, and what is still to be listed are as before."""
    path = tmp_path / "state"
    old = bench_with_fees(state=path)
    old.place(**COIN, qty="0.1")
    old.place(qty="5")
    assert old.state is not None
    old.state.close()
    new = Bench(has_fees=True, state=path)
    assert new.trading.books.quantity("BTC/USD") == Decimal("0.09975")
    assert new.trading.books.cash == 95_500
    new.go_to(POSTED)
    assert (len(listed(new, "CFEE")), len(listed(new, "FEE"))) == (1, 1)


def test_they_can_be_turned_off() -> None:
    """Without fees a coin is a coin, and no day costs anything."""
    bench = Bench()
    bench.quote(40_000, 40_000, "BTC/USD")
    bench.place(**COIN, qty="0.1")
    bench.go_to(POSTED)
    assert bench.trading.books.quantity("BTC/USD") == Decimal("0.1")
    assert listed(bench, "CFEE", "FEE") == []
