"""What came of handing a broker an order, named by what the caller has to do."""

import msgspec


class Accepted(msgspec.Struct, frozen=True):
    """It has the order, under this id (and those of the orders linked to it)."""

    broker_order_id: str
    linked_ids: tuple[str, ...] = ()


class Rejected(msgspec.Struct, frozen=True):
    """A definite no: the order does not exist there and never will."""

    reason: str


class Unknown(msgspec.Struct, frozen=True):
    """It may exist: only evidence may end this."""

    reason: str


class RateLimited(msgspec.Struct, frozen=True):
    """Definitely not taken; may be sent again under the same id after ``wait_s``."""

    wait_s: float
    reason: str


class Unauthorized(msgspec.Struct, frozen=True):
    """Definitely not taken, and nothing will be until a person has looked: stop sending."""

    reason: str


Outcome = Accepted | Rejected | Unknown | RateLimited | Unauthorized
