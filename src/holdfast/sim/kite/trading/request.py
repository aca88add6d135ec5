"""What a form asks for, read and checked before the order management system sees it: what is wrong here leaves no trace in the book."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TypeVar

import msgspec

from holdfast.core.types import ZERO, Side
from holdfast.sim.kite.errors import KiteError, wrong_input
from holdfast.sim.kite.market.instruments import Instrument, Instruments
from holdfast.sim.kite.trading.order import Order, OrderType, Product, Terms, Variety

Form = Mapping[str, str]
E = TypeVar("E", bound=StrEnum)

LONGEST_TAG = 20
VALIDITIES = ("DAY", "IOC", "TTL")
LEGS = range(2, 51)
"""How many legs an iceberg may have."""
NO_PROTECTION = "Market orders without market protection are not allowed via API. Please set market protection or use a Limit order."
_TYPES_AFTER = {
    OrderType.LIMIT: {OrderType.LIMIT, OrderType.MARKET},
    OrderType.MARKET: {OrderType.MARKET, OrderType.LIMIT},
    OrderType.SL: {OrderType.SL, OrderType.LIMIT, OrderType.MARKET},
    OrderType.SL_M: {OrderType.SL_M, OrderType.LIMIT, OrderType.MARKET},
}
"""Which types an order may be changed to."""


def read_terms(form: Form, variety: str, instruments: Instruments) -> tuple[Terms, Instrument]:
    """What an order is to be. Raises `KiteError` (400) for what can't be used."""
    kind = _word(Variety, variety, "variety")
    exchange, name = _text(form, "exchange"), _text(form, "tradingsymbol")
    instrument = instruments.of_key(f"{exchange}:{name}")
    if instrument is None or instrument.is_index:
        raise wrong_input("The instrument you are placing an order for has either expired or does not exist.")
    tag = form.get("tag") or None
    if tag is not None and len(tag) > LONGEST_TAG:
        raise wrong_input(f"Invalid `tag`. It can have {LONGEST_TAG} characters at most.")
    validity = form.get("validity") or "DAY"
    if validity not in VALIDITIES:
        raise wrong_input("Invalid `validity`.")
    terms = Terms(
        exchange=exchange,
        tradingsymbol=name,
        side=Side(_word(_Sides, _text(form, "transaction_type"), "transaction_type").name.lower()),
        quantity=_count(form, "quantity"),
        order_type=_word(OrderType, _text(form, "order_type"), "order_type"),
        product=_word(Product, _text(form, "product"), "product"),
        variety=kind,
        validity=validity,
        validity_ttl=_count(form, "validity_ttl", 0),
        price=_price(form, "price"),
        trigger_price=_price(form, "trigger_price"),
        disclosed_quantity=_count(form, "disclosed_quantity", 0),
        market_protection=_protection(form),
        tag=tag,
    )
    check(terms, instrument)
    return terms, instrument


def changed_terms(order: Order, form: Form, instrument: Instrument) -> Terms:
    """What an order becomes by a change. Raises `KiteError` for what can't be used."""
    old = order.terms
    kind = _word(OrderType, form.get("order_type") or old.order_type.value, "order_type")
    if kind not in _TYPES_AFTER[old.order_type]:
        raise wrong_input(f"Order type can not be changed from {old.order_type} to {kind}.")
    terms = msgspec.structs.replace(
        old,
        order_type=kind,
        quantity=_count(form, "quantity", old.quantity),
        price=_price(form, "price", old.price),
        trigger_price=_price(form, "trigger_price", old.trigger_price),
        validity=form.get("validity") or old.validity,
        disclosed_quantity=_count(form, "disclosed_quantity", old.disclosed_quantity),
        market_protection=_protection(form) if form.get("market_protection") else old.market_protection,
    )
    check(terms, instrument, is_new_market=kind is not old.order_type)
    return terms


def check(terms: Terms, instrument: Instrument, *, is_new_market: bool = True) -> None:
    """Whether terms make sense in themselves and for their instrument. Raises `KiteError`."""
    if terms.quantity <= 0:
        raise wrong_input("Invalid `quantity`.")
    if terms.validity == "TTL" and not terms.validity_ttl:
        raise wrong_input("Missing or empty field `validity_ttl`")
    if terms.quantity % instrument.lot:
        raise wrong_input(f"Quantity should be a multiple of the lot size {instrument.lot}.")
    if terms.quantity > instrument.freeze_quantity:
        raise wrong_input(
            f"Quantity {terms.quantity} is more than the maximum allowed quantity of {instrument.freeze_quantity} for an order."
        )
    if terms.disclosed_quantity > terms.quantity:
        raise wrong_input("Disclosed quantity cannot be more than the quantity.")
    is_market = terms.order_type in (OrderType.MARKET, OrderType.SL_M)
    if is_market and is_new_market and not terms.market_protection:
        raise wrong_input(NO_PROTECTION)
    if not is_market:
        _check_price(terms.price, instrument, "price")
    if terms.order_type in (OrderType.SL, OrderType.SL_M):
        _check_price(terms.trigger_price, instrument, "trigger price")
    if terms.order_type is OrderType.SL:
        is_buy = terms.side is Side.BUY
        if terms.trigger_price > terms.price if is_buy else terms.trigger_price < terms.price:
            word = "lower" if is_buy else "higher"
            raise wrong_input(
                f"Trigger price for stoploss {_Sides[terms.side.name].value} orders should be {word} than the price."
            )


class _Sides(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


def _check_price(price: Decimal, instrument: Instrument, what: str) -> None:
    if price <= 0:
        raise wrong_input(f"Invalid {what}.")
    if not instrument.on_tick(price):
        raise wrong_input(
            f"Tick size for this script is {instrument.tick}. Kindly enter {what} in the multiple of tick size."
        )


def _protection(form: Form) -> Decimal | None:
    raw = form.get("market_protection")
    if not raw:
        return None
    value = _number(raw, "market_protection")
    if value != -1 and not 0 <= value <= 100:
        raise wrong_input("Invalid `market_protection`. It is -1, or a percentage above 0 and up to 100.")
    return value or None


def _word(words: type[E], raw: str, name: str) -> E:
    try:
        return words(raw)
    except ValueError:
        raise wrong_input(f"Invalid `{name}`.") from None


def _text(form: Form, name: str) -> str:
    value = form.get(name)
    if not value:
        raise wrong_input(f"Missing or empty field `{name}`")
    return value


def _count(form: Form, name: str, default: int | None = None) -> int:
    raw = form.get(name)
    if not raw:
        if default is None:
            raise wrong_input(f"Missing or empty field `{name}`")
        return default
    if not (raw.isascii() and raw.isdecimal()) or len(raw) > 9:
        raise wrong_input(f"Invalid `{name}`.")
    return int(raw)


def _price(form: Form, name: str, default: Decimal = ZERO) -> Decimal:
    raw = form.get(name)
    return _number(raw, name) if raw else default


def _number(raw: str, name: str) -> Decimal:
    try:
        value = Decimal(raw)
    except InvalidOperation:
        raise _invalid(name) from None
    if not value.is_finite() or abs(value) >= 10**9:
        raise _invalid(name)
    return value


def _invalid(name: str) -> KiteError:
    return wrong_input(f"Invalid `{name}`.")
