"""What risk and sizing cost a signal: from the intent to an approved order, with the default profile and with everything on.

An account that holds five symbols and has ten orders open. The figure is the best of ten rounds, because anything else on the
machine can only make one slower.
"""

import timeit
from decimal import Decimal

from holdfast.calendars import trading_calendar
from holdfast.core import drafts
from holdfast.core.codec import Ids
from holdfast.core.instruments import AssetClass, instrument_for
from holdfast.core.messages import (
    PAPER,
    Action,
    Bar,
    CashDeposited,
    Envelope,
    OrderFilled,
    OrderPrepared,
    OrderReleased,
    OrderTerms,
    RiskApproved,
    Signal,
)
from holdfast.core.milestones import AccountStateChanged, TradingDayStarted
from holdfast.core.risk.limits import MarketHours, RiskLimits, StrategyLimits
from holdfast.core.risk.sizing import Method, Sizing
from holdfast.core.session.account import AccountState
from holdfast.core.state import EngineState, apply
from holdfast.core.strategy.api import Strategy
from holdfast.core.strategy.host import Runner
from holdfast.core.types import MINUTE_NS, Money, Price, Quantity, Side, StrategyId

D = Decimal
SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
NOW_NS = 1_381_244_400_000_000_000  # Tuesday, 8 October 2013, 15:00 UTC
ROUNDS, SIGNALS = 10, 300
OWNER = StrategyId("s")
EVERYTHING = RiskLimits(
    max_position_value=Money(D(50_000)), max_position_pct=D(50), max_gross_exposure=Money(D(500_000)), max_gross_pct=D(300),
    max_net_exposure=Money(D(500_000)), max_net_pct=D(300), max_positions=20, max_positions_by_class={AssetClass.STOCK: 20},
    daily_loss_pct=D(50), max_loss_streak=9, min_confidence=D("0.1"), require_stop=True, min_stop_pct=D("0.1"), max_stop_pct=D(20),
    cash_reserve=Money(D(1_000)), cash_reserve_pct=D(1), correlation_groups={"all": SYMBOLS, "some": SYMBOLS[:3]},
    max_group_pct=D(200), max_drawdown_pct=D(50), max_volume_pct=D(50), volume_bars=10, max_data_age_s=600.0,
    market_hours=MarketHours.REGULAR, avoid_wash_trades=True, day_trade_rule=True,
)  # fmt: skip
OWN = StrategyLimits(
    max_position_value=Money(D(50_000)), max_gross_pct=D(300), max_net_pct=D(300), max_positions=20, max_open_orders=50,
    max_orders_per_minute=100, daily_loss_pct=D(50), max_loss_streak=9,
)  # fmt: skip


def account(limits: RiskLimits, own: StrategyLimits | None) -> EngineState:
    """An account in the midst of a day."""
    state = EngineState("bench", PAPER, trading_calendar("XNYS"), instrument_for("XNYS"), limits)
    state.ids = Ids("bench", 1)
    runner = Runner(OWNER, Strategy(None), SYMBOLS, MINUTE_NS)
    state.host.add(runner, MINUTE_NS)
    if own is not None:
        state.strategy_limits[OWNER] = own
    for symbol in SYMBOLS:
        state.marks[symbol], state.seen_ns[symbol] = 100.0, NOW_NS
        for number in range(100, -1, -1):
            end_ns = NOW_NS - number * MINUTE_NS
            runner.history[symbol].append(
                Bar(symbol, end_ns, end_ns - MINUTE_NS, 100, 101, 99, 100 + number % 3, 9_000)
            )
    day = TradingDayStarted("2013-10-08", Money(D(200_000)))
    idle = AccountStateChanged(AccountState.RECOVERING, AccountState.IDLE, "")
    for body in (CashDeposited(Money(D(200_000))), day, idle):
        record(state, body)
    for number, symbol in enumerate(SYMBOLS[1:] * 3, 1):
        key = state.ids.order(number)
        record(state, OrderPrepared(OrderTerms(key, OWNER, symbol, Side.BUY, Quantity(D(20 + number)))))
        record(state, OrderReleased(key))
        if number <= 5:
            fill = OrderFilled(key, f"x{number}", symbol, Side.BUY, Quantity(D(20 + number)), Price(D(100)))
            record(state, fill)
    state.now_ns += 2 * MINUTE_NS
    return state


def record(state: EngineState, body: object) -> None:
    """Apply a record as the engine would have made it."""
    sequence = state.sequence + 1
    apply(
        state,
        Envelope(f"r{sequence}", NOW_NS, "bench", PAPER, "bench", "c", "c", sequence, 1, 0, body),  # type: ignore[arg-type]
    )


def cost_us(state: EngineState, signal: Signal) -> float:
    """Microseconds from a signal to its approval, the best round's mean."""
    answer = drafts.draft(state, signal)
    assert isinstance(answer, RiskApproved), answer
    rounds = timeit.repeat(lambda: drafts.draft(state, signal), number=SIGNALS, repeat=ROUNDS)
    return min(rounds) / SIGNALS * 1e6


def main() -> None:
    """Measure and print."""
    given = Signal(OWNER, "AAA", Action.BUY, Side.BUY, Quantity(D(50)), stop_loss=Price(D(95)))
    sized = Signal(OWNER, "AAA", Action.BUY, Side.BUY, stop_loss=Price(D(95)), confidence=0.8)
    by_range = Sizing(method=Method.VOLATILITY_TARGET, risk_pct=D("0.2"), confidence_floor=D("0.2"))
    print(f"{'risk and sizing, us per signal':34}{'quantity given':>16}{'size left to risk':>19}")
    for name, limits, own in (
        ("default profile", RiskLimits(), None),
        ("everything on, strategy's too", EVERYTHING, OWN),
        ("the same, by volatility", EVERYTHING, StrategyLimits(sizing=by_range)),
    ):
        state = account(limits, own)
        print(f"{name:34}{cost_us(state, given):>16.0f}{cost_us(state, sized):>19.0f}", flush=True)


if __name__ == "__main__":
    main()
