"""How orders live at the venue: times in force, linked orders, shares of volume, cancels and refusals."""

from decimal import Decimal

import pytest

from holdfast.core.messages import OrderAccepted, OrderFilled
from holdfast.core.types import Side
from holdfast.errors import InvalidValue
from holdfast.venue.settings import FillAt, VenueSettings
from tests.unit.venue.conftest import CLOSE, DAY, OPEN, Bench, MakeBench


def test_ids_are_functions_of_the_order(venue: MakeBench) -> None:
    """Broker order id and execution ids come from the client order id and the fill's number."""
    bench = venue(volume_share=Decimal(1))
    bench.trade(100, size=6)
    bench.order("x", "buy 10")
    first = [report.body for report in bench.last]
    bench.trade(100, size=6)
    assert isinstance(first[0], OrderAccepted)
    bodies = [first[1], bench.last[0].body]
    fills = [body for body in bodies if isinstance(body, OrderFilled)]
    assert [fill.execution_id for fill in fills] == ["x-1", "x-2"]
    assert {fill.broker_order_id for fill in fills} == {first[0].broker_order_id} == {"vx"}


# --- times in force --------------------------------------------------------------------------------------------------


def test_a_day_order_ends_with_its_session(venue: MakeBench) -> None:
    """The bar that ends at the close still counts; the first event that starts then or later finds it expired."""
    bench = venue()
    bench.bar("100 100 100 100", CLOSE - 200)
    bench.order("in", "buy 1 limit=99", tif="day")
    bench.order("out", "buy 1 limit=98", tif="day")
    assert bench.bar("100 100 99 99", CLOSE) == [f"{CLOSE} in 1 @ 99"]
    assert bench.bar("90 90 90 90", CLOSE + 100) == [f"{CLOSE} out expired day"]


def test_a_day_order_placed_after_the_close_is_for_the_next_session(venue: MakeBench) -> None:
    """It works until the next close."""
    bench = venue()
    bench.bar("100 100 100 100", CLOSE)
    bench.order("x", "buy 1 limit=99", tif="day")
    assert bench.bar("100 100 100 100", DAY + OPEN + 100) == []
    assert bench.trade(100, DAY + CLOSE) == [f"{DAY + CLOSE} x expired day"]


def test_another_symbol_lets_a_day_order_expire(venue: MakeBench) -> None:
    """Its event must start after the close: one at that very time may come before the symbol's own last bar."""
    bench = venue()
    bench.bar("100 100 100 100", CLOSE - 100)
    bench.order("x", "buy 1 limit=99", tif="day")
    assert bench.trade(5, CLOSE, symbol="B") == []
    assert bench.trade(5, CLOSE + 1, symbol="B") == [f"{CLOSE} x expired day"]


def test_a_time_the_calendar_does_not_cover_is_an_error(venue: MakeBench) -> None:
    """The calendar's own error comes through, and nothing was accepted."""
    bench = venue()
    bench.trade(100, 10 * DAY)
    with pytest.raises(InvalidValue, match="covers"):
        bench.order("x", "buy 1", tif="day")
    assert bench.exchange.open_orders() == ()


def test_ioc_takes_what_there_is(venue: MakeBench) -> None:
    """The rest is canceled at once."""
    bench = venue(volume_share=Decimal("0.1"))
    bench.trade(100, size=50)
    assert bench.order("x", "buy 8", tif="ioc") == ["1100 x accepted", "1100 x 5 @ 100", "1100 x canceled ioc"]


def test_fok_takes_all_or_nothing(venue: MakeBench) -> None:
    """What can't be filled whole is canceled unfilled and takes nothing from others."""
    bench = venue(volume_share=Decimal("0.1"))
    bench.trade(100, size=50)
    assert bench.order("big", "buy 6", tif="fok") == ["1100 big accepted", "1100 big canceled fok"]
    assert bench.order("fits", "buy 5", tif="fok") == ["1100 fits accepted", "1100 fits 5 @ 100"]


@pytest.mark.parametrize("tif", ["ioc", "fok"])
def test_at_once_under_next_open_means_at_the_next_open(venue: MakeBench, tif: str) -> None:
    """The open is its only chance; the rest of the bar is not."""
    bench = venue(fill=FillAt.NEXT_OPEN)
    bench.bar("100 100 100 100")
    bench.order("x", "buy 1 limit=99", tif=tif)
    assert bench.bar("100 100 98 98") == [f"1200 x canceled {tif}"]


def test_opg_fills_at_the_next_sessions_open_only(venue: MakeBench) -> None:
    """Not at what stands now, not before the open; a limit that the open doesn't meet expires with it."""
    bench = venue()
    bench.bar("100 100 100 100", CLOSE)
    bench.order("market", "buy 1", tif="opg")
    bench.order("limit", "buy 1 limit=99", tif="opg")
    assert bench.bar("90 90 90 90", DAY + OPEN) == []  # began before the open
    at = DAY + OPEN + 100
    assert bench.bar("101 102 98 100", at) == [f"{at} market 1 @ 101", f"{at} limit expired opg"]


def test_opg_on_ticks_takes_the_first_price_of_the_session(venue: MakeBench) -> None:
    """A limit order gets the auction's price, not its own."""
    bench = venue()
    bench.order("x", "buy 1 limit=101", tif="opg")
    assert bench.trade(99, OPEN - 1) == []
    assert bench.trade(100, OPEN) == [f"{OPEN} x 1 @ 100"]


def test_cls_fills_at_the_closing_bars_close(venue: MakeBench) -> None:
    """Nothing before it counts; a limit that the close doesn't meet expires."""
    bench = venue()
    bench.bar("100 100 100 100", CLOSE - 200)
    bench.order("market", "sell 1", tif="cls")
    bench.order("limit", "sell 1 limit=103", tif="cls")
    assert bench.bar("100 110 90 105", CLOSE - 100) == []
    assert bench.bar("105 110 95 102", CLOSE) == [f"{CLOSE} market 1 @ 102", f"{CLOSE} limit expired cls"]


def test_cls_on_ticks_takes_the_last_price_before_the_close(venue: MakeBench) -> None:
    """It is known when the first event at or after the close comes."""
    bench = venue()
    bench.order("x", "sell 1", tif="cls")
    bench.trade(100, CLOSE - 10)
    assert bench.trade(90, CLOSE + 10) == [f"{CLOSE} x 1 @ 100"]


def test_cls_without_a_closing_bar_takes_the_last_close(venue: MakeBench) -> None:
    """A bar of the next session is not this session's close."""
    bench = venue()
    bench.bar("100 100 100 101", CLOSE - 500)
    bench.order("x", "sell 1", tif="cls")
    assert bench.bar("50 50 50 50", DAY + OPEN + 100) == [f"{CLOSE} x 1 @ 101"]


# --- linked orders ---------------------------------------------------------------------------------------------------


def protected(bench: Bench, quantity: str = "10") -> None:
    bench.bar("100 100 100 100")
    bench.order("target", f"sell {quantity} limit=105", oco="g")
    bench.order("stop", f"sell {quantity} stop=95", oco="g")


def test_stop_and_target_in_one_bar_resolve_to_the_stop(venue: MakeBench) -> None:
    """Nobody knows which came first, so the worse did, whichever order arrived first."""
    bench = venue()
    protected(bench)
    assert bench.bar("100 106 94 105.5") == ["1200 stop 10 @ 95", "1200 target canceled oco"]
    assert bench.exchange.open_orders() == ()


def test_an_open_beyond_the_target_is_not_in_doubt(venue: MakeBench) -> None:
    """The open is the bar's first price: the target fills there though the stop's price is touched later."""
    bench = venue()
    protected(bench)
    assert bench.bar("106 107 94 95") == ["1200 target 10 @ 106", "1200 stop canceled oco"]


def test_a_partial_fill_reduces_the_linked_order(venue: MakeBench) -> None:
    """Filled by one leg, the quantity is gone from the other, until one is done and cancels what is left."""
    bench = venue(volume_share=Decimal("0.5"))
    protected(bench)
    assert bench.bar("100 105 99 104", volume=8) == ["1200 target 4 @ 105", "1200 stop replaced 6"]
    assert bench.bar("100 100 94 94", volume=4) == ["1300 stop 2 @ 95", "1300 target replaced 8"]
    assert bench.bar("94 94 94 94", volume=100) == ["1400 stop 4 @ 94", "1400 target canceled oco"]


def test_a_leg_that_arrives_after_the_other_filled_is_canceled(venue: MakeBench) -> None:
    """The first of two linked orders may fill on arrival; the second must not trade on top."""
    bench = venue()
    bench.bar("100 100 100 94")
    assert bench.order("stop", "sell 10 stop=95", oco="g")[1] == "1100 stop 10 @ 94"
    assert bench.order("target", "sell 10 limit=90", oco="g") == ["1100 target accepted", "1100 target canceled oco"]


def test_a_leg_that_arrives_after_a_partial_fill_is_reduced(venue: MakeBench) -> None:
    """It is accepted and reduced by what the other has filled."""
    bench = venue(volume_share=Decimal(1))
    bench.bar("100 100 100 94", volume=3)
    bench.order("stop", "sell 10 stop=95", oco="g")
    assert bench.order("target", "sell 10 limit=105", oco="g") == ["1100 target accepted", "1100 target replaced 7"]


# --- shares of volume ------------------------------------------------------------------------------------------------


def test_a_bars_volume_is_shared_by_all_orders(venue: MakeBench) -> None:
    """On arrival only what is left of the bar counts, and the rest of an order goes on with the next bar."""
    bench = venue(volume_share=Decimal("0.1"))
    bench.bar("100 100 100 100", volume=99)
    assert bench.order("a", "buy 5")[1] == "1100 a 5 @ 100"
    assert bench.order("b", "buy 5")[1] == "1100 b 4 @ 100"
    assert bench.order("c", "sell 5") == ["1100 c accepted"]
    assert bench.bar("101 101 101 101", volume=40) == ["1200 b 1 @ 101", "1200 c 3 @ 101"]


def test_fractions_trade_only_where_order_and_volume_have_them(venue: MakeBench) -> None:
    """An order for whole units gets whole units; volume in fractions is cut to nine decimals."""
    bench = venue(volume_share=Decimal(1) / 3)
    bench.trade(100, size=7.7)
    assert bench.order("whole", "buy 10")[1] == "1100 whole 2 @ 100"
    assert bench.order("part", "buy 2.5")[1] == "1100 part 0.566666666 @ 100"


def test_each_side_of_a_quote_has_its_own_size(venue: MakeBench) -> None:
    """Taking the ask leaves the bid, and a quote of the bid alone doesn't refill the ask."""
    bench = venue(volume_share=Decimal(1))
    bench.quote(99, 101, size=5)
    assert bench.order("b", "buy 8")[1] == "1100 b 5 @ 101"
    assert bench.order("s", "sell 3")[1] == "1100 s 3 @ 99"
    assert bench.quote(98, 0, size=5) == []
    assert bench.quote(0, 102, size=5) == ["1300 b 3 @ 102"]


def test_worse_comes_first_when_volume_is_short(venue: MakeBench) -> None:
    """Stops before limits, then the order of arrival."""
    bench = venue(volume_share=Decimal(1))
    bench.bar("100 100 100 100")
    bench.order("limit", "buy 2 limit=95")
    bench.order("stop1", "sell 2 stop=95")
    bench.order("stop2", "sell 2 stop=96")
    assert bench.bar("100 100 94 94", volume=3) == ["1200 stop1 2 @ 95", "1200 stop2 1 @ 96"]


# --- cancels, duplicates, refusals -----------------------------------------------------------------------------------


def test_a_working_order_can_be_canceled_once(venue: MakeBench) -> None:
    """A second cancel, or one of an order that never was, is refused."""
    bench = venue()
    bench.order("x", "buy 1 limit=1")
    assert bench.cancel("x") == ["1000 x canceled requested"]
    assert bench.cancel("x") == ["1000 x cancelrefused no such order is working"]
    assert bench.cancel("never") == ["1000 never cancelrefused no such order is working"]


def test_an_id_is_good_for_one_order(venue: MakeBench) -> None:
    """Sent again while at work it is accepted again and changes nothing; once done it is rejected."""
    bench = venue()
    bench.order("x", "buy 1 limit=1")
    assert bench.order("x", "buy 1 limit=1") == ["1000 x accepted"]
    assert len(bench.exchange.open_orders()) == 1
    bench.cancel("x")
    assert bench.order("x", "buy 1 limit=1") == ["1000 x rejected duplicate client_order_id"]


@pytest.mark.parametrize(
    ("order", "tif", "reason"),
    [
        ("buy 0", "gtc", "quantity must be above zero"),
        ("buy 1 trail=0", "gtc", "needs either trail_amount"),
        ("buy 1 trail=100%", "gtc", "needs either trail_amount"),
        ("buy 1 stop=5", "opg", "opg takes market and limit orders, not stop"),
        ("buy 1 trail=5", "cls", "cls takes market and limit orders, not trailing_stop"),
    ],
)
def test_what_no_exchange_could_work_is_rejected(venue: MakeBench, order: str, tif: str, reason: str) -> None:
    """The rejection says what is wrong, and nothing rests."""
    bench = venue()
    (told,) = bench.order("x", order, tif)
    assert told.startswith("1000 x rejected")
    assert reason in told
    assert bench.exchange.open_orders() == ()


# --- latency ---------------------------------------------------------------------------------------------------------


def test_a_late_order_meets_the_bar_after_its_arrival(venue: MakeBench) -> None:
    """It is accepted at its arrival, by an event of whatever symbol, and fills from the next open, not the old close."""
    bench = venue(latency_ns=30)
    bench.bar("100 100 100 100")
    assert bench.order("x", "buy 1") == []
    assert bench.trade(5, 1130, symbol="B") == []  # arrives at 1130, so before the first event after it
    assert bench.trade(5, 1131, symbol="B") == ["1130 x accepted"]
    assert bench.bar("101 102 100 102", 1200) == ["1200 x 1 @ 101"]


def test_a_late_order_meets_the_quote_that_stands_on_arrival(venue: MakeBench) -> None:
    """Quotes and last trades stand until the next, so the order fills at its arrival."""
    bench = venue(latency_ns=30)
    bench.quote(99, 101)
    bench.order("x", "buy 1")
    assert bench.quote(109, 111, 1120) == []
    assert bench.quote(119, 121) == ["1130 x accepted", "1130 x 1 @ 111"]


def test_a_cancel_takes_its_time_and_never_overtakes_its_order() -> None:
    """A cancel sent while its order is under way arrives behind it."""
    jittery = VenueSettings(latency_ns=30, latency_jitter_ns=1000, seed=9)
    bench = Bench(jittery)
    bench.trade(100)
    arrival_ns = jittery.order_arrival_ns("A", Side.BUY, bench.now_ns)
    assert jittery.cancel_arrival_ns(bench.now_ns) < arrival_ns, "it would overtake"
    bench.order("x", "buy 1 limit=1")
    assert bench.cancel("x") == []
    told = bench.trade(100, 3000)
    assert told == [f"{arrival_ns} x accepted", f"{arrival_ns} x canceled requested"]


def test_the_seed_decides_chance(venue: MakeBench) -> None:
    """The same seed gives the same prices whatever the orders are called, another seed gives others."""

    def price(seed: int, name: str) -> str:
        bench = venue(slippage_noise_bps=Decimal(100), seed=seed)
        bench.trade(100)
        return bench.order(name, "buy 1")[1].split("@")[1]

    assert price(1, "x") == price(1, "y")
    assert len({price(seed, "x") for seed in range(8)}) > 4


def test_opg_takes_the_open_of_a_bar_that_is_the_whole_day(venue: MakeBench) -> None:
    """A daily bar begins before the session and ends after it: its open is the day's."""
    bench = venue(fill=FillAt.NEXT_OPEN)
    bench.bar("100 100 100 100", DAY, length_ns=DAY)
    bench.order("market", "buy 1", tif="opg")
    bench.order("limit", "buy 1 limit=99", tif="opg")
    at = 2 * DAY
    assert (
        bench.bar("101 102 98 100", at, length_ns=DAY)
        == [
            f"{DAY} market accepted",
            f"{at} market 1 @ 101",
            f"{at} limit expired opg",
        ][1:]
    )


def test_opg_takes_no_bar_that_begins_before_the_open_and_holds_a_part_of_the_session(venue: MakeBench) -> None:
    """Its first price is of before the opening."""
    bench = venue(fill=FillAt.NEXT_OPEN)
    bench.bar("100 100 100 100", DAY, length_ns=DAY)
    bench.order("x", "buy 1", tif="opg")
    assert bench.bar("101 101 101 101", DAY + OPEN + 500, length_ns=1000) == []
    assert bench.bar("102 102 102 102", DAY + OPEN + 600) == [f"{DAY + OPEN + 600} x 1 @ 102"]
