"""Orders as Alpaca reads them, and what it writes, in our own types. Exact: money and quantities never become floats."""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from holdfast.adapters.alpaca.connection.symbols import canonical_symbol
from holdfast.adapters.alpaca.connection.times import parse_time_ns
from holdfast.brokers.port import Asset, AtBroker, BrokerAccount, BrokerFill, BrokerOrder, BrokerPosition
from holdfast.core.messages import OrderTerms
from holdfast.core.types import (
    ZERO,
    ClientOrderId,
    Money,
    OrderRole,
    OrderType,
    Price,
    Quantity,
    Side,
    TimeInForce,
    plain,
)

W = TypeVar("W", bound=StrEnum)

ACTIVE = "ACTIVE"
"""The status of an account that may trade (documented)."""
ENDINGS = {
    "filled": AtBroker.FILLED,
    "canceled": AtBroker.CANCELED,
    "replaced": AtBroker.CANCELED,
    "expired": AtBroker.EXPIRED,
    "rejected": AtBroker.REJECTED,
}
"""The statuses that end an order; in every other one (`held`, `pending_cancel`, `done_for_day`, unheard-of ones) it works."""

# --- to Alpaca --------------------------------------------------------------------------------------------------------


def order_body(terms: OrderTerms) -> dict[str, Any]:
    """The body of a simple order."""
    body: dict[str, Any] = {
        "symbol": terms.symbol,
        "qty": plain(terms.quantity),
        "side": terms.side.value,
        "type": terms.order_type.value,
        "time_in_force": time_in_force(terms),
        "client_order_id": terms.client_order_id,
    }
    prices = {
        "limit_price": terms.limit_price,
        "stop_price": terms.stop_price,
        "trail_price": terms.trail_amount,
        "trail_percent": terms.trail_percent,
    }
    return body | {name: plain(price) for name, price in prices.items() if price is not None}


def linked_exits_body(take_profit: OrderTerms, stop_loss: OrderTerms) -> dict[str, Any]:
    """The body of an OCO order. It goes by the take-profit's id; the stop-loss is its leg and gets an id of Alpaca's."""
    stop: dict[str, str] = {"stop_price": plain(_given(stop_loss.stop_price))}
    if stop_loss.limit_price is not None:
        stop["limit_price"] = plain(stop_loss.limit_price)
    return {
        "symbol": take_profit.symbol,
        "qty": plain(take_profit.quantity),
        "side": take_profit.side.value,
        "type": "limit",
        "time_in_force": time_in_force(take_profit),
        "client_order_id": take_profit.client_order_id,
        "order_class": "oco",
        "take_profit": {"limit_price": plain(_given(take_profit.limit_price))},
        "stop_loss": stop,
    }


def time_in_force(terms: OrderTerms) -> str:
    """Crypto knows no day (documented: gtc and ioc), so what would end with one works until canceled there."""
    if "/" in terms.symbol and terms.time_in_force is TimeInForce.DAY:
        return TimeInForce.GTC.value
    return terms.time_in_force.value


def is_stop_of_pair(terms: OrderTerms) -> bool:
    """Whether Alpaca has this order as the leg of another."""
    return terms.oco_group is not None and terms.role is OrderRole.STOP_LOSS


def _given(price: Price | None) -> Price:
    if price is None:
        raise ValueError("an exit of a pair has no price")
    return price


# --- from Alpaca ------------------------------------------------------------------------------------------------------


def decimal_of(value: object) -> Decimal:
    """A number as Alpaca writes it, as text or bare; zero for none."""
    return Decimal(str(value)) if value not in (None, "") else ZERO


def ids_in(answer: dict[str, Any]) -> Sequence[str]:
    """Alpaca's ids in an order's answer: its own, then its legs'."""
    return [str(answer["id"]), *(str(leg["id"]) for leg in answer.get("legs") or ())]


def order_of(row: dict[str, Any]) -> BrokerOrder:
    """An order as REST and the stream have it. ``client_order_id`` is Alpaca's own for legs and orders of others."""
    status = str(row["status"])
    filled = decimal_of(row.get("filled_qty"))
    quantity = decimal_of(row["qty"]) if row.get("qty") else filled
    notional = None if row.get("qty") or not row.get("notional") else Money(decimal_of(row["notional"]))
    submitted = row.get("submitted_at") or row["created_at"]
    return BrokerOrder(
        client_order_id=ClientOrderId(str(row.get("client_order_id") or "")),
        broker_order_id=str(row["id"]),
        symbol=canonical_symbol(str(row["symbol"])),
        side=Side(row["side"]),
        quantity=Quantity(quantity),
        filled_quantity=Quantity(filled),
        state=ENDINGS.get(status, AtBroker.WORKING),
        submitted_ns=parse_time_ns(str(submitted)),
        updated_ns=parse_time_ns(str(row.get("updated_at") or submitted)),
        reason=status,
        order_type=_word(OrderType, row.get("type"), OrderType.MARKET),
        time_in_force=_word(TimeInForce, row.get("time_in_force"), TimeInForce.DAY),
        limit_price=_price(row.get("limit_price")),
        stop_price=_price(row.get("stop_price")),
        notional=notional,
    )


def _word(kind: type[W], value: object, otherwise: W) -> W:
    """A word of Alpaca's in our own terms; orders of others may use some that we have no name for."""
    try:
        return kind(str(value))
    except ValueError:
        return otherwise


def _price(value: object) -> Price | None:
    number = decimal_of(value)
    return Price(number) if number else None


def account_of(account: dict[str, Any], positions: Sequence[dict[str, Any]]) -> BrokerAccount:
    """Cash and positions, and what the account may do."""
    return BrokerAccount(
        account_id=str(account["id"]),
        cash=Money(decimal_of(account["cash"])),
        positions=[position_of(row) for row in positions],
        blocked=_blocked(account),
        leverage=decimal_of(account["multiplier"]) if account.get("multiplier") else None,
        shorting=account.get("shorting_enabled") is not False,
    )


def _blocked(account: dict[str, Any]) -> str:
    """Why an account may not trade: its status, or one of three flags (documented). One without them may."""
    flags = [name for name in ("trading_blocked", "account_blocked", "trade_suspended_by_user") if account.get(name)]
    status = str(account.get("status") or ACTIVE)
    return ", ".join(([] if status == ACTIVE else [f"its status is {status}"]) + flags)


def asset_of(row: dict[str, Any]) -> Asset:
    """What may be done in an asset. A flag that is missing bars nothing: Alpaca's own refusal is still there."""
    return Asset(
        symbol=canonical_symbol(str(row["symbol"])),
        tradable=row.get("tradable") is not False and row.get("status") != "inactive",
        shortable=row.get("shortable") is not False,
        fractionable=row.get("fractionable") is not False,
    )


def position_of(row: dict[str, Any]) -> BrokerPosition:
    """A position; whether a short one's quantity has a sign is not documented, its side is."""
    quantity = abs(decimal_of(row["qty"]))
    signed = -quantity if row["side"] == "short" else quantity
    price = Price(decimal_of(row["avg_entry_price"]))
    current = decimal_of(row.get("current_price") or 0)  # documented; whether it can be missing is not
    return BrokerPosition(
        canonical_symbol(str(row["symbol"])), Quantity(signed), price, Price(current) if current > 0 else None
    )


def fill_of(row: dict[str, Any], key: ClientOrderId) -> BrokerFill:
    """A row of the FILL activities, of our order ``key``. Its ``side`` may be ``sell_short``."""
    return BrokerFill(
        client_order_id=key,
        broker_order_id=str(row["order_id"]),
        execution_id=execution_key(str(row["order_id"]), decimal_of(row["cum_qty"])),
        symbol=canonical_symbol(str(row["symbol"])),
        side=Side.BUY if str(row["side"]).startswith("buy") else Side.SELL,
        quantity=Quantity(decimal_of(row["qty"])),
        price=Price(decimal_of(row["price"])),
        time_ns=parse_time_ns(str(row["transaction_time"])),
    )


def execution_key(broker_order_id: str, cumulative: Decimal) -> str:
    """What an execution is known by: its order, and how much of that was filled with it.

    The stream gives an ``execution_id`` and the activities an id of their own; that they are the same is not documented.
    Both give the order and the cumulative quantity, and those are the same whichever way an execution becomes known.
    """
    return f"{broker_order_id}:{plain(cumulative)}"
