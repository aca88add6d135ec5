"""A strategy of your own: one file, in the folder where you start holdfast."""

from holdfast import Annotated, Bar, Context, Exits, Meta, OrderStatus, OrderUpdate, Parameters, Side, Strategy


class Breakout(Strategy):
    """Buy what closes above the highs of the last ``entry`` bars; close it below the lows of the last ``exit`` bars.

    The size is left to risk (``sizing`` of the account: a tenth of equity unless it says otherwise), and each entry carries a stop-loss.
    """

    class Params(Parameters, frozen=True):
        """``entry``, ``exit``: bars to look back. ``stop_pct``: the stop-loss, in percent below the close."""

        entry: Annotated[int, Meta(ge=2)] = 20
        exit: Annotated[int, Meta(ge=2)] = 10
        stop_pct: Annotated[float, Meta(gt=0, lt=100)] = 1.0

    params: Params

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self.refusals: list[str] = []

    def on_bar(self, context: Context, bar: Bar) -> None:
        """A bar is complete; the last of the history is the bar itself."""
        before = context.history(bar.symbol, self.params.entry + 1)[:-1]
        if len(before) < self.params.entry:
            return
        holds = context.position(bar.symbol).quantity > 0
        if not holds and bar.close > max(past.high for past in before):
            stop = bar.close * (1 - self.params.stop_pct / 100)
            context.target(bar.symbol, direction=Side.BUY, exits=Exits(stop_loss=stop))
        elif holds and bar.close < min(past.low for past in before[-self.params.exit :]):
            context.close(bar.symbol)

    def on_order(self, context: Context, update: OrderUpdate) -> None:
        """What becomes of each order: here a refusal of risk is kept, to be looked at."""
        if update.status is OrderStatus.REFUSED:
            self.refusals.append(f"{context.time:%Y-%m-%d %H:%M} {update.symbol}: {update.rule}, {update.reason}")
