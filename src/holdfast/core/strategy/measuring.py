"""The part of the host that begins and ends with the strategies, and keeps what they have besides their bars."""

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from holdfast.core.arithmetic import EXACT, getcontext, setcontext, use_exact
from holdfast.core.messages import Bar
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.strategy.lanes import IndicatorView, Lane, Lanes
from holdfast.core.strategy.measures import LogLine

if TYPE_CHECKING:
    from holdfast.core.strategy.bars import BuiltBars
    from holdfast.core.strategy.host import Runner
    from holdfast.core.types import StrategyId

_by_id = attrgetter("id")


class Measuring:
    """``starting`` and ``ending`` say that strategies are called for the first and the last time.

    ``log`` is shown what they say; None: nobody listens.
    """

    if TYPE_CHECKING:
        built: BuiltBars[Runner]
        now_ns: int
        event_ns: int
        muted: bool
        runners: dict[StrategyId, Runner]
        gathered: list[Runner]
        calling: Runner | None
        called: Callable[[Runner], None] | None

        def _raised(self, runner: Runner, error: BaseException) -> None: ...
        def _after(self, runner: Runner) -> None: ...

        direct: dict[str, tuple[int, list[Runner], bool]]

    def __init__(self, calendar: TradingCalendar) -> None:
        self.lanes = Lanes(calendar, lambda runner, act: self._call(runner, lambda _: act()))
        self.starting = self.ending = False
        self.log: Callable[[LogLine], None] | None = None
        self._feed_bar_ns: int | None = None

    def start(self, now_ns: int) -> None:
        """Call ``on_start`` of every strategy."""
        use_exact()
        self.now_ns = self.event_ns = now_ns
        self.starting = True
        for runner in sorted(self.runners.values(), key=_by_id):
            if runner.running:
                self._call(runner, runner.strategy.on_start)
        self.starting = False

    def end(self) -> None:
        """Call ``on_end`` of every strategy: the last that they are shown. What they ask for is dropped."""
        self.muted = self.ending = True
        self.event_ns = self.now_ns
        for runner in sorted(self.runners.values(), key=_by_id):
            if runner.running and runner.overrides("on_end"):
                self._call(runner, runner.strategy.on_end)

    def allow_late(self, late_ns: int) -> None:
        """So much later than its end may a bar of the feed come."""
        self.built.late_ns = self.lanes.built.late_ns = late_ns

    def open_lane(self, runner: "Runner", timeframe_ns: int) -> Lane:
        """A strategy's bars of a timeframe. Raises InvalidValue for one that the feed can't have."""
        self.direct.clear()
        return self.lanes.open(runner, timeframe_ns, self._feed_bar_ns)

    def indicators(self) -> list[IndicatorView]:
        """The strategies' indicators as they stand."""
        return self.lanes.views()

    def take_bar(self, bar: Bar, runners: "list[Runner]") -> None:
        """Take a bar into the history of those who read it, then show it to them: `_remember` and `call` at once."""
        symbol = bar.symbol
        for runner in runners:
            if runner.running:
                runner.history[symbol].append(bar)
                if runner.has_more:
                    self._remember_more(bar, runner)
        self.event_ns = bar.time_ns
        for runner in runners:
            if runner.running:
                self.calling = runner
                if runner.arithmetic is not None:
                    setcontext(runner.arithmetic)
                try:
                    runner.strategy.on_bar(runner.context, bar)
                except BaseException as error:  # noqa: BLE001 - whatever it is: see `_raised`
                    self._raised(runner, error)
                self.calling = None
                if getcontext() is not EXACT or self.called is not None:
                    self._after(runner)

    def _remember_more(self, bar: Bar, runner: "Runner") -> None:
        lane = self.lanes.own.get(runner.id)
        if lane is not None:
            self.lanes.feed(lane, bar)
        if runner.wants_together:
            if not runner.together:
                self.gathered.append(runner)
            runner.together[bar.symbol] = bar

    def _call(self, runner: "Runner", callback: Callable[..., None], *event: Any) -> None:
        raise NotImplementedError
