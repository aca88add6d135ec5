"""What a broker has booked by itself, taken into the books: fees, dividends, interest, transfers, splits."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from itertools import groupby

from holdfast.core.adjustments import (
    CASH,
    AccountAdjusted,
    ActivitiesKnown,
    AdjustmentKind,
    Bookings,
    BrokerActivity,
    LedgerChange,
)
from holdfast.core.engine.clock import turn_at
from holdfast.core.engine.operations import cancel, record_value
from holdfast.core.messages import PositionChanged
from holdfast.core.portfolio.explain import Unbooked, explain
from holdfast.core.portfolio.ledger import COST_STEP
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import NO_QUANTITY, ZERO, Money, Price, Quantity, Side, StrategyId, plain

UNIT = Decimal("0.000000001")
"""The smallest part of a share or coin."""
LARGEST_TERM = 1_000
"""The largest number in the ratio of a split."""
SOURCE = "bookings"


def on_bookings(state: EngineState, bookings: Bookings) -> Turn | None:
    """Book what explains how the broker's cash and positions differ from the books; nothing where it doesn't explain all of it."""
    found = explain(state.portfolio, state.activities, bookings)
    if found is None:
        return None
    turn = turn_at(state, bookings.time_ns, SOURCE)
    if found.known or not state.activities.is_known:
        turn.record(known(found.known))
    records = [*_adjustments(state, found.booked, bookings), *_fees(state, found.fees)]
    for record in records:
        _book(state, turn, record)
    if records:
        record_value(state, turn)
    adjusted = (record.symbol for record in records if isinstance(record, AccountAdjusted))
    for symbol in dict.fromkeys(adjusted):
        turn.touch(symbol)
    return turn if turn.records else None


def known(activities: Sequence[BrokerActivity]) -> ActivitiesKnown:
    """The record that these are in the books already."""
    return ActivitiesKnown(
        tuple(
            (each.activity_id, each.time_ns, each.amount, each.quantity) for each in activities if not each.is_canceled
        )
    )


def _book(state: EngineState, turn: Turn, adjusted: AccountAdjusted | ActivitiesKnown) -> None:
    record = turn.record(adjusted)
    if isinstance(adjusted, ActivitiesKnown):
        return
    for change in adjusted.changes:
        ledger, line = state.portfolio.ledgers[change.strategy, adjusted.symbol], state.portfolio.lines[adjusted.symbol]
        turn.record(
            PositionChanged(
                change.strategy,
                adjusted.symbol,
                ledger.quantity,
                ledger.cost,
                ledger.realised,
                ledger.fees,
                line.quantity,
                line.cost,
            ),
            record.id,
            "portfolio",
        )
    if adjusted.kind is AdjustmentKind.SPLIT:
        for order in list(state.orders.live.values()):
            if order.terms.symbol == adjusted.symbol:
                cancel(turn, order, "its price and quantity are those of before a split")


# --- what is listed ---------------------------------------------------------------------------------------------------


def _adjustments(
    state: EngineState, booked: Sequence[Unbooked], bookings: Bookings
) -> Iterator[AccountAdjusted | ActivitiesKnown]:
    """The records of what is listed. A split may be listed as what is taken away and what is given: it is booked as one."""
    splits = [each for each in booked if each.activity.kind is AdjustmentKind.SPLIT and each.quantity]
    for symbol, group in groupby(
        sorted(splits, key=lambda each: each.activity.symbol), lambda each: each.activity.symbol
    ):
        legs = list(group)
        yield _split(state, symbol, legs)
        yield known([leg.activity for leg in legs])
    for each in booked:
        if each not in splits:
            yield _listed(state, each, bookings)


def _listed(state: EngineState, each: Unbooked, bookings: Bookings) -> AccountAdjusted:
    activity = each.activity
    kind = activity.kind or AdjustmentKind.TRANSFER
    symbol = activity.symbol or CASH
    if each.quantity:
        price = activity.price or state.price(symbol) or _average(bookings, symbol)
        changes = _units(state, symbol, each.quantity, is_transfer=kind is AdjustmentKind.TRANSFER)
    else:
        price = None
        holders = _holders(state, symbol) if kind is not AdjustmentKind.TRANSFER else {}
        symbol = symbol if holders else CASH
        changes = _money(each.amount, holders)
    if each.quantity and each.amount:
        first = changes[0]
        changes = (LedgerChange(first.strategy, first.quantity, each.amount), *changes[1:])
    return AccountAdjusted(
        kind,
        symbol,
        changes,
        price,
        activity_id=activity.activity_id,
        reason=activity.reason,
        time_ns=activity.time_ns,
        settles=each.settles,
    )


def _average(bookings: Bookings, symbol: str) -> Price | None:
    return next((price for name, _, price in bookings.positions if name == symbol), None)


def _split(state: EngineState, symbol: str, legs: Sequence[Unbooked]) -> AccountAdjusted:
    """Each ledger's part in proportion; the last takes what rounding leaves.

    Prices are those of before the split unless the symbol was heard of since today's open: a split is effective with an open.
    """
    more = Quantity(sum((leg.quantity for leg in legs), NO_QUANTITY))
    held = state.portfolio.quantity(symbol)
    ratio = Fraction(held + more) / Fraction(held) if held else Fraction(1)
    ratio = ratio.limit_denominator(LARGEST_TERM) if ratio else Fraction(1)
    price = state.price(symbol)
    if price is not None and state.seen_ns.get(symbol, 0) <= state.calendar.day_at(state.now_ns).open_ns:
        price = Price((price * ratio.denominator / ratio.numerator).quantize(COST_STEP))
    amount = Money(sum((leg.amount for leg in legs), ZERO))
    reason = "; ".join(dict.fromkeys(leg.activity.reason for leg in legs))
    return AccountAdjusted(
        AdjustmentKind.SPLIT,
        symbol,
        _shares_of(_holders(state, symbol), more, amount),
        price,
        new=ratio.numerator,
        old=ratio.denominator,
        reason=reason,
        time_ns=max(leg.activity.time_ns for leg in legs),
    )


# --- fees that are not listed yet -------------------------------------------------------------------------------------


def _fees(state: EngineState, fees: Mapping[str, Decimal]) -> Iterator[AccountAdjusted]:
    """Fees that the broker has taken, as what is there says, and will list later."""
    for symbol, taken in fees.items():
        if symbol == CASH:
            changes = _money(Money(-taken), {})
            text = f"{plain(taken)} less than the trades come to: fees, which the broker has yet to list"
            yield AccountAdjusted(AdjustmentKind.FEE, CASH, changes, reason=text, expected=True)
            continue
        changes = _units(state, symbol, Quantity(-taken), is_transfer=False)
        text = f"{plain(taken)} less than was bought: the fee, which the broker has yet to list"
        yield AccountAdjusted(AdjustmentKind.FEE, symbol, changes, state.price(symbol), reason=text, expected=True)
    for symbol in (name for name in state.activities.unsettled if name not in fees):
        yield AccountAdjusted(
            AdjustmentKind.FEE, symbol, (), reason="no fee was taken of what was bought", expected=True
        )


# --- whose it is ------------------------------------------------------------------------------------------------------


def _holders(state: EngineState, symbol: str) -> dict[StrategyId, Quantity]:
    """Who holds a symbol, and how much; where nobody does, who traded it last."""
    held = {strategy: ledger.quantity for strategy, name, ledger in state.portfolio.open_ledgers() if name == symbol}
    if held:
        return held
    last = next((order for order in reversed(state.orders.finished.values()) if order.terms.symbol == symbol), None)
    return {} if last is None else {last.terms.strategy: Quantity(Decimal(1))}


def _money(amount: Money, holders: dict[StrategyId, Quantity]) -> tuple[LedgerChange, ...]:
    """Money of a symbol goes to those who hold it, in proportion to how much; other money to nobody's ledger."""
    if not amount:
        return ()
    if not holders:
        return (LedgerChange(EXTERNAL, amount=amount),)
    whole = sum(holders.values(), ZERO)
    if not whole:  # as much long as short
        return (LedgerChange(next(iter(holders)), amount=amount),)
    parts = {name: (amount * held / whole).quantize(COST_STEP, ROUND_HALF_EVEN) for name, held in holders.items()}
    last = next(reversed(parts))
    parts[last] += amount - sum(parts.values(), ZERO)
    return tuple(LedgerChange(name, amount=Money(part)) for name, part in parts.items())


def _units(state: EngineState, symbol: str, quantity: Quantity, *, is_transfer: bool) -> tuple[LedgerChange, ...]:
    """Units taken as a fee come from who bought last, as far as he holds them, then from the others; transferred ones are nobody's."""
    if is_transfer:
        return (LedgerChange(EXTERNAL, quantity),)
    holders = _holders(state, symbol)
    buyer = _last_buyer(state, symbol)
    order = ([buyer] if buyer in holders else []) + [name for name in holders if name != buyer]
    left, changes = quantity, []
    for name in order:
        part = Quantity(max(left, Quantity(-max(holders[name], ZERO))))
        if part and left < 0:
            changes.append(LedgerChange(name, part))
            left = Quantity(left - part)
    if left:
        changes.append(LedgerChange(order[0] if order else EXTERNAL, left))
    return tuple(changes)


def _last_buyer(state: EngineState, symbol: str) -> StrategyId | None:
    orders = [*reversed(state.orders.live.values()), *reversed(state.orders.finished.values())]
    bought = (order for order in orders if order.terms.symbol == symbol and order.terms.side is Side.BUY)
    return next((order.terms.strategy for order in bought if order.filled_quantity), None)


def _shares_of(holders: dict[StrategyId, Quantity], more: Quantity, amount: Money) -> tuple[LedgerChange, ...]:
    whole = sum(holders.values(), ZERO)
    parts = {name: (held * more / whole).quantize(UNIT, ROUND_HALF_EVEN) for name, held in holders.items()}
    last = next(reversed(parts))
    parts[last] += more - sum(parts.values(), ZERO)
    changes = [LedgerChange(name, Quantity(part)) for name, part in parts.items()]
    if amount:
        changes[-1] = LedgerChange(last, changes[-1].quantity, amount)
    return tuple(changes)
