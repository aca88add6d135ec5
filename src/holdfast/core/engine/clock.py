"""Time goes by: every input's time is taken note of before what it says, so what happens on a new trading day counts to it."""

from holdfast.core.carry import carried, nights
from holdfast.core.engine.obligations import fulfil, wake_in_time
from holdfast.core.engine.operations import impair, keep_loss_limits, record_value, restore
from holdfast.core.milestones import MarketStale, TradingDayStarted
from holdfast.core.session.calendar import TradingDay
from holdfast.core.session.causes import Cause
from holdfast.core.session.counters import DAY_TRADE_DAYS
from holdfast.core.session.square_off import next_ns
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import HOUR_NS, MINUTE_NS, iso_time

MISSED_BARS = 2
"""A symbol is silent when two of its bars could have come and none has."""


def turn_at(state: EngineState, time_ns: int, source: str = "engine") -> Turn:
    """A turn for an input of this time, which has brought with it what the clock brings. Time never goes back; 0 is unknown."""
    turn = Turn(state)
    if time_ns > state.now_ns:
        before_ns, state.now_ns = state.now_ns, time_ns
        state.host.now_ns = time_ns
    else:
        before_ns = state.now_ns
    if time_ns and state.now_ns >= state.wake_ns:
        _keep_time(state, turn, before_ns)
    turn.source = source
    return turn


def _keep_time(state: EngineState, turn: Turn, before_ns: int) -> None:
    """What the clock brings: a new trading day, the hourly valuation, a look at losses each minute, symbols gone silent, the end of positions of the day."""
    now_ns = state.now_ns
    day = state.calendar.day_at(now_ns - 1)  # what ends as a day begins, such as a daily bar, is of the day before
    if day.date != state.trading_day:
        _begin_day(state, turn, day, before_ns)
    turn.time_has_come()
    fulfil(state, turn)
    turn.begin_anew()
    schedule(state)
    if now_ns // HOUR_NS != state.hour:
        record_value(state, turn, with_strategies=True)
    elif state.limits.bounds_loss and now_ns // MINUTE_NS != before_ns // MINUTE_NS:
        keep_loss_limits(state, turn, state.equity)
    if state.stale_after_ns is not None and day.open_ns <= now_ns < day.close_ns:
        _mark_stale(state, turn, state.stale_after_ns, day.open_ns)


def _begin_day(state: EngineState, turn: Turn, day: TradingDay, before_ns: int) -> None:
    """Begin a trading day, with what the account was worth as it began.

    That is its worth at the last prices before, when those are known. Where the day began while nobody watched, the prices
    known now may be of later: then it is what the account was worth when last valued, deposits since counted.
    """
    portfolio, counters = state.portfolio, state.counters
    before = state.trading_day
    equity, pnl = counters.last_equity, portfolio.strategy_pnl(state.price)
    if before_ns <= day.start_ns or equity is None:
        equity = state.equity
    else:
        pnl |= counters.last_pnl
    counted_from = state.calendar.window_start(state.now_ns - 1, DAY_TRADE_DAYS)
    turn.record(TradingDayStarted(day.date, equity, pnl, counted_from, day.is_guess))
    if before and not state.carry.is_free:
        for cost in list(carried(state, nights(before, day.date))):
            turn.record(cost, source="exchange")
    restore(state, turn, Cause.DAILY_LOSS, "a new trading day")


def schedule(state: EngineState) -> None:
    """Set when the clock next needs looking at."""
    next_hour_ns = (state.now_ns // HOUR_NS + 1) * HOUR_NS
    state.wake_ns = min(next_hour_ns, state.calendar.next_start_ns(state.now_ns - 1) + 1)
    if state.stale_after_ns is not None:
        state.wake_ns = min(state.wake_ns, state.now_ns + MINUTE_NS)
    state.day_ends_ns = next_ns(state)
    if state.day_ends_ns:
        state.wake_ns = min(state.wake_ns, state.day_ends_ns)
    if state.limits.bounds_loss:
        state.wake_ns = min(state.wake_ns, (state.now_ns // MINUTE_NS + 1) * MINUTE_NS)
    wake_in_time(state)


def _mark_stale(state: EngineState, turn: Turn, stale_after_ns: int, open_ns: int) -> None:
    """Note what has gone silent: for longer than is configured, and than its bars are apart.

    One symbol's silence bars entries in that alone. The silence of all impairs the account, once it has listened for so long.
    """
    now_ns = state.now_ns
    for symbol, seen_ns in state.seen_ns.items():
        patience_ns = max(stale_after_ns, MISSED_BARS * state.cadence_ns.get(symbol, 0))
        if symbol not in state.stale and now_ns - max(seen_ns, open_ns) > patience_ns:
            turn.record(MarketStale(symbol, seen_ns))
    patience_ns = max(stale_after_ns, MISSED_BARS * min(state.cadence_ns.values(), default=0))
    has_listened = now_ns - max(state.listening_ns, open_ns) > patience_ns
    is_silent = bool(state.seen_ns) and state.stale.keys() >= state.seen_ns.keys()
    if is_silent and has_listened and Cause.STALE_DATA not in state.impairments:
        last = iso_time(max(state.seen_ns.values()))
        impair(state, turn, Cause.STALE_DATA, f"nothing was heard of any symbol since {last}")
