"""Protective orders of what is delivered wait as triggers: whatever becomes of one is told of the order that it is here."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec
import pytest
import requests

from holdfast.brokers.port import AtBroker
from holdfast.core.instruments import Product
from holdfast.core.messages import (
    CancelOrder,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderTerms,
    OrderUnknown,
    SubmitOrder,
    Trade,
)
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.types import OrderRole, OrderType, Price, Side, TimeInForce
from tests.local_kite import LocalKite, local_kite
from tests.unit.adapters.zerodha.trading.kit import SYMBOL, Ends, arm, run, until

TICK = Decimal("0.05")


@pytest.fixture(scope="module")
def server() -> Iterator[LocalKite]:
    """A market at the open of a session, that stands."""
    with local_kite() as running:
        running.play(40)
        yield running


@pytest.fixture
def ends(server: LocalKite) -> Iterator[Ends]:
    """A broker at it, without faults."""
    requests.delete(f"{server.url}/_sim/faults", timeout=10).raise_for_status()
    made = Ends(server)
    yield made
    made.broker.close()
    made.rest.close()


def price_of(server: LocalKite) -> Decimal:
    return Decimal(str(server.call(lambda: server.world.market.price(f"NSE:{SYMBOL}"))))


def off(price: Decimal, percent: float) -> Price:
    """So many percent from a price, on a tick."""
    return Price((price * (1 + Decimal(str(percent)) / 100) / TICK).to_integral_value() * TICK)


def pair(ends: Ends, price: Decimal, quantity: int = 4) -> tuple[OrderTerms, OrderTerms]:
    """A target one percent above the market and a stop one below, linked."""
    common = ends.terms(
        quantity, side=Side.SELL, product=Product.CNC, time_in_force=TimeInForce.GTC, oco_group=f"g{price}"
    )
    target = msgspec.structs.replace(
        common, role=OrderRole.TAKE_PROFIT, order_type=OrderType.LIMIT, limit_price=off(price, 1)
    )
    stop = msgspec.structs.replace(
        common,
        client_order_id=ends.terms().client_order_id,
        role=OrderRole.STOP_LOSS,
        order_type=OrderType.STOP_LIMIT,
        stop_price=off(price, -1),
        limit_price=off(price, -3),
    )
    return target, stop


def single(ends: Ends, price: Decimal) -> OrderTerms:
    """The stop of such a pair by itself."""
    return msgspec.structs.replace(pair(ends, price)[1], oco_group=None)


async def hold(ends: Ends) -> None:
    """Own what is to be protected."""
    limit = off(price_of(ends.server), 5)  # quotes stand where they were, whatever trades
    terms = ends.terms(4, product=Product.CNC, order_type=OrderType.LIMIT, limit_price=limit)
    await ends.send(terms)
    await until(lambda: ends.of(OrderFilled, terms))


async def send_pair(ends: Ends, quantity: int = 4) -> tuple[OrderTerms, OrderTerms]:
    target, stop = pair(ends, price_of(ends.server), quantity)
    for terms in (target, stop):
        ends.broker.submit(SubmitOrder(terms, 0, raises_risk=False))
    await ends.broker.drain()
    return target, stop


def move(server: LocalKite, percent: float) -> None:
    """The market goes so far."""
    price, now_ns = off(price_of(server), percent), server.call(lambda: server.world.clock.now_ns)
    server.take(Trade(f"NSE:{SYMBOL}", now_ns + 1_000_000_000, float(price), 100.0))


def test_the_leg_that_fires_fills_and_the_other_is_over(server: LocalKite, ends: Ends) -> None:
    """One trigger of two legs; the fill is counted once, as the stop's, and a new start knows it as that."""

    async def work() -> None:
        await hold(ends)
        target, stop = await send_pair(ends)
        ids = {terms.role: ends.of(OrderAccepted, terms)[0].broker_order_id for terms in (target, stop)}
        assert ids[OrderRole.STOP_LOSS].rpartition(":")[0] == ids[OrderRole.TAKE_PROFIT].rpartition(":")[0]
        working = {order.client_order_id for order in await ends.broker.open_orders()}
        assert {target.client_order_id, stop.client_order_id} <= working
        move(server, -1.5)
        await until(lambda: ends.of(OrderFilled, stop) and ends.of(OrderCanceled, target))
        (filled,) = ends.of(OrderFilled, stop)
        assert filled.quantity == stop.quantity
        found = await ends.broker.find(stop)
        assert found is not None
        assert found.state is AtBroker.FILLED
        later = Ends(server, ends.token)
        leg_id = ids[OrderRole.STOP_LOSS]
        later.broker.know([Order(stop, OrderState.FILLED, stop.quantity, 0, 0, broker_order_id=leg_id)])
        mine = [fill for fill in await later.broker.fills_since(0) if fill.client_order_id == stop.client_order_id]
        assert [fill.execution_id for fill in mine] == [filled.execution_id]
        later.broker.close()
        later.rest.close()

    run(ends, work)


def test_a_trigger_whose_order_is_refused_is_a_rejected_stop(server: LocalKite, ends: Ends) -> None:
    """What it was to protect is naked, and protection hears of it."""
    arm(server, name="gtt_order_rejected", times=1)

    async def work() -> None:
        await hold(ends)
        stop = single(ends, price_of(server))
        await ends.send(stop)
        move(server, -1.5)
        await until(lambda: ends.of(OrderRejected, stop))
        assert "RMS" in ends.of(OrderRejected, stop)[0].reason

    run(ends, work)


def test_one_that_waits_is_canceled_with_its_other_leg(ends: Ends) -> None:
    """A trigger is taken away as a whole."""

    async def work() -> None:
        await hold(ends)
        target, stop = await send_pair(ends)
        ends.broker.cancel(CancelOrder(stop.client_order_id, 0))
        await until(lambda: ends.of(OrderCanceled, stop) and ends.of(OrderCanceled, target))

    run(ends, work)


def test_a_trigger_that_got_no_answer_is_found_by_its_terms(server: LocalKite, ends: Ends) -> None:
    """It has no label at all; its prices are as they were sent."""
    arm(server, name="accepted_then_502", times=1, path="/gtt")

    async def work() -> None:
        await hold(ends)
        target, stop = await send_pair(ends, 3)  # the only ones like it: the market stands, and so does its clock
        assert ends.of(OrderUnknown, target)
        assert ends.of(OrderUnknown, stop)
        for terms in (target, stop):
            found = await ends.broker.find(terms)
            assert found is not None
            assert found.limit_price == terms.limit_price
            assert ends.of(OrderAccepted, terms)

    run(ends, work)


def test_a_stop_that_the_market_has_reached_is_refused_here(server: LocalKite, ends: Ends) -> None:
    """As a trigger it would wait on the wrong side."""

    async def work() -> None:
        stop = msgspec.structs.replace(single(ends, price_of(server)), stop_price=off(price_of(server), 1))
        await ends.send(stop)
        assert "has reached" in ends.of(OrderRejected, stop)[0].reason

    run(ends, work, watched=False)


def test_triggers_of_others_are_nobodys_orders(server: LocalKite, ends: Ends) -> None:
    """Until one fires, and then its order is one like any other; who only asks sees all that protects."""

    async def work() -> None:
        await hold(ends)
        stop = single(ends, price_of(server))
        await ends.send(stop)
        other = Ends(server, ends.token)
        assert not any(order.broker_order_id.startswith("gtt") for order in await other.broker.open_orders())
        asking = Ends(server, ends.token, asks_only=True)
        assert any(order.broker_order_id.startswith("gtt") for order in await asking.broker.open_orders())
        for each in (other, asking):
            each.broker.close()
            each.rest.close()

    run(ends, work)


def test_a_target_that_the_market_has_reached_waits_just_beyond_it(server: LocalKite, ends: Ends) -> None:
    """The stop beside it stands all the same, and the next price on takes the profit."""

    async def work() -> None:
        await hold(ends)
        target, stop = pair(ends, price_of(server))
        target = msgspec.structs.replace(target, limit_price=off(price_of(server), -0.5))
        for terms in (target, stop):
            ends.broker.submit(SubmitOrder(terms, 0, raises_risk=False))
        await ends.broker.drain()
        assert ends.of(OrderAccepted, stop)
        move(server, 1)
        await until(lambda: ends.of(OrderFilled, target) and ends.of(OrderCanceled, stop))

    run(ends, work)
