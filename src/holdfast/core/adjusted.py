"""What an adjustment makes of an account: a part of `state.py`, called as such a record is applied."""

from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec.structs import replace

from holdfast.core.adjustments import AccountAdjusted, AdjustmentKind
from holdfast.core.exits import Exits
from holdfast.core.exposure import unsettled_fee
from holdfast.core.protection.cover import closing_side
from holdfast.core.protection.legs import Guard
from holdfast.core.types import NO_MONEY, SECOND_NS, Money, Price, Side

FEE_WAIT_NS = 90 * SECOND_NS
"""How long the protection of coins waits until it is known how many are left, which asking tells within a second or two. After that it is for
as many as are there in any case: the broker may have been asked in vain, or differs in other ways."""

if TYPE_CHECKING:
    from holdfast.core.instruments import Instrument
    from holdfast.core.state import EngineState


def adjust(state: "EngineState", record: AccountAdjusted) -> None:
    """Book an adjustment. Fees, dividends and interest are losses and gains; what was transferred is neither."""
    state.portfolio.adjust(record)
    state.activities.adjust(record)
    if record.expected:
        fee_is_known(state, record.symbol)
    if record.kind is AdjustmentKind.TRANSFER:
        _transfer(state, record)
    elif record.kind is AdjustmentKind.SPLIT:
        _split(state, record)


def await_fee(state: "EngineState", symbol: str, now_ns: int) -> None:
    """Wait a little with the protection of coins whose fee isn't known: what is left of them is known in a second, and one order holds all."""
    if unsettled_fee(state, symbol):
        for key, cover in state.covers.items():
            if key[1] == symbol:
                cover.retry_ns = max(cover.retry_ns, now_ns + FEE_WAIT_NS)


def fee_is_known(state: "EngineState", symbol: str) -> None:
    """How many coins there are is known, whatever the difference is: their protection waits no more."""
    for key, cover in state.covers.items():
        if key[1] == symbol and not cover.failures:
            cover.retry_ns = 0


def _transfer(state: "EngineState", record: AccountAdjusted) -> None:
    """What comes in was there as the day began, and when the account was worth most."""
    worth = (
        state.portfolio.worth(record.symbol, record.quantity, record.price) if record.price is not None else NO_MONEY
    )
    amount = state.portfolio.rates.in_base(record.amount + worth, state.portfolio.currency_of(record.symbol))
    state.counters.deposit(amount)
    if state.trading_day:
        state.day_start_equity = Money(state.day_start_equity + amount)
    if record.price is not None and record.symbol not in state.marks:
        state.mark(record.symbol, record.price)


def _split(state: "EngineState", record: AccountAdjusted) -> None:
    """Whatever is said in prices of before is said in those of after: the last price, stops, targets; of units likewise."""
    symbol = record.symbol
    if record.price is not None:
        state.mark(symbol, record.price)
    state.quotes.pop(symbol, None)
    opened = state.counters.opened_today
    if symbol in opened:
        opened[symbol] = opened[symbol] * record.new / record.old
    instrument = state.instrument_of(symbol)
    for key, guard in state.guards.items():
        if key[1] == symbol:
            side = closing_side(state.portfolio.strategy_quantity(*key))
            state.guards[key] = split_guard(guard, record.new, record.old, side, instrument)


def split_guard(guard: Guard, new: int, old: int, side: Side, instrument: "Instrument") -> Guard:
    """A guard as it is after a split of ``new`` for ``old``; ``side`` is the one that closes its position."""

    def scaled(price: Price | None) -> Decimal | None:
        return None if price is None else price * old / new

    stop, target = scaled(guard.stop_loss), scaled(guard.take_profit)
    return replace(
        guard,
        stop_loss=None if stop is None else instrument.stop_price(stop, side),
        take_profit=None if target is None else instrument.limit_price(target, side),
        exits=None if guard.exits is None else _split_exits(guard.exits, Decimal(old) / new),
    )


def _split_exits(exits: Exits, factor: Decimal) -> Exits:
    trail, even = exits.trail_amount, exits.break_even_at
    return replace(
        exits,
        trail_amount=None if trail is None else Price(trail * factor),
        break_even_at=None if even is None else Price(even * factor),
    )
