"""Intents that wait, and what they wait for (`waiting.py` says when)."""

from typing import Final, NamedTuple

import msgspec

from holdfast.core.messages import Action, Signal
from holdfast.core.orders.order import Order
from holdfast.core.types import ClientOrderId, Quantity

_CLOSE: Final = Action.CLOSE
_TARGET: Final = Action.TARGET


class Waiting(msgspec.Struct, frozen=True):
    """An intent that waits, and since when; see :class:`~holdfast.core.messages.WishWaits`. The ids tie what comes of it to its chain."""

    signal: Signal
    until: tuple[ClientOrderId, ...]
    goal: Quantity | None
    since_ns: int
    record_id: str
    correlation_id: str
    source: str
    takes_exits: bool
    """It waits for the end of exits: what it closes needs none any more."""

    @property
    def is_target(self) -> bool:
        """Whether it names a position."""
        return self.signal.action in (_TARGET, _CLOSE)


class Wait(NamedTuple):
    """An intent can't be carried out yet: ``until`` these orders are over, of which ``cancel`` are to be canceled for it."""

    until: tuple[Order, ...]
    cancel: tuple[Order, ...]
    reason: str
    quantity: Quantity | None = None
    """What an intent to buy or sell comes to."""
