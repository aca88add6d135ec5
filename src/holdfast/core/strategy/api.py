"""What a strategy is written against.

::

    class BuyTheDip(Strategy):
        \"\"\"Buy when the price has fallen by ``drop`` percent since the last bar.\"\"\"

        class Params(Parameters):
            drop: Annotated[float, Meta(gt=0)] = 1.0

        params: Params

        def on_bar(self, context: Context, bar: Bar) -> None:
            history = context.history(bar.symbol, 2)
            if len(history) == 2 and bar.close < history[0].close * (1 - self.params.drop / 100):
                context.buy(bar.symbol)

The same file backtests, paper-trades and goes live. A strategy decides from what it is given and nothing else: no clock, no
randomness, no files, so that a restart brings it back to where it was by showing it the same events again.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from holdfast.core.adjustments import CorporateAction
from holdfast.core.messages import Bar, OrderFilled, Quote, Trade
from holdfast.core.strategy.context import Context
from holdfast.core.strategy.sessions import Session
from holdfast.core.strategy.shown import Timer
from holdfast.core.strategy.updates import OrderUpdate

__all__ = [
    "Annotated",
    "Bar",
    "Context",
    "CorporateAction",
    "Meta",
    "OrderFilled",
    "OrderUpdate",
    "Parameters",
    "Quote",
    "Session",
    "Strategy",
    "Timer",
    "Trade",
    "above_zero",
]


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of a strategy's parameters: typed fields with defaults, bounds through ``Annotated[..., Meta(ge=1)]``.

    Rules between fields go into ``__post_init__``, which raises ValueError with what is wrong.
    """


def above_zero(params: Parameters, *names: str) -> None:
    """For ``__post_init__``: the bound that msgspec's ``Meta`` can't put on a Decimal. Raises ValueError."""
    for name in names:
        value = getattr(params, name)
        if not (value.is_finite() and value > 0):
            raise ValueError(f"{name} must be above zero, not {value}")


class NoParameters(Parameters, frozen=True):
    """For strategies without any."""


class Strategy:
    """Base class of strategies. Override the callbacks you need; those not overridden cost nothing.

    ``history_bars`` is how many past bars of each symbol `Context.history` can show. ``timeframes`` are those that it can show besides
    the strategy's own: ``("1Hour", "1Day")``.
    """

    Params: ClassVar[Any] = NoParameters
    history_bars: ClassVar[int] = 500
    timeframes: ClassVar[tuple[str, ...]] = ()

    def __init__(self, params: Any = None) -> None:
        self.params = self.Params() if params is None else params

    def on_start(self, context: Context) -> None:
        """Once, before the first event; the place to set timers and to ask for indicators."""

    def on_bar(self, context: Context, bar: Bar) -> None:
        """A bar of the strategy's timeframe is complete.

        All bars of this instant are in `Context.history` and in `Context.price` by now, those of the other symbols too;
        symbols come in alphabetical order.
        """

    def on_bars(self, context: Context, bars: Mapping[str, Bar]) -> None:
        """The bars that became complete at one instant, by symbol in alphabetical order; after `on_bar` of each of them.

        A symbol that did not trade is not among them. Live, neither is one whose bar has not arrived yet: it comes in a call of
        its own.
        """

    def on_quote(self, context: Context, quote: Quote) -> None:
        """The best bid or ask changed."""

    def on_trade(self, context: Context, trade: Trade) -> None:
        """Somebody traded."""

    def on_corporate_action(self, context: Context, action: CorporateAction) -> None:
        """A symbol goes ex: a split, a dividend, or both. Called at the start of its ex-date, before the market of that day.

        Positions, `Context.price` and, at a split, `Context.history` are those of after it already; open orders are on their way
        out at a split. What a strategy keeps in prices of its own it has to divide by ``action.new / action.old``.
        """

    def on_fill(self, context: Context, fill: OrderFilled) -> None:
        """One of this strategy's orders traded; positions and orders already show it. `on_order` is called next."""

    def on_order(self, context: Context, update: OrderUpdate) -> None:
        """Something has happened to one of this strategy's orders; positions and orders already show it.

        Each execution comes to `on_fill` with its price and fee, then here with what the order is by then.
        """

    def on_session(self, context: Context, session: Session) -> None:
        """The exchange's session opens or closes, by the account's calendar. A market that never closes calls it never.

        Called after everything of the time before and of that time itself. The first event a strategy is shown may lie within a
        session: then the open of that session comes just before it.
        """

    def on_timer(self, context: Context, timer: Timer) -> None:
        """A timer set with `Context.every` or `Context.at` is due."""

    def on_end(self, context: Context) -> None:
        """A backtest's data is at its end, or an engine that trades stops in an orderly way; the last call there is.

        The place to say what was found (`Context.log`). Orders asked for here are dropped. A crash does not call it, and an engine that
        is started again calls it again when it stops.
        """
