"""What statistics are made from, and what they are: plain values, frozen, with units in their names.

Money is in the account's currency and a float here: the exact books are the ledgers'. A figure that is not defined for a run
(no trade, one session, no fall) is None, never infinite and never "not a number". docs/statistics.md has each formula.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.errors import InvalidValue

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]

Direction = Literal["long", "short"]


class Curve(msgspec.Struct, frozen=True, eq=False):
    """An account's worth at every recorded mark, in order of time (UTC nanoseconds; several marks may have one time).

    ``equity`` is cash and positions, ``exposure`` the worth of all positions without their signs. ``flow`` is what was paid in
    (above zero) or out (below) since the mark before, and is within this mark's equity; None when nothing was. Raises
    :class:`~holdfast.errors.InvalidValue` for lengths that differ, times that go back, and numbers that are not finite.
    """

    time_ns: Times
    equity: Floats
    exposure: Floats
    flow: Floats | None = None

    def __post_init__(self) -> None:
        columns = {"equity": self.equity, "exposure": self.exposure, "flow": self.flow}
        for name, values in columns.items():
            if values is None:
                continue
            if len(values) != len(self.time_ns):
                raise InvalidValue(f"curve: {len(self.time_ns)} times and {len(values)} values of {name}")
            if not np.isfinite(values).all():
                raise InvalidValue(f"curve: {name} has a value that is not a finite number")
        if (np.diff(self.time_ns) < 0).any():
            raise InvalidValue("curve: times go back; sort the marks by time")


class RoundTrip(msgspec.Struct, frozen=True):
    """A position of one strategy in one symbol, from flat to flat or until it turns round.

    ``quantity`` is the largest that was held, above zero for shorts too. ``profit`` is net of ``fees``. ``worst`` is the lowest that
    the open profit fell to (maximum adverse excursion, at or below zero), ``best`` the highest (maximum favourable excursion, at or
    above zero). ``risk`` is what the first stop would have lost from the entry, above zero; None without a stop. ``bars`` are
    those of the symbol while it was held. All amounts are money.
    """

    strategy: str
    symbol: str
    side: Direction
    quantity: float
    entry_ns: int
    entry_price: float
    exit_ns: int
    exit_price: float
    profit: float
    fees: float = 0.0
    worst: float | None = None
    best: float | None = None
    risk: float | None = None
    bars: int = 0

    @property
    def r_multiple(self) -> float | None:
        """Profit in units of the money that was at risk; None without a stop."""
        return self.profit / self.risk if self.risk else None

    @property
    def holding_s(self) -> float:
        """How long it was held, in seconds."""
        return (self.exit_ns - self.entry_ns) / 1e9


class Benchmark(msgspec.Struct, frozen=True, eq=False):
    """What the account is compared with: its worth in any unit at some times, in order. See `buy_and_hold`.

    Raises :class:`~holdfast.errors.InvalidValue` as `Curve` does, and for a worth that is not above zero.
    """

    name: str
    time_ns: Times
    worth: Floats

    def __post_init__(self) -> None:
        Curve(self.time_ns, self.worth, self.worth)
        if (self.worth <= 0).any():
            raise InvalidValue(f"benchmark {self.name}: its worth must be above zero at every time")


class Sessions(msgspec.Struct, frozen=True, eq=False):
    """An account by session: ISO ``dates``, ``equity`` at each session's end, and its return as a fraction (0.01 is 1 %).

    Money that was paid in or out is no return. Ends with the session in which equity came to zero or below (``is_ruined``).
    """

    dates: Sequence[str]
    equity: Floats
    returns: Floats
    is_ruined: bool = False


class Period(msgspec.Struct, frozen=True):
    """The return of a month (``2026-03``) or a year (``2026``); the first and last one may be parts."""

    period: str
    return_pct: float


class Interval(msgspec.Struct, frozen=True):
    """The middle 95 % of the resampled runs."""

    low: float
    high: float


class Intervals(msgspec.Struct, frozen=True):
    """What the run might have come to with its sessions in another order (stationary bootstrap, seeded)."""

    resamples: int
    mean_block_sessions: int
    seed: int
    total_return_pct: Interval
    cagr_pct: Interval | None
    sharpe: Interval | None
    max_drawdown_pct: Interval
    loss_probability_pct: float


class DrawdownStatistics(msgspec.Struct, frozen=True):
    """Falls from an earlier high, at every mark; money paid in or out is no rise and no fall.

    ``days`` are calendar days: of the deepest fall from its high until the high was reached again, or the run's end. All but
    ``max_pct`` is None without a fall; ``recovered_ns`` and ``recovery_days`` (from its lowest point) are None when it never was.
    """

    max_pct: float
    high_ns: int | None
    low_ns: int | None
    recovered_ns: int | None
    days: float | None
    recovery_days: float | None
    longest_days: float | None
    under_water_pct: float | None


class ExposureStatistics(msgspec.Struct, frozen=True):
    """How much was held. ``time_in_market_pct`` and ``mean_gross_pct`` (of equity) are weighted by time, nights and weekends included.

    ``turnover`` is all that was bought and sold, in money; ``turnover_per_year`` is that in mean equities a year.
    """

    time_in_market_pct: float | None
    mean_gross_pct: float | None
    max_gross_pct: float | None
    turnover: float
    turnover_per_year: float | None


class CostStatistics(msgspec.Struct, frozen=True):
    """What trading cost, in money; ``total_pct`` of the opening cash. ``slippage`` is against the price before it, None where not known."""

    fees: float
    slippage: float | None
    borrow: float
    interest: float
    total: float
    total_pct: float | None


class TripStatistics(msgspec.Struct, frozen=True):
    """Round trips that are over. Money is net of fees; a trip that came to nothing is neither a win nor a loss."""

    count: int
    wins: int
    losses: int
    longs: int
    shorts: int
    win_rate_pct: float | None
    profit_factor: float | None
    expectancy: float | None
    average_win: float | None
    average_loss: float | None
    payoff_ratio: float | None
    largest_win: float | None
    largest_loss: float | None
    losses_in_a_row: int
    with_risk: int
    expectancy_r: float | None
    best_r: float | None
    worst_r: float | None
    average_worst: float | None
    average_best: float | None
    holding_mean_s: float | None
    holding_median_s: float | None
    holding_longest_s: float | None
    bars_mean: float | None
    fees: float


class BenchmarkStatistics(msgspec.Struct, frozen=True):
    """The account beside its benchmark, session by session; ``alpha_pct``, ``tracking_error_pct`` and ``information_ratio`` are of a year."""

    name: str
    total_return_pct: float | None
    cagr_pct: float | None
    volatility_pct: float | None
    sharpe: float | None
    max_drawdown_pct: float | None
    excess_return_pct: float | None
    alpha_pct: float | None
    beta: float | None
    correlation: float | None
    tracking_error_pct: float | None
    information_ratio: float | None


class Statistics(msgspec.Struct, frozen=True):
    """The numbers of a run. ``_pct`` are percent (5.0 is 5 %); docs/statistics.md says how each is made and what it can't say.

    Returns are by session of ``calendar`` and annualised by ``sessions_per_year``. ``ruined_on`` is the session in which equity came to
    zero or below: returns end there.
    """

    calendar: str
    sessions: int
    sessions_per_year: int
    years: float
    first_session: str | None
    last_session: str | None
    deposit: float
    end_equity: float
    paid_in: float
    total_return_pct: float | None
    cagr_pct: float | None
    volatility_pct: float | None
    sharpe: float | None
    probabilistic_sharpe_pct: float | None
    deflated_sharpe_pct: float | None
    trials: int
    risk_free_pct: float
    sortino: float | None
    calmar: float | None
    skewness: float | None
    kurtosis_excess: float | None
    best_session_pct: float | None
    worst_session_pct: float | None
    winning_sessions_pct: float | None
    ruined_on: str | None
    drawdown: DrawdownStatistics
    exposure: ExposureStatistics
    costs: CostStatistics
    trips: TripStatistics
    benchmark: BenchmarkStatistics | None
    intervals: Intervals | None
    monthly: tuple[Period, ...]
    yearly: tuple[Period, ...]
