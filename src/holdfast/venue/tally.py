"""What an exchange counts of the prices it made, for those who ask how far a result can be trusted."""

from decimal import Decimal

import msgspec

LARGE_SHARE = 0.1
"""A fill of more than this part of its bar's volume is a large one: in a market it would have moved the price."""


class Tally(msgspec.Struct):
    """What was counted since the exchange began.

    ``slippage`` is what spread and slippage have cost, by symbol, in the symbol's currency. ``large_fills`` are those of more than
    `LARGE_SHARE` of their bar's volume. ``bars_without_volume`` counts the times that an order met one while the volume was to bound it.
    """

    slippage: dict[str, Decimal] = msgspec.field(default_factory=dict)
    large_fills: int = 0
    bars_without_volume: int = 0
