"""What a broker's answer to a write means for the caller."""

import msgspec


class Accepted(msgspec.Struct, frozen=True):
    """The broker has it, under this id."""

    broker_order_id: str


class Rejected(msgspec.Struct, frozen=True):
    """A definite no: it does not exist there and never will."""

    reason: str


class Unknown(msgspec.Struct, frozen=True):
    """It may exist. Look it up; never send it again under another id."""

    reason: str


class RateLimited(msgspec.Struct, frozen=True):
    """Definitely not taken; may be sent again after ``until_ns`` on the monotonic clock."""

    until_ns: int


class Unauthorized(msgspec.Struct, frozen=True):
    """The credentials are not accepted: stop sending anything."""

    reason: str


Outcome = Accepted | Rejected | Unknown | RateLimited | Unauthorized
