"""The interface that every broker fills, as narrow as the engine's needs.

A broker is handed effects that are already durable and answers by putting `Report`s into the sink it was opened with: at
once, later, or both. It never raises for what happens at the other end; that is a report (`OrderUnknown` when there is no
definite answer). It decides nothing: what its queries show is compared with the books by the runtime. Should it raise something else
after all, the runtime takes it for no answer (`runtime/live/contained.py`).
"""

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

import msgspec

from holdfast.brokers.capability import Capability
from holdfast.core.adjustments import BrokerActivity
from holdfast.core.instruments import Instrument
from holdfast.core.messages import BrokerName, CancelOrder, Effect, OrderTerms, Report, SubmitOrder
from holdfast.core.orders.order import Order
from holdfast.core.types import ClientOrderId, Money, OrderType, Price, Quantity, Side, TimeInForce
from holdfast.errors import HoldfastError

ReportSink = Callable[[Report], None]
LastCheck = Callable[[Effect], str | None]
"""Asked just before the first byte of an order or cancel leaves: why it may not leave, or None. Any thread may ask."""
MOVED_ON = "the books have moved on"
"""What the last check says of an order that the books don't have as released any more: nothing leaves, and nothing is reported."""

MarkUnresolved = Callable[[ClientOrderId, Quantity | None], None]
"""Told what the broker says is filled of an order in all, to compare with the reports so far; None: it has to be asked.

An order that is not ours goes by `external_order_id`.
"""


class BrokerPosition(msgspec.Struct, frozen=True):
    """A position as the broker has it: signed quantity, and the market's price where it shows that."""

    symbol: str
    quantity: Quantity
    average_price: Price
    current_price: Price | None = None


class AtBroker(StrEnum):
    """What the broker says of an order."""

    WORKING = "working"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"


class BrokerOrder(msgspec.Struct, frozen=True):
    """An order as the broker has it. ``client_order_id`` is ours; of an order from elsewhere, whatever it has there."""

    client_order_id: ClientOrderId
    broker_order_id: str
    symbol: str
    side: Side
    quantity: Quantity
    filled_quantity: Quantity
    state: AtBroker
    submitted_ns: int
    updated_ns: int
    reason: str = ""
    order_type: OrderType = OrderType.MARKET
    time_in_force: TimeInForce = TimeInForce.DAY
    limit_price: Price | None = None
    stop_price: Price | None = None
    notional: Money | None = None
    """What it is for where it names an amount of money; ``quantity`` is then what has filled of it."""


class BrokerFill(msgspec.Struct, frozen=True):
    """One execution as the broker has it; ``execution_id`` is the one that its stream gave, or would have given.

    ``client_order_id`` is empty for an order that did not come from here.
    """

    client_order_id: ClientOrderId
    broker_order_id: str
    execution_id: str
    symbol: str
    side: Side
    quantity: Quantity
    price: Price
    time_ns: int


class BrokerAccount(msgspec.Struct, frozen=True):
    """The broker's own view of an account, to compare the books with.

    ``blocked`` says why it may not trade (empty: it may). ``leverage`` is how many times its equity it may hold (None: the broker doesn't say),
    ``shorting`` whether shares are lent to it. ``cash`` is in the account's own currency, ``balances`` are that of others.
    """

    account_id: str
    cash: Money
    positions: Sequence[BrokerPosition]
    blocked: str = ""
    leverage: Decimal | None = None
    shorting: bool = True
    balances: dict[str, Money] = {}


class Asset(msgspec.Struct, frozen=True):
    """What a broker lets its accounts do in a symbol.

    ``rules`` are what orders in it go by today (None: it says nothing of that), ``now_called`` its name there since it was given another.
    """

    symbol: str
    tradable: bool = True
    shortable: bool = True
    fractionable: bool = True
    rules: Instrument | None = None
    now_called: str = ""


class Broker(Protocol):
    """One account at one broker. It was opened with a `ReportSink` before anything is handed to it."""

    @property
    def name(self) -> BrokerName:
        """Which broker it is."""

    def submit(self, effect: SubmitOrder) -> None:
        """Send an order; the outcome comes as a report."""

    def cancel(self, effect: CancelOrder) -> None:
        """Ask for a cancel; the outcome comes as a report.

        Where only terms and time tell an order, one that was refused is not looked for: another one just like it would be canceled.
        """


class Unavailable(HoldfastError):
    """A question to the broker got no answer that says anything. Nothing is known; ask again."""


class AccessDenied(HoldfastError):
    """The broker doesn't take these keys: no use in asking again before a person has looked."""

    exit_status = 3


class StreamStatus(msgspec.Struct, frozen=True):
    """Whether the stream of order events is there."""

    connected: bool
    reason: str


TellStream = Callable[[StreamStatus], Awaitable[None]]


class LiveBroker(Broker, Protocol):
    """A broker elsewhere. Its questions raise Unavailable when they can't be answered, AccessDenied when keys are refused."""

    @property
    def capability(self) -> Capability:
        """What it can do, and how it is to be understood."""

    def open(
        self, sink: ReportSink, last_check: LastCheck, mark_unresolved: MarkUnresolved, now_ns: Callable[[], int]
    ) -> None:
        """Start delivering reports to ``sink``, stamped with ``now_ns`` where the broker gives no time."""

    def know(self, orders: Sequence[Order]) -> None:
        """Be shown orders of an earlier run, and adopted ones, so that reports about them can be told apart."""

    async def run(self, tell: TellStream) -> None:
        """Keep the stream of order events until cancelled; ``tell`` is awaited as it comes and goes."""

    async def clock_ns(self) -> int:
        """The broker's own time."""

    async def account(self) -> BrokerAccount:
        """Cash and positions now."""

    async def assets(self, symbols: Sequence[str]) -> Sequence[Asset]:
        """What may be done in these symbols; those of which it says nothing are left out."""

    async def find(self, terms: OrderTerms) -> BrokerOrder | None:
        """The order of these terms; None when the broker says that it has none.

        One that was adopted (`is_external`) is asked for by the broker's id, which `know` gave. Where only terms and time tell, an
        order there is one order here: what was found for one is not found for another.
        """

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """Every order that works."""

    async def latest_orders(self) -> Sequence[BrokerOrder]:
        """The orders sent last, whatever became of them, newest first; some hundreds."""

    async def fills_since(self, time_ns: int) -> Sequence[BrokerFill]:
        """Every execution since a time, oldest first."""

    async def activities_since(self, time_ns: int) -> Sequence[BrokerActivity]:
        """What the broker has booked by itself since the day of a time, oldest first: fees, dividends, interest, transfers, splits."""

    async def drain(self) -> None:
        """Wait until every order and cancel under way has its answer."""

    def close(self) -> None:
        """Stop; orders at the broker are left as they are."""
