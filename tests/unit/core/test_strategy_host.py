"""The host of strategies: what they are shown, what they may ask, and what stops them."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from holdfast.core.messages import Action, Bar, CancelOrders, OrderFilled, Quote, Signal, Trade
from holdfast.core.orders.book import OrderBook
from holdfast.core.portfolio.portfolio import Portfolio
from holdfast.core.strategy.api import Context, Strategy, Timer
from holdfast.core.strategy.host import ASK_TIMES, INTENTS_PER_MINUTE, Host, Runner
from holdfast.core.strategy.updates import OrderStatus, OrderUpdate
from holdfast.core.types import (
    MINUTE_NS,
    SECOND_NS,
    ClientOrderId,
    Money,
    OrderType,
    Price,
    Quantity,
    Side,
    StrategyId,
    TimeInForce,
)
from holdfast.errors import InvalidValue
from tests.scenario.account import DAYS, START_NS, bar, minute, show_to

Act = Callable[[Context, Any], object]


class Watcher(Strategy):
    """Remembers everything it is shown; ``acts`` says what it does in which callback."""

    def __init__(self, **acts: Act) -> None:
        super().__init__(None)
        self.acts = acts
        self.seen: list[tuple[str, int, Any]] = []

    def _met(self, callback: str, context: Context, event: Any) -> None:
        self.seen.append((callback, context.time_ns, event))
        if callback in self.acts:
            self.acts[callback](context, event)

    def on_start(self, context: Context) -> None:
        self._met("on_start", context, None)

    def on_bar(self, context: Context, bar: Bar) -> None:
        self._met("on_bar", context, bar)

    def on_quote(self, context: Context, quote: Quote) -> None:
        self._met("on_quote", context, quote)

    def on_trade(self, context: Context, trade: Trade) -> None:
        self._met("on_trade", context, trade)

    def on_fill(self, context: Context, fill: OrderFilled) -> None:
        self._met("on_fill", context, fill)

    def on_timer(self, context: Context, timer: Timer) -> None:
        self._met("on_timer", context, timer)

    def of(self, callback: str) -> list[Any]:
        return [event for name, _, event in self.seen if name == callback]


class Stage:
    """A host with strategies, shown events as the engine shows them."""

    def __init__(
        self, *strategies: Strategy, feed_bar_ns: int | None = MINUTE_NS, timeframe_ns: int = MINUTE_NS
    ) -> None:
        self.marks: dict[str, float] = {}
        self.host = Host(OrderBook(), Portfolio(), self.marks, DAYS)
        for number, strategy in enumerate(strategies):
            self.host.add(Runner(StrategyId(f"s{number}"), strategy, ("ABC", "XYZ"), timeframe_ns), feed_bar_ns)
        self.host.muted = False
        self.host.start(START_NS)

    def show(self, *events: Bar | Quote | Trade) -> "Stage":
        host = self.host
        for event in events:
            host.now_ns = max(host.now_ns, event.time_ns)
            if event.time_ns >= host.wake_ns:
                host.wake(event.time_ns)
            if isinstance(event, Bar):
                self.marks[event.symbol] = event.close
            elif isinstance(event, Trade):
                self.marks[event.symbol] = event.price
            else:
                self.marks[event.symbol] = (event.bid + event.ask) / 2
            show_to(host, event)
        return self

    def intents(self) -> list[Any]:
        return [intent for _, intent in self.host.take_intents()]


def trade(second: float, price: float, size: float = 1.0, symbol: str = "ABC") -> Trade:
    return Trade(symbol, START_NS + int(second * SECOND_NS), price, size)


def quote(second: float, bid: float, ask: float, symbol: str = "ABC") -> Quote:
    return Quote(symbol, START_NS + int(second * SECOND_NS), bid, 1.0, ask, 1.0)


FILL = OrderFilled(ClientOrderId("h1"), "x1", "ABC", Side.BUY, Quantity(Decimal(1)), Price(Decimal(1)))


UPDATE = OrderUpdate("", OrderStatus.FILLED, "ABC", 1)


def everything(stage: Stage) -> None:
    """One event of every kind."""
    stage.show(bar(1, 10.0), quote(61, 9, 11), trade(62, 10))
    stage.host.show_order(StrategyId("s0"), FILL, UPDATE, stage.host.now_ns)
    stage.show(bar(5, 10.0))


def timed(context: Context, _: Any) -> None:
    context.every(60, "t")


# --- what is shown ----------------------------------------------------------------------------------------------------


def test_every_callback_is_called() -> None:
    """Start, bars, quotes, trades, fills and timers reach the strategy, with the time of the event in the context."""
    watcher = Watcher(on_start=timed)
    everything(Stage(watcher))
    assert {name for name, _, _ in watcher.seen} == {
        "on_start",
        "on_bar",
        "on_quote",
        "on_trade",
        "on_fill",
        "on_timer",
    }
    assert watcher.seen[0] == ("on_start", START_NS, None)
    assert watcher.seen[1] == ("on_bar", minute(1), bar(1, 10.0))
    assert watcher.of("on_fill") == [FILL]


def test_other_symbols_and_other_fills_are_not_shown() -> None:
    """A strategy sees its own symbols and the fills of its own orders."""
    first, second = Watcher(), Watcher()
    stage = Stage(first, second)
    stage.show(bar(1, 10.0, symbol="OTHER"), trade(60, 1, symbol="OTHER"), quote(60, 1, 2, symbol="OTHER"))
    stage.host.show_order(StrategyId("s1"), FILL, UPDATE, stage.host.now_ns)
    stage.host.show_order(StrategyId("manual"), FILL, UPDATE, stage.host.now_ns)
    assert [name for name, _, _ in first.seen] == ["on_start"]
    assert second.of("on_fill") == [FILL]


def test_history_is_the_last_bars() -> None:
    """Oldest first, the present one last, fewer at the start, bounded by ``history_bars``, each symbol apart."""

    class Short(Watcher):
        history_bars = 3

    watcher = Short()
    stage = Stage(watcher).show(bar(1, 1.0), bar(1, 99.0, symbol="XYZ"))
    context = stage.host.runners[StrategyId("s0")].context
    assert context.history("ABC", 3) == [bar(1, 1.0)]
    stage.show(*[bar(number, float(number)) for number in range(2, 7)])
    assert [each.close for each in context.history("ABC", 2)] == [5.0, 6.0]
    assert [each.close for each in context.history("ABC", 3)] == [4.0, 5.0, 6.0]
    assert [each.close for each in context.history("XYZ", 3)] == [99.0]
    assert context.price("ABC") == 6.0
    assert context.price("XYZ") == 99.0


def test_what_is_shown_can_not_be_changed() -> None:
    """Positions, orders, timers and bars are frozen; the list of bars is the strategy's own copy."""
    stage = Stage(Watcher()).show(bar(1, 1.0))
    context = stage.host.runners[StrategyId("s0")].context
    with pytest.raises(AttributeError):
        context.position("ABC").quantity = Quantity(Decimal(5))  # type: ignore[misc]
    with pytest.raises(AttributeError):
        context.history("ABC", 1)[0].close = 2.0  # type: ignore[misc]
    with pytest.raises(AttributeError):
        context.cash = Money(Decimal(1))  # type: ignore[misc]
    with pytest.raises(AttributeError):
        context.anything = 1  # type: ignore[attr-defined]
    context.history("ABC", 1).clear()
    assert len(context.history("ABC", 1)) == 1
    assert context.position("ABC").quantity == 0
    assert context.positions() == ()
    assert context.orders() == ()


# --- what is asked ----------------------------------------------------------------------------------------------------


def asked(act: Callable[[Context], object]) -> list[Any]:
    """What a strategy's asking comes to."""
    stage = Stage(Watcher(on_bar=lambda context, _: act(context))).show(bar(1, 100.0))
    assert not stage.host.stops, stage.host.stops
    return stage.intents()


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({}, OrderType.MARKET),
        ({"limit_price": 99.5}, OrderType.LIMIT),
        ({"stop_price": "99.5"}, OrderType.STOP),
        ({"limit_price": 99, "stop_price": Decimal(98)}, OrderType.STOP_LIMIT),
        ({"trail_amount": 1}, OrderType.TRAILING_STOP),
        ({"trail_percent": 0.5}, OrderType.TRAILING_STOP),
    ],
)
def test_the_prices_say_the_type(given: dict[str, Any], kind: OrderType) -> None:
    """An order's type follows from the prices given, which arrive exact."""
    (signal,) = asked(
        lambda context: context.buy("ABC", 0.1, time_in_force="gtc", time_to_live_s=1.5, tag="x", **given)
    )
    assert (signal.action, signal.side, signal.order_type) == (Action.BUY, Side.BUY, kind)
    assert signal.quantity == Decimal("0.1")
    assert (signal.time_in_force, signal.time_to_live_ns, signal.tag) == (TimeInForce.GTC, 1_500_000_000, "x")
    for name, value in given.items():
        assert getattr(signal, name) == Decimal(str(value))


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        (lambda context: context.buy("NONE", 1), "does not have the symbol 'NONE'; its symbols are ABC, XYZ"),
        (lambda context: context.buy("ABC", -1), "quantity must be above zero"),
        (lambda context: context.sell("ABC", float("nan")), "quantity must be a finite number"),
        (lambda context: context.sell("ABC", 1e20), "quantity must be below"),
        (lambda context: context.buy("ABC", 1, limit_price=0), "limit_price must be above zero"),
        (
            lambda context: context.buy("ABC", 1, trail_amount=1, trail_percent=1),
            "either trail_amount or trail_percent",
        ),
        (lambda context: context.buy("ABC", 1, trail_amount=1, limit_price=1), "no limit or stop price"),
        (lambda context: context.buy("ABC", confidence=0), "confidence must be above 0 and at most 1, not 0"),
        (lambda context: context.buy("ABC", confidence=1.01), "confidence must be above 0"),
        (lambda context: context.buy("ABC", confidence=float("nan")), "confidence must be a finite number"),
        (lambda context: context.buy("ABC", 1, time_in_force="soon"), "soon"),
        (lambda context: context.target("ABC"), r"target\('ABC'\) needs a quantity or a direction"),
        (lambda context: context.target("ABC", Decimal("nan")), "target quantity must be a finite number"),
        (lambda context: context.target("ABC", Decimal(10**20)), "target quantity must be below"),
        (lambda context: context.target("NONE", 1), "does not have the symbol"),
        (lambda context: context.position("NONE"), "does not have the symbol"),
        (lambda context: context.every(0), "interval must be above zero"),
    ],
)
def test_what_can_not_be_is_told_where_it_is_asked(ask: Callable[[Context], object], text: str) -> None:
    """An intent with an impossible value raises in the strategy's own line, and says what is wrong."""

    def act(context: Context) -> None:
        with pytest.raises((InvalidValue, ValueError), match=text):
            ask(context)

    assert asked(act) == []


def test_targets_ask_for_what_is_missing_only() -> None:
    """A target that is reached, or a direction that is held, asks for nothing; close asks for zero."""
    assert asked(lambda context: context.target("ABC", 0)) == []
    assert asked(lambda context: context.close("ABC")) == []
    (signal,) = asked(lambda context: context.target("ABC", -5, stop_loss=110))
    assert (signal.action, signal.quantity, signal.stop_loss) == (Action.TARGET, -5, 110)
    (signal,) = asked(lambda context: context.target("ABC", direction=Side.SELL, confidence=0.5))
    assert (signal.quantity, signal.side, signal.confidence) == (None, Side.SELL, 0.5)
    (intent,) = asked(lambda context: context.cancel(ClientOrderId("h1")))
    assert intent == CancelOrders(client_order_id=ClientOrderId("h1"))


def test_a_muted_strategy_sees_and_can_not_wish() -> None:
    """In warm-up everything is shown and nothing comes of what is asked, however much; timers still count."""

    def act(context: Context, _: Any) -> None:
        for _number in range(1000):
            context.buy("ABC", 1)
            context.sell("ABC")
            context.target("ABC", 5)
            context.close("ABC")
            context.cancel(ClientOrderId("h1"))

    watcher = Watcher(on_start=timed, on_bar=act)
    stage = Stage(watcher)
    stage.host.muted = True
    stage.show(bar(1, 1.0), bar(5, 1.0))
    assert stage.intents() == []
    assert stage.host.stops == []
    assert len(watcher.of("on_bar")) == 2
    assert watcher.of("on_timer")


# --- what stops it ----------------------------------------------------------------------------------------------------

CALLBACKS = ["on_start", "on_bar", "on_quote", "on_trade", "on_fill", "on_timer"]


def failing(context: Context, _: Any) -> None:
    context.buy("ABC", 1)
    raise ZeroDivisionError("by zero")


@pytest.mark.parametrize("callback", CALLBACKS)
def test_a_strategy_that_raises_is_stopped_and_the_others_go_on(callback: str) -> None:
    """Whichever callback raises: it is called no more, what it asked for there is dropped, the reason names error and line."""
    acts: dict[str, Act] = {"on_start": timed} | {callback: failing}
    if callback == "on_timer":
        acts["on_start"] = timed
    bad, good = Watcher(**acts), Watcher(on_start=timed, on_bar=lambda context, _: context.buy("XYZ", 7))
    stage = Stage(bad, good)
    everything(stage)
    before = len(bad.seen)
    everything(stage)
    assert len(bad.seen) == before
    assert bad.seen[-1][0] == callback
    ((runner, reason, detail),) = stage.host.stops
    assert (str(runner.id), reason) == ("s0", "raised")
    assert detail.startswith("ZeroDivisionError: by zero at test_strategy_host.py:")
    assert [intent.symbol for intent in stage.intents()] == ["XYZ"] * 4
    assert {"on_bar", "on_quote", "on_trade", "on_timer"} <= {name for name, _, _ in good.seen}


@pytest.mark.parametrize("swallow", [False, True])
def test_a_flood_in_one_event_stops_the_strategy(swallow: bool) -> None:
    """More intents from one callback than the limit end it, even where the strategy catches every exception."""

    def act(context: Context, _: Any) -> None:
        for _number in range(INTENTS_PER_MINUTE + 1):
            try:
                context.buy("ABC", 1)
            except Exception:
                if not swallow:
                    raise

    stage = Stage(Watcher(on_bar=act)).show(bar(1, 1.0))
    ((_, reason, detail),) = stage.host.stops
    assert reason == "flooded"
    assert str(INTENTS_PER_MINUTE) in detail
    assert stage.intents() == []


def test_as_many_wishes_as_allowed_are_no_flood() -> None:
    """Exactly the limit passes."""

    def act(context: Context, _: Any) -> None:
        for _number in range(INTENTS_PER_MINUTE):
            context.buy("ABC", 1)

    stage = Stage(Watcher(on_bar=act)).show(bar(1, 1.0))
    assert stage.host.stops == []
    assert len(stage.intents()) == INTENTS_PER_MINUTE


@pytest.mark.parametrize(("gap_s", "stopped"), [(0.09, True), (0.11, False)])
@pytest.mark.proves("X1")
def test_a_flood_over_a_minute_stops_the_strategy(gap_s: float, stopped: bool) -> None:
    """A little more than ten intents a second for longer than a minute is too many, a little less is not."""
    stage = Stage(Watcher(on_trade=lambda context, _: context.buy("ABC", 1)))
    for number in range(2 * INTENTS_PER_MINUTE):
        stage.show(trade(number * gap_s, 10.0))
    assert bool(stage.host.stops) is stopped
    assert len(stage.intents()) == (0 if stopped else 2 * INTENTS_PER_MINUTE)


# --- timers -----------------------------------------------------------------------------------------------------------


def test_a_timer_comes_when_its_time_has_passed() -> None:
    """A timer is called before the first event later than it, once for each interval, with the time it was due."""
    watcher = Watcher(on_start=lambda context, _: context.every(60, "minute"))
    Stage(watcher).show(bar(1, 1.0), bar(2, 1.0), bar(3, 1.0))
    order = [(name, event.time_ns if event else 0) for name, _, event in watcher.seen]
    assert order == [
        ("on_start", 0), ("on_bar", minute(1)), ("on_timer", minute(1)), ("on_bar", minute(2)),
        ("on_timer", minute(2)), ("on_bar", minute(3)),
    ]  # fmt: skip


def test_a_closed_market_owes_one_call() -> None:
    """After a night a repeating timer is called once, for the first time missed, and then keeps its rhythm."""
    watcher = Watcher(on_start=lambda context, _: context.every(60, "minute"))
    Stage(watcher).show(bar(1, 1.0), bar(100, 1.0), bar(101, 1.0), bar(102, 1.0))
    assert [timer.time_ns for timer in watcher.of("on_timer")] == [minute(1), minute(100), minute(101)]


def test_timers_come_in_the_order_of_their_times() -> None:
    """Timers due between two events are called by time, those of one time as they were set; each one once."""

    def start(context: Context, _: Any) -> None:
        for second, name in ((40, "late"), (10, "first"), (20, "a"), (20, "b")):
            context.at(START_NS + second * SECOND_NS, name)

    watcher = Watcher(on_start=start)
    Stage(watcher).show(bar(1, 1.0), bar(2, 1.0))
    assert [timer.name for timer in watcher.of("on_timer")] == ["first", "a", "b", "late"]


def test_a_timer_sees_the_bars_that_ended_by_then() -> None:
    """A bar built from ticks that ended when a timer was due, or before, is delivered before that timer is called."""

    def start(context: Context, _: Any) -> None:
        context.at(minute(1), "end")
        context.at(minute(1) - 1, "before")

    watcher = Watcher(on_start=start)
    Stage(watcher, feed_bar_ns=None).show(trade(1, 10), trade(200, 11))
    names = [event.name if name == "on_timer" else name for name, _, event in watcher.seen if name != "on_trade"]
    assert names == ["on_start", "before", "on_bar", "end"]


# --- parameters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "params", "text"),
    [
        ("EmaCross", {"fast": 30, "slow": 30}, r"fast \(30\) must be below slow \(30\)"),
        ("EmaCross", {"fast": 0}, "`int` >= 1"),
        ("EmaCross", {"quantity": "0"}, "quantity must be above zero, not 0"),
        ("EmaCross", {"quantity": "NaN"}, "quantity must be above zero, not NaN"),
        ("EmaCross", {"fast": "ten"}, r"Expected `int`, got `str`"),
        ("EmaCross", {"fats": 10}, "unknown field `fats`"),
        ("Momentum", {"threshold": -1}, "`float` >= 0"),
        ("MeanReversion", {"entry": 1, "exit": 1}, "exit .* must be below entry"),
        ("MeanReversion", {"stop_pct": 100}, "`float` < 100"),
    ],
)
def test_parameters_are_checked(name: str, params: dict[str, Any], text: str) -> None:
    """Wrong types, values out of bounds, unknown names and contradictions are refused with what is wrong."""
    from holdfast import strategies

    with pytest.raises(msgspec.ValidationError, match=text):
        msgspec.convert(params, getattr(strategies, name).Params)


def test_wishes_keep_their_order() -> None:
    """What strategies ask for is attended to in the order of asking."""

    def act(context: Context, _: Any) -> None:
        context.buy("ABC", 1)
        context.sell("XYZ", 2)

    stage = Stage(Watcher(on_bar=act), Watcher(on_bar=act)).show(bar(1, 1.0))
    intents = [
        (str(runner.id), str(intent.quantity))
        for runner, intent in stage.host.take_intents()
        if isinstance(intent, Signal)
    ]
    assert intents == [("s0", "1"), ("s0", "2"), ("s1", "1"), ("s1", "2")]


def test_intent_ids_count_by_the_time_of_the_event() -> None:
    """Each ask at an event has its own id, also at one that comes again after later ones, until too many others have come."""
    runner = Runner(StrategyId("s"), Watcher(), ["ABC"], MINUTE_NS)
    assert [runner.next_intent_id(time_ns) for time_ns in (5, 5, 9, 7, 5, 9, 7)] == [
        "s@5.1", "s@5.2", "s@9.1", "s@7.1", "s@5.3", "s@9.2", "s@7.2",
    ]  # fmt: skip
    for time_ns in range(10, 10 + ASK_TIMES - 2):
        runner.next_intent_id(time_ns)
    assert runner.next_intent_id(7) == "s@7.3"
    assert runner.next_intent_id(5) == "s@5.1"
