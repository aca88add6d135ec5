"""What a price and a quantity may be: tick and lot rules."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from holdfast.core.types import NO_MONEY, Money, Price, Quantity, Rounding, Side, round_to

Bands = tuple[tuple[Decimal, Decimal], ...]


class AssetClass(StrEnum):
    """What an instrument is."""

    STOCK = "stock"
    CRYPTO = "crypto"


class Instrument(msgspec.Struct, frozen=True):
    """Rules of a kind of instrument.

    ``ticks`` are (from this price, this increment), highest first. ``quantity_increment`` is the smallest step of any order;
    ``lot`` the step that sizing works in. A crypto order, and one for a fraction of a share, is worth at least ``minimum_value``.
    """

    ticks: Bands
    quantity_increment: Decimal
    lot: Decimal
    minimum_value: Money = NO_MONEY
    asset_class: AssetClass = AssetClass.STOCK

    def tick(self, price: Decimal) -> Decimal:
        """The price increment that holds at ``price``."""
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
        return quantity * price < self.minimum_value

    def lots(self, quantity: Decimal) -> Quantity:
        """``quantity`` rounded down to whole lots."""
        return Quantity(round_to(quantity, self.lot, Rounding.DOWN))


US_EQUITY = Instrument(
    # SEC Rule 612 as Alpaca states it: 2 decimals from 1.00 up, 4 below (facts/alpaca).
    ticks=((Decimal(1), Decimal("0.01")), (Decimal(0), Decimal("0.0001"))),
    quantity_increment=Decimal("0.000000001"),
    lot=Decimal(1),
    minimum_value=Money(Decimal(1)),  # Alpaca: documented, of fractional orders
)
INDIA_EQUITY = Instrument(
    ticks=((Decimal(0), Decimal("0.05")),),
    quantity_increment=Decimal(1),
    lot=Decimal(1),
)
CRYPTO = Instrument(
    ticks=((Decimal(0), Decimal("0.000000001")),),
    quantity_increment=Decimal("0.000000001"),
    lot=Decimal("0.000001"),
    minimum_value=Money(Decimal(10)),  # Alpaca: observed
    asset_class=AssetClass.CRYPTO,
)


def instrument_for(calendar: str) -> Instrument:
    """The rules that hold on a calendar's exchange."""
    if calendar in ("XBOM", "XNSE"):
        return INDIA_EQUITY
    return CRYPTO if calendar == "24/7" else US_EQUITY


def instrument_of(symbol: str, account: Instrument) -> Instrument:
    """The rules that hold for a symbol in an account of this kind: a name with a slash is a pair of currencies."""
    return CRYPTO if "/" in symbol else account


def in_whole_units(instrument: Instrument) -> Instrument:
    """The same instrument where no parts of a unit are traded."""
    return msgspec.structs.replace(instrument, quantity_increment=max(instrument.quantity_increment, Decimal(1)))
