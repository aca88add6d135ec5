"""The account's books: cash, a line for each symbol, and a ledger for each strategy in each symbol.

Two views of the same fills: the account's lines, as a broker would show them, and the strategies' ledgers. Their
quantities add up symbol by symbol, and so does realised + unrealised profit at any price. Where strategies hold
opposite sides of one symbol, how profit splits between realised and unrealised differs, because the account's average
cost is its own.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final

import msgspec

from holdfast.core.adjustments import AccountAdjusted, AdjustmentKind, LedgerChange
from holdfast.core.listings import InstrumentListed
from holdfast.core.messages import FillBusted, OrderFilled, PositionAdopted
from holdfast.core.portfolio.ledger import Ledger, value_of
from holdfast.core.portfolio.money import PLAIN, Balance, Rate, Rates, Terms, Valuation
from holdfast.core.types import (
    NO_MONEY,
    NO_QUANTITY,
    ONE,
    ClientOrderId,
    Money,
    Price,
    Quantity,
    Side,
    StrategyId,
    plain,
)

_FEE: Final = AdjustmentKind.FEE
_TRANSFER: Final = AdjustmentKind.TRANSFER
_BUY: Final = Side.BUY
_SELL: Final = Side.SELL

EXTERNAL = StrategyId("external")
"""The ledger of what no strategy here has bought."""

BUST = "bust "
"""What the id of an execution's undoing begins with; the execution's own follows."""


class Portfolio:
    """Changed only by :meth:`deposit`, :meth:`book`, :meth:`adjust`, :meth:`adopt`, :meth:`list` and :meth:`rate`, as the engine applies a record."""

    def __init__(self) -> None:
        self.base = Balance()
        self.foreign: dict[str, Balance] = {}  # of other currencies
        self.rates = Rates()
        self.lines: dict[str, Ledger] = {}
        self.ledgers: dict[tuple[StrategyId, str], Ledger] = {}
        self.terms: dict[str, Terms] = {}  # of symbols that aren't paid in the account's currency, one for one
        self.moved: set[str] = (
            set()
        )  # whose lines have changed since the account's sums were last worked out (`Exposure`)

    @property
    def cash(self) -> Money:
        """The cash in the account's own currency."""
        return self.base.cash

    @property
    def deposits(self) -> Money:
        """What came in of the account's own currency, less what went out."""
        return self.base.deposits

    @property
    def realised(self) -> Money:
        """What was realised in the account's own currency."""
        return self.base.realised

    @property
    def fees(self) -> Money:
        """What was paid in fees in the account's own currency."""
        return self.base.fees

    @property
    def total(self) -> Balance:
        """The money of all currencies, in the account's own at the recorded rates."""
        if not self.foreign:
            return self.base
        total = msgspec.structs.replace(self.base)
        for currency, balance in self.foreign.items():
            for name in Balance.__struct_fields__:
                amount = self.rates.in_base(getattr(balance, name), currency)
                setattr(total, name, getattr(total, name) + amount)
        return total

    @property
    def balances(self) -> dict[str, Money]:
        """The cash of other currencies."""
        return {currency: balance.cash for currency, balance in self.foreign.items()} if self.foreign else {}

    def deposit(self, amount: Money, currency: str = "") -> None:
        """Money from outside; below zero a withdrawal."""
        balance = self._balance(currency)
        balance.cash = Money(balance.cash + amount)
        balance.deposits = Money(balance.deposits + amount)

    def book(self, strategy: StrategyId, fill: OrderFilled) -> Ledger:
        """Book one execution of a strategy's order; gives the strategy's ledger back."""
        signed = fill.quantity * fill.side.sign
        line, ledger, balance = self._books(strategy, fill.symbol)
        before, fee = line.realised, fill.fee
        paid = line.worth(signed, fill.price)
        self.moved.add(fill.symbol)
        line.book(signed, fill.price, fee, paid)
        ledger.book(signed, fill.price, fee, paid if ledger.multiplier == line.multiplier else None)
        balance.realised = Money(balance.realised + line.realised - before)
        balance.fees = Money(balance.fees + fee)
        balance.cash = Money(balance.cash - paid - fee)
        return ledger

    def adopt(self, position: PositionAdopted) -> Ledger:
        """Book a position that was there before, as if it had been bought (sold short) at its average price."""
        side = _BUY if position.quantity > 0 else _SELL
        quantity = Quantity(abs(position.quantity))
        return self.book(EXTERNAL, OrderFilled(ClientOrderId(""), "", position.symbol, side, quantity, position.price))

    def adjust(self, adjusted: AccountAdjusted) -> None:
        """Book what came or went without a trade, by its kind.

        Fees are paid. Units taken as a fee are sold at the record's price to pay it; units transferred are bought at it, with money
        from outside. Dividends and interest are realised profit. A split changes the quantity and leaves the cost.
        """
        self.moved.add(adjusted.symbol)
        for change in adjusted.changes:
            line, ledger, balance = self._books(change.strategy, adjusted.symbol)
            before = line.realised
            if adjusted.kind in (_FEE, _TRANSFER):
                self._move(adjusted, change, (line, ledger), balance)
            else:
                for book in (line, ledger):
                    book.adjust(change.quantity, change.amount)
            balance.realised = Money(balance.realised + line.realised - before)
            balance.cash = Money(balance.cash + change.amount)

    @staticmethod
    def _move(adjusted: AccountAdjusted, change: LedgerChange, books: tuple[Ledger, Ledger], balance: Balance) -> None:
        """Book a fee or a transfer: the units at the record's price, the money as what it is. Cash moves by the money alone."""
        price = adjusted.price or Price(books[0].average_price)
        moved = Money(change.amount + books[0].worth(change.quantity, price))
        if adjusted.kind is _FEE:
            balance.fees = Money(balance.fees - moved)
        else:
            balance.deposits = Money(balance.deposits + moved)
        fee = Money(-moved) if adjusted.kind is _FEE else NO_MONEY
        for book in books:
            book.book(change.quantity, price, fee)

    def _books(self, strategy: StrategyId, symbol: str) -> tuple[Ledger, Ledger, Balance]:
        """The account's line in a symbol, the strategy's ledger, and the money that pays; they are begun where there is none."""
        line, ledger = self.lines.get(symbol), self.ledgers.get((strategy, symbol))
        terms = self.terms.get(symbol)
        if line is None:
            line = self.lines[symbol] = Ledger(multiplier=(terms or PLAIN).multiplier)
        if ledger is None:
            ledger = self.ledgers[strategy, symbol] = Ledger(multiplier=(terms or PLAIN).multiplier)
        return line, ledger, self.base if terms is None else self._balance(terms.currency)

    def _balance(self, currency: str) -> Balance:
        """What there is of a currency."""
        return self.foreign.setdefault(currency, Balance()) if currency else self.base

    # --- instruments and rates ---

    def list(self, listed: InstrumentListed) -> None:
        """These are a symbol's rules; what is held in it is flat where they change what it is worth (:meth:`fault_of`)."""
        symbol, terms = listed.symbol, Terms(listed.instrument.multiplier, listed.instrument.currency)
        self.moved.add(symbol)
        if terms == PLAIN:
            self.terms.pop(symbol, None)
        else:
            self.terms[symbol] = terms
        for name, book in (*self.lines.items(), *((key[1], book) for key, book in self.ledgers.items())):
            if name == symbol:
                book.multiplier = terms.multiplier

    def fault_of(self, listed: InstrumentListed) -> str:
        """Why a symbol's rules can't be these now; empty for nothing. What was earned in a currency stays in it."""
        symbol, new = listed.symbol, listed.instrument
        line, known = self.lines.get(symbol), self.terms.get(symbol, PLAIN)
        if line is None:
            return ""
        if known.currency != new.currency:
            names = [name or "the account's currency" for name in (known.currency, new.currency)]
            return f"{symbol} was traded in {names[0]}, and is in {names[1]} now; put the first back, or give it another symbol"
        if not line.quantity or line.multiplier == new.multiplier:
            return ""
        held, before, now = plain(line.quantity), plain(line.multiplier), plain(new.multiplier)
        return f"{held} {symbol} are held with multiplier {before}, and it is {now} now; close them first, or put {before} back"

    def revalues(self, listed: InstrumentListed) -> bool:
        """Whether a symbol is worth something else by these rules."""
        return self.terms.get(listed.symbol, PLAIN) != Terms(listed.instrument.multiplier, listed.instrument.currency)

    def rate(self, currency: str, rate: Rate) -> None:
        """A currency counts for so much from here on."""
        self.rates.known[currency] = rate
        self.moved.update(symbol for symbol, terms in self.terms.items() if terms.currency == currency)

    def currency_of(self, symbol: str) -> str:
        """What a symbol is paid in; empty for the account's own currency."""
        terms = self.terms.get(symbol)
        return "" if terms is None else terms.currency

    def unit(self, symbol: str) -> Decimal:
        """What a price of 1 for one unit of a symbol is worth in the account's currency; zero where no rate is known."""
        terms = self.terms.get(symbol)
        return ONE if terms is None else terms.multiplier * self.rates.of(terms.currency)

    def worth(self, symbol: str, quantity: Decimal, price: Decimal) -> Money:
        """What so many units of a symbol are worth at a price, in its own currency."""
        return value_of(quantity * self.terms.get(symbol, PLAIN).multiplier, price)

    def unrated(self) -> Iterator[str]:
        """The currencies of which there is something and no rate."""
        for currency, balance in self.foreign.items():
            if currency not in self.rates.known:
                held = (line.quantity for symbol, line in self.lines.items() if self.currency_of(symbol) == currency)
                if balance.cash or any(held):
                    yield currency

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
        """Each strategy's profit at these prices, in the account's currency: realised + unrealised - fees.

        A symbol without a price counts at its cost.
        """
        pnl: dict[StrategyId, Money] = {}
        for (strategy, symbol), ledger in self.ledgers.items():
            earned = ledger.earned
            price = price_of(symbol) if ledger.quantity else None
            if price is not None:
                earned = Money(earned + ledger.worth(ledger.quantity, price) - ledger.cost)
            if symbol in self.terms:
                earned = self.rates.in_base(earned, self.terms[symbol].currency)
            pnl[strategy] = Money(pnl.get(strategy, NO_MONEY) + earned)
        return pnl

    def value(self, price_of: Callable[[str], Price | None]) -> Valuation:
        """The account at these prices, in its own currency, symbol by symbol; a symbol without a price counts at its cost."""
        worth = cost = gross = NO_MONEY
        for symbol, line in self.lines.items():
            quantity = line.quantity
            if quantity:
                price, currency = price_of(symbol), self.currency_of(symbol)
                own = line.cost if price is None else line.worth(quantity, price)
                market_value = self.rates.in_base(own, currency)
                worth = Money(worth + market_value)
                cost = Money(cost + self.rates.in_base(line.cost, currency))
                gross = Money(gross + abs(market_value))
        total = self.total
        return Valuation(
            Money(total.cash + worth), total.cash, total.realised, Money(worth - cost), total.fees, gross, self.balances
        )


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
