"""How the exchange behaves: everything about it that a person can choose."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from holdfast.core.types import ZERO, Price, Side
from holdfast.errors import InvalidValue
from holdfast.venue.models import (
    BASIS_POINTS,
    Commission,
    NoCommission,
    TickRule,
    chance,
    round_against,
    uniform_decimal,
    uniform_int,
)


class FillAt(StrEnum):
    """Where an order meets the bar it was decided on."""

    CLOSE = "close"  # at that bar's close
    NEXT_OPEN = "next_open"  # not at all; it waits for the next bar and meets its open first


class VenueSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The exchange's settings; the defaults are an ideal one.

    ``slippage_bps`` moves the price of market and triggered stop orders against the trader, ``slippage_noise_bps`` adds a
    chance part from zero up to it; half of ``spread_bps`` comes on top where they meet a bar or a trade, which say nothing of
    bid and ask. With all at 0 prices are the data's own. ``volume_share`` is the largest part of a bar's
    volume, a trade's size or a quote's size that all orders of the symbol together may take (None: no cap). An order or
    cancel arrives ``latency_ns``, and by chance up to ``latency_jitter_ns`` more, after it was released. ``seed`` decides
    all chance. Raises :class:`~holdfast.errors.InvalidValue` for values out of range.
    """

    fill: FillAt = FillAt.CLOSE
    spread_bps: Decimal = ZERO
    slippage_bps: Decimal = ZERO
    volume_share: Decimal | None = None
    latency_ns: int = 0
    latency_jitter_ns: int = 0
    slippage_noise_bps: Decimal = ZERO
    commission: Commission = NoCommission()
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("spread_bps", "slippage_bps", "slippage_noise_bps", "latency_ns", "latency_jitter_ns"):
            if getattr(self, name) < 0:
                raise InvalidValue(f"venue setting {name} must not be below zero, and is {getattr(self, name)}")
        if self.spread_bps / 2 + self.slippage_bps + self.slippage_noise_bps >= BASIS_POINTS:
            raise InvalidValue(
                "venue settings slippage_bps, slippage_noise_bps and half of spread_bps together must stay below 10000 (100 %)"
            )
        if self.volume_share is not None and not 0 < self.volume_share <= 1:
            raise InvalidValue(f"venue setting volume_share must be above 0 and at most 1, and is {self.volume_share}")

    def order_arrival_ns(self, symbol: str, side: Side, released_ns: int) -> int:
        """When an order reaches the venue. Orders of one symbol, side and release arrive together."""
        return self._arrival_ns("order latency", symbol, side, released_ns)

    def cancel_arrival_ns(self, released_ns: int) -> int:
        """When a cancel request reaches the venue."""
        return self._arrival_ns("cancel latency", "", "", released_ns)

    def _arrival_ns(self, kind: str, symbol: str, side: str, released_ns: int) -> int:
        arrival_ns = released_ns + self.latency_ns
        if self.latency_jitter_ns:
            arrival_ns += uniform_int(chance(self.seed, kind, symbol, side, released_ns), self.latency_jitter_ns)
        return arrival_ns

    def slipped(
        self, price: Price, symbol: str, side: Side, time_ns: int, tick: TickRule, *, is_quoted: bool = False
    ) -> Price:
        """``price`` moved against the trader and rounded the same way; untouched when there is nothing to move it by.

        A price that ``is_quoted`` is one of two sides already: half the spread is in it.
        """
        bps = self.slippage_bps if is_quoted else self.slippage_bps + self.spread_bps / 2
        if self.slippage_noise_bps:
            bps += uniform_decimal(chance(self.seed, "slippage", symbol, side, time_ns), self.slippage_noise_bps)
        if not bps:
            return price
        return Price(round_against(price * (1 + side.sign * bps / BASIS_POINTS), side, tick))
