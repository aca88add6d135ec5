"""A result as a figure of matplotlib: equity, drawdown, and the trades on the prices they were made at."""

from typing import TYPE_CHECKING, Any

from holdfast.errors import Refused

if TYPE_CHECKING:
    from holdfast.backtesting.result import Result

MOST_SYMBOLS = 4
"""So many symbols get a panel of their own; a report has room for all."""
BLUE, ORANGE, GREEN, RED, GREY = "#2a78d6", "#eb6834", "#008300", "#e34948", "#888888"


def figure(result: "Result") -> Any:
    """Equity, drawdown, and for up to `MOST_SYMBOLS` symbols the round trips from entry to exit. Raises Refused without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise Refused("plot() needs matplotlib, which is not installed: pip install 'holdfast[plot]'") from None
    symbols = [str(symbol) for symbol in result.trades["symbol"].value_counts().index[:MOST_SYMBOLS]]
    heights = [3, 1, *([2] * len(symbols))]
    whole = Figure(figsize=(10, 1.3 * sum(heights)), layout="constrained")
    panels = whole.subplots(len(heights), 1, sharex=True, gridspec_kw={"height_ratios": heights})
    equity = result.equity
    panels[0].plot(equity.index, equity["equity"], color=BLUE, linewidth=1.2)
    panels[0].axhline(float(result.account.deposit), color=GREY, linewidth=0.6, linestyle=":")
    panels[0].set_ylabel("equity")
    panels[0].set_title(f"{', '.join(result.parameters)}: {result.account.return_pct:+.2f} %", loc="left", fontsize=10)
    panels[1].fill_between(equity.index, -equity["drawdown_pct"], 0, color=ORANGE, alpha=0.5, linewidth=0)
    panels[1].set_ylabel("drawdown %")
    for panel, symbol in zip(panels[2:], symbols, strict=True):
        _trips(panel, result, symbol)
    for panel in panels:
        panel.grid(visible=True, color="#cccccc", linewidth=0.4)
        panel.spines[["top", "right"]].set_visible(False)
    return whole


def _trips(panel: Any, result: "Result", symbol: str) -> None:
    """Each round trip as a line from its entry to its exit, green where it earned."""
    trips = result.trades[result.trades["symbol"] == symbol]
    prices = result.prices[result.prices["symbol"] == symbol]
    panel.fill_between(prices.index, prices["low"], prices["high"], color=GREY, alpha=0.25, linewidth=0, step="post")
    panel.plot(prices.index, prices["close"], color=GREY, linewidth=0.5)
    for trip in trips.itertuples():
        colour = GREEN if trip.profit > 0 else RED
        panel.plot([trip.entry_time, trip.exit_time], [trip.entry_price, trip.exit_price], color=colour, linewidth=1)
    is_long = trips["side"] == "long"
    for chosen, marker in ((trips[is_long], "^"), (trips[~is_long], "v")):
        panel.scatter(chosen["entry_time"], chosen["entry_price"], marker=marker, s=14, color=BLUE, zorder=3)
    panel.scatter(trips["exit_time"], trips["exit_price"], marker="x", s=12, color=GREY, zorder=3)
    panel.set_ylabel(symbol)
