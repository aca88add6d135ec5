"""Shares that are still held by an order under cancel.

Alpaca holds what an exit would sell for that exit, and refuses any other order for the same shares until the exit has ended
("insufficient qty available", documented). A close that follows the cancel of a position's protection has to wait for it.
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
        """Wait until no order of the same symbol and side is being canceled; False when that takes longer."""
        waited_for = [
            event.wait()
            for symbol, side, event in self._ending.values()
            if (symbol, side) == (terms.symbol, terms.side)
        ]
        if not waited_for:
            return True
        try:
            async with asyncio.timeout(within_s):
                await asyncio.gather(*waited_for)
        except TimeoutError:
            return False
        return True
