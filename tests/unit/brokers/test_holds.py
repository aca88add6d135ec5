"""Shares held by an order under cancel."""

import asyncio
from decimal import Decimal

import msgspec

from holdfast.brokers.holds import Holds
from holdfast.core.messages import OrderTerms
from holdfast.core.types import ClientOrderId, Quantity, Side, StrategyId

STOP = OrderTerms(ClientOrderId("h1"), StrategyId("s"), "IBM", Side.SELL, Quantity(Decimal(5)))
CLOSE = msgspec.structs.replace(STOP, client_order_id=ClientOrderId("h2"))
BUY = msgspec.structs.replace(CLOSE, side=Side.BUY)


def test_a_close_waits_for_the_end_of_the_exit() -> None:
    """It goes on as soon as the order under cancel has ended, and not before."""

    async def run() -> None:
        holds = Holds()
        holds.add(STOP)
        waiting = asyncio.create_task(holds.released(CLOSE, 60))
        await asyncio.sleep(0)
        assert not waiting.done()
        holds.end(STOP.client_order_id)
        assert await waiting

    asyncio.run(run())


def test_what_needs_no_shares_of_it_does_not_wait() -> None:
    """Orders of the other side, and all orders once nothing is being canceled, go at once."""

    async def run() -> None:
        holds = Holds()
        assert await holds.released(CLOSE, 0)
        holds.add(STOP)
        assert await holds.released(BUY, 0)

    asyncio.run(run())


def test_nobody_waits_for_ever() -> None:
    """A cancel whose end is not told costs one bounded wait, and is said; who comes next doesn't wait for it again."""
    holds = Holds()
    holds.add(STOP)
    assert not asyncio.run(holds.released(CLOSE, 0.01))
    assert asyncio.run(holds.released(CLOSE, 60))


def test_what_has_not_left_holds_nothing() -> None:
    """An order that is canceled while it waits to leave keeps nobody waiting: neither others nor, by those, itself."""

    async def run() -> None:
        holds = Holds()
        holds.queue(STOP.client_order_id)
        holds.add(STOP)
        assert await holds.released(CLOSE, 0)
        holds.leave(STOP.client_order_id)
        holds.add(STOP)
        assert not await holds.released(CLOSE, 0)

    asyncio.run(run())
