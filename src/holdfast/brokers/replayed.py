"""The interface of a broker that lives in the process, beside a feed that can be played again.

It forgets everything when the process dies, and comes back from the journal: it is shown every record and every market event again.
"""

from typing import Protocol

from holdfast.brokers.port import Broker, BrokerAccount, ReportSink
from holdfast.core.messages import Envelope, FeedEvent
from holdfast.core.types import ClientOrderId


class ReplayedBroker(Broker, Protocol):
    """One account on an exchange in memory."""

    def open(self, sink: ReportSink) -> None:
        """Start delivering reports to ``sink``."""

    def on_market(self, event: FeedEvent) -> None:
        """Let the market move; what it fills, expires or lets arrive is reported."""

    def end_instant(self) -> None:
        """What the market's last events have led to is done."""

    def snapshot(self) -> BrokerAccount:
        """The account as this broker has it."""

    def working(self) -> set[ClientOrderId]:
        """The orders that work."""

    def observe(self, event: FeedEvent, *, is_older_than_orders: bool) -> None:
        """See a market event again, without matching."""

    def restore(self, envelope: Envelope) -> None:
        """See a record again."""
