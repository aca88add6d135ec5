"""The part of the host that begins and ends with the strategies, and keeps what they have besides their bars."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from holdfast.core.arithmetic import EXACT, getcontext, setcontext, use_exact
from holdfast.core.messages import Bar
from holdfast.core.orders.book import OrderBook
from holdfast.core.portfolio.portfolio import Portfolio
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.strategy.lanes import IndicatorView, Lane, Lanes
from holdfast.core.strategy.measures import LogLine
from holdfast.core.types import ZERO

if TYPE_CHECKING:
    from holdfast.core.strategy.api import Strategy
    from holdfast.core.strategy.bars import BuiltBars
    from holdfast.core.strategy.host import Intent, Runner, Told
    from holdfast.core.types import Side, StrategyId

_by_id = attrgetter("id")


class Measuring:
    """``starting`` and ``ending`` say that strategies are called for the first and the last time.

    ``log`` is shown what they say; None: nobody listens.
    """

    built: "BuiltBars[Runner]"
    now_ns: int
    event_ns: int
    muted: bool
    runners: "dict[StrategyId, Runner]"
    gathered: "list[Runner]"
    calling: "Runner | None"
    called: "Callable[[Runner], None] | None"
    direct: "dict[str, tuple[int, list[Runner], bool]]"
    orders: OrderBook
    portfolio: Portfolio
    waiting: "Mapping[tuple[StrategyId, str], Sequence[Any]]"
    intents: "list[tuple[Runner, Intent]]"
    told: "list[Told]"

    def __init__(self, calendar: TradingCalendar) -> None:
        self.lanes = Lanes(calendar, lambda runner, act: self._call(runner, lambda _: act()))
        self.starting = self.ending = False
        self.log: Callable[[LogLine], None] | None = None
        self.clean: Callable[[str], str] = str  # takes secrets out of what exceptions say, which is recorded
        self._feed_bar_ns: int | None = None

    def start(self, now_ns: int) -> None:
        """Call ``on_start`` of every strategy."""
        use_exact()
        self.now_ns = now_ns
        for runner in sorted(self.runners.values(), key=_by_id):
            if runner.running:
                self.begin(runner)

    def begin(self, runner: "Runner") -> None:
        """Call ``on_start`` of one strategy."""
        self.event_ns = self.now_ns
        self.starting = True
        self._call(runner, runner.strategy.on_start)
        self.starting = False

    def make(self, runner: "Runner", params: Any) -> bool:
        """Give a runner a new strategy of its class. Whether it could be made; else it is stopped as one that raises."""
        made: list[Strategy] = []
        self._call(runner, lambda _: made.append(type(runner.strategy)(params)))
        if made:
            runner.strategy = made[0]
        return bool(made)

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
            runner.history[symbol].append(bar)  # of one that was stopped too: it may be started again
            if runner.has_more and runner.running:
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

    def is_there(self, key: "tuple[StrategyId, str]", quantity: Decimal | None, direction: "Side | None") -> bool:
        """Whether a position is where it is asked to be, and nothing that was asked for just now can change that."""
        if self.intents or self.told or key in self.waiting:
            return False
        if not self.orders.live:  # nothing is on its way, as nearly always
            ledger = self.portfolio.ledgers.get(key)
            projected: Decimal = ZERO if ledger is None else ledger.quantity
        elif self.orders.is_undecided(key):
            return False
        else:
            projected = self.projected(key)
        if quantity is not None:
            return projected == quantity
        return direction is not None and EXACT.multiply(projected, direction.sign) > 0

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

    def projected(self, key: "tuple[StrategyId, str]") -> Decimal:
        """A strategy's position once everything open has filled."""
        raise NotImplementedError

    def _raised(self, runner: "Runner", error: BaseException) -> None:
        raise NotImplementedError

    def _after(self, runner: "Runner") -> None:
        raise NotImplementedError
