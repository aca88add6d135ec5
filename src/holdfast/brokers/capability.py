"""What each broker is known to do, with the source: nothing about a broker is assumed anywhere else."""

from enum import StrEnum

import msgspec

from holdfast.core.messages import BrokerName


class Idempotency(StrEnum):
    """How a lost answer can be resolved (docs/reliability: broker classes)."""

    A = "unique client id, can be queried"
    B = "label only: search the books"
    C = "nothing: match on terms and time"


class Capability(msgspec.Struct, frozen=True):
    """``settle_ns``: the longest an accepted order was seen to take until queries show it."""

    broker: BrokerName
    idempotency: Idempotency
    settle_ns: int
    native_oco: bool
    fractional: bool
    source: str


PAPER = Capability(
    broker=BrokerName.PAPER,
    idempotency=Idempotency.A,
    settle_ns=0,
    native_oco=True,
    fractional=True,
    source="our own venue: an order is in its book, or it is not, before submit() returns",
)
