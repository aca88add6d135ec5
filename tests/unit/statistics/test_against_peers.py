"""The figures beside those of empyrical-reloaded and ffn, which tools/statistics_peers.py asked; and beside pandas, here."""

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.statistics import Benchmark, Statistics, sessions_per_year, summarize
from holdfast.statistics import returns as figures
from tests.unit.statistics.series import CASES, DEPOSIT, PEERS, calendar_of, curve_of, days_of, returns_of

ANSWERS: dict[str, Any] = json.loads(PEERS.read_text())
CLOSE = 1e-9


def summary_of(case: str, **said: Any) -> Statistics:
    own, market = returns_of(case)
    days = days_of(case)
    before_ns = days[0].start_ns - 1
    times = np.array([before_ns, *(day.close_ns for day in days)])
    benchmark = Benchmark("market", times, np.concatenate(([1.0], np.cumprod(1 + market))))
    arguments: dict[str, Any] = {"fees": 0, "slippage": None, "borrow": 0, "turnover": 0, "benchmark": benchmark}
    curve = curve_of(own, days)
    return summarize(curve, [], deposit=DEPOSIT, calendar=calendar_of(case), resamples=0, **{**arguments, **said})


@pytest.mark.parametrize("case", CASES)
def test_the_figures_are_those_of_empyrical(case: str) -> None:
    """Return, volatility, Sharpe, Sortino, drawdown, beta and each month, as empyrical has them."""
    peer, ours = ANSWERS[case]["empyrical"], summary_of(case)
    above = summary_of(case, risk_free_pct=3.0)
    market = ours.benchmark
    assert market is not None
    assert market.alpha_pct is not None
    assert market.information_ratio is not None
    per_year = ours.sessions_per_year
    same = {
        "total_return": ours.total_return_pct,
        "volatility": ours.volatility_pct,
        "max_drawdown": -ours.drawdown.max_pct,
    }
    for name, value in same.items():
        assert value == pytest.approx(peer[name] * 100, rel=CLOSE), name
    assert ours.sharpe == pytest.approx(peer["sharpe"], rel=CLOSE)
    assert above.sharpe == pytest.approx(peer["sharpe_above_3_pct"], rel=CLOSE)
    assert ours.sortino == pytest.approx(peer["sortino"], rel=CLOSE)
    assert market.beta == pytest.approx(peer["beta"], rel=CLOSE)
    assert market.information_ratio / math.sqrt(per_year) == pytest.approx(peer["excess_sharpe"], rel=CLOSE)
    compounded = (1 + market.alpha_pct / 100 / per_year) ** per_year - 1  # empyrical compounds what Jensen adds up
    assert compounded == pytest.approx(peer["alpha"], rel=1e-7)
    assert {row.period: row.return_pct / 100 for row in ours.monthly} == pytest.approx(peer["monthly"], abs=CLOSE)
    by_sessions = (1 + peer["total_return"]) ** (per_year / ours.sessions) - 1
    assert by_sessions == pytest.approx(
        peer["annual_return"]
    )  # its year is a number of sessions, ours a length of time


@pytest.mark.parametrize("case", CASES)
def test_the_figures_are_those_of_ffn(case: str) -> None:
    """Return, growth, volatility, Sharpe, Sortino, drawdown and its length, shape of the returns, as ffn has them."""
    peer, ours = ANSWERS[case]["ffn"], summary_of(case)
    assert ours.total_return_pct == pytest.approx(peer["total_return"] * 100, rel=CLOSE)
    assert ours.volatility_pct == pytest.approx(peer["volatility"] * 100, rel=CLOSE)
    assert ours.sharpe == pytest.approx(peer["sharpe"], rel=CLOSE)
    assert ours.sortino == pytest.approx(peer["sortino"], rel=CLOSE)
    assert ours.drawdown.max_pct == pytest.approx(-peer["max_drawdown"] * 100, rel=CLOSE)
    assert ours.best_session_pct == pytest.approx(peer["best"] * 100, rel=CLOSE)
    assert ours.worst_session_pct == pytest.approx(peer["worst"] * 100, rel=CLOSE)
    days = days_of(case)
    years = ((pd.Timestamp(days[-1].date) - pd.Timestamp(days[0].date)).days + 1) / 365.25  # ffn was told a day before
    cagr = figures.cagr(peer["total_return"], years)
    assert cagr is not None
    assert cagr == pytest.approx(peer["cagr"], rel=CLOSE)
    assert cagr / ours.drawdown.max_pct * 100 == pytest.approx(peer["calmar"], rel=CLOSE)
    count, skew, excess = ours.sessions, ours.skewness, ours.kurtosis_excess
    assert skew is not None
    assert excess is not None
    # ffn has pandas' estimates for a sample, ours are the population's, as the probabilistic Sharpe ratio has them
    assert skew * math.sqrt(count * (count - 1)) / (count - 2) == pytest.approx(peer["skew"], rel=1e-7)
    corrected = (count - 1) / ((count - 2) * (count - 3)) * ((count + 1) * excess + 6)
    assert corrected == pytest.approx(peer["kurtosis"], rel=1e-7)


@pytest.mark.parametrize("case", CASES)
def test_what_a_benchmark_gives_is_what_pandas_reckons(case: str) -> None:
    """Correlation, tracking error and the benchmark's own figures, from frames."""
    own, market = (pd.Series(values) for values in returns_of(case))
    ours, per_year = summary_of(case).benchmark, sessions_per_year(calendar_of(case))
    assert ours is not None
    assert ours.correlation == pytest.approx(own.corr(market), rel=CLOSE)
    assert ours.tracking_error_pct == pytest.approx((own - market).std() * math.sqrt(per_year) * 100, rel=CLOSE)
    assert ours.volatility_pct == pytest.approx(market.std() * math.sqrt(per_year) * 100, rel=CLOSE)
    worth = (1 + market).cumprod()
    assert ours.max_drawdown_pct == pytest.approx((1 - worth / worth.cummax().clip(lower=1)).max() * 100, rel=CLOSE)


def test_a_year_has_the_sessions_of_its_calendar() -> None:
    """252 in New York, 365 for what never closes: so a year of coins is not taken for one of shares."""
    counted = {case: sessions_per_year(calendar_of(case)) for case in CASES}
    assert counted == {"shares": 252, "coins": 365}


def test_probabilistic_and_deflated_sharpe_are_the_papers() -> None:
    """The worked example of the papers' formulas, term by term (Bailey and López de Prado 2012 and 2014)."""
    returns, _ = returns_of("shares")
    count, mean = len(returns), returns.mean()
    ratio = mean / returns.std(ddof=1)
    skew = ((returns - mean) ** 3).mean() / returns.std() ** 3
    fourth = ((returns - mean) ** 4).mean() / returns.std() ** 4
    error = math.sqrt((1 - skew * ratio + (fourth - 1) / 4 * ratio**2) / (count - 1))
    expected = 0.5 * (1 + math.erf(ratio / error / math.sqrt(2)))
    assert figures.probabilistic_sharpe(returns) == pytest.approx(expected, rel=CLOSE)
    assert figures.deflated_sharpe(returns, trials=1) == pytest.approx(expected, rel=CLOSE)
    # the 2014 paper's example: 100 trials, a variance of 1/2 a year over 250 sessions: the best by luck is 0.1132
    assert figures.expected_best_sharpe(0.5 / 250, 100) == pytest.approx(0.1132, abs=5e-5)
    many = figures.deflated_sharpe(returns, 100)
    assert many is not None
    assert many < expected
