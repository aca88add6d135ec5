"""What the broker books by itself, asked for when the books differ from its own, and from time to time; the core takes what explains it."""

import asyncio
from collections.abc import Sequence

from holdfast.brokers.port import BrokerAccount
from holdfast.core.adjustments import Bookings, BrokerActivity
from holdfast.core.findings import Comparison
from holdfast.core.portfolio.compare import compare
from holdfast.core.types import DAY_NS, Quantity
from holdfast.runtime.live.surroundings import Surroundings

LOOK_BACK_NS = 7 * DAY_NS
"""How far back is asked, from when the books were last complete: what is booked for a day may be listed days later, over a holiday."""
EVERY_S = 3600.0
"""How often is asked though nothing differs: two bookings may cancel each other out."""
FIRST_S = 60.0
"""When it is first asked so after a start, which has more urgent things to ask."""
LOOK_AGAIN_S = 0.5
"""After so long the broker has to say the same again, with nothing recorded in between, before anything is taken for its own booking."""


class BrokerBookings:
    """One account's. What is listed is booked once, whenever and however often it is shown."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._complete_ns: int | None = None
        self._due_s = surroundings.clock.monotonic_s() + FIRST_S

    async def explain(self, account: BrokerAccount, complete_ns: int) -> bool:
        """Have the core book what explains how ``account`` differs from the books; whether something was recorded.

        Up to ``complete_ns`` the books were complete when they were last compared. Raises Unavailable, AccessDenied.
        """
        around = self._around
        if not around.broker.capability.lists_bookings or not self._is_wanted(account):
            return False
        listed = await self.listed(complete_ns)
        count, sequence = around.executions.count, around.state.sequence
        await asyncio.sleep(LOOK_AGAIN_S)
        again = await around.broker.account()
        is_still = (count, sequence) == (around.executions.count, around.state.sequence)
        if not is_still or (again.cash, _held(again)) != (account.cash, _held(account)):
            return False
        self._due_s = around.clock.monotonic_s() + EVERY_S
        positions = tuple((row.symbol, row.quantity, row.average_price) for row in account.positions)
        around.account.inbox.append(Bookings(around.clock.now_ns(), account.cash, positions, tuple(listed)))
        around.deliver(())
        return around.state.sequence != sequence

    async def listed(self, complete_ns: int) -> Sequence[BrokerActivity]:
        """What the broker lists of late. Raises Unavailable, AccessDenied."""
        if not self._around.broker.capability.lists_bookings:
            return ()
        since_ns = min(complete_ns, self._complete_ns or complete_ns)
        found = await self._around.broker.activities_since(max(0, since_ns - LOOK_BACK_NS))
        self._complete_ns = self._around.clock.now_ns()
        return found

    def _is_wanted(self, account: BrokerAccount) -> bool:
        """Whether there is something to explain, or it has not been asked for long."""
        state = self._around.state
        positions = tuple((row.symbol, row.quantity, row.average_price) for row in account.positions)
        found = compare(state.portfolio, state.orders.live.values(), Comparison(0, account.cash, positions))
        is_due = self._around.clock.monotonic_s() >= self._due_s or not state.activities.is_known
        return is_due or not found.agree or bool(state.activities.unsettled)


def _held(account: BrokerAccount) -> dict[str, Quantity]:
    return {row.symbol: row.quantity for row in account.positions}
