"""Everything that is said inside Holdfast, frozen and versioned.

Three vocabularies:

* an **Event** happened (a fill, a refusal); it is what the journal keeps and what state is built from;
* a **Command** was asked for by a person or a program; it is kept too, with who asked;
* an **Effect** is to be done by the shell around the core (send this order); it is never kept, because the event that
  caused it is.

Market data (`Bar`, `Quote`, `Trade`) comes in bare, for speed. Whatever is kept travels in an `Envelope`, which can't be
made without account, broker and source. The body's type name is the message's type.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, NewType

import msgspec

from holdfast.core.adjustments import AccountAdjusted, ActivitiesKnown, CorporateAction
from holdfast.core.adjustments import CashDeposited as CashDeposited  # noqa: PLC0414  a message like the others
from holdfast.core.body import Body
from holdfast.core.exits import Exits
from holdfast.core.findings import BooksCompared, OrderLost, OrderOverdue, Reconcile, Resolve, SupervisorCycle, Told
from holdfast.core.instruments import Product
from holdfast.core.listings import CurrencyRate, InstrumentListed
from holdfast.core.milestones import (
    AccountBound,
    AccountRenamed,
    AccountStateChanged,
    EngineStarted,
    EngineStopped,
    FeedOpened,
    Impaired,
    MarketFresh,
    MarketStale,
    RecoveryCompleted,
    Restored,
    StrategyRenamed,
    StrategyStarted,
    StrategyStopped,
    TradingDayStarted,
)
from holdfast.core.permits import BrokerPermits
from holdfast.core.protection.records import (
    ExitBlocked,
    PositionClosing,
    PositionKept,
    PositionLeft,
    ProtectionComplete,
    ProtectionFailed,
    ProtectionLate,
    StopAsked,
    StopMoved,
    StopPassed,
)
from holdfast.core.settings import Reload, SettingsChanged
from holdfast.core.steering import ParametersSet, SetParameters, StartStrategy, StopStrategy, StrategySwitched
from holdfast.core.types import (
    NO_MONEY,
    NO_QUANTITY,
    ClientOrderId,
    Money,
    OrderRole,
    OrderType,
    Price,
    Quantity,
    Side,
    StrategyId,
    TimeInForce,
)

VERSION = 1
"""The vocabulary's version. A reader refuses what is newer than itself."""


BrokerName = NewType("BrokerName", str)
"""A broker, by the name of its adapter (`adapters/registry.py`)."""
BROKER_NAME = r"^[a-z][a-z0-9_-]{0,15}$"
"""How adapters, and so brokers, are named. The journal's columns have room for no longer ones."""
PAPER = BrokerName("paper")
"""The exchange in memory."""


# --- market data -----------------------------------------------------------------------------------------------------


class Bar(Body, frozen=True, gc=False):
    """Prices and volume of one symbol over ``[start_ns, time_ns)``; known, and so an event, at ``time_ns``."""

    symbol: str
    time_ns: int
    start_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class Quote(Body, frozen=True, gc=False):
    """The best bid and ask. A side that was not quoted is 0 and leaves what was known of it standing."""

    symbol: str
    time_ns: int
    bid: float
    bid_size: float
    ask: float
    ask_size: float


class Trade(Body, frozen=True, gc=False):
    """One execution somewhere in the market (not ours)."""

    symbol: str
    time_ns: int
    price: float
    size: float


MarketEvent = Bar | Quote | Trade
FeedEvent = MarketEvent | CorporateAction


# --- what a strategy or a person wants -------------------------------------------------------------------------------


class Action(StrEnum):
    """What a signal asks for."""

    BUY = "buy"
    SELL = "sell"
    CLOSE = "close"  # bring the ledger's position in the symbol to zero
    TARGET = "target"  # bring it to a stated quantity, or to the sized quantity in a stated direction


class Signal(Body, frozen=True, gc=False):
    """An intent to trade, before risk has seen it.

    ``quantity`` None leaves the size to risk; for TARGET it is signed, and ``side`` says the direction when it is None.
    ``notional`` in its place is an amount of money: as much as that buys at the price then known, in the smallest steps there are.
    ``confidence`` in (0, 1] scales a size that is left to risk. ``stop_loss`` and ``take_profit`` are prices of protective
    orders placed as the entry fills. ``time_to_live_ns`` is how long the intent is worth sending. A strategy knows it by ``intent_id``.
    """

    strategy: StrategyId
    symbol: str
    action: Action
    side: Side | None = None
    quantity: Quantity | None = None
    notional: Money | None = None
    order_type: OrderType = OrderType.MARKET
    time_in_force: TimeInForce = TimeInForce.DAY
    limit_price: Price | None = None
    stop_price: Price | None = None
    trail_amount: Price | None = None
    trail_percent: Decimal | None = None
    confidence: float = 1.0
    stop_loss: Price | None = None
    take_profit: Price | None = None
    time_to_live_ns: int | None = None
    tag: str = ""
    exits: Exits | None = None
    intent_id: str = ""


class WishWaits(Body, frozen=True, gc=False):
    """An intent can't be carried out yet, because of the orders in ``until``; it is taken up again when they are over.

    ``goal`` is the position, signed, that an intent to buy or sell so much would have led to; what closes the position meanwhile
    counts to it. None for a target, which names its position itself, and for an intent that opens one.
    """

    signal: Signal
    until: tuple[ClientOrderId, ...]
    reason: str
    goal: Quantity | None = None
    since_ns: int = 0
    """When it was first asked for; 0: now."""


class WishOver(Body, frozen=True, gc=False):
    """The intent that has waited longest, of a strategy in a symbol, waits no more: it is taken up, or is not wanted any more.

    ``intent_id`` is its id when nothing comes of it; empty when it is taken up.
    """

    strategy: StrategyId
    symbol: str
    reason: str
    intent_id: str = ""


# --- orders ----------------------------------------------------------------------------------------------------------


class OrderTerms(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """All that a broker needs to be told, and all that a restart needs to know, about one order.

    ``quantity`` is positive. ``trail_amount`` is in price units, ``trail_percent`` in percent. ``expires_ns`` is the last
    moment at which sending it still makes sense (None: always). Orders of one ``oco_group`` cancel each other.
    ``notional`` is what an order from elsewhere is for where it names an amount of money; its quantity is known as it fills.
    ``parent`` is the entry whose fill a protective order guards; an entry carries the prices of its protection. ``then`` is
    what is to follow in an order of its own once this one has filled whole: what lies beyond zero, where a broker takes no
    order through zero. ``intent_id`` is that of the strategy's signal it came of; ``product`` is the instrument's.
    """

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str
    side: Side
    quantity: Quantity
    order_type: OrderType = OrderType.MARKET
    time_in_force: TimeInForce = TimeInForce.DAY
    limit_price: Price | None = None
    stop_price: Price | None = None
    trail_amount: Price | None = None
    trail_percent: Decimal | None = None
    role: OrderRole = OrderRole.REGULAR
    parent: ClientOrderId | None = None
    oco_group: str | None = None
    stop_loss: Price | None = None
    take_profit: Price | None = None
    expires_ns: int | None = None
    tag: str = ""
    then: Quantity | None = None
    exits: Exits | None = None
    notional: Money | None = None
    intent_id: str = ""
    product: Product | None = None


class RiskApproved(Body, frozen=True, gc=False):
    """Risk let it through. Only the terms in here may become an order; the figures are those it was judged by.

    ``raises_risk`` says whether the order can add to the account's position: what a halt goes by. ``left_out`` is why only a part
    of what was asked for may be ordered: what closes a position, without what would have opened one the other way.
    """

    terms: OrderTerms
    reference_price: Price
    notional: Money
    raises_risk: bool
    left_out: "RiskRefused | None" = None


class RiskRefused(Body, frozen=True, gc=False):
    """Risk said no: which rule, the figure it saw and the limit it holds. Nothing was prepared or sent."""

    strategy: StrategyId
    symbol: str
    side: Side | None
    quantity: Quantity | None
    rule: str
    figure: str
    limit: str
    text: str
    intent_id: str = ""


class OrderPrepared(Body, frozen=True, gc=False):
    """The order exists in the journal; nothing has been sent."""

    terms: OrderTerms


class OrderReleased(Body, frozen=True, gc=False):
    """From here on the broker may have the order: it leaves as soon as this record is durable."""

    client_order_id: ClientOrderId
    attempt: int = 1


class OrderAccepted(Body, frozen=True, gc=False):
    """The broker has the order under its own id."""

    client_order_id: ClientOrderId
    broker_order_id: str


class OrderRejected(Body, frozen=True, gc=False):
    """The broker's definite no."""

    client_order_id: ClientOrderId
    reason: str


class OrderUnknown(Body, frozen=True, gc=False):
    """Sent, and no definite answer came: it counts as live until evidence says otherwise."""

    client_order_id: ClientOrderId
    reason: str


class OrderFilled(Body, frozen=True, gc=False):
    """One execution: ``quantity`` (positive) at ``price``; ``fee`` is what it cost. ``execution_id`` is unique for ever.

    ``executed_ns`` is when it was executed, where that is known to be before the record: at the open of a bar that is known at
    its end. 0: when the record says.
    """

    client_order_id: ClientOrderId
    execution_id: str
    symbol: str
    side: Side
    quantity: Quantity
    price: Price
    fee: Money = NO_MONEY
    broker_order_id: str = ""
    executed_ns: int = 0


class FillBusted(Body, frozen=True, gc=False):
    """The exchange has undone an execution: ``quantity`` at ``price`` of order and side as it was booked.

    A corrected execution is a bust and a new fill.
    """

    client_order_id: ClientOrderId
    execution_id: str
    symbol: str
    side: Side
    quantity: Quantity
    price: Price
    fee: Money = NO_MONEY
    reason: str = ""


class CancelReleased(Body, frozen=True, gc=False):
    """A cancel request leaves as soon as this is durable; the order stays live until the broker confirms."""

    client_order_id: ClientOrderId
    reason: str = ""


class CancelRefused(Body, frozen=True, gc=False):
    """The broker would not cancel (already done, or unknown to it)."""

    client_order_id: ClientOrderId
    reason: str


class OrderCanceled(Body, frozen=True, gc=False):
    """No more fills will come: canceled by us or by the broker."""

    client_order_id: ClientOrderId
    reason: str = ""


class OrderReplaced(Body, frozen=True, gc=False):
    """The broker changed the order's total quantity (as when one of two linked orders fills in part)."""

    client_order_id: ClientOrderId
    quantity: Quantity


class OrderExpired(Body, frozen=True, gc=False):
    """Its time in force ran out at the broker."""

    client_order_id: ClientOrderId
    reason: str = ""


class OrderFailed(Body, frozen=True, gc=False):
    """Could not be placed for a reason of ours, proven not to exist at the broker."""

    client_order_id: ClientOrderId
    reason: str


class OrderNotSent(Body, frozen=True, gc=False):
    """Proven never to have reached the broker; it never will."""

    client_order_id: ClientOrderId
    reason: str


class OrderAdopted(Body, frozen=True, gc=False):
    """An order at the broker that is not ours is in the books from here on, under ``external``, as if the broker had accepted it.

    Its id is made from the broker's (`codec.external_order_id`). ``executions`` are those that the account's holdings contained
    already when it was first taken: ``filled_quantity`` in all, for ``filled_notional``; they are never booked.
    """

    terms: OrderTerms
    broker_order_id: str
    filled_quantity: Quantity = NO_QUANTITY
    filled_notional: Money = NO_MONEY
    executions: tuple[str, ...] = ()

    @property
    def client_order_id(self) -> ClientOrderId:
        """The order's id here."""
        return self.terms.client_order_id


class OrderEventIgnored(Body, frozen=True, gc=False):
    """A report about an order that changes nothing, and why (a duplicate, a late acknowledgement)."""

    client_order_id: ClientOrderId
    state: str
    event: str
    reason: str


class OrderAnomaly(Body, frozen=True, gc=False):
    """A report about an order that should not have come, and what it was: someone should look."""

    client_order_id: ClientOrderId
    state: str
    event: str
    reason: str


# --- portfolio -------------------------------------------------------------------------------------------------------


class PositionAdopted(Body, frozen=True, gc=False):
    """A position that came from outside trading here, at ``price``.

    It was held at the broker before the engine first took the account, or was found there later and accepted by a person
    (``reason``). It is kept in the ledger of ``external`` and counts in risk like any other.
    """

    symbol: str
    quantity: Quantity
    price: Price
    reason: str = ""


class PositionChanged(Body, frozen=True, gc=False):
    """A strategy's position after a fill, and the account's in the same symbol, in the symbol's currency.

    Quantities and costs are signed; cost / (quantity x multiplier) is the average price.
    """

    strategy: StrategyId
    symbol: str
    quantity: Quantity
    cost: Money
    realised: Money
    fees: Money
    account_quantity: Quantity
    account_cost: Money


class PnlSnapshot(Body, frozen=True, gc=False):
    """The account valued at the last prices: ``equity`` = ``cash`` + positions = deposits + realised + unrealised - fees.

    ``strategy_pnl``, each strategy's realised + unrealised - fees, comes with the hourly one. All is in the account's currency; what there is of
    others is in it at the recorded rates, and ``balances`` are their cash as it is.
    """

    equity: Money
    cash: Money
    realised: Money
    unrealised: Money
    fees: Money
    gross_exposure: Money
    day_start_equity: Money
    strategy_pnl: dict[StrategyId, Money] = msgspec.field(default_factory=dict)
    balances: dict[str, Money] = msgspec.field(default_factory=dict)


# --- commands --------------------------------------------------------------------------------------------------------


class PlaceOrder(Body, frozen=True, gc=False):
    """A person's order; it passes risk like any other."""

    signal: Signal


class CancelOrders(Body, frozen=True, gc=False):
    """Cancel one order, or every live one (of a symbol, if given)."""

    client_order_id: ClientOrderId | None = None
    symbol: str | None = None


class Halt(Body, frozen=True, gc=False):
    """Let nothing out that raises risk, until `Resume`."""

    reason: str = ""


class Preserve(Body, frozen=True, gc=False):
    """Put the account into PRESERVATION for no other cause than that a person wants it there, until `Resume`."""

    reason: str = ""


class Resume(Body, frozen=True, gc=False):
    """End a halt or preservation."""

    reason: str = ""


class Flatten(Body, frozen=True, gc=False):
    """Halt, cancel every live order, then close every position."""

    reason: str = ""


class Protect(Body, frozen=True, gc=False):
    """Give a position that has none a stop at ``stop_loss``.

    ``strategy`` says whose, and may be left out where one holds the symbol. ``price`` is the market's as whoever asks knows it; the stop must be on
    the right side of it. None: the last that the engine knows.
    """

    symbol: str
    stop_loss: Price
    strategy: StrategyId | None = None
    price: Price | None = None
    reason: str = ""


class Flattened(Body, frozen=True, gc=False):
    """A flatten is over; ``left`` names what would not close and waits for a person."""

    left: tuple[str, ...] = ()


class CommandDone(Body, frozen=True, gc=False):
    """The engine's answer to a command (the envelope's causation is the command)."""

    accepted: bool
    text: str
    client_order_ids: tuple[ClientOrderId, ...] = ()


Steering = StopStrategy | StartStrategy | SetParameters | Reload
Command = PlaceOrder | CancelOrders | Halt | Preserve | Resume | Steering | Flatten | Protect | Resolve | Reconcile

BrokerReport = (
    OrderAccepted
    | OrderRejected
    | OrderUnknown
    | OrderFilled
    | FillBusted
    | OrderCanceled
    | CancelRefused
    | OrderReplaced
    | OrderExpired
    | OrderFailed
    | OrderNotSent
    | OrderAdopted
    | OrderLost
    | OrderOverdue
)

AnyBody = (
    FeedEvent
    | Signal
    | WishWaits
    | WishOver
    | RiskApproved
    | RiskRefused
    | OrderPrepared
    | OrderReleased
    | BrokerReport
    | CancelReleased
    | OrderEventIgnored
    | OrderAnomaly
    | CashDeposited
    | AccountAdjusted
    | ActivitiesKnown
    | PositionAdopted
    | PositionChanged
    | PnlSnapshot
    | StopAsked
    | StopMoved
    | StopPassed
    | ProtectionComplete
    | ProtectionLate
    | ProtectionFailed
    | ExitBlocked
    | PositionClosing
    | PositionKept
    | PositionLeft
    | AccountBound
    | AccountRenamed
    | StrategyRenamed
    | AccountStateChanged
    | BooksCompared
    | BrokerPermits
    | SupervisorCycle
    | Impaired
    | Restored
    | TradingDayStarted
    | StrategyStarted
    | StrategyStopped
    | StrategySwitched
    | ParametersSet
    | SettingsChanged
    | MarketStale
    | MarketFresh
    | EngineStarted
    | InstrumentListed
    | CurrencyRate
    | EngineStopped
    | FeedOpened
    | RecoveryCompleted
    | Command
    | CommandDone
    | Flattened
)


# --- the envelope ----------------------------------------------------------------------------------------------------


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """What every kept message travels in.

    ``sequence`` counts an account's records from 1 without gaps. ``cursor`` counts the steps of the current feed's
    instants up to the record, two each: odd when an instant has reached the venue, even when the strategies have seen it.
    With it a restart knows where in the data it was. ``correlation_id`` is
    the id of the market event or command that began the chain, ``causation_id`` that of the direct cause.
    """

    id: str
    time_ns: int
    account: str
    broker: Annotated[BrokerName, msgspec.Meta(pattern=BROKER_NAME)]
    source: str
    correlation_id: str
    causation_id: str
    sequence: int
    epoch: int
    cursor: int
    body: AnyBody
    version: int = VERSION

    @property
    def type(self) -> str:
        """The body's type name."""
        return type(self.body).__name__


class Report(msgspec.Struct, frozen=True, gc=False):
    """An input: what a broker says happened, at its own time, and who brought it."""

    time_ns: int
    body: BrokerReport
    told: Told = Told.BROKER


class Request(msgspec.Struct, frozen=True, gc=False):
    """An input: a command, with the id it was filed under and who asked (``cli:alice``)."""

    time_ns: int
    id: str
    source: str
    body: Command


class Health(msgspec.Struct, frozen=True, gc=False):
    """An input: whether something the account needs for taking risk is there. Telling it twice changes nothing."""

    time_ns: int
    cause: str
    ok: bool
    reason: str


class Cycle(msgspec.Struct, frozen=True, gc=False):
    """An input: what the supervisor has done."""

    time_ns: int
    body: SupervisorCycle


class Heartbeat(msgspec.Struct, frozen=True, gc=False):
    """An input: time went by (only where the market's own events don't carry it)."""

    time_ns: int


# --- effects ---------------------------------------------------------------------------------------------------------


class SubmitOrder(msgspec.Struct, frozen=True, gc=False):
    """Send this order. ``released_ns`` is when it was let go; ``raises_risk`` is what a halt goes by; ``attempt`` is that of its release."""

    terms: OrderTerms
    released_ns: int
    raises_risk: bool
    attempt: int = 1


class CancelOrder(msgspec.Struct, frozen=True, gc=False):
    """Ask the broker to cancel."""

    client_order_id: ClientOrderId
    released_ns: int


Effect = SubmitOrder | CancelOrder
