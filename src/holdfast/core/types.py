"""Exact values: prices, quantities, money, times and identifiers.

Everything in orders and books is a :class:`~decimal.Decimal`; a float never gets in silently. ``Price``, ``Quantity``
and ``Money`` are distinct to the type checker and cost nothing when running. Market data may be float (it is measured,
not owed); :func:`from_float` is the one door from there to here and keeps the shortest decimal that the float prints as.
Times are integers: nanoseconds since the Unix epoch, UTC.
"""

import datetime as dt
import re
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, InvalidOperation
from enum import StrEnum
from math import isfinite
from typing import NewType

from holdfast.errors import InvalidValue

Price = NewType("Price", Decimal)
"""Money for one unit of an instrument, in the account's currency."""
Quantity = NewType("Quantity", Decimal)
"""Units of an instrument. Orders carry positive quantities and a side; positions are signed, short below zero."""
Money = NewType("Money", Decimal)
"""An amount in the account's currency."""

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,9})?")
"""How a number is written. `Decimal` takes more: blanks, underscores and the digits of every script, which are mistakes in an order."""
LARGEST = Decimal(10) ** 15
"""Prices, quantities and amounts stay below this in size; arithmetic with 28 digits has room for them and their fractions."""

ZERO = Decimal(0)
ONE = Decimal(1)
NO_MONEY = Money(ZERO)
NO_QUANTITY = Quantity(ZERO)

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS

ClientOrderId = NewType("ClientOrderId", str)
"""Our own order id, made before the first byte is sent: the idempotency key. At most 20 alphanumerics."""
StrategyId = NewType("StrategyId", str)

NAME_LENGTH = 64
"""The longest name of an account, a strategy, a symbol, in characters: a journal on a server keeps no longer ones."""


def many(number: int, what: str) -> str:
    """``1 order``, ``2 orders``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def check_name(what: str, text: str) -> str:
    """``text``, if it can be a name. Raises :class:`~holdfast.errors.InvalidValue`, which begins with ``what`` it would be the name of."""
    if not text.strip() or len(text) > NAME_LENGTH or not text.isprintable():
        shown = repr(text) if len(text) <= NAME_LENGTH else f"{len(text):,} characters ({text[:20]!r}...)"
        raise InvalidValue(f"{what} has 1 to {NAME_LENGTH} printable characters, not {shown}")
    return text


MANUAL = StrategyId("manual")
"""The ledger that orders typed by a person belong to."""


class Side(StrEnum):
    """Which way an order or a fill moves the position."""

    sign: int
    """+1 for a buy, -1 for a sell."""
    opposite: "Side"
    """The other way."""

    BUY = "buy"
    SELL = "sell"

    def __init__(self, word: str) -> None:
        self.sign = 1 if word == "buy" else -1


Side.BUY.opposite, Side.SELL.opposite = Side.SELL, Side.BUY


class OrderType(StrEnum):
    """When an order may trade and at what price."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"


class TimeInForce(StrEnum):
    """How long an order works before it expires."""

    DAY = "day"  # until the session's close
    GTC = "gtc"  # until canceled
    IOC = "ioc"  # what fills at once; the rest is canceled
    FOK = "fok"  # all at once or nothing
    OPG = "opg"  # at the session's open only
    CLS = "cls"  # at the session's close only


class OrderRole(StrEnum):
    """Why an order exists."""

    REGULAR = "entry"  # an ordinary order: moves the position to where a strategy or a person wants it
    ENTRY = REGULAR  # its name before; journals and old strategies have it
    STOP_LOSS = "stop_loss"  # closes an entry's fill at a loss
    TAKE_PROFIT = "take_profit"  # closes an entry's fill at a gain


class Rounding(StrEnum):
    """The direction a value is rounded in, always said aloud."""

    DOWN = ROUND_FLOOR
    UP = ROUND_CEILING
    NEAREST = ROUND_HALF_EVEN


def from_float(value: float) -> Decimal:
    """The exact decimal that ``value`` prints as (``0.1`` gives ``Decimal('0.1')``).

    Raises :class:`~holdfast.errors.InvalidValue` when it is not a finite number.
    """
    if not isfinite(value):
        raise InvalidValue(f"value must be a finite number, not {value!r}")
    return Decimal(repr(value))


def to_decimal(value: object, name: str) -> Decimal:
    """``value`` (int, str, Decimal or float, the last by its shortest printed form) as a finite Decimal.

    ``name`` is what the error calls it. Raises :class:`~holdfast.errors.InvalidValue`.
    """
    if type(value) is Decimal:
        number = value
    elif isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        if type(value).__module__ == "numpy" and hasattr(
            value, "item"
        ):  # np.int64 and np.float32 are no int and no float
            return to_decimal(value.item(), name)
        raise InvalidValue(f"{name} must be a number, not {value!r}")
    else:
        if isinstance(value, str) and _NUMBER.fullmatch(value) is None:
            raise InvalidValue(f"{name} must be a number, not {value!r}")
        try:
            number = Decimal(repr(float(value)) if isinstance(value, float) else value)
        except InvalidOperation:
            raise InvalidValue(f"{name} must be a number, not {value!r}") from None
    if not number.is_finite():
        raise InvalidValue(f"{name} must be a finite number, not {value!r}")
    if number.copy_abs() >= LARGEST:  # not abs(), which rounds as its caller's context says
        raise InvalidValue(f"{name} must be below {LARGEST:,} in size, not {value}")
    return number


def to_price(value: object, name: str = "price") -> Price:
    """A price above zero. Raises :class:`~holdfast.errors.InvalidValue`."""
    number = to_decimal(value, name)
    if number <= 0:
        raise InvalidValue(f"{name} must be above zero, not {value}")
    return Price(number)


def to_quantity(value: object, name: str = "quantity") -> Quantity:
    """An order's quantity, above zero. Raises :class:`~holdfast.errors.InvalidValue`."""
    number = to_decimal(value, name)
    if number <= 0:
        raise InvalidValue(f"{name} must be above zero, not {value}")
    return Quantity(number)


def notional(price: Price, quantity: Quantity) -> Money:
    """What ``quantity`` units are worth at ``price``; keeps the quantity's sign."""
    return Money(price * quantity)


def round_to(value: Decimal, increment: Decimal, rounding: Rounding) -> Decimal:
    """``value`` as a whole number of ``increment`` steps, in the stated direction."""
    steps = (value / increment).quantize(Decimal(1), rounding=rounding.value)
    return steps * increment


def plain(value: Decimal) -> str:
    """A decimal as people write it: no exponent, no trailing zeros after the point (``100``, ``0.25``)."""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def iso_time(time_ns: int) -> str:
    """A time as ISO 8601 in UTC, with as many decimals as it has (none, or up to nine)."""
    seconds, rest_ns = divmod(time_ns, SECOND_NS)
    text = dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest_ns:09d}".rstrip("0") + "Z" if rest_ns else f"{text}Z"
