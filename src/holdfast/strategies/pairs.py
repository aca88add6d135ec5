"""Trading two symbols against each other."""

from decimal import Decimal

from holdfast import Annotated, Bar, Context, CorporateAction, Meta, Parameters, Strategy, ZScore, above_zero


class Pairs(Strategy):
    """Two symbols whose prices keep to a ratio: when it is far off, buy what is cheap and sell the other short.

    ``ratio = close of the first / close of the second``, in the order of the alphabet; ``z`` is its distance from the mean of the last
    ``window`` bars in deviations. Flat: ``z <= -entry`` buys the first and sells the second, ``z >= entry`` does the opposite. It leaves
    both when the ratio is back: ``z >= -exit``, or ``z <= exit``. Each leg is for ``notional``, in whole units. Both bars of one time have
    to be there; one that is missing leaves the pair as it is.

    Source: E. Gatev, W. Goetzmann, K. G. Rouwenhorst, "Pairs Trading", *Review of Financial Studies* 19 (2006), with a rolling mean.
    """

    class Params(Parameters, frozen=True):
        """``window``: bars. ``entry``, ``exit``: deviations. ``notional``: money for each leg."""

        window: Annotated[int, Meta(ge=2, le=10_000)] = 60
        entry: Annotated[float, Meta(gt=0)] = 2.0
        exit: Annotated[float, Meta(ge=0)] = 0.5
        notional: Decimal = Decimal(10_000)

        def __post_init__(self) -> None:
            above_zero(self, "notional")
            if self.exit >= self.entry:
                raise ValueError(f"exit ({self.exit}) must be below entry ({self.entry})")

    params: Params
    history_bars = 1

    def on_start(self, context: Context) -> None:
        """It needs two symbols."""
        if len(context.symbols) != 2:
            raise ValueError(f"a pair has two symbols, not {len(context.symbols)}: {', '.join(context.symbols)}")
        self.first, self.second = context.symbols
        self.bars: dict[str, Bar] = {}
        self.score = ZScore(self.params.window)

    def on_bar(self, context: Context, bar: Bar) -> None:
        """Wait for the other bar of this time; live they come one after the other."""
        self.bars[bar.symbol] = bar
        if len({known.time_ns for known in self.bars.values()}) == 1 and len(self.bars) == 2:
            first, second = self.bars[self.first].close, self.bars[self.second].close
            z = self.score.update(first / second)
            if z is not None:
                self._decide(context, z)

    def _decide(self, context: Context, z: float) -> None:
        held = context.position(self.first).quantity
        if (held > 0 and z >= -self.params.exit) or (held < 0 and z <= self.params.exit):
            context.close(self.first)
            context.close(self.second)
        elif not held and abs(z) >= self.params.entry:
            side = 1 if z < 0 else -1
            for symbol, sign in ((self.first, side), (self.second, -side)):
                context.target(symbol, sign * (self.params.notional // Decimal(str(self.bars[symbol].close))))

    def on_corporate_action(self, context: Context, action: CorporateAction) -> None:  # noqa: ARG002  the callback's form
        """The ratios go on in shares of after a split."""
        factor = action.old / action.new
        self.score.rescale(factor if action.symbol == self.first else 1 / factor)
