"""Splits and dividends that are known beforehand, from a file: what they make of prices, positions and histories.

An action is an event of the feed like a bar, at the start of its ex-date, so that backtest, paper and a restart take it at the same
place. What brokers have booked at a live account comes by their activities instead.
"""

from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING

from msgspec.structs import replace

from holdfast.core.adjustments import CorporateAction, LedgerChange
from holdfast.core.messages import Bar
from holdfast.core.portfolio.ledger import COST_STEP
from holdfast.core.types import NO_MONEY, NO_QUANTITY, ZERO, Money, Price, Quantity

if TYPE_CHECKING:
    from holdfast.core.state import EngineState


def dividend_of(action: CorporateAction, price: Price | None) -> Money:
    """What a share gets in money, before a split of the same day: what was stated, or its rate of the last price."""
    if action.dividend or price is None:
        return action.dividend
    return Money((price * action.dividend_rate).quantize(COST_STEP))


def price_after(action: CorporateAction, price: Price) -> Price:
    """What a price of before is worth on the ex-date: less the dividend, in shares of after the split."""
    left = price - dividend_of(action, price)
    after = (left * action.old / action.new).quantize(COST_STEP)
    return Price(after) if after > 0 else price


def bar_after(action: CorporateAction, bar: Bar) -> Bar:
    """A bar of before in shares of after the split, so that no split looks like a fall. Dividends are left in."""
    ratio = action.new / action.old
    return replace(
        bar,
        open=bar.open / ratio,
        high=bar.high / ratio,
        low=bar.low / ratio,
        close=bar.close / ratio,
        volume=bar.volume * ratio,
    )


def dividends(state: "EngineState", action: CorporateAction, each: Money) -> tuple[LedgerChange, ...]:
    """What each strategy's shares get at so much a share, and what those sold short owe to whom they were borrowed from."""
    held = state.portfolio.open_ledgers()
    parts = ((owner, ledger.worth(ledger.quantity, each)) for owner, symbol, ledger in held if symbol == action.symbol)
    return tuple(LedgerChange(owner, NO_QUANTITY, amount) for owner, amount in parts if amount)


def split(state: "EngineState", action: CorporateAction, after: Price) -> tuple[LedgerChange, ...]:
    """What each strategy's shares become; ``after`` is the price after the split.

    A strategy that held whole shares has whole shares again, what is left over is paid in money at that price, as brokers do
    (cash in lieu); one that held fractions keeps them, to the smallest step of the instrument.
    """
    changes = []
    for owner, symbol, ledger in list(state.portfolio.open_ledgers()):
        if symbol != action.symbol:
            continue
        due = ledger.quantity * action.new / action.old
        step = Decimal(1) if ledger.quantity == ledger.quantity.to_integral_value() else _step(state, symbol)
        whole = (due / step).to_integral_value(ROUND_DOWN) * step
        in_lieu = ledger.worth(due - whole, after)
        changes.append(LedgerChange(owner, Quantity(whole - ledger.quantity), in_lieu or NO_MONEY))
    return tuple(changes)


def _step(state: "EngineState", symbol: str) -> Decimal:
    return state.instrument_of(symbol).quantity_increment or ZERO
