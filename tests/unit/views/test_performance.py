"""What an account is worth, and what its strategies have earned."""

from decimal import Decimal

import pytest

from holdfast.errors import InvalidValue
from holdfast.journal.reader import Reader
from holdfast.views.performance import Point, _drawdown_pct, performance


def test_profit_adds_up_to_the_equity(reader: Reader) -> None:
    """What was paid in and what was earned is what the account is worth, and the strategy's part is all of it."""
    found = performance(reader, "house")
    value = found.valuation
    assert value is not None
    assert value.realised is not None
    assert value.unrealised is not None
    assert value.fees is not None
    assert value.equity == 100_000 + value.realised + value.unrealised - value.fees
    (ema,) = found.strategies
    assert (ema.strategy, ema.realised, ema.net) == ("ema", value.realised, value.realised - value.fees)
    assert ema.fills == reader.count("fills", "house") > 10


def test_the_curve_goes_forward_and_ends_now(reader: Reader) -> None:
    """Its last point is the newest valuation."""
    found = performance(reader, "house")
    times = [point.time_ns for point in found.curve]
    assert times == sorted(times)
    assert found.valuation is not None
    assert found.curve[-1] == Point(found.valuation.valued_ns or 0, found.valuation.equity)


def test_a_drawdown_is_from_the_peak_before() -> None:
    """100 to 80 is 20 percent; the fall from 120 to 90 is 25, and what comes first doesn't count."""
    curve = [Point(number, Decimal(equity)) for number, equity in enumerate((90, 100, 80, 120, 90, 110))]
    assert _drawdown_pct(curve) == 25
    assert _drawdown_pct([]) == 0


def test_an_account_that_is_not_there_is_named(reader: Reader) -> None:
    """With those that are."""
    with pytest.raises(InvalidValue, match="no account 'hause'; it has house, idle"):
        performance(reader, "hause")
