"""What a broker can do and how its answers are to be understood, each with where that is known from."""

from enum import StrEnum

import msgspec

from holdfast.core.broker_rules import BrokerRules


class IdempotencyClass(StrEnum):
    """How an order that got no answer is found again (docs/architecture.md, "Orders")."""

    UNIQUE_ID = "A"  # our id is unique there and can be asked for
    LABEL = "B"  # our id is a label: the books have to be searched
    NOTHING = "C"  # only terms and time tell


class Capability(msgspec.Struct, frozen=True, kw_only=True):
    """One broker's. ``settle_s`` is after how long an accepted order is sure to be shown by queries.

    ``negatives`` is how many answers "no such order" after that prove that it never arrived. ``largest_id`` is the longest
    client order id in characters. ``rules`` says what orders it takes. ``sources`` says for each field where it is known from.
    """

    idempotency: IdempotencyClass
    settle_s: float
    negatives: int
    largest_id: int
    requests_per_minute: int
    explain_within_s: float = 60.0
    """Ours: an order that isn't explained after this many seconds keeps its symbol from new risk until it is."""
    links_exits: bool = False
    """Whether a stop-loss and a take-profit that cancel each other are sent as one order."""
    holds_exits: bool = False
    """Whether an exit keeps what it would sell, so that another order for the same is refused until it has ended."""
    lists_bookings: bool = False
    """Whether it lists what it books by itself: fees, dividends, interest, transfers, splits."""
    rules: BrokerRules
    sources: dict[str, str]
