"""What came of handing a broker an order or a cancel, named by what the caller has to do."""

import msgspec


class Accepted(msgspec.Struct, frozen=True):
    """It has the order, under this id. Of linked orders sent as one, ``linked_ids`` are those of the others, as they were given."""

    broker_order_id: str
    linked_ids: tuple[str, ...] = ()


class Rejected(msgspec.Struct, frozen=True):
    """A definite no: the order does not exist there and never will, or can't be canceled."""

    reason: str


class Unknown(msgspec.Struct, frozen=True):
    """It may have been carried out. An order: only evidence may end this. A cancel may be sent again."""

    reason: str


class RateLimited(msgspec.Struct, frozen=True):
    """Definitely not taken; may be sent again under the same id after ``wait_s``."""

    wait_s: float
    reason: str


class Unauthorized(msgspec.Struct, frozen=True):
    """Definitely not taken, and nothing will be until a person has looked: stop sending."""

    reason: str


class CancelRequested(msgspec.Struct, frozen=True):
    """It has the cancel. Whether the order ends by it is told by an event."""


Outcome = Accepted | Rejected | Unknown | RateLimited | Unauthorized
CancelOutcome = CancelRequested | Rejected | Unknown
