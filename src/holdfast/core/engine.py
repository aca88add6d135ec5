"""The engine: one function, :func:`step`, takes an input and gives back what happened and what to do.

Read from the top: a market event is shown to the strategies; a wish becomes a `Signal`; risk approves or refuses it; what is
approved is prepared and released, and leaves as an effect once the shell has made the records durable. What the broker
reports is judged by the table of `orders/life.py`, booked, and shown to the strategy. Commands of people take the same way.

Nothing here reads a clock, makes up an id, or touches anything outside ``state``.
"""

from collections.abc import Callable
from typing import Any

from holdfast.core import wishes
from holdfast.core.messages import (
    Bar,
    BrokerReport,
    CancelOrder,
    CancelOrders,
    CancelReleased,
    CommandDone,
    Envelope,
    FillBusted,
    Flatten,
    Flattened,
    Halt,
    Health,
    Heartbeat,
    Impaired,
    MarketEvent,
    MarketFresh,
    MarketStale,
    OrderAnomaly,
    OrderEventIgnored,
    OrderFailed,
    OrderFilled,
    OrderPrepared,
    OrderRejected,
    OrderReleased,
    PlaceOrder,
    PnlSnapshot,
    PositionChanged,
    Quote,
    Report,
    Request,
    Restored,
    Resume,
    RiskApproved,
    RiskRefused,
    Signal,
    StrategyStopped,
    SubmitOrder,
    Trade,
    TradingDayStarted,
)
from holdfast.core.orders.book import event_of, judge
from holdfast.core.orders.life import Kind
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.protection.legs import leg_terms, plan
from holdfast.core.risk.check import check, daily_loss_pct
from holdfast.core.session.account import AccountEvent
from holdfast.core.state import UNPROTECTED, EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import HOUR_NS, MINUTE_NS, ClientOrderId, OrderRole, Side, StrategyId

LEG_TRIES = 6
"""How many protective orders may come to nothing one after the other (three pairs) before the position is called unprotected."""
FLATTEN_TRIES = 3
"""How often flatten orders a position closed that won't close before it leaves the rest to a person."""

DAILY_LOSS = "daily loss"
"""The impairment of an account that has lost what its day may lose."""

Input = MarketEvent | Report | Request | Health | Heartbeat


def step(state: EngineState, event: Input) -> Turn | None:
    """Take one input; None when nothing came of it. Raises :class:`~holdfast.errors.Fatal` if an invariant is broken."""
    return _INPUTS[type(event)](state, event)


# --- the market -------------------------------------------------------------------------------------------------------


def on_market(state: EngineState, event: MarketEvent) -> Turn | None:
    """Show a market event to the strategies and act on what they wish."""
    turn = _keep_time(state, event.time_ns) if event.time_ns >= state.wake_ns else None
    show(state, event)
    if state.stale_after_ns is not None:
        turn = _freshen(state, turn, event)
    host = state.host
    if host.wishes or host.stops:
        turn = turn or Turn(state)
        _attend(state, turn, event)
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
    if beat.time_ns > state.now_ns:
        state.now_ns = host.now_ns = beat.time_ns
    turn = _keep_time(state, beat.time_ns) if beat.time_ns >= state.wake_ns else None
    if beat.time_ns >= host.wake_ns:
        host.wake(beat.time_ns)
    if host.wishes or host.stops:
        turn = turn or Turn(state)
        _attend(state, turn, None)
    return turn.finish() if turn is not None else None


def _keep_time(state: EngineState, time_ns: int) -> Turn:
    """What the clock brings: a new trading day, the hourly valuation, symbols gone silent."""
    now_ns = state.now_ns = state.host.now_ns = max(state.now_ns, time_ns)
    turn = Turn(state)
    day = state.calendar.day_at(now_ns - 1)  # what ends as a day begins, such as a daily bar, is of the day before
    if day.date != state.trading_day:
        turn.record(TradingDayStarted(day.date, state.portfolio.equity(state.price)))
        _restore(state, turn, DAILY_LOSS, "a new trading day")
    if now_ns // HOUR_NS != state.hour:
        record_value(state, turn)
    schedule(state)
    if state.stale_after_ns is not None and day.open_ns <= now_ns < day.close_ns:
        _mark_stale(state, turn, state.stale_after_ns, day.open_ns)
    return turn


def schedule(state: EngineState) -> None:
    """Set when the clock next needs looking at."""
    next_hour_ns = (state.now_ns // HOUR_NS + 1) * HOUR_NS
    state.wake_ns = min(next_hour_ns, state.calendar.next_start_ns(state.now_ns - 1) + 1)
    if state.stale_after_ns is not None:
        state.wake_ns = min(state.wake_ns, state.now_ns + MINUTE_NS)


def _mark_stale(state: EngineState, turn: Turn, stale_after_ns: int, open_ns: int) -> None:
    for symbol, seen_ns in state.seen_ns.items():
        if symbol not in state.stale and state.now_ns - max(seen_ns, open_ns) > stale_after_ns:
            turn.record(MarketStale(symbol, seen_ns))


def _freshen(state: EngineState, turn: Turn | None, event: MarketEvent) -> Turn | None:
    symbol = event.symbol
    if symbol in state.stale:
        turn = turn or Turn(state)
        turn.record(MarketFresh(symbol, state.now_ns - state.stale[symbol]))
    state.seen_ns[symbol] = event.time_ns
    return turn


def on_health(state: EngineState, health: Health) -> Turn | None:
    """Note whether something the account needs for taking risk is there."""
    if health.ok is (health.cause not in state.impairments):
        return None
    if health.time_ns > state.now_ns:
        state.now_ns = state.host.now_ns = health.time_ns
    turn = Turn(state, "health")
    (_restore if health.ok else _impair)(state, turn, health.cause, health.reason)
    return turn.finish()


def _impair(state: EngineState, turn: Turn, cause: str, reason: str) -> None:
    """Put the account into PRESERVATION for a cause that is not known yet."""
    if cause not in state.impairments:
        turn.record(Impaired(cause, reason))
    turn.account(AccountEvent.PRESERVED, f"{cause}: {reason}")


def _restore(state: EngineState, turn: Turn, cause: str, reason: str) -> None:
    """Take a cause away; the account leaves PRESERVATION with the last one."""
    if cause not in state.impairments:
        return
    turn.record(Restored(cause, reason))
    if not state.impairments:
        turn.account(AccountEvent.RELIEVED, reason)
        if state.orders.live_entries:
            turn.account(AccountEvent.ORDERED, "orders are open")


# --- from wish to order -----------------------------------------------------------------------------------------------


def _attend(state: EngineState, turn: Turn, origin: MarketEvent | Envelope | None) -> None:
    """Act on what the strategies wished and on those that were stopped. ``origin`` is what they reacted to.

    A market event is recorded when the first order or refusal comes of it, so that every order can be traced to its tick.
    """
    host = state.host
    while host.stops:
        runner, reason, detail = host.stops.pop(0)
        turn.record(StrategyStopped(runner.id, reason, detail), source=f"strategy:{runner.id}")
        for order in wishes.live_entries(state, runner.id):
            cancel(turn, order, f"strategy {runner.id} was stopped")
    for runner, wish in host.take_wishes():
        if isinstance(wish, CancelOrders):
            for order in wishes.live_entries(state, runner.id, wish.client_order_id):
                cancel(turn, order, "asked by the strategy")
            continue
        if state.flattening:  # it waits until no order is live: a new one would hold it up
            continue
        draft = wishes.draft(state, wish)
        if draft is None or (type(draft) is RiskRefused and wishes.is_repeated(state, draft)):
            continue
        if origin is not None and not isinstance(origin, Envelope):
            origin = turn.record(origin, source="feed")
            turn.correlation_id = origin.id
        if origin is None:
            turn.correlation_id = ""  # nothing but the time made it wish: a chain of its own
        on_signal(state, turn, wish, draft, f"strategy:{runner.id}", origin.id if origin else "")


def on_signal(
    state: EngineState, turn: Turn, signal: Signal, draft: RiskApproved | RiskRefused, source: str, cause: str
) -> ClientOrderId | None:
    """A wish and risk's answer to it. An approved one becomes an order, whose id is returned."""
    wish = turn.record(signal, cause, source)
    turn.correlation_id = wish.correlation_id
    turn.account(AccountEvent.WISHED, f"{signal.action} {signal.symbol}")
    answer = turn.record(draft, wish.id, "risk")
    if isinstance(draft, RiskRefused):
        turn.account(AccountEvent.REFUSED, draft.rule)
        return None
    terms = draft.terms
    position = state.portfolio.strategy_quantity(terms.strategy, terms.symbol)
    if position * terms.side.sign < 0:  # a way out: protection goes first, lest both close and one opens
        for leg in state.legs(terms.strategy, terms.symbol):
            cancel(turn, leg, "its position is being closed")
    prepare(state, turn, draft, answer.id)
    return terms.client_order_id


def prepare(state: EngineState, turn: Turn, approved: RiskApproved, cause: str) -> None:
    """Make an order of what risk approved, and release it: it leaves when both records are durable."""
    terms = approved.terms
    prepared = turn.record(OrderPrepared(terms), cause)
    turn.record(OrderReleased(terms.client_order_id), prepared.id)
    turn.effects.append(SubmitOrder(terms, state.now_ns, approved.raises_risk))
    if terms.role is OrderRole.ENTRY:
        turn.account(AccountEvent.ORDERED, terms.client_order_id)


def cancel(turn: Turn, order: Order, reason: str) -> None:
    """Ask for an order's cancel, once; the order stays live until the broker confirms."""
    if order.cancel_released_ns:
        return
    key = order.terms.client_order_id
    turn.record(CancelReleased(key, reason), order.last_record_id, correlation_id=order.correlation_id)
    turn.effects.append(CancelOrder(key, turn.state.now_ns))


# --- what the broker says ---------------------------------------------------------------------------------------------


def on_report(state: EngineState, report: Report) -> Turn:
    """Judge a broker's report by the table, record it, and book what it brings."""
    if report.time_ns > state.now_ns:
        state.now_ns = state.host.now_ns = report.time_ns
    turn = Turn(state)
    source = f"broker:{state.broker}"
    body = report.body
    order = state.orders.find(body.client_order_id)
    if order is None:
        note = OrderAnomaly(body.client_order_id, "none", type(body).__name__, "no such order in the books")
        turn.record(note, source=source)
        return turn
    cell = judge(order, body)
    cause = order.last_record_id
    turn.correlation_id = order.correlation_id
    if cell.kind is not Kind.MOVE:
        kind = OrderEventIgnored if cell.kind is Kind.IGNORED else OrderAnomaly
        turn.record(
            kind(body.client_order_id, order.state.value, event_of(order, body).value, cell.reason), cause, source
        )
    if cell.to is None:
        return turn
    record = turn.record(body, cause, source)
    _after_report(state, turn, order, body, record)
    return turn.finish()


def _after_report(state: EngineState, turn: Turn, order: Order, body: BrokerReport, record: Envelope) -> None:
    terms = order.terms
    if isinstance(body, FillBusted):
        _booked(state, turn, terms.strategy, body, record)
    elif isinstance(body, OrderFilled):
        _booked(state, turn, terms.strategy, body, record)
        state.host.on_fill(terms.strategy, body)
        if state.host.wishes or state.host.stops:
            _attend(state, turn, record)
    if terms.then and order.state is OrderState.FILLED and isinstance(body, OrderFilled) and not state.flattening:
        decision = wishes.follow_up(state, order)
        answer = turn.record(decision, record.id, "risk", record.correlation_id)
        if isinstance(decision, RiskApproved):
            prepare(state, turn, decision, answer.id)
    if terms.role is not OrderRole.ENTRY and isinstance(body, OrderRejected | OrderFailed):
        reason = f"its {terms.role} was refused ({body.reason})"
        _unprotected(turn, terms.client_order_id, terms.strategy, terms.symbol, reason)
    if state.flattening:
        flatten(state, turn, record.id)
    elif not (terms.oco_group and isinstance(body, OrderFilled)):  # the linked order's own report comes next
        protect(state, turn, terms.strategy, terms.symbol, record.id)
    if state.orders.live_entries:
        turn.account(AccountEvent.ORDERED, "orders are open")
    else:
        turn.account(AccountEvent.SETTLED, "no entry is open")


def _booked(
    state: EngineState, turn: Turn, strategy: StrategyId, fill: OrderFilled | FillBusted, record: Envelope
) -> None:
    """Record what a fill made of the position and of the account's worth."""
    portfolio = state.portfolio
    ledger, line = portfolio.ledgers[strategy, fill.symbol], portfolio.lines[fill.symbol]
    changed = PositionChanged(
        strategy,
        fill.symbol,
        ledger.quantity,
        ledger.cost,
        ledger.realised,
        ledger.fees,
        line.quantity,
        line.cost,
    )
    turn.record(changed, record.id, "portfolio", record.correlation_id)
    record_value(state, turn, record.id, record.correlation_id)


def record_value(state: EngineState, turn: Turn, cause: str = "", correlation_id: str = "") -> None:
    """Record what the account is worth now."""
    value = state.portfolio.value(state.price)
    snapshot = PnlSnapshot(
        value.equity,
        value.cash,
        value.realised,
        value.unrealised,
        value.fees,
        value.gross_exposure,
        state.day_start_equity,
    )
    turn.record(snapshot, cause, "portfolio", correlation_id)
    limit = state.limits.daily_loss_pct
    if limit is not None:
        loss = daily_loss_pct(value.equity, state.day_start_equity)
        if loss >= limit:
            _impair(state, turn, DAILY_LOSS, f"the day has lost {loss:.2f}%; {limit}% is allowed")


# --- protection -------------------------------------------------------------------------------------------------------


def protect(state: EngineState, turn: Turn, strategy: StrategyId, symbol: str, cause: str) -> None:
    """Bring a strategy's stop-loss and take-profit orders in line with its position."""
    key = (strategy, symbol)
    legs = state.legs(strategy, symbol)
    guard = state.guards.get(key)
    if guard is None and not legs:
        return
    position = state.portfolio.strategy_quantity(strategy, symbol)
    todo = plan(position, state.host.projected(key), guard.roles if guard is not None else (), legs)
    for leg in legs:
        if leg.terms.client_order_id in todo.cancel:
            cancel(turn, leg, "more than the position")
    if guard is None or not todo.protect:
        return
    if state.leg_tries.get(key, 0) >= LEG_TRIES:
        _unprotected(turn, guard.entry, strategy, symbol, f"the broker ended {LEG_TRIES} of them without a fill")
        return
    side = Side.SELL if position > 0 else Side.BUY
    ids = [state.ids.order(state.order_count + 1), state.ids.order(state.order_count + 2)]
    for terms in leg_terms(guard, strategy, symbol, side, todo.protect, ids):
        decision = check(terms, wishes.risk_view(state, terms), state.limits)
        answer = turn.record(decision, cause, "protection")
        if isinstance(decision, RiskApproved):
            prepare(state, turn, decision, answer.id)


def _unprotected(turn: Turn, order: ClientOrderId, strategy: StrategyId, symbol: str, reason: str) -> None:
    """Protection can't be had: say so loudly, and ask no more until the strategy asks for it again."""
    text = f"{strategy}'s position in {symbol} is unprotected: {reason}"
    turn.record(OrderAnomaly(order, "none", UNPROTECTED, text))


# --- commands ---------------------------------------------------------------------------------------------------------


def on_request(state: EngineState, request: Request) -> Turn:
    """Carry out a person's command and answer it."""
    if request.time_ns > state.now_ns:
        state.now_ns = state.host.now_ns = request.time_ns
    turn = Turn(state, correlation_id=request.id)
    record = turn.record(request.body, request.id, request.source)
    done = _COMMANDS[type(request.body)](state, turn, request.body, record)
    turn.record(done, record.id)
    return turn.finish()


def _place(state: EngineState, turn: Turn, command: PlaceOrder, record: Envelope) -> CommandDone:
    fault = wishes.fault_of(command.signal)
    if fault:
        return CommandDone(accepted=False, text=f"nothing was ordered: {fault}")
    draft = wishes.draft(state, command.signal)
    if draft is None:
        return CommandDone(accepted=False, text=f"nothing to do: {command.signal.symbol} is where it is asked to be")
    placed = on_signal(state, turn, command.signal, draft, record.source, record.id)
    if isinstance(draft, RiskRefused):
        return CommandDone(accepted=False, text=f"refused by {draft.rule}: {draft.text}")
    terms = draft.terms
    text = f"{terms.side} {terms.quantity} {terms.symbol} {terms.order_type} as {placed}"
    return CommandDone(accepted=True, text=text, client_order_ids=(terms.client_order_id,))


def _cancel(state: EngineState, turn: Turn, command: CancelOrders, _record: Envelope) -> CommandDone:
    wanted = [
        order
        for order in state.orders.live.values()
        if command.client_order_id in (None, order.terms.client_order_id)
        and command.symbol in (None, order.terms.symbol)
    ]
    for order in wanted:
        cancel(turn, order, "asked by a person")
    if not wanted:
        which = command.client_order_id or command.symbol or "any symbol"
        return CommandDone(accepted=False, text=f"no live order of {which}")
    ids = tuple(order.terms.client_order_id for order in wanted)
    return CommandDone(accepted=True, text=f"canceling {len(ids)} order(s)", client_order_ids=ids)


def _halt(state: EngineState, turn: Turn, command: Halt, _record: Envelope) -> CommandDone:
    turn.account(AccountEvent.HALTED, command.reason or "asked by a person")
    live = len(state.orders.live)
    still = f"; {live} order(s) still work at the broker, `holdfast cancel --all` cancels them" if live else ""
    return CommandDone(accepted=True, text=f"halted: nothing that raises risk is sent{still}")


def _resume(state: EngineState, turn: Turn, command: Resume, record: Envelope) -> CommandDone:
    if state.account_state.takes_risk:
        return CommandDone(accepted=False, text=f"the account is {state.account_state}, not halted")
    for cause in list(state.impairments):
        turn.record(Restored(cause, "resumed by a person"), record.id)
    turn.account(AccountEvent.RESUMED, command.reason or "asked by a person")
    if state.orders.live_entries:
        turn.account(AccountEvent.ORDERED, "orders are open")
    if state.flattening:
        left = tuple(f"{strategy}:{symbol}" for strategy, symbol, _ in state.portfolio.open_ledgers())
        turn.record(Flattened(left), record.id)
        return CommandDone(accepted=True, text=f"resumed; the flatten is given up with {len(left)} position(s) open")
    return CommandDone(accepted=True, text="resumed")


def _flatten(state: EngineState, turn: Turn, command: Flatten, record: Envelope) -> CommandDone:
    turn.account(AccountEvent.HALTED, command.reason or "flatten")
    live, held = len(state.orders.live), len(list(state.portfolio.open_ledgers()))
    for order in list(state.orders.live.values()):
        cancel(turn, order, "flatten")
    flatten(state, turn, record.id)
    return CommandDone(accepted=True, text=f"halted; canceling {live} order(s), closing {held} position(s)")


def flatten(state: EngineState, turn: Turn, cause: str) -> None:
    """Go on with a flatten: once no order is live, close what is held; when nothing more can be closed, it is over."""
    if state.orders.live:
        return
    left = []
    for strategy, symbol, _ in list(state.portfolio.open_ledgers()):
        signal = wishes.close_signal(strategy, symbol)
        tried = state.flatten_tries.get((strategy, symbol), 0)
        draft = wishes.draft(state, signal, way_out=True) if tried < FLATTEN_TRIES else None
        if draft is None or on_signal(state, turn, signal, draft, "flatten", cause) is None:
            left.append((strategy, symbol))
    if not state.orders.live:
        turn.record(Flattened(tuple(f"{strategy}:{symbol}" for strategy, symbol in left)), cause)
        for strategy, symbol in left:
            protect(state, turn, strategy, symbol, cause)


_INPUTS: dict[type, Callable[[EngineState, Any], Turn | None]] = {
    Bar: on_market,
    Quote: on_market,
    Trade: on_market,
    Report: on_report,
    Request: on_request,
    Health: on_health,
    Heartbeat: on_heartbeat,
}
_COMMANDS: dict[type, Callable[[EngineState, Turn, Any, Envelope], CommandDone]] = {
    PlaceOrder: _place,
    CancelOrders: _cancel,
    Halt: _halt,
    Resume: _resume,
    Flatten: _flatten,
}
