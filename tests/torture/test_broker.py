"""Real engines on a broker that restarts, loses orders, refuses keys and throttles: the engine lives through it all."""

from collections import Counter
from pathlib import Path

import pytest

from holdfast.torture.processes.programs import Spawner
from tests.torture.arena import arena

pytestmark = pytest.mark.process

SENDS = 30
"""How often an order that was definitely not taken is sent, under its id: `holdfast.brokers.sender.SENDS`."""


@pytest.mark.proves("B1", "S9")
def test_the_broker_dies_and_comes_back(tmp_path: Path, spawner: Spawner) -> None:
    """Its process is killed and starts from its state: the engine waits, reads everything again and trades on."""
    with arena(tmp_path, spawner) as there:
        engine = there.ready()
        there.trade(engine)
        there.broker.kill()
        there.trade(engine)
        there.check_sent()
        there.agree(engine)


@pytest.mark.proves("B1")
def test_the_broker_dies_while_nobody_is_there(tmp_path: Path, spawner: Spawner) -> None:
    """Engine and broker die at once, and come back one after the other."""
    with arena(tmp_path, spawner) as there:
        engine = there.ready()
        there.trade(engine)
        there.die(engine)
        there.broker.kill()
        there.heal()


@pytest.mark.proves("B2")
def test_the_broker_loses_its_orders(tmp_path: Path, spawner: Spawner) -> None:
    """Open orders are gone after its restart: each is asked for and ends by evidence, and the books agree."""
    with arena(tmp_path, spawner) as there:
        engine = there.ready()
        there.trade(engine)
        there.broker.arm([{"name": "restart_losing_orders", "seconds": 0.3}])
        there.trade(engine, 60)
        there.check_sent()
        there.agree(engine)


@pytest.mark.proves("B4", "A6")
def test_keys_are_refused_while_it_trades(tmp_path: Path, spawner: Spawner) -> None:
    """401 to everything for a while: no storm of orders, none is sent twice, and the account trades on when the keys are taken."""
    with arena(tmp_path, spawner) as there:
        engine = there.ready()
        there.trade(engine)
        there.broker.arm([{"name": "unauthorized", "path": "/v2/", "times": 20}])
        there.broker.resume()
        there.until(lambda: there.broker.fired["unauthorized"] >= SENDS // 3, "keys that are refused")
        there.broker.disarm()
        there.trade(engine)
        asked = Counter(row["client_order_id"] for row in there.requests() if row["method"] == "POST")
        assert max(asked.values()) == 1
        there.agree(engine)


@pytest.mark.proves("B5")
def test_throttled_for_long(tmp_path: Path, spawner: Spawner) -> None:
    """429 to everything for seconds: what is sent again is sent under its id, nothing is doubled, and it comes to an end."""
    with arena(tmp_path, spawner) as there:
        engine = there.ready()
        there.trade(engine)
        there.broker.arm([{"name": "storm_429", "path": "/v2/", "seconds": 4}])
        there.trade(engine, 60)
        asked = Counter(row["client_order_id"] for row in there.requests() if row["method"] == "POST")
        assert max(asked.values()) <= SENDS
        assert there.broker.fired["storm_429"] > 0
        there.broker.disarm()
        there.trade(engine, 60)
        there.agree(engine)
