"""What is held, at the last prices: each account's line in a symbol with its worth, its profit so far and how much of it is protected."""

from decimal import Decimal

import msgspec

from holdfast.core.portfolio.ledger import Ledger
from holdfast.core.types import ZERO, StrategyId
from holdfast.views.books import Scratch
from holdfast.views.protection import ProtectionView, protection


class HeldShare(msgspec.Struct, frozen=True):
    """What a strategy holds of a symbol. Money is in the symbol's currency."""

    strategy: str
    """Whose it is."""
    quantity: Decimal
    """How much, in units of the symbol; below zero when it is short."""
    average_price: Decimal
    """Cost by unit."""
    cost: Decimal
    """What the open quantity cost."""
    realised: Decimal
    """Profit of what was closed."""
    fees: Decimal
    """What its trades have cost."""
    worth: Decimal | None
    """What it is worth at the last price; None while none is known."""
    unrealised: Decimal | None
    """What that is more than its cost."""
    protected: Decimal
    """How much of it the broker is known to protect, in units."""
    unprotected_since_ns: int | None
    """Since when less is protected than was asked for, in nanoseconds since 1970; None while nothing is missing."""


class HeldView(msgspec.Struct, frozen=True):
    """An account's line in a symbol."""

    account: str
    """Whose it is."""
    symbol: str
    """What is held."""
    currency: str
    """In which its money is; empty for the account's own."""
    quantity: Decimal
    """How much; below zero when it is short."""
    average_price: Decimal
    """Cost by unit."""
    cost: Decimal
    """What the open quantity cost."""
    realised: Decimal
    """Profit of what was closed."""
    fees: Decimal
    """What its trades have cost."""
    last_price: Decimal | None
    """None while none is known."""
    priced_ns: int | None
    """When that price was heard of, in nanoseconds since 1970; None when that isn't known."""
    worth: Decimal | None
    """What it is worth at that."""
    unrealised: Decimal | None
    """What that is more than its cost."""
    share_pct: Decimal | None
    """Its worth in percent of the account's equity, short ones without their sign; None where that isn't known."""
    protected: Decimal
    """How much of it the broker is known to protect, of all strategies together."""
    unprotected_since_ns: int | None
    """Since when less is protected than was asked for, of the strategy that waits longest."""
    strategies: list[HeldShare]
    """The strategies' shares; together they are the line."""


def holdings(scratch: Scratch) -> list[HeldView]:
    """Every line that isn't flat, by symbol."""
    state, prices = scratch.state, scratch.market.prices
    covers = {(StrategyId(view.strategy), view.symbol): view for view in protection(state)}
    equity = state.equity
    found = []
    for symbol, line in sorted(state.portfolio.open_lines(), key=lambda row: row[0]):
        price = state.price(symbol)
        shares = [
            _share(strategy, ledger, price, covers.get((strategy, symbol)))
            for strategy, of, ledger in state.portfolio.open_ledgers()
            if of == symbol
        ]
        worth, unrealised = _worth(line, price)
        waits = [share.unprotected_since_ns for share in shares if share.unprotected_since_ns is not None]
        own = None if worth is None else state.portfolio.worth(symbol, line.quantity, price or ZERO)
        known = prices.get(symbol)
        found.append(
            HeldView(
                account=state.account,
                symbol=symbol,
                currency=state.portfolio.currency_of(symbol),
                quantity=line.quantity,
                average_price=line.average_price,
                cost=line.cost,
                realised=line.realised,
                fees=line.fees,
                last_price=price,
                priced_ns=known.time_ns if known else None,
                worth=worth,
                unrealised=unrealised,
                share_pct=None if own is None or equity <= 0 else round(abs(own) * 100 / equity, 4),
                protected=sum((share.protected for share in shares), ZERO),
                unprotected_since_ns=min(waits, default=None),
                strategies=shares,
            )
        )
    return found


def _worth(ledger: Ledger, price: Decimal | None) -> tuple[Decimal | None, Decimal | None]:
    if price is None:
        return None, None
    worth = ledger.worth(ledger.quantity, price)
    return worth, worth - ledger.cost


def _share(strategy: str, ledger: Ledger, price: Decimal | None, cover: ProtectionView | None) -> HeldShare:
    worth, unrealised = _worth(ledger, price)
    return HeldShare(
        strategy,
        ledger.quantity,
        ledger.average_price,
        ledger.cost,
        ledger.realised,
        ledger.fees,
        worth,
        unrealised,
        cover.protected if cover else ZERO,
        cover.unprotected_since_ns if cover else None,
    )
