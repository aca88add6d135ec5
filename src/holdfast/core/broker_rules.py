"""What orders an account's broker takes, as far as decisions go by it. `brokers.capability` says it of each broker."""

from decimal import Decimal

import msgspec

from holdfast.core.instruments import AssetClass, Instrument
from holdfast.core.types import OrderType, Price, Rounding, Side, TimeInForce, round_to

STOP_LIMIT_PCT = Decimal(5)
"""How far beyond its stop the limit of a stop-limit order is, in percent of the stop.

Ours. Where a broker holds no plain stop, this is how far the market may jump in one step with the stop filling all the same, and the
worst that it may cost. Five percent is more than the majors of crypto move between two trades outside of a crash.
"""


class HeldExits(msgspec.Struct, frozen=True, gc=False):
    """Which protective orders a broker holds for one kind of instrument; by default any, for any quantity, until canceled.

    ``stop`` is the type that a stop-loss has there. ``pairs``: a stop-loss and a take-profit may be linked. What is no multiple
    of ``step`` is held until the end of the day only, and in no pair (None: nothing of the sort).
    """

    stop: OrderType = OrderType.STOP
    pairs: bool = True
    step: Decimal | None = None

    def takes_pair(self, quantity: Decimal) -> bool:
        """Whether it holds a linked stop-loss and take-profit for so much."""
        return self.pairs and self.is_whole(quantity)

    def is_whole(self, quantity: Decimal) -> bool:
        """Whether a quantity is a multiple of the step."""
        return self.step is None or not quantity % self.step

    def whole(self, quantity: Decimal) -> Decimal:
        """As much of a quantity as is a multiple of the step."""
        return quantity if self.step is None else round_to(quantity, self.step, Rounding.DOWN)

    def time_in_force(self, quantity: Decimal) -> TimeInForce:
        """How long it holds an order for so much. One that ends with the day is placed anew then."""
        return TimeInForce.GTC if self.is_whole(quantity) else TimeInForce.DAY

    def limit_of_stop(self, stop: Price, side: Side, instrument: Instrument) -> Price | None:
        """The limit of a stop order on a side; None where it becomes a market order."""
        if self.stop is not OrderType.STOP_LIMIT:
            return None
        return instrument.stop_price(stop + stop * STOP_LIMIT_PCT / 100 * side.sign, side)


class BrokerRules(msgspec.Struct, frozen=True):
    """What a broker takes. ``orders_cross_zero``: one order may turn a position round."""

    orders_cross_zero: bool = True
    stocks: HeldExits = HeldExits()
    crypto: HeldExits = HeldExits()

    def exits(self, asset: AssetClass) -> HeldExits:
        """Which protective orders it holds for an asset class."""
        return self.crypto if asset is AssetClass.CRYPTO else self.stocks


ANY_ORDER = BrokerRules()
"""Those of a broker that takes everything there is: the paper broker's."""
