"""The market: events are shown to the strategies, and what they wish is attended to."""

from holdfast.core.engine.acts import attend, restore
from holdfast.core.engine.clock import STALE_DATA, turn_at
from holdfast.core.engine.protecting import follow
from holdfast.core.messages import Bar, Heartbeat, MarketEvent, Quote, Trade
from holdfast.core.milestones import MarketFresh
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn


def on_market(state: EngineState, event: MarketEvent) -> Turn | None:
    """Show a market event to the strategies and act on what they wish."""
    turn = turn_at(state, event.time_ns) if event.time_ns >= state.wake_ns else None
    show(state, event)
    if state.stale_after_ns is not None or state.stale:  # what an earlier run noted ends though nobody asks any more
        turn = _freshen(state, turn, event)
    host = state.host
    if host.wishes or host.stops:
        turn = turn or Turn(state)
        attend(state, turn, event)
    if event.symbol in state.followed:
        turn = follow(state, turn, event.symbol)
    return None if turn is None else turn.finish()


def show(state: EngineState, event: MarketEvent) -> None:
    """Let the strategies and the marks see an event. Recovery and warm-up do only this, with the strategies muted."""
    time_ns = event.time_ns
    state.cursor += 1
    host = state.host
    if time_ns > state.now_ns:
        state.now_ns = host.now_ns = time_ns
    if time_ns >= host.wake_ns:
        host.wake(time_ns)
    if isinstance(event, Bar):
        state.marks[event.symbol] = event.close
        host.on_bar(event)
    elif isinstance(event, Trade):
        state.marks[event.symbol] = event.price
        host.on_trade(event)
    else:
        _show_quote(state, event)


def _show_quote(state: EngineState, quote: Quote) -> None:
    """The mark is the midpoint of the last known bid and ask, or the one side that is known."""
    bid, ask = state.quotes.get(quote.symbol, (0.0, 0.0))
    bid, ask = quote.bid or bid, quote.ask or ask
    if bid or ask:
        state.quotes[quote.symbol] = bid, ask
        state.marks[quote.symbol] = (bid + ask) / 2 if bid and ask else bid or ask
    state.host.on_quote(quote)


def on_heartbeat(state: EngineState, beat: Heartbeat) -> Turn | None:
    """Let time pass where no market event carries it: timers, bars that are due, the trading day, stale data."""
    host = state.host
    turn = turn_at(state, beat.time_ns)
    if beat.time_ns >= host.wake_ns:
        host.wake(beat.time_ns)
    if host.wishes or host.stops:
        attend(state, turn, None)
    return turn.finish() if turn.records else None


def _freshen(state: EngineState, turn: Turn | None, event: MarketEvent) -> Turn | None:
    symbol = event.symbol
    if symbol in state.stale:
        turn = turn or Turn(state)
        turn.record(MarketFresh(symbol, state.now_ns - state.stale[symbol]))
    if STALE_DATA in state.impairments:
        turn = turn or Turn(state)
        restore(state, turn, STALE_DATA, f"{symbol} has data again")
    state.seen_ns[symbol] = event.time_ns
    return turn
