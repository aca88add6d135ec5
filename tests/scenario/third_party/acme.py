"""An adapter as another package would bring it: a broker that fills every order at once, and its market data."""

import asyncio
import time
from collections.abc import Callable, Sequence
from decimal import Decimal

from holdfast.brokers.adapter import Adapter, FeedRequest, Watched
from holdfast.brokers.capability import Capability, IdempotencyClass
from holdfast.brokers.port import (
    Asset,
    AtBroker,
    BrokerAccount,
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    LastCheck,
    MarkUnresolved,
    ReportSink,
    StreamStatus,
    TellStream,
)
from holdfast.core.adjustments import BrokerActivity
from holdfast.core.broker_rules import ANY_ORDER
from holdfast.core.messages import (
    Bar,
    BrokerName,
    BrokerReport,
    CancelOrder,
    MarketEvent,
    OrderAccepted,
    OrderFilled,
    OrderTerms,
    Report,
    SubmitOrder,
)
from holdfast.core.orders.order import Order
from holdfast.core.ranges import Ranged
from holdfast.core.types import MINUTE_NS, Money, Price, Quantity
from holdfast.errors import ConfigError
from holdfast.feeds.live import Deliver, FeedStatus, TellStatus

NAME = BrokerName("acme")
PRICE = 50
BAR_EVERY_S = 0.1


class AcmeSection(Ranged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[acme]``."""

    token: str | None = None


class AcmeBroker:
    """Holds what it was sent in lists."""

    name = NAME
    capability = Capability(
        idempotency=IdempotencyClass.UNIQUE_ID,
        settle_s=0.1,
        negatives=1,
        largest_id=20,
        requests_per_minute=600,
        rules=ANY_ORDER,
        sources={},
    )

    def __init__(self) -> None:
        self._sink: ReportSink
        self._now_ns: Callable[[], int]
        self._orders: list[BrokerOrder] = []

    def open(
        self, sink: ReportSink, last_check: LastCheck, mark_unresolved: MarkUnresolved, now_ns: Callable[[], int]
    ) -> None:
        self._sink, self._now_ns, self._last_check = sink, now_ns, last_check

    def know(self, orders: Sequence[Order]) -> None:
        """Every order is known by its id."""

    def submit(self, effect: SubmitOrder) -> None:
        terms = effect.terms
        assert self._last_check(effect) is None
        number = f"acme-{len(self._orders) + 1}"
        now_ns = self._now_ns()
        filled = BrokerOrder(
            terms.client_order_id, number, terms.symbol, terms.side, terms.quantity, terms.quantity, AtBroker.FILLED, now_ns, now_ns
        )  # fmt: skip
        self._orders.append(filled)
        self._report(OrderAccepted(terms.client_order_id, number))
        price = Price(Decimal(PRICE))
        self._report(
            OrderFilled(terms.client_order_id, f"{number}:1", terms.symbol, terms.side, terms.quantity, price, broker_order_id=number)
        )  # fmt: skip

    def cancel(self, effect: CancelOrder) -> None:
        raise AssertionError("nothing is left to cancel")

    def _report(self, body: BrokerReport) -> None:
        self._sink(Report(self._now_ns(), body))

    async def run(self, tell: TellStream) -> None:
        await tell(StreamStatus(connected=True, reason="it is here"))
        await asyncio.Event().wait()

    async def clock_ns(self) -> int:
        return time.time_ns()

    async def account(self) -> BrokerAccount:
        held: dict[str, Decimal] = {}
        cash = Decimal(10_000)
        for order in self._orders:
            signed = order.quantity * order.side.sign
            held[order.symbol] = held.get(order.symbol, Decimal(0)) + signed
            cash -= signed * PRICE
        rows = [BrokerPosition(symbol, Quantity(quantity), Price(Decimal(PRICE))) for symbol, quantity in held.items()]
        return BrokerAccount("ACME-7", Money(cash), rows)

    async def assets(self, symbols: Sequence[str]) -> Sequence[Asset]:
        return [Asset(symbol) for symbol in symbols]

    async def find(self, terms: OrderTerms) -> BrokerOrder | None:
        return next((order for order in self._orders if order.client_order_id == terms.client_order_id), None)

    async def open_orders(self) -> Sequence[BrokerOrder]:
        return ()

    async def latest_orders(self) -> Sequence[BrokerOrder]:
        return self._orders[::-1]

    async def fills_since(self, time_ns: int) -> Sequence[BrokerFill]:
        return [
            BrokerFill(
                order.client_order_id, order.broker_order_id, f"{order.broker_order_id}:1", order.symbol, order.side,
                order.quantity, Price(Decimal(PRICE)), order.updated_ns,
            )
            for order in self._orders
        ]  # fmt: skip

    async def activities_since(self, time_ns: int) -> Sequence[BrokerActivity]:
        return ()

    async def drain(self) -> None:
        """Everything is answered at once."""

    def close(self) -> None:
        """Nothing is open."""


class AcmeFeed:
    """A bar of each symbol every now and then, as long as it is listened to."""

    kind = "acme"
    name = "Acme's tape"
    bar_ns = MINUTE_NS

    def __init__(self, symbols: Sequence[str]) -> None:
        self.symbols = sorted(symbols)

    def history(self, until_ns: int) -> Sequence[MarketEvent]:
        return ()

    async def run(self, deliver: Deliver, tell: TellStatus) -> None:
        tell(FeedStatus(connected=True, reason="it is here"))
        while True:
            now_ns = time.time_ns()
            for symbol in self.symbols:
                await deliver(Bar(symbol, now_ns, now_ns - MINUTE_NS, PRICE, PRICE, PRICE, PRICE, 1_000))
            await asyncio.sleep(BAR_EVERY_S)


class AcmeLogin:
    """One token."""

    identity = "acme"
    where = "account ACME-7"

    def broker(self, *, asks_only: bool = False) -> AcmeBroker:
        return AcmeBroker()

    def feed(self, request: FeedRequest) -> AcmeFeed:
        return AcmeFeed(request.symbols)

    def close(self) -> None:
        """Nothing is open."""


class AcmeAdapter(Adapter[AcmeSection]):
    """The least that trades."""

    name = NAME
    title = "Acme"
    section = AcmeSection
    has_feed = True

    def log_in(self, section: AcmeSection, name: str, watched: Watched) -> AcmeLogin:
        if not section.token:
            raise ConfigError("acme.token is not set; Acme sends it by letter")
        return AcmeLogin()


ADAPTER = AcmeAdapter()
