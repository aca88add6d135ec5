"""What comparing the books with a broker brings to light, and what people ask and know about it: a part of `messages.py`."""

from enum import StrEnum

import msgspec

from holdfast.core.adjustments import BrokerActivity
from holdfast.core.body import Body
from holdfast.core.types import ClientOrderId, Money, Price, Quantity, StrategyId

EXTERNAL_EVENT, LOST = "foreign", "lost"
"""The events of the anomalies that report an order of somebody else, and an order that the broker no longer shows."""


class Told(StrEnum):
    """Who brought a report, as the source of its record says before the broker's name (``asked:paper``)."""

    BROKER = "broker"
    """The broker by itself: its stream, or its answer to an order."""
    ASKED = "asked"
    """We: the broker was asked what became of it."""


class OrderLost(Body, frozen=True, gc=False):
    """The broker no longer shows an order that it had accepted; what is done about it is the account's policy."""

    client_order_id: ClientOrderId
    reason: str


class OrderOverdue(Body, frozen=True, gc=False):
    """An order has been UNKNOWN for longer than its broker should need to explain it: its symbol takes no new risk until it is."""

    client_order_id: ClientOrderId
    reason: str


class BookLine(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A symbol's signed quantity in the books (``ours``) and at the broker (``theirs``), whose average price is ``price``.

    ``ours`` is the sum of ``ledgers``. Of a difference ``cause`` says what can be told of where it comes from.
    """

    symbol: str
    ours: Quantity
    theirs: Quantity
    price: Price | None = None
    ledgers: tuple[tuple[StrategyId, Quantity], ...] = ()
    cause: str = ""

    @property
    def agrees(self) -> bool:
        """Whether the two are the same."""
        return self.ours == self.theirs

    @property
    def gap(self) -> Quantity:
        """How much more the broker has, signed."""
        return Quantity(self.theirs - self.ours)


class BooksCompared(Body, frozen=True, gc=False):
    """Cash and positions, here and at the broker, at one moment at which nothing was under way.

    ``accepted`` when a person has said that the broker is right: the adjustments follow. ``cause`` is that of a difference in cash.
    """

    cash: Money
    broker_cash: Money
    lines: tuple[BookLine, ...]
    agree: bool
    accepted: bool = False
    cause: str = ""


class SupervisorCycle(Body, frozen=True, gc=False):
    """What the supervisor did about orders without an answer, since it last said so.

    ``claimed`` orders; of these ``submitted`` again, ``failed`` (proven absent, and no longer wanted), ``retryable`` (not explained
    yet), ``skipped`` (explained meanwhile, or their answer is under way). ``errors`` counts cycles that went wrong (the last one's
    ``error``), ``lock_skips`` those that another process kept from working.
    """

    claimed: int = 0
    submitted: int = 0
    failed: int = 0
    retryable: int = 0
    skipped: int = 0
    errors: int = 0
    lock_skips: int = 0
    last_success_ns: int = 0
    error: str = ""


class Resolution(StrEnum):
    """What a person knows of an order."""

    NOT_SENT = "not_sent"
    CANCELED = "canceled"


class Resolve(Body, frozen=True, gc=False):
    """A person knows what became of an order that the broker doesn't explain: ``not_sent`` (it never got there) or ``canceled``."""

    client_order_id: ClientOrderId
    outcome: Resolution
    reason: str = ""


class Reconcile(Body, frozen=True, gc=False):
    """Compare the books with the broker now; with ``accept`` take over what the broker has, as adjustments."""

    accept: bool = False
    reason: str = ""


class ExternalExecution(msgspec.Struct, frozen=True, gc=False):
    """An execution that the broker lists and the books don't have yet: nobody here has ordered it. ``quantity`` is signed."""

    broker_order_id: str
    symbol: str
    quantity: Quantity
    price: Price


class Comparison(msgspec.Struct, frozen=True, gc=False):
    """An input: the broker's cash and positions at a moment at which nothing was under way.

    ``accept``: a person says that the broker is right, for this ``reason``. ``external_executions`` are about to be booked. ``activities`` are
    what the broker has booked by itself of late: what is accepted contains them.
    """

    time_ns: int
    cash: Money
    positions: tuple[tuple[str, Quantity, Price], ...]
    accept: bool = False
    reason: str = ""
    external_executions: tuple[ExternalExecution, ...] = ()
    activities: tuple[BrokerActivity, ...] = ()
