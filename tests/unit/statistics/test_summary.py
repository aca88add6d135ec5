"""A run's numbers where runs are odd: short, flat, ruined, with money paid in, with holes."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from holdfast.calendars import trading_calendar
from holdfast.errors import InvalidValue
from holdfast.statistics import Benchmark, Curve, RoundTrip, Statistics, buy_and_hold, daily, summarize
from holdfast.statistics.falls import drawdown
from tests.unit.statistics.series import curve_of, days_of, returns_of

NEW_YORK = trading_calendar("XNYS")
DAYS = [day for day in NEW_YORK.days if "2024-01-01" <= day.date < "2024-02-01"]
DAY_NS = 86_400 * 10**9


def summary(
    equity: Sequence[float],
    trips: Sequence[RoundTrip] = (),
    *,
    flow: Sequence[float] | None = None,
    exposure: Sequence[float] | None = None,
    times: Sequence[int] | None = None,
    **said: Any,
) -> Statistics:
    """A run with one mark at the close of each session of January 2024, from 100."""
    marks = [day.close_ns for day in DAYS[: len(equity)]] if times is None else times
    curve = Curve(
        np.array(marks, dtype=np.int64),
        np.array(equity, dtype=float),
        np.array(exposure or [0.0] * len(equity)),
        None if flow is None else np.array(flow, dtype=float),
    )
    paid: dict[str, Any] = {"fees": 0.0, "slippage": None, "borrow": 0.0, "turnover": 0.0, "calendar": NEW_YORK}
    return summarize(curve, trips, deposit=100.0, **{**paid, **said})


def numbers(value: Any) -> Iterator[float]:
    """Every float there is in it, however deep."""
    if isinstance(value, float):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from numbers(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from numbers(each)


def trip(profit: float, **said: Any) -> RoundTrip:
    start_ns = DAYS[0].open_ns
    fields = {"entry_ns": start_ns, "exit_ns": start_ns + 3_600 * 10**9, **said}
    return RoundTrip("trend", "SPY", "long", 10, entry_price=100, exit_price=101, profit=profit, **fields)


ODD = {
    "nothing at all": {"equity": []},
    "one session": {"equity": [101]},
    "no trade": {"equity": [100] * 21},
    "one return over and over": {"equity": [100 * 1.001**n for n in range(1, 22)]},
    "all losing": {"equity": [100 - n for n in range(1, 22)]},
    "ruin": {"equity": [100, 50, 0, 20, 40]},
    "below zero": {"equity": [100, 50, -30, -60]},
    "a thousandfold in a day": {"equity": [100_000.0]},
    "all paid out": {"equity": [100, 110, 0], "flow": [0, 0, -110]},
    "two marks of one time": {"equity": [100, 99], "times": [DAYS[0].close_ns] * 2},
}


@pytest.mark.parametrize("said", ODD.values(), ids=list(ODD))
def test_an_odd_run_has_numbers_or_none(said: dict[str, Any]) -> None:
    """No figure is infinite or not a number, and the whole is JSON, with a benchmark and without."""
    times = np.array([day.close_ns for day in DAYS])
    still = Benchmark("cash", times, np.ones(len(times)))
    for benchmark in (None, still):
        made = summary(**said, benchmark=benchmark)
        assert all(map(math.isfinite, numbers(msgspec.to_builtins(made))))
        msgspec.json.encode(made)


def test_no_variation_is_no_sharpe() -> None:
    """The same return every session has a volatility of nothing, and no ratio to it; rounding is no variation."""
    made = summary(**ODD["one return over and over"])  # type: ignore[arg-type]  # as the table has it
    assert (made.volatility_pct, made.sharpe, made.sortino, made.probabilistic_sharpe_pct) == (0.0, None, None, None)
    assert made.total_return_pct == pytest.approx((1.001**21 - 1) * 100)


def test_ruin_ends_the_returns() -> None:
    """What equity does after it was gone is no return: the account had ended."""
    made = summary([100, 50, 0, 20, 40])
    assert made.ruined_on == DAYS[2].date
    assert (made.total_return_pct, made.cagr_pct, made.sessions) == (-100.0, -100.0, 3)
    assert (made.drawdown.max_pct, made.drawdown.recovered_ns, made.end_equity) == (100.0, None, 40.0)


def test_ruin_within_a_session_counts() -> None:
    """Equity at zero between two closes is ruin, though the close is above."""
    day = DAYS[1]
    times = [DAYS[0].close_ns, day.open_ns + 1, day.close_ns]
    made = summary([100, -5, 30], times=times)
    assert (made.ruined_on, made.sessions) == (day.date, 2)
    assert made.total_return_pct == pytest.approx(-105.0)


def test_money_paid_in_or_out_is_no_return() -> None:
    """Returns are time-weighted: a deposit that doubles the account and a withdrawal change nothing of them."""
    plain = summary([110, 121, 108.9])
    # 100 -> 110; +110 paid in, then +10 %: 242; -142 paid out, 10 % lost of the 242 before: 75.8
    moved = summary([110, 110 * 1.1 + 110, 231 * 0.9 - 142], flow=[0, 110, -142])
    assert moved.total_return_pct == pytest.approx(plain.total_return_pct)
    assert moved.drawdown.max_pct == pytest.approx(10.0)
    assert moved.paid_in == -32
    assert moved.sharpe == pytest.approx(plain.sharpe)


def test_a_fall_between_closes_is_a_drawdown() -> None:
    """The deepest fall is from every mark; session ends alone would show none."""
    day = DAYS[1]
    times = [DAYS[0].close_ns, day.open_ns, day.open_ns + 60, day.open_ns + 120, day.close_ns]
    made = summary([100, 120, 90, 110, 125], times=times)
    assert made.drawdown.max_pct == pytest.approx(25.0)
    assert (made.drawdown.high_ns, made.drawdown.low_ns, made.drawdown.recovered_ns) == (times[1], times[2], times[4])
    assert made.worst_session_pct == 0.0


def test_the_length_of_a_fall_runs_from_its_high() -> None:
    """High on the first day, low on the third, back on the fifth: four days, two of them of recovery; the last fall never ends."""
    times = np.array([DAY_NS * n for n in range(1, 9)])
    found = drawdown(times, np.array([1.2, 1.1, 0.9, 1.1, 1.2, 1.1, 1.1, 1.1]))
    assert (found.high_ns, found.low_ns, found.recovered_ns) == (DAY_NS, 3 * DAY_NS, 5 * DAY_NS)
    assert (found.days, found.recovery_days, found.longest_days) == (4.0, 2.0, 4.0)
    assert found.under_water_pct == pytest.approx(5 / 7 * 100)


def test_a_loss_from_the_first_mark_is_a_fall_from_the_deposit() -> None:
    """Who begins with 100 and has 80 at the first mark has lost a fifth."""
    assert summary([80, 90]).drawdown.max_pct == pytest.approx(20.0)


def test_a_hole_in_the_data_is_a_session_without_return() -> None:
    """Sessions that nothing was recorded of count as such: a week's move is one return among five, and the year stays one."""
    days = [DAYS[0], DAYS[5]]
    sessions = daily(
        Curve(np.array([d.close_ns for d in days]), np.array([100.0, 110.0]), np.zeros(2)), NEW_YORK, 100.0
    )
    assert sessions.returns.tolist() == pytest.approx([0, 0, 0, 0, 0, 0.1])
    assert list(sessions.dates) == [day.date for day in DAYS[:6]]


def test_many_marks_a_day_are_taken_at_the_sessions_end() -> None:
    """A minute's noise is no volatility of the day: what counts is the last mark, midnight of a daily bar included."""
    times, equity = [], []
    for number, day in enumerate(DAYS[:10]):
        times += [day.open_ns + minute * 60 * 10**9 for minute in range(1, 390)]
        equity += [100 + number + (-1) ** minute for minute in range(1, 390)]
        times.append(DAYS[number + 1].start_ns)  # the bar of a whole day ends as the next one begins
        equity.append(100 + number)
    closes = summary([100.0 + n for n in range(10)])
    made = summary(equity, times=times)
    assert made.volatility_pct == pytest.approx(closes.volatility_pct)
    assert made.sessions == 10
    assert made.drawdown.max_pct > closes.drawdown.max_pct


def test_exposure_is_weighted_by_time() -> None:
    """Half of equity from Tuesday's close to Wednesday's, nothing else: a day of the time."""
    held = summary([100, 100, 100, 100], exposure=[50, 0, 0, 0]).exposure
    span_ns, day_ns = DAYS[3].close_ns - DAYS[0].close_ns, DAYS[1].close_ns - DAYS[0].close_ns
    assert held.time_in_market_pct == pytest.approx(day_ns / span_ns * 100)
    assert held.mean_gross_pct == pytest.approx(50 * day_ns / span_ns)
    assert held.max_gross_pct == 50.0


def test_trips_are_counted_and_weighed() -> None:
    """Two wins, a loss and one that came to nothing, three of them with a stop."""
    rows = [trip(30, risk=10), trip(-10, risk=10, worst=-12.0, best=1.0), trip(0, risk=5), trip(10)]
    made = summary([100] * 5, rows).trips
    assert (made.count, made.wins, made.losses, made.win_rate_pct) == (4, 2, 1, 50.0)
    assert (made.profit_factor, made.expectancy, made.payoff_ratio) == (4.0, 7.5, 2.0)
    assert (made.with_risk, made.best_r, made.worst_r) == (3, 3.0, -1.0)
    assert made.expectancy_r == pytest.approx(2 / 3)
    assert (made.average_worst, made.average_best, made.holding_mean_s) == (-12.0, 1.0, 3600.0)


def test_a_single_winner_has_no_profit_factor() -> None:
    """Without a loss there is nothing to divide by."""
    made = summary([100], [trip(5)]).trips
    assert (made.win_rate_pct, made.profit_factor, made.payoff_ratio, made.average_loss) == (100.0, None, None, None)


def test_resampling_is_the_same_every_time() -> None:
    """A seed gives one answer, another seed another; the estimate lies within its interval."""
    returns, _ = returns_of("shares")
    days = days_of("shares")[:500]
    curve = curve_of(returns[:500], days)
    said: dict[str, Any] = {"deposit": 1e5, "fees": 0, "slippage": 0, "borrow": 0, "turnover": 0, "calendar": NEW_YORK}
    one, again, other = (summarize(curve, [], **said, resamples=200, seed=seed) for seed in (1, 1, 2))
    assert one.intervals is not None
    assert one.intervals.sharpe is not None
    assert one.sharpe is not None
    assert one.intervals == again.intervals != other.intervals
    assert one.intervals.sharpe.low < one.sharpe < one.intervals.sharpe.high


def test_an_interval_is_as_wide_as_theory_has_it() -> None:
    """For independent returns the interval of the Sharpe ratio is some four standard errors wide: sqrt of the sessions a year over their number."""
    rng = np.random.default_rng(5)
    returns, days = rng.normal(0.0005, 0.01, 2000), days_of("shares")[:2000]
    said: dict[str, Any] = {"deposit": 1e5, "fees": 0, "slippage": 0, "borrow": 0, "turnover": 0, "calendar": NEW_YORK}
    found = summarize(curve_of(returns, days), [], **said, resamples=500).intervals
    assert found is not None
    assert found.sharpe is not None
    width = found.sharpe.high - found.sharpe.low
    assert width == pytest.approx(2 * 1.96 * math.sqrt(252 / 2000), rel=0.15)


def test_buy_and_hold_is_equal_parts_and_cash_until_the_first_price() -> None:
    """Two symbols, one of which begins later: half the money waits for it."""
    times = np.array([1, 2, 3])
    made = buy_and_hold({"AAA": (times, np.array([10.0, 20.0, 20.0])), "BBB": (times[1:], np.array([5.0, 10.0]))})
    assert made.name == "buy and hold 2 symbols"
    assert made.worth.tolist() == [1.0, 1.5, 2.0]


def test_a_benchmark_begins_with_the_run() -> None:
    """What it did before the run's first session is not compared."""
    before = [day.close_ns for day in NEW_YORK.days if "2023-12-01" <= day.date < "2024-01-01"]
    times = np.array(before + [day.close_ns for day in DAYS[:3]])
    worth = np.concatenate((np.linspace(1, 2, len(before)), [2.2, 2.2, 2.2]))
    made = summary([100, 100, 100], benchmark=Benchmark("SPY", times, worth)).benchmark
    assert made is not None
    assert made.total_return_pct == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (([2, 1], [1.0, 1.0], [0.0, 0.0]), "times go back"),
        (([1, 2], [1.0, math.nan], [0.0, 0.0]), "equity has a value that is not a finite number"),
        (([1, 2], [1.0, 1.0], [0.0]), "2 times and 1 values of exposure"),
    ],
)
def test_a_curve_that_can_not_be_is_refused(columns: tuple[list[Any], ...], words: str) -> None:
    """Times that go back, numbers that are none, columns of other lengths."""
    with pytest.raises(InvalidValue, match=words):
        Curve(*(np.array(column) for column in columns))


def test_a_run_from_nothing_has_no_returns() -> None:
    """Returns are of something: an opening cash of nothing is refused."""
    with pytest.raises(InvalidValue, match="above zero"):
        daily(Curve(np.array([DAYS[0].close_ns]), np.array([1.0]), np.zeros(1)), NEW_YORK, 0.0)
