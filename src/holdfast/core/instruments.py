"""The rules of instruments: ticks, lots, and what else an order goes by."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from holdfast.core.types import NO_MONEY, ONE, Money, Price, Quantity, Rounding, Side, round_to
from holdfast.errors import InvalidValue

Bands = tuple[tuple[Decimal, Decimal], ...]


class AssetClass(StrEnum):
    """What an instrument is."""

    STOCK = "stock"
    CRYPTO = "crypto"
    FUTURE = "future"
    OPTION = "option"


class Product(StrEnum):
    """How Indian brokers keep a position: delivered, for the day alone, or carried with a margin. Their words."""

    CNC = "CNC"  # cash and carry: shares, paid and delivered
    MIS = "MIS"  # intraday: the broker closes what is left before the close
    NRML = "NRML"  # futures and options that are carried overnight
    MTF = "MTF"  # shares that are paid for in part, with the broker's money


class Instrument(msgspec.Struct, frozen=True, omit_defaults=True):
    """Rules of an instrument, or of a kind of instruments.

    ``ticks`` are (from this price, this increment), highest first; empty where no rule is known, and then no price can be
    rounded. ``eras`` are the ticks of later times, as (from this time in UTC nanoseconds, what holds then), in order.
    ``quantity_increment`` is the smallest step of any order; ``lot`` the step that sizing works in. A crypto order, and one for a
    fraction of a share, is worth at least ``minimum_value``. No order is for more than ``largest_order`` (None: no bound is known). ``exchange`` is where it trades, as its broker names that. A price
    of 1 for one unit is ``multiplier`` of its ``currency`` (empty: the account's own); ``product`` is what each order is sent as.
    """

    ticks: Bands
    quantity_increment: Decimal
    lot: Decimal
    minimum_value: Money = NO_MONEY
    asset_class: AssetClass = AssetClass.STOCK
    eras: tuple[tuple[int, "Instrument"], ...] = ()
    exchange: str = ""
    multiplier: Decimal = ONE
    product: Product | None = None
    currency: str = ""
    largest_order: Decimal | None = None

    def at(self, time_ns: int) -> "Instrument":
        """The rules that hold at a time."""
        for from_ns, rules in reversed(self.eras) if self.eras else ():
            if time_ns >= from_ns:
                return rules
        return self

    def but(self, **rules: Any) -> "Instrument":
        """The same with other rules, which hold at all times. Ticks that are given take the place of those of every era."""
        eras = () if "ticks" in rules else tuple((from_ns, era.but(**rules)) for from_ns, era in self.eras)
        return msgspec.structs.replace(self, **rules, eras=eras)

    def tick(self, price: Decimal) -> Decimal:
        """The price increment that holds at ``price``. Raises :class:`~holdfast.errors.InvalidValue` where no rule is known."""
        if not self.ticks:
            raise InvalidValue("no tick is known for this instrument, so no price of it can be rounded")
        for floor, tick in self.ticks:
            if price >= floor:
                return tick
        return self.ticks[-1][1]

    def round_price(self, price: Decimal, rounding: Rounding) -> Price:
        """``price`` on the tick, in the stated direction, never below one tick."""
        tick = self.tick(price)
        return Price(max(round_to(price, tick, rounding), tick))

    def limit_price(self, price: Decimal, side: Side) -> Price:
        """A limit on the tick that never pays more, or takes less, than was asked."""
        return self.round_price(price, Rounding.DOWN if side is Side.BUY else Rounding.UP)

    def stop_price(self, price: Decimal, side: Side) -> Price:
        """A stop on the tick that never triggers earlier than was asked."""
        return self.round_price(price, Rounding.UP if side is Side.BUY else Rounding.DOWN)

    def steps(self, quantity: Decimal) -> Quantity:
        """``quantity`` rounded down to the smallest step of any order."""
        return Quantity(round_to(quantity, self.quantity_increment, Rounding.DOWN))

    def is_too_small(self, quantity: Decimal, price: Price) -> bool:
        """Whether an order is worth less than may be sent."""
        if not self.minimum_value or (self.asset_class is AssetClass.STOCK and not quantity % 1):
            return False
        return quantity * price * self.multiplier < self.minimum_value

    def lots(self, quantity: Decimal) -> Quantity:
        """``quantity`` rounded down to whole lots."""
        return Quantity(round_to(quantity, self.lot, Rounding.DOWN))


US_EQUITY = Instrument(
    # SEC Rule 612, as brokers apply it: 2 decimals from 1.00 up, 4 below.
    ticks=((Decimal(1), Decimal("0.01")), (Decimal(0), Decimal("0.0001"))),
    quantity_increment=Decimal("0.000000001"),
    lot=Decimal(1),
    minimum_value=Money(Decimal(1)),  # what a broker takes of fractions: documented
)
_NSE_UNTIL_2024 = Instrument(
    ticks=((Decimal(0), Decimal("0.05")),),
    quantity_increment=Decimal(1),
    lot=Decimal(1),
)


def _nse(*bands: tuple[str, str]) -> Instrument:
    ticks = tuple((Decimal(floor), Decimal(tick)) for floor, tick in bands)
    return msgspec.structs.replace(_NSE_UNTIL_2024, ticks=ticks)


INDIA_EQUITY = msgspec.structs.replace(
    # NSE's equity segment. The exchange sets a share's tick each month by the last close of the month before; here it goes by the
    # price itself. ETFs keep 0.05.
    _NSE_UNTIL_2024,
    eras=(
        # From 2024-06-10, circular of 2024-05-24 (livemint.com, 2024-05-27; tradingqna.com, 166034).
        (1_717_957_800_000_000_000, _nse(("250", "0.05"), ("0", "0.01"))),
        # From 2025-04-15 (angelone.in, 2025-03-17).
        (
            1_744_655_400_000_000_000,
            _nse(
                ("20000.01", "5"),
                ("10000.01", "1"),
                ("5000.01", "0.5"),
                ("1000.01", "0.1"),
                ("250", "0.05"),
                ("0", "0.01"),
            ),
        ),
    ),
)
CRYPTO = Instrument(
    ticks=((Decimal(0), Decimal("0.000000001")),),
    quantity_increment=Decimal("0.000000001"),
    lot=Decimal("0.000001"),
    minimum_value=Money(Decimal(10)),  # what a broker takes: observed
    asset_class=AssetClass.CRYPTO,
)


UNKNOWN_TICKS = Instrument(ticks=(), quantity_increment=Decimal("0.000000001"), lot=Decimal(1))
"""Exchanges and instruments whose ticks nobody told: each has its own tables, and a wrong tick moves a stop by percents."""

_BY_CALENDAR = {"XNYS": US_EQUITY, "XBOM": INDIA_EQUITY, "24/7": CRYPTO}


def instrument_for(calendar: str) -> Instrument:
    """The rules that hold on the exchange of a calendar (its own name, no alias); `UNKNOWN_TICKS` where none are known."""
    return _BY_CALENDAR.get(calendar, UNKNOWN_TICKS)


Named = Mapping[str, Instrument]
"""The rules of symbols that have others than those of their account's exchange."""
NIL: Named = {}


def instrument_of(symbol: str, account: Instrument, named: Named) -> Instrument:
    """The rules that hold for a symbol in an account of this kind: those ``named`` for it, or else a name with a slash is a pair."""
    return named.get(symbol) or (CRYPTO if "/" in symbol else account)


def in_whole_units(instrument: Instrument) -> Instrument:
    """The same instrument where no parts of a unit are traded."""
    return msgspec.structs.replace(instrument, quantity_increment=max(instrument.quantity_increment, Decimal(1)))
