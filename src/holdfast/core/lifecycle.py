"""Beginning and end: the records an engine makes when it takes an account, and when it lets it go."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from holdfast.core.codec import encode_params
from holdfast.core.drafts import raises
from holdfast.core.engine.obligations import conclude, fulfil
from holdfast.core.engine.obligations.protection import keep_from_trading
from holdfast.core.engine.operations import drop_waiting, restore
from holdfast.core.engine.reports import on_report
from holdfast.core.engine.settings import settle
from holdfast.core.listings import InstrumentListed
from holdfast.core.messages import (
    CashDeposited,
    OrderNotSent,
    OrderReleased,
    PositionAdopted,
    Report,
    SubmitOrder,
)
from holdfast.core.milestones import (
    AccountBound,
    EngineStarted,
    EngineStopped,
    FeedOpened,
    MarketFresh,
    RecoveryCompleted,
    StrategyStarted,
)
from holdfast.core.orders.order import Order
from holdfast.core.portfolio.compare import cost_by_currency
from holdfast.core.rates import fixed_rates
from holdfast.core.session.account import AccountEvent
from holdfast.core.session.causes import Cause
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import NO_MONEY, Money, Price, Quantity
from holdfast.errors import Refused

NO_BALANCES: Mapping[str, Money] = {}
OPENING_CASH = "opening cash"
"""The reason of the deposit that an account begins with on paper."""


def start(state: EngineState, epoch: int, version: str, process: str) -> Turn:
    """Take the account under a new epoch. Raises :class:`~holdfast.errors.Refused` for rules of instruments that can't be new now."""
    news = list(state.register.news(_known(state)))
    faults = [_fault_of_currency(state), *map(state.portfolio.fault_of, news), *_faults_of_orders(state, news)]
    for fault in filter(None, faults):
        raise Refused(f"account {state.account}: {fault}")
    state.epoch = epoch
    turn = Turn(state, "runtime")
    started = turn.record(
        EngineStarted(
            epoch,
            version,
            process,
            state.calendar.name,
            lists_instruments=True,
            currency=state.register.currency,
            fill=state.fill,
        )
    )
    for listed in news:
        turn.record(listed, started.id)
    for rate in list(fixed_rates(state)):
        turn.record(rate, started.id)
    kept = state.stopped | state.off
    running = (runner for runner in state.host.runners.values() if runner.running and runner.id not in kept)
    for runner in running:
        params = encode_params(runner.strategy.params)
        turn.record(StrategyStarted(runner.id, type(runner.strategy).__name__, runner.symbols, params), started.id)
    turn.account(AccountEvent.STARTED, f"epoch {epoch}")
    return turn.finish()


def _fault_of_currency(state: EngineState) -> str:
    """Why the account can't be in the configuration's currency; empty for nothing."""
    before, now = state.register.recorded_currency, state.register.currency
    if not now:  # nobody says: it stays what it is
        state.register.currency = now = before
    return (
        f"it is kept in {before}, and the configuration says {now}; put {before} back"
        if before not in ("", now)
        else ""
    )


def _faults_of_orders(state: EngineState, news: Iterable[InstrumentListed]) -> Iterator[str]:
    """Why symbols can't be worth something else now: their open orders were approved for what they were worth."""
    open_symbols = {order.terms.symbol for order in state.orders.live.values()}
    for listed in news:
        if listed.symbol in open_symbols and state.portfolio.revalues(listed):
            yield f"{listed.symbol} has open orders, and another multiplier or currency now; cancel them first, or put the former back"


def _known(state: EngineState) -> set[str]:
    """The symbols that the account has ever held, or has orders in."""
    return {*state.portfolio.lines, *(order.terms.symbol for order in state.orders.live.values())}


def deposit(state: EngineState, amount: Money, reason: str, balances: Mapping[str, Money] = NO_BALANCES) -> Turn:
    """Book money from outside, also of other currencies (``balances``)."""
    turn = Turn(state, "runtime")
    turn.record(CashDeposited(amount, reason))
    for currency, part in balances.items():
        turn.record(CashDeposited(part, reason, currency))
    return turn


def bind(state: EngineState, broker_account_id: str, executions: Sequence[str] = ()) -> Turn:
    """Note which of the broker's accounts this one is; ``executions`` are in its holdings already."""
    turn = Turn(state, "runtime")
    turn.record(AccountBound(broker_account_id, tuple(executions)))
    return turn


def adopt(state: EngineState, cash: Money, held: Sequence[tuple[str, Quantity, Price]]) -> Turn:
    """Take a broker's account into the books as it is: its cash, and positions at their average prices."""
    turn = Turn(state, "runtime")
    reason = "what the account held at the start"
    costs = cost_by_currency(state.portfolio, held)
    turn.record(CashDeposited(Money(cash + costs.pop("", NO_MONEY)), reason))
    for currency, cost in costs.items():
        turn.record(CashDeposited(cost, reason, currency))
    for symbol, quantity, price in held:
        turn.record(PositionAdopted(symbol, quantity, price))
    return turn


def open_feed(state: EngineState, kind: str, name: str, fingerprint: str) -> Turn:
    """Note where market data comes from; its instants are counted from zero."""
    turn = Turn(state, "runtime")
    turn.record(FeedOpened(kind, name, fingerprint, by_instant=True))
    return turn


def resend(state: EngineState, order: Order) -> Turn:
    """Send an order again under its own id, after proof that the broker doesn't have it; or close it if it is stale."""
    terms = order.terms
    if terms.expires_ns is not None and state.now_ns > terms.expires_ns:
        late = OrderNotSent(terms.client_order_id, "it had not left before the crash, and is stale now")
        turn = on_report(state, Report(state.now_ns, late))
        return conclude(state, turn)  # what waits for the order's end hears of it
    turn = Turn(state, "recovery")
    links = {"cause": order.last_record_id, "correlation_id": order.correlation_id}
    turn.record(OrderReleased(terms.client_order_id, attempt=order.attempts + 1), **links)
    turn.effects.append(SubmitOrder(terms, order.released_ns or state.now_ns, raises(state, order), order.attempts))
    return turn


def drop_intents(state: EngineState) -> Turn:
    """What strategies asked for in a market that went on without us is not asked for now."""
    turn = Turn(state, "recovery")
    for key in list(state.waiting):
        drop_waiting(state, turn, key, "the market went on while the engine was down")
    return turn


def recovered(state: EngineState, report: RecoveryCompleted, *, is_replayed: bool = False) -> Turn:
    """Every order is explained: let the account trade, unless it is halted or in preservation.

    ``is_replayed``: its market was played again from the start, so that nothing of it was missed, and its orders are on their way again.
    """
    turn = Turn(state, "recovery")
    settle(state, turn)
    turn.record(report)
    turn.account(AccountEvent.RECOVERED, "every order is explained")
    _listen_anew(state, turn)
    if state.orders.regular_count:
        turn.account(AccountEvent.ORDERED, "orders are open")
    if not is_replayed:
        _begin_protected(state, turn)
    return conclude(state, turn)


def _begin_protected(state: EngineState, turn: Turn) -> None:
    """Place what is missing, cancel what is too much, and take no new risk until that is confirmed."""
    symbols = {order.terms.symbol for order in state.orders.live.values()} | {key[1] for key in state.guards}
    for symbol in sorted(symbols):
        turn.touch(symbol)
    turn.touch_account()
    fulfil(state, turn)
    keep_from_trading(state, turn)


def _listen_anew(state: EngineState, turn: Turn) -> None:
    """What an earlier run no longer heard is heard again, if only by asking; the silence of all is counted from this start."""
    for symbol, last_ns in list(state.stale.items()):
        if state.seen_ns.get(symbol, 0) > last_ns:
            turn.record(MarketFresh(symbol, state.seen_ns[symbol] - last_ns))
    restore(state, turn, Cause.STALE_DATA, "a new start listens anew")


def nothing_recovered(state: EngineState) -> RecoveryCompleted:
    """The report of a start that found nothing."""
    return RecoveryCompleted(records=0, market_events=state.cursor // 2, open_orders=0, resent=0, not_sent=0)


def warmed_up(state: EngineState) -> None:
    """After events that were only shown: let the strategies ask for something.

    A strategy that had been stopped before a crash stays stopped; after a stop in order it has a new chance.
    """
    host = state.host
    for runner in host.runners.values():
        if runner.id in state.stopped or runner.id in state.off:
            runner.running = False
    host.stops = [stop for stop in host.stops if stop[0].id not in state.stopped | state.off]
    if state.now_ns:
        host.schedule.begin(state.now_ns, with_open=False)
        host.wake_ns = 0
    host.muted = False


def stop(state: EngineState, reason: str) -> Turn:
    """Let the account go."""
    turn = Turn(state, "runtime")
    turn.record(EngineStopped(reason))
    return turn
