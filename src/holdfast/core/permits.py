"""What the broker lets an account do: how much it lends, whether it lends shares, and what it bars of single symbols. A part of `messages.py`."""

from decimal import Decimal

import msgspec

from holdfast.core.body import Body
from holdfast.core.instruments import Instrument


class BrokerPermits(Body, frozen=True, gc=False):
    """What the broker says that the account may do, from here on. By default everything.

    ``leverage``: buying power is equity times this there (None: it says nothing). ``shorting``: whether it lends shares at all.
    ``untradable``, ``unshortable`` and ``whole_only`` are symbols that it takes no order for, lends no shares of, and takes whole units of.
    ``renamed`` are symbols that are called otherwise there now: by the old name the new one.
    """

    leverage: Decimal | None = None
    shorting: bool = True
    untradable: tuple[str, ...] = ()
    unshortable: tuple[str, ...] = ()
    whole_only: tuple[str, ...] = ()
    renamed: dict[str, str] = msgspec.field(default_factory=dict)

    def lends(self, symbol: str) -> bool:
        """Whether a position in the symbol may go below zero."""
        return self.shorting and symbol not in self.unshortable

    def bounded(self, leverage: Decimal) -> Decimal:
        """The leverage that both sides allow."""
        return leverage if self.leverage is None else min(leverage, self.leverage)


EVERYTHING = BrokerPermits()


class Permits(msgspec.Struct, frozen=True, gc=False):
    """An input: what the broker was found to permit at a time, and the rules of instruments that it lists that day (``source`` names it)."""

    time_ns: int
    found: BrokerPermits
    listed: dict[str, Instrument] = {}
    source: str = ""
