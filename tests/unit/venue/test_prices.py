"""At what price each type of order fills against bars, quotes and trades."""

from decimal import Decimal

import pytest

from holdfast.venue.settings import FillAt
from tests.unit.venue.conftest import MakeBench


def test_a_market_order_fills_at_the_close_it_was_decided_on(venue: MakeBench) -> None:
    """With fill at close the order meets the bar just ended, at exactly the data's price."""
    bench = venue()
    bench.bar("100 102 99 100.1234567")
    assert bench.order("m", "buy 10") == ["1100 m accepted", "1100 m 10 @ 100.1234567"]


def test_a_market_order_waits_for_the_next_open(venue: MakeBench) -> None:
    """With fill at next open nothing fills on the bar of the decision."""
    bench = venue(fill=FillAt.NEXT_OPEN)
    bench.bar("100 102 99 101")
    assert bench.order("m", "sell 10") == ["1100 m accepted"]
    assert bench.bar("103 104 90 91") == ["1200 m 10 @ 103"]


def test_next_open_is_a_matter_of_bars(venue: MakeBench) -> None:
    """Quotes and trades are met at once whatever the setting for bars."""
    bench = venue(fill=FillAt.NEXT_OPEN)
    bench.trade(50)
    assert bench.order("m", "buy 1")[1] == "1100 m 1 @ 50"


def test_a_quote_is_met_on_its_side(venue: MakeBench) -> None:
    """Buys take the ask, sells the bid, and a side of zero leaves the known one standing."""
    bench = venue()
    bench.quote(99, 101)
    bench.quote(0, 102)
    assert bench.order("b", "buy 1")[1] == "1200 b 1 @ 102"
    assert bench.order("s", "sell 1")[1] == "1200 s 1 @ 99"


def test_a_trade_does_not_displace_a_standing_quote(venue: MakeBench) -> None:
    """After a trade an order still pays the quoted side; a bar does displace it."""
    bench = venue()
    bench.quote(99, 101)
    bench.trade(100)
    assert bench.order("q", "buy 1")[1] == "1200 q 1 @ 101"
    bench.bar("100 100 100 100.5")
    assert bench.order("b", "buy 1")[1] == "1300 b 1 @ 100.5"


def test_an_unknown_symbol_waits_for_data(venue: MakeBench) -> None:
    """Without any data an order rests, and meets the first bar at its open."""
    bench = venue()
    assert bench.order("m", "buy 1") == ["1000 m accepted"]
    assert bench.bar("7 9 6 8") == ["1100 m 1 @ 7"]


@pytest.mark.parametrize(
    ("order", "bar", "price"),
    [
        ("buy 1 limit=99", "100 101 99 100", "99"),  # touched
        ("buy 1 limit=99", "98 101 97 100", "98"),  # gap: better, at the open
        ("buy 1 limit=99", "100 101 99.01 100", None),
        ("sell 1 limit=101", "100 101 99 100", "101"),
        ("sell 1 limit=101", "102 103 101 102", "102"),
        ("buy 1 stop=102", "100 102 99 100", "102"),
        ("buy 1 stop=102", "103 104 102 103", "103"),  # gap: worse, at the open
        ("sell 1 stop=98", "100 101 98 100", "98"),
        ("sell 1 stop=98", "97 99 96 98", "97"),
        ("sell 1 stop=98", "100 101 98.01 100", None),
        ("buy 1 stop=102 limit=103", "100 104 99 104", "102"),  # triggered within the limit: at the trigger
        ("buy 1 stop=102 limit=101", "100 104 99 104", None),  # the low may have come before the trigger
        ("buy 1 stop=102 limit=101", "100 104 99 100.5", "101"),  # the close came after it
        ("buy 1 stop=102 limit=103", "104 105 102 105", "103"),  # triggered at the open: all the range comes after
        ("buy 1 stop=102 limit=103", "102.5 105 102 105", "102.5"),
        ("sell 1 stop=98 limit=97", "100 101 96 96", "98"),
        ("sell 1 stop=98 limit=99", "100 101 96 99.5", "99"),
    ],
)
def test_a_resting_order_meets_a_bar(venue: MakeBench, order: str, bar: str, price: str | None) -> None:
    """The open first, then the range, never better than is certain."""
    bench = venue()
    bench.bar("100 100 100 100")
    bench.order("x", order)
    assert bench.bar(bar) == ([f"1200 x 1 @ {price}"] if price else [])


@pytest.mark.parametrize(
    ("order", "price"),
    [
        ("buy 1 limit=101", "100"),
        ("buy 1 limit=100", "100"),
        ("buy 1 limit=99", None),
        ("sell 1 stop=100", "100"),
        ("sell 1 stop=101", "100"),
        ("sell 1 stop=99", None),
        ("buy 1 stop=99 limit=100", "100"),
        ("buy 1 stop=99 limit=99.5", None),
        ("sell 1 trail=1", None),
    ],
)
def test_an_arriving_order_meets_the_close(venue: MakeBench, order: str, price: str | None) -> None:
    """A marketable limit fills at the close, a stop that was passed triggers there, the rest stays."""
    bench = venue()
    bench.bar("90 110 90 100")
    assert bench.order("x", order)[1:] == ([f"1100 x 1 @ {price}"] if price else [])


def test_a_limit_at_rest_fills_at_its_own_price_on_ticks(venue: MakeBench) -> None:
    """Someone who sells through a resting bid hits the bid; only an arriving order gets the better price."""
    bench = venue()
    bench.trade(100)
    bench.order("rests", "buy 1 limit=99")
    assert bench.trade(97) == ["1200 rests 1 @ 99"]
    assert bench.order("comes", "buy 1 limit=99")[1] == "1200 comes 1 @ 97"


def test_stops_on_quotes_look_at_the_side_they_trade_on(venue: MakeBench) -> None:
    """A sell stop waits for the bid, a buy stop for the ask; a side that is not quoted moves nothing."""
    bench = venue()
    bench.quote(99, 101)
    bench.order("s", "sell 1 stop=98")
    bench.order("b", "buy 1 stop=102")
    assert bench.quote(0, 97) == []
    assert bench.quote(97.5, 0) == ["1300 s 1 @ 97.5"]
    assert bench.quote(0, 103) == ["1400 b 1 @ 103"]


@pytest.mark.parametrize(
    ("bars", "expected"),
    [
        (["100 101 98.01 101"], []),  # the old stop 98 holds, the new one is 99
        (["100 101 98 101"], ["1200 t 1 @ 98"]),  # stop from the close of arrival: 100 - 2
        (["97 99 96 98"], ["1200 t 1 @ 97"]),  # gap
        (["100 105 99 103.5"], []),
        (["100 105 99 103"], ["1200 t 1 @ 103"]),  # the close came after the high: 105 - 2
        (["103 104 101 104"], ["1200 t 1 @ 101"]),  # the open comes first and draws the stop to 101
        (["100 105 99 104", "104 104.5 102.5 104"], ["1300 t 1 @ 103"]),
    ],
)
def test_a_trailing_stop_follows_the_best_price(venue: MakeBench, bars: list[str], expected: list[str]) -> None:
    """Old stop against the open and the low, then the high moves it, then the close."""
    bench = venue()
    bench.bar("100 100 100 100")
    bench.order("t", "sell 1 trail=2")
    assert [report for bar in bars for report in bench.bar(bar)] == expected


def test_a_trailing_buy_in_percent_is_rounded_up(venue: MakeBench) -> None:
    """The stop is the lowest price plus the percentage, on the next tick against the trader."""
    bench = venue()
    bench.trade(33.33)
    bench.order("t", "buy 1 trail=1%")
    bench.trade(33)
    assert bench.trade(33.32) == []  # 33 * 1.01 = 33.33
    assert bench.trade(33.33)[0] == "1400 t 1 @ 33.33"


def test_under_next_open_a_trailing_stop_starts_from_the_open(venue: MakeBench) -> None:
    """It takes its first price where it first meets the market."""
    bench = venue(fill=FillAt.NEXT_OPEN)
    bench.bar("100 100 100 100")
    bench.order("t", "sell 1 trail=2")
    assert bench.bar("90 90.5 89 90") == []
    assert bench.bar("90 90 88.5 89") == ["1300 t 1 @ 88.5"]


@pytest.mark.parametrize(
    ("order", "bar", "price"),
    [
        ("buy 1", "100 100 100 100", "100.12"),  # 100.1 * 1.0001 = 100.11001, rounded up
        ("sell 1", "100 100 100 100", "100.08"),
        ("sell 1 stop=99.5", "100 100 99 99", "99.49"),
        ("buy 1 limit=99.5", "100 100 99 99", "99.5"),  # a limit never slips
    ],
)
def test_slippage_is_adverse_and_on_the_tick(venue: MakeBench, order: str, bar: str, price: str) -> None:
    """Market and triggered stop orders pay it, rounded against the trader."""
    bench = venue(slippage_bps=Decimal(1))
    bench.bar("100 101 99 100.1")
    told = bench.order("x", order) + bench.bar(bar)
    assert told[1].endswith(f"x 1 @ {price}")


def test_prices_below_one_have_finer_ticks(venue: MakeBench) -> None:
    """Below 1.00 a slipped price is rounded to a hundredth of a cent."""
    bench = venue(slippage_bps=Decimal(10))
    bench.trade(0.5)
    assert bench.order("x", "buy 1")[1].endswith("@ 0.5005")


def test_slippage_never_sells_for_nothing(venue: MakeBench) -> None:
    """Where a tick is more than the price, the slipped price is left unrounded."""
    bench = venue(slippage_bps=Decimal(100))
    bench.trade(0.00005)
    assert bench.order("x", "sell 1")[1].endswith("@ 0.0000495")
