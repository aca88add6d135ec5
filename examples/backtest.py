"""A backtest in ten lines: a strategy that ships, over a market that is made up."""

from holdfast import backtest
from holdfast.calendars import trading_calendar
from holdfast.feeds.synthetic import SyntheticFeed

data = SyntheticFeed(7, trading_calendar("XNYS"), symbols=["SPY"], days=60)  # or a DataFrame, or the path of a file
result = backtest("EmaCross", data, fast=10, slow=60, fill="next_open", fees={"type": "per_share", "rate": "0.005"})
print(result)
print(result.trades[["entry_time", "exit_time", "profit"]].tail(3))
