"""What protection costs: an entry's fill with and without exits, and an event in a symbol whose stop follows the market.

One account on the exchange in memory, no journal. An order is followed from the intent to its booked fill, and with exits on to
their acceptance and `ProtectionComplete`; then the position is closed, which is not counted.
"""

import statistics
import time
from decimal import Decimal

from holdfast.core.exits import Exits
from holdfast.core.messages import Action, PlaceOrder, Request, Signal
from holdfast.core.types import MANUAL, Price, Quantity
from tests.scenario.account import Account, bar

ORDERS, EVENTS, ROUNDS = 1_000, 20_000, 5
STOP, TARGET = Price(Decimal(50)), Price(Decimal(200))
FAR = Exits(trail_amount=Price(Decimal(60)))
FILLS: dict[str, dict[str, object]] = {
    "no exits": {},
    "a stop": {"stop_loss": STOP},
    "a stop and a target": {"stop_loss": STOP, "take_profit": TARGET},
}
BARS: dict[str, dict[str, object]] = {
    "no exits": {},
    "a stop": {"stop_loss": STOP},
    "a trailing stop at rest": {"exits": FAR},
}


def ask(account: Account, action: Action, **exits: object) -> None:
    """Let a person order a hundred, or close."""
    quantity = Quantity(Decimal(0 if action is Action.CLOSE else 100))
    signal = Signal(MANUAL, "ABC", action, quantity=quantity, **exits)  # type: ignore[arg-type]
    account.take(Request(account.state.now_ns, f"c{account.state.sequence}", "bench", PlaceOrder(signal)))


def per_fill_us(**exits: object) -> float:
    """Microseconds for an entry, with what these exits add."""
    account = Account().run(bar(1, 100.0))
    spent_s = 0.0
    for number in range(ORDERS):
        began_s = time.perf_counter()
        ask(account, Action.BUY, **exits)
        spent_s += time.perf_counter() - began_s
        ask(account, Action.CLOSE)
        account.run(bar(number + 2, 100.0))
        account.records.clear()
        account.turns.clear()
    return spent_s / ORDERS * 1e6


def per_event_us(**exits: object) -> float:
    """Microseconds for a bar while such a position is open."""
    account = Account().run(bar(1, 100.0))
    ask(account, Action.BUY, **exits)
    bars = [bar(number + 2, 100.0) for number in range(EVENTS)]
    began_s = time.perf_counter()
    account.run(*bars)
    return (time.perf_counter() - began_s) / EVENTS * 1e6


def main() -> None:
    """Measure and print."""
    print("an entry, from the order to its booked fill and confirmed protection (us; median of rounds)")
    for name, exits in FILLS.items():
        print(f"  {name:<26}{statistics.median(per_fill_us(**exits) for _ in range(ROUNDS)):>8.0f}")
    print("a bar while a position is open (us; median of rounds)")
    for name, exits in BARS.items():
        print(f"  {name:<26}{statistics.median(per_event_us(**exits) for _ in range(ROUNDS)):>8.2f}")
