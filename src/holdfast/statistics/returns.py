"""Figures of a series of returns by session. Returns are fractions; what is not defined is None.

Sources: W. F. Sharpe, "The Sharpe Ratio", 1994; F. Sortino and R. van der Meer, "Downside Risk", 1991; D. Bailey and M. López de Prado,
"The Sharpe Ratio Efficient Frontier", 2012 (probabilistic) and "The Deflated Sharpe Ratio", 2014; M. Jensen, 1968 (alpha).
"""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from holdfast.statistics.record import Floats

EULER_GAMMA = 0.5772156649015329
NORMAL = NormalDist()
SAME = 1e-12
"""Returns that differ by less than this part of themselves are one value: what is left is rounding."""


def finite(value: float) -> float | None:
    """The value, if it is a finite number."""
    return float(value) if math.isfinite(value) else None


def total_return(returns: Floats) -> float:
    """What all returns come to, one after the other: the product of 1 + r, less 1."""
    return float(np.prod(1 + returns) - 1)


def cagr(total: float, years: float) -> float | None:
    """Compound annual growth: (1 + total return) to the power of 1 / years, less 1. -1 after ruin; None without time."""
    if years <= 0:
        return None
    if total <= -1:
        return -1.0
    exponent = math.log1p(total) / years
    return math.expm1(exponent) if exponent < math.log(1e12) else None


def deviation(returns: Floats) -> float | None:
    """Standard deviation of a sample (n - 1); zero where the values differ by rounding alone; None below two."""
    if len(returns) < 2:
        return None
    value = float(np.std(returns, ddof=1))
    return 0.0 if value <= SAME * float(np.max(np.abs(1 + returns))) else value


def volatility(returns: Floats, per_year: int) -> float | None:
    """Standard deviation of a year: that of a session times the root of the sessions a year."""
    value = deviation(returns)
    return None if value is None else value * math.sqrt(per_year)


def per_session(yearly: float, per_year: int) -> float:
    """A rate of a year as one of a session, compounded."""
    return float((1 + yearly) ** (1 / per_year) - 1)


def session_sharpe(returns: Floats, risk_free: float = 0.0) -> float | None:
    """Sharpe ratio of one session, not annualised: mean over standard deviation of what is above the riskless rate of a session."""
    value = deviation(returns)
    return float(np.mean(returns - risk_free)) / value if value else None


def sharpe(returns: Floats, per_year: int, risk_free: float = 0.0) -> float | None:
    """Sharpe ratio of a year: that of a session times the root of the sessions a year. None without any variation."""
    value = session_sharpe(returns, risk_free)
    return None if value is None else value * math.sqrt(per_year)


def downside_deviation(returns: Floats, per_year: int, target: float = 0.0) -> float | None:
    """Root of the mean square of what is below ``target`` (of a session), over all sessions, of a year. None without sessions."""
    if not len(returns):
        return None
    below = np.minimum(returns - target, 0)
    return float(np.sqrt(np.mean(below * below))) * math.sqrt(per_year)


def sortino(returns: Floats, per_year: int, target: float = 0.0) -> float | None:
    """Mean of what is above ``target``, of a year, over the downside deviation. None where no return is below the target."""
    below = downside_deviation(returns, per_year, target)
    return float(np.mean(returns - target)) * per_year / below if below and len(returns) > 1 else None


def skewness(returns: Floats) -> float | None:
    """Third standardised moment of the population. None without variation."""
    return _moment(returns, 3)


def kurtosis(returns: Floats) -> float | None:
    """Fourth standardised moment of the population: 3 for a normal distribution. None without variation."""
    return _moment(returns, 4)


def kurtosis_excess(returns: Floats) -> float | None:
    """Kurtosis less that of a normal distribution."""
    value = kurtosis(returns)
    return None if value is None else value - 3


def _moment(returns: Floats, power: int) -> float | None:
    if not deviation(returns):
        return None
    apart = returns - np.mean(returns)
    return float(np.mean(apart**power) / np.mean(apart * apart) ** (power / 2))


def sharpe_variance(returns: Floats, risk_free: float = 0.0) -> float | None:
    """Variance of the estimate of a session's Sharpe ratio: (1 - skew SR + (kurtosis - 1) / 4 SR^2) / (n - 1) (Bailey and López de Prado 2012)."""
    ratio, skew, fourth = session_sharpe(returns, risk_free), skewness(returns), kurtosis(returns)
    if ratio is None or skew is None or fourth is None:
        return None
    value = 1 - skew * ratio + (fourth - 1) / 4 * ratio * ratio
    return value / (len(returns) - 1) if value > SAME else None


def probabilistic_sharpe(returns: Floats, benchmark: float = 0.0, risk_free: float = 0.0) -> float | None:
    """Probability that the true Sharpe ratio of a session is above ``benchmark``, for returns of this length, skew and kurtosis."""
    ratio, variance = session_sharpe(returns, risk_free), sharpe_variance(returns, risk_free)
    if ratio is None or variance is None:
        return None
    return NORMAL.cdf((ratio - benchmark) / math.sqrt(variance))


def expected_best_sharpe(variance: float, trials: int) -> float:
    """What the best of so many trials without skill is expected to show, if their Sharpe ratios have this variance."""
    if trials < 2:
        return 0.0
    first, second = NORMAL.inv_cdf(1 - 1 / trials), NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return math.sqrt(variance) * ((1 - EULER_GAMMA) * first + EULER_GAMMA * second)


def deflated_sharpe(
    returns: Floats, trials: int, session_sharpes: Sequence[float] = (), risk_free: float = 0.0
) -> float | None:
    """Probability that the true Sharpe ratio is above zero, given that this is the best of ``trials``.

    ``session_sharpes`` are those of all trials, not annualised; their variance is what luck is judged by. Without at least two,
    the variance of this run's own estimate stands in for it. One trial gives the probabilistic Sharpe ratio.
    """
    own = sharpe_variance(returns, risk_free)
    if own is None:
        return None
    variance = float(np.var(session_sharpes, ddof=1)) if len(session_sharpes) > 1 else own
    return probabilistic_sharpe(returns, expected_best_sharpe(variance, trials), risk_free)


def beta(returns: Floats, market: Floats) -> float | None:
    """Covariance with the market over the market's variance. None where the market does not vary."""
    if not deviation(market):
        return None
    return float(np.cov(returns, market, ddof=1)[0, 1] / np.var(market, ddof=1))


def alpha(returns: Floats, market: Floats, per_year: int, risk_free: float = 0.0) -> float | None:
    """Jensen's alpha of a year: the mean above the riskless rate that beta does not explain, times the sessions a year."""
    slope = beta(returns, market)
    if slope is None:
        return None
    return (float(np.mean(returns)) - risk_free - slope * (float(np.mean(market)) - risk_free)) * per_year


def correlation(returns: Floats, market: Floats) -> float | None:
    """Pearson's correlation. None where one of the two does not vary."""
    if not deviation(returns) or not deviation(market):
        return None
    return float(np.clip(np.corrcoef(returns, market)[0, 1], -1, 1))
