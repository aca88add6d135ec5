"""What the engine hands to the journal: all that one input changed, to be committed together or not at all."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from holdfast.core.messages import Envelope
from holdfast.core.orders.order import Order


class CommandAnswer(msgspec.Struct, frozen=True):
    """What became of a command: ``status`` is ``done``, ``refused`` or ``expired``."""

    command_id: str
    status: str
    text: str
    client_order_ids: tuple[str, ...] = ()


class PositionRow(msgspec.Struct, frozen=True):
    """A position after a change; strategy "" is the account's own line in the symbol."""

    strategy: str
    symbol: str
    quantity: Decimal
    cost: Decimal
    average_price: Decimal
    realised: Decimal
    fees: Decimal


class Batch(msgspec.Struct, frozen=True):
    """The records of one input and every row they changed, as those are after the last of the records.

    ``orders`` must hold every order that a record in ``envelopes`` is about. ``answers`` to commands that were never filed
    in the journal change nothing. ``account_state`` and ``cash`` are the account's after the batch. ``snapshot`` is its whole
    state then, if that is to be kept (`journal/snapshots.py`).
    """

    account: str
    envelopes: Sequence[Envelope]
    orders: Sequence[Order]
    positions: Sequence[PositionRow]
    account_state: str
    cash: Decimal
    answers: Sequence[CommandAnswer] = ()
    snapshot: bytes | None = None
