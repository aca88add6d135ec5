"""What a strategy has besides the bars of its own timeframe: indicators, and bars of other timeframes."""

import copy
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from holdfast.core.adjustments import CorporateAction
from holdfast.core.corporate import bar_after
from holdfast.core.messages import Bar
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.strategy.bars import BuiltBars, Prices
from holdfast.core.strategy.indicator import SOURCES, Indicator, Panel
from holdfast.core.strategy.timeframe import timeframe_name
from holdfast.core.types import DAY_NS, MINUTE_NS, StrategyId
from holdfast.errors import InvalidValue

if TYPE_CHECKING:
    from holdfast.core.strategy.host import Runner

AnyIndicator = TypeVar("AnyIndicator", bound=Indicator)


class IndicatorView(NamedTuple):
    """An indicator as it stands: whose it is, of which symbol, what it is called, where a chart draws it, and its outputs by name."""

    strategy: StrategyId
    symbol: str
    name: str
    panel: Panel
    values: dict[str, float | None]


class Cold(NamedTuple):
    """An indicator that is not ready, and how many minutes of trading it has to see to be."""

    strategy: StrategyId
    symbol: str
    name: str
    minutes: int


class Meter:
    """An indicator of one symbol, and how it is fed with bars."""

    def __init__(self, indicator: Indicator, symbol: str, name: str, of: str, calendar: TradingCalendar) -> None:
        self.indicator = indicator
        self.symbol = symbol
        self.name = name
        self._of = of
        self._read = None if indicator.takes_bars else SOURCES[of]
        self._sessions = _Sessions(calendar) if indicator.by_session else None
        self._blank = copy.deepcopy(vars(indicator))

    def feed(self, bar: Bar) -> None:
        """Give the indicator what it takes of a bar; one that goes by sessions is told of each."""
        if self._sessions is not None and not self._sessions.has(bar, self.indicator):
            return
        read = self._read
        self.indicator.update(bar if read is None else read(bar))

    def split(self, ratio: float, bars: Sequence[Bar]) -> None:
        """Go on in shares of after a split, so many new ones for an old one; ``bars`` are the history's, of after it."""
        if not self.indicator.rescale(ratio if self._of == "volume" else 1 / ratio):
            known = vars(self.indicator)
            known.clear()
            known.update(copy.deepcopy(self._blank))
            if self._sessions is not None:
                self._sessions.forget()
            for bar in bars:
                self.feed(bar)

    def view(self, strategy: StrategyId) -> IndicatorView:
        """As it stands."""
        indicator = self.indicator
        values = {name: getattr(indicator, name) for name in indicator.outputs}
        return IndicatorView(strategy, self.symbol, self.name, indicator.panel, values)


class _Sessions:
    """Which bars are of a session, and which is the first of one."""

    def __init__(self, calendar: TradingCalendar) -> None:
        self._calendar = calendar
        self.forget()

    def forget(self) -> None:
        """None has been seen."""
        self._open_ns = self._next_ns = 0

    def has(self, bar: Bar, indicator: Indicator) -> bool:
        """Whether a bar is of a session: its middle lies there. The indicator is told first when that session is a new one."""
        middle_ns = (bar.start_ns + bar.time_ns) // 2
        if not self._open_ns <= middle_ns < self._next_ns:
            day = self._calendar.day_at(middle_ns)
            if not day.open_ns <= middle_ns < day.close_ns:
                return False
            self._open_ns, self._next_ns = day.open_ns, day.close_ns
            indicator.begin_session()
        return True


class BySymbol(Generic[AnyIndicator]):
    """An indicator of a strategy's symbols: ``ema["SPY"].value``; where there is one symbol alone, ``ema.value`` too."""

    def __init__(self, name: str, indicators: Mapping[str, AnyIndicator]) -> None:
        self._name = name
        self._indicators = dict(indicators)

    def __getitem__(self, symbol: str) -> AnyIndicator:
        try:
            return self._indicators[symbol]
        except (KeyError, TypeError):
            near = get_close_matches(str(symbol), self._indicators, n=1)
            hint = f"did you mean {near[0]}?" if near else f"its symbols are {', '.join(self._indicators)}"
            raise InvalidValue(f"{self._name} is not of the symbol {symbol!r}; {hint}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._indicators)

    def __len__(self) -> int:
        return len(self._indicators)

    @property
    def ready(self) -> bool:
        """Whether those of all symbols are."""
        return all(indicator.ready for indicator in self._indicators.values())

    @property
    def value(self) -> float | None:
        """The only symbol's. Raises :class:`~holdfast.errors.InvalidValue` where there are several."""
        return self._only("value").value

    def values(self, count: int, output: str = "value") -> list[float]:
        """The only symbol's last values, oldest first."""
        return self._only("values(...)").values(count, output)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._only(name), name)

    def _only(self, name: str) -> AnyIndicator:
        if len(self._indicators) != 1:
            first = next(iter(self._indicators))
            raise InvalidValue(f"{self._name} has several symbols; say which: [{first!r}].{name}")
        return next(iter(self._indicators.values()))


class Lane:
    """A strategy's bars of one timeframe by symbol, and the indicators of them. That of its own timeframe has no bars here."""

    def __init__(self, runner: "Runner", timeframe_ns: int) -> None:
        self.runner = runner
        self.timeframe_ns = timeframe_ns
        self.meters: dict[str, list[Meter]] = {}
        self.history: dict[str, deque[Bar]] = {}

    def views(self) -> Iterator[IndicatorView]:
        """Its indicators as they stand."""
        for meters in self.meters.values():
            for meter in meters:
                yield meter.view(self.runner.id)

    def split(self, symbol: str, ratio: float, bars: Sequence[Bar]) -> None:
        """Its indicators go on in shares of after a split."""
        for meter in self.meters.get(symbol, ()):
            meter.split(ratio, bars)


Feed = Callable[["Runner", Callable[[], None]], None]
"""Calls something in a strategy's name: what it raises stops that strategy."""


class Lanes:
    """The lanes of one account's strategies. ``feed``: how what is of a strategy is called."""

    def __init__(self, calendar: TradingCalendar, feed: Feed) -> None:
        self._calendar = calendar
        self._feed = feed
        self.own: dict[StrategyId, Lane] = {}
        self.others: dict[tuple[StrategyId, int], Lane] = {}
        self.built: BuiltBars[Lane] = BuiltBars(calendar)
        self.symbols: set[str] = set()
        """Those of which there are lanes besides the strategies' own."""
        self._readers: dict[str, list[Lane]] = {}

    def open(self, runner: "Runner", timeframe_ns: int, shortest_ns: int | None) -> Lane:
        """The lane of a strategy's timeframe, made anew if need be. Raises InvalidValue for one shorter than the feed's bars."""
        if timeframe_ns == runner.timeframe_ns:
            return self.own.setdefault(runner.id, Lane(runner, timeframe_ns))
        key = runner.id, timeframe_ns
        if key not in self.others:
            if shortest_ns is not None and timeframe_ns < shortest_ns:
                raise InvalidValue(
                    f"strategy {runner.id} can't have bars of {timeframe_name(timeframe_ns)}: the feed's are of {timeframe_name(shortest_ns)}"
                )
            lane = self.others[key] = Lane(runner, timeframe_ns)
            for symbol in runner.symbols:
                lane.history[symbol] = deque(maxlen=runner.strategy.history_bars)
                self.built.readers(symbol, timeframe_ns).append(lane)
                self._readers.setdefault(symbol, []).append(lane)
            self.symbols.update(runner.symbols)
        return self.others[key]

    def measure(
        self, lane: Lane, symbols: Sequence[str], template: AnyIndicator, of: str | None
    ) -> BySymbol[AnyIndicator]:
        """Have copies of an indicator fed with a lane's bars of these symbols. Raises InvalidValue for what can't be."""
        source = _source(template, of)
        if template.by_session and lane.timeframe_ns > DAY_NS:
            raise InvalidValue(
                f"{template.name} goes by sessions; a bar of {timeframe_name(lane.timeframe_ns)} has several"
            )
        name = template.name if source == template.of else f"{template.name} of {source}"
        if lane.timeframe_ns != lane.runner.timeframe_ns:
            name += f", {timeframe_name(lane.timeframe_ns)}"
        found: dict[str, AnyIndicator] = {}
        for symbol in symbols:
            found[symbol] = template if len(symbols) == 1 else copy.deepcopy(template)
            meter = Meter(found[symbol], symbol, name, source, self._calendar)
            lane.meters.setdefault(symbol, []).append(meter)
        return BySymbol(name, found)

    def feed(self, lane: Lane, bar: Bar) -> None:
        """Give a bar to the indicators of a lane."""
        meters = lane.meters.get(bar.symbol)
        if meters and lane.runner.running:
            self._feed(lane.runner, lambda: _feed_all(meters, bar))

    def add(self, symbol: str, start_ns: int, end_ns: int, prices: Prices, volume: float) -> None:
        """Take in a bar or a trade of a symbol in `symbols`."""
        if end_ns > start_ns:
            for lane in self._readers[symbol]:
                if lane.timeframe_ns == end_ns - start_ns:
                    self._take(Bar(symbol, end_ns, start_ns, *prices, volume), [lane])
        for bar, lanes in self.built.add(symbol, start_ns, end_ns, prices, volume):
            self._take(bar, lanes)

    def finish(self, until_ns: int) -> None:
        """Take in what is over by then."""
        for bar, lanes in self.built.finish(until_ns):
            self._take(bar, lanes)

    def split(self, action: CorporateAction) -> None:
        """All goes on in shares of after a split. The strategies' own histories are those of after it already."""
        symbol, ratio = action.symbol, action.new / action.old
        self.built.split(symbol, ratio)
        for lane in (*self.own.values(), *self.others.values()):
            own = lane.history.get(symbol)
            if own is not None:
                bars = lane.history[symbol] = deque((bar_after(action, bar) for bar in own), maxlen=own.maxlen)
            else:
                bars = lane.runner.history.get(symbol, deque())
            if symbol in lane.meters and lane.runner.running:
                self._split(lane, symbol, ratio, bars)

    def views(self) -> list[IndicatorView]:
        """All indicators as they stand, by strategy."""
        lanes = [*self.own.values(), *self.others.values()]
        return [view for lane in sorted(lanes, key=lambda one: one.runner.id) for view in lane.views()]

    def cold(self) -> list[Cold]:
        """The indicators that are not ready, but for those that begin anew with each session."""
        return [
            Cold(lane.runner.id, meter.symbol, meter.name, self._minutes(lane.timeframe_ns, meter.indicator.bars))
            for lane in (*self.own.values(), *self.others.values())
            for meters in lane.meters.values()
            for meter in meters
            if not (meter.indicator.ready or meter.indicator.by_session)
        ]

    def _minutes(self, timeframe_ns: int, bars: int) -> int:
        """How long so many bars and one more take to trade, by the calendar's last session: the first of them may be cut off."""
        session = self._calendar.days[-1]
        sessions = max(1, timeframe_ns // DAY_NS * 5 // 7)  # of a week five, of a month some 22
        length_ns = min(timeframe_ns, sessions * (session.close_ns - session.open_ns))
        return (bars + 1) * length_ns // MINUTE_NS

    def _split(self, lane: Lane, symbol: str, ratio: float, bars: Sequence[Bar]) -> None:
        self._feed(lane.runner, lambda: lane.split(symbol, ratio, bars))

    def _take(self, bar: Bar, lanes: Sequence[Lane]) -> None:
        for lane in lanes:
            lane.history[bar.symbol].append(bar)
            self.feed(lane, bar)


def _feed_all(meters: Sequence[Meter], bar: Bar) -> None:
    for meter in meters:
        meter.feed(bar)


def _source(indicator: Indicator, of: str | None) -> str:
    """What of a bar an indicator is given."""
    if of is None:
        return indicator.of
    if indicator.takes_bars:
        raise InvalidValue(f"{indicator.name} takes whole bars; leave out of={of!r}")
    if of not in SOURCES:
        near = get_close_matches(str(of), SOURCES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it is one of {', '.join(SOURCES)}"
        raise InvalidValue(f"{indicator.name} can't be of {of!r}; {hint}")
    return of
