"""The life of an order: one table, and nothing about it anywhere else.

An order is PREPARED when it is in the journal, RELEASED when the broker may have it, SUBMITTED when the broker says it has.
It ends FILLED, CANCELED, EXPIRED or REJECTED by the broker's word, NOT_SENT or FAILED by proof that it never got there.
Sent without a definite answer it is UNKNOWN, and stays so until evidence comes; no timer ends it.

Each cell of the table is one of

* ``go(state)``: the ordinary move (to the same state where the event only adds knowledge);
* ``late(state, why)``: evidence that contradicts what was believed. Evidence wins: the move is made, and reported;
* ``ignore(why)``: changes nothing, and is harmless: a repeat, or an answer overtaken by a better one;
* ``odd(why)``: changes nothing and should not have come: reported.

Positions are moved by executions alone, so a fill is booked from every state, whatever the status said.
"""

from enum import StrEnum

import msgspec

from holdfast.core.orders.order import OrderState


class OrderEvent(StrEnum):
    """What can happen to an order. A fill is FILLED when it completes the quantity (or exceeds it); BUSTED undoes one."""

    RELEASED = "released"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    PARTLY_FILLED = "partly_filled"
    FILLED = "filled"
    BUSTED = "busted"
    REPLACED = "replaced"
    CANCEL_RELEASED = "cancel_released"
    CANCEL_REFUSED = "cancel_refused"
    CANCELED = "canceled"
    EXPIRED = "expired"
    FAILED = "failed"
    NOT_SENT = "not_sent"


class Kind(StrEnum):
    """What a cell says to do with the event."""

    MOVE = "move"
    LATE = "late"
    IGNORED = "ignored"
    ANOMALY = "anomaly"


class Cell(msgspec.Struct, frozen=True):
    """One (state, event) pair's meaning. ``to`` is None where nothing changes."""

    kind: Kind
    to: OrderState | None
    reason: str = ""


def go(to: OrderState) -> Cell:
    """The ordinary move."""
    return Cell(Kind.MOVE, to)


def late(to: OrderState, reason: str) -> Cell:
    """Evidence against what was believed: moved, and reported."""
    return Cell(Kind.LATE, to, reason)


def ignore(reason: str) -> Cell:
    """Nothing changes, and nothing is wrong."""
    return Cell(Kind.IGNORED, None, reason)


def odd(reason: str) -> Cell:
    """Nothing changes, and someone should know."""
    return Cell(Kind.ANOMALY, None, reason)


S = OrderState
E = OrderEvent

_HAS_IT = "the broker is known to have it"
_OVER = "the order is over"
UNDONE = "the exchange undid an execution"
"""Of an execution that was booked: `FillBusted` follows."""
"""Of an execution that was booked; `FillBusted` follows."""
_NO_FILL = "it has no execution to undo"
_AFTER_ALL = "it may be at the broker after all"

LIFE: dict[OrderState, dict[OrderEvent, Cell]] = {
    S.PREPARED: {
        E.RELEASED: go(S.RELEASED),
        E.ACCEPTED: late(S.SUBMITTED, "at the broker though never released"),
        E.REJECTED: late(S.REJECTED, "rejected though never released"),
        E.UNKNOWN: odd("no answer is due before release"),
        E.PARTLY_FILLED: late(S.PARTIALLY_FILLED, "filled though never released"),
        E.FILLED: late(S.FILLED, "filled though never released"),
        E.BUSTED: odd(_NO_FILL),
        E.REPLACED: odd("replaced though never released"),
        E.CANCEL_RELEASED: odd("nothing to cancel before release"),
        E.CANCEL_REFUSED: odd("no cancel was sent"),
        E.CANCELED: late(S.CANCELED, "canceled though never released"),
        E.EXPIRED: late(S.EXPIRED, "expired though never released"),
        E.FAILED: go(S.FAILED),
        E.NOT_SENT: go(S.NOT_SENT),
    },
    S.RELEASED: {
        E.RELEASED: go(S.RELEASED),  # sent again under the same id, after proof that the broker doesn't have it
        E.ACCEPTED: go(S.SUBMITTED),
        E.REJECTED: go(S.REJECTED),
        E.UNKNOWN: go(S.UNKNOWN),
        E.PARTLY_FILLED: go(S.PARTIALLY_FILLED),
        E.FILLED: go(S.FILLED),
        E.BUSTED: odd(_NO_FILL),
        E.REPLACED: go(S.RELEASED),
        E.CANCEL_RELEASED: go(S.RELEASED),
        E.CANCEL_REFUSED: go(S.RELEASED),  # the order may not have arrived yet: its own answer decides
        E.CANCELED: go(S.CANCELED),
        E.EXPIRED: go(S.EXPIRED),
        E.FAILED: go(S.FAILED),
        E.NOT_SENT: go(S.NOT_SENT),
    },
    S.SUBMITTED: {
        E.RELEASED: odd(_HAS_IT),
        E.ACCEPTED: ignore("already acknowledged"),
        E.REJECTED: go(S.REJECTED),  # brokers do reject after accepting
        E.UNKNOWN: ignore(_HAS_IT),
        E.PARTLY_FILLED: go(S.PARTIALLY_FILLED),
        E.FILLED: go(S.FILLED),
        E.BUSTED: late(S.SUBMITTED, UNDONE),
        E.REPLACED: go(S.SUBMITTED),
        E.CANCEL_RELEASED: go(S.SUBMITTED),  # live until the broker confirms
        E.CANCEL_REFUSED: go(S.SUBMITTED),
        E.CANCELED: go(S.CANCELED),
        E.EXPIRED: go(S.EXPIRED),
        E.FAILED: odd(_HAS_IT),
        E.NOT_SENT: odd(_HAS_IT),
    },
    S.PARTIALLY_FILLED: {
        E.RELEASED: odd(_HAS_IT),
        E.ACCEPTED: ignore("acknowledged by its fill"),
        E.REJECTED: late(S.CANCELED, "the rest was rejected after a fill"),
        E.UNKNOWN: ignore(_HAS_IT),
        E.PARTLY_FILLED: go(S.PARTIALLY_FILLED),
        E.FILLED: go(S.FILLED),
        E.BUSTED: late(S.PARTIALLY_FILLED, UNDONE),
        E.REPLACED: go(S.PARTIALLY_FILLED),
        E.CANCEL_RELEASED: go(S.PARTIALLY_FILLED),
        E.CANCEL_REFUSED: go(S.PARTIALLY_FILLED),
        E.CANCELED: go(S.CANCELED),
        E.EXPIRED: go(S.EXPIRED),
        E.FAILED: odd(_HAS_IT),
        E.NOT_SENT: odd(_HAS_IT),
    },
    S.UNKNOWN: {
        E.RELEASED: go(S.RELEASED),  # as from RELEASED: only after proof of absence
        E.ACCEPTED: go(S.SUBMITTED),
        E.REJECTED: go(S.REJECTED),
        E.UNKNOWN: ignore("already unknown"),
        E.PARTLY_FILLED: go(S.PARTIALLY_FILLED),
        E.FILLED: go(S.FILLED),
        E.BUSTED: odd(_NO_FILL),
        E.REPLACED: go(S.SUBMITTED),
        E.CANCEL_RELEASED: go(S.UNKNOWN),
        E.CANCEL_REFUSED: go(S.UNKNOWN),
        E.CANCELED: go(S.CANCELED),
        E.EXPIRED: go(S.EXPIRED),
        E.FAILED: go(S.FAILED),
        E.NOT_SENT: go(S.NOT_SENT),
    },
    S.FILLED: {
        E.RELEASED: odd(_OVER),
        E.ACCEPTED: ignore("acknowledged by its fill"),
        E.REJECTED: odd("rejected after filling"),
        E.UNKNOWN: ignore(_OVER),
        E.PARTLY_FILLED: late(S.FILLED, "overfill"),
        E.FILLED: late(S.FILLED, "overfill"),
        E.BUSTED: late(S.FILLED, UNDONE),
        E.REPLACED: ignore(_OVER),
        E.CANCEL_RELEASED: odd(_OVER),
        E.CANCEL_REFUSED: ignore("filled before the cancel came"),
        E.CANCELED: ignore("filled before the cancel came"),
        E.EXPIRED: ignore("filled before it expired"),
        E.FAILED: odd("failed after filling"),
        E.NOT_SENT: odd("filled, so it was sent"),
    },
    S.CANCELED: {
        E.RELEASED: odd(_OVER),
        E.ACCEPTED: ignore("acknowledged after its cancel"),
        E.REJECTED: ignore(_OVER),
        E.UNKNOWN: ignore(_OVER),
        E.PARTLY_FILLED: late(S.CANCELED, "filled before its cancel took hold"),
        E.FILLED: late(S.FILLED, "filled before its cancel took hold"),
        E.BUSTED: late(S.CANCELED, UNDONE),
        E.REPLACED: ignore(_OVER),
        E.CANCEL_RELEASED: odd(_OVER),
        E.CANCEL_REFUSED: ignore("already canceled"),
        E.CANCELED: ignore("already canceled"),
        E.EXPIRED: ignore("already canceled"),
        E.FAILED: odd(_OVER),
        E.NOT_SENT: odd("canceled at the broker, so it was sent"),
    },
    S.EXPIRED: {
        E.RELEASED: odd(_OVER),
        E.ACCEPTED: ignore("acknowledged after it expired"),
        E.REJECTED: ignore(_OVER),
        E.UNKNOWN: ignore(_OVER),
        E.PARTLY_FILLED: late(S.EXPIRED, "filled before it expired"),
        E.FILLED: late(S.FILLED, "filled before it expired"),
        E.BUSTED: late(S.EXPIRED, UNDONE),
        E.REPLACED: ignore(_OVER),
        E.CANCEL_RELEASED: odd(_OVER),
        E.CANCEL_REFUSED: ignore("already expired"),
        E.CANCELED: ignore("already expired"),
        E.EXPIRED: ignore("already expired"),
        E.FAILED: odd(_OVER),
        E.NOT_SENT: odd("expired at the broker, so it was sent"),
    },
    S.REJECTED: {
        E.RELEASED: odd(_OVER),
        E.ACCEPTED: late(S.SUBMITTED, "accepted after a rejection"),
        E.REJECTED: ignore("already rejected"),
        E.UNKNOWN: ignore(_OVER),
        E.PARTLY_FILLED: late(S.PARTIALLY_FILLED, "filled after a rejection"),
        E.FILLED: late(S.FILLED, "filled after a rejection"),
        E.BUSTED: odd(_NO_FILL),
        E.REPLACED: odd(_OVER),
        E.CANCEL_RELEASED: odd(_OVER),
        E.CANCEL_REFUSED: ignore("rejected before the cancel came"),
        E.CANCELED: ignore("already rejected"),
        E.EXPIRED: ignore("already rejected"),
        E.FAILED: odd(_OVER),
        E.NOT_SENT: odd("rejected by the broker, so it was sent"),
    },
    S.NOT_SENT: {
        E.RELEASED: odd(_OVER),
        E.ACCEPTED: late(S.SUBMITTED, "appeared at the broker after all"),
        E.REJECTED: ignore("gone either way"),
        E.UNKNOWN: late(S.UNKNOWN, _AFTER_ALL),
        E.PARTLY_FILLED: late(S.PARTIALLY_FILLED, "filled at the broker after all"),
        E.FILLED: late(S.FILLED, "filled at the broker after all"),
        E.BUSTED: odd(_NO_FILL),
        E.REPLACED: odd(_OVER),
        E.CANCEL_RELEASED: odd(_OVER),
        E.CANCEL_REFUSED: ignore("never sent"),
        E.CANCELED: ignore("gone either way"),
        E.EXPIRED: ignore("gone either way"),
        E.FAILED: ignore(_OVER),
        E.NOT_SENT: ignore("already known"),
    },
    S.FAILED: {
        E.RELEASED: odd(_OVER),
        E.ACCEPTED: late(S.SUBMITTED, "appeared at the broker after all"),
        E.REJECTED: ignore("gone either way"),
        E.UNKNOWN: late(S.UNKNOWN, _AFTER_ALL),
        E.PARTLY_FILLED: late(S.PARTIALLY_FILLED, "filled at the broker after all"),
        E.FILLED: late(S.FILLED, "filled at the broker after all"),
        E.BUSTED: odd(_NO_FILL),
        E.REPLACED: odd(_OVER),
        E.CANCEL_RELEASED: odd(_OVER),
        E.CANCEL_REFUSED: ignore("never placed"),
        E.CANCELED: ignore("gone either way"),
        E.EXPIRED: ignore("gone either way"),
        E.FAILED: ignore("already known"),
        E.NOT_SENT: ignore(_OVER),
    },
}
