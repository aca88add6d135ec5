"""The strategies of the audit as a user would write them; what they decide is exact, so that only the engine is on trial."""

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from holdfast.core.strategy.api import Bar, Context, Parameters, Strategy
from tests.audit import reference
from tests.audit.reference import Decide, Plan, Row

NEW_YORK = ZoneInfo("America/New_York")


def exact(bar: Bar) -> Row:
    """A bar as the reference has it."""
    prices = (Fraction(Decimal(repr(price))) for price in (bar.open, bar.high, bar.low, bar.close))
    return Row(bar.symbol, bar.time_ns, "", *prices)


def number(value: Fraction | None) -> Decimal | None:
    return None if value is None else Decimal(value.numerator) / Decimal(value.denominator)


class Decided(Strategy):
    """Asks for what a plan of the reference wants."""

    make: Callable[[], Decide]

    def on_start(self, context: Context) -> None:
        self.decide = type(self).make()

    def on_bar(self, context: Context, bar: Bar) -> None:
        plan = self.decide(exact(bar))
        if plan is not None:
            self.carry_out(context, bar.symbol, plan)

    def carry_out(self, context: Context, symbol: str, plan: Plan) -> None:
        if plan.replaces:
            for order in context.orders():
                context.cancel(order.client_order_id)
        if plan.is_entry_only:
            if context.position(symbol).quantity or (context.orders() and not plan.replaces):
                return
            limit, stop, target = number(plan.limit), number(plan.stop), number(plan.target)
            context.buy(symbol, plan.position, limit_price=limit, stop_loss=stop, take_profit=target)
        else:
            context.target(symbol, plan.position, stop_loss=number(plan.stop), take_profit=number(plan.target))


class SmaCross(Decided):
    """Averages of 10 and 30 bars, with stop and target."""

    make = staticmethod(lambda: reference.sma_cross(10, 30, 100))


class LimitWithExits(Decided):
    """Buys 1 % below the close, out 1 % from there either way."""

    make = staticmethod(lambda: reference.dips(Fraction(1), 100, exits_pct=Fraction(1)))


class LimitReplaced(Decided):
    """The same, canceled and asked for anew with each bar."""

    make = staticmethod(lambda: reference.dips(Fraction(1), 100, exits_pct=Fraction(1), replaces=True))


class Peek(Strategy):
    """Long in SPY when IWM rose today, else short."""

    Params = Parameters

    def __init__(self, params: Parameters) -> None:
        super().__init__(params)
        self.last = 0.0

    def on_bar(self, context: Context, bar: Bar) -> None:
        if bar.symbol == "IWM":
            before, self.last = self.last, bar.close
            if before:
                context.target("SPY", 100 if bar.close > before else -100)


class Monthly(Strategy):
    """Equal money in each symbol, set right with the first bars of a month."""

    Params = Parameters

    def __init__(self, params: Parameters) -> None:
        super().__init__(params)
        self.month = ""

    def on_bars(self, context: Context, bars: Mapping[str, Bar]) -> None:
        day = dt.datetime.fromtimestamp(next(iter(bars.values())).start_ns / 1e9, NEW_YORK)
        if f"{day:%Y-%m}" == self.month:
            return
        self.month = f"{day:%Y-%m}"
        for symbol, bar in bars.items():
            context.target(symbol, int(10_000 // bar.close))
