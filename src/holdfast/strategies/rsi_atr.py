"""Buying weakness by the RSI, with a stop that knows how much the market moves."""

from decimal import Decimal

from holdfast import Annotated, Atr, Bar, Context, Exits, Meta, Parameters, Rsi, Strategy, above_zero


class RsiAtr(Strategy):
    """Buy when the RSI is at or below ``oversold``, leave when it is at or above ``exit``; the stop is ``stop_atr`` true ranges away.

    The stop is set from the close of the bar at which it buys and the average true range of that bar, so it is wide in a market that moves
    and narrow in one that doesn't. One position a symbol, long only. After a stop it buys again only once the RSI has been above
    ``oversold``.

    Source: J. W. Wilder, *New Concepts in Technical Trading Systems* (1978), for both measures.
    """

    class Params(Parameters, frozen=True):
        """``length``: bars of both measures. ``oversold``, ``exit``: of the RSI. ``stop_atr``: average true ranges."""

        length: Annotated[int, Meta(ge=2, le=1_000)] = 14
        oversold: Annotated[float, Meta(gt=0, lt=100)] = 30.0
        exit: Annotated[float, Meta(gt=0, lt=100)] = 55.0
        stop_atr: Annotated[float, Meta(gt=0, le=100)] = 2.0
        quantity: Decimal = Decimal(100)

        def __post_init__(self) -> None:
            above_zero(self, "quantity")
            if self.oversold >= self.exit:
                raise ValueError(f"oversold ({self.oversold}) must be below exit ({self.exit})")

    params: Params

    def on_start(self, context: Context) -> None:
        """Both measures are of the strategy's own bars."""
        self.rsi = context.indicator(Rsi(self.params.length))
        self.atr = context.indicator(Atr(self.params.length))
        self.armed = dict.fromkeys(context.symbols, True)

    def on_bar(self, context: Context, bar: Bar) -> None:
        """Enter on weakness, leave on strength."""
        rsi, atr = self.rsi[bar.symbol].value, self.atr[bar.symbol].value
        if rsi is None or atr is None:
            return
        held = context.position(bar.symbol).quantity
        if held and rsi >= self.params.exit:
            context.close(bar.symbol)
        stop = bar.close - self.params.stop_atr * atr
        if not held and self.armed[bar.symbol] and rsi <= self.params.oversold and 0 < stop < bar.close:
            context.target(bar.symbol, self.params.quantity, exits=Exits(stop_loss=stop))
        self.armed[bar.symbol] = rsi > self.params.oversold
