"""Mean reversion by distance from a moving average."""

from decimal import Decimal

from holdfast import Annotated, Bar, Context, Exits, Meta, Parameters, Strategy, ZScore, above_zero


class MeanReversion(Strategy):
    """Buy what has fallen far below its average, leave at the average; the mirror image with ``allow_short``.

    ``z[t] = (close[t] - mean) / deviation`` over the last ``window`` closes, the present one included; the deviation is the
    population's. Flat: ``z <= -entry`` targets ``+quantity``, and ``z >= entry`` targets ``-quantity`` if short sales are
    allowed. Long: ``z >= -exit`` closes. Short: ``z <= exit`` closes. With ``stop_pct`` each entry carries a stop-loss that
    far from its close. Silent until ``window`` bars are known, and while prices don't move.

    Source: the z-score form of Bollinger's bands (J. Bollinger, *Bollinger on Bollinger Bands*, 2001).
    """

    class Params(Parameters, frozen=True):
        """``window``: bars. ``entry``, ``exit``: deviations. ``stop_pct``: percent of price, 0 for none."""

        window: Annotated[int, Meta(ge=2, le=10_000)] = 20
        entry: Annotated[float, Meta(gt=0)] = 2.0
        exit: Annotated[float, Meta(ge=0)] = 0.0
        quantity: Decimal = Decimal(100)
        allow_short: bool = False
        stop_pct: Annotated[float, Meta(ge=0, lt=100)] = 0.0

        def __post_init__(self) -> None:
            above_zero(self, "quantity")
            if self.exit >= self.entry:
                raise ValueError(f"exit ({self.exit}) must be below entry ({self.entry})")

    params: Params

    def on_start(self, context: Context) -> None:
        """The score is of the closes of the strategy's own bars."""
        self.score = context.indicator(ZScore(self.params.window))

    def on_bar(self, context: Context, bar: Bar) -> None:
        """See how far the close is from the average, and enter or leave."""
        score = self.score[bar.symbol]
        if score.value is not None and score.deviation:
            self._decide(context, bar, score.value)

    def _decide(self, context: Context, bar: Bar, z: float) -> None:
        held = context.position(bar.symbol).quantity
        if (held > 0 and z >= -self.params.exit) or (held < 0 and z <= self.params.exit):
            context.close(bar.symbol)
        elif held == 0 and z <= -self.params.entry:
            context.target(bar.symbol, self.params.quantity, exits=self._exits(bar.close, -1))
        elif held == 0 and z >= self.params.entry and self.params.allow_short:
            context.target(bar.symbol, -self.params.quantity, exits=self._exits(bar.close, 1))

    def _exits(self, close: float, sign: int) -> Exits | None:
        stop_pct = self.params.stop_pct
        return Exits(stop_loss=close * (1 + sign * stop_pct / 100)) if stop_pct else None
