"""Sizing: what each method asks for, how confidence scales it, and what makes it nothing."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from holdfast.core.instruments import US_EQUITY
from holdfast.core.messages import Bar, OrderTerms, RiskApproved, RiskRefused
from holdfast.core.risk.check import check, fit
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.risk.sizing import Basis, Measure, Method, Sizing, Unsized, wanted_size
from holdfast.core.risk.view import RiskView, Scope
from holdfast.core.risk.volatility import (
    VolatilityCache,
    average_true_range,
    bars_in_a_year,
    bars_needed,
    realised_volatility_pct,
)
from holdfast.core.session.account import AccountState
from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS, ClientOrderId, Money, Price, Quantity, Side, StrategyId
from tests.scenario.account import DAYS, OFFICE_HOURS, START_NS, bar

D = Decimal


def basis(**changes: Any) -> Basis:
    """An account of 100,000, a price of 100, full confidence."""
    plain: dict[str, Any] = {"price": D(100), "equity": D(100_000), "buying_power": D(150_000), "confidence": 1.0}
    return Basis(**(plain | changes))


@pytest.mark.parametrize(
    ("sizing", "found", "size"),
    [
        ({}, {}, 100),
        ({"method": Method.FIXED_QUANTITY, "quantity": D(7)}, {}, 7),
        ({"method": Method.FIXED_NOTIONAL, "notional": D(1234)}, {}, D("12.34")),
        ({"method": Method.PERCENT_EQUITY, "max_pct": D(3)}, {}, 30),
        ({"method": Method.PERCENT_BUYING_POWER, "max_pct": D(10)}, {}, 150),
        ({"method": Method.PERCENT_BUYING_POWER, "max_pct": D(10)}, {"buying_power": D(-5)}, 0),
        ({"method": Method.RISK_PER_TRADE, "risk_pct": D(1)}, {"stop_distance": D(4)}, 250),
        ({"method": Method.VOLATILITY_TARGET, "risk_pct": D(1), "multiple": D(2)}, {"volatility": D("2.5")}, 200),
        (
            {"method": Method.VOLATILITY_TARGET, "volatility": Measure.REALISED, "target_volatility_pct": D(5)},
            {"volatility": D(20)}, 250,
        ),
        ({}, {"equity": D(-1)}, 0),
    ],
)  # fmt: skip
def test_a_method_gives_a_size(sizing: dict[str, Any], found: dict[str, Any], size: object) -> None:
    """Each by the formula that its documentation states."""
    assert wanted_size(Sizing(**sizing), basis(**found)) == size


@pytest.mark.parametrize(
    ("sizing", "found", "why"),
    [
        ({"method": Method.RISK_PER_TRADE}, {}, "needs a stop_loss or a trail"),
        ({"method": Method.RISK_PER_TRADE}, {"stop_distance": D(0)}, "needs a stop_loss or a trail"),
        ({"method": Method.VOLATILITY_TARGET}, {}, "needs 15 bars of the symbol"),
        ({"method": Method.VOLATILITY_TARGET}, {"volatility": D(0)}, "finds no movement"),
    ],
)
def test_a_method_without_its_figure_says_so(sizing: dict[str, Any], found: dict[str, Any], why: str) -> None:
    """No stop, too few bars or a market that stands still give no size, and the reason."""
    size = wanted_size(Sizing(**sizing), basis(**found))
    assert isinstance(size, Unsized)
    assert why in size.why


@pytest.mark.parametrize(
    ("curve", "confidence", "scale"),
    [
        ({}, 1.0, "1"), ({}, 0.3, "0.3"),
        ({"confidence_floor": D("0.2")}, 0.5, "0.6"), ({"confidence_floor": D(1)}, 0.1, "1"),
        ({"confidence_exponent": D(2)}, 0.5, "0.25"), ({"confidence_exponent": D(2), "confidence_floor": D("0.5")}, 0.5, "0.625"),
        ({"base_pct": D(2), "max_pct": D(10)}, 0.5, "0.6"), ({"base_pct": D(2), "max_pct": D(10)}, 1.0, "1"),
    ],
)  # fmt: skip
def test_confidence_scales_along_a_curve_with_a_floor(curve: dict[str, Any], confidence: float, scale: str) -> None:
    """floor + (1 - floor) x confidence ^ exponent; base_pct / max_pct is a floor in other words."""
    assert Sizing(**curve).scale(confidence) == D(scale)


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": Method.FIXED_QUANTITY}, {"method": Method.FIXED_NOTIONAL}, {"max_pct": D(0)}, {"bars": 1}, {"lot": D(-1)},
        {"confidence_floor": D("1.1")}, {"base_pct": D(11)}, {"time_to_live_s": 0.0},
    ],
)  # fmt: skip
def test_a_sizing_that_can_not_be_is_refused(wrong: dict[str, Any]) -> None:
    """A method without its figure, a share of nothing, a base above the maximum."""
    with pytest.raises(ValueError, match=f"sizing|{next(iter(wrong))}"):
        Sizing(**wrong)


# --- fitting under the caps -------------------------------------------------------------------------------------------


def seen(position: int = 0, **changes: Any) -> RiskView:
    held = Quantity(D(position))
    facts: dict[str, Any] = {
        "state": AccountState.IDLE, "mark": D(100), "account": Scope(held, held, held), "equity": D(100_000), "cash": D(100_000),
    }  # fmt: skip
    return RiskView(**(facts | changes))


def fitted(side: Side, intent: object, view: RiskView, lot: str = "1", closing: int = 0, **limits: Any) -> object:
    """The quantity that an intent comes to, or the refusal's rule and text."""
    terms = OrderTerms(ClientOrderId("h1"), StrategyId("s"), "ABC", side, Quantity(D(0)))
    found = fit(terms, view, RiskLimits(**limits), D(str(intent)), D(lot), Quantity(D(closing)))
    if isinstance(found, RiskRefused):
        return found.rule, found.text
    assert isinstance(check(found, view, RiskLimits(**limits)), RiskApproved)
    return found.quantity


def test_a_size_is_cut_to_the_smallest_cap_and_to_whole_lots() -> None:
    """The intent, or what the limits leave, rounded down."""
    assert fitted(Side.BUY, "99.9", seen()) == 99
    assert fitted(Side.BUY, "99.9", seen(), lot="0.01") == D("99.9")
    assert fitted(Side.BUY, "199.9", seen(), lot="100") == 100
    assert fitted(Side.BUY, 500, seen(), max_position_value=Money(D(4_550))) == 45
    assert fitted(Side.BUY, 500, seen(), max_position_value=Money(D(4_550)), max_position_pct=D(3)) == 30
    assert fitted(Side.BUY, 5_000, seen()) == 2_000, "buying power is twice equity"
    assert fitted(Side.BUY, 500, seen(bar_volume=D(700)), max_volume_pct=D(10)) == 70


def test_a_size_of_zero_says_what_made_it_zero() -> None:
    """The method, the cap that left less than a lot, or the rule that lets nothing through."""
    assert fitted(Side.BUY, "0.7", seen()) == ("size", "the method asks for 0.7, less than one lot of 1")
    assert fitted(Side.BUY, 9, seen(), max_position_value=Money(D(50))) == (
        "size",
        "position_value leaves room for 0.5, less than one lot",
    )
    rule = fitted(Side.BUY, 9, seen(state=AccountState.HALTED))
    assert rule == ("account_state", "the account is HALTED: nothing that raises risk is sent")


def test_what_closes_is_not_cut() -> None:
    """Turning round closes exactly what is held; what opens beyond is cut to lots and caps, to nothing where nothing may open."""
    held = Quantity(D("-3.5"))
    short = Scope(held, held, held)
    view = seen(account=short)
    assert fitted(Side.BUY, "10.7", view, closing=4) == 14
    assert fitted(Side.BUY, "10.7", replace(view, state=AccountState.HALTED), closing=3) == 3
    assert fitted(Side.SELL, 10, seen(20), allow_short=False, closing=20) == 20


def test_the_smallest_order_is_a_rule_apart() -> None:
    """A size that fits and is too small for the broker is refused by that rule, in validation and so for sizes too."""
    terms = OrderTerms(ClientOrderId("h1"), StrategyId("s"), "ABC", Side.BUY, Quantity(D(0)))
    found = fit(terms, seen(instrument=US_EQUITY), RiskLimits(), D("0.005"), D("0.001"))
    assert not isinstance(found, RiskRefused)
    answer = check(found, seen(), RiskLimits())
    assert isinstance(answer, RiskRefused)
    assert answer.rule == "minimum_value"


# --- volatility -------------------------------------------------------------------------------------------------------

BARS = [
    bar(1, 100.0, high=101.0, low=99.0),
    bar(2, 103.0, high=104.0, low=102.0),  # the gap from 100 counts: 4
    bar(3, 99.0, high=100.0, low=98.5),  # from 103 down to 98.5
    bar(4, 99.5, high=100.5, low=99.0),
]


def test_the_true_range_includes_gaps() -> None:
    """The mean of 4, 4.5 and 1.5: what Wilder's smoothing starts from."""
    assert average_true_range(BARS) == pytest.approx((4 + 4.5 + 1.5) / 3)


def test_realised_volatility_is_the_deviation_of_log_returns() -> None:
    """Returns of +1 % and -1 % in turn, whose deviation is 1 % x sqrt(4 / 3) over four of them."""
    closes = [100.0, 101.0, 100.0, 101.0, 100.0]
    bars = [bar(number, close) for number, close in enumerate(closes, 1)]
    step = 0.00995033085  # ln 1.01
    assert realised_volatility_pct(bars, 252) == pytest.approx(step * (4 / 3) ** 0.5 * 252**0.5 * 100)


@pytest.mark.parametrize(
    ("length_ns", "calendar", "count"),
    [
        (HOUR_NS, OFFICE_HOURS, 252 * 8), (DAY_NS, OFFICE_HOURS, 252), (MINUTE_NS, DAYS, 365 * 1440), (DAY_NS, DAYS, 365),
        (7 * DAY_NS, DAYS, 365 / 7),
    ],
)  # fmt: skip
def test_a_year_has_so_many_bars(length_ns: int, calendar: Any, count: float) -> None:
    """252 sessions of an exchange, 365 days where it never closes."""
    assert bars_in_a_year(length_ns, calendar, START_NS) == pytest.approx(count)


KEY = (StrategyId("s"), "ABC")


def measured(cache: VolatilityCache, bars: list[Bar], minutes: float, **changes: Any) -> Decimal | None:
    sizing = Sizing(method=Method.VOLATILITY_TARGET, bars=3, time_to_live_s=300.0, **changes)
    return cache.value(KEY, bars, sizing, 1.0, START_NS + int(minutes * MINUTE_NS))


def test_volatility_is_that_of_when_its_time_began() -> None:
    """Whenever within the time to live it is asked for first, the same bars make it: a restart in between changes nothing."""
    later = [*BARS, bar(5, 99.0), bar(6, 150.0, high=200.0), bar(7, 99.0)]
    early, late = VolatilityCache(), VolatilityCache()
    assert measured(early, later[:5], 5) == measured(early, later, 9) == measured(late, later, 9)
    assert measured(late, later, 10) != measured(early, later, 9)


def test_too_few_bars_give_no_volatility() -> None:
    """One more bar than ranges is needed, all of them ended when the time to live began."""
    assert measured(VolatilityCache(), BARS, 5) is not None
    assert measured(VolatilityCache(), BARS, 4.9) is None
    assert measured(VolatilityCache(), BARS[1:], 5) is None


def test_as_many_bars_are_kept_as_are_needed() -> None:
    """The bars of the measure, and those that end while its value lives."""
    by_range = Sizing(method=Method.VOLATILITY_TARGET, bars=14, time_to_live_s=3600.0)
    assert bars_needed(RiskLimits(sizing=by_range), RiskLimits(sizing=None), MINUTE_NS) == 14 + 1 + 61
    assert bars_needed(RiskLimits(volume_bars=20), RiskLimits(sizing=Sizing()), MINUTE_NS) == 20


def test_a_price_is_not_a_size() -> None:
    """A buy limit below the market is sized by its own price, which it never pays more than."""
    assert wanted_size(Sizing(), basis(price=Price(D(50)))) == 200
