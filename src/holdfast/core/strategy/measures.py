"""What a strategy sees of the market: bars, indicators, the session; and what it says of it."""

from bisect import bisect_left
from collections.abc import Sequence
from decimal import Decimal
from math import isfinite
from operator import index
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from holdfast.core.messages import Bar
from holdfast.core.strategy.indicator import Indicator
from holdfast.core.strategy.lanes import BySymbol
from holdfast.core.strategy.sessions import closes_ns
from holdfast.core.strategy.timeframe import parse_timeframe, timeframe_name
from holdfast.core.types import MINUTE_NS, StrategyId
from holdfast.errors import InvalidValue

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from holdfast.core.strategy.host import Host, Runner

    Floats = npt.NDArray[np.float64]
    Times = npt.NDArray[np.int64]

AnyIndicator = TypeVar("AnyIndicator", bound=Indicator)
LogValue = str | int | float | bool | None
"""What a line of a strategy's log may hold, besides what can be written as a text."""


class BarArrays(NamedTuple):
    """Bars as arrays, oldest first: ``time_ns`` (ends, int64), the others float64."""

    time_ns: "Times"
    open: "Floats"
    high: "Floats"
    low: "Floats"
    close: "Floats"
    volume: "Floats"


class LogLine(NamedTuple):
    """What a strategy has to say: when by the market's time, and values by name."""

    strategy: StrategyId
    time_ns: int
    text: str
    values: dict[str, LogValue]


class Measures:
    """What of a context is about the market (`Context` has the rest)."""

    __slots__ = ()

    _host: "Host"
    _runner: "Runner"
    symbols: tuple[str, ...]

    def indicator(
        self,
        indicator: AnyIndicator,
        symbol: str | None = None,
        *,
        timeframe: str | None = None,
        of: str | None = None,
    ) -> BySymbol[AnyIndicator]:
        """Have an indicator kept for each of the strategy's symbols, or for one: ``self.ema = context.indicator(Ema(20))``.

        To be called in `on_start`, so that it sees every bar: it is fed before the strategy is called, warms up on the history, and is
        drawn on charts. ``self.ema[symbol].value`` reads it, ``self.ema.value`` where there is one symbol. It is of the bars of the strategy's
        timeframe, or of another ``timeframe``, and of what the indicator says, mostly the close, or ``of``: ``open``, ``high``, ``low``,
        ``close``, ``volume``, ``hl2``, ``hlc3``, ``ohlc4``. Raises :class:`~holdfast.errors.InvalidValue`.
        """
        host, runner = self._host, self._runner
        if not isinstance(indicator, Indicator):
            raise InvalidValue(f"context.indicator takes an indicator such as Ema(20), not {indicator!r}")
        if not host.starting:
            raise InvalidValue(
                f"{indicator.name}: call context.indicator in on_start; one made later would not have seen the history"
            )
        if indicator.ready or id(indicator) in runner.indicators:
            raise InvalidValue(f"{indicator.name} is in use already; make a new one for each context.indicator")
        if symbol is not None:
            self._key(symbol)
        elif not self.symbols:
            raise InvalidValue(f"strategy {runner.id} has no symbols to have {indicator.name} of")
        length_ns = runner.timeframe_ns if timeframe is None else parse_timeframe(timeframe)
        lane = host.open_lane(runner, length_ns)
        found = host.lanes.measure(lane, self.symbols if symbol is None else (symbol,), indicator, of)
        runner.indicators[id(indicator)] = indicator
        runner.has_more = True
        return found

    def history(self, symbol: str, count: int, timeframe: str | None = None) -> list[Bar]:
        """The last ``count`` bars of the strategy's timeframe, oldest first, the present one last; fewer at the start.

        With another ``timeframe``, ``"1Day"``, those of it that are complete: the day that goes on is not among them. The class names it,
        ``timeframes = ("1Day",)``, so that they are kept from the first event on. Raises :class:`~holdfast.errors.InvalidValue` for a
        symbol or timeframe that the strategy doesn't have, and a ``count`` that isn't a whole number from 1 to its ``history_bars``.
        """
        runner = self._runner
        self._key(symbol)
        bars: Sequence[Bar] = runner.history[symbol] if timeframe is None else self._other(symbol, timeframe)
        most = runner.strategy.history_bars  # risk may keep more
        if type(count) is not int or not 0 < count <= most:
            count = _count(count, most)
        return [bars[index] for index in range(max(0, len(bars) - count), len(bars))]

    def arrays(self, symbol: str, count: int, timeframe: str | None = None) -> BarArrays:
        """The same as `history`, as numpy arrays: ``context.arrays("SPY", 50).close.mean()``."""
        import numpy as np

        bars = self.history(symbol, count, timeframe)
        return BarArrays(
            np.fromiter((bar.time_ns for bar in bars), np.int64, len(bars)),
            np.fromiter((bar.open for bar in bars), np.float64, len(bars)),
            np.fromiter((bar.high for bar in bars), np.float64, len(bars)),
            np.fromiter((bar.low for bar in bars), np.float64, len(bars)),
            np.fromiter((bar.close for bar in bars), np.float64, len(bars)),
            np.fromiter((bar.volume for bar in bars), np.float64, len(bars)),
        )

    @property
    def minutes_since_open(self) -> float | None:
        """Minutes since the session opened; None when none is on, and for a market that never closes."""
        host = self._host
        if closes_ns(host.calendar, host.now_ns) is None:
            return None
        return (host.now_ns - host.calendar.day_at(host.now_ns).open_ns) / MINUTE_NS

    def session_bars(self, symbol: str) -> list[Bar]:
        """The bars of the strategy's timeframe since the present session's open, the first one first, none from before it.

        Also after the close and until the next day begins; of a market that never closes, those since midnight, UTC. No more than
        ``history_bars``.
        """
        bars = self.history(symbol, self._runner.strategy.history_bars)
        if not bars:
            return []
        day = self._host.calendar.day_at(_middle_ns(bars[-1]))
        return [bar for bar in bars[bisect_left(bars, day.open_ns, key=_middle_ns) :] if _middle_ns(bar) < day.close_ns]

    def log(self, text: str, **values: object) -> None:
        """Say something, with values by name: ``context.log("stop moved", symbol="SPY", stop=95.5)``.

        The line has the market's time, the strategy and the account. It comes with the log of the run or of the backtest. While
        the history is shown and after a restart what was said before is not said again.
        """
        host = self._host
        if not isinstance(text, str):
            raise InvalidValue(f"context.log takes a text first, then values by name, not {text!r}")
        if host.log is not None and (not host.muted or host.ending):
            plain: dict[str, LogValue] = {
                name: value if value is None or isinstance(value, str | int | float) else str(value)
                for name, value in values.items()
            }
            host.log(LogLine(self._runner.id, host.now_ns, text, plain))

    def _other(self, symbol: str, timeframe: str) -> Sequence[Bar]:
        runner = self._runner
        length_ns = parse_timeframe(timeframe)
        if length_ns == runner.timeframe_ns:
            return runner.history[symbol]
        lane = self._host.lanes.others.get((runner.id, length_ns))
        if lane is None and self._host.starting:
            lane = self._host.open_lane(runner, length_ns)
        if lane is None:
            name = timeframe_name(length_ns)
            raise InvalidValue(
                f'strategy {runner.id} has no bars of {name}: write timeframes = ("{name}",) in its class, so that they are kept from the beginning'
            )
        return lane.history[symbol]

    def _key(self, symbol: str) -> tuple[StrategyId, str]:
        raise NotImplementedError


def _middle_ns(bar: Bar) -> int:
    """A bar belongs to the session in which its middle lies."""
    return (bar.start_ns + bar.time_ns) // 2


def _count(value: object, most: int) -> int:
    """How many bars are asked for. Raises InvalidValue."""
    count = None if isinstance(value, float | Decimal) else whole_number(value)
    if count is None or count < 1:
        raise InvalidValue(f"history's count must be a whole number above zero, not {value!r}")
    if count > most:
        raise InvalidValue(
            f"history's count is at most the strategy's history_bars, {most}, not {count}; write history_bars = {count} in the class"
        )
    return count


def whole_number(value: object) -> int | None:
    """A whole number of any type as an int, an integral float too; None for everything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float | Decimal):
        return int(value) if isfinite(value) and value == int(value) else None
    try:
        return index(value)  # type: ignore[arg-type]
    except TypeError:
        return None
