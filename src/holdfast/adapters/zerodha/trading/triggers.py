"""Protective orders of what is delivered, as triggers (GTT): they wait at Zerodha for a year, where no order of an exchange outlives its day.

A trigger places a limit order when its price is met, once; one of two legs ends the other. To the rest of this folder each leg is a row of
the order book, under an id made of the trigger's and its place: it waits, then stands as the order that it has placed stands. So one whose order
was rejected is rejected, and one whose order rests still works, with a limit that the market may have passed.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, NamedTuple

from holdfast.adapters.zerodha.connection.client import exact_json
from holdfast.adapters.zerodha.connection.symbols import split_symbol
from holdfast.adapters.zerodha.trading.wire import Row, decimal_of, product_of
from holdfast.core.instruments import Product
from holdfast.core.messages import OrderTerms
from holdfast.core.types import OrderRole, Side, TimeInForce, plain

PREFIX = "gtt"
VARIETY = "gtt"
"""What a leg's row has in place of a variety."""
AWAY = Decimal("0.003")
"""How far from the market a target waits that the market has reached already, as a part of its price: nearer ones Zerodha may refuse."""
_STEPS = ((1_000, Decimal("0.05")), (5_000, Decimal("0.1")), (10_000, Decimal("0.5")), (20_000, Decimal(1)))
_LARGEST_STEP = Decimal(5)
"""A price that is a multiple of this is one that there is: NSE's ticks by price, or a multiple of them (circular of April 2025)."""
_AWAY_FROM_IT = {Side.SELL: ROUND_CEILING, Side.BUY: ROUND_FLOOR}
_OVER = {"rejected": "REJECTED"}
"""Statuses of a trigger that is used up without having fired, where they are not a cancel (deleted, disabled, expired)."""
_FIRED, _WAITS = "triggered", "active"


def is_trigger(terms: OrderTerms) -> bool:
    """Whether an order waits as a trigger: it protects what is delivered, and is to outlive its day."""
    is_exit = terms.role in (OrderRole.STOP_LOSS, OrderRole.TAKE_PROFIT)
    return is_exit and product_of(terms) is Product.CNC and terms.time_in_force is TimeInForce.GTC


def is_leg(broker_order_id: str) -> bool:
    """Whether an id is that of a leg."""
    return broker_order_id.startswith(f"{PREFIX}:")


def leg_id(trigger_id: object, place: int) -> str:
    """The id of a leg: ``gtt:123:0``."""
    return f"{PREFIX}:{trigger_id}:{place}"


def trigger_of(broker_order_id: str) -> str:
    """Kite's id of a leg's trigger."""
    return broker_order_id.split(":")[1]


# --- to Kite ----------------------------------------------------------------------------------------------------------


def passed(orders: Iterable[OrderTerms], last: Decimal) -> str:
    """Why a stop would wait on the wrong side of the market; empty where none would."""
    for terms in orders:
        stop = terms.stop_price
        if stop is not None and (last - stop) * terms.side.sign >= 0:
            return f"the market, at {plain(last)}, has reached {plain(stop)} already"
    return ""


def trigger_price(terms: OrderTerms, last: Decimal) -> Decimal:
    """The price that has to be met: a stop's own; of a target its limit, or the next price on, where the market is there already.

    Raises ValueError without one.
    """
    if terms.stop_price is not None:
        return terms.stop_price
    if terms.limit_price is None:
        raise ValueError(f"{terms.client_order_id} has no price to wait for")
    if (last - terms.limit_price) * terms.side.sign > 0:
        return terms.limit_price
    step = next((step for below, step in _STEPS if last < below), _LARGEST_STEP)
    return ((last * (1 - terms.side.sign * AWAY) / step).to_integral_value(_AWAY_FROM_IT[terms.side])) * step


def in_place(orders: Sequence[OrderTerms]) -> Sequence[OrderTerms]:
    """The legs in the order of a trigger: the lower price first. A sale's stop is below its target, a purchase's above."""
    return sorted(orders, key=lambda terms: (terms.stop_price is None) is (terms.side is Side.SELL))


def trigger_form(orders: Sequence[OrderTerms], last: Decimal) -> dict[str, str]:
    """The form of a trigger for one order, or a linked pair. ``last`` is the market's price."""
    legs = in_place(orders)
    exchange, name = split_symbol(legs[0].symbol)
    condition = {
        "exchange": exchange,
        "tradingsymbol": name,
        "trigger_values": [trigger_price(leg, last) for leg in legs],
        "last_price": last,
    }
    placed = [
        {
            "exchange": exchange,
            "tradingsymbol": name,
            "transaction_type": leg.side.value.upper(),
            "quantity": int(leg.quantity),
            "order_type": "LIMIT",
            "product": product_of(leg).value,
            "price": leg.limit_price or trigger_price(leg, last),
        }
        for leg in legs
    ]
    kind = "two-leg" if len(legs) > 1 else "single"
    return {"type": kind, "condition": exact_json(condition), "orders": exact_json(placed)}


# --- from Kite --------------------------------------------------------------------------------------------------------


class Legs(NamedTuple):
    """Legs as rows of the book, and which orders of the book they have placed (by Kite's id: the leg's)."""

    rows: Sequence[Row]
    children: Mapping[str, str]


def legs_of(triggers: Iterable[Row], book: Iterable[Row]) -> Legs:
    """Every leg of these triggers. One that has fired on another day is not among them: its order is in no book any more."""
    placed = {str(row["order_id"]): row for row in book}
    rows: list[Row] = []
    children: dict[str, str] = {}
    for trigger in triggers:
        for place, order in enumerate(trigger["orders"]):
            child = _child_of(order)
            if child:
                children[child] = leg_id(trigger["id"], place)
            row = _row_of(trigger, place, order, placed.get(child))
            if row is not None:
                rows.append(row)
    return Legs(rows, children)


def _row_of(trigger: Row, place: int, order: Row, child: Row | None) -> Row | None:
    wanted, price = decimal_of(trigger["condition"]["trigger_values"][place]), decimal_of(order["price"])
    row = {
        "exchange": order["exchange"],
        "tradingsymbol": order["tradingsymbol"],
        "transaction_type": order["transaction_type"],
        "product": order["product"],
        "quantity": order["quantity"],
        "filled_quantity": 0,
        "price": price,
        "order_type": "LIMIT" if wanted == price else "SL",
        "validity": "DAY",
        "status_message": None,
        **(child or {}),
        "order_id": leg_id(trigger["id"], place),
        "order_timestamp": trigger["created_at"],
        "trigger_price": 0 if wanted == price else wanted,
        "variety": VARIETY,
        "tag": None,
        "tags": [],
    }
    if child is not None:
        return row
    status, reason = _status_of(trigger, order)
    return row | {"status": status, "status_message": reason} if status else None


def _status_of(trigger: Row, order: Row) -> tuple[str, str | None]:
    """What a leg without an order in the book stands as; empty where it has placed one that is in none."""
    status = str(trigger["status"])
    if status == _WAITS:
        return "TRIGGER PENDING", None
    if status != _FIRED:
        return _OVER.get(status, "CANCELLED"), f"the trigger is {status}"
    if not order.get("result"):
        return "CANCELLED", "the other leg of its trigger has fired"
    if not _child_of(order):
        return "REJECTED", str(
            _result_of(order).get("rejection_reason") or "its trigger has fired, and the order failed"
        )
    return "", None


def _result_of(order: Row) -> Row:
    result: Row = (order.get("result") or {}).get("order_result") or {}
    return result


def _child_of(order: Row) -> str:
    """Kite's id of the order that a leg has placed; empty where it has placed none."""
    return str(_result_of(order).get("order_id") or "")


def taken_over(rows: Iterable[Row], children: Mapping[str, str]) -> list[dict[str, Any]]:
    """Trades as those of the legs that have placed their orders; ``placed_id`` is the order's own."""
    return [
        {**row, "order_id": children.get(str(row["order_id"]), row["order_id"]), "placed_id": row["order_id"]}
        for row in rows
    ]
