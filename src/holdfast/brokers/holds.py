"""Shares that are still held by an order under cancel.

Where `Capability.holds_exits`, the broker keeps what an exit would sell for that exit, and refuses any other order for the same shares
until the exit has ended. A close that follows the cancel of a position's protection has to wait for it.
"""

import asyncio

from holdfast.core.messages import OrderTerms
from holdfast.core.types import ClientOrderId, Side


class Holds:
    """Which orders are being canceled, and those that wait for their end."""

    def __init__(self) -> None:
        self._ending: dict[ClientOrderId, tuple[str, Side, asyncio.Event]] = {}
        self._waiting: set[ClientOrderId] = set()

    def add(self, terms: OrderTerms) -> None:
        """A cancel of this order is on its way. One that has not left holds nothing."""
        if terms.client_order_id in self._waiting:
            return
        self._ending.setdefault(terms.client_order_id, (terms.symbol, terms.side, asyncio.Event()))

    def end(self, client_order_id: ClientOrderId) -> None:
        """The order has ended, or will not be canceled."""
        held = self._ending.pop(client_order_id, None)
        if held is not None:
            held[2].set()

    def queue(self, client_order_id: ClientOrderId) -> None:
        """This order is going to leave, when what it waits for has ended."""
        self._waiting.add(client_order_id)

    def leave(self, client_order_id: ClientOrderId) -> None:
        """It leaves now."""
        self._waiting.discard(client_order_id)

    async def released(self, terms: OrderTerms, within_s: float) -> bool:
        """Wait until no order of the same symbol and side is being canceled; False when that takes longer.

        Nobody waits a second time for an end that was not told: it may have been lost.
        """
        key = terms.symbol, terms.side
        waited_for = {name: ended for name, (symbol, side, ended) in self._ending.items() if (symbol, side) == key}
        try:
            async with asyncio.timeout(within_s):
                for ended in waited_for.values():
                    await ended.wait()
        except TimeoutError:
            for name in waited_for:
                self.end(name)
            return False
        return True
