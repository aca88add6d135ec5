"""What an order costs as there is more of everything: symbols held, stops that guard them, orders that are over.

One account on the exchange in memory, no journal. Each figure is the process's CPU time for an order in one symbol, from the intent
to the booked fill, with the price of one other symbol moving in between; the best of some rounds. It should not rise down a column.
"""

import time
from collections.abc import Iterable
from decimal import Decimal

from holdfast.backtesting.replay import Replay
from holdfast.calendars import trading_calendar
from holdfast.core.instruments import instrument_for
from holdfast.core.messages import PAPER, Bar, OrderTerms
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.state import EngineState
from holdfast.core.strategy.api import Context, Strategy
from holdfast.core.strategy.host import Runner
from holdfast.core.types import MINUTE_NS, SECOND_NS, ClientOrderId, Money, Quantity, Side, StrategyId
from holdfast.venue.exchange import Exchange
from holdfast.venue.settings import VenueSettings

HELD = (1, 10, 100, 400)
PAST = 400_000
EVERY = 50_000
ORDERS, ROUNDS = 300, 5
START_NS = 1_388_534_400 * SECOND_NS


class Holder(Strategy):
    """Buys ten of each symbol at its first bar, with a stop that follows where asked; after that turns the first round at each bar."""

    def __init__(self, guarded: bool) -> None:
        super().__init__(None)
        self.guarded = guarded
        self.seen: set[str] = set()

    def on_bar(self, context: Context, bar: Bar) -> None:
        if bar.symbol not in self.seen:
            self.seen.add(bar.symbol)
            if self.guarded:
                context.buy(bar.symbol, 10, stop_loss=50, trail_stop=50, time_in_force="gtc")
            else:
                context.buy(bar.symbol, 10)
        elif bar.symbol == "S0":
            context.target("S0", 20 if context.position("S0").quantity == 10 else 10)


def bars_of(symbol: str, minutes: Iterable[int]) -> list[Bar]:
    """Flat bars, one a minute."""
    times = ((START_NS + minute * MINUTE_NS) for minute in minutes)
    return [Bar(symbol, time_ns + MINUTE_NS, time_ns, 100.0, 100.0, 100.0, 100.0, 1000.0) for time_ns in times]


def us_per_order(symbols: int, *, guarded: bool) -> float:
    """CPU time of an order in an account that holds so many symbols."""
    calendar, rules = trading_calendar("24/7"), instrument_for("24/7")
    limits = RiskLimits(max_orders_per_minute=None, max_open_orders=None)
    state = EngineState("bench", PAPER, calendar, rules, limits)
    names = [f"S{number}" for number in range(symbols + 1)]
    state.host.add(Runner(StrategyId("s"), Holder(guarded), names, MINUTE_NS), MINUTE_NS)
    replay = Replay(state, Exchange(VenueSettings(), calendar, rules), lambda _: None)
    replay.begin(Money(Decimal(10_000_000)), "bench")
    replay.run([bar for name in names for bar in bars_of(name, [0])], 0)
    best = float("inf")
    for part in range(ROUNDS):
        minutes = range(1 + part * ORDERS, 1 + (part + 1) * ORDERS)
        events = [bar for pair in zip(bars_of("S0", minutes), bars_of(names[-1], minutes), strict=True) for bar in pair]
        before, began_s = state.order_count, time.process_time()
        for event in events:
            replay.run([event], 0)
        best = min(best, (time.process_time() - began_s) / max(1, state.order_count - before) * 1e6)
    return best


def us_at_the_venue() -> list[float]:
    """CPU time of an order at the exchange, for each so many of them, all finished one after another."""
    exchange = Exchange(VenueSettings(), trading_calendar("24/7"), instrument_for("24/7"))
    exchange.on_market(bars_of("S0", [0])[0])
    now_ns = START_NS + MINUTE_NS
    found = []
    for first in range(0, PAST, EVERY):
        orders = [
            OrderTerms(
                ClientOrderId(f"h{number}"),
                StrategyId("s"),
                "S0",
                Side.BUY,
                Quantity(Decimal(1)),
                oco_group=f"g{number}",
            )
            for number in range(first, first + EVERY)
        ]
        began_s = time.process_time()
        for terms in orders:
            exchange.submit(terms, now_ns, now_ns)
        found.append((time.process_time() - began_s) / EVERY * 1e6)
    return found


def main() -> None:
    """Measure and print."""
    print("us an order, from the intent to its booked fill")
    print(f"{'symbols held':>14}{'no stops':>12}{'each with a trailing stop':>28}")
    for symbols in HELD:
        plain, guarded = (us_per_order(symbols, guarded=guarded) for guarded in (False, True))
        print(f"{symbols:>14}{plain:>12.0f}{guarded:>28.0f}")
    print(f"us an order at the exchange, by each {EVERY:,} of {PAST:,}")
    print("  " + "  ".join(f"{figure:.1f}" for figure in us_at_the_venue()))


if __name__ == "__main__":
    main()
