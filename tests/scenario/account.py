"""One account on the real exchange, driven through ``step`` as the drivers do: what the engine's scenarios start from."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import groupby
from typing import Any, cast

from holdfast.core import lifecycle
from holdfast.core.body import Body
from holdfast.core.broker_rules import ANY_ORDER, BrokerRules
from holdfast.core.engine import Input, step
from holdfast.core.findings import Comparison
from holdfast.core.instant import instants
from holdfast.core.instruments import US_EQUITY, Instrument
from holdfast.core.messages import (
    PAPER,
    Action,
    Bar,
    Command,
    Envelope,
    FeedEvent,
    Health,
    Heartbeat,
    MarketEvent,
    PlaceOrder,
    Report,
    Request,
    Signal,
    SubmitOrder,
    Trade,
)
from holdfast.core.orders.order import Order
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.session.calendar import TradingCalendar, TradingDay
from holdfast.core.settings import Reread
from holdfast.core.state import EngineState
from holdfast.core.strategy.api import Context, OrderFilled, Strategy
from holdfast.core.strategy.host import Call, Host, Runner
from holdfast.core.turn import Turn
from holdfast.core.types import DAY_NS, HOUR_NS, MANUAL, MINUTE_NS, Money, Price, Quantity, Side, StrategyId
from holdfast.venue.exchange import Exchange
from holdfast.venue.settings import VenueSettings

START_NS = 1_700_000_000 // 86_400 * 86_400 * 1_000_000_000
"""A midnight, UTC."""
DEPOSIT = Money(Decimal(100_000))

DAYS = TradingCalendar(
    "24/7",
    [
        TradingDay(
            f"day {number}", START_NS + number * DAY_NS, START_NS + number * DAY_NS, START_NS + (number + 1) * DAY_NS
        )
        for number in range(-1, 30)
    ],
)
"""Thirty days without a night."""

OFFICE_HOURS = TradingCalendar(
    "office",
    [
        TradingDay(
            f"day {number}",
            START_NS + number * DAY_NS,
            START_NS + number * DAY_NS + 9 * HOUR_NS,
            START_NS + number * DAY_NS + 17 * HOUR_NS,
        )
        for number in range(-1, 30)
    ],
)
"""Thirty days from nine to five."""


def minute(number: int) -> int:
    """The end of the ``number``-th one-minute bar of the run."""
    return START_NS + number * MINUTE_NS


def bar(
    number: int, close: float, *, symbol: str = "ABC", low: float | None = None, high: float | None = None,
    opens: float | None = None, volume: float = 1000.0,
) -> Bar:  # fmt: skip
    """A one-minute bar that ends ``number`` minutes after the start; flat unless said otherwise."""
    first = close if opens is None else opens
    low = min(first, close) if low is None else low
    high = max(first, close) if high is None else high
    return Bar(symbol, minute(number), minute(number - 1), first, high, low, close, volume)


Script = Callable[[Context, Bar], object]


class Scripted(Strategy):
    """Does at the ``n``-th bar it sees (of any symbol, from 1) what the script has for ``n``; remembers what it is shown."""

    def __init__(
        self, script: dict[int, Script], on_fill: Callable[[Context, OrderFilled], object] | None = None
    ) -> None:
        super().__init__(None)
        self.script = script
        self.bars: list[Bar] = []
        self.fills: list[OrderFilled] = []
        self._on_fill = on_fill

    def on_bar(self, context: Context, bar: Bar) -> None:
        self.bars.append(bar)
        act = self.script.get(len(self.bars))
        if act is not None:
            act(context, bar)

    def on_fill(self, context: Context, fill: OrderFilled) -> None:
        self.fills.append(fill)
        if self._on_fill is not None:
            self._on_fill(context, fill)


def new_state(
    limits: RiskLimits, calendar: TradingCalendar = DAYS, instrument: Instrument = US_EQUITY,
    stale_after_ns: int | None = None, rules: BrokerRules = ANY_ORDER,
) -> EngineState:  # fmt: skip
    """An account before its first record."""
    return EngineState("main", PAPER, calendar, instrument, limits, stale_after_ns, rules=rules)


class Account:
    """An account with strategies; ``records`` and ``effects`` are everything it has made so far."""

    def __init__(
        self,
        *strategies: Strategy,
        venue: VenueSettings | None = None,
        limits: RiskLimits | None = None,
        calendar: TradingCalendar = DAYS,
        instrument: Instrument = US_EQUITY,
        symbols: Iterable[str] = ("ABC", "XYZ"),
        stale_after_ns: int | None = None,
        exchange: Any = None,
        rules: BrokerRules = ANY_ORDER,
    ) -> None:
        self.state = new_state(limits or RiskLimits(), calendar, instrument, stale_after_ns, rules)
        for number, strategy in enumerate(strategies):
            self.state.host.add(Runner(StrategyId(f"s{number}"), strategy, tuple(symbols), MINUTE_NS), MINUTE_NS)
        self.exchange = exchange or Exchange(venue or VenueSettings(), calendar, instrument)
        self.records: list[Envelope] = []
        self.turns: list[Turn] = []
        self._inbox: deque[Report] = deque()
        self._market_ns = 0
        self._work(lifecycle.start(self.state, 1, "test", "test"))
        self._work(lifecycle.deposit(self.state, DEPOSIT, "opening cash"))
        self.state.host.start(START_NS)
        lifecycle.warmed_up(self.state)
        self._work(lifecycle.recovered(self.state, lifecycle.nothing_recovered(self.state)))

    def run(self, *events: FeedEvent | Heartbeat) -> "Account":
        """Let market events happen, those of one time together: first at the venue, then to the strategies."""
        for is_beat, group in groupby(events, key=lambda event: isinstance(event, Heartbeat)):
            if is_beat:
                for beat in group:
                    self._work(self.step(beat))
                continue
            for instant in instants(cast(Iterator[MarketEvent], group)):
                self.state.cursor += 1
                self._market_ns = instant[0].time_ns
                for event in instant:
                    self._inbox.extend(self.exchange.on_market(event))
                self._drain()
                self.exchange.end_instant()
                self._work(self.step(instant))
        return self

    def step(self, event: Input) -> Turn | None:
        """Let the core take an input."""
        return step(self.state, event)

    def _work(self, turn: Turn | None) -> None:
        self._carry_out(turn)
        self._drain()

    def _drain(self) -> None:
        while self._inbox:
            self._carry_out(self.step(self._inbox.popleft()))

    def _carry_out(self, turn: Turn | None) -> None:
        if turn is None:
            return
        self.turns.append(turn)
        self.records.extend(turn.records)
        now_ns = max(self.state.now_ns, self._market_ns)
        for effect in turn.effects:
            if isinstance(effect, SubmitOrder):
                self._inbox.extend(self.exchange.submit(effect.terms, effect.released_ns, now_ns))
            else:
                self._inbox.extend(self.exchange.cancel(effect.client_order_id, effect.released_ns, now_ns))

    def closes(self, first: int, *closes: float, symbol: str = "ABC") -> "Account":
        """Let bars happen that end at minutes ``first``, ``first + 1`` ... at these closes."""
        return self.run(*[bar(first + offset, close, symbol=symbol) for offset, close in enumerate(closes)])

    def take(self, event: Report | Request | Comparison | Reread) -> list[Envelope]:
        """Let the engine take a report or a command, and give back what was recorded for it and all that followed."""
        before = len(self.records)
        self._work(self.step(event))
        return self.records[before:]

    def take_health(self, health: Health) -> None:
        """Let the engine hear how things stand."""
        self._work(self.step(health))

    def ask(self, command: Command, command_id: str = "c1") -> list[Envelope]:
        """Let a person ask for something."""
        return self.take(Request(self.state.now_ns, command_id, "cli:alice", command))

    def place(self, action: Action, quantity: object, symbol: str = "ABC", **terms: Any) -> list[Envelope]:
        """Let a person order something."""
        amount = None if quantity is None else Quantity(Decimal(str(quantity)))
        side = {Action.BUY: Side.BUY, Action.SELL: Side.SELL}.get(action)
        return self.ask(
            PlaceOrder(Signal(strategy=MANUAL, symbol=symbol, action=action, side=side, quantity=amount, **terms)),
            f"c{self.state.sequence}",
        )

    def of(self, *types: type[Body]) -> list[Any]:
        """The bodies of these types recorded so far, in order."""
        return [record.body for record in self.records if isinstance(record.body, types)]

    def order(self, number: int) -> Order:
        """The ``number``-th order ever made, from 1."""
        order = self.state.orders.find(self.state.ids.order(number))
        assert order is not None, f"there is no order {number}"
        return order

    def position(self, strategy: str = "s0", symbol: str = "ABC") -> Decimal:
        """What a strategy holds."""
        return self.state.portfolio.strategy_quantity(StrategyId(strategy), symbol)


def show_to(host: Host, *events: MarketEvent) -> None:
    """Show a host's strategies the events of one time, as the engine does."""
    calls: list[Call] = []
    for event in events:
        if isinstance(event, Bar):
            host.see_bar(event, calls)
        elif isinstance(event, Trade):
            host.see_trade(event, calls)
        else:
            host.see_quote(event, calls)
    for _, shown, runners in calls:
        host.call(shown, runners)
    host.call_together()


def price(text: str | float) -> Price:
    """A price from how it is written."""
    return Price(Decimal(str(text)))
