"""Corners of putting a venue together again; ``tests/property/test_venue_restart.py`` has the rule itself."""

from decimal import Decimal

from holdfast.core.messages import Trade
from holdfast.core.types import ClientOrderId, Quantity
from holdfast.venue.exchange import Exchange
from holdfast.venue.settings import VenueSettings
from tests.unit.venue.conftest import CLOSE, Bench, MakeBench, calendar, terms, told


def test_a_closing_fill_took_from_the_price_before_the_close(venue: MakeBench) -> None:
    """Put back after the event that revealed it, it leaves that event's volume untouched."""
    scarce = VenueSettings(volume_share=Decimal(1))
    straight = Bench(scarce)
    straight.trade(100, CLOSE - 10, size=5)
    closing = terms("c", "sell 5", "cls")
    straight.exchange.submit(closing, CLOSE - 10, CLOSE - 10)
    assert straight.trade(90, CLOSE, size=4) == [f"{CLOSE} c 5 @ 100"]

    again = Bench(scarce)
    again.exchange.observe(Trade("A", CLOSE - 10, 100.0, 5.0))
    again.exchange.restore_order(closing, "vc", CLOSE - 10, CLOSE - 10)
    again.exchange.observe(Trade("A", CLOSE, 90.0, 4.0))
    again.exchange.restore_fill(ClientOrderId("c"), Quantity(Decimal(5)), CLOSE)
    again.now_ns = CLOSE
    assert again.order("x", "buy 4") == straight.order("x", "buy 4") == [f"{CLOSE} x accepted", f"{CLOSE} x 4 @ 90"]


def test_a_finished_order_stays_finished_after_a_restart() -> None:
    """Its id is refused as it was before, and it can't be canceled."""
    exchange = Exchange(VenueSettings(), calendar())
    exchange.restore_order(terms("filled", "buy 1 limit=1"), "v", 5, 5)
    exchange.restore_fill(ClientOrderId("filled"), Quantity(Decimal(1)))
    exchange.restore_order(terms("canceled", "buy 1 limit=1"), "v", 5, 5)
    exchange.remove(ClientOrderId("canceled"))
    exchange.remove(ClientOrderId("rejected"))
    for name in ("filled", "canceled", "rejected"):
        reports = exchange.submit(terms(name, "buy 1"), 6, 6)
        assert [told(report) for report in reports] == [f"6 {name} rejected duplicate client_order_id"]
        assert told(exchange.cancel(ClientOrderId(name), 6, 6)[0]).startswith(f"6 {name} cancelrefused")


def test_what_was_finished_is_not_restored_twice() -> None:
    """A fill or a quantity of an order that is gone changes nothing."""
    exchange = Exchange(VenueSettings(), calendar())
    exchange.restore_fill(ClientOrderId("x"), Quantity(Decimal(1)))
    exchange.restore_quantity(ClientOrderId("x"), Quantity(Decimal(1)))
    assert exchange.open_orders() == ()


def test_a_restored_order_keeps_its_total_and_its_broker_id() -> None:
    """Its next execution goes on counting, from the quantity the last replacement left."""
    exchange = Exchange(VenueSettings(volume_share=Decimal(1)), calendar())
    exchange.restore_order(terms("x", "buy 10 limit=100"), "known", 5, 5)
    exchange.restore_fill(ClientOrderId("x"), Quantity(Decimal(2)), 5)
    exchange.restore_quantity(ClientOrderId("x"), Quantity(Decimal(7)))
    (order,) = exchange.open_orders()
    assert order.remaining == Decimal(5)
    assert order.broker_order_id == "known"
    (report,) = exchange.on_market(Trade("A", 10, 99.0, 100.0))
    assert told(report) == "10 x 5 @ 99"
    assert getattr(report.body, "execution_id", "") == "x-2"
