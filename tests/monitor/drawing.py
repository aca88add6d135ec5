"""Sessions drawn at random, as journals: accounts that trade, stall, are refused, lose their stream, die and come back, over nights and weekends.

A session is what the records of some accounts could be, with times at which somebody looks, and what a board would show then. Chance alone decides;
the seed is the session's name.
"""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple

from holdfast.config.monitor import MonitorConfig
from holdfast.core.findings import OrderLost, OrderOverdue, Told
from holdfast.core.messages import (
    Action,
    AnyBody,
    Bar,
    BrokerName,
    Envelope,
    FillBusted,
    OrderAccepted,
    OrderAdopted,
    OrderCanceled,
    OrderEventIgnored,
    OrderExpired,
    OrderFailed,
    OrderFilled,
    OrderNotSent,
    OrderPrepared,
    OrderRejected,
    OrderReleased,
    OrderReplaced,
    OrderTerms,
    OrderUnknown,
    PnlSnapshot,
    PositionChanged,
    RiskApproved,
    RiskRefused,
    Signal,
)
from holdfast.core.milestones import (
    AccountStateChanged,
    EngineStarted,
    EngineStopped,
    FeedOpened,
    Impaired,
    MarketFresh,
    MarketStale,
    RecoveryCompleted,
    Restored,
    StrategyStarted,
    StrategyStopped,
)
from holdfast.core.session.account import AccountState
from holdfast.core.session.calendar import TradingCalendar, TradingDay
from holdfast.core.session.causes import NOT_YET, Cause
from holdfast.core.steering import StrategySwitched
from holdfast.core.types import (
    DAY_NS,
    HOUR_NS,
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
from holdfast.monitor.expected import Expected
from holdfast.monitor.verdicts import Pulse

FIRST = dt.date(2024, 2, 26)
DAYS = 21
SYMBOLS = ("AVOR", "BRYX", "CEDM")
ONE = Price(Decimal(100))
NONE = Money(Decimal(0))


def _calendar(name: str, opens: int, closes: int, pause: tuple[int, int] | None, *, weekends: bool) -> TradingCalendar:
    """Some days with the same hours, in minutes after midnight of UTC."""
    days = []
    for date in (FIRST + dt.timedelta(days=number) for number in range(DAYS)):
        if date.weekday() > 4 and not weekends:
            continue
        midnight = (date.toordinal() - dt.date(1970, 1, 1).toordinal()) * DAY_NS
        rest = None if pause is None else (midnight + pause[0] * MINUTE_NS, midnight + pause[1] * MINUTE_NS)
        edges = midnight + opens * MINUTE_NS, midnight + closes * MINUTE_NS
        days.append(TradingDay(date.isoformat(), midnight, *edges, rest))
    return TradingCalendar(name, days)


CALENDARS = (
    _calendar("NEWYORK", 14 * 60 + 30, 21 * 60, None, weekends=False),
    _calendar("TOKYO", 0, 6 * 60, (150, 210), weekends=False),
    _calendar("COINS", 0, 24 * 60, None, weekends=True),
)
BEGIN_NS = CALENDARS[0].days[1].start_ns


class Look(NamedTuple):
    """Somebody looks: after how many records, at what time, and what else is known."""

    records: int
    now_ns: int
    pulse: Pulse


class Account(NamedTuple):
    """An account's part of a session."""

    expected: Expected
    records: list[Envelope]
    looks: list[Look]


class _Life:
    """One account's life, drawn."""

    def __init__(self, chance: Random, name: str) -> None:
        self.chance = chance
        self.expected = _expected(chance, name)
        self.lengths_ns = chance.choice(((MINUTE_NS, 5 * MINUTE_NS), (MINUTE_NS,), (DAY_NS,)))
        self.records: list[Envelope] = []
        self.looks: list[Look] = []
        self.now_ns = BEGIN_NS + chance.randrange(4 * DAY_NS)
        self.is_running = False
        self.is_dead = False
        self.seen: dict[str, int] = {}
        self.missing: set[str] = set()
        self.stale: set[str] = set()
        self.open: dict[str, OrderTerms] = {}
        self.filled: dict[str, Decimal] = {}
        self.repeats: list[tuple[int, str, AnyBody]] = []
        self.cursor = 0
        self.number = 0
        self.executions = 0
        self.epoch = 0

    def draw(self, steps: int) -> Account:
        """All of it."""
        for _ in range(steps):
            self.pass_time()
            self.happens()
            if self.chance.random() < 0.25:
                self.look()
        self.look()
        return Account(self.expected, self.records, self.looks)

    def pass_time(self) -> None:
        """From a moment to a weekend; mostly seconds."""
        spans = (SECOND_NS, 20 * SECOND_NS, 2 * MINUTE_NS, 10 * MINUTE_NS, 2 * HOUR_NS, 20 * HOUR_NS)
        self.now_ns += self.chance.randrange(1, self.chance.choices(spans, (30, 30, 25, 12, 5, 1))[0])
        self.now_ns = min(self.now_ns, BEGIN_NS + (DAYS - 3) * DAY_NS)
        if self.is_running and not self.is_dead and self.chance.random() < 0.7:  # else the market is silent
            for symbol in SYMBOLS:
                if self.chance.random() < 0.8:
                    self.seen[symbol] = self.now_ns - self.chance.randrange(MINUTE_NS)
        due = [each for each in self.repeats if each[0] <= self.now_ns]
        for each in due if self.is_running and not self.is_dead else ():
            self.repeats.remove(each)
            self.told_again(each[1], each[2])

    def happens(self) -> None:
        """One thing."""
        if not self.is_running or self.is_dead:
            if self.chance.random() < 0.5 or not self.records:
                self.start()
            return
        things = (
            (self.trade, 30), (self.refusals, 3), (self.answers, 25), (self.trouble, 5), (self.relief, 8), (self.silence, 2),
            (self.strategies, 2), (self.valued, 4), (self.states, 1), (self.rejections, 1), (self.stop, 1), (self.die, 0.6),
            (self.foreign, 0.5), (self.oddities, 2),
        )  # fmt: skip
        self.chance.choices([thing for thing, _ in things], [weight for _, weight in things])[0]()

    # --- engines ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self.epoch += 1
        self.is_running, self.is_dead, self.cursor = True, False, 0
        self.seen.clear()
        self.add(EngineStarted(self.epoch, "1", "here", "X"))
        for strategy in self.expected.strategies:
            if self.chance.random() < 0.9:
                self.add(StrategyStarted(StrategyId(strategy), "S", self.expected.symbols, "{}"))
        self.stale.clear()
        self.add(FeedOpened("alpaca" if self.expected.is_live else "file", "feed", "f"))
        if self.chance.random() < 0.5:
            self.impair(self.chance.choice((Cause.MARKET_DATA, Cause.ORDER_EVENTS)), NOT_YET)
        if self.chance.random() < 0.9:
            self.add(RecoveryCompleted(1, 1, 1, 0, 0))

    def stop(self) -> None:
        self.is_running = False
        self.add(EngineStopped("asked to"))

    def die(self) -> None:
        self.is_dead = True

    # --- trading ------------------------------------------------------------------------------------------------------

    def trade(self, *, rejected: bool = False) -> None:
        """A market event, a signal, an order, and perhaps its answer."""
        symbol = self.chance.choice(SYMBOLS)
        length_ns = self.chance.choice(self.lengths_ns)
        self.cursor += self.chance.choice((2, 4, 20))
        bar = self.add(Bar(symbol, self.now_ns, self.now_ns - length_ns, 1.0, 1.0, 1.0, 1.0, 1.0), source="feed")
        signal = self.add(Signal(StrategyId("s0"), symbol, Action.BUY), cause=bar, source="strategy:s0")
        self.number += 1
        kind = self.chance.choice((OrderType.MARKET, OrderType.MARKET, OrderType.LIMIT))
        force = self.chance.choice((TimeInForce.DAY, TimeInForce.GTC, TimeInForce.CLS))
        key = ClientOrderId(f"o{self.number}")
        terms = OrderTerms(key, StrategyId("s0"), symbol, Side.BUY, Quantity(Decimal(10)), kind, force)
        approved = self.add(RiskApproved(terms, ONE, NONE, raises_risk=True), cause=signal, source="risk")
        prepared = self.add(OrderPrepared(terms), cause=approved)
        self.open[key], self.filled[key] = terms, Decimal(0)
        if self.chance.random() < 0.97:
            self.add(OrderReleased(key), cause=prepared)
        if rejected:
            self.end(key, self.chance.choice((OrderRejected(key, "no"), OrderFailed(key, "no"))))
        elif self.chance.random() < 0.8:
            self.answer(key)

    def answers(self) -> None:
        """Something becomes of an open order."""
        if self.open:
            self.answer(self.chance.choice(list(self.open)))

    def answer(self, key: str) -> None:
        name = ClientOrderId(key)
        what = self.chance.choices(
            ("accepted", "filled", "part", "unknown", "ended", "overdue", "lost", "replaced", "again"),
            (30, 28, 12, 8, 12, 4, 3, 6, 3),
        )[0]
        who = Told.ASKED if self.chance.random() < 0.15 else Told.BROKER
        left = self.open[key].quantity - self.filled[key]
        if what == "accepted":
            self.report(OrderAccepted(name, f"b{key}"), Told.BROKER)
        elif what in ("filled", "part"):
            self.fill(name, left if what == "filled" else max(Decimal(1), left // 2), who)
        elif what == "unknown":
            self.report(OrderUnknown(name, "no answer"), Told.BROKER)
        elif what == "overdue":
            self.report(OrderOverdue(name, "late"), Told.ASKED)
        elif what == "lost":
            self.report(OrderLost(name, "gone"), Told.ASKED)
        elif what == "replaced":
            self.report(OrderReplaced(name, Quantity(self.filled[key] + 5)), who)
            self.open[key] = _of_size(self.open[key], self.filled[key] + 5)
        elif what == "again":
            self.add(OrderReleased(name, 2))
        else:
            ends = (OrderCanceled(name), OrderExpired(name), OrderRejected(name, "no"), OrderNotSent(name, "no"))
            self.end(key, self.chance.choice(ends), who)

    def fill(self, key: ClientOrderId, quantity: Decimal, who: Told) -> None:
        self.executions += 1
        symbol = self.open[key].symbol
        self.filled[key] += quantity
        done = self.filled[key] >= self.open[key].quantity
        body = OrderFilled(key, f"e{self.executions}", symbol, Side.BUY, Quantity(quantity), ONE)
        record = self.report(body, who)
        changed = PositionChanged(
            StrategyId("s0"), symbol, Quantity(quantity), NONE, NONE, NONE, Quantity(quantity), NONE
        )
        self.add(changed, cause=record, source="portfolio")
        if not done and self.chance.random() < 0.03:
            self.filled[key] -= quantity
            self.report(FillBusted(key, body.execution_id, symbol, Side.BUY, Quantity(quantity), ONE), who)
        if done:
            self.forget(key)

    def rejections(self) -> None:
        """The broker takes nothing for a while."""
        for _ in range(self.chance.randrange(3, 9)):
            self.now_ns += self.chance.randrange(20 * SECOND_NS)
            self.trade(rejected=self.chance.random() < 0.85)

    def refusals(self) -> None:
        """Risk lets nothing through for a while."""
        for _ in range(self.chance.randrange(1, 12)):
            self.now_ns += self.chance.randrange(5 * SECOND_NS)
            self.cursor += 2
            signal = self.add(Signal(StrategyId("s0"), "AVOR", Action.BUY), source="strategy:s0")
            refused = RiskRefused(StrategyId("s0"), "AVOR", Side.BUY, None, "max_position", "2", "1", "too much")
            self.add(refused, cause=signal, source="risk")

    def foreign(self) -> None:
        """Somebody else orders at the broker."""
        self.number += 1
        key = ClientOrderId(f"x{self.number}")
        terms = OrderTerms(key, StrategyId("external"), "AVOR", Side.BUY, Quantity(Decimal(3)))
        self.report(OrderAdopted(terms, f"b{key}", Quantity(Decimal(self.chance.randrange(3)))), Told.ASKED)
        if self.chance.random() < 0.7:
            self.end(key, OrderCanceled(key))

    def oddities(self) -> None:
        """Reports of orders that are over, or were never there."""
        key = ClientOrderId(f"o{self.chance.randrange(self.number + 1)}")
        if key not in self.open:
            ignored = OrderEventIgnored(key, "FILLED", self.chance.choice(("filled", "canceled", "accepted")), "known")
            self.report(ignored, self.chance.choice(tuple(Told)))

    # --- what is missing ----------------------------------------------------------------------------------------------

    def trouble(self) -> None:
        self.impair(self.chance.choice(tuple(Cause)), "it broke")

    def relief(self) -> None:
        if self.missing:
            cause = self.chance.choice(sorted(self.missing))
            self.missing.discard(cause)
            self.add(Restored(cause, "well"))

    def impair(self, cause: str, reason: str) -> None:
        if cause not in self.missing:
            self.missing.add(cause)
            self.add(Impaired(str(cause), reason))

    def silence(self) -> None:
        """Symbols go stale, or come back."""
        for symbol in SYMBOLS:
            if symbol in self.stale and self.chance.random() < 0.4:
                self.stale.discard(symbol)
                self.add(MarketFresh(symbol, MINUTE_NS))
            elif symbol not in self.stale and self.chance.random() < 0.7:
                self.stale.add(symbol)
                self.add(MarketStale(symbol, self.now_ns - 5 * MINUTE_NS))

    def strategies(self) -> None:
        """A strategy breaks, or a person switches one."""
        if not self.expected.strategies:
            return
        strategy = StrategyId(self.chance.choice(self.expected.strategies))
        if self.chance.random() < 0.5:
            self.add(StrategyStopped(strategy, "raised", "ValueError"))
        else:
            self.add(StrategySwitched(strategy, self.chance.random() < 0.6))

    def states(self) -> None:
        states = (AccountState.IDLE, AccountState.IDLE, AccountState.HALTED, AccountState.PRESERVATION)
        self.add(AccountStateChanged(AccountState.IDLE, self.chance.choice(states), "so"))

    def valued(self) -> None:
        self.add(PnlSnapshot(NONE, NONE, NONE, NONE, NONE, NONE, NONE))

    # --- how it is written down ---------------------------------------------------------------------------------------

    def report(self, body: AnyBody, who: Told) -> Envelope:
        record = self.add(body, source=f"{who}:{self.expected.broker}")
        if who is Told.ASKED and self.chance.random() < 0.6:  # the stream tells it too, soon or too late
            key = str(getattr(body, "client_order_id", ""))
            self.repeats.append((self.now_ns + self.chance.randrange(20 * SECOND_NS), key, body))
        return record

    def told_again(self, key: str, body: AnyBody) -> None:
        events = {
            OrderFilled: "filled",
            OrderCanceled: "canceled",
            OrderExpired: "expired",
            OrderRejected: "rejected",
            FillBusted: "busted",
        }
        event = events.get(type(body))
        if event is not None:
            ignored = OrderEventIgnored(ClientOrderId(key), "FILLED", event, "known")
            self.add(ignored, source=f"{Told.BROKER}:{self.expected.broker}")

    def end(self, key: str, body: AnyBody, who: Told = Told.BROKER) -> None:
        self.report(body, who)
        self.forget(key)

    def forget(self, key: str) -> None:
        self.open.pop(key, None)

    def add(self, body: AnyBody, *, cause: Envelope | None = None, source: str = "engine") -> Envelope:
        number = len(self.records) + 1
        name = f"{self.expected.account}-{number}"
        chain = name if cause is None else cause.correlation_id
        record = Envelope(
            name, self.now_ns, self.expected.account, BrokerName(self.expected.broker), source, chain,
            name if cause is None else cause.id, number, self.epoch, self.cursor, body,
        )  # fmt: skip
        self.records.append(record)
        return record

    def look(self) -> None:
        """Somebody looks, now or a little later."""
        self.now_ns += self.chance.choice((0, 1, SECOND_NS, 11 * SECOND_NS, 61 * SECOND_NS, 4 * MINUTE_NS))
        seen = dict(self.seen) if self.is_running and not self.is_dead and self.chance.random() < 0.7 else {}
        running: bool | None = self.is_running and not self.is_dead
        silent_s = 12.0 if running and self.chance.random() < 0.03 else None
        if running and self.chance.random() < 0.1:
            running = None
        self.looks.append(Look(len(self.records), self.now_ns, Pulse(running, silent_s, seen)))


def _of_size(terms: OrderTerms, quantity: Decimal) -> OrderTerms:
    return OrderTerms(
        terms.client_order_id,
        terms.strategy,
        terms.symbol,
        terms.side,
        Quantity(quantity),
        terms.order_type,
        terms.time_in_force,
    )


def _expected(chance: Random, name: str) -> Expected:
    def maybe(value: float) -> float | None:
        return value if chance.random() < 0.3 else None

    limits: dict[str, Any] = {
        "window_s": chance.choice((60, 300, 900)),
        "grace_s": chance.choice((0.0, 60.0)),
        "signals_late_s": maybe(1800.0),
        "market_data_late_s": maybe(120.0),
        "fills_late_s": maybe(30.0),
        "least": chance.choice((3, 5)),
        "valued_late_s": chance.choice((3600.0, 7200.0)),
    }
    is_live = chance.random() < 0.7
    strategies = tuple(f"s{number}" for number in range(chance.choice((0, 1, 1, 2, 3))))
    return Expected(
        name,
        chance.choice(("paper", "alpaca", "zerodha")),
        strategies,
        SYMBOLS[: chance.choice((1, 2, 3))],
        chance.choice(CALENDARS),
        is_live,
        chance.choice((None, MINUTE_NS, DAY_NS)),
        300 * SECOND_NS if is_live else 0,
        MonitorConfig(**limits),
    )


def sessions(first: int, number: int) -> Iterator[tuple[int, list[Account]]]:
    """So many sessions, each with its seed, of one to three accounts."""
    for seed in range(first, first + number):
        chance = Random(seed)
        yield (
            seed,
            [_Life(chance, f"a{place}").draw(chance.randrange(20, 120)) for place in range(chance.randrange(1, 4))],
        )
