"""Orders changed by a person at the broker, and a stream that breaks off again and again."""

from pathlib import Path

import pytest
import requests

from holdfast.adapters.alpaca.trading.broker import AlpacaBroker
from holdfast.core.codec import external_order_id
from holdfast.core.orders.order import OrderState
from holdfast.runtime.live.contained import Contained
from holdfast.runtime.live.loop import QUEUE
from tests.budget import by_tier, in_a_campaign
from tests.local_alpaca import local_alpaca
from tests.scenario.alpaca.breaking import (
    FAR_BELOW,
    becomes,
    buy,
    idle_engine,
    live_account_of,
    price_moves,
    started_engine,
)
from tests.scenario.alpaca.engine import SYMBOLS, Theirs, agree_in_the_end, check_no_twins, engine_on
from tests.scenario.alpaca.test_external import KEYS
from tests.scenario.alpaca.test_faults import post

STORM = by_tier(test=3, campaign=6)


@pytest.mark.proves("K11", "S6")
@pytest.mark.parametrize("is_dead", [in_a_campaign(False), True])
def test_an_order_that_a_person_changes_at_the_broker(tmp_path: Path, is_dead: bool) -> None:
    """Ours ends, as Alpaca ends it; its successor is an external order, counted in exposure, and its fill is in the books."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server:

        def change(broker_id: str) -> str:
            body = {"qty": "9", "limit_price": "1.10"}
            url = f"{server.trading_url}/v2/orders/{broker_id}"
            answer = requests.patch(url, json=body, headers=KEYS, timeout=10)
            answer.raise_for_status()
            return str(answer.json()["id"])

        with idle_engine(server, tmp_path) as running:
            order = buy(running, 5, limit=FAR_BELOW)
            becomes(running, order, OrderState.SUBMITTED)
            config, key = running.config, order.terms.client_order_id
            successor = "" if is_dead else change(order.broker_order_id)
            if not is_dead:
                becomes(running, order, OrderState.CANCELED)
        successor = successor or change(order.broker_order_id)
        with started_engine(config) as running:
            old, new = running.state.orders.find(key), running.state.orders.find(external_order_id(successor))
            assert old is not None
            assert new is not None
            assert old.state is OrderState.CANCELED
            assert running.state.orders.open_buys["AVOR"] == 9
            price_moves(server, 0.9)
            becomes(running, new, OrderState.FILLED)
            agree_in_the_end(running, Theirs(server))


@pytest.mark.proves("S10", "S9", "S1")
def test_a_stream_that_breaks_off_again_and_again(tmp_path: Path) -> None:
    """It is opened again ever more slowly, nothing waits without bound, and what was missed is found by asking."""
    with (
        local_alpaca(symbols=SYMBOLS, requests_per_minute=0, speed=600) as server,
        engine_on(server, tmp_path) as running,
    ):
        contained = live_account_of(running).account.broker
        assert isinstance(contained, Contained)
        broker = contained._broker
        assert isinstance(broker, AlpacaBroker)
        server.call(server.world.clock.resume)
        for times in range(1, STORM + 1):
            post(server, [{"name": "restart_keeping_orders", "seconds": 0.1}])
            running.wait_for(lambda times=times: broker.updates.connections > times, "the stream to be there again")  # type: ignore[misc]
        running.wait_for(lambda: not running.state.impairments, "everything to be there again")
        seen = running.engine.loop.events
        running.wait_for(lambda: running.engine.loop.events > seen + 120, "an hour of bars")
        server.call(server.world.clock.pause)
        theirs = Theirs(server)
        agree_in_the_end(running, theirs)
        assert len(theirs.orders()) > 10
        check_no_twins(server, theirs)
        assert len(running.engine.accounts[0].inbox) < QUEUE
