"""The market: events are shown to the strategies, and what they ask for is attended to."""

from holdfast.core.adjustments import CorporateAction
from holdfast.core.corporate import price_after
from holdfast.core.engine.clock import turn_at
from holdfast.core.engine.corporate import take_action
from holdfast.core.engine.obligations.protection import follow
from holdfast.core.engine.operations import attend, restore
from holdfast.core.instant import Instant
from holdfast.core.messages import Bar, Envelope, FeedEvent, Heartbeat, Quote, Trade
from holdfast.core.milestones import MarketFresh
from holdfast.core.rates import new_rates
from holdfast.core.session.causes import Cause
from holdfast.core.state import EngineState
from holdfast.core.strategy.host import Call, Host, Intent, Runner
from holdfast.core.turn import Turn
from holdfast.core.types import Price

Asked = tuple[FeedEvent, list[tuple[Runner, Intent]], list[tuple[Runner, str, str]]]
"""An event, what strategies asked for at it, and those that were stopped at it."""


def on_market(state: EngineState, event: FeedEvent) -> Turn | None:
    """Show a market event that came alone to the strategies and act on what they ask for."""
    return on_instant(state, (event,))


def on_instant(state: EngineState, instant: Instant) -> Turn | None:
    """Show the market's events of one time to the strategies, when all of them are known, and act on what they ask for."""
    first, host = instant[0], state.host
    time_ns = first.time_ns
    turn = turn_at(state, time_ns) if time_ns >= state.wake_ns else None
    if type(first) is Bar and len(instant) == 1 and time_ns < host.wake_ns and state.stale_after_ns is None:
        known = None if state.stale or state.rate_sources.feed else host.direct.get(first.symbol)
        if known is not None and known[0] == time_ns - first.start_ns and not known[2]:  # it is part of no longer bar
            return _on_plain_bar(state, turn, first, known[1])
    before: dict[str, Price | None] = {}
    calls = _see(state, instant, before)
    for event in instant if before else ():
        if isinstance(event, CorporateAction):
            turn = take_action(state, turn, event, before[event.symbol])
    if state.stale_after_ns is not None or state.stale:  # what an earlier run noted ends though nobody asks any more
        for event in instant:
            turn = _freshen(state, turn, event)
    if state.rate_sources.feed:
        for rate in new_rates(state):
            turn = turn or Turn(state)
            turn.record(rate)
    turn = _decide(state, turn, instant, calls)
    return _follow(state, turn, instant) if state.followed else turn


def _on_plain_bar(state: EngineState, turn: Turn | None, bar: Bar, readers: list[Runner]) -> Turn | None:
    """As all that comes after it in `on_instant`, where a bar is alone in its instant: nearly every one of nearly every backtest."""
    host, time_ns = state.host, bar.time_ns
    state.cursor += 1
    if time_ns > state.now_ns:
        state.now_ns = host.now_ns = time_ns
    state.marks[bar.symbol] = bar.close
    state.exposure.priced.add(bar.symbol)
    if readers:
        host.take_bar(bar, readers)
        if host.intents or host.stops or host.gathered:
            asked: list[Asked] = []
            if host.intents or host.stops:
                _put_aside(host, bar, asked)
            _call_together(host, bar, asked)
            turn = _act(state, turn, asked) if asked else turn
    return _follow(state, turn, (bar,)) if state.followed else turn


def _follow(state: EngineState, turn: Turn | None, instant: Instant) -> Turn | None:
    """Let the stops that go by the market follow it."""
    market = [event for event in instant if not isinstance(event, CorporateAction)]
    for symbol in dict.fromkeys(event.symbol for event in market):
        if symbol in state.followed:
            turn = follow(state, turn, symbol, market)
    return turn


def _decide(state: EngineState, turn: Turn | None, instant: Instant, calls: list[Call]) -> Turn | None:
    """Call the strategies, then act on what they ask for. The event that intents come of is recorded once, however often.

    Nothing is acted on before the last of them was called: who is called later sees the orders that there were when the
    instant began, as when the instant is shown again after a restart.
    """
    host = state.host
    asked: list[Asked] = []
    for origin, event, runners in calls:
        host.call(event, runners)
        if host.intents or host.stops:
            _put_aside(host, origin, asked)
    _call_together(host, instant[-1], asked)
    return _act(state, turn, asked) if asked else turn


def _call_together(host: Host, origin: FeedEvent, asked: list[Asked]) -> None:
    host.call_together()
    if host.intents or host.stops:
        _put_aside(host, origin, asked)


def _put_aside(host: Host, origin: FeedEvent, asked: list[Asked]) -> None:
    asked.append((origin, host.intents, host.stops))
    host.intents, host.stops = [], []


def _act(state: EngineState, turn: Turn | None, asked: list[Asked]) -> Turn:
    """Act on what was asked for at an instant."""
    host, turn = state.host, turn or Turn(state)
    recorded: dict[int, FeedEvent | Envelope] = {}
    for origin, host.intents, host.stops in asked:
        known = recorded.get(id(origin), origin)
        recorded[id(origin)] = attend(state, turn, known) or known
    return turn


def show(state: EngineState, instant: Instant) -> None:
    """Let the strategies and the marks see an instant. Recovery and warm-up do only this, with the strategies muted."""
    host = state.host
    for _, event, runners in _see(state, instant, {}):
        host.call(event, runners)
    host.call_together()


def _see(state: EngineState, instant: Instant, before: dict[str, Price | None]) -> list[Call]:
    """Take an instant into marks, histories and built bars. Nobody is called yet but for what was due before: it tells whom to call.

    ``before`` is given the prices of before for symbols that a corporate action changes.
    """
    time_ns = instant[0].time_ns
    state.cursor += 1
    host = state.host
    if time_ns > state.now_ns:
        state.now_ns = host.now_ns = time_ns
    if time_ns >= host.wake_ns:
        host.wake(time_ns)
    calls: list[Call] = []
    marks, priced = state.marks, state.exposure.priced
    for event in instant:
        if isinstance(event, Bar):
            marks[event.symbol] = event.close
            priced.add(event.symbol)
            host.see_bar(event, calls)
        elif isinstance(event, Trade):
            marks[event.symbol] = event.price
            priced.add(event.symbol)
            host.see_trade(event, calls)
        elif isinstance(event, CorporateAction):
            before.setdefault(event.symbol, state.price(event.symbol))
            _see_action(state, event, calls)
        else:
            _mark_quote(state, event)
            host.see_quote(event, calls)
    if time_ns >= host.wake_ns:
        host.see_end(instant[-1], calls)
    return calls


def _see_action(state: EngineState, action: CorporateAction, calls: list[Call]) -> None:
    """Marks, histories and what is measured of them are those of after it."""
    price = state.price(action.symbol)
    if price is not None:
        state.mark(action.symbol, price_after(action, price))
    state.quotes.pop(action.symbol, None)
    if action.new != action.old:
        state.volatility.forget(action.symbol)
    state.host.see_action(action, calls)


def _mark_quote(state: EngineState, quote: Quote) -> None:
    """The mark is the midpoint of the last known bid and ask, or the one side that is known."""
    bid, ask = state.quotes.get(quote.symbol, (0.0, 0.0))
    bid, ask = quote.bid or bid, quote.ask or ask
    if bid or ask:
        state.quotes[quote.symbol] = bid, ask
        state.marks[quote.symbol] = (bid + ask) / 2 if bid and ask else bid or ask
        state.exposure.priced.add(quote.symbol)


def on_heartbeat(state: EngineState, beat: Heartbeat) -> Turn | None:
    """Let time pass where no market event carries it: timers, bars that are due, the trading day, stale data."""
    host = state.host
    turn = turn_at(state, beat.time_ns)
    if beat.time_ns >= host.wake_ns:
        host.wake(beat.time_ns)
    if host.intents or host.stops:
        attend(state, turn, None)
    return turn if turn.records else None


def _freshen(state: EngineState, turn: Turn | None, event: FeedEvent) -> Turn | None:
    if isinstance(event, CorporateAction):
        return turn
    symbol = event.symbol
    if symbol in state.stale:
        turn = turn or Turn(state)
        turn.record(MarketFresh(symbol, state.now_ns - state.stale[symbol]))
    if Cause.STALE_DATA in state.impairments:
        turn = turn or Turn(state)
        restore(state, turn, Cause.STALE_DATA, f"{symbol} has data again")
    hear(state, event)
    return turn


def hear(state: EngineState, event: FeedEvent) -> None:
    """Note when a symbol was heard of, and how far apart its bars are. What was fetched counts as what came by itself."""
    state.seen_ns[event.symbol] = event.time_ns
    if isinstance(event, Bar):
        state.cadence_ns[event.symbol] = event.time_ns - event.start_ns
