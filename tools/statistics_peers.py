"""Asks two well-known libraries for the numbers of made-up runs, and keeps their answers for tests/unit/statistics.

They bring some thirty packages that nothing else here needs, so they live in an environment of their own:

    python -m venv /tmp/peers
    /tmp/peers/bin/pip install ffn==1.4.1 msgspec
    /tmp/peers/bin/pip install --no-deps empyrical-reloaded==0.7.1
    PYTHONPATH=.:src /tmp/peers/bin/python -m tools.statistics_peers

They are asked with the sessions a year that Holdfast counts (`sessions_per_year`), never with a fixed 252.
"""

import json
from typing import Any

import empyrical  # type: ignore[import-not-found]  # in an environment of its own
import ffn  # type: ignore[import-not-found]  # likewise
import numpy as np
import pandas as pd

from holdfast.statistics.sessions import sessions_per_year
from tests.unit.statistics.series import CASES, DEPOSIT, PEERS, calendar_of, days_of, returns_of


def main() -> None:
    """Write what they say."""
    answers = {"versions": {"empyrical-reloaded": empyrical.__version__, "ffn": ffn.__version__}}
    answers |= {case: _case(case) for case in CASES}
    PEERS.write_text(json.dumps(answers, indent=1) + "\n")
    print(f"written: {PEERS}")


def _case(case: str) -> dict[str, Any]:
    own, market = (pd.Series(values, index=_index(case)) for values in returns_of(case))
    per_year = sessions_per_year(calendar_of(case))
    first = own.index[0] - pd.Timedelta(days=1)
    prices = pd.concat([pd.Series([DEPOSIT], index=[first]), DEPOSIT * (1 + own).cumprod()])
    return {"empyrical": _empyrical(own, market, per_year), "ffn": _ffn(prices, per_year)}


def _index(case: str) -> pd.DatetimeIndex:
    return pd.DatetimeIndex([day.date for day in days_of(case)])


def _empyrical(own: pd.Series, market: pd.Series, per_year: int) -> dict[str, Any]:
    alpha, beta = empyrical.alpha_beta(own, market, annualization=per_year)
    months = empyrical.aggregate_returns(own, "monthly")
    return {
        "total_return": float(empyrical.cum_returns_final(own)),
        "annual_return": float(empyrical.annual_return(own, annualization=per_year)),
        "volatility": float(empyrical.annual_volatility(own, annualization=per_year)),
        "sharpe": float(empyrical.sharpe_ratio(own, annualization=per_year)),
        "sharpe_above_3_pct": float(
            empyrical.sharpe_ratio(own, risk_free=1.03 ** (1 / per_year) - 1, annualization=per_year)
        ),
        "sortino": float(empyrical.sortino_ratio(own, annualization=per_year)),
        "downside": float(empyrical.downside_risk(own, annualization=per_year)),
        "max_drawdown": float(empyrical.max_drawdown(own)),
        "alpha": float(alpha),
        "beta": float(beta),
        "excess_sharpe": float(empyrical.excess_sharpe(own, market)),
        "monthly": {f"{year}-{month:02d}": float(value) for (year, month), value in months.items()},
    }


def _ffn(prices: pd.Series, per_year: int) -> dict[str, Any]:
    stats = ffn.PerformanceStats(prices, annualization_factor=per_year)
    details = ffn.drawdown_details(ffn.to_drawdown_series(prices))
    return {
        "total_return": float(stats.total_return),
        "cagr": float(stats.cagr),
        "volatility": float(stats.daily_vol),
        "sharpe": float(stats.daily_sharpe),
        "sortino": float(stats.daily_sortino),
        "max_drawdown": float(stats.max_drawdown),
        "calmar": float(stats.calmar),
        "skew": float(stats.daily_skew),
        "kurtosis": float(stats.daily_kurt),
        "best": float(stats.best_day),
        "worst": float(stats.worst_day),
        "longest_days": int(np.max(details["Length"])),
    }


if __name__ == "__main__":
    main()
