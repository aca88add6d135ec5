"""Runs of everything that the core does, each as one digest: of the bytes of every record, every snapshot and what the books came to.

Two builds of the core, or a change that is meant to change nothing, must give the same digests: ``python -m tools.same_records``
prints them, and ``python -m tools.same_records --beside FOLDER`` compares them with those of another tree. Strategies here ask for what
chance says, seeded, so that orders of all kinds, exits, refusals, cancels, a flatten, halts and lost connections meet each other.
"""

import argparse
import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from holdfast.backtesting.replay import Replay
from holdfast.calendars import trading_calendar
from holdfast.core import snapshot
from holdfast.core.broker_rules import ANY_ORDER, PAPER_RULES, BrokerRules, HeldExits
from holdfast.core.codec import encode
from holdfast.core.engine import step
from holdfast.core.exits import ExitRules
from holdfast.core.instruments import US_EQUITY
from holdfast.core.messages import (
    PAPER,
    Action,
    Bar,
    CancelOrders,
    Command,
    FeedEvent,
    Flatten,
    Halt,
    Health,
    OrderFilled,
    PlaceOrder,
    Preserve,
    Protect,
    Quote,
    Request,
    Resume,
    Signal,
    Trade,
)
from holdfast.core.protection.policy import Preservation, ProtectionPolicy
from holdfast.core.risk.limits import RiskLimits, StrategyLimits, limits_of
from holdfast.core.state import EngineState
from holdfast.core.strategy.api import Context, Strategy
from holdfast.core.strategy.host import Runner
from holdfast.core.strategy.updates import OrderUpdate
from holdfast.core.types import MINUTE_NS, SECOND_NS, Money, OrderType, Price, Quantity, Side, StrategyId
from holdfast.errors import InvalidValue
from holdfast.venue.exchange import Exchange
from holdfast.venue.settings import FillAt, VenueSettings

START_NS = 1_388_673_000 * SECOND_NS
"""14:30 UTC on 2 January 2014, when New York opens."""
CASH = Money(Decimal(1_000_000))
SNAPSHOT_EVERY = 97


class Dice(Strategy):
    """Asks for what chance says. ``kinds`` are the asks that it knows; ``rate`` is how many bars in a hundred it asks at."""

    history_bars = 5

    def __init__(self, seed: int, kinds: str, rate: int = 30) -> None:
        super().__init__(None)
        self.chance = random.Random(seed)  # noqa: S311  nothing hangs on it
        self.kinds = kinds.split()
        self.rate = rate
        self.asked: list[str] = []
        self.refused = 0

    def on_bar(self, context: Context, bar: Bar) -> None:
        """Now and then ask."""
        if self.chance.randrange(100) < self.rate:
            self.ask(context, bar.symbol, bar.close)

    def ask(self, context: Context, symbol: str, price: float) -> None:
        """One ask; what can't be asked for is left."""
        kind, roll = self.chance.choice(self.kinds), self.chance.uniform
        size = self.chance.choice((1, 5, 10, 25, 100))
        up, down = price * roll(1.001, 1.02), price * roll(0.98, 0.999)
        trade, below, above = self.chance.choice(
            ((context.buy, down, up), (context.sell, up, down))  # below and above, as a short sale sees them
        )
        asks: dict[str, Callable[[], str | None]] = {
            "target": lambda: context.target(symbol, self.chance.choice((-50, 0, 20, 50))),
            "market": lambda: trade(symbol, size),
            "limit": lambda: trade(symbol, size, limit_price=round(below, 2), time_in_force="gtc"),
            "stop": lambda: trade(symbol, size, stop_price=round(above, 2), time_in_force="day"),
            "both": lambda: trade(symbol, size, stop_price=round(above, 2), limit_price=round(above * 1.001, 2)),
            "follow": lambda: trade(symbol, size, trail_percent=1, time_in_force="gtc"),
            "pair": lambda: trade(symbol, size, stop_loss=round(below, 2), take_profit=round(above, 2)),
            "trail": lambda: trade(symbol, size, stop_loss=round(below, 2), trail_stop=round(abs(price - below), 2)),
            "hold": lambda: trade(symbol, size, stop_loss=round(below, 2), hold_s=600),
            "auction": lambda: trade(symbol, size, time_in_force=self.chance.choice(("opg", "cls", "ioc", "fok"))),
            "sized": lambda: trade(symbol, confidence=0.5, stop_loss=round(below, 2)),
            "direction": lambda: context.target(symbol, direction=self.chance.choice(("buy", "sell"))),
            "money": lambda: trade(symbol, notional=size * 100),
            "close": lambda: context.close(symbol),
            "cancel": lambda: self._cancel(context),
        }
        try:
            found = asks[kind]()
        except InvalidValue:
            self.refused += 1
            return
        if found:
            self.asked = [*self.asked[-20:], found]

    def _cancel(self, context: Context) -> None:
        live = context.orders()
        if live and self.chance.randrange(2):
            context.cancel(live[0].client_order_id)
        elif self.asked:
            context.cancel(self.chance.choice(self.asked))


class Told(Dice):
    """Asks also as it is told of its orders, and at the hour."""

    def on_start(self, context: Context) -> None:
        """Now and then ask."""
        context.every(1800, "half an hour")

    def on_fill(self, context: Context, fill: OrderFilled) -> None:
        """Now and then ask."""
        if self.chance.randrange(8) == 0:
            self.ask(context, fill.symbol, float(fill.price))

    def on_order(self, context: Context, update: OrderUpdate) -> None:
        """Now and then ask."""
        if update.status.is_final and self.chance.randrange(10) == 0:
            context.close(update.symbol)

    def on_timer(self, context: Context, timer: object) -> None:  # noqa: ARG002  the callback's form
        """Now and then ask."""
        context.close(context.symbols[0])


class Longer(Told):
    """One that has bars of five minutes besides."""

    timeframes = ("5Min",)


def bars(symbols: Iterable[str], count: int, seed: int = 1) -> Iterator[Bar]:
    """Random walks, a bar a minute in New York's hours, of some symbols in step; now and then one is missing."""
    chance = random.Random(seed)  # noqa: S311
    prices = dict.fromkeys(symbols, 100.0)
    for number in range(count):
        day, minute = divmod(number, 390)
        start_ns = START_NS + (day * 1440 + minute) * MINUTE_NS
        for symbol, opened in prices.items():
            if chance.randrange(40) == 0:
                continue
            close = round(max(1.0, opened * (1 + chance.gauss(0, 0.003))), 2)
            high = round(max(opened, close) * (1 + abs(chance.gauss(0, 0.001))), 2)
            low = round(min(opened, close) * (1 - abs(chance.gauss(0, 0.001))), 2)
            yield Bar(
                symbol, start_ns + MINUTE_NS, start_ns, opened, high, low, close, float(chance.randrange(50, 5000))
            )
            prices[symbol] = close


def ticks(symbols: Iterable[str], count: int, seed: int = 1) -> Iterator[FeedEvent]:
    """Quotes and trades, of which bars are built."""
    chance = random.Random(seed)  # noqa: S311
    prices = dict.fromkeys(symbols, 100.0)
    for number in range(count):
        time_ns = START_NS + 4 * number * SECOND_NS
        symbol = chance.choice(list(prices))
        price = prices[symbol] = round(max(1.0, prices[symbol] * (1 + chance.gauss(0, 0.0008))), 2)
        if chance.randrange(3):
            yield Quote(symbol, time_ns, round(price - 0.01, 2), 300.0, round(price + 0.01, 2), 200.0)
        else:
            yield Trade(symbol, time_ns, price, float(chance.randrange(1, 300)))


class Run:
    """One account over one feed, with what people do to it in between."""

    def __init__(
        self,
        symbols: Iterable[str],
        limits: RiskLimits,
        settings: VenueSettings,
        rules: BrokerRules = ANY_ORDER,
        policy: ProtectionPolicy | None = None,
    ) -> None:
        calendar = trading_calendar("XNYS")
        self.names = list(symbols)
        self.state = EngineState("digest", PAPER, calendar, US_EQUITY, limits, rules=rules)
        if policy is not None:
            self.state.protection = policy
        self.digest = hashlib.sha256()
        self.records = self.snapshots = 0
        self.replay = Replay(self.state, Exchange(settings, calendar), self._take)

    def add(
        self, name: str, strategy: Strategy, limits: StrategyLimits | None = None, bar_ns: int | None = MINUTE_NS
    ) -> None:
        """Let a strategy take part."""
        runner = Runner(StrategyId(name), strategy, self.names, MINUTE_NS)
        if limits is not None:
            self.state.strategy_limits[runner.id] = limits
        self.state.host.add(runner, bar_ns)

    def over(self, events: Iterable[FeedEvent], orders: dict[int, Command | Health] | None = None) -> str:
        """The digest of a run, in which inputs of people come before the event of their number."""
        self.replay.begin(CASH, "0")
        asked = orders or {}
        self.replay.run(self._with(events, asked), 0)
        state = self.state
        total = (state.portfolio.value(state.price), sorted(state.portfolio.ledgers.items()), state.order_count)
        self.digest.update(repr(total).encode())
        self.digest.update(snapshot.take(state))
        return f"{self.digest.hexdigest()[:24]} {self.records} records, {state.order_count} orders"

    def _with(self, events: Iterable[FeedEvent], asked: dict[int, Command | Health]) -> Iterator[FeedEvent]:
        for number, event in enumerate(events):
            if number in asked:
                self._ask(number, asked[number])
            yield event

    def _ask(self, number: int, asked: Command | Health) -> None:
        state = self.state
        if isinstance(asked, Health):
            found = step(state, Health(state.now_ns, asked.cause, asked.ok, asked.reason))
        else:
            found = step(state, Request(state.now_ns, f"request-{number}", "cli:somebody", asked))
        if found is not None:
            self.replay._work(found)  # there is no other door for a person in a replay

    def _take(self, turn: Any) -> None:
        for record in turn.records:
            self.records += 1
            self.digest.update(encode(record))
            if self.records % SNAPSHOT_EVERY == 0:
                self.digest.update(snapshot.take(self.state))
        for effect in turn.effects:
            self.digest.update(repr(effect).encode())


FREE = RiskLimits(max_orders_per_minute=None, max_open_orders=None, duplicate_window_s=0.0)
NO_LATENCY = VenueSettings()
ROUGH = VenueSettings(
    fill=FillAt.NEXT_OPEN,
    slippage_bps=Decimal(3),
    slippage_noise_bps=Decimal(2),
    volume_share=Decimal("0.1"),
    latency_ns=200_000_000,
    latency_jitter_ns=SECOND_NS,
    seed=7,
)
SIX = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")


def _market() -> str:
    run = Run(SIX, FREE, NO_LATENCY)
    run.add("one", Dice(1, "target market close"))
    run.add("two", Dice(2, "target money direction"))
    return run.over(bars(SIX, 300))


def _protection() -> str:
    run = Run(SIX[:3], FREE, ROUGH, PAPER_RULES)
    run.add("pairs", Dice(3, "pair trail target hold close", 15))
    run.add("told", Told(4, "pair trail stop limit both follow cancel", 15))
    rules = ExitRules(stop_loss_pct=Decimal(1)) if "stop_loss_pct" in ExitRules.__struct_fields__ else None
    if rules is not None:
        run.state.exit_rules[StrategyId("pairs")] = rules
    return run.over(bars(SIX[:3], 500, 2))


def _limits() -> str:
    run = Run(
        SIX, limits_of("prop-firm", {"require_stop": None, "max_orders_per_minute": 50, "leverage": "2"}), NO_LATENCY
    )
    own = StrategyLimits(max_positions=3, max_gross_pct=Decimal(50), max_open_orders=4, daily_loss_pct=Decimal(2))
    run.add("kept", Dice(5, "sized pair target limit cancel market auction"), own)
    run.add("free", Told(6, "sized limit stop market auction cancel"))
    return run.over(bars(SIX, 300, 3))


def _commands() -> str:
    policy = ProtectionPolicy(preservation=Preservation.CLOSE_UNPROTECTED)
    run = Run(SIX[:4], FREE, ROUGH, BrokerRules(orders_cross_zero=False, wash_trades=False), policy)
    run.add("one", Dice(7, "pair trail target market limit cancel"))
    run.add("two", Told(8, "market limit hold close stop both"))
    buy = Signal(StrategyId("manual"), "AAA", Action.BUY, Side.BUY, Quantity(Decimal(30)))
    limit = Signal(
        StrategyId("manual"),
        "BBB",
        Action.SELL,
        Side.SELL,
        Quantity(Decimal(10)),
        order_type=OrderType.LIMIT,
        limit_price=Price(Decimal("101.237")),
    )
    return run.over(
        bars(SIX[:4], 600, 4),
        {
            100: PlaceOrder(buy),
            150: PlaceOrder(limit),
            200: CancelOrders(symbol="BBB"),
            260: Protect("AAA", Price(Decimal("50.00")), StrategyId("manual")),
            400: Halt("lunch"),
            450: Resume("back"),
            600: Health(0, "market data", False, "the stream is down"),
            680: Health(0, "market data", True, "it is back"),
            900: Flatten("enough"),
            1000: Resume("again"),
            1300: Preserve("careful"),
            1500: Resume("on"),
            1900: Flatten("the end"),
        },
    )


def _stop_limits() -> str:
    held = HeldExits(stop=OrderType.STOP_LIMIT, pairs=False, step=Decimal(1))
    run = Run(SIX[:2], FREE, ROUGH, BrokerRules(stocks=held))
    run.add("one", Dice(9, "pair trail hold target sized market"))
    return run.over(bars(SIX[:2], 500, 5))


def _ticks() -> str:
    run = Run(SIX[:3], FREE, ROUGH)
    run.add("one", Told(10, "pair trail target market limit stop cancel auction", 60), bar_ns=None)
    return run.over(ticks(SIX[:3], 6000, 6))


def _many() -> str:
    names = [f"S{number:03d}" for number in range(60)]
    run = Run(names, FREE, NO_LATENCY)
    run.add("one", Dice(11, "target market sized", 20))
    run.add("two", Dice(12, "target pair", 5), StrategyLimits(max_positions=20))
    return run.over(bars(names, 60, 7))


def _alone() -> str:
    """Each bar alone in its instant: two strategies, one of which has timers and bars of five minutes."""
    run = Run(SIX[:1], FREE, ROUGH)
    run.add("one", Dice(13, "target market close pair trail", 20))
    run.add("two", Longer(14, "target limit stop cancel sized", 20))
    return run.over(bars(SIX[:1], 1500, 8), {700: Halt("lunch"), 760: Resume("back")})


def _alone_with(kinds: str) -> str:
    run = Run(SIX[:1], FREE, NO_LATENCY)
    run.add("one", Dice(15, kinds))
    run.add("two", Dice(16, kinds))
    return run.over(bars(SIX[:1], 1000, 9))


RUNS: dict[str, Callable[[], str]] = {
    "alone": _alone,
    "alone and plain": lambda: _alone_with("target pair"),
    "market": _market,
    "protection": _protection,
    "limits": _limits,
    "commands": _commands,
    "stop limits": _stop_limits,
    "ticks": _ticks,
    "many symbols": _many,
}


def digests() -> dict[str, str]:
    """Each run's digest and how much it was of."""
    return {name: run() for name, run in RUNS.items()}


def digests_of(tree: Path) -> dict[str, str]:
    """Those of the core in another folder of sources (the one that has ``holdfast``)."""
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    command = [sys.executable, __file__]
    output = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout  # noqa: S603  the folder is the caller's own
    return dict(line.split(": ", 1) for line in output.splitlines())


def main() -> int:
    """Print the digests, or compare them; 1 when they differ."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.same_records", description="Digests of all records of some runs."
    )
    parser.add_argument("--beside", type=Path, help="a folder with another holdfast in it, to compare with")
    beside = parser.parse_args().beside
    ours = digests()
    others = ours if beside is None else digests_of(beside)
    for name, digest in ours.items():
        print(f"{name}: {digest}" + ("" if others.get(name) == digest else f"  DIFFERS: {others.get(name)}"))
    return 0 if ours == others else 1


if __name__ == "__main__":
    sys.exit(main())
