"""All numbers of a run from its marks and round trips."""

from collections.abc import Sequence

import numpy as np

from holdfast.core.session.calendar import TradingCalendar
from holdfast.statistics import returns as figures
from holdfast.statistics.compare import compare
from holdfast.statistics.falls import drawdown
from holdfast.statistics.record import (
    Benchmark,
    BenchmarkStatistics,
    CostStatistics,
    Curve,
    ExposureStatistics,
    Floats,
    Period,
    RoundTrip,
    Sessions,
    Statistics,
)
from holdfast.statistics.resample import intervals
from holdfast.statistics.sessions import Growth, benchmark_returns, daily, sessions_per_year, years_between
from holdfast.statistics.trips import trip_statistics

RESAMPLES = 1000


def summarize(
    curve: Curve,
    trips: Sequence[RoundTrip],
    *,
    deposit: float,
    fees: float,
    slippage: float | None,
    borrow: float,
    turnover: float,
    calendar: TradingCalendar,
    interest: float = 0.0,
    benchmark: Benchmark | None = None,
    trials: int = 1,
    trial_sharpes: Sequence[float] = (),
    risk_free_pct: float = 0.0,
    resamples: int = RESAMPLES,
    seed: int = 1,
) -> Statistics:
    """Every number of a run (docs/statistics.md).

    ``deposit`` is the opening cash; ``fees``, ``slippage``, ``borrow`` and ``interest`` are what was paid, above zero, and ``turnover`` is all that
    was bought and sold. ``trials`` counts the runs of which this is the best, ``trial_sharpes`` are their Sharpe ratios of a year.
    ``risk_free_pct`` is of a year. ``resamples`` are made for the intervals (0: none). Raises :class:`~holdfast.errors.InvalidValue` for a deposit that
    is not above zero and for times that the calendar does not cover.
    """
    growth = Growth(curve, deposit)
    sessions = daily(curve, calendar, deposit)
    returns, dates = sessions.returns, sessions.dates
    per_year = sessions_per_year(calendar)
    years = years_between(calendar, dates[0], dates[-1]) if dates else 0.0
    free = figures.per_session(risk_free_pct / 100, per_year)
    total = float(growth.factor[-1]) - 1 if dates else None
    rate = None if total is None else figures.cagr(total, years)
    fall = drawdown(growth.time_ns, growth.factor)
    session_sharpes = [sharpe / per_year**0.5 for sharpe in trial_sharpes]
    return Statistics(
        calendar=calendar.name,
        sessions=len(dates),
        sessions_per_year=per_year,
        years=years,
        first_session=dates[0] if dates else None,
        last_session=dates[-1] if dates else None,
        deposit=deposit,
        end_equity=float(curve.equity[-1]) if len(curve.equity) else deposit,
        paid_in=0.0 if curve.flow is None else float(curve.flow.sum()),
        total_return_pct=_pct(total),
        cagr_pct=_pct(rate),
        volatility_pct=_pct(figures.volatility(returns, per_year)),
        sharpe=figures.sharpe(returns, per_year, free),
        probabilistic_sharpe_pct=_pct(figures.probabilistic_sharpe(returns, 0.0, free)),
        deflated_sharpe_pct=_pct(figures.deflated_sharpe(returns, trials, session_sharpes, free)),
        trials=trials,
        risk_free_pct=risk_free_pct,
        sortino=figures.sortino(returns, per_year, free),
        calmar=rate / fall.max_pct * 100 if rate is not None and fall.max_pct else None,
        skewness=figures.skewness(returns),
        kurtosis_excess=figures.kurtosis_excess(returns),
        best_session_pct=_pct(float(returns.max())) if dates else None,
        worst_session_pct=_pct(float(returns.min())) if dates else None,
        winning_sessions_pct=_pct(float((returns > 0).mean())) if dates else None,
        ruined_on=dates[-1] if sessions.is_ruined else None,
        drawdown=fall,
        exposure=_exposure(growth, turnover, years),
        costs=_costs(deposit, fees, slippage, borrow, interest),
        trips=trip_statistics(trips),
        benchmark=_benchmark(sessions, benchmark, calendar, growth, years, free),
        intervals=intervals(returns, per_year=per_year, years=years, resamples=resamples, seed=seed),
        monthly=_periods(sessions, len("2026-11")),
        yearly=_periods(sessions, len("2026")),
    )


def _pct(value: float | None) -> float | None:
    return None if value is None else value * 100


def _costs(deposit: float, fees: float, slippage: float | None, borrow: float, interest: float) -> CostStatistics:
    paid = fees + (slippage or 0.0) + borrow + interest
    return CostStatistics(fees, slippage, borrow, interest, paid, paid / deposit * 100)


def _exposure(growth: Growth, turnover: float, years: float) -> ExposureStatistics:
    """A mark holds until the next one; the last counts for nothing but the largest."""
    held_ns = np.diff(growth.time_ns).astype(np.float64)
    in_market, gross = growth.exposure > 0, _gross(growth)
    mean_equity = _weighted(growth.equity, held_ns)
    return ExposureStatistics(
        time_in_market_pct=_pct(_weighted(in_market.astype(np.float64), held_ns)),
        mean_gross_pct=_pct(_weighted(gross, held_ns)),
        max_gross_pct=_pct(float(gross.max())) if len(gross) else None,
        turnover=turnover,
        turnover_per_year=turnover / mean_equity / years if mean_equity and mean_equity > 0 and years > 0 else None,
    )


def _gross(growth: Growth) -> Floats:
    """Positions' worth over equity at each mark where there is equity; ruin has no such ratio."""
    sound = growth.equity > 0
    return np.divide(growth.exposure, growth.equity, out=np.zeros(len(sound)), where=sound)


def _weighted(values: Floats, held_ns: Floats) -> float | None:
    total = float(held_ns.sum())
    return float(values[:-1] @ held_ns) / total if total else None


def _benchmark(
    sessions: Sessions,
    benchmark: Benchmark | None,
    calendar: TradingCalendar,
    growth: Growth,
    years: float,
    free: float,
) -> BenchmarkStatistics | None:
    if benchmark is None or not len(benchmark.time_ns) or not sessions.dates:
        return None
    ends = sessions.dates[0], sessions.dates[-1]
    market = benchmark_returns(benchmark, calendar, ends, int(growth.time_ns[0]) - 1)
    per_year = sessions_per_year(calendar)
    return compare(sessions.returns, benchmark, market, per_year=per_year, years=years, risk_free=free)


def _periods(sessions: Sessions, length: int) -> tuple[Period, ...]:
    """The returns of all sessions whose dates begin alike, one after the other."""
    factors: dict[str, float] = {}
    for date, value in zip(sessions.dates, sessions.returns.tolist(), strict=True):
        factors[date[:length]] = factors.get(date[:length], 1.0) * (1 + value)
    return tuple(Period(period, (factor - 1) * 100) for period, factor in factors.items())
