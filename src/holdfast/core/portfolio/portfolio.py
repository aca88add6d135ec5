"""The account's books: cash, a line for each symbol, and a ledger for each strategy in each symbol.

Two views of the same fills: the account's lines, as a broker would show them, and the strategies' ledgers. Their
quantities add up symbol by symbol, and so does realised + unrealised profit at any price. Where strategies hold
opposite sides of one symbol, how profit splits between realised and unrealised differs, because the account's average
cost is its own.
"""

from collections.abc import Callable, Iterator

import msgspec

from holdfast.core.adjustments import AccountAdjusted, AdjustmentKind, LedgerChange
from holdfast.core.messages import FillBusted, OrderFilled, PositionAdopted
from holdfast.core.portfolio.ledger import Ledger, value_of
from holdfast.core.types import (
    NO_MONEY,
    NO_QUANTITY,
    ClientOrderId,
    Money,
    Price,
    Quantity,
    Side,
    StrategyId,
)

EXTERNAL = StrategyId("external")
"""The ledger of what no strategy here has bought."""

BUST = "bust "
"""What the id of an execution's undoing begins with; the execution's own follows."""


class Valuation(msgspec.Struct, frozen=True):
    """The account at given prices: ``equity`` = cash + positions = deposits + realised + unrealised - fees, exactly."""

    equity: Money
    cash: Money
    realised: Money
    unrealised: Money
    fees: Money
    gross_exposure: Money


class Portfolio:
    """Changed only by :meth:`deposit`, :meth:`book`, :meth:`adjust` and :meth:`adopt`, which the engine calls when it applies a record."""

    def __init__(self) -> None:
        self.cash: Money = NO_MONEY
        self.deposits: Money = NO_MONEY
        self.realised: Money = NO_MONEY
        self.fees: Money = NO_MONEY
        self.lines: dict[str, Ledger] = {}
        self.ledgers: dict[tuple[StrategyId, str], Ledger] = {}
        self.moved: set[str] = (
            set()
        )  # whose lines have changed since the account's sums were last worked out (`Exposure`)

    def deposit(self, amount: Money) -> None:
        """Money from outside; below zero a withdrawal."""
        self.cash = Money(self.cash + amount)
        self.deposits = Money(self.deposits + amount)

    def book(self, strategy: StrategyId, fill: OrderFilled) -> Ledger:
        """Book one execution of a strategy's order; gives the strategy's ledger back."""
        signed = fill.quantity * fill.side.sign
        line = self.lines.get(fill.symbol)
        if line is None:
            line = self.lines[fill.symbol] = Ledger()
        ledger = self.ledgers.get((strategy, fill.symbol))
        if ledger is None:
            ledger = self.ledgers[strategy, fill.symbol] = Ledger()
        before = line.realised
        self.moved.add(fill.symbol)
        line.book(signed, fill.price, fill.fee)
        ledger.book(signed, fill.price, fill.fee)
        self.realised = Money(self.realised + line.realised - before)
        self.fees = Money(self.fees + fill.fee)
        self.cash = Money(self.cash - value_of(signed, fill.price) - fill.fee)
        return ledger

    def adopt(self, position: PositionAdopted) -> Ledger:
        """Book a position that was there before, as if it had been bought (sold short) at its average price."""
        side = Side.BUY if position.quantity > 0 else Side.SELL
        quantity = Quantity(abs(position.quantity))
        return self.book(EXTERNAL, OrderFilled(ClientOrderId(""), "", position.symbol, side, quantity, position.price))

    def adjust(self, adjusted: AccountAdjusted) -> None:
        """Book what came or went without a trade, by its kind.

        Fees are paid. Units taken as a fee are sold at the record's price to pay it; units transferred are bought at it, with money
        from outside. Dividends and interest are realised profit. A split changes the quantity and leaves the cost.
        """
        self.moved.add(adjusted.symbol)
        for change in adjusted.changes:
            line = self.lines.setdefault(adjusted.symbol, Ledger())
            ledger = self.ledgers.setdefault((change.strategy, adjusted.symbol), Ledger())
            before = line.realised
            if adjusted.kind in (AdjustmentKind.FEE, AdjustmentKind.TRANSFER):
                self._move(adjusted, change, (line, ledger))
            else:
                for book in (line, ledger):
                    book.adjust(change.quantity, change.amount)
            self.realised = Money(self.realised + line.realised - before)
            self.cash = Money(self.cash + change.amount)

    def _move(self, adjusted: AccountAdjusted, change: LedgerChange, books: tuple[Ledger, Ledger]) -> None:
        """Book a fee or a transfer: the units at the record's price, the money as what it is. Cash moves by the money alone."""
        price = adjusted.price or Price(books[0].average_price)
        moved = Money(change.amount + value_of(change.quantity, price))
        if adjusted.kind is AdjustmentKind.FEE:
            self.fees = Money(self.fees - moved)
        else:
            self.deposits = Money(self.deposits + moved)
        fee = Money(-moved) if adjusted.kind is AdjustmentKind.FEE else NO_MONEY
        for book in books:
            book.book(change.quantity, price, fee)

    def quantity(self, symbol: str) -> Quantity:
        """The account's signed position in a symbol."""
        line = self.lines.get(symbol)
        return line.quantity if line else NO_QUANTITY

    def strategy_quantity(self, strategy: StrategyId, symbol: str) -> Quantity:
        """A strategy's signed position in a symbol."""
        ledger = self.ledgers.get((strategy, symbol))
        return ledger.quantity if ledger else NO_QUANTITY

    def open_lines(self) -> Iterator[tuple[str, Ledger]]:
        """The account's positions that aren't flat."""
        return ((symbol, line) for symbol, line in self.lines.items() if line.quantity)

    def open_ledgers(self) -> Iterator[tuple[StrategyId, str, Ledger]]:
        """The strategies' positions that aren't flat."""
        return ((strategy, symbol, book) for (strategy, symbol), book in self.ledgers.items() if book.quantity)

    def strategy_pnl(self, price_of: Callable[[str], Price | None]) -> dict[StrategyId, Money]:
        """Each strategy's profit at these prices: realised + unrealised - fees. A symbol without a price counts at its cost."""
        pnl: dict[StrategyId, Money] = {}
        for (strategy, symbol), ledger in self.ledgers.items():
            earned = ledger.earned
            price = price_of(symbol) if ledger.quantity else None
            if price is not None:
                earned = Money(earned + value_of(ledger.quantity, price) - ledger.cost)
            pnl[strategy] = Money(pnl.get(strategy, NO_MONEY) + earned)
        return pnl

    def value(self, price_of: Callable[[str], Price | None]) -> Valuation:
        """The account at these prices, symbol by symbol; a symbol without a price counts at its cost."""
        worth = cost = gross = NO_MONEY
        for symbol, line in self.lines.items():
            quantity = line.quantity
            if quantity:
                price = price_of(symbol)
                market_value = line.cost if price is None else value_of(quantity, price)
                worth = Money(worth + market_value)
                cost = Money(cost + line.cost)
                gross = Money(gross + abs(market_value))
        return Valuation(Money(self.cash + worth), self.cash, self.realised, Money(worth - cost), self.fees, gross)


def reversal(bust: FillBusted) -> OrderFilled:
    """The execution that undoes one: as much, at the same price, the other way, and its fee back."""
    return OrderFilled(
        bust.client_order_id,
        bust_id(bust),
        bust.symbol,
        bust.side.opposite,
        bust.quantity,
        bust.price,
        Money(-bust.fee),
    )


def bust_id(bust: FillBusted) -> str:
    """What the undoing of an execution is known by."""
    return f"{BUST}{bust.execution_id}"
