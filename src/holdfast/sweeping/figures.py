"""What a trial is judged by: its figures, and those that can be told of a part of its sessions."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.errors import InvalidValue
from holdfast.statistics import returns as figures
from holdfast.statistics.falls import falls
from holdfast.statistics.record import Floats

if TYPE_CHECKING:
    from holdfast.backtesting.result import Result

LOWER_IS_BETTER = frozenset({"max_drawdown_pct", "volatility_pct", "fees"})


def _total_pct(returns: Floats, _per_year: int) -> float | None:
    return figures.total_return(returns) * 100


def _cagr_pct(returns: Floats, per_year: int) -> float | None:
    rate = figures.cagr(figures.total_return(returns), len(returns) / per_year)
    return None if rate is None else rate * 100


def _fall_pct(returns: Floats, _per_year: int) -> float:
    return float(falls(np.cumprod(1 + returns, dtype=np.float64)).max(initial=0.0)) * 100


def _volatility_pct(returns: Floats, per_year: int) -> float | None:
    value = figures.volatility(returns, per_year)
    return None if value is None else value * 100


def _calmar(returns: Floats, per_year: int) -> float | None:
    rate, fall = _cagr_pct(returns, per_year), _fall_pct(returns, per_year)
    return rate / fall if rate is not None and fall else None


BY_SESSION: dict[str, Callable[[Floats, int], float | None]] = {
    "sharpe": figures.sharpe,
    "sortino": figures.sortino,
    "calmar": _calmar,
    "total_return_pct": _total_pct,
    "cagr_pct": _cagr_pct,
    "max_drawdown_pct": _fall_pct,
    "volatility_pct": _volatility_pct,
}
"""Those that are made from returns by session, and so can be told of any stretch of them (drawdowns from session ends)."""

NAMES = (
    "total_return_pct",
    "cagr_pct",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown_pct",
    "volatility_pct",
    "trades",
    "win_rate_pct",
    "profit_factor",
    "expectancy",
    "time_in_market_pct",
    "orders",
    "fees",
    "end_equity",
)
"""The columns of figures, in their order."""


def figures_of(result: "Result") -> dict[str, float | None]:
    """A run's figures by name."""
    of = result.summarize(resamples=0)
    found: dict[str, Any] = {
        "total_return_pct": of.total_return_pct,
        "cagr_pct": of.cagr_pct,
        "sharpe": of.sharpe,
        "sortino": of.sortino,
        "calmar": of.calmar,
        "max_drawdown_pct": of.drawdown.max_pct,
        "volatility_pct": of.volatility_pct,
        "trades": of.trips.count,
        "win_rate_pct": of.trips.win_rate_pct,
        "profit_factor": of.trips.profit_factor,
        "expectancy": of.trips.expectancy,
        "time_in_market_pct": of.exposure.time_in_market_pct,
        "orders": result.account.orders,
        "fees": of.costs.fees,
        "end_equity": of.end_equity,
    }
    return {name: None if found[name] is None else float(found[name]) for name in NAMES}


def check_by(by: str, *, in_parts: bool) -> str:
    """The figure that trials are compared by. Raises :class:`~holdfast.errors.InvalidValue`."""
    known = tuple(BY_SESSION) if in_parts else NAMES
    if by not in known:
        near = get_close_matches(by, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        part = " of a part of the sessions" if in_parts and by in NAMES else ""
        raise InvalidValue(f"by: there is no figure {by!r}{part}; {hint}")
    return by


def better(by: str, value: float) -> float:
    """A value of a figure as one that is the higher the better."""
    return -value if by in LOWER_IS_BETTER else value
