"""The broker at the local Kite: what it tells of an order, however Kite answers, and what it finds again."""

import asyncio
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import requests

from holdfast.adapters.zerodha.trading.broker import no_hints
from holdfast.brokers.port import AccessDenied, AtBroker, Unavailable
from holdfast.core.messages import (
    CancelOrder,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderTerms,
    OrderUnknown,
)
from holdfast.core.types import OrderType, Quantity, TimeInForce
from tests.local_kite import LocalKite, local_kite
from tests.unit.adapters.zerodha.trading.kit import PATIENCE_S, SYMBOL, Ends, arm, run, until

FAULTS: dict[str, tuple[dict[str, Any], type]] = {
    "taken, and the answer a gateway's": ({"name": "accepted_then_502"}, OrderUnknown),
    "taken, and no answer": ({"name": "reset_after"}, OrderUnknown),
    "taken, and an error that names no type": ({"name": "error_without_type"}, OrderUnknown),
    "taken, and half an answer": ({"name": "unparsable_200"}, OrderUnknown),
    "400, and placed later": ({"name": "error_400_then_placed", "seconds": 0.3}, OrderUnknown),
    "no answer, and placed later": ({"name": "timeout_then_placed", "seconds": 0.3}, OrderUnknown),
    "taken, without its tag": ({"name": "tag_missing"}, OrderAccepted),
}


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


def row_of(server: LocalKite, broker_order_id: str) -> dict[str, Any]:
    return next(row for row in requests.get(f"{server.url}/_sim/audit", timeout=10).json()["orders"] if row["order_id"] == broker_order_id)  # fmt: skip


def test_an_order_is_accepted_trades_once_and_costs_what_the_note_says(server: LocalKite, ends: Ends) -> None:
    """A market order goes with protection and our id as its tag; its execution has the exchange's id; its charges are a booking."""
    terms = ends.terms()

    async def work() -> None:
        before = await ends.broker.account()
        await ends.send(terms)
        await until(lambda: ends.of(OrderFilled, terms))
        (accepted,), (filled,) = ends.of(OrderAccepted, terms), ends.of(OrderFilled, terms)
        row = row_of(server, accepted.broker_order_id)
        assert row["tag"] == terms.client_order_id
        assert "mktp" in row["tags"]
        (fill,) = [each for each in await ends.broker.fills_since(0) if each.client_order_id == terms.client_order_id]
        assert (fill.execution_id, fill.price, fill.quantity) == (filled.execution_id, filled.price, filled.quantity)
        found = await ends.broker.find(terms)
        assert found is not None
        assert (found.state, found.filled_quantity) == (AtBroker.FILLED, terms.quantity)
        (charge,) = [
            each for each in await ends.broker.activities_since(0) if accepted.broker_order_id in each.activity_id
        ]
        after = await ends.broker.account()
        assert after.cash - before.cash == -fill.price * fill.quantity + charge.amount
        assert charge.amount < 0

    run(ends, work)


def test_a_cancel_is_told_by_the_book(ends: Ends) -> None:
    """200 to a cancel is no end: that comes with the book."""
    terms = ends.resting()

    async def work() -> None:
        await ends.send(terms)
        assert await ends.broker.find(terms) is not None
        ends.broker.cancel(CancelOrder(terms.client_order_id, 0))
        await until(lambda: ends.of(OrderCanceled, terms))
        assert terms.client_order_id not in {order.client_order_id for order in await ends.broker.open_orders()}

    run(ends, work)


def test_200_is_no_acceptance(server: LocalKite, ends: Ends) -> None:
    """What the risk management refuses after the answer is rejected, with its words."""
    arm(server, name="reject_after_200", times=1)
    terms = ends.terms()

    async def work() -> None:
        await ends.send(terms)
        await until(lambda: ends.of(OrderRejected, terms))
        assert "RMS" in ends.of(OrderRejected, terms)[0].reason

    run(ends, work)


@pytest.mark.parametrize("what", FAULTS)
def test_an_order_without_a_good_answer_is_found_and_never_sent_again(what: str, server: LocalKite, ends: Ends) -> None:
    """By its tag, or where that got lost by its terms; one request was made."""
    spec, told = FAULTS[what]
    arm(server, times=1, **spec)
    terms = ends.resting()

    async def work() -> None:
        await ends.send(terms)
        assert ends.of(told, terms)
        async with asyncio.timeout(PATIENCE_S):
            while (found := await ends.broker.find(terms)) is None:
                await asyncio.sleep(0.02)
        assert found.symbol == SYMBOL
        assert ends.of(OrderAccepted, terms)[0].broker_order_id == found.broker_order_id

    run(ends, work, watched=False)
    sent = [each for each in requests.get(f"{server.url}/_sim/audit", timeout=10).json()["requests"] if each["tag"] == terms.client_order_id]  # fmt: skip
    assert len(sent) == 1


def test_without_tag_and_answer_the_only_one_like_it_is_it(server: LocalKite, ends: Ends) -> None:
    """Terms and time tell an order where one is there and one is missing; of two alike neither is taken."""
    arm(server, name="tag_missing", times=3)
    arm(server, name="accepted_then_502", times=3)
    one, twins = ends.resting(quantity=7), [ends.resting(quantity=9), ends.resting(quantity=9)]

    async def work() -> None:
        for terms in (one, *twins):
            await ends.send(terms)
            assert ends.of(OrderUnknown, terms)
        found = await ends.broker.find(one)
        assert found is not None
        assert found.quantity == one.quantity
        assert [await ends.broker.find(terms) for terms in twins] == [None, None]

    run(ends, work, watched=False)


def test_what_kite_has_no_word_for_is_refused_here(server: LocalKite, ends: Ends) -> None:
    """Nothing is sent."""
    before = server.call(lambda: server.world.faults.audit.received)
    refused: Sequence[OrderTerms] = [
        ends.terms(order_type=OrderType.TRAILING_STOP, trail_percent=Decimal(1)),
        ends.terms(time_in_force=TimeInForce.FOK),
        msgspec.structs.replace(ends.terms(), quantity=Quantity(Decimal("0.5"))),
    ]

    async def work() -> None:
        for terms in refused:
            await ends.send(terms)
            assert ends.of(OrderRejected, terms)

    run(ends, work, watched=False)
    assert server.call(lambda: server.world.faults.audit.received) == before


def test_no_message_of_the_websocket_is_believed_or_needed(server: LocalKite, ends: Ends) -> None:
    """Order updates that come twice, or never, change nothing in what is told."""
    arm(server, name="stream_duplicate", times=3, stream="orders")
    arm(server, name="stream_drop", times=3, stream="orders")
    orders = [ends.terms() for _ in range(4)]

    async def work() -> None:
        await until(lambda: ends.hints.connections)
        for terms in orders:
            await ends.send(terms)
        await until(lambda: all(ends.of(OrderFilled, terms) for terms in orders))
        assert [len(ends.of(OrderFilled, terms)) for terms in orders] == [1, 1, 1, 1]

    run(ends, work)


def test_a_book_that_cant_be_read_is_told(server: LocalKite, ends: Ends) -> None:
    """After two answers that are none nobody is told that the book is read; it is told again when it is."""

    async def work() -> None:
        arm(server, name="html_502", times=2, method="GET", path="/orders")
        await until(lambda: ends.connected[-2:] == [False, True])

    run(ends, work)


def test_a_dead_session_is_denied_access_and_says_what_to_do(server: LocalKite, ends: Ends) -> None:
    """Every question, and an order is known not to be taken."""
    arm(server, name="token_dead")
    terms = ends.terms()

    async def work() -> None:
        with pytest.raises(AccessDenied, match=r"holdfast login zerodha|TokenException"):
            await ends.broker.account()
        await ends.send(terms)
        assert ends.of(OrderRejected, terms)

    run(ends, work, watched=False)


def test_an_answer_that_is_no_list_says_nothing(server: LocalKite, ends: Ends) -> None:
    """It is not taken for an empty book."""
    arm(server, name="unparsable_200", times=1, method="GET", path="/orders")

    async def work() -> None:
        with pytest.raises(Unavailable):
            await ends.broker.open_orders()

    run(ends, work, watched=False)


def test_who_only_asks_has_no_websocket() -> None:
    """An app may have three, and they belong to who trades."""

    async def whole() -> None:
        waiting = asyncio.create_task(no_hints(lambda: None))
        await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()

    asyncio.run(whole())


def test_the_rules_of_the_day_and_how_large_an_order_may_be(ends: Ends) -> None:
    """What the list has, and the freeze quantity once an order was refused for it; what isn't listed can't be traded."""
    terms = ends.terms(150_000)

    async def work() -> None:
        await ends.send(terms)
        assert ends.of(OrderRejected, terms)
        known, unknown = await ends.broker.assets([SYMBOL, "NOWHERE"])
        assert known.rules is not None
        assert (known.rules.tick(Decimal(100)), known.rules.lot, known.rules.exchange) == (
            Decimal("0.05"),
            Decimal(1),
            "NSE",
        )
        assert (known.rules.largest_order, known.tradable, unknown.tradable) == (Decimal(100_000), True, False)

    run(ends, work, watched=False)
