"""Orders, trades and positions as JSON, with every field that Zerodha's own samples have (zerodha/kiteconnect-mocks)."""

from typing import Any

from holdfast.core.types import Side
from holdfast.sim.kite.times import clock_time, stamp
from holdfast.sim.kite.trading.order import Order, OrderType, Trade

Row = dict[str, Any]


def side_word(side: Side) -> str:
    """``BUY`` or ``SELL``."""
    return side.value.upper()


def order_row(order: Order, user_id: str) -> Row:
    """An order of ``GET /orders``. A market order with protection is shown as the limit order that it rests as."""
    terms = order.terms
    own = [terms.tag] if terms.tag and not order.is_tag_hidden else []
    exchange = None if order.exchange_ns is None else stamp(order.exchange_ns)
    is_protected = order.rests_as is not terms.order_type
    return {
        "account_id": user_id,
        "placed_by": user_id,
        "terminal_id": "",
        "order_id": order.order_id,
        "exchange_order_id": order.exchange_order_id,
        "parent_order_id": order.parent_id,
        "status": order.status.value,
        "status_message": order.status_message,
        "status_message_raw": order.status_message,
        "order_timestamp": stamp(order.order_ns),
        "exchange_update_timestamp": exchange,
        "exchange_timestamp": exchange,
        "variety": terms.variety.value,
        "modified": False,
        "exchange": terms.exchange,
        "tradingsymbol": terms.tradingsymbol,
        "instrument_token": order.token,
        "order_type": order.rests_as.value,
        "transaction_type": side_word(terms.side),
        "validity": terms.validity,
        "validity_ttl": terms.validity_ttl,
        "product": terms.product.value,
        "quantity": terms.quantity,
        "disclosed_quantity": terms.disclosed_quantity,
        "price": 0 if order.rests_as is OrderType.MARKET else float(order.limit),
        "trigger_price": float(terms.trigger_price),
        "auction_number": None,
        "average_price": float(order.average_price),
        "filled_quantity": order.filled_quantity,
        "pending_quantity": order.pending_quantity,
        "cancelled_quantity": order.cancelled_quantity,
        "market_protection": 0 if is_protected else float(terms.market_protection or 0),
        "meta": order.meta,
        "tag": own[0] if own else None,
        "tags": [*own, *order.tags],
        "guid": f"{order.sequence:05d}X{order.order_id[-12:]}",
    }


def trade_row(trade: Trade) -> Row:
    """A trade of ``GET /trades``."""
    return {
        "trade_id": trade.trade_id,
        "order_id": trade.order_id,
        "exchange": trade.exchange,
        "tradingsymbol": trade.tradingsymbol,
        "instrument_token": trade.token,
        "product": trade.product.value,
        "average_price": float(trade.price),
        "quantity": trade.quantity,
        "exchange_order_id": trade.exchange_order_id,
        "transaction_type": side_word(trade.side),
        "fill_timestamp": stamp(trade.time_ns),
        "order_timestamp": clock_time(trade.order_ns),
        "exchange_timestamp": stamp(trade.time_ns),
    }
