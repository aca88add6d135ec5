"""Triggers that wait at the broker for days (GTT): one price and one order, or two prices and two orders of which one is placed (OCO).

A trigger fires once. The order that it places is a limit order like any other: it may be rejected, or rest untraded, and the trigger is used
up all the same (Kite Connect, "GTT"). Only limit orders may be placed.
"""

import datetime as dt
import json
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.core.types import Side, from_float
from holdfast.sim.kite.errors import KiteError, wrong_input
from holdfast.sim.kite.faults.catalogue import FaultName
from holdfast.sim.kite.market.instruments import Instrument, Instruments
from holdfast.sim.kite.times import ist, stamp, to_ns
from holdfast.sim.kite.trading.order import OrderType, Product, Terms
from holdfast.sim.kite.trading.request import check
from holdfast.sim.kite.trading.wire import Row

if TYPE_CHECKING:
    from holdfast.sim.kite.trading.account import KiteAccount
    from holdfast.sim.kite.world import World

MOST_ACTIVE = 250
"""Triggers of one account (Zerodha, support page)."""
KINDS = {"single": 1, "two-leg": 2}
ORDER_KEYS = ("exchange", "tradingsymbol", "transaction_type", "quantity", "order_type", "product", "price")


class GttStatus(StrEnum):
    """Where a trigger stands."""

    ACTIVE = "active"
    TRIGGERED = "triggered"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Gtt(msgspec.Struct, kw_only=True):
    """A trigger. ``is_above`` says of each price on which side of it the market has to come."""

    id: int
    kind: str
    symbol: str
    token: int
    prices: list[Decimal]
    is_above: list[bool]
    last_price: float
    orders: list[Terms]
    raw: list[Row]
    created_ns: int
    updated_ns: int
    expires_ns: int
    status: GttStatus = GttStatus.ACTIVE
    results: list[Row | None] = msgspec.field(default_factory=list)


class Triggers:
    """The triggers of one account."""

    def __init__(self, world: "World", account: "KiteAccount") -> None:
        self._world = world
        self._account = account
        self._all: dict[int, Gtt] = {}

    def all(self) -> list[Row]:
        """Every trigger, as rows."""
        return [self.row(gtt) for gtt in self._all.values()]

    def get(self, trigger_id: str) -> Gtt:
        """One by its number. Raises `KiteError` (404)."""
        gtt = self._all.get(int(trigger_id)) if trigger_id.isascii() and trigger_id.isdecimal() else None
        if gtt is None:
            raise KiteError(404, "GeneralException", "Trigger not found.")
        return gtt

    def place(self, form: Mapping[str, str]) -> Gtt:
        """A new trigger. Raises `KiteError` for one that can't be, and where there are too many."""
        if sum(gtt.status is GttStatus.ACTIVE for gtt in self._all.values()) >= MOST_ACTIVE:
            raise wrong_input(f"Maximum number of active triggers ({MOST_ACTIVE}) reached.")
        gtt = self._read(form, self._world.next_number())
        self._all[gtt.id] = gtt
        return gtt

    def modify(self, trigger_id: str, form: Mapping[str, str]) -> Gtt:
        """A trigger with other terms under its old number. Raises `KiteError` for one that is used up."""
        old = self._active(trigger_id)
        new = self._read(form, old.id)
        new.created_ns = old.created_ns
        self._all[old.id] = new
        return new

    def delete(self, trigger_id: str) -> Gtt:
        """A trigger is taken away. Raises `KiteError` for one that is used up."""
        gtt = self._active(trigger_id)
        gtt.status, gtt.updated_ns = GttStatus.CANCELLED, self._account.now_ns
        return gtt

    def _active(self, trigger_id: str) -> Gtt:
        gtt = self.get(trigger_id)
        if gtt.status is not GttStatus.ACTIVE:
            raise wrong_input(f"Trigger is already {gtt.status}.")
        return gtt

    def on_price(self, symbol: str, price: float) -> None:
        """The market is at a price: what it reaches fires."""
        now = from_float(price)
        for gtt in [one for one in self._all.values() if one.symbol == symbol and one.status is GttStatus.ACTIVE]:
            if self._account.now_ns >= gtt.expires_ns:
                gtt.status = GttStatus.EXPIRED
                continue
            for place, (trigger, is_above) in enumerate(zip(gtt.prices, gtt.is_above, strict=True)):
                if now >= trigger if is_above else now <= trigger:
                    self._fire(gtt, place)
                    break

    def _fire(self, gtt: Gtt, place: int) -> None:
        gtt.status, gtt.updated_ns = GttStatus.TRIGGERED, self._account.now_ns
        terms = gtt.orders[place]
        instrument = self._world.instruments.of_symbol(gtt.symbol)
        result: Row = {"status": "success", "order_id": "", "rejection_reason": ""}
        if self._world.faults.take(FaultName.GTT_ORDER_REJECTED, symbol=terms.tradingsymbol, tag=None):
            result |= {"status": "failed", "rejection_reason": "RMS:Margin Exceeds, Required more than available"}
        else:
            try:
                order = self._account.place(terms, instrument, meta={"app_id": 1, "gtt": gtt.id})
                result["order_id"] = order.order_id
            except KiteError as error:
                result |= {"status": "failed", "rejection_reason": error.message}
        gtt.results[place] = self._result(gtt, place, result)

    def _result(self, gtt: Gtt, place: int, result: Row) -> Row:
        raw, now = gtt.raw[place], stamp(self._account.now_ns)
        told = {key: raw[key] for key in ORDER_KEYS}
        return told | {
            "account_id": self._account.login.user_id,
            "validity": "DAY",
            "meta": json.dumps({"app_id": 1, "gtt": gtt.id}),
            "timestamp": now,
            "triggered_at": float(gtt.prices[place]),
            "order_result": result,
        }

    def row(self, gtt: Gtt) -> Row:
        """A trigger of ``GET /gtt/triggers``."""
        instrument = self._world.instruments.of_symbol(gtt.symbol)
        orders = [raw | {"result": result} for raw, result in zip(gtt.raw, gtt.results, strict=True)]
        return {
            "id": gtt.id,
            "user_id": self._account.login.user_id,
            "parent_trigger": None,
            "type": gtt.kind,
            "created_at": stamp(gtt.created_ns),
            "updated_at": stamp(gtt.updated_ns),
            "expires_at": stamp(gtt.expires_ns),
            "status": gtt.status.value,
            "condition": {
                "exchange": instrument.exchange,
                "tradingsymbol": instrument.tradingsymbol,
                "instrument_token": gtt.token,
                "trigger_values": [float(price) for price in gtt.prices],
                "last_price": gtt.last_price,
            },
            "orders": orders,
            "meta": {},
        }

    # --- reading -------------------------------------------------------------------------------------------------------

    def _read(self, form: Mapping[str, str], number: int) -> Gtt:
        kind = form.get("type") or ""
        if kind not in KINDS:
            raise wrong_input("Invalid `type`.")
        condition, orders = _json(form, "condition", dict), _json(form, "orders", list)
        instrument = _instrument(condition, self._world.instruments)
        prices = [_number(value, "trigger_values") for value in _list(condition.get("trigger_values"))]
        if len(prices) != KINDS[kind] or len(orders) != KINDS[kind]:
            raise wrong_input(f"A {kind} trigger has {KINDS[kind]} trigger values and as many orders.")
        last = _number(condition.get("last_price"), "last_price")
        now_ns = self._account.now_ns
        created = ist(now_ns)
        return Gtt(
            id=number,
            kind=kind,
            symbol=instrument.symbol,
            token=instrument.token,
            prices=prices,
            is_above=_sides(kind, prices, last),
            last_price=float(last),
            orders=[_terms(order, instrument) for order in orders],
            raw=[{key: order[key] for key in ORDER_KEYS} for order in orders],
            created_ns=now_ns,
            updated_ns=now_ns,
            expires_ns=to_ns(created + dt.timedelta(days=365)),
            results=[None] * len(orders),
        )


def _sides(kind: str, prices: list[Decimal], last: Decimal) -> list[bool]:
    """A single trigger waits where the price isn't; of two the lower waits below, the upper above."""
    if any(price == last for price in prices):
        raise wrong_input("Trigger price cannot be the last price.")
    if kind == "single":
        return [prices[0] > last]
    if not prices[0] < last < prices[1]:
        raise wrong_input("The first trigger value must be below the last price, the second above it.")
    return [False, True]


def _terms(order: object, instrument: Instrument) -> Terms:
    if not isinstance(order, dict) or any(key not in order for key in ORDER_KEYS):
        raise wrong_input(f"Each order needs {', '.join(ORDER_KEYS)}.")
    if order["order_type"] != OrderType.LIMIT.value:
        raise wrong_input("Only LIMIT orders can be placed by a trigger.")
    try:
        terms = Terms(
            instrument.exchange,
            instrument.tradingsymbol,
            Side(str(order["transaction_type"]).lower()),
            int(order["quantity"]),
            OrderType.LIMIT,
            Product(str(order["product"])),
            price=_number(order["price"], "price"),
        )
    except (ValueError, TypeError):
        raise wrong_input("Invalid order.") from None
    check(terms, instrument)
    return terms


def _instrument(condition: Row, instruments: Instruments) -> Instrument:
    found = instruments.of_key(f"{condition.get('exchange')}:{condition.get('tradingsymbol')}")
    if found is None or found.is_index:
        raise wrong_input("The instrument of the trigger does not exist.")
    return found


def _json(form: Mapping[str, str], name: str, kind: Callable[[], Any]) -> Any:
    try:
        value = json.loads(form.get(name) or "")
    except ValueError:
        raise wrong_input(f"Invalid `{name}`.") from None
    if not isinstance(value, type(kind())):
        raise wrong_input(f"Invalid `{name}`.")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise wrong_input("Invalid `trigger_values`.")
    return value


def _number(value: object, name: str) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise wrong_input(f"Invalid `{name}`.") from None
    if not number.is_finite() or number <= 0:
        raise wrong_input(f"Invalid `{name}`.")
    return number
