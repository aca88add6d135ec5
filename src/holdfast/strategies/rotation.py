"""Holding the strongest of several symbols, looked at once a month."""

from decimal import Decimal

from holdfast import Annotated, Bar, Context, Meta, Parameters, Strategy, above_zero


class MonthlyRotation(Strategy):
    """At the first bar of a month, hold those ``hold`` symbols that have risen most over ``months`` complete months; be out of the others.

    ``momentum = close of the last month / close of the month ``months`` before - 1``, of complete months alone. What has fallen is not held
    (absolute momentum), so all may be in cash. Ties go by the alphabet. Each position is for ``notional``, in whole units; one that is
    kept is left as it is. A symbol that is not known for long enough is not held.

    Source: G. Antonacci, *Dual Momentum Investing* (2014); the ranking is N. Jegadeesh, S. Titman, *Journal of Finance* 48 (1993).
    """

    class Params(Parameters, frozen=True):
        """``months``: the look-back. ``hold``: how many symbols. ``notional``: money for each."""

        months: Annotated[int, Meta(ge=1, le=120)] = 6
        hold: Annotated[int, Meta(ge=1, le=1_000)] = 2
        notional: Decimal = Decimal(10_000)

        def __post_init__(self) -> None:
            above_zero(self, "notional")

    params: Params
    timeframes = ("1Month",)

    def on_start(self, context: Context) -> None:  # noqa: ARG002  the callback's form
        """No month has been looked at."""
        self.month = (0, 0)

    def on_bar(self, context: Context, bar: Bar) -> None:
        """The first bar of a month, whichever symbol's, is when all are looked at."""
        month = context.time.year, context.time.month
        if month == self.month or not context.history(bar.symbol, 1, "1Month"):
            return
        self.month = month
        strength = {symbol: self._momentum(context, symbol) for symbol in context.symbols}
        rising = [symbol for symbol in context.symbols if strength[symbol] > 0]
        chosen = sorted(rising, key=lambda symbol: -strength[symbol])[: self.params.hold]
        context.log("the month's choice", chosen=", ".join(chosen) or "none")
        for symbol in context.symbols:
            held, price = context.position(symbol).quantity, context.price(symbol)
            if symbol not in chosen:
                context.close(symbol)
            elif not held and price is not None:
                context.target(symbol, self.params.notional // Decimal(str(price)))

    def _momentum(self, context: Context, symbol: str) -> float:
        closes = [bar.close for bar in context.history(symbol, self.params.months + 1, "1Month")]
        return closes[-1] / closes[0] - 1 if len(closes) > self.params.months else 0.0
