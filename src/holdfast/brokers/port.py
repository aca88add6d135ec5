"""The interface that every broker fills, as narrow as the engine's needs.

A broker is handed effects that are already durable and answers by putting `Report`s into the sink it was opened with: at
once, later, or both. It never raises for what happens at the other end; that is a report (`OrderUnknown` when there is no
definite answer). It decides nothing.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from holdfast.core.messages import BrokerName, CancelOrder, Report, SubmitOrder
from holdfast.core.types import ClientOrderId, Money, Price, Quantity

ReportSink = Callable[[Report], None]


class BrokerPosition(msgspec.Struct, frozen=True):
    """A position as the broker has it: signed quantity."""

    symbol: str
    quantity: Quantity
    average_price: Price


class BrokerOrder(msgspec.Struct, frozen=True):
    """A working order as the broker has it."""

    client_order_id: ClientOrderId
    broker_order_id: str
    filled_quantity: Quantity


class BrokerAccount(msgspec.Struct, frozen=True):
    """The broker's own view of an account, to compare the books with."""

    account_id: str
    cash: Money
    positions: Sequence[BrokerPosition]
    open_orders: Sequence[BrokerOrder]


class Broker(Protocol):
    """One account at one broker."""

    @property
    def name(self) -> BrokerName:
        """Which broker it is."""

    def open(self, sink: ReportSink) -> None:
        """Start delivering reports to ``sink``."""

    def submit(self, effect: SubmitOrder) -> None:
        """Send an order; the outcome comes as a report."""

    def cancel(self, effect: CancelOrder) -> None:
        """Ask for a cancel; the outcome comes as a report."""

    def snapshot(self) -> BrokerAccount:
        """The account as the broker sees it now."""

    def close(self) -> None:
        """Stop; orders at the broker are left as they are."""
