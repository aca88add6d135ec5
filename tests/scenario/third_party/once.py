"""A strategy that wants one share, and no more."""

from holdfast.core.strategy.api import Bar, Context, Strategy


class Once(Strategy):
    """Holds one share of each of its symbols."""

    def on_bar(self, context: Context, bar: Bar) -> None:
        context.target(bar.symbol, 1)
