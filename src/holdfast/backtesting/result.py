"""What a backtest in Python gives back: frames, numbers, the fine print; to show, to save and to load again."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from holdfast.backtesting import store
from holdfast.backtesting.results import AccountResult
from holdfast.backtesting.show import as_html, as_text
from holdfast.calendars import trading_calendar
from holdfast.core.session.calendar import SpecialSession, TradingCalendar

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from holdfast.report import Sweep
    from holdfast.statistics import Benchmark, Curve, RoundTrip, Statistics


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a run beside its tables.

    ``parameters`` are those of each strategy, by id, defaults included; ``settings`` the sections of the configuration that the run was made
    with; ``notes`` what was said of data and settings before it; ``fine_print`` what the result rests on.
    ``trip_profits`` are the exact sums of the round trips' profits: of those that are over (``closed``), and still ``open``.
    """

    holdfast_version: str
    account: AccountResult
    data: str
    symbols: tuple[str, ...]
    calendar: str
    calendar_sessions: tuple[SpecialSession, ...] = ()
    parameters: dict[str, dict[str, Any]] = {}
    settings: dict[str, Any] = {}
    notes: tuple[str, ...] = ()
    fine_print: tuple[str, ...] = ()
    benchmark: str = ""
    trip_profits: dict[str, Decimal] = {}


class Result:
    """One account's backtest.

    Frames are made when they are asked for; times are UTC. Money in them is a float: ``account`` has the exact sums. A result is a
    value: it can be pickled, saved to a folder and loaded again (:func:`load`).
    """

    def __init__(self, head: Head, tables: Mapping[str, pa.Table]) -> None:
        self.head = head
        self.tables = dict(tables)

    @property
    def account(self) -> AccountResult:
        """Counts and exact sums (`AccountResult`)."""
        return self.head.account

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """The parameters of each strategy, by its id, defaults included."""
        return self.head.parameters

    @property
    def fine_print(self) -> tuple[str, ...]:
        """What the result rests on, in sentences."""
        return self.head.fine_print

    @property
    def notes(self) -> tuple[str, ...]:
        """What there was to say of data and settings before the run."""
        return self.head.notes

    @property
    def stopped(self) -> dict[str, str]:
        """Strategies that were stopped before the end, each with the reason, the place in its code and the market's time; what they held was kept."""
        return {row.strategy: row.stopped for row in self.account.strategies if row.stopped}

    @cached_property
    def calendar(self) -> TradingCalendar:
        """The account's calendar."""
        return trading_calendar(self.head.calendar, self.head.calendar_sessions)

    # --- frames ---------------------------------------------------------------------------------------------------------

    @cached_property
    def equity(self) -> "pd.DataFrame":
        """The account's worth over time: ``equity``, ``exposure`` (positions without their signs) and ``drawdown_pct`` below the high so far.

        It has the last mark of every session, and highs and lows between; docs/backtest.md says which marks are kept.
        """
        frame = self._frame("equity")
        high = frame["equity"].cummax().clip(lower=float(self.account.deposit))
        frame["drawdown_pct"] = (high - frame["equity"]) / high * 100
        return frame

    @cached_property
    def returns(self) -> "pd.DataFrame":
        """One row a session: ``equity`` at its end and the ``return`` since the session before (0.01 is 1 %)."""
        import pandas as pd

        from holdfast.statistics import daily

        sessions = daily(self.curve, self.calendar, float(self.account.deposit))
        index = pd.DatetimeIndex(list(sessions.dates), tz="UTC", name="session")
        return pd.DataFrame({"equity": sessions.equity, "return": sessions.returns}, index=index)

    @cached_property
    def trades(self) -> "pd.DataFrame":
        """Round trips that are over, one a row, with ``worst`` and ``best`` open profit, ``risk`` and ``r_multiple``."""
        return self._trips(is_open=False)

    @cached_property
    def open_trades(self) -> "pd.DataFrame":
        """Round trips that were under way at the end, worth what they were at the last price."""
        return self._trips(is_open=True)

    @cached_property
    def orders(self) -> "pd.DataFrame":
        """Every order as it ended, or stood at the end, by the time it was made."""
        return self._frame("orders")

    @cached_property
    def fills(self) -> "pd.DataFrame":
        """Every execution."""
        return self._frame("fills")

    @cached_property
    def positions(self) -> "pd.DataFrame":
        """What each strategy held in each symbol, from each change on."""
        return self._frame("positions")

    @cached_property
    def refusals(self) -> "pd.DataFrame":
        """What risk refused: rule, figure and limit. An order refused again for the same reason is counted (``account.refusals``), not listed."""
        return self._frame("refusals")

    @cached_property
    def prices(self) -> "pd.DataFrame":
        """The prices of each symbol in coarse bars, for charts; empty for feeds that are no file or frame, and for more than 100 symbols."""
        from holdfast.backtesting.tables import PRICES

        return self.tables.get("prices", PRICES.empty_table()).to_pandas().set_index("time")

    @cached_property
    def indicators(self) -> "pd.DataFrame":
        """What the strategies' indicators showed: one ``value`` of an ``output`` a row; of long runs as many times as a chart has room for."""
        return self._frame("indicators")

    @cached_property
    def monthly(self) -> "pd.DataFrame":
        """Returns in percent: a row for each year, a column for each month, and the ``year``."""
        import pandas as pd

        returns = self.returns["return"]
        if returns.empty:
            return pd.DataFrame(columns=[*range(1, 13), "year"])
        year, month = returns.index.year, returns.index.month
        table = (1 + returns).groupby([year, month]).prod().unstack().reindex(columns=range(1, 13))
        table["year"] = (1 + returns).groupby(year).prod()
        table = (table - 1) * 100
        table.index.name, table.columns.name = "year", "month"
        return table

    @cached_property
    def statistics(self) -> "pd.DataFrame":
        """The numbers of the run, one a row (docs/statistics.md); ``summary`` has them as a value."""
        import pandas as pd

        names, values = zip(*_flat("", msgspec.structs.asdict(self.summary)), strict=True)
        return pd.DataFrame({"value": list(values)}, index=pd.Index(names, name="statistic"), dtype=object)

    # --- numbers --------------------------------------------------------------------------------------------------------

    @cached_property
    def summary(self) -> "Statistics":
        """The numbers of the run (docs/statistics.md)."""
        return self.summarize()

    def summarize(self, **said: Any) -> "Statistics":
        """The numbers of the run; ``trials``, ``risk_free_pct``, ``resamples`` and more as `holdfast.statistics.summarize` has them."""
        from holdfast.statistics import summarize

        account = self.account
        arguments: dict[str, Any] = {
            "deposit": float(account.deposit),
            "fees": float(account.value.fees),
            "slippage": float(account.slippage),
            "borrow": float(account.borrow),
            "interest": float(account.interest),
            "turnover": float(account.turnover),
            "calendar": self.calendar,
            "benchmark": self.benchmark,
        }
        return summarize(self.curve, self.round_trips, **{**arguments, **said})

    @cached_property
    def curve(self) -> "Curve":
        """The account's worth as `holdfast.statistics` takes it."""
        from holdfast.statistics import Curve

        table = self.tables["equity"]
        columns = [table["time"].cast(pa.int64()), table["equity"], table["exposure"]]
        return Curve(*(column.to_numpy() for column in columns))

    @cached_property
    def round_trips(self) -> "list[RoundTrip]":
        """The round trips that are over as `holdfast.statistics` takes them."""
        from holdfast.statistics import RoundTrip

        rows = self.tables["trades"].to_pylist() if len(self.tables["trades"]) else []
        times = (self.tables["trades"][name].cast(pa.int64()).to_pylist() for name in ("entry_time", "exit_time"))
        return [
            RoundTrip(
                entry_ns=entry_ns,
                exit_ns=exit_ns,
                **{name: row[name] for name in RoundTrip.__struct_fields__ if name not in ("entry_ns", "exit_ns")},
            )
            for row, entry_ns, exit_ns in zip(rows, *times, strict=True)
            if exit_ns is not None
        ]

    @cached_property
    def benchmark(self) -> "Benchmark | None":
        """What the account is compared with; None where nothing was asked for."""
        from holdfast.statistics import Benchmark

        table = self.tables.get("benchmark")
        if table is None:
            return None
        times, worth = table["time"].cast(pa.int64()).to_numpy(), table["worth"].to_numpy()
        return Benchmark(self.head.benchmark, times, worth)

    # --- to show and to keep ----------------------------------------------------------------------------------------------

    def save(self, folder: Path | str) -> Path:
        """Write the result to ``folder``, which is made: JSON and Parquet. Raises :class:`~holdfast.errors.DataError`."""
        return store.save(self.head, self.tables, Path(folder))

    def plot(self) -> "Figure":
        """Equity, drawdown and the round trips of the symbols traded most. Raises :class:`~holdfast.errors.Refused` without matplotlib."""
        from holdfast.backtesting.plot import figure

        made: Figure = figure(self)
        return made

    def report(
        self,
        path: Path | str,
        *,
        compare: "Sequence[Result]" = (),
        sweep: "Sweep | None" = None,
        title: str | None = None,
    ) -> Path:
        """Write a page of it: one HTML file that needs nothing else (docs/report.md). With others to ``compare`` they are side by side.

        ``sweep`` is a table of many runs by two parameters (`holdfast.report.sweep_table`). Raises :class:`~holdfast.errors.DataError` where the
        file can't be written.
        """
        from holdfast.backtesting.report import report_of, write

        return write(report_of([self, *compare], title=title, sweep=sweep), path)

    def __repr__(self) -> str:
        return as_text(self)

    def _repr_html_(self) -> str:
        return as_html(self)

    def _trips(self, *, is_open: bool) -> "pd.DataFrame":
        table = self.tables["trades"]
        frame = table.filter(table["exit_time"].is_null() if is_open else table["exit_time"].is_valid()).to_pandas()
        frame["r_multiple"] = frame["profit"] / frame["risk"]
        frame["return_pct"] = frame["profit"] / (frame["entry_price"] * frame["quantity"]) * 100
        frame["held"] = frame["exit_time"] - frame["entry_time"]
        return frame.drop(columns=["exit_time", "exit_role", "held"]) if is_open else frame

    def _frame(self, name: str) -> "pd.DataFrame":
        return self.tables[name].to_pandas().set_index("time")


def _flat(prefix: str, values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Nested figures with dotted names; lists of periods and the like are frames of their own."""
    rows: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, msgspec.Struct):
            rows += _flat(f"{prefix}{name}.", msgspec.structs.asdict(value))
        elif not isinstance(value, (tuple, list)):
            rows.append((prefix + name, value))
    return rows


def load(folder: Path | str) -> Result:
    """A result that was saved. Raises :class:`~holdfast.errors.DataError` for what is none, or of a newer version."""
    head, tables = store.load(Path(folder), Head)
    return Result(head, tables)
