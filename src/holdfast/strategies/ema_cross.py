"""Crossing of two exponential moving averages."""

from decimal import Decimal

from holdfast import Annotated, Bar, Context, CorporateAction, Meta, Parameters, Strategy, above_zero


class EmaCross(Strategy):
    """Long while the fast average is at or above the slow one, otherwise short, or flat without ``allow_short``.

    ``ema[0] = close[0]``, ``ema[t] = ema[t-1] + alpha * (close[t] - ema[t-1])`` with ``alpha = 2 / (n + 1)``. The first
    ``slow`` bars of a symbol only feed the averages. From the next bar on ``fast >= slow`` targets ``+quantity``.

    Source: the exponential moving average as in R. G. Brown, *Statistical Forecasting for Inventory Control* (1959); the
    crossing of two of them as a trend rule is folklore of technical analysis.
    """

    class Params(Parameters, frozen=True):
        """``fast`` and ``slow``: averaging lengths in bars. ``quantity``: units to hold."""

        fast: Annotated[int, Meta(ge=1)] = 10
        slow: Annotated[int, Meta(ge=2)] = 30
        quantity: Decimal = Decimal(100)
        allow_short: bool = False

        def __post_init__(self) -> None:
            above_zero(self, "quantity")
            if self.fast >= self.slow:
                raise ValueError(f"fast ({self.fast}) must be below slow ({self.slow})")

    params: Params
    history_bars = 1

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self._fast_alpha = 2 / (params.fast + 1)
        self._slow_alpha = 2 / (params.slow + 1)
        self._below = -params.quantity if params.allow_short else Decimal(0)
        self._averages: dict[str, list[float]] = {}  # symbol: fast, slow, bars seen

    def on_bar(self, context: Context, bar: Bar) -> None:
        """Move both averages, then ask for the position they call for."""
        close = bar.close
        averages = self._averages.get(bar.symbol)
        if averages is None:
            self._averages[bar.symbol] = [close, close, 1]
            return
        averages[0] += self._fast_alpha * (close - averages[0])
        averages[1] += self._slow_alpha * (close - averages[1])
        averages[2] += 1
        if averages[2] > self.params.slow:
            context.target(bar.symbol, self.params.quantity if averages[0] >= averages[1] else self._below)

    def on_corporate_action(self, context: Context, action: CorporateAction) -> None:  # noqa: ARG002  the callback's form
        """Both averages go on in shares of after a split: it is no crossing."""
        averages = self._averages.get(action.symbol)
        if averages is not None:
            averages[:2] = [average * action.old / action.new for average in averages[:2]]
