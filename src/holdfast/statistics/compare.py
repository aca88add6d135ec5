"""The account beside a benchmark."""

import math
from collections.abc import Mapping

import numpy as np

from holdfast.errors import InvalidValue
from holdfast.statistics import returns as figures
from holdfast.statistics.falls import falls
from holdfast.statistics.record import Benchmark, BenchmarkStatistics, Floats, Times


def buy_and_hold(prices: Mapping[str, tuple[Times, Floats]], name: str = "") -> Benchmark:
    """The same money in each symbol at its first price, held to the end; before that price a symbol's part is cash.

    ``prices`` are times (UTC nanoseconds, in order) and prices by symbol. Nothing is paid for the purchases, and dividends count only where
    the prices are adjusted for them. Raises :class:`~holdfast.errors.InvalidValue` without any price, and for a price at or below zero.
    """
    if not prices or any(not len(times) for times, _ in prices.values()):
        raise InvalidValue("buy and hold needs at least one price of each symbol")
    time_ns = np.unique(np.concatenate([times for times, _ in prices.values()]))
    worth = np.zeros(len(time_ns))
    for symbol, (times, values) in prices.items():
        if not (values > 0).all():
            raise InvalidValue(f"buy and hold of {symbol}: a price is not above zero")
        places = np.searchsorted(times, time_ns, side="right") - 1
        worth += np.where(places >= 0, values[np.maximum(places, 0)] / values[0], 1.0)
    symbols = list(prices)
    named = f"buy and hold {symbols[0]}" if len(symbols) == 1 else f"buy and hold {len(symbols)} symbols"
    return Benchmark(name or named, time_ns, worth / len(symbols))


def compare(
    returns: Floats, benchmark: Benchmark, market: Floats, *, per_year: int, years: float, risk_free: float
) -> BenchmarkStatistics:
    """Both as returns by session, of the same sessions; ``risk_free`` is of one session."""
    apart = returns - market
    error = figures.deviation(apart)
    total, own = figures.total_return(market), figures.total_return(returns)
    below = falls(np.cumprod(1 + market, dtype=np.float64))
    return BenchmarkStatistics(
        name=benchmark.name,
        total_return_pct=_pct(total),
        cagr_pct=_pct(figures.cagr(total, years)),
        volatility_pct=_pct(figures.volatility(market, per_year)),
        sharpe=figures.sharpe(market, per_year, risk_free),
        max_drawdown_pct=_pct(float(below.max(initial=0.0))),
        excess_return_pct=_pct(own - total),
        alpha_pct=_pct(figures.alpha(returns, market, per_year, risk_free)),
        beta=figures.beta(returns, market),
        correlation=figures.correlation(returns, market),
        tracking_error_pct=_pct(None if error is None else error * math.sqrt(per_year)),
        information_ratio=float(np.mean(apart)) / error * math.sqrt(per_year) if error else None,
    )


def _pct(value: float | None) -> float | None:
    return None if value is None else value * 100
