"""The little that differs from broker to broker when orders are sent: one request, and what its answer means.

Everything around it, retries and what is told of it, is `brokers/sender.py`.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from holdfast.brokers.outcome import CancelOutcome, Outcome
from holdfast.brokers.port import BrokerOrder
from holdfast.core.messages import BrokerReport, OrderTerms, SubmitOrder
from holdfast.core.types import Quantity, Side


class Withheld(Exception):
    """The last check before sending said no: nothing has left."""


Check = Callable[[], None]
"""Called just before the first byte of a request leaves, from any thread. Raises Withheld."""


class Transport(Protocol):
    """One account's way to its broker. Sends each request once, and never one at which ``check`` has raised."""

    async def send(self, orders: Sequence[SubmitOrder], check: Check) -> Outcome:
        """Send one order, or a take-profit and the stop-loss linked to it, in this order, as one. Raises Withheld."""

    async def cancel(self, broker_order_id: str, check: Check) -> CancelOutcome:
        """Ask for the cancel of an order, by the broker's id. Raises Withheld."""

    async def find(self, terms: OrderTerms) -> BrokerOrder | None:
        """The order of these terms at the broker; None when it says that it has none. Raises Unavailable, AccessDenied."""


class OrderEvent(msgspec.Struct, frozen=True):
    """What the broker's stream says of an order.

    ``client_order_id`` is the id that the order has there, empty where the broker shows none. ``side`` is None for an order without one
    (several options at once). ``filled`` is the total now; None when executions were undone and have to be asked for. ``is_over`` when the
    order trades no more. ``reports`` are for the core; whose they are is filled in by who knows the order.
    """

    broker_order_id: str
    client_order_id: str
    symbol: str
    side: Side | None
    quantity: Quantity
    filled: Quantity | None
    time_ns: int | None = None
    is_over: bool = False
    reports: tuple[BrokerReport, ...] = ()


def is_of(terms: OrderTerms, shown: BrokerOrder | OrderEvent) -> bool:
    """Whether an order may be the one of these terms. One of a linked pair shrinks as the other fills."""
    same = (shown.symbol, shown.side) == (terms.symbol, terms.side)
    return same and (terms.oco_group is not None or shown.quantity == terms.quantity)
