"""What a watchdog has to say: one line an event."""

from collections.abc import Callable
from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """What happened."""

    WATCHING = "watching"
    READY = "ready"  # the broker answers
    ALIVE = "alive"  # the engine gives signs of life
    SILENT = "silent"  # it gives none any more
    PROTECTED = "protected"  # every position has its stop
    UNPROTECTED = "unprotected"
    TAKEN = "taken"  # the account was taken, to act
    DONE = "done"  # something was ordered, or came of it
    GIVEN_BACK = "given back"
    TROUBLE = "trouble"  # the broker or the journal can't be asked
    ENDED = "ended"


class News(msgspec.Struct, frozen=True):
    """One event of an account."""

    account: str
    kind: Kind
    text: str


Tell = Callable[[News], None]
