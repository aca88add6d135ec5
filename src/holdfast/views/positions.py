"""What is held: each account's line in a symbol, and the strategies' shares of it."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from holdfast.core.types import ZERO
from holdfast.journal.reader import AccountPosition, Reader


class Holding(msgspec.Struct, frozen=True):
    """A quantity of a symbol, and what it cost."""

    symbol: str
    """What is held."""
    quantity: Decimal
    """How much, in units of the symbol; below zero when it is short."""
    average_price: Decimal
    """Cost by unit, in the symbol's currency."""
    cost: Decimal
    """What the open quantity cost, in the account's currency; below zero when it is short."""
    realised: Decimal
    """Profit of what was closed, in the account's currency."""
    fees: Decimal
    """What its trades have cost, in the account's currency."""


class Share(Holding, frozen=True):
    """What a strategy holds of a symbol."""

    strategy: str
    """Whose it is."""


class PositionView(Holding, frozen=True):
    """An account's line in a symbol, with the strategies that hold it."""

    account: str
    """Whose it is."""
    strategies: list[Share]
    """The strategies' shares; together they are the account's line."""


def positions(reader: Reader, account: str | None = None) -> list[PositionView]:
    """The positions of one account or all that aren't flat."""
    return open_positions(reader.positions(account))


def open_positions(rows: Iterable[AccountPosition]) -> list[PositionView]:
    """The accounts' lines that aren't flat, each with the strategies that hold it."""
    held = [row for row in rows if row.quantity != ZERO]
    return [
        PositionView(
            **_figures(line.symbol, line),
            account=line.account,
            strategies=[share(row.strategy, row.symbol, row) for row in held if row.strategy and _same(row, line)],
        )
        for line in held
        if not line.strategy
    ]


def holding(symbol: str, book: Any) -> Holding:
    """``book`` as `Ledger` or `PositionRow` have its figures."""
    return Holding(**_figures(symbol, book))


def share(strategy: str, symbol: str, book: Any) -> Share:
    """The same of a strategy."""
    return Share(**_figures(symbol, book), strategy=strategy)


def _same(one: AccountPosition, other: AccountPosition) -> bool:
    return (one.account, one.symbol) == (other.account, other.symbol)


def _figures(symbol: str, book: Any) -> dict[str, Any]:
    return {"symbol": symbol} | {name: getattr(book, name) for name in Holding.__struct_fields__[1:]}
