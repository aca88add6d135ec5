"""Which of the broker's positions lack a stop."""

from decimal import Decimal

import pytest

from holdfast.brokers.port import AtBroker, BrokerOrder, BrokerPosition
from holdfast.core.types import ClientOrderId, OrderType, Price, Quantity, Side
from holdfast.watchdog.cover import open_still, unprotected


def position(quantity: str, symbol: str = "SPY") -> BrokerPosition:
    return BrokerPosition(symbol, Quantity(Decimal(quantity)), Price(Decimal(100)))


def order(
    side: Side, quantity: str, kind: OrderType = OrderType.STOP, filled: str = "0", symbol: str = "SPY"
) -> BrokerOrder:
    return BrokerOrder(
        ClientOrderId("id"),
        "their-id",
        symbol,
        side,
        Quantity(Decimal(quantity)),
        Quantity(Decimal(filled)),
        AtBroker.WORKING,
        1,
        1,
        order_type=kind,
    )


def covered(held: BrokerPosition, *orders: BrokerOrder) -> Decimal | None:
    """What is covered of a position with a gap; None when there is no gap."""
    found = unprotected([held], orders)
    return found[0].covered if found else None


@pytest.mark.parametrize("kind", [OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP, OrderType.MARKET])
def test_what_gets_a_position_out_covers_it(kind: OrderType) -> None:
    """Stops of every kind, and a market order that closes it already, on either side."""
    assert covered(position("100"), order(Side.SELL, "100", kind)) is None
    assert covered(position("-100"), order(Side.BUY, "100", kind)) is None


def test_a_take_profit_is_no_protection() -> None:
    """A limit order on the other side gets nobody out of a falling market."""
    assert covered(position("100"), order(Side.SELL, "100", OrderType.LIMIT)) == 0


def test_stops_add_up_to_what_is_left_of_them() -> None:
    """Two stops of which one has filled in part cover what both may still close."""
    stops = [order(Side.SELL, "40", filled="10"), order(Side.SELL, "60")]
    assert covered(position("100"), *stops) == 90
    assert covered(position("90"), *stops) is None


def test_other_sides_and_symbols_do_not_count() -> None:
    """A buy stop and another symbol's stop leave a long position bare."""
    assert covered(position("100"), order(Side.BUY, "100"), order(Side.SELL, "100", symbol="QQQ")) == 0


def test_a_stop_does_not_close_a_position() -> None:
    """What is to be flat is open still while only a stop stands there; a market order has it on its reduce-only order."""
    assert open_still([position("100")], [order(Side.SELL, "100")])
    assert not open_still([position("100")], [order(Side.SELL, "100", OrderType.MARKET)])
