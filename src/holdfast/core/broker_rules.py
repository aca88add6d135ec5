"""What orders an account's broker takes, as far as decisions go by it. `brokers.capability` says it of each broker."""

from decimal import Decimal

import msgspec

from holdfast.core.adjustments import CASH
from holdfast.core.instruments import AssetClass, Instrument, Product
from holdfast.core.types import (
    NO_MONEY,
    ZERO,
    Money,
    OrderType,
    Price,
    Quantity,
    Rounding,
    Side,
    TimeInForce,
    round_to,
)

CENT = Decimal("0.01")

STOP_LIMIT_PCT = Decimal(5)
"""How far beyond its stop the limit of a stop-limit order is, in percent of the stop.

Ours. Where a broker holds no plain stop, this is how far the market may jump in one step with the stop filling all the same, and the
worst that it may cost. Five percent is more than the majors of crypto move between two trades outside of a crash.
"""


class HeldExits(msgspec.Struct, frozen=True, gc=False):
    """Which protective orders a broker holds for one kind of instrument; by default any, for any quantity, until canceled.

    ``stop`` is the type that a stop-loss has there. ``pairs``: a stop-loss and a take-profit may be linked. What is no multiple
    of ``step`` is held until the end of the day only, and in no pair (None: nothing of the sort). ``trails``: a stop-loss, linked or
    not, may follow the market by itself. ``overnight``: one may outlive its day.
    """

    stop: OrderType = OrderType.STOP
    pairs: bool = True
    step: Decimal | None = None
    trails: bool = False
    overnight: bool = True

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
        return TimeInForce.GTC if self.overnight and self.is_whole(quantity) else TimeInForce.DAY

    def limit_of_stop(self, stop: Price, side: Side, instrument: Instrument) -> Price | None:
        """The limit of a stop order on a side; None where it becomes a market order."""
        if self.stop is not OrderType.STOP_LIMIT:
            return None
        return instrument.stop_price(stop + stop * STOP_LIMIT_PCT / 100 * side.sign, side)


class FeeBounds(msgspec.Struct, frozen=True):
    """The most that a broker takes by itself, beside the executions and often long before it lists it; by default nothing.

    ``coin_pct``: of what a trade in coins brings, in percent: of the coins bought, of the money got for them. ``sale_pct``: of the
    proceeds of shares, in percent. ``per_share``: of every share bought or sold, in money. Money is taken in whole cents, rounded up
    ``roundings`` times.
    """

    coin_pct: Decimal = ZERO
    sale_pct: Decimal = ZERO
    per_share: Money = NO_MONEY
    roundings: int = 0

    def most_of(
        self, symbol: str, side: Side, quantity: Quantity, price: Price, *, is_coin: bool
    ) -> tuple[str, Decimal]:
        """What an execution's fee is taken from, a symbol's units or `CASH`, and how much that may be."""
        if is_coin and side is Side.BUY:
            return symbol, quantity * self.coin_pct / 100
        if is_coin:
            most = quantity * price * self.coin_pct / 100
        else:
            sold = quantity * price if side is Side.SELL else ZERO
            most = sold * self.sale_pct / 100 + quantity * self.per_share
        return CASH, most + CENT * self.roundings if most else ZERO


NO_FEES = FeeBounds()


class BrokerRules(msgspec.Struct, frozen=True):
    """What a broker takes. ``orders_cross_zero``: one order may turn a position round. ``fees`` are those it takes by itself.

    ``wash_trades``: an order may be able to trade with another of the account. ``products`` are those that have exits of their own.
    ``square_off_ns``: so long before the end of a session it closes by itself what is held for the day (MIS); None: it closes nothing.
    ``lists_rules``: a list of the day says the rules of its instruments.
    """

    orders_cross_zero: bool = True
    wash_trades: bool = True
    stocks: HeldExits = HeldExits()
    crypto: HeldExits = HeldExits()
    products: dict[Product, HeldExits] = {}
    fees: FeeBounds = NO_FEES
    square_off_ns: int | None = None
    lists_rules: bool = False

    def exits(self, instrument: Instrument) -> HeldExits:
        """Which protective orders it holds for an instrument: by its product where that decides, else by its asset class."""
        by_class = self.crypto if instrument.asset_class is AssetClass.CRYPTO else self.stocks
        return by_class if instrument.product is None else self.products.get(instrument.product, by_class)


ANY_ORDER = BrokerRules()
"""Those of a broker that takes any order, and leaves moving a stop to whoever placed it."""
PAPER_RULES = BrokerRules(stocks=HeldExits(trails=True), crypto=HeldExits(trails=True))
"""The paper broker's: its exchange knows trailing stops that are linked to a target."""
