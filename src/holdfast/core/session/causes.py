"""Everything that puts an account into PRESERVATION, and what each may lead to: one table. The page on protection is held to it by a test.

In PRESERVATION no new risk is taken and entries that would add some are canceled, whatever the cause. What differs is whether positions may
be closed for it, where the account's policy says so, and when.
"""

from enum import StrEnum
from typing import NamedTuple

from holdfast.core.types import MINUTE_NS

NOT_YET = "not subscribed yet"
"""Why market data is missing at first: it was not lost, so nobody has to say that the account may trade."""


class Cause(StrEnum):
    """What an account needs for taking risk, or has to keep to. Each is told apart; the account trades again when none is left."""

    DAILY_LOSS = "daily loss"
    DRAWDOWN = "drawdown"
    EXTERNAL_ORDERS = "foreign orders"  # somebody else trades, and that is to stop it
    BY_HAND = "by hand"
    REQUESTS = "broker requests"  # several of a kind went wrong in a row
    ADAPTER = "broker adapter"  # a question at which our own side of the broker broke, and that has had no answer since
    ORDER_EVENTS = "order events"  # the stream is down, or not caught up yet
    MARKET_DATA = "market data"  # its stream is down, or not there yet
    STALE_DATA = "stale data"  # nothing is heard of any symbol
    POSITIONS = "positions"  # the broker has others
    LOST_ORDERS = "lost orders"  # the broker no longer shows what it had accepted
    PROTECTION = "protection"  # a start found a position that is not protected as it should be
    BOOKS = "books"  # the broker has other cash, or other positions, which are a cause of their own
    KEYS = "keys"  # the broker doesn't take them
    BLOCKED = "account blocked"  # the broker lets it trade nothing, or its owner has said so there
    ACCOUNT = "account"  # the broker shows another account than the one that is bound


class Acts(StrEnum):
    """When a cause leads to what PRESERVATION does."""

    AT_ONCE = "at once"
    LATER = "after `preservation_after_s`"  # it may be over in seconds, and a position is not to be sold for that


class Rule(NamedTuple):
    """What a cause leads to. ``closes``: positions may be closed for it, if the policy says so. ``ends``: what takes it away."""

    acts: Acts
    closes: bool
    ends: str


_ITSELF = "with its cause"

RULES: dict[Cause, Rule] = {
    Cause.DAILY_LOSS: Rule(Acts.AT_ONCE, True, "with the next trading day"),
    Cause.DRAWDOWN: Rule(Acts.AT_ONCE, True, "by `resume`"),
    Cause.EXTERNAL_ORDERS: Rule(Acts.AT_ONCE, True, "by `resume`"),
    Cause.BY_HAND: Rule(Acts.AT_ONCE, True, "by `resume`"),
    Cause.REQUESTS: Rule(Acts.LATER, True, _ITSELF),
    Cause.ADAPTER: Rule(Acts.LATER, True, _ITSELF),
    Cause.ORDER_EVENTS: Rule(Acts.LATER, True, _ITSELF),
    Cause.MARKET_DATA: Rule(Acts.LATER, True, _ITSELF),
    Cause.STALE_DATA: Rule(Acts.LATER, True, "with the first data"),
    Cause.POSITIONS: Rule(Acts.LATER, True, "when they agree; by `reconcile --accept`"),
    Cause.LOST_ORDERS: Rule(Acts.LATER, True, "when they are there; by `cancel`"),
    Cause.PROTECTION: Rule(Acts.LATER, True, "when it is"),
    Cause.BOOKS: Rule(Acts.LATER, False, "when they agree; by `reconcile --accept`"),
    Cause.KEYS: Rule(Acts.LATER, False, _ITSELF),  # while it lasts nothing can be closed, and then nothing is missing
    Cause.BLOCKED: Rule(Acts.LATER, False, _ITSELF),  # no order would be taken, a close neither
    Cause.ACCOUNT: Rule(Acts.LATER, False, _ITSELF),  # what is there to be closed is somebody else's
}

OF_THE_MARKET = (Cause.MARKET_DATA, Cause.STALE_DATA)
FIRST_BAR_NS = 2 * MINUTE_NS
"""After a start, or after the market's stream came back, nothing is closed for want of data before this time: bars come each minute, and
the first is as good as heard until the second is late."""


def rule_of(cause: str) -> Rule:
    """What a cause leads to. One that isn't known here, of another version's journal, closes nothing."""
    return RULES[Cause(cause)] if cause in set(Cause) else Rule(Acts.LATER, False, "by `resume`")
