"""A small honest trader: makes the batches an engine would make, so that the books add up."""

import copy
from decimal import Decimal

from holdfast.core.codec import Ids
from holdfast.core.messages import (
    AnyBody,
    CashDeposited,
    Envelope,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderPrepared,
    OrderReleased,
    OrderTerms,
)
from holdfast.core.orders.book import OrderBook
from holdfast.core.orders.order import Order
from holdfast.core.portfolio.portfolio import Portfolio
from holdfast.core.types import ClientOrderId, Money, Price, Quantity, Side, StrategyId
from holdfast.journal import Batch, LeaseTerm, PositionRow, Reader

START_NS = 1_700_000_000_000_000_000
STRATEGY = StrategyId("ema")


class Trader:
    """Keeps the books of one account over one term. Each method makes one batch, and applies it to the books."""

    def __init__(self, lease_term: LeaseTerm) -> None:
        self.lease_term = lease_term
        self.sequence = lease_term.last_sequence
        self.ids = Ids(lease_term.account, lease_term.epoch)
        self.book = OrderBook()
        self.portfolio = Portfolio()
        self.counter = 0

    def resume(self, reader: Reader) -> "Trader":
        """Come to where the journal's records lead, as a restarted engine does."""
        for envelope in reader.records(self.lease_term.account):
            body = envelope.body
            if isinstance(body, CashDeposited):
                self.portfolio.deposit(body.amount)
                continue
            self.book.apply(envelope)
            self.counter += isinstance(body, OrderPrepared)
            if isinstance(body, OrderFilled):
                self.portfolio.book(STRATEGY, body)
        return self

    def deposit(self, amount: str = "100000") -> Batch:
        return self.batch([CashDeposited(amount=Money(Decimal(amount)), reason="start")])

    def prepare(self, quantity: str = "10", symbol: str = "IBM", side: Side = Side.BUY) -> tuple[ClientOrderId, Batch]:
        self.counter += 1
        name = self.ids.order(self.counter)
        terms = OrderTerms(name, STRATEGY, symbol, side, Quantity(Decimal(quantity)), tag="naïve Ω")
        return name, self.batch([OrderPrepared(terms=terms), OrderReleased(name)])

    def accept(self, name: ClientOrderId) -> Batch:
        return self.batch([OrderAccepted(name, f"b-{name}")])

    def fill(self, name: ClientOrderId, quantity: str, price: str = "187.35", fee: str = "0.0105") -> Batch:
        terms = self.order(name).terms
        body = OrderFilled(
            client_order_id=name,
            execution_id=f"x-{name}-{self.sequence + 1}",
            symbol=terms.symbol,
            side=terms.side,
            quantity=Quantity(Decimal(quantity)),
            price=Price(Decimal(price)),
            fee=Money(Decimal(fee)),
        )
        self.portfolio.book(STRATEGY, body)
        return self.batch([body])

    def cancel(self, name: ClientOrderId) -> Batch:
        return self.batch([OrderCanceled(name, "asked")])

    def order(self, name: ClientOrderId) -> Order:
        found = self.book.find(name)
        assert found is not None
        return found

    def envelope(self, body: AnyBody) -> Envelope:
        self.sequence += 1
        time_ns = START_NS + self.sequence * 1_000
        name = self.ids.message(self.sequence, time_ns)
        return Envelope(
            id=name,
            time_ns=time_ns,
            account=self.lease_term.account,
            broker=self.lease_term.broker,
            source="core",
            correlation_id=f"bar:{self.sequence}",
            causation_id=name,
            sequence=self.sequence,
            epoch=self.lease_term.epoch,
            cursor=self.sequence // 2,
            body=body,
        )

    def batch(self, bodies: list[AnyBody]) -> Batch:
        for body in bodies:
            if isinstance(body, CashDeposited):
                self.portfolio.deposit(body.amount)
        envelopes = [self.envelope(body) for body in bodies]
        about_orders = [envelope for envelope in envelopes if not isinstance(envelope.body, CashDeposited)]
        changed = {order.terms.client_order_id: order for order in map(self.book.apply, about_orders)}
        filled = any(isinstance(body, OrderFilled) for body in bodies)
        return Batch(
            account=self.lease_term.account,
            envelopes=envelopes,
            orders=[copy.copy(order) for order in changed.values()],
            positions=self.positions() if filled else (),
            account_state="IDLE",
            cash=self.portfolio.cash,
        )

    def positions(self) -> list[PositionRow]:
        lines = [("", symbol, line) for symbol, line in self.portfolio.lines.items()]
        books = [(strategy, symbol, book) for (strategy, symbol), book in self.portfolio.ledgers.items()]
        return [
            PositionRow(
                strategy, symbol, ledger.quantity, ledger.cost, ledger.average_price, ledger.realised, ledger.fees
            )
            for strategy, symbol, ledger in (*lines, *books)
        ]

    def day(self, orders: int) -> list[Batch]:
        """``orders`` orders, filled in two parts, some sold again, each third canceled after its first part."""
        batches = []
        for number in range(orders):
            side = Side.SELL if number % 2 else Side.BUY
            name, prepared = self.prepare("10", symbol=f"S{number % 3}", side=side)
            batches += [prepared, self.accept(name), self.fill(name, "3.5", price=f"{100 + number}.25")]
            batches.append(self.cancel(name) if number % 3 == 2 else self.fill(name, "6.5", price="101.333"))
        return batches
