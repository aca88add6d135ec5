"""Runs the strategies of one account: shows them events, gathers what they ask for, and stops those that misbehave.

While ``muted`` (warm-up on history, recovery) strategies see everything and can ask for nothing.
"""

import traceback
from bisect import insort
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Context as DecimalContext
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Any, Protocol

from holdfast.core.adjustments import CorporateAction
from holdfast.core.arithmetic import EXACT, getcontext, setcontext, use_exact
from holdfast.core.corporate import bar_after
from holdfast.core.messages import Bar, CancelOrders, Envelope, FeedEvent, OrderFilled, Quote, Signal, Trade
from holdfast.core.orders.book import OrderBook
from holdfast.core.portfolio.portfolio import Portfolio
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.strategy.api import Strategy
from holdfast.core.strategy.bars import BuiltBars, Prices
from holdfast.core.strategy.context import Context
from holdfast.core.strategy.indicator import Indicator
from holdfast.core.strategy.measuring import Measuring
from holdfast.core.strategy.schedule import Schedule
from holdfast.core.strategy.sessions import NEVER, Session
from holdfast.core.strategy.shown import Timer
from holdfast.core.strategy.timeframe import parse_timeframe
from holdfast.core.strategy.updates import OrderUpdate, update_of
from holdfast.core.types import MINUTE_NS, ZERO, Money, StrategyId

INTENTS_PER_MINUTE = 600
"""More intents in a minute of market time than this is a flood, where a strategy is given no other limit: ten a second, all day."""
INTENTS_PER_SYMBOL = 10
"""A strategy with many symbols may ask for so much for each in a minute: cancels, orders and a second try for all of them at once."""
ASK_TIMES = 1_000
"""For so many times of events a strategy's asks are counted; an event that comes later than so many others begins anew."""

Intent = Signal | CancelOrders
Told = tuple[Envelope, "list[tuple[Runner, Intent]]", "list[tuple[Runner, str, str]]"]
"""The record that told of an order, what strategies asked for as they were told, and those that were stopped."""
Call = tuple[FeedEvent, FeedEvent, "list[Runner]"]
"""The event that brought it about, what is to be shown (it, or a bar that it completed), and to whom."""

_CALLBACKS: dict[type, str] = {
    Bar: "on_bar",
    Quote: "on_quote",
    Trade: "on_trade",
    CorporateAction: "on_corporate_action",
    Timer: "on_timer",
    Session: "on_session",
}
_by_id = attrgetter("id")


class Worth(Protocol):
    """What an account is worth, as strategies may ask."""

    @property
    def equity(self) -> Money:
        """Cash and positions at the last prices."""

    @property
    def buying_power(self) -> Money:
        """What may still be put into positions."""


class Runner:
    """One strategy with its symbols (sorted), its history of bars and its standing.

    ``wishes_per_minute`` is what it may ask for in a minute of market time; more is a flood, which stops it.
    ``together`` has the bars of the instant that is being taken, where the strategy wants them together.
    """

    def __init__(
        self,
        strategy_id: StrategyId,
        strategy: Strategy,
        symbols: Sequence[str],
        timeframe_ns: int,
        wishes_per_minute: int | None = None,
    ) -> None:
        self.id = strategy_id
        self.strategy = strategy
        self.configured: Any = getattr(strategy, "params", None)
        """The parameters that it was built with: the configuration's."""
        self.symbols = tuple(sorted(set(symbols)))
        self.timeframe_ns = timeframe_ns
        self.history: dict[str, deque[Bar]] = {symbol: deque(maxlen=strategy.history_bars) for symbol in symbols}
        self.running = True
        self.wants_fills = self.overrides("on_fill")
        self.wants_orders = self.overrides("on_order")
        self.wants_sessions = self.overrides("on_session")
        self.wants_together = self.overrides("on_bars")
        self.together: dict[str, Bar] = {}
        self.has_more = self.wants_together
        """Whether a bar is more to it than one of its history."""
        self.indicators: dict[int, Indicator] = {}
        self.context: Context
        most = wishes_per_minute or max(INTENTS_PER_MINUTE, INTENTS_PER_SYMBOL * len(self.symbols))
        self.intent_times: deque[int] = deque(maxlen=most)
        self.arithmetic: DecimalContext | None = None
        """The decimal context that it has set for itself; None while it computes in the engine's."""
        self._newest_ask_ns = -1
        self._asks: deque[tuple[int, int]] = deque(maxlen=ASK_TIMES)
        """Times of events and how often it asked for something at each, in the order in which it first did."""

    def next_intent_id(self, event_ns: int) -> str:
        """The id of what it asks for next, at an event of this time: the same whenever the same event is shown again."""
        asks = self._asks
        if event_ns > self._newest_ask_ns:  # later than all of them
            self._newest_ask_ns = event_ns
        else:
            place = next((place for place in range(-1, -len(asks) - 1, -1) if asks[place][0] == event_ns), None)
            if place is not None:
                count = asks[place][1] + 1
                asks[place] = event_ns, count
                return f"{self.id}@{event_ns}.{count}"
        asks.append((event_ns, 1))
        return f"{self.id}@{event_ns}.1"

    def keep_bars(self, count: int) -> None:
        """Keep at least so many bars of each symbol, where risk needs more than the strategy does."""
        most = max(count, self.strategy.history_bars)
        self.history = {symbol: deque(bars, maxlen=most) for symbol, bars in self.history.items()}

    def overrides(self, callback: str) -> bool:
        """Whether the strategy defines this callback itself."""
        return getattr(type(self.strategy), callback) is not getattr(Strategy, callback)


class Stopped(BaseException):
    """Raised inside a callback to end it when its strategy floods; not an Exception, lest the strategy swallow it."""


class Overran(BaseException):
    """Raised inside a callback, from outside, to end it when it takes too long; not an Exception, lest the strategy swallow it."""


class Host(Measuring):
    """The strategies of one account. ``marks``, ``orders``, ``portfolio`` and the intents that are ``waiting`` are the engine's own.

    ``wake_ns`` is the earliest time at which a timer or a built bar wants :meth:`wake` to be called. ``calling`` is whose callback
    runs at this moment, ``event_ns`` the time of what it is shown. ``called``, if there is one, is called after each. ``told`` is what
    strategies asked for as they were told of orders, each with the record that told of it. With ``stops_on_interrupt`` a KeyboardInterrupt is
    the strategy's own, like all else that it raises; otherwise it is a person's Ctrl-C, and ends what runs.
    """

    def __init__(
        self, orders: OrderBook, portfolio: Portfolio, marks: dict[str, float], calendar: TradingCalendar
    ) -> None:
        super().__init__(calendar)
        self.orders = orders
        self.portfolio = portfolio
        self.marks = marks
        self.calendar = calendar
        self.waiting: Mapping[tuple[StrategyId, str], Sequence[Any]] = {}
        self.account: Worth
        self.now_ns = self.event_ns = 0
        self.wake_ns = NEVER
        self.muted = True
        self.runners: dict[StrategyId, Runner] = {}
        self.stops: list[tuple[Runner, str, str]] = []
        self.intents: list[tuple[Runner, Intent]] = []
        self.told: list[Told] = []
        self.listens = False
        self.repeats: Counter[str] = Counter()  # by rule, refusals that are no record: the one before once more
        self.calling: Runner | None = None
        self.called: Callable[[Runner], None] | None = None
        self.stops_on_interrupt = False
        self.schedule: Schedule[Runner] = Schedule(calendar)
        self._bar_routes: dict[str, list[Runner]] = {}
        self._quote_routes: dict[str, list[Runner]] = {}
        self._trade_routes: dict[str, list[Runner]] = {}
        self.direct: dict[str, tuple[int, list[Runner], bool]] = {}  # by symbol: for bars of so many nanoseconds
        self.built: BuiltBars[Runner] = BuiltBars(calendar)
        self._builds_of_ticks = False
        self._traded: set[str] = set()
        self.gathered: list[Runner] = []

    # --- set-up -------------------------------------------------------------------------------------------------------

    def add(self, runner: Runner, feed_bar_ns: int | None) -> None:
        """Let a strategy take part. Bars shorter than its timeframe, and ticks, are built into bars of it.

        A feed that has bars (``feed_bar_ns``) has its bars built of them alone. Strategies are called in the order of their ids,
        whatever the order in which they were added.
        """
        runner.context = Context(self, runner, runner.symbols)
        self.runners[runner.id] = runner
        self._builds_of_ticks = feed_bar_ns is None
        self._feed_bar_ns = feed_bar_ns
        for text in runner.strategy.timeframes:
            self.open_lane(runner, parse_timeframe(text))
        for symbol in runner.symbols:
            insort(self._bar_routes.setdefault(symbol, []), runner, key=_by_id)
            insort(self.built.readers(symbol, runner.timeframe_ns), runner, key=_by_id)
            if runner.overrides("on_quote"):
                insort(self._quote_routes.setdefault(symbol, []), runner, key=_by_id)
            if runner.overrides("on_trade"):
                insort(self._trade_routes.setdefault(symbol, []), runner, key=_by_id)
        self.listens = self.listens or runner.wants_fills or runner.wants_orders
        if runner.wants_sessions:
            insort(self.schedule.session_owners, runner, key=_by_id)
            self.wake_ns = 0  # the first event says where in its session the market is

    # --- events -------------------------------------------------------------------------------------------------------

    def see_bar(self, bar: Bar, calls: list[Call]) -> None:
        """Take a bar into the history of those whose timeframe isn't longer, and build it into longer ones for the others."""
        length_ns = bar.time_ns - bar.start_ns
        known = self.direct.get(bar.symbol)
        if known is None or known[0] != length_ns:
            readers = self._bar_routes.get(bar.symbol, [])
            direct = [runner for runner in readers if runner.timeframe_ns <= length_ns]
            has_longer = len(direct) < len(readers) or bar.symbol in self.lanes.symbols
            known = self.direct[bar.symbol] = length_ns, direct, has_longer
        _, runners, has_longer = known
        if runners:
            self._remember(bar, runners)
            calls.append((bar, bar, runners))
        if has_longer:
            self._build(bar, bar.start_ns, (bar.open, bar.high, bar.low, bar.close), bar.volume, calls)

    def see_action(self, action: CorporateAction, calls: list[Call]) -> None:
        """Put the histories of a symbol into shares of after a split; those who want to know are told."""
        runners = [runner for runner in self.runners.values() if action.symbol in runner.history]
        if action.new != action.old:
            self.built.split(action.symbol, action.new / action.old)
            for runner in runners:
                bars = runner.history[action.symbol]
                runner.history[action.symbol] = deque((bar_after(action, bar) for bar in bars), maxlen=bars.maxlen)
            self.lanes.split(action)
        calls.append((action, action, [one for one in runners if one.overrides("on_corporate_action")]))

    def see_trade(self, trade: Trade, calls: list[Call]) -> None:
        """Build a trade into the bars of its symbol, where the feed has no bars."""
        if self._builds_of_ticks:
            self._traded.add(trade.symbol)
            price = trade.price
            self._build(trade, trade.time_ns, (price, price, price, price), trade.size, calls)
        runners = self._trade_routes.get(trade.symbol)
        if runners:
            calls.append((trade, trade, runners))

    def see_quote(self, quote: Quote, calls: list[Call]) -> None:
        """Bars are built from midpoints for symbols that never traded in the data."""
        if self._builds_of_ticks and quote.symbol not in self._traded:
            mid = self.marks.get(quote.symbol)
            if mid is not None:
                self._build(quote, quote.time_ns, (mid, mid, mid, mid), 0.0, calls)
        runners = self._quote_routes.get(quote.symbol)
        if runners:
            calls.append((quote, quote, runners))

    def see_end(self, event: FeedEvent, calls: list[Call]) -> None:
        """All of an instant is seen, ``event`` is its last: the built bars that are over now have all that belongs to them."""
        for bar, runners in self.built.finish(event.time_ns):
            self._remember(bar, runners)
            calls.append((event, bar, runners))
        self.lanes.finish(event.time_ns)
        self._schedule()

    def call(self, event: FeedEvent, runners: list[Runner]) -> None:
        """Show an event, or a bar that was built, to strategies."""
        self.event_ns = event.time_ns
        for runner in runners:
            if runner.running:
                self.calling = runner  # as in `_call`, which would cost each bar a call
                if runner.arithmetic is not None:
                    setcontext(runner.arithmetic)
                try:
                    if isinstance(event, Bar):  # by its name, which the interpreter finds sooner
                        runner.strategy.on_bar(runner.context, event)
                    else:
                        getattr(runner.strategy, _CALLBACKS[type(event)])(runner.context, event)
                except BaseException as error:  # noqa: BLE001 - whatever it is: see `_raised`
                    self._raised(runner, error)
                self.calling = None
                if getcontext() is not EXACT or self.called is not None:
                    self._after(runner)

    def call_together(self) -> None:
        """Show the bars of an instant to those strategies that want them together, after each has been shown by itself."""
        if not self.gathered:
            return
        runners, self.gathered = sorted(self.gathered, key=_by_id), []
        for runner in runners:
            bars, runner.together = dict(sorted(runner.together.items())), {}
            self.event_ns = max(bar.time_ns for bar in bars.values())
            if runner.running:
                self._call(runner, runner.strategy.on_bars, bars)

    def tell(self, record: Envelope, later: Decimal = ZERO) -> None:
        """Tell the strategy whose order a record is about, the record being applied: first of a fill, then of what the order is now.

        What it asks for then is acted on when all that the record brings is done. ``later``: see `update_of`.
        """
        found = update_of(self.orders, record, later)
        if found is None:
            return
        intents, stops = self.intents, self.stops
        self.intents, self.stops = [], []
        fill = record.body if isinstance(record.body, OrderFilled) else None
        self.show_order(found[0], fill, found[1], record.time_ns)
        if self.muted:
            stops = stops + self.stops
        elif self.intents or self.stops:
            self.told.append((record, self.intents, self.stops))
        self.intents, self.stops = intents, stops

    def show_order(self, strategy: StrategyId, fill: OrderFilled | None, update: OrderUpdate, time_ns: int) -> None:
        """Show a fill and an update of an order to the strategy whose order it is."""
        runner = self.runners.get(strategy)
        if runner is None:
            return
        self.event_ns = time_ns
        if fill is not None and runner.wants_fills and runner.running:
            self._call(runner, runner.strategy.on_fill, fill)
        if runner.wants_orders and runner.running:
            self._call(runner, runner.strategy.on_order, update)

    def wake(self, now_ns: int) -> None:
        """Fire what is due before ``now_ns`` (so a timer sees all of its own instant), complete the bars that ended before."""
        self.schedule.begin(now_ns, with_open=True)
        while self.schedule.due_ns < now_ns:
            self._show_ended(self.schedule.due_ns)  # bars that ended by then come first
            due = self.schedule.take(now_ns)
            self.now_ns = self.event_ns = due.time_ns  # as it is where a clock brings it, not the next market event
            for runner in due.owners:
                if runner.running:
                    self._call(runner, getattr(runner.strategy, _CALLBACKS[type(due.event)]), due.event)
        self.now_ns = now_ns
        self._show_ended(now_ns - 1)  # a shorter bar that ends now still belongs to the bar that ends now
        self._schedule()

    def _schedule(self) -> None:
        self.wake_ns = min(self.built.due_ns, self.lanes.built.due_ns, self.schedule.due_ns + 1)

    def _show_ended(self, until_ns: int) -> None:
        """Show the built bars that have ended by then, those of one end when all of them are in the histories."""
        for end_ns, group in groupby(self.built.finish(until_ns), key=lambda item: item[0].time_ns):
            together = list(group)
            for bar, runners in together:
                self._remember(bar, runners)
            self.lanes.finish(end_ns)
            for bar, runners in together:
                self.call(bar, runners)
            self.call_together()
        self.lanes.finish(until_ns)

    # --- for contexts -------------------------------------------------------------------------------------------------

    def ask(self, runner: Runner, intent: Intent) -> None:
        """Keep what a strategy asks for until its callback has returned; a flood ends the callback."""
        times = runner.intent_times
        if len(times) == times.maxlen and self.now_ns - times[0] < MINUTE_NS:
            raise Stopped
        times.append(self.now_ns)
        self.intents.append((runner, intent))

    def take_intents(self) -> Iterable[tuple[Runner, Intent]]:
        """What has been asked for since the last call."""
        intents, self.intents = self.intents, []
        return intents

    def is_undecided(self, key: tuple[StrategyId, str]) -> bool:
        """Whether what is open of a strategy's may well not fill, or may lead to either side of where it is projected."""
        return key in self.waiting or self.orders.is_undecided(key)

    def projected(self, key: tuple[StrategyId, str]) -> Decimal:
        """A strategy's position once everything open has filled."""
        ledger = self.portfolio.ledgers.get(key)
        open_net = self.orders.open_net
        held = ledger.quantity if ledger is not None else ZERO
        return EXACT.add(held, open_net[key]) if key in open_net else held

    def set_timer(self, runner: Runner, name: str, due_ns: int, interval_ns: int | None) -> None:
        """Put a timer on the list; one that repeats takes the place of the strategy's other of that name."""
        self.schedule.set(runner, name, due_ns, interval_ns)
        self.wake_ns = min(self.wake_ns, due_ns + 1)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _build(self, event: FeedEvent, start_ns: int, prices: Prices, volume: float, calls: list[Call]) -> None:
        for bar, runners in self.built.add(event.symbol, start_ns, event.time_ns, prices, volume):
            self._remember(bar, runners)
            calls.append((event, bar, runners))
        if event.symbol in self.lanes.symbols:
            self.lanes.add(event.symbol, start_ns, event.time_ns, prices, volume)
        self.wake_ns = min(self.wake_ns, self.built.due_ns, self.lanes.built.due_ns)

    def _remember(self, bar: Bar, runners: list[Runner]) -> None:
        """Take a bar into the histories of strategies, before any of them is called."""
        for runner in runners:
            runner.history[bar.symbol].append(bar)
            if runner.has_more and runner.running:
                self._remember_more(bar, runner)

    def _call(self, runner: Runner, callback: Callable[..., None], *event: Any) -> None:
        self.calling = runner
        if runner.arithmetic is not None:
            setcontext(runner.arithmetic)
        try:
            callback(runner.context, *event)
        except BaseException as error:  # noqa: BLE001 - whatever it is: see `_raised`
            self._raised(runner, error)
        self.calling = None
        if getcontext() is not EXACT or self.called is not None:
            self._after(runner)

    def _raised(self, runner: Runner, error: BaseException) -> None:
        """Whatever a callback raises stops its strategy alone: sys.exit() too. A person's Ctrl-C ends what runs."""
        if isinstance(error, KeyboardInterrupt) and not self.stops_on_interrupt:
            self.calling = None
            use_exact()
            raise error
        self._stop(runner, error)

    def _after(self, runner: Runner) -> None:
        """Have what the strategy has set for itself kept for its next callback, and the engine's put back."""
        if getcontext() is not EXACT:
            runner.arithmetic = getcontext()
            use_exact()
        if self.called is not None:
            self.called(runner)

    def _stop(self, runner: Runner, error: BaseException) -> None:
        """Take a strategy out after it raised or flooded; what it asked for in the same callback is dropped."""
        runner.running = False
        self.intents = [(other, intent) for other, intent in self.intents if other is not runner]
        if isinstance(error, Stopped):
            detail = f"more than {runner.intent_times.maxlen} intents in a minute; wishes_per_minute of the strategy is the limit"
            self.stops.append((runner, "flooded", detail))
        elif isinstance(error, Overran):
            self.stops.append((runner, "overran", self.clean(_where(error))))
        else:
            self.stops.append((runner, "raised", self.clean(_where(error))))


def _where(error: BaseException) -> str:
    """An exception in one line: what it is and which line of the strategy raised it."""
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):  # not extract_tb: that reads the source from the disk
        if not frame.f_globals.get("__name__", "").startswith("holdfast.core."):  # where the author can mend it
            place = f" at {frame.f_code.co_filename.rsplit('/', 1)[-1]}:{line}"
    try:
        text = str(error)
    except KeyboardInterrupt:
        raise
    except BaseException as second:  # noqa: BLE001 - an exception's own text is the strategy's code too
        text = f"(its text can't be had: {type(second).__name__})"
    text = " ".join(text.split())
    return f"{type(error).__name__}: {text}{place}".encode(errors="replace").decode()  # a record is UTF-8
