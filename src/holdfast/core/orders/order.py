"""One order of ours, as the books know it."""

from enum import StrEnum

import msgspec

from holdfast.core.messages import OrderTerms
from holdfast.core.types import NO_MONEY, NO_QUANTITY, ZERO, Money, Quantity


class OrderState(StrEnum):
    """Where an order is in its life (`life.py` has the table)."""

    PREPARED = "PREPARED"  # in the journal, not sent
    RELEASED = "RELEASED"  # may be on its way
    SUBMITTED = "SUBMITTED"  # the broker has it
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    UNKNOWN = "UNKNOWN"  # sent, no definite answer: live in both directions
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    NOT_SENT = "NOT_SENT"  # proven never to have reached the broker
    FAILED = "FAILED"  # could not be placed, proven not to exist at the broker

    @property
    def is_terminal(self) -> bool:
        """No fill is expected any more."""
        return self in TERMINAL


TERMINAL = frozenset(
    {
        OrderState.FILLED,
        OrderState.CANCELED,
        OrderState.EXPIRED,
        OrderState.REJECTED,
        OrderState.NOT_SENT,
        OrderState.FAILED,
    }
)


class Order(msgspec.Struct):
    """An order's terms and what became of it so far. Changed only by `OrderBook.apply`.

    ``quantity`` starts as the terms' and follows the broker when it changes the order. ``filled_notional`` is the exact sum
    of price x quantity over the fills. ``attempts`` is how often it was released. ``cancel_released_ns`` is set from the moment a cancel may be at the broker.
    ``correlation_id`` and ``last_record_id`` tie every later record about the order to the chain that began it.
    """

    terms: OrderTerms
    state: OrderState
    quantity: Quantity
    created_ns: int
    updated_ns: int
    released_ns: int = 0
    attempts: int = 0
    filled_quantity: Quantity = NO_QUANTITY
    filled_notional: Money = NO_MONEY
    fees: Money = NO_MONEY
    broker_order_id: str = ""
    cancel_released_ns: int = 0
    reason: str = ""
    execution_ids: tuple[str, ...] = ()
    correlation_id: str = ""
    last_record_id: str = ""

    @property
    def remaining(self) -> Quantity:
        """What may still fill; zero once the order is terminal."""
        return NO_QUANTITY if self.state in TERMINAL else Quantity(self.quantity - self.filled_quantity)

    @property
    def outstanding(self) -> Quantity:
        """What may still fill of it, and of the order that follows it."""
        then = self.terms.then
        return self.remaining if then is None or self.state in TERMINAL else Quantity(self.remaining + then)

    @property
    def open_notional(self) -> Money:
        """What may still be spent of an order for an amount of money."""
        amount = self.terms.notional
        return NO_MONEY if amount is None or self.state in TERMINAL else Money(max(ZERO, amount - self.filled_notional))

    @property
    def is_live(self) -> bool:
        """It may still trade (UNKNOWN counts as live)."""
        return self.state not in TERMINAL
