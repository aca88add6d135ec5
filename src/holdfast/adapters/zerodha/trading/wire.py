"""Orders as Kite reads them, and what it writes, in our own types. Exact: money and quantities never become floats."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from holdfast.adapters.zerodha.connection.symbols import split_symbol, symbol_of
from holdfast.adapters.zerodha.connection.times import parse_time_ns
from holdfast.brokers.port import AtBroker, BrokerFill, BrokerOrder, BrokerPosition
from holdfast.core.instruments import Product
from holdfast.core.messages import OrderTerms
from holdfast.core.types import ZERO, ClientOrderId, OrderType, Price, Quantity, Side, TimeInForce, plain

Row = Mapping[str, Any]

REGULAR = "regular"
"""The variety of every order that is sent from here."""

STATUSES: Mapping[str, AtBroker] = {
    "PUT ORDER REQ RECEIVED": AtBroker.WORKING,
    "VALIDATION PENDING": AtBroker.WORKING,
    "OPEN PENDING": AtBroker.WORKING,
    "OPEN": AtBroker.WORKING,
    "TRIGGER PENDING": AtBroker.WORKING,
    "MODIFY VALIDATION PENDING": AtBroker.WORKING,
    "MODIFY PENDING": AtBroker.WORKING,
    "MODIFIED": AtBroker.WORKING,
    "CANCEL PENDING": AtBroker.WORKING,
    "AMO REQ RECEIVED": AtBroker.WORKING,
    "UPDATE": AtBroker.WORKING,
    "COMPLETE": AtBroker.FILLED,
    "CANCELLED": AtBroker.CANCELED,
    "CANCELLED AMO": AtBroker.CANCELED,
    "REJECTED": AtBroker.REJECTED,
}
"""What each status says of an order (Kite Connect, "Orders"; staff in Zerodha's forum). In one that nobody has heard of it works."""

KINDS = {
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "LIMIT",
    OrderType.STOP: "SL-M",
    OrderType.STOP_LIMIT: "SL",
}
"""Order types there. A trailing stop is none of them."""
_KINDS_HERE = {word: kind for kind, word in KINDS.items()}
VALIDITIES = {TimeInForce.DAY: "DAY", TimeInForce.GTC: "DAY", TimeInForce.IOC: "IOC"}
"""How long an order works. No exchange of India keeps one longer than its day, so what is to work until canceled is placed anew then."""

# --- to Kite ----------------------------------------------------------------------------------------------------------


def unsendable(terms: OrderTerms) -> str:
    """Why an order can't be put in Kite's words; empty when it can."""
    if terms.order_type not in KINDS:
        return f"Kite has no {terms.order_type} order"
    if terms.time_in_force not in VALIDITIES:
        return f"Kite has no order that works {terms.time_in_force}"
    if terms.quantity % 1:
        return f"Kite trades whole units, not {plain(terms.quantity)}"
    return ""


def order_form(terms: OrderTerms, protection: str) -> dict[str, str]:
    """The form of an order that is not `unsendable`. Its tag is our own id: 18 letters and digits, of the twenty that a tag may have.

    ``protection`` is the ``market_protection`` of one that is, or becomes, a market order.
    """
    exchange, name = split_symbol(terms.symbol)
    form = {
        "exchange": exchange,
        "tradingsymbol": name,
        "transaction_type": terms.side.value.upper(),
        "quantity": plain(terms.quantity),
        "product": product_of(terms).value,
        "order_type": KINDS[terms.order_type],
        "validity": VALIDITIES[terms.time_in_force],
        "tag": terms.client_order_id,
    }
    if terms.limit_price is not None:
        form["price"] = plain(terms.limit_price)
    if terms.stop_price is not None:
        form["trigger_price"] = plain(terms.stop_price)
    if terms.order_type in (OrderType.MARKET, OrderType.STOP):
        form["market_protection"] = protection
    return form


def product_of(terms: OrderTerms) -> Product:
    """What an order is sent as: the instrument's product, delivery where none is said."""
    return terms.product or Product.CNC


def symbol_in(row: Row) -> str:
    """Our name of what an order, a trade, a position or a holding is in."""
    return symbol_of(str(row["exchange"]), str(row["tradingsymbol"]))


# --- from Kite --------------------------------------------------------------------------------------------------------


def state_of(row: Row) -> AtBroker:
    """Where an order stands."""
    return STATUSES.get(str(row["status"]).upper(), AtBroker.WORKING)


def decimal_of(value: object) -> Decimal:
    """A number as Kite writes it; zero for none."""
    return Decimal(str(value)) if value not in (None, "") else ZERO


def tags_of(row: Row) -> Sequence[str]:
    """Every label of an order: the one it was sent with, and those that the system added (``mktp``, ``autoslice``)."""
    own = row.get("tag")
    return [*([str(own)] if own else []), *(str(tag) for tag in row.get("tags") or ())]


def key_of(row: Row) -> ClientOrderId:
    """The label that may be an id of ours: of several the first; empty without one."""
    return ClientOrderId(next((tag for tag in tags_of(row) if not is_of_the_system(tag)), ""))


def is_of_the_system(tag: str) -> bool:
    """Whether Zerodha's system has put it there (seen: ``mktp``, ``mktp:2.00``, ``autoslice``, ``autoslice:<order id>``)."""
    return tag.partition(":")[0] in ("mktp", "autoslice")


def order_of(row: Row) -> BrokerOrder:
    """An order of the book. ``client_order_id`` is its label, whosever that is."""
    at_ns = parse_time_ns(row["order_timestamp"])
    changed = row.get("exchange_update_timestamp") or row.get("exchange_timestamp") or row["order_timestamp"]
    kind = _KINDS_HERE.get(str(row.get("order_type")), OrderType.MARKET)
    return BrokerOrder(
        client_order_id=key_of(row),
        broker_order_id=str(row["order_id"]),
        symbol=symbol_in(row),
        side=side_of(row),
        quantity=Quantity(decimal_of(row["quantity"])),
        filled_quantity=Quantity(decimal_of(row.get("filled_quantity"))),
        state=state_of(row),
        submitted_ns=at_ns,
        updated_ns=parse_time_ns(changed),
        reason=reason_of(row),
        order_type=kind,
        time_in_force=TimeInForce.IOC if row.get("validity") == "IOC" else TimeInForce.DAY,
        limit_price=_price(row.get("price")),
        stop_price=_price(row.get("trigger_price")),
    )


def reason_of(row: Row) -> str:
    """What Kite says of an order's end, else its status."""
    return str(row.get("status_message") or row["status"])


def side_of(row: Row) -> Side:
    """Which way an order or a trade goes."""
    return Side(str(row["transaction_type"]).lower())


def _price(value: object) -> Price | None:
    number = decimal_of(value)
    return Price(number) if number else None


def fill_of(row: Row, key: ClientOrderId) -> BrokerFill:
    """A trade, of our order ``key``. Its id is the exchange's, unique for a day, so that of the order there goes before it."""
    return BrokerFill(
        client_order_id=key,
        broker_order_id=str(row["order_id"]),
        execution_id=f"{row.get('placed_id') or row['order_id']}:{row['trade_id']}",
        symbol=symbol_in(row),
        side=side_of(row),
        quantity=Quantity(decimal_of(row["quantity"])),
        price=Price(decimal_of(row["average_price"])),
        time_ns=parse_time_ns(row.get("fill_timestamp") or row["exchange_timestamp"]),
    )


def held(positions: Iterable[Row], holdings: Iterable[Row]) -> Sequence[BrokerPosition]:
    """What is held of each symbol, whatever the product: with what the day began (holdings), and what it has changed (positions).

    A holding keeps its opening quantity all day; what is sold of it is a position below zero.
    """
    quantities: defaultdict[str, Decimal] = defaultdict(Decimal)
    costs: defaultdict[str, Decimal] = defaultdict(Decimal)
    prices: dict[str, Decimal] = {}
    for row in holdings:
        opening = row.get("opening_quantity")
        _hold(row, decimal_of(row["quantity"] if opening is None else opening), quantities, costs, prices)
    for row in positions:
        _hold(row, decimal_of(row["quantity"]), quantities, costs, prices)
    return [
        BrokerPosition(
            symbol,
            Quantity(quantity),
            Price(abs(costs[symbol] / quantity)),
            Price(prices[symbol]) if prices[symbol] > 0 else None,
        )
        for symbol, quantity in quantities.items()
        if quantity
    ]


def _hold(
    row: Row, quantity: Decimal, quantities: dict[str, Decimal], costs: dict[str, Decimal], prices: dict[str, Decimal]
) -> None:
    symbol = symbol_in(row)
    quantities[symbol] += quantity
    costs[symbol] += quantity * decimal_of(row.get("average_price"))
    prices[symbol] = decimal_of(row.get("last_price"))


def worth(trades: Iterable[Row]) -> Decimal:
    """The money that trades have brought, below zero: cost."""
    return sum(
        (-side_of(row).sign * decimal_of(row["quantity"]) * decimal_of(row["average_price"]) for row in trades), ZERO
    )
