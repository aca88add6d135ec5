"""Which rows of the book are ours, where nothing but their terms tells."""

from decimal import Decimal

from holdfast.adapters.zerodha.trading.search import Search
from holdfast.adapters.zerodha.trading.triggers import VARIETY
from holdfast.adapters.zerodha.trading.wire import Row
from holdfast.brokers.known_orders import KnownOrders
from holdfast.core.instruments import Product
from holdfast.core.messages import OrderTerms
from holdfast.core.types import ClientOrderId, OrderRole, OrderType, Price, Quantity, Side, StrategyId, TimeInForce

SENT_NS = 1_720_584_824_000_000_000  # 2024-07-10 09:43:44 in India


def stop(name: str) -> OrderTerms:
    """A stop-loss of what is delivered: a trigger."""
    return OrderTerms(
        ClientOrderId(name),
        StrategyId("s"),
        "HARITA",
        Side.SELL,
        Quantity(Decimal(1)),
        OrderType.STOP_LIMIT,
        TimeInForce.GTC,
        limit_price=Price(Decimal("44.85")),
        stop_price=Price(Decimal("47.25")),
        role=OrderRole.STOP_LOSS,
        product=Product.CNC,
    )


def leg(number: int) -> Row:
    """The row of a trigger's leg like it."""
    return {
        "order_id": f"gtt:{number}:0",
        "exchange": "NSE",
        "tradingsymbol": "HARITA",
        "transaction_type": "SELL",
        "product": "CNC",
        "quantity": 1,
        "price": Decimal("44.85"),
        "variety": VARIETY,
        "tag": None,
        "tags": [],
        "order_timestamp": "2024-07-10 09:43:44",
    }


def found(names: str, *numbers: int) -> list[str | None]:
    """What is found for triggers that are just alike, sent together, where legs of these triggers are there."""
    known = KnownOrders()
    search = Search(known, settle_s=4.0)
    for name in names:
        known.sent(stop(name), SENT_NS)
        search.doubtful[ClientOrderId(name)] = stop(name)
    ids: list[str | None] = []
    for name in names:
        row = search.find([leg(number) for number in numbers], stop(name))
        ids.append(None if row is None else row["order_id"])
        if row is not None:
            known.learn(row["order_id"], ClientOrderId(name))
    return ids


def test_triggers_just_alike_are_told_by_the_order_in_which_they_were_made() -> None:
    """None of those that are there is taken for nobody's; what is not there is not found."""
    assert found("a", 47) == ["gtt:47:0"]
    assert found("abc", 47, 48) == ["gtt:47:0", "gtt:48:0", None]
    assert found("ab") == [None, None]


def test_more_of_them_than_ours_are_somebody_elses_too() -> None:
    """Whose is whose can't be told then."""
    assert found("a", 47, 48) == [None]
