"""Positions and money: fills, and what comes and goes without a trade."""

from typing import Final

from msgspec.structs import replace

from holdfast.core.adjusted import adjust, await_fee, fee_is_known
from holdfast.core.adjustments import AccountAdjusted, ActivitiesKnown
from holdfast.core.findings import BooksCompared
from holdfast.core.listings import CurrencyRate
from holdfast.core.messages import (
    CashDeposited,
    Envelope,
    FillBusted,
    OrderFilled,
    OrderTerms,
    PnlSnapshot,
    PositionAdopted,
    PositionChanged,
)
from holdfast.core.portfolio.money import Rate
from holdfast.core.portfolio.portfolio import EXTERNAL, reversal
from holdfast.core.protection.cover import Cover, mind
from holdfast.core.protection.legs import Guard, asks_protection, guard_of
from holdfast.core.state.account import Change, EngineState
from holdfast.core.state.protection import unguard
from holdfast.core.types import (
    HOUR_NS,
    ClientOrderId,
    Money,
    OrderRole,
    Price,
)
from holdfast.errors import Fatal

_REGULAR: Final = OrderRole.REGULAR
_STOP_LOSS: Final = OrderRole.STOP_LOSS


def _filled(state: EngineState, envelope: Envelope, body: OrderFilled) -> None:
    order = state.orders.apply(envelope)
    state.overdue.pop(body.client_order_id, None)
    terms = order.terms
    before = state.portfolio.strategy_quantity(terms.strategy, terms.symbol)
    held = state.portfolio.quantity(body.symbol)
    ledger = state.portfolio.book(terms.strategy, body)
    state.counters.trade(body.symbol, held, body.quantity * body.side.sign, state.trading_day)
    state.mark(body.symbol, body.price)  # our own execution is the latest price there is
    state.note_fee(body)
    key = (terms.strategy, terms.symbol)
    if ledger.quantity * before <= 0:  # flat, or turned round: what guarded the old position would close the new one
        if before:
            state.counters.end_trip(*key, ledger.earned)
        unguard(state, key)
    if asks_protection(terms) and ledger.quantity * terms.side.sign > 0:  # its prices are for the side that it opens
        known = state.guards.get(key)
        guard = state.guards[key] = guard_of(
            terms, known, _trailing(state, terms, body.price), body.executed_ns or envelope.time_ns
        )
        if guard is not known:
            if key in state.closing and state.closing[key].is_left:  # it is wanted again
                del state.closing[key]
            since_ns = state.covers[key].since_ns if known is not None else 0
            state.covers[key] = Cover(since_ns=since_ns)
            state.note_guards()
    if state.guards:
        await_fee(state, body.symbol, envelope.time_ns)
        mind(state, body.symbol, envelope.time_ns)


def _trailing(state: EngineState, terms: OrderTerms, price: Price) -> Price | None:
    """Where the trailing stop of an entry that filled at a price begins."""
    if terms.exits is None or not terms.exits.trails:
        return None
    level = price - terms.exits.distance(price) * terms.side.sign
    return state.instrument_of(terms.symbol).stop_price(level, terms.side.opposite)


def _busted(state: EngineState, envelope: Envelope, body: FillBusted) -> None:
    terms = state.orders.apply(envelope).terms
    before = state.portfolio.strategy_quantity(terms.strategy, terms.symbol)
    ledger = state.portfolio.book(terms.strategy, reversal(body))
    if not before:
        state.counters.reopen_trip(terms.strategy, terms.symbol)
        if terms.role is not _REGULAR:
            _guard_again(state, terms)
    elif ledger.quantity * before <= 0:
        unguard(state, (terms.strategy, terms.symbol))
        state.counters.void_trip(terms.strategy, terms.symbol, ledger.earned)
    mind(state, terms.symbol, envelope.time_ns)


def _guard_again(state: EngineState, leg: OrderTerms) -> None:
    """A position that is back because its exit's execution was undone is guarded as it was: where that exit stood, and as its entry asked."""
    entry = None if leg.parent is None else state.orders.find(leg.parent)
    guard = Guard(leg.parent or ClientOrderId(""), None, None)
    if entry is not None:
        terms = entry.terms
        guard = Guard(terms.client_order_id, terms.stop_loss, terms.take_profit, terms.exits, entry.updated_ns)
    key = (leg.strategy, leg.symbol)
    is_stop = leg.role is _STOP_LOSS
    state.guards[key] = (
        replace(guard, stop_loss=leg.stop_price) if is_stop else replace(guard, take_profit=leg.limit_price)
    )
    state.covers[key] = Cover()
    state.note_guards()


def _adopted(state: EngineState, envelope: Envelope, body: PositionAdopted) -> None:
    before = state.portfolio.strategy_quantity(EXTERNAL, body.symbol)
    ledger = state.portfolio.adopt(body)
    if ledger.quantity * before <= 0:
        unguard(state, (EXTERNAL, body.symbol))
    if not ledger.quantity:
        state.counters.void_trip(EXTERNAL, body.symbol, ledger.earned)
    if body.symbol not in state.marks:  # what it cost once says less than any price of the market
        state.mark(body.symbol, body.price)
    mind(state, body.symbol, envelope.time_ns)


def _position(state: EngineState, envelope: Envelope, body: PositionChanged) -> None:
    held = state.portfolio.strategy_quantity(body.strategy, body.symbol)
    if held != body.quantity or state.portfolio.quantity(body.symbol) != body.account_quantity:
        raise Fatal(
            f"record {envelope.sequence}: the fills give {body.strategy} {held} {body.symbol}, not {body.quantity}"
        )


def _deposited(state: EngineState, _envelope: Envelope, body: CashDeposited) -> None:
    state.portfolio.deposit(body.amount, body.currency)
    _came_in(state, state.portfolio.rates.in_base(body.amount, body.currency))


def _came_in(state: EngineState, amount: Money) -> None:
    """What comes in during a day was there at its start, as far as gains and losses go."""
    state.counters.deposit(amount)
    if state.trading_day:
        state.day_start_equity = Money(state.day_start_equity + amount)


def _rated(state: EngineState, envelope: Envelope, body: CurrencyRate) -> None:
    """A currency's first rate makes known what was there before: that is no gain."""
    is_first, before = body.currency not in state.portfolio.rates.known, state.equity
    state.portfolio.rate(body.currency, Rate(body.rate, envelope.time_ns, body.source))
    if is_first:
        _came_in(state, Money(state.equity - before))


def _account_adjusted(state: EngineState, envelope: Envelope, body: AccountAdjusted) -> None:
    before = {
        change.strategy: state.portfolio.strategy_quantity(change.strategy, body.symbol) for change in body.changes
    }
    adjust(state, body)
    if state.gaps.get(body.symbol) == body.quantity:  # that was the difference
        del state.gaps[body.symbol]
    for strategy, held in before.items():
        ledger = state.portfolio.ledgers[strategy, body.symbol]
        if held and ledger.quantity * held <= 0:
            unguard(state, (strategy, body.symbol))
            state.counters.void_trip(strategy, body.symbol, ledger.earned)
    mind(state, body.symbol, envelope.time_ns)


def _activities_known(state: EngineState, _envelope: Envelope, body: ActivitiesKnown) -> None:
    state.activities.know(body)


def _compared(state: EngineState, envelope: Envelope, body: BooksCompared) -> None:
    found = {} if body.accepted else {line.symbol: line.gap for line in body.lines if not line.agrees}
    changed = [symbol for symbol in {**state.gaps, **found} if state.gaps.get(symbol) != found.get(symbol)]
    state.gaps.clear()
    state.gaps.update(found)
    state.exposure.moved.update(changed)
    if body.accepted:
        state.accepted_ns = envelope.time_ns
    for symbol in changed:
        fee_is_known(state, symbol)
        mind(state, symbol, envelope.time_ns)


def _valued(state: EngineState, envelope: Envelope, body: PnlSnapshot) -> None:
    state.counters.value(body.equity, body.strategy_pnl)
    state.hour = envelope.time_ns // HOUR_NS


CHANGES: dict[type, Change] = {
    OrderFilled: _filled,
    FillBusted: _busted,
    PositionAdopted: _adopted,
    BooksCompared: _compared,
    PositionChanged: _position,
    CashDeposited: _deposited,
    CurrencyRate: _rated,
    AccountAdjusted: _account_adjusted,
    ActivitiesKnown: _activities_known,
    PnlSnapshot: _valued,
}
"""What each record changes here."""
