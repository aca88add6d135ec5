"""What an account holds when it is first taken, read so that nothing is counted twice.

Positions contain what was executed before, and so do the lists of executions. Which of those they contain is sure when the list
was the same before and after the account was asked for.
"""

import asyncio
from collections.abc import Sequence

import msgspec
import structlog

from holdfast.brokers.port import BrokerAccount, BrokerFill, BrokerOrder, LiveBroker
from holdfast.runtime.live.surroundings import OVERLAP_NS

LOOKS = 20
"""After so many an account that never rests is taken as it was last seen; comparing shows what that leaves."""
LOOK_WAIT_S = 0.25

log = structlog.get_logger(__name__)


class Opening(msgspec.Struct, frozen=True):
    """An account, the orders that work there, and the executions that its positions contain already."""

    account: BrokerAccount
    working: Sequence[BrokerOrder]
    executions: Sequence[BrokerFill]

    def executions_of(self, order: BrokerOrder) -> list[BrokerFill]:
        """Those of one order."""
        return [fill for fill in self.executions if fill.broker_order_id == order.broker_order_id]


async def first_look(broker: LiveBroker, now_ns: int) -> Opening:
    """Ask until the account was at rest for a moment. Raises Unavailable, AccessDenied."""
    for _ in range(LOOKS):
        working = await broker.open_orders()
        since_ns = min([now_ns, *(order.submitted_ns for order in working)]) - OVERLAP_NS
        before = await broker.fills_since(since_ns)
        account = await broker.account()
        opening = Opening(account, working, await broker.fills_since(since_ns))
        if list(before) == list(opening.executions) and _adds_up(opening):
            return opening
        await asyncio.sleep(LOOK_WAIT_S)
    log.warning("the account is not at rest: it is taken as it was last seen", account=account.account_id)
    return opening


def _adds_up(opening: Opening) -> bool:
    return all(
        sum(fill.quantity for fill in opening.executions_of(order)) == order.filled_quantity
        for order in opening.working
    )
