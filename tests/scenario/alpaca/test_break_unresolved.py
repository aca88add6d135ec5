"""Orders whose life gets lost, lied about or told late: what the engine makes of it."""

from decimal import Decimal
from pathlib import Path

import pytest
import requests

from holdfast.core.messages import FillBusted, OrderAdopted, OrderAnomaly, OrderNotSent, OrderRejected, OrderUnknown
from holdfast.core.orders.order import OrderState
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.types import Price
from tests.local_alpaca import KEY, SECRET, LocalAlpaca, local_alpaca
from tests.scenario.alpaca.breaking import (
    FAR_BELOW,
    LONG_S,
    becomes,
    bodies,
    buy,
    cancel,
    idle_engine,
    live_account_of,
    path_is,
    price_moves,
    see_cycles,
    sender_of,
    wire_to,
)
from tests.scenario.alpaca.engine import SYMBOLS, Theirs, agree_in_the_end, requests_at
from tests.scenario.alpaca.test_faults import disarm, post

KEYS = {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": SECRET}


def order_from_elsewhere(server: LocalAlpaca, **body: str) -> None:
    """Another program trades on the same account."""
    order = {"symbol": "AVOR", "side": "buy", "type": "market", "time_in_force": "day", "qty": "3", **body}
    requests.post(f"{server.trading_url}/v2/orders", json=order, headers=KEYS, timeout=10).raise_for_status()


def appears(server: LocalAlpaca) -> None:
    """The server shows what it has hidden."""

    def show() -> None:
        (trading,) = server.world.accounts.all()
        trading._hidden.clear()

    server.call(show)


def posts_of(server: LocalAlpaca, key: str) -> int:
    """How many requests for an order of this id came to the server."""
    return sum(row["method"] == "POST" and row["client_order_id"] == key for row in requests_at(server))


@pytest.mark.proves("I14")
def test_a_cancel_that_gets_lost_is_sent_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker stopped trying long ago, the order works on: as soon as that is seen, its cancel goes out again."""
    monkeypatch.setattr("holdfast.brokers.sender.CANCELS", 1)
    with (
        local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server,
        wire_to(server) as wire,
        idle_engine(server, tmp_path, alpaca={"trading_url": wire.url}) as running,
    ):
        order = buy(running, limit=FAR_BELOW)
        becomes(running, order, OrderState.SUBMITTED)
        wire.cut = path_is("DELETE", "/v2/orders")
        cancel(running, order)
        running.wait_for(lambda: sum(map(wire.cut, wire.seen)) >= 2, "cancels to get lost")
        wire.cut = lambda _: False
        becomes(running, order, OrderState.CANCELED)
        agree_in_the_end(running, Theirs(server))


@pytest.mark.proves("A6", "B5")
def test_a_cancel_before_the_order_could_leave_keeps_it_here(tmp_path: Path) -> None:
    """An order that is held back by 429 and canceled meanwhile never arrives, and ends as not sent."""
    with (
        local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server,
        idle_engine(server, tmp_path, alpaca={"settle_s": 0.2}) as running,
    ):
        post(server, [{"name": "storm_429", "seconds": LONG_S}])
        order = buy(running, limit=FAR_BELOW)
        running.wait_for(lambda: posts_of(server, order.terms.client_order_id), "the order to be refused once")
        cancel(running, order)
        becomes(running, order, OrderState.NOT_SENT)
        assert "cancel" in order.reason
        disarm(server)  # it would go out again now
        running.wait_for(lambda: not sender_of(running)._tasks, "the sender to have nothing more to do")
        theirs = Theirs(server)
        agree_in_the_end(running, theirs)
        assert theirs.orders() == {}


@pytest.mark.proves("A3", "I8")
def test_nothing_is_proof_of_absence_while_the_order_is_on_its_way(tmp_path: Path) -> None:
    """Asked for far longer than the settling time, not there, and canceled: still it is not called unsent, and it is adopted."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server, wire_to(server) as wire:
        alpaca = {"trading_url": wire.url, "settle_s": 0.2, "read_timeout_s": 15.0, "answer_timeout_s": 15.0}
        lease = {"duration_s": 60, "margin_s": 20}
        with idle_engine(server, tmp_path, alpaca=alpaca, lease=lease) as running:
            wire.held = path_is("POST", "/v2/orders")
            order = buy(running, limit=FAR_BELOW)
            running.wait_for(lambda: any(map(wire.held, wire.seen)), "the order to leave")
            live_account_of(running).reconciler.mark_unresolved(order.terms.client_order_id, by_force=True)
            asked = path_is("GET", "/v2/orders:by_client_order_id")
            running.wait_for(lambda: sum(map(asked, wire.seen)) >= 4, "it to be asked for")
            assert order.state is OrderState.RELEASED
            wire.release.set()
            becomes(running, order, OrderState.SUBMITTED)
            agree_in_the_end(running, Theirs(server))


@pytest.mark.proves("S9")
def test_lists_that_lag_undo_nothing(tmp_path: Path) -> None:
    """The stream tells of a fill, every question shows the time before it, and a cancel was refused: the fill stays booked."""
    with (
        local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server,
        wire_to(server) as wire,
        idle_engine(server, tmp_path, alpaca={"trading_url": wire.url, "settle_s": 8.0}) as running,
    ):
        below = running.state.marks["AVOR"] * 0.99
        order = buy(running, limit=f"{below:.2f}")
        becomes(running, order, OrderState.SUBMITTED)
        reconciler = live_account_of(running).reconciler
        reconciler.mark_unresolved(order.terms.client_order_id, by_force=True)
        asked = path_is("GET", "/v2/orders:by_client_order_id")
        running.wait_for(lambda: any(map(asked, wire.seen)), "it to be asked for")
        see_cycles(running, 2)
        wire.stale = True
        price_moves(server, below - 0.05)
        becomes(running, order, OrderState.FILLED)
        reconciler.mark_unresolved(order.terms.client_order_id, by_force=True)
        see_cycles(running, 4)
        assert reconciler.unresolved_ids
        assert bodies(running, FillBusted) == []
        assert running.state.portfolio.quantity("AVOR") == 5
        wire.stale = False
        agree_in_the_end(running, Theirs(server))
        assert bodies(running, FillBusted) == []


@pytest.mark.proves("A3", "K3", "S3")
def test_an_order_that_appears_and_fills_after_it_was_given_up_is_adopted(tmp_path: Path) -> None:
    """Hidden beyond the settling time, its fill lost by the stream: its execution leads to it, with an alarm, and the books agree."""
    with (
        local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server,
        idle_engine(server, tmp_path, alpaca={"settle_s": 0.2}, supervisor={"resubmissions": 0}) as running,
    ):
        post(
            server,
            [
                {"name": "accepted_then_504"},
                {"name": "invisible_order", "seconds": LONG_S},
                {"name": "stream_drop", "stream": "trade_updates", "times": 50},
            ],
        )
        order = buy(running)
        becomes(running, order, OrderState.NOT_SENT)
        appears(server)
        server.play(4)
        becomes(running, order, OrderState.FILLED)
        disarm(server)
        agree_in_the_end(running, Theirs(server))
        assert any(note.client_order_id == order.terms.client_order_id for note in bodies(running, OrderAnomaly))


@pytest.mark.proves("A3", "I8")
def test_a_pair_that_appears_after_it_was_given_up_is_the_strategys(tmp_path: Path) -> None:
    """Hidden beyond the settling time, told by no stream: the target is known by its id, and the stop as its leg, not as somebody else's."""
    with (
        local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server,
        idle_engine(server, tmp_path, alpaca={"settle_s": 0.2}) as running,
    ):
        mark = running.state.marks["AVOR"]
        prices = [Price(Decimal(f"{mark * share:.2f}")) for share in (0.9, 1.1)]
        entry = buy(running, 5, f"{mark * 0.99:.2f}", stop_loss=prices[0], take_profit=prices[1])
        becomes(running, entry, OrderState.SUBMITTED)
        post(
            server,
            [
                {"name": "accepted_then_504"},
                {"name": "invisible_order", "seconds": LONG_S},
                {"name": "stream_drop", "stream": "trade_updates", "times": 50},
            ],
        )
        price_moves(server, mark * 0.985)
        becomes(running, entry, OrderState.FILLED)
        legs = running.state.legs(entry.terms.strategy, "AVOR")
        for leg in list(legs):
            becomes(running, leg, OrderState.NOT_SENT)
        appears(server)
        for leg in legs:
            becomes(running, leg, OrderState.SUBMITTED)
        disarm(server)
        agree_in_the_end(running, Theirs(server))
        assert bodies(running, OrderAdopted) == []


@pytest.mark.proves("S6")
def test_an_id_that_somebody_else_has_used_is_no_order_of_ours(tmp_path: Path) -> None:
    """Same id, same symbol and side, another quantity: ours is rejected in clear words and nothing of theirs is booked to it."""
    with (
        local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server,
        idle_engine(server, tmp_path) as running,
    ):
        mine = running.state.ids.order(running.state.order_count + 1)
        order_from_elsewhere(server, client_order_id=mine)
        order = buy(running, 5)
        becomes(running, order, OrderState.REJECTED)
        assert "belongs to another order" in order.reason
        server.play(4)
        running.wait_for(lambda: running.state.portfolio.quantity("AVOR") == 3, "the position to be noticed")
        assert running.state.portfolio.strategy_quantity(EXTERNAL, "AVOR") == 3
        assert order.filled_quantity == 0
        assert not order.broker_order_id


@pytest.mark.proves("A1", "A4", "A7", "I2", "I8")
@pytest.mark.parametrize("answer", ["accepted_then_504", "reset_after", "unparsable_200", "duplicate_id_answer"])
def test_an_answer_that_is_none_ends_nothing(tmp_path: Path, answer: str) -> None:
    """The order is there, hidden for a while, and the stream is silent: it is unknown until it is found, and sent once."""
    with (
        local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server,
        idle_engine(server, tmp_path, alpaca={"settle_s": 6.0}) as running,
    ):
        post(
            server,
            [
                {"name": answer},
                {"name": "invisible_order", "seconds": 1.5},
                {"name": "stream_drop", "stream": "trade_updates", "times": 50},
            ],
        )
        order = buy(running, limit=FAR_BELOW)
        becomes(running, order, OrderState.SUBMITTED)
        assert len(bodies(running, OrderUnknown)) == 1
        assert bodies(running, OrderNotSent) + bodies(running, OrderRejected) + bodies(running, OrderAnomaly) == []
        assert posts_of(server, order.terms.client_order_id) == 1
        disarm(server)
        agree_in_the_end(running, Theirs(server))


@pytest.mark.proves("S9", "I13")
def test_a_gap_in_the_stream_is_asked_for_before_risk_is_taken(tmp_path: Path) -> None:
    """A fill while the connection was down, and no comparison due for an hour: it is booked before the account trades again."""
    with (
        local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server,
        idle_engine(server, tmp_path, live={"reconcile_every_s": 3600.0}) as running,
    ):
        below = running.state.marks["AVOR"] * 0.99
        order = buy(running, limit=f"{below:.2f}")
        becomes(running, order, OrderState.SUBMITTED)
        post(server, [{"name": "restart_keeping_orders", "seconds": 1.0}])
        running.wait_for(lambda: "order events" in running.state.impairments, "the loss to be noticed")
        price_moves(server, below - 0.05)
        running.wait_for(lambda: "order events" not in running.state.impairments, "the stream to be back")
        assert order.state is OrderState.FILLED
        agree_in_the_end(running, Theirs(server))
