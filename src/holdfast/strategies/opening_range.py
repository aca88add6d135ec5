"""The breakout of the opening range, flat at the close."""

from decimal import Decimal

from holdfast import (
    Annotated,
    Bar,
    Context,
    Exits,
    Meta,
    Parameters,
    Session,
    SessionPhase,
    Strategy,
    Timer,
    above_zero,
)
from holdfast.core.types import MINUTE_NS


class OpeningRange(Strategy):
    """Go with the first close outside the range of the session's first ``minutes``; out again before the session ends.

    Long above the range's high with the stop at its low; short below its low with the stop at its high, with ``allow_short``. One
    entry a symbol and session. ``flat_minutes`` before the close everything is closed, by a timer: no bar is needed for that. For an
    exchange that closes; half days are those of the account's calendar.

    Source: T. Crabel, *Day Trading with Short Term Price Patterns and Opening Range Breakout* (1990).
    """

    class Params(Parameters, frozen=True):
        """``minutes``: the range's. ``flat_minutes``: before the close. ``quantity``: units."""

        minutes: Annotated[int, Meta(ge=1, le=300)] = 30
        flat_minutes: Annotated[int, Meta(ge=1, le=120)] = 5
        quantity: Decimal = Decimal(100)
        allow_short: bool = False

        def __post_init__(self) -> None:
            above_zero(self, "quantity")

    params: Params

    def on_start(self, context: Context) -> None:
        """Nothing is known of a session yet."""
        self.ranges: dict[str, tuple[float, float]] = {}
        self.done = set(context.symbols)

    def on_session(self, context: Context, session: Session) -> None:
        """A new session has new ranges, and an end."""
        if session.phase is SessionPhase.OPEN:
            self.ranges, self.done = {}, set()
            context.at(session.close_ns - self.params.flat_minutes * MINUTE_NS)

    def on_timer(self, context: Context, timer: Timer) -> None:  # noqa: ARG002  the callback's form
        """The session is about to end."""
        self.done = set(context.symbols)
        for position in context.positions():
            context.close(position.symbol)

    def on_bar(self, context: Context, bar: Bar) -> None:
        """Note the range when its time is over, then wait for a close outside."""
        passed = context.minutes_since_open
        if passed is None or passed < self.params.minutes or bar.symbol in self.done:
            return
        if bar.symbol not in self.ranges:
            first = [one for one in context.session_bars(bar.symbol) if self._is_early(one, context.time_ns, passed)]
            if first:
                self.ranges[bar.symbol] = min(one.low for one in first), max(one.high for one in first)
        low, high = self.ranges.get(bar.symbol, (bar.close, bar.close))
        if bar.close > high or (bar.close < low and self.params.allow_short):
            side, stop = (1, low) if bar.close > high else (-1, high)
            self.done.add(bar.symbol)
            context.target(bar.symbol, side * self.params.quantity, exits=Exits(stop_loss=stop))

    def _is_early(self, bar: Bar, now_ns: int, passed: float) -> bool:
        return bar.time_ns <= now_ns - round((passed - self.params.minutes) * MINUTE_NS)
