"""A market and a crowd of strategies that make use of everything, from a seed; printed as what the engine records of it.

python -m tests.scenario.busy_market SEED
"""

import random
import sys
from collections.abc import Iterator
from decimal import Decimal

from holdfast.core import codec
from holdfast.core.messages import (
    Action,
    Bar,
    CancelOrders,
    Command,
    Flatten,
    Halt,
    MarketEvent,
    PlaceOrder,
    Preserve,
    Quote,
    Resume,
    Signal,
    Trade,
)
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.strategy.api import Context, OrderFilled, Strategy, Timer
from holdfast.core.types import MANUAL, MINUTE_NS, SECOND_NS, Money, Quantity
from holdfast.strategies import EmaCross, MeanReversion
from holdfast.venue.models import PerShare
from holdfast.venue.settings import VenueSettings
from tests.scenario.account import Account, bar

SYMBOLS = ("ABC", "XYZ", "QRS")
KINDS: tuple[dict[str, float], ...] = (
    {}, {"limit_price": 0.999}, {"stop_price": 1.001}, {"limit_price": 1.002, "stop_price": 1.001}, {"trail_percent": 0.2},
)  # fmt: skip


class Restless(Strategy):
    """Does something else on every event; what it does follows from what it has seen."""

    def __init__(self, number: int) -> None:
        super().__init__(None)
        self._number = number

    def on_start(self, context: Context) -> None:
        context.every(150, "check")

    def on_bar(self, context: Context, bar: Bar) -> None:
        self._number += int(bar.close * 100) % 17
        choice, quantity = self._number % 11, 1 + self._number % 40
        if choice < 5:
            self._enter(context, bar, quantity, KINDS[choice])
        elif choice < 8:
            context.target(bar.symbol, quantity if choice == 5 else -quantity, stop_loss=None)
        elif choice == 8:
            context.close(bar.symbol)
        elif choice == 9:
            for order in context.orders(bar.symbol)[:2]:
                context.cancel(order.client_order_id)

    def _enter(self, context: Context, bar: Bar, quantity: int, kind: dict[str, float]) -> None:
        buys = self._number % 3 > 0
        sign = 1 if buys else -1
        terms = {
            name: bar.close * (1 + sign * (factor - 1)) for name, factor in kind.items() if name != "trail_percent"
        }
        terms |= {"trail_percent": kind["trail_percent"]} if "trail_percent" in kind else {}
        ask = context.buy if buys else context.sell
        in_force = ("day", "gtc", "ioc", "fok")[self._number % 4]
        guarded = self._number % 2 == 0
        ask(
            bar.symbol,
            quantity,
            time_in_force=in_force,
            stop_loss=bar.close * (1 - sign * 0.002) if guarded else None,
            take_profit=bar.close * (1 + sign * 0.003) if self._number % 5 else None,
            **terms,  # type: ignore[arg-type]
        )

    def on_fill(self, context: Context, fill: OrderFilled) -> None:
        if self._number % 7 == 0:
            context.close(fill.symbol)

    def on_timer(self, context: Context, timer: Timer) -> None:
        for position in context.positions():
            if position.quantity % 5 == 0:
                context.close(position.symbol, tag=timer.name)


class Doomed(Restless):
    """Raises one day."""

    def on_bar(self, context: Context, bar: Bar) -> None:
        super().on_bar(context, bar)
        if len(context.history(bar.symbol, 200)) == 120:
            raise RuntimeError("the end")


def market(seed: int, minutes: int) -> Iterator[MarketEvent]:
    """Bars of three symbols with quotes and trades between them."""
    chance = random.Random(seed)
    prices = dict.fromkeys(SYMBOLS, 100.0)
    for number in range(1, minutes + 1):
        for symbol in SYMBOLS:
            first = prices[symbol]
            middle = round(first * (1 + chance.gauss(0, 0.001)), 2)
            last = prices[symbol] = round(middle * (1 + chance.gauss(0, 0.001)), 2)
            end_ns = bar(number, 1.0).time_ns
            if chance.random() < 0.3:
                yield Trade(symbol, end_ns - MINUTE_NS // 2, middle, float(chance.randrange(1, 50)))
            if chance.random() < 0.3:
                yield Quote(symbol, end_ns - MINUTE_NS // 2, middle - 0.01, 30.0, middle + 0.01, 40.0)
            high, low = max(first, middle, last) + 0.01, min(first, middle, last) - 0.01
            yield bar(
                number, last, symbol=symbol, opens=first, high=high, low=low, volume=float(chance.randrange(50, 900))
            )


def in_time(events: Iterator[MarketEvent]) -> list[MarketEvent]:
    """The events in order of time."""
    return sorted(events, key=lambda event: event.time_ns)


def commands(account: Account, number: int) -> None:
    """What people ask for on the way."""
    signal = Signal(strategy=MANUAL, symbol="ABC", action=Action.BUY, quantity=Quantity(Decimal(3)))
    script: dict[int, Command] = {
        100: PlaceOrder(signal), 250: PlaceOrder(signal), 500: Halt("lunch"), 700: Resume(), 900: CancelOrders(), 1000: CancelOrders(symbol="XYZ"),
        1100: Preserve("lunch"), 1150: Resume(),
        1200: Flatten(), 1400: Resume(),
    }  # fmt: skip
    asked = script.get(number)
    if asked is not None:
        account.ask(asked, f"command-{number}")


def busy_account(seed: int, minutes: int = 400) -> Account:
    """The account after all of it."""
    account = new_account()
    for number, event in enumerate(in_time(market(seed, minutes))):
        commands(account, number)
        account.run(event)
    return account


def crowd() -> list[Strategy]:
    """Fresh strategies."""
    return [
        EmaCross(EmaCross.Params(fast=3, slow=9, quantity=Decimal(20), allow_short=True)),
        MeanReversion(MeanReversion.Params(window=8, entry=1.1, quantity=Decimal(15), allow_short=True, stop_pct=0.2)),
        Restless(1),
        Doomed(5),
    ]


SETTINGS = VenueSettings(
    volume_share=Decimal("0.05"),
    slippage_bps=Decimal(1),
    slippage_noise_bps=Decimal(2),
    latency_ns=1_000_000,
    latency_jitter_ns=40 * SECOND_NS,
    commission=PerShare(Decimal("0.005"), Decimal("0.35")),
    seed=7,
)
LIMITS = RiskLimits(max_position_value=Money(Decimal(9_000)), daily_loss_pct=Decimal(3), max_open_orders=25)
STALE_AFTER_NS = 5 * MINUTE_NS


def new_account() -> Account:
    """The account before any of it."""
    return Account(*crowd(), symbols=SYMBOLS, venue=SETTINGS, limits=LIMITS, stale_after_ns=STALE_AFTER_NS)


if __name__ == "__main__":
    for record in busy_account(int(sys.argv[1])).records:
        sys.stdout.buffer.write(codec.encode(record) + b"\n")
