"""Commission, chance and settings."""

from decimal import Decimal

import msgspec
import pytest

from holdfast.core.types import Price, Quantity
from holdfast.errors import InvalidValue
from holdfast.venue.models import BpsOfNotional, Commission, NoCommission, PerOrder, PerShare, chance, fee, uniform_int
from holdfast.venue.settings import VenueSettings


@pytest.mark.parametrize(
    ("commission", "price", "quantity", "before", "expected"),
    [
        (NoCommission(), "100", "10", "0", "0"),
        (PerShare(Decimal("0.005")), "100", "301", "0", "1.51"),
        (PerShare(Decimal("0.005"), Decimal(1)), "100", "10", "0", "1.00"),
        (PerShare(Decimal("0.005"), Decimal(1)), "100", "10", "10", "0.00"),
        (BpsOfNotional(Decimal(1)), "100.01", "10", "0", "0.11"),
        (PerOrder(Decimal("2.5")), "100", "10", "0", "2.50"),
        (PerOrder(Decimal("2.5")), "100", "10", "1", "0"),
    ],
)
def test_a_fee_is_rounded_up_to_the_cent(
    commission: Commission, price: str, quantity: str, before: str, expected: str
) -> None:
    """Each model charges what it says, knowing what the order had filled before."""
    got = fee(commission, Price(Decimal(price)), Quantity(Decimal(quantity)), Quantity(Decimal(before)))
    assert got == Decimal(expected)


def test_fees_per_share_add_up_over_partial_fills() -> None:
    """Many small fills cost what one fill of the whole order costs."""
    commission, price = PerShare(Decimal("0.0033"), Decimal(1)), Price(Decimal(10))
    whole = fee(commission, price, Quantity(Decimal(1000)), Quantity(Decimal(0)))
    parts = [fee(commission, price, Quantity(Decimal(1)), Quantity(Decimal(n))) for n in range(1000)]
    assert sum(parts) == whole == Decimal("3.30")
    assert min(parts) >= 0


def test_chance_depends_on_its_arguments_alone() -> None:
    """Drawn again it is the same number; each argument matters; the draws spread over their range."""
    draw = chance(1, "slippage", "A", "buy", 5)
    assert draw == chance(1, "slippage", "A", "buy", 5)
    others = [(2, "slippage", "A", "buy", 5), (1, "x", "A", "buy", 5), (1, "slippage", "B", "buy", 5)]
    others += [(1, "slippage", "A", "sell", 5), (1, "slippage", "A", "buy", 6)]
    assert draw not in {chance(*arguments) for arguments in others}
    assert {uniform_int(chance(0, "k", "A", "buy", n), 3) for n in range(100)} == {0, 1, 2, 3}


@pytest.mark.parametrize(
    "bad",
    [
        {"slippage_bps": Decimal(-1)},
        {"slippage_bps": Decimal(9000), "slippage_noise_bps": Decimal(1000)},
        {"volume_share": Decimal(0)},
        {"volume_share": Decimal("1.1")},
        {"latency_ns": -1},
        {"latency_jitter_ns": -1},
    ],
)
def test_settings_out_of_range_are_refused(bad: dict[str, Decimal]) -> None:
    """The error names the setting."""
    with pytest.raises(InvalidValue, match=next(iter(bad))):
        VenueSettings(**bad)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "make", [lambda: PerShare(Decimal(-1)), lambda: BpsOfNotional(Decimal(-1)), lambda: PerOrder(Decimal(-1))]
)
def test_a_commission_below_zero_is_refused(make: object) -> None:
    """Rebates are not modelled."""
    assert callable(make)
    with pytest.raises(InvalidValue, match="must be at least 0"):
        make()


def test_settings_can_be_read_from_plain_values() -> None:
    """A configuration file's table becomes settings, the commission by its type."""
    table = {"fill": "next_open", "slippage_bps": "1.5", "commission": {"type": "per_share", "rate": "0.005"}}
    settings = msgspec.convert(table, VenueSettings)
    assert settings == VenueSettings(
        fill=settings.fill, slippage_bps=Decimal("1.5"), commission=PerShare(Decimal("0.005"))
    )
