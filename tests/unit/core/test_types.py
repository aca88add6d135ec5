"""Exact values: what becomes one, what is refused, and which way they are rounded."""

import datetime as dt
from decimal import Decimal
from fractions import Fraction

import pytest

from holdfast.core.instruments import CRYPTO, INDIA_EQUITY, US_EQUITY, Instrument, instrument_for
from holdfast.core.types import (
    LARGEST,
    Price,
    Quantity,
    Rounding,
    Side,
    from_float,
    iso_time,
    notional,
    plain,
    round_to,
    to_decimal,
    to_price,
    to_quantity,
)
from holdfast.errors import InvalidValue


@pytest.mark.parametrize(
    ("value", "exact"),
    [
        (0.1, "0.1"),
        (1e-7, "1E-7"),
        (123456.789, "123456.789"),
        (2.0**53, "9007199254740992"),
        (100.0, "100"),
        (-0.5, "-0.5"),
    ],
)
def test_a_float_becomes_the_decimal_it_prints_as(value: float, exact: str) -> None:
    """``from_float`` keeps the shortest decimal that prints as the float, not its binary expansion."""
    assert from_float(value) == Decimal(exact)
    assert float(from_float(value)) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_is_no_value(value: float) -> None:
    """NaN and the infinities are refused, whatever they come as."""
    with pytest.raises(InvalidValue, match="finite"):
        from_float(value)
    with pytest.raises(InvalidValue, match="price must be a finite number"):
        to_decimal(value, "price")
    with pytest.raises(InvalidValue, match="price must be a finite number"):
        to_decimal(Decimal(value), "price")


@pytest.mark.parametrize(("value", "exact"), [(3, "3"), ("3.10", "3.10"), (0.1, "0.1"), (Decimal("1.5"), "1.5")])
def test_people_write_numbers_in_four_ways(value: object, exact: str) -> None:
    """int, str, float and Decimal become the same exact number, digits kept."""
    assert str(to_decimal(value, "x")) == exact


@pytest.mark.parametrize("value", ["", "ten", "1,5", True, None, [1], Fraction(1, 2), b"1", 1j])
def test_what_is_no_number_is_refused_by_name(value: object) -> None:
    """The refusal says what was to be a number and what came instead."""
    with pytest.raises(InvalidValue, match="limit_price must be a number, not") as refusal:
        to_decimal(value, "limit_price")
    assert repr(value) in str(refusal.value)


@pytest.mark.parametrize("value", [LARGEST, -LARGEST, 10**30, 1e200, "1e15"])
def test_what_arithmetic_has_no_digits_for_is_refused(value: object) -> None:
    """A size of 10**15 or more is refused at the boundary, because 28 digits can't hold it with its fractions."""
    with pytest.raises(InvalidValue, match="quantity must be below 1,000,000,000,000,000 in size"):
        to_decimal(value, "quantity")
    assert to_decimal(LARGEST - 1, "quantity") == LARGEST - 1


@pytest.mark.parametrize("value", [0, -1, "0.0", -0.01])
def test_prices_and_quantities_are_above_zero(value: object) -> None:
    """Zero and less is neither a price nor an order's quantity."""
    with pytest.raises(InvalidValue, match="price must be above zero"):
        to_price(value)
    with pytest.raises(InvalidValue, match="quantity must be above zero"):
        to_quantity(value)


def test_exact_values_do_not_mix_with_floats() -> None:
    """Arithmetic between an exact value and a float raises instead of giving something inexact."""
    with pytest.raises(TypeError):
        to_price("1.10") * 0.1  # type: ignore[operator]
    assert notional(Price(Decimal("0.1")), Quantity(Decimal(-3))) == Decimal("-0.3")


@pytest.mark.parametrize(
    ("rounding", "value", "rounded"),
    [
        (Rounding.DOWN, "1.009", "1.00"),
        (Rounding.UP, "1.001", "1.01"),
        (Rounding.DOWN, "-1.001", "-1.01"),
        (Rounding.UP, "-1.009", "-1.00"),
        (Rounding.NEAREST, "1.005", "1.00"),
        (Rounding.NEAREST, "1.015", "1.02"),
        (Rounding.NEAREST, "1.0051", "1.01"),
    ],
)
def test_rounding_goes_where_it_says(rounding: Rounding, value: str, rounded: str) -> None:
    """DOWN is towards minus infinity, UP towards plus infinity, NEAREST takes ties to the even step."""
    assert round_to(Decimal(value), Decimal("0.01"), rounding) == Decimal(rounded)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("100", "100"),
        ("1E+2", "100"),
        ("0.2500", "0.25"),
        ("-0", "0"),
        ("-0.00", "0"),
        ("1E-9", "0.000000001"),
        ("-3.10", "-3.1"),
    ],
)
def test_plain_is_how_people_write_it(value: str, text: str) -> None:
    """No exponent, no trailing zeros, no negative zero."""
    assert plain(Decimal(value)) == text


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_700_000_000_000_000_000, "2023-11-14T22:13:20Z"),
        (1_700_000_000_123_456_789, "2023-11-14T22:13:20.123456789Z"),
        (1_500_000_000, "1970-01-01T00:00:01.5Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
    ],
)
def test_a_time_is_written_to_the_last_nanosecond(time_ns: int, text: str) -> None:
    """ISO 8601 in UTC, exact, without decimals where there are none."""
    assert iso_time(time_ns) == text


def test_sides_are_opposites() -> None:
    """A buy adds, a sell takes away, and each is the other's opposite."""
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)
    assert Side.BUY.opposite is Side.SELL
    assert Side.SELL.opposite is Side.BUY


@pytest.mark.parametrize(
    ("rules", "asked", "side", "limit", "stop"),
    [
        (US_EQUITY, "10.017", Side.BUY, "10.01", "10.02"),
        (US_EQUITY, "10.017", Side.SELL, "10.02", "10.01"),
        (US_EQUITY, "0.12345", Side.BUY, "0.1234", "0.1235"),
        (US_EQUITY, "0.00001", Side.BUY, "0.0001", "0.0001"),
        (INDIA_EQUITY, "10.12", Side.BUY, "10.10", "10.15"),
        (CRYPTO, "0.1234567891", Side.SELL, "0.123456790", "0.123456789"),
    ],
)
def test_a_price_on_the_tick_is_never_worse_than_asked(
    rules: Instrument, asked: str, side: Side, limit: str, stop: str
) -> None:
    """A limit never pays more or takes less than was asked, a stop never triggers earlier; never below one tick."""
    assert rules.limit_price(Decimal(asked), side) == Decimal(limit)
    assert rules.stop_price(Decimal(asked), side) == Decimal(stop)


def test_a_size_is_rounded_down_to_whole_lots() -> None:
    """Sizing never buys more than the budget."""
    assert US_EQUITY.lots(Decimal("9.99")) == 9
    assert CRYPTO.lots(Decimal("0.0000019")) == Decimal("0.000001")


NSE_DAYS = {
    "before": "2024-06-09T23:59",
    "2024": "2024-06-10T00:00",
    "late 2024": "2025-04-14T23:59",
    "2025": "2025-04-15T00:00",
}


@pytest.mark.parametrize(
    ("day", "price", "tick"),
    [
        ("before", "99.99", "0.05"), ("before", "3000", "0.05"),
        ("2024", "99.99", "0.01"), ("2024", "249.99", "0.01"), ("2024", "250", "0.05"), ("2024", "12000", "0.05"),
        ("late 2024", "1500", "0.05"),
        ("2025", "249.99", "0.01"), ("2025", "250", "0.05"), ("2025", "1000", "0.05"), ("2025", "1000.10", "0.10"),
        ("2025", "5000", "0.10"), ("2025", "5000.50", "0.50"), ("2025", "10000", "0.50"), ("2025", "10001", "1"),
        ("2025", "20000", "1"), ("2025", "20005", "5"), ("2025", "120000", "5"),
    ],
)  # fmt: skip
def test_ticks_of_nse_are_those_of_the_day(day: str, price: str, tick: str) -> None:
    """A table by price since 10 June 2024, another since 15 April 2025, each from midnight in Mumbai; 0.05 before."""
    moment = dt.datetime.fromisoformat(f"{NSE_DAYS[day]}+05:30")
    assert INDIA_EQUITY.at(int(moment.timestamp()) * 1_000_000_000).tick(Decimal(price)) == Decimal(tick)


def test_other_rules_are_the_same_at_all_times() -> None:
    """And one tick that is given holds for all prices and times."""
    assert US_EQUITY.at(0) is US_EQUITY
    given = INDIA_EQUITY.but(ticks=((Decimal(0), Decimal("0.05")),))
    assert {given.at(time_ns).tick(Decimal(price)) for time_ns in (0, 1 << 62) for price in (1, 500, 50_000)} == {
        Decimal("0.05")
    }


@pytest.mark.parametrize("calendar", ["24/5", "CMES", "XLON", "XPAR", "XTKS", "XHKG", "XTSE", "us_futures"])
def test_where_no_tick_is_known_none_is_made_up(calendar: str) -> None:
    """Currencies, futures and foreign shares have no price rounded, by a US share's tick least of all."""
    rules = instrument_for(calendar)
    assert not rules.ticks
    for rounded in (rules.limit_price, rules.stop_price):
        with pytest.raises(InvalidValue, match="no tick is known"):
            rounded(Decimal("1.1034"), Side.SELL)


@pytest.mark.parametrize(("calendar", "rules"), [("XNYS", US_EQUITY), ("24/7", CRYPTO), ("XBOM", INDIA_EQUITY)])
def test_an_exchange_has_its_rules(calendar: str, rules: Instrument) -> None:
    """Ticks and lots follow the calendar's exchange."""
    assert instrument_for(calendar) is rules
