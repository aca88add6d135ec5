"""How real an exchange is, as one word: what stands for each setting that a person leaves open.

The figures are round ones for liquid shares and not any broker's; docs/venue.md says where they come from.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from holdfast.core.types import ZERO
from holdfast.venue.settings import FillAt


class Model(StrEnum):
    """How much is assumed against the trader."""

    OPTIMISTIC = "optimistic"
    REALISTIC = "realistic"
    CAUTIOUS = "cautious"


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """What a model says of each setting; the names are those of the section ``[venue]``."""

    fill: FillAt = FillAt.NEXT_OPEN
    spread_bps: Decimal = ZERO
    slippage_bps: Decimal = ZERO
    slippage_noise_bps: Decimal = ZERO
    volume_share: Decimal | None = None
    latency_ms: float = 0
    latency_jitter_ms: float = 0
    borrow_pct: Decimal = ZERO
    interest_pct: Decimal = ZERO


PLAIN = Preset()
"""Without a model: the next open, and no costs but those that are written."""

PRESETS: dict[Model, Preset] = {
    Model.OPTIMISTIC: Preset(fill=FillAt.CLOSE),
    Model.REALISTIC: Preset(
        spread_bps=Decimal(2),
        slippage_bps=Decimal(1),
        volume_share=Decimal("0.1"),
        latency_ms=100,
        borrow_pct=Decimal(1),
        interest_pct=Decimal(8),
    ),
    Model.CAUTIOUS: Preset(
        spread_bps=Decimal(10),
        slippage_bps=Decimal(5),
        slippage_noise_bps=Decimal(5),
        volume_share=Decimal("0.02"),
        latency_ms=500,
        latency_jitter_ms=500,
        borrow_pct=Decimal(5),
        interest_pct=Decimal(12),
    ),
}
