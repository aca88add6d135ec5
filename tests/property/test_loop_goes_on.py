"""A strategy that raises is stopped, with a record; the engine goes on, and the strategy beside it never notices.

The healthy strategy's run is compared with one in which it is alone.
"""

import asyncio
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.codec import decode, encode
from holdfast.core.messages import Bar, Heartbeat, OrderFilled, OrderPrepared, Quote, Trade
from holdfast.core.milestones import StrategyStopped
from holdfast.core.orders.order import OrderState
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.strategy.api import Context, Strategy, Timer
from holdfast.core.types import SECOND_NS
from holdfast.errors import Fatal, InvalidValue
from holdfast.venue.settings import VenueSettings
from tests.budget import examples
from tests.scenario.account import Account, bar, minute

CALLBACKS = ("on_start", "on_bar", "on_quote", "on_trade", "on_fill", "on_timer")
LIMITS = RiskLimits(duplicate_window_s=0.0)
HALF_FILLED = VenueSettings(volume_share=Decimal("0.002"))
"""Two units fill at each bar; whoever orders the same symbol shares them, so each strategy orders its own."""


class Wordless(Exception):
    """Its text can't be had."""

    def __str__(self) -> str:
        raise ValueError("no text")


class Unnamed(BaseException):
    """No Exception, and its text ends programs."""

    def __str__(self) -> str:
        raise SystemExit


ERRORS: tuple[BaseException, ...] = (
    ValueError("a value"), KeyError("missing"), ZeroDivisionError(), AssertionError(), RecursionError(), MemoryError(), StopIteration(),
    OSError(5, "disk"), TimeoutError(), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), ExceptionGroup("two", [ValueError(), OSError()]),
    Fatal("an invariant"), InvalidValue("a value"), Exception("\ud800 and \0"), Wordless(), Exception("x" * 10_000, "\n"),
    SystemExit(), SystemExit(3), SystemExit("bye"), asyncio.CancelledError(), GeneratorExit(), Unnamed(),
)  # fmt: skip

Misuse = tuple[str, dict[str, Any]]
MISUSES: tuple[Misuse, ...] = (
    ("buy", {"symbol": "NONE"}), ("buy", {"symbol": "ABC", "quantity": -1}), ("buy", {"symbol": "ABC", "quantity": float("nan")}),
    ("sell", {"symbol": "ABC", "tag": "\ud800"}), ("buy", {"symbol": "ABC", "tag": None}), ("buy", {"symbol": "ABC", "limit_price": 1e300}),
    ("target", {"symbol": "ABC", "quantity": 3, "direction": 5}), ("target", {"symbol": "ABC", "quantity": Decimal("sNaN")}),
    ("buy", {"symbol": "ABC", "confidence": float("nan")}), ("sell", {"symbol": "ABC", "time_to_live_s": float("inf")}),
    ("history", {"symbol": "NONE", "count": 3}), ("every", {"seconds": float("inf")}), ("at", {"time_ns": 1}), ("at", {"time_ns": float("nan")}),
)  # fmt: skip
"""Calls of a context that raise inside of it, once strategies may ask for something."""


class Healthy(Strategy):
    """Buys and sells in turn at each second bar, and remembers all that it is shown."""

    def __init__(self) -> None:
        super().__init__(None)
        self.seen: list[tuple[Any, ...]] = []
        self._bars = 0

    def on_start(self, context: Context) -> None:
        self.seen.append(("start", context.time_ns))
        context.every(45, "steady")

    def on_bar(self, context: Context, bar: Bar) -> None:
        self._note(context, bar)
        self._bars += 1
        if self._bars % 2:
            (context.buy if self._bars % 4 == 1 else context.sell)("ABC", 5, tag="healthy")

    def on_quote(self, context: Context, quote: Quote) -> None:
        self._note(context, quote)

    def on_trade(self, context: Context, trade: Trade) -> None:
        self._note(context, trade)

    def on_fill(self, context: Context, fill: OrderFilled) -> None:
        self._note(context, (fill.symbol, fill.side, fill.quantity, fill.price))

    def on_timer(self, context: Context, timer: Timer) -> None:
        self._note(context, timer)

    def _note(self, context: Context, what: object) -> None:
        held = [(position.symbol, position.quantity) for position in context.positions()]
        self.seen.append((what, context.time_ns, held, len(context.history("ABC", 50))))


class Faulty(Strategy):
    """Trades too, until the ``number``-th call of one callback, which asks for something and raises."""

    def __init__(self, callback: str, number: int, fault: BaseException | Misuse) -> None:
        super().__init__(None)
        self.callback, self.number, self.fault = callback, number, fault
        self.calls: Counter[str] = Counter()
        self.has_raised = False
        self.later = 0

    def on_start(self, context: Context) -> None:
        context.every(30, "steady")
        self._called(context, "on_start")

    def on_bar(self, context: Context, bar: Bar) -> None:
        context.buy("XYZ", 4, limit_price=bar.close - self.calls["on_bar"] % 2)
        self._called(context, "on_bar")

    def on_quote(self, context: Context, _quote: Quote) -> None:
        self._called(context, "on_quote")

    def on_trade(self, context: Context, _trade: Trade) -> None:
        self._called(context, "on_trade")

    def on_fill(self, context: Context, _fill: OrderFilled) -> None:
        self._called(context, "on_fill")

    def on_timer(self, context: Context, _timer: Timer) -> None:
        self._called(context, "on_timer")

    def _called(self, context: Context, callback: str) -> None:
        self.later += self.has_raised
        self.calls[callback] += 1
        if callback == self.callback and self.calls[callback] == self.number:
            context.buy("XYZ", 77, tag="its last order")
            self.has_raised = True
            self._fail(context)
            self.has_raised = False  # a context that takes no intents yet has let it pass

    def _fail(self, context: Context) -> None:
        if isinstance(self.fault, BaseException):
            raise self.fault
        call, arguments = self.fault
        getattr(context, call)(**arguments)


FAULTS = st.tuples(st.sampled_from(CALLBACKS), st.integers(1, 4), st.sampled_from([*ERRORS, *ERRORS, *MISUSES]))
PRICES = st.sampled_from([99.0, 100.0, 100.5, 102.0])
MARKET = st.lists(
    st.one_of(
        st.tuples(st.just("bar"), st.sampled_from(["ABC", "XYZ"]), PRICES),
        st.tuples(st.just("bar"), st.just("ABC"), PRICES),
        st.tuples(st.just("quote"), st.sampled_from(["ABC", "XYZ"]), PRICES),
        st.tuples(st.just("trade"), st.just("ABC"), PRICES),
        st.tuples(st.just("beat"), st.just(""), st.just(0.0)),
    ),
    min_size=4,
    max_size=25,
)


def events(market: list[tuple[str, str, float]]) -> list[Any]:
    """What is drawn, one a minute."""
    made: list[Any] = []
    for number, (kind, symbol, price) in enumerate(market, 1):
        at_ns = minute(number)
        if kind == "bar":
            made.append(bar(number, price, symbol=symbol))
        elif kind == "quote":
            made.append(Quote(symbol, at_ns, price - 0.5, 100.0, price + 0.5, 100.0))
        elif kind == "trade":
            made.append(Trade(symbol, at_ns, price, 10.0))
        else:
            made.append(Heartbeat(at_ns + SECOND_NS))
    return made


def ordered(account: Account, strategy: str) -> list[tuple[Any, ...]]:
    """What a strategy ordered, without the ids that count everybody's orders."""
    return [
        (body.terms.symbol, body.terms.side, body.terms.quantity, body.terms.tag)
        for body in account.of(OrderPrepared)
        if body.terms.strategy == strategy
    ]


def check_stopped(account: Account, faulty: Faulty, strategy: str) -> None:
    """One that raised has a record of it, was not called again, got nothing of its last order, and nothing of it is left at work."""
    stops = [body for body in account.of(StrategyStopped) if body.strategy == strategy]
    assert len(stops) == faulty.has_raised
    assert faulty.later == 0
    assert not [terms for terms in ordered(account, strategy) if terms[3] == "its last order"] or not faulty.has_raised
    if stops:
        assert stops[0].reason == "raised"
        if isinstance(faulty.fault, BaseException):
            assert stops[0].detail.startswith(type(faulty.fault).__name__)
        working = [order for order in account.state.orders.live.values() if order.terms.strategy == strategy]
        assert all(order.state is not OrderState.SUBMITTED or order.cancel_released_ns for order in working)


@settings(max_examples=examples())
@given(MARKET, st.lists(FAULTS, min_size=1, max_size=3), st.booleans(), st.booleans())
def test_a_strategy_that_raises_stops_alone(
    market: list[tuple[str, str, float]], faults: list[tuple[str, int, Any]], first: bool, in_parts: bool
) -> None:
    """Whatever it raises, wherever; the healthy one is shown, orders and holds the same as when it is alone."""
    venue = HALF_FILLED if in_parts else None
    alone, healthy = Healthy(), Healthy()
    reference = Account(alone, venue=venue, limits=LIMITS).run(*events(market))
    faulty = [Faulty(*fault) for fault in faults]
    strategies: list[Strategy] = [healthy, *faulty] if first else [*faulty, healthy]
    account = Account(*strategies, venue=venue, limits=LIMITS).run(*events(market))
    name = "s0" if first else f"s{len(faulty)}"
    assert healthy.seen == alone.seen
    assert ordered(account, name) == ordered(reference, "s0")
    assert account.state.host.runners[name].running  # type: ignore[index]
    assert all(account.position(name, symbol) == reference.position("s0", symbol) for symbol in ("ABC", "XYZ"))
    for number, one in enumerate(faulty):
        check_stopped(account, one, f"s{number + first}")
    assert [decode(encode(record)) for record in account.records] == account.records  # what it raised can be kept


@pytest.mark.parametrize("callback", CALLBACKS)
def test_each_callback_is_reached(callback: str) -> None:
    """What is drawn calls every callback, and its first call that raises stops the strategy; or the property would show nothing."""
    faulty = Faulty(callback, 1, ValueError("a value"))
    market = [("bar", "XYZ", 100.0), ("quote", "ABC", 100.0), ("trade", "ABC", 100.0), ("bar", "XYZ", 99.0)]
    account = Account(Healthy(), faulty, limits=LIMITS).run(*events(market))
    assert faulty.has_raised
    (stopped,) = account.of(StrategyStopped)
    assert (stopped.strategy, stopped.reason) == ("s1", "raised")
    assert stopped.detail.startswith("ValueError: a value at test_loop_goes_on.py:")


@pytest.mark.parametrize("callback", CALLBACKS)
def test_ctrl_c_ends_what_runs(callback: str) -> None:
    """The one thing that a strategy doesn't stop for: a person's interrupt, wherever it falls, also a backtest's."""
    market = [("bar", "XYZ", 100.0), ("quote", "ABC", 100.0), ("trade", "ABC", 100.0), ("bar", "XYZ", 99.0)]
    with pytest.raises(KeyboardInterrupt):
        Account(Healthy(), Faulty(callback, 1, KeyboardInterrupt()), limits=LIMITS).run(*events(market))
