"""A run's statistics straight from what its recorder has kept, without a table of its orders."""

from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.assembly import calendar_of
from holdfast.backtesting.recorder import Recorder
from holdfast.backtesting.results import AccountResult
from holdfast.config import AccountConfig
from holdfast.statistics import Curve, RoundTrip, Statistics, summarize

if TYPE_CHECKING:
    from holdfast.backtesting.trips import TripEntry


def numbers_of(account: AccountConfig, outcome: AccountResult, recorder: Recorder, **said: Any) -> Statistics:
    """The numbers of a run; ``said`` goes to `holdfast.statistics.summarize`. Raises :class:`~holdfast.errors.DataError` for rows that aren't as written."""
    marks = recorder.worth.marks
    curve = Curve(
        np.array(marks.time_ns, dtype=np.int64),
        np.array(marks.equity, dtype=np.float64),
        np.array(marks.exposure, dtype=np.float64),
    )
    return summarize(
        curve,
        [_trip(row) for row in recorder.trips.rows()],
        deposit=float(outcome.deposit),
        fees=float(outcome.value.fees),
        slippage=float(outcome.slippage),
        borrow=float(outcome.borrow),
        interest=float(outcome.interest),
        turnover=float(outcome.turnover),
        calendar=calendar_of(account),
        **said,
    )


def _trip(row: "TripEntry") -> RoundTrip:
    return RoundTrip(
        row.strategy,
        row.symbol,
        "long" if row.side == "long" else "short",
        float(row.quantity),
        row.entry_ns,
        row.entry_price,
        row.exit_ns,
        row.exit_price,
        float(row.profit),
        float(row.fees),
        row.worst,
        row.best,
        row.risk,
        row.bars,
    )
