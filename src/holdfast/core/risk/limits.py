"""The limits of an account, and the profiles they come in."""

from decimal import Decimal

import msgspec

from holdfast.core.types import SECOND_NS, Money


class RiskLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an account may risk. None: no such limit.

    Worst case counts everywhere: positions, and whatever is open, in flight or unknown, on the side that hurts.

    * ``max_position_value``: a symbol's worst-case position, in money.
    * ``max_gross_exposure``: all worst-case positions together, in money.
    * ``leverage``: buying power is equity times this; 2 is what US Regulation T allows overnight.
    * ``max_open_orders``, ``max_orders_per_minute``: entries that may be live, or be made in any minute.
    * ``price_collar_pct``: how far through the market a limit may be priced (a fat finger).
    * ``duplicate_window_s``: the same order again within this time, or while its twin is live, is a mistake.
    * ``daily_loss_pct``: a loss of this share of the day's first equity puts the account into PRESERVATION for the day.
    * ``size_pct``: the share of equity a signal gets that leaves its size to risk, before its confidence scales it.
    """

    max_position_value: Money | None = None
    max_gross_exposure: Money | None = None
    leverage: Decimal = Decimal(2)
    max_open_orders: int = 200
    max_orders_per_minute: int = 300
    price_collar_pct: Decimal = Decimal(10)
    duplicate_window_s: float = 1.0
    daily_loss_pct: Decimal | None = None
    size_pct: Decimal = Decimal(10)

    @property
    def duplicate_window_ns(self) -> int:
        """The duplicate window in nanoseconds."""
        return int(self.duplicate_window_s * SECOND_NS)


PROFILES: dict[str, RiskLimits] = {
    "default": RiskLimits(),
    "conservative": RiskLimits(
        leverage=Decimal(1),
        max_open_orders=20,
        max_orders_per_minute=30,
        price_collar_pct=Decimal(3),
        daily_loss_pct=Decimal(2),
        size_pct=Decimal(5),
    ),
}
"""Named starting points; a configuration overrides single limits of one."""
