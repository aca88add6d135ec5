"""A broker that lives in the process: the venue's exchange, and an account kept apart from the engine's books.

It forgets everything when the process dies. What it holds comes back from the journal: :meth:`PaperBroker.restore` is shown
every record again, and :meth:`PaperBroker.observe` every market event, in the order in which they came.
"""

from msgspec.structs import replace

from holdfast.brokers.port import BrokerAccount, BrokerPosition, ReportSink
from holdfast.core.adjustments import AccountAdjusted
from holdfast.core.instruments import Instrument, instrument_of
from holdfast.core.listings import InstrumentListed
from holdfast.core.messages import (
    PAPER,
    CancelOrder,
    CashDeposited,
    Envelope,
    FeedEvent,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFailed,
    OrderFilled,
    OrderNotSent,
    OrderPrepared,
    OrderRejected,
    OrderReleased,
    OrderReplaced,
    OrderTerms,
    Report,
    SubmitOrder,
)
from holdfast.core.portfolio.portfolio import Portfolio
from holdfast.core.types import ClientOrderId, Money, StrategyId
from holdfast.venue.exchange import Exchange

_OWN = StrategyId("paper")


class PaperBroker:
    """One paper account on one exchange."""

    name = PAPER

    def __init__(self, account: str, exchange: Exchange) -> None:
        self._account_id = f"paper:{account}"
        self._exchange = exchange
        self._books = Portfolio()
        self._listed: dict[str, Instrument] = {}
        self._now_ns = 0
        self._sink: ReportSink
        self._released: dict[ClientOrderId, tuple[OrderTerms, int]] = {}  # shown by the journal, not yet acknowledged

    def open(self, sink: ReportSink) -> None:
        """Start delivering reports to ``sink``."""
        self._sink = sink

    def deposit(self, amount: Money) -> None:
        """Book money from outside that no record has brought."""
        self._books.deposit(amount)

    def submit(self, effect: SubmitOrder) -> None:
        """Send an order to the exchange; it arrives by the time it was released, however late it is sent."""
        now_ns = max(self._now_ns, effect.released_ns)
        for report in self._exchange.submit(effect.terms, effect.released_ns, now_ns):
            self._report(report)

    def cancel(self, effect: CancelOrder) -> None:
        """Send a cancel to the exchange."""
        now_ns = max(self._now_ns, effect.released_ns)
        for report in self._exchange.cancel(effect.client_order_id, effect.released_ns, now_ns):
            self._report(report)

    def on_market(self, event: FeedEvent) -> None:
        """Let the market move; what it fills, expires or lets arrive is reported."""
        self._now_ns = event.time_ns
        for report in self._exchange.on_market(event):
            self._report(report)

    def end_instant(self) -> None:
        """What the market's last events have led to is done (`Exchange.end_instant`)."""
        self._exchange.end_instant()

    def _report(self, report: Report) -> None:
        if type(report.body) is OrderFilled:
            self._list(report.body.symbol)
            self._books.book(_OWN, report.body)
        self._sink(report)

    def _list(self, symbol: str) -> None:
        """Book by the rules that the exchange goes by: those that are new at a start come by no record that is restored here."""
        rules = instrument_of(symbol, self._exchange.instrument, self._exchange.named)
        if self._listed.get(symbol) != rules:
            self._listed[symbol] = rules
            self._books.list(InstrumentListed(symbol, rules))

    def snapshot(self) -> BrokerAccount:
        """The account as this broker has it."""
        return BrokerAccount(
            account_id=self._account_id,
            cash=self._books.cash,
            balances=self._books.balances,
            positions=[
                BrokerPosition(symbol, line.quantity, line.average_price) for symbol, line in self._books.open_lines()
            ],
        )

    def working(self) -> set[ClientOrderId]:
        """The orders that the exchange has at work."""
        return {order.terms.client_order_id for order in self._exchange.open_orders()}

    # --- coming back from the journal ---------------------------------------------------------------------------------

    def observe(self, event: FeedEvent, *, is_older_than_orders: bool) -> None:
        """See a market event again, without matching (`Exchange.observe`)."""
        self._now_ns = event.time_ns
        self._exchange.observe(event, is_older_than_orders=is_older_than_orders)

    def restore(self, envelope: Envelope) -> None:
        """See a record again: what the journal says the exchange did is what it did."""
        body, exchange = envelope.body, self._exchange
        match body:
            case OrderPrepared():
                self._released[body.terms.client_order_id] = (body.terms, envelope.time_ns)
            case OrderReleased() if body.client_order_id in self._released and body.attempt == 1:
                terms, _ = self._released[body.client_order_id]
                self._released[body.client_order_id] = (terms, envelope.time_ns)
            case OrderAccepted():
                terms, released_ns = self._released.pop(body.client_order_id)
                exchange.restore_order(terms, body.broker_order_id, released_ns, envelope.time_ns)
            case OrderFilled():
                exchange.restore_fill(body.client_order_id, body.quantity, envelope.time_ns)
                self._books.book(_OWN, body)
            case OrderReplaced():
                exchange.restore_quantity(body.client_order_id, body.quantity)
            case OrderCanceled() | OrderExpired():
                exchange.remove(body.client_order_id, envelope.time_ns)
            case OrderRejected() | OrderNotSent() | OrderFailed():
                self._released.pop(body.client_order_id, None)
                exchange.remove(body.client_order_id, envelope.time_ns)
            case InstrumentListed():
                self._books.list(body)
            case CashDeposited():
                self._books.deposit(body.amount, body.currency)
            case AccountAdjusted():
                self._books.adjust(replace(body, changes=tuple(replace(part, strategy=_OWN) for part in body.changes)))
