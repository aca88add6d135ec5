"""Time-series momentum."""

from decimal import Decimal

from holdfast import Annotated, Bar, Context, CorporateAction, Meta, Parameters, Strategy, above_zero


class Momentum(Strategy):
    """Hold what has risen over the look-back, be out of (or short) what has fallen.

    ``momentum[t] = close[t] / close[t - lookback] - 1``. Above ``threshold`` percent it targets ``+quantity``; below minus
    ``threshold`` it targets ``-quantity``, or flat without ``allow_short``; in between it keeps what it has. Silent until
    ``lookback`` earlier bars are known.

    Source: T. Moskowitz, Y. H. Ooi, L. H. Pedersen, "Time series momentum", *Journal of Financial Economics* 104 (2012).
    """

    class Params(Parameters, frozen=True):
        """``lookback``: bars. ``threshold``: percent. ``quantity``: units to hold."""

        lookback: Annotated[int, Meta(ge=1, le=10_000)] = 60
        threshold: Annotated[float, Meta(ge=0)] = 0.5
        quantity: Decimal = Decimal(100)
        allow_short: bool = False

        def __post_init__(self) -> None:
            above_zero(self, "quantity")

    params: Params

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self._below = -params.quantity if params.allow_short else Decimal(0)
        self._closes: dict[str, list[float]] = {}  # the last lookback + 1 closes, oldest first

    def on_bar(self, context: Context, bar: Bar) -> None:
        """Compare the close with the one ``lookback`` bars ago."""
        closes = self._closes.setdefault(bar.symbol, [])
        closes.append(bar.close)
        if len(closes) <= self.params.lookback:
            return
        change_pct = (bar.close / closes.pop(0) - 1) * 100
        if change_pct > self.params.threshold:
            context.target(bar.symbol, self.params.quantity)
        elif change_pct < -self.params.threshold:
            context.target(bar.symbol, self._below)

    def on_corporate_action(self, context: Context, action: CorporateAction) -> None:  # noqa: ARG002  the callback's form
        """The closes go on in shares of after a split: it is no momentum."""
        closes = self._closes.get(action.symbol, [])
        closes[:] = [close * action.old / action.new for close in closes]
