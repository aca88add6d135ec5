"""One word for how real an exchange is, and single keys beside it."""

from decimal import Decimal

import pytest

from holdfast.config import VenueConfig
from holdfast.core.types import Price, Side
from holdfast.venue.models import finest_tick
from holdfast.venue.presets import PRESETS, Model
from holdfast.venue.settings import FillAt, VenueSettings


def test_without_a_word_orders_fill_at_the_next_open_and_cost_nothing() -> None:
    """The default is what can be had; nothing else is assumed."""
    assert VenueConfig().settings() == VenueSettings(fill=FillAt.NEXT_OPEN, seed=1)
    assert VenueConfig().carry().is_free


def test_each_model_is_harder_than_the_one_before() -> None:
    """No setting of a more careful model is kinder to the trader."""
    optimistic, realistic, cautious = (PRESETS[model] for model in Model)
    for kind, hard in ((optimistic, realistic), (realistic, cautious)):
        for name in ("spread_bps", "slippage_bps", "slippage_noise_bps", "latency_ms", "borrow_pct", "interest_pct"):
            assert getattr(kind, name) <= getattr(hard, name), name
        assert (kind.volume_share or 1) > (hard.volume_share or 1)
    assert [preset.fill for preset in (optimistic, realistic, cautious)] == ["close", "next_open", "next_open"]


def test_a_key_that_is_written_takes_the_models_place() -> None:
    """Zero is a value like any other; a volume share of zero is no bound."""
    said = VenueConfig(model=Model.REALISTIC, slippage_bps=Decimal(0), volume_share=Decimal(0), fill=FillAt.CLOSE)
    settings = said.settings()
    assert (settings.fill, settings.slippage_bps, settings.volume_share) == (FillAt.CLOSE, Decimal(0), None)
    assert (settings.spread_bps, settings.latency_ns) == (Decimal(2), 100_000_000)
    assert said.written == ("fill", "slippage_bps", "volume_share")


@pytest.mark.parametrize(
    ("said", "goes_on"),
    [
        (VenueConfig(), FillAt.CLOSE),
        (VenueConfig(slippage_bps=Decimal(5)), FillAt.CLOSE),
        (VenueConfig(fill=FillAt.NEXT_OPEN), FillAt.NEXT_OPEN),
        (VenueConfig(model=Model.CAUTIOUS), FillAt.NEXT_OPEN),
    ],
)
def test_what_began_at_the_close_goes_on_until_something_is_written(said: VenueConfig, goes_on: FillAt) -> None:
    """Only the fill or a model changes it."""
    assert said.settings(begun=FillAt.CLOSE).fill is goes_on


def test_half_the_spread_is_paid_where_no_quote_says_it() -> None:
    """A buy pays it up, a sell down, on top of slippage; a quote has its own spread."""
    settings = VenueSettings(spread_bps=Decimal(20), slippage_bps=Decimal(5))
    price = Price(Decimal(100))

    def slipped(side: Side, *, is_quoted: bool) -> Decimal:
        return settings.slipped(price, "ABC", side, 0, finest_tick, is_quoted=is_quoted)

    assert [slipped(side, is_quoted=False) for side in (Side.BUY, Side.SELL)] == [Decimal("100.15"), Decimal("99.85")]
    assert [slipped(side, is_quoted=True) for side in (Side.BUY, Side.SELL)] == [Decimal("100.05"), Decimal("99.95")]
