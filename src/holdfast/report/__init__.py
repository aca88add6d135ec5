"""The report of a backtest: one HTML file that needs nothing else, as a pure function of plain values (docs/report.md).

It knows no files, feeds or strategies. Whoever has a run's numbers, curve and round trips can have a page of them.
"""

from holdfast.report.page import page
from holdfast.report.record import Candles, Counts, Indicator, Part, Report, Run, Sweep, Trade
from holdfast.report.sweeps import sweep_table

__all__ = ["Candles", "Counts", "Indicator", "Part", "Report", "Run", "Sweep", "Trade", "page", "sweep_table"]
