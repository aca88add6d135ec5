"""The broker against a server that answers what no real one would: nothing of it may end the engine or send an order twice."""

import asyncio
import json
import socket
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from holdfast.adapters.alpaca.connection.rest import AlpacaRest
from holdfast.adapters.alpaca.trading.broker import AlpacaBroker
from holdfast.brokers.port import AccessDenied, AtBroker, Unavailable
from holdfast.core.messages import (
    CancelOrder,
    OrderAccepted,
    OrderNotSent,
    OrderRejected,
    OrderTerms,
    OrderUnknown,
    Report,
    SubmitOrder,
)
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.types import ClientOrderId, OrderRole, Price, Quantity, Side, StrategyId
from tests.unit.adapters.alpaca.connection.wire import Seen, WireServer, answers, raw, settings_of, wire_server

TERMS = OrderTerms(ClientOrderId("h00000100010000001"), StrategyId("s"), "IBM", Side.BUY, Quantity(Decimal(5)))
ROW: dict[str, Any] = {
    "id": "an-order", "client_order_id": TERMS.client_order_id, "symbol": "IBM", "side": "buy", "qty": "5",
    "filled_qty": "0", "status": "new", "submitted_at": "2024-07-10T13:30:00Z", "created_at": "2024-07-10T13:30:00Z",
}  # fmt: skip
SEVERAL_OPTIONS = {**ROW, "id": "of-another-kind", "client_order_id": "theirs", "symbol": "", "side": ""}
STOP = msgspec.structs.replace(
    TERMS,
    client_order_id=ClientOrderId("h00000100010000002"),
    side=Side.SELL,
    stop_price=Price(Decimal(90)),
    role=OrderRole.STOP_LOSS,
    oco_group="g",
)
PROFIT = msgspec.structs.replace(
    STOP,
    client_order_id=ClientOrderId("h00000100010000003"),
    stop_price=None,
    limit_price=Price(Decimal(110)),
    role=OrderRole.TAKE_PROFIT,
)

Asked = Callable[[AlpacaBroker], Coroutine[Any, Any, Any]]


class Ends:
    """A broker at a server, and what it reported."""

    def __init__(self, server: WireServer) -> None:
        self.server = server
        self.reports: list[Report] = []
        self.unresolved: list[ClientOrderId] = []
        self.kept: str | None = None
        settings = settings_of(server.url, read_timeout_s=1)
        self.rest = AlpacaRest(settings)
        self.broker = AlpacaBroker(settings, self.rest)
        self.broker.open(
            self.reports.append, lambda _: self.kept, lambda key, _: self.unresolved.append(key), lambda: 1
        )

    def run(self, asked: Asked) -> Any:
        """Run something in an event loop, and let all that is under way come to its end."""

        async def all_of_it() -> Any:
            try:
                found = await asked(self.broker)
                await asyncio.wait_for(self.broker.drain(), 20)
                return found
            finally:
                self.broker.close()
                self.rest.close()

        return asyncio.run(all_of_it())

    def sends(self, *terms: OrderTerms) -> list[type]:
        """What becomes of orders that are sent now, together."""

        async def send(broker: AlpacaBroker) -> None:
            for one in terms:
                broker.submit(SubmitOrder(one, 1, raises_risk=True))

        self.run(send)
        return [type(report.body) for report in self.reports]

    @property
    def posts(self) -> int:
        return sum(seen.method == "POST" for seen in self.server.seen)


@pytest.mark.proves("A5", "A6")
@pytest.mark.parametrize(
    ("status", "body", "ends_as"),
    [
        ("200 OK", ROW, OrderAccepted),
        ("200 OK", {}, OrderUnknown),
        ("200 OK", [], OrderUnknown),
        ("200 OK", [ROW], OrderUnknown),
        ("200 OK", None, OrderUnknown),
        ("200 OK", {**ROW, "legs": 7}, OrderUnknown),
        ("422 Unprocessable", {"code": 42210000, "message": "no"}, OrderRejected),
        ("422 Unprocessable", {"code": 40010001, "message": "client_order_id must be unique"}, OrderUnknown),
        ("401 Unauthorized", {"message": "unauthorized."}, OrderRejected),
        ("403 Forbidden", {"message": "forbidden."}, OrderRejected),
        ("404 Not Found", {"code": 40410000, "message": "not found"}, OrderUnknown),
        ("500 Error", {"code": 50010000, "message": "internal"}, OrderUnknown),
    ],
)
def test_an_order_is_sent_once_whatever_is_answered(status: str, body: object, ends_as: type) -> None:
    """One request, one report, and only a definite no is one."""
    with wire_server(answers(status, body)) as server:
        ends = Ends(server)
        assert ends.sends(TERMS) == [ends_as]
        assert ends.posts == 1


@pytest.mark.proves("A9")
@pytest.mark.parametrize("legs", [None, [], "none"])
def test_a_pair_without_its_leg_is_unknown_as_a_whole(legs: object) -> None:
    """The answer names no stop-loss: both are asked for."""
    with wire_server(answers("200 OK", {**ROW, "legs": legs})) as server:
        ends = Ends(server)
        assert ends.sends(STOP, PROFIT) == [OrderUnknown, OrderUnknown]
        assert ends.posts == 1


def test_a_pair_goes_as_one() -> None:
    """One request under the take-profit's id; the leg's id is the stop-loss's."""
    with wire_server(answers("200 OK", {**ROW, "legs": [{**ROW, "id": "a-leg"}]})) as server:
        ends = Ends(server)
        ends.sends(STOP, PROFIT)
        assert [(r.body.client_order_id, getattr(r.body, "broker_order_id", "")) for r in ends.reports] == [
            (PROFIT.client_order_id, "an-order"),
            (STOP.client_order_id, "a-leg"),
        ]
        (seen,) = server.seen
        assert json.loads(seen.body)["client_order_id"] == PROFIT.client_order_id


def test_an_order_held_back_when_the_engine_stops_never_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits out a 429 in the limiter; the engine stops; when its turn comes, it stays."""
    monkeypatch.setattr("holdfast.adapters.alpaca.trading.classify.THROTTLED_S", 0.05)
    throttled = raw("429 Too Many", b'{"message": "slow down"}', "Content-Type: application/json", "Retry-After: 1")
    with wire_server(lambda connection, _: connection.sendall(throttled)) as server:
        ends = Ends(server)

        async def stop_in_between(broker: AlpacaBroker) -> None:
            broker.submit(SubmitOrder(TERMS, 1, raises_risk=True))
            while not (ends.posts and ends.rest._trading.limiter.waiting):
                await asyncio.sleep(0.01)
            server.act = answers("200 OK", ROW)
            broker.close()

        ends.run(stop_in_between)
        assert [type(report.body) for report in ends.reports] == [OrderNotSent]
        assert ends.posts == 1


def test_a_cancel_for_an_order_that_never_left_asks_nothing() -> None:
    """The last check kept it here: its cancel needs no request."""
    with wire_server(answers("404 Not Found", {"code": 40410000, "message": "order not found"})) as server:
        ends = Ends(server)
        ends.kept = "not now"

        async def both(broker: AlpacaBroker) -> None:
            broker.submit(SubmitOrder(TERMS, 1, raises_risk=True))
            while not ends.reports:
                await asyncio.sleep(0.01)
            broker.cancel(CancelOrder(TERMS.client_order_id, 1))

        ends.run(both)
        assert server.seen == []
        assert ends.unresolved == []


def only(rows: dict[str, dict[str, Any]]) -> Callable[[socket.socket, Seen], None]:
    """A server that has these orders, each by a path or by a client's id."""

    def act(connection: socket.socket, seen: Seen) -> None:
        row = rows.get(seen.path.removeprefix("/v2/")) or rows.get(seen.query.get("client_order_id", ""))
        absent = {"code": 40410000, "message": "order not found"}
        answers("200 OK" if row else "404 Not Found", row or absent)(connection, seen)

    return act


LEG = {**ROW, "id": "a-leg", "client_order_id": "made by alpaca", "side": "sell", "symbol": "IBM"}


def order_of(terms: OrderTerms, broker_order_id: str = "") -> Order:
    """One of an earlier run."""
    return Order(terms, OrderState.SUBMITTED, terms.quantity, 1, 1, broker_order_id=broker_order_id)


@pytest.mark.parametrize(
    ("stop_id", "rows", "found"),
    [
        ("a-leg", {"orders/a-leg": LEG}, "a-leg"),
        ("a-leg", {}, None),
        ("", {PROFIT.client_order_id: ROW, "orders/an-order": {**ROW, "legs": [LEG]}}, "a-leg"),
        ("", {STOP.client_order_id: {**LEG, "client_order_id": STOP.client_order_id}}, "a-leg"),
        ("", {}, None),
    ],
    ids=["its target is gone", "it is gone", "as a leg", "sent alone", "nothing is there"],
)
def test_the_stop_of_a_pair_is_found_however_it_was_sent(
    stop_id: str, rows: dict[str, dict[str, Any]], found: str | None
) -> None:
    """By Alpaca's id where that is known, also when its target is not there any more; as its target's leg; by its own id."""
    with wire_server(only(rows)) as server:
        ends = Ends(server)
        ends.broker.know([order_of(STOP, stop_id), order_of(PROFIT, "an-order")])
        shown = ends.run(lambda broker: broker.find(STOP))
        assert (None if shown is None else shown.broker_order_id) == found


QUESTIONS: dict[str, Asked] = {
    "clock": lambda broker: broker.clock_ns(),
    "account": lambda broker: broker.account(),
    "find": lambda broker: broker.find(TERMS),
    "open orders": lambda broker: broker.open_orders(),
    "latest orders": lambda broker: broker.latest_orders(),
    "fills": lambda broker: broker.fills_since(1),
}


@pytest.mark.parametrize(
    "body", [{}, [7], "words", 7, [None], [{"id": "x"}], {"id": "x", "timestamp": "noon"}], ids=str
)
@pytest.mark.parametrize("what", QUESTIONS)
def test_an_answer_that_makes_no_sense_is_no_answer(what: str, body: object) -> None:
    """Whatever JSON comes, a question says that it was not answered; it never says that something is not there."""
    with wire_server(answers("200 OK", body)) as server, pytest.raises(Unavailable):
        Ends(server).run(QUESTIONS[what])


@pytest.mark.parametrize("what", QUESTIONS)
@pytest.mark.parametrize(
    ("status", "body", "means"),
    [
        ("401 Unauthorized", {"message": "unauthorized."}, AccessDenied),
        ("403 Forbidden", {"message": "forbidden."}, AccessDenied),
        ("404 Not Found", {"message": "no such route"}, Unavailable),
        ("500 Error", {"message": "internal"}, Unavailable),
    ],
)
def test_an_error_is_no_answer_either(what: str, status: str, body: object, means: type[Exception]) -> None:
    """Refused keys are told apart; a 404 of something in between is no absence."""
    with wire_server(answers(status, body)) as server, pytest.raises(means):
        Ends(server).run(QUESTIONS[what])


def test_orders_of_another_kind_are_left_out() -> None:
    """Several options in one order have neither side nor symbol: the others of the list are read all the same."""
    with wire_server(answers("200 OK", [SEVERAL_OPTIONS, ROW])) as server:
        (found,) = Ends(server).run(QUESTIONS["open orders"])
        assert (found.broker_order_id, found.state) == ("an-order", AtBroker.WORKING)


def test_an_order_of_other_terms_is_shown_and_not_taken_for_ours() -> None:
    """Same id, another quantity: found, but not acknowledged."""
    with wire_server(answers("200 OK", {**ROW, "qty": "6"})) as server:
        ends = Ends(server)
        found = ends.run(QUESTIONS["find"])
        assert found.quantity == 6
        assert ends.reports == []


def test_more_open_orders_and_executions_than_a_page_holds() -> None:
    """All pages are read, and each once."""
    total = 1201

    def act(connection: socket.socket, seen: Seen) -> None:
        if "activities" in seen.path:
            first = int(seen.query.get("page_token", "-1")) + 1
            rows = [activity(number) for number in range(first, min(first + 100, 250))]
        else:
            last = total if "until" not in seen.query else int(seen.query["until"][-5:-1])
            rows = [at(number) for number in range(last - 1, max(-1, last - 501), -1)]
        answers("200 OK", rows)(connection, seen)

    def at(number: int) -> dict[str, Any]:
        return {**ROW, "id": f"o{number}", "submitted_at": f"2024-07-10T13:30:00.00000{number:04}Z"}

    with wire_server(act) as server:
        found = Ends(server).run(QUESTIONS["open orders"])
        assert [order.broker_order_id for order in found] == [f"o{number}" for number in range(total - 1, -1, -1)]
        fills = Ends(server).run(QUESTIONS["fills"])
        assert [fill.broker_order_id for fill in fills] == [f"f{number}" for number in range(250)]


def activity(number: int) -> dict[str, Any]:
    return {
        "id": str(number), "order_id": f"f{number}", "cum_qty": "1", "qty": "1", "price": "10", "symbol": "IBM",
        "side": "sell_short", "transaction_time": "2024-07-10T13:30:00Z",
    }  # fmt: skip
