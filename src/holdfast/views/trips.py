"""Round trips out of a journal: what a strategy's position in a symbol came to, from flat to flat or until it turned round.

They are those of a backtest (docs/statistics.md), walked again through the journal's executions with the ledger's own arithmetic.
An execution that was undone counts as if it had never been, so a trip is right after the fact too; the books have the undoing as a trade of its
own. Money is in the symbol's currency.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from holdfast.core.adjustments import AccountAdjusted, AdjustmentKind, LedgerChange
from holdfast.core.arithmetic import EXACT, use_exact
from holdfast.core.messages import OrderPrepared, OrderTerms, PositionAdopted
from holdfast.core.portfolio.ledger import COST_STEP, Ledger
from holdfast.core.portfolio.portfolio import BUST, EXTERNAL
from holdfast.core.protection.legs import stop_distance
from holdfast.core.types import NO_MONEY, ONE, ZERO, Money, Price
from holdfast.journal.reader import FillRow, Reader

Change = FillRow | tuple[int, int, AccountAdjusted, LedgerChange] | tuple[int, int, PositionAdopted]
"""What moves a position; of what is no execution the sequence and the time come first."""


class Deal(msgspec.Struct, frozen=True):
    """A part of an execution, as far as it is of one trip."""

    client_order_id: str
    """Of which order; empty for what came without one."""
    opens: bool
    """Whether it opened the position or added to it; else it closed some of it."""
    quantity: Decimal
    """How much, above zero."""
    price: Decimal
    """At which price."""
    fee: Decimal
    """What it cost."""
    realised: Decimal
    """What it realised, before its fee."""
    time_ns: int
    """When, in nanoseconds since 1970."""


class Trip(msgspec.Struct, frozen=True):
    """A round trip, over or under way. Quantities and prices are those after any split."""

    account: str
    """Whose it is."""
    strategy: str
    """Which strategy's."""
    symbol: str
    """In what."""
    side: str
    """``long`` or ``short``."""
    quantity: Decimal
    """The most that was held, above zero."""
    held: Decimal
    """What is held still, above zero; 0 when it is over."""
    opened: Decimal
    """All that was opened."""
    entry_price: Decimal
    """The average price of that, to ten decimals."""
    exit_price: Decimal | None
    """The average price of what was closed; None when nothing was traded away."""
    profit: Decimal
    """What was realised so far, dividends included, less fees."""
    fees: Decimal
    """What it has cost so far."""
    deals: tuple[Deal, ...]
    """Its executions, in order."""
    entry_ns: int
    """When it began, in nanoseconds since 1970."""
    exit_ns: int | None
    """When it ended; None while it is open."""

    @property
    def is_over(self) -> bool:
        """Whether nothing is held any more."""
        return self.exit_ns is not None

    def of(self, client_order_id: str) -> list[Deal]:
        """The executions of an order that belong to it."""
        return [deal for deal in self.deals if deal.client_order_id == client_order_id]


class _Walk:
    """Follows one strategy's position in one symbol. ``found`` are its trips so far."""

    def __init__(self, account: str, strategy: str, symbol: str, unit: Decimal) -> None:
        self._whose = account, strategy, symbol
        self._ledger = Ledger(multiplier=unit)
        self.found: list[Trip] = []
        self._begin(NO_MONEY, NO_MONEY, 0)

    def _begin(self, realised: Money, fees: Money, time_ns: int) -> None:
        self._realised, self._fees, self._entry_ns = realised, fees, time_ns
        self._deals: list[Deal] = []
        self._side = ""
        self._largest = self._opened = self._opened_worth = self._closed = self._closed_worth = ZERO

    def fill(self, order: str, signed: Decimal, price: Price, fee: Money, time_ns: int) -> None:
        """An execution; one that turns the position round ends a trip and begins another, its fee split by quantity."""
        held = self._ledger.quantity
        if held * signed < 0 and abs(signed) > abs(held):
            share = Money((fee * abs(held) / abs(signed)).quantize(COST_STEP))
            self._piece(order, -held, price, share, time_ns)
            signed, fee = signed + held, Money(fee - share)
        self._piece(order, signed, price, fee, time_ns)

    def _piece(self, order: str, signed: Decimal, price: Price, fee: Money, time_ns: int) -> None:
        ledger = self._ledger
        if not ledger.quantity:
            self._begin(ledger.realised, ledger.fees, time_ns)
            self._side = "long" if signed > 0 else "short"
        opens, before, quantity = ledger.quantity * signed >= 0, ledger.realised, abs(signed)
        ledger.book(signed, price, fee)
        self._deals.append(Deal(order, opens, quantity, price, fee, ledger.realised - before, time_ns))
        if opens:
            self._opened += quantity
            self._opened_worth += quantity * price
        else:
            self._closed += quantity
            self._closed_worth += quantity * price
        self._moved(time_ns)

    def adopt(self, body: PositionAdopted, time_ns: int) -> None:
        """What was there before is booked as if it had been bought at its average price."""
        self.fill("", body.quantity, body.price, NO_MONEY, time_ns)

    def adjust(self, body: AccountAdjusted, change: LedgerChange, time_ns: int) -> None:
        """What came or went without a trade, as the portfolio books it."""
        ledger = self._ledger
        if body.kind in (AdjustmentKind.FEE, AdjustmentKind.TRANSFER):
            price = body.price or ledger.average_price
            moved = Money(change.amount + ledger.worth(change.quantity, price))
            fee = Money(-moved) if body.kind is AdjustmentKind.FEE else NO_MONEY
            if body.kind is AdjustmentKind.TRANSFER and change.quantity:
                self.fill("", change.quantity, price, fee, time_ns)
                return
            ledger.book(change.quantity, price, fee)
        else:
            ledger.adjust(change.quantity, change.amount)
        if body.kind is AdjustmentKind.SPLIT:
            self._opened, self._closed, self._largest = (
                EXACT.divide(number * body.new, Decimal(body.old))
                for number in (self._opened, self._closed, self._largest)
            )
        if self._deals:
            self._moved(time_ns)

    def _moved(self, time_ns: int) -> None:
        self._largest = max(self._largest, abs(self._ledger.quantity))
        if not self._ledger.quantity:
            self.found.append(self._trip(time_ns))
            self._begin(self._ledger.realised, self._ledger.fees, time_ns)

    def _trip(self, exit_ns: int | None) -> Trip:
        ledger = self._ledger
        fees = ledger.fees - self._fees
        return Trip(
            *self._whose,
            side=self._side,
            quantity=self._largest,
            held=abs(ledger.quantity),
            opened=self._opened,
            entry_price=round(EXACT.divide(self._opened_worth, self._opened), 10),
            exit_price=round(EXACT.divide(self._closed_worth, self._closed), 10) if self._closed else None,
            profit=ledger.realised - self._realised - fees,
            fees=fees,
            deals=tuple(self._deals),
            entry_ns=self._entry_ns,
            exit_ns=exit_ns,
        )

    def all(self) -> list[Trip]:
        """Its trips, the one under way last."""
        return [*self.found, self._trip(None)] if self._ledger.quantity else self.found


def trips(reader: Reader, account: str, strategy: str, symbol: str, unit: Decimal = ONE) -> list[Trip]:
    """A strategy's round trips in a symbol, in order, the one under way last; ``unit`` is the symbol's multiplier. Raises JournalError."""
    use_exact()  # this thread may never have computed for an account
    walk = _Walk(account, strategy, symbol, unit)
    for change in _changes(reader, account, strategy, symbol):
        if isinstance(change, FillRow):
            signed = change.quantity * change.side.sign
            walk.fill(change.client_order_id, signed, Price(change.price), Money(change.fee), change.time_ns)
        elif len(change) == 3:
            walk.adopt(change[2], change[1])
        else:
            walk.adjust(change[2], change[3], change[1])
    return walk.all()


def _changes(reader: Reader, account: str, strategy: str, symbol: str) -> Iterable[Change]:
    """All that moved the position, in order; neither undone executions nor what undid them."""
    found: list[tuple[int, Change]] = [(row.sequence, row) for row in _standing(reader, account, strategy, symbol)]
    for record in reader.records_of(account, (AccountAdjusted, PositionAdopted)):
        body, place = record.body, (record.sequence, record.time_ns)
        if isinstance(body, PositionAdopted) and body.symbol == symbol and strategy == EXTERNAL:
            found.append((record.sequence, (*place, body)))
        elif isinstance(body, AccountAdjusted) and body.symbol == symbol:
            found += [(record.sequence, (*place, body, each)) for each in body.changes if each.strategy == strategy]
    return (change for _, change in sorted(found, key=lambda each: each[0]))


def _standing(reader: Reader, account: str, strategy: str, symbol: str) -> Iterator[FillRow]:
    rows = reader.fills_of(account, strategy, symbol)
    undone = {row.execution_id.removeprefix(BUST) for row in rows if row.execution_id.startswith(BUST)}
    return (row for row in rows if row.execution_id.removeprefix(BUST) not in undone)


def trip_of(reader: Reader, client_order_id: str, unit: Decimal = ONE) -> Trip | None:
    """The trip that an order belongs to: of an order that turned its position round, the one that it ended. None when nothing of it stands.

    Raises :class:`~holdfast.errors.InvalidValue` when there is no such order.
    """
    order = reader.order(client_order_id)
    mine = [
        trip
        for trip in trips(reader, order.account, order.strategy, order.symbol, unit)
        if any(deal.client_order_id == client_order_id for deal in trip.deals)
    ]
    return mine[0] if mine else None


def risk_of(reader: Reader, trip: Trip) -> Decimal | None:
    """What the stops that a trip's entries asked for would have lost from where they filled, for a multiplier of 1.

    None where one had none, as in docs/statistics.md.
    """
    use_exact()
    total, known = ZERO, dict[str, OrderTerms | None]()
    for deal in trip.deals:
        if not deal.opens:
            continue
        order = deal.client_order_id
        if order not in known:
            known[order] = _terms_of(reader, order)
        terms = known[order]
        distance = ZERO if terms is None else stop_distance(terms, deal.price)
        if not distance:
            return None
        total += distance * deal.quantity
    return total


def _terms_of(reader: Reader, client_order_id: str) -> OrderTerms | None:
    """What an order of ours asked for; None for one from elsewhere."""
    if not client_order_id:
        return None
    order = reader.order(client_order_id)
    for record in reader.records_at(order.account, order.created_ns, OrderPrepared):
        if isinstance(record.body, OrderPrepared) and record.body.terms.client_order_id == client_order_id:
            return record.body.terms
    return None
