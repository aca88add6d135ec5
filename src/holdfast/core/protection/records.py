"""What happens to the protection of a position: a part of `messages.py`."""

from enum import StrEnum

from holdfast.core.body import Body
from holdfast.core.types import ClientOrderId, Price, Quantity, StrategyId


class OnFailure(StrEnum):
    """What is done with a position whose protection the broker doesn't take."""

    ALERT = "alert"  # it is reported, and left to a person
    RETRY = "retry"  # it is reported, and tried for ever, with growing pauses
    FLATTEN = "flatten"  # it is reported, and closed


class StopAsked(Body, frozen=True, gc=False):
    """A position that had none is to have a stop from here on, though no entry asked for it. ``price`` is the market's as it was set."""

    strategy: StrategyId
    symbol: str
    stop_loss: Price
    price: Price


class StopMoved(Body, frozen=True, gc=False):
    """A position's stop is at another price from here on, always nearer to the market: trailing, or at break-even."""

    strategy: StrategyId
    symbol: str
    stop_loss: Price
    reason: str


class StopPassed(Body, frozen=True, gc=False):
    """The market is beyond the ``limit`` of a stop-limit that protects a position, so that it may not fill; None: no longer."""

    strategy: StrategyId
    symbol: str
    limit: Price | None


class ProtectionComplete(Body, frozen=True, gc=False):
    """The broker has confirmed protection of all that is to be protected: ``quantity``, after ``unprotected_ns`` without."""

    strategy: StrategyId
    symbol: str
    quantity: Quantity
    unprotected_ns: int


class ProtectionLate(Body, frozen=True, gc=False):
    """An alarm: of ``quantity`` no more than ``protected`` is, and it has been so for ``unprotected_ns``."""

    strategy: StrategyId
    symbol: str
    quantity: Quantity
    protected: Quantity
    unprotected_ns: int


class ProtectionFailed(Body, frozen=True, gc=False):
    """An alarm: protection can't be had, and what is done about it."""

    strategy: StrategyId
    symbol: str
    action: OnFailure
    reason: str


class ExitBlocked(Body, frozen=True, gc=False):
    """An alarm: the broker takes no closing order of a position because of an order of somebody else on the other side.

    Whatever exits stand go on standing. ``order`` is its id here, ``reason`` says what it is and what is done about it.
    """

    strategy: StrategyId
    symbol: str
    order: ClientOrderId
    reason: str


class PositionClosing(Body, frozen=True, gc=False):
    """The engine closes a position by itself: its time is over, or a policy says so. ``causes`` are those of PRESERVATION that it is for."""

    strategy: StrategyId
    symbol: str
    reason: str
    causes: tuple[str, ...] = ()


class PositionKept(Body, frozen=True, gc=False):
    """A position that PRESERVATION was closing stays after all: what it was to be closed for is over before anything was sold."""

    strategy: StrategyId
    symbol: str
    reason: str


class PositionLeft(Body, frozen=True, gc=False):
    """An alarm: a position that was to be closed would not close, and waits for a person."""

    strategy: StrategyId
    symbol: str
    quantity: Quantity
    reason: str
