"""Each fault of the catalogue while the engine trades, alone and in mixes of three: the books are the server's in the end."""

import random
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import requests

from holdfast.core.messages import CancelOrders
from holdfast.core.types import MINUTE_NS
from holdfast.journal.commands import file_command
from holdfast.sim.alpaca.faults.catalogue import FaultName
from tests.budget import by_tier, in_a_campaign
from tests.local_alpaca import LocalAlpaca, local_alpaca
from tests.scenario.alpaca.engine import (
    SYMBOLS,
    Running,
    Theirs,
    agree_in_the_end,
    check_blind_times,
    check_no_twins,
    engine_on,
)

Spec = Mapping[str, Any]

BEFORE, WITH, AFTER = by_tier(test=8, campaign=20), by_tier(test=25, campaign=60), by_tier(test=12, campaign=25)
"""Minutes of market: without the fault, with it (longer where it has not struck by then), and after it was taken away."""
SPEED = 1800.0
"""Thirty minutes of market in a second."""

ANYTHING = "/v2/"
ALONE: dict[str, Sequence[Spec]] = {
    "accepted then timeout": [{"name": "accepted_then_timeout", "times": 3, "seconds": 3}],
    "accepted then 504": [{"name": "accepted_then_504", "times": 4}],
    "not accepted then 504": [{"name": "not_accepted_then_504", "times": 4}],
    "reset before": [{"name": "reset_before", "times": 4}],
    "reset after": [{"name": "reset_after", "times": 4}],
    "every kind of request reset": [{"name": "reset_after", "times": 12, "path": ANYTHING, "probability": 0.3}],
    "slow": [{"name": "slow", "times": 6, "seconds": 0.5}],
    "unparsable": [{"name": "unparsable_200", "times": 4}],
    "unparsable answers to everything": [{"name": "unparsable_200", "times": 12, "path": ANYTHING, "probability": 0.3}],
    "429": [{"name": "storm_429", "seconds": 1}],
    "429 to everything": [{"name": "storm_429", "seconds": 1, "path": ANYTHING}],
    "401 to orders": [{"name": "unauthorized", "times": 3}],
    "401 to questions": [{"name": "unauthorized", "times": 5, "method": "GET", "path": ANYTHING}],
    "maintenance": [{"name": "maintenance_page", "seconds": 1, "path": ANYTHING}],
    "cancels without an answer": [{"name": "reset_after", "times": 5, "method": "DELETE", "path": "/v2/orders/"}],
    "invisible orders": [{"name": "invisible_order", "times": 5, "seconds": 0.6}],
    "invisible and unanswered": [
        {"name": "invisible_order", "times": 4, "seconds": 0.6},
        {"name": "accepted_then_504", "times": 4},
    ],
    "duplicate id": [{"name": "duplicate_id_answer", "times": 4}],
    "rejected after all": [{"name": "reject_after_accept", "times": 4}],
    "filled before the answer": [{"name": "fill_before_ack", "times": 4}],
    "partial fills": [{"name": "partial_fills", "times": 20, "fraction": 0.3}],
    "cancel races fill": [{"name": "cancel_races_fill", "times": 4}],
    "leg held": [{"name": "leg_dead", "times": 3}],
    "leg missing": [{"name": "leg_missing", "times": 3}],
    "another account": [{"name": "account_id_changed", "times": 2}],
    "bust": [{"name": "bust"}, {"name": "bust"}],
    "correction": [{"name": "correction", "price": "123.45"}],
    "order events lost": [{"name": "stream_drop", "times": 15, "probability": 0.4, "stream": "trade_updates"}],
    "market data lost": [{"name": "stream_drop", "times": 15, "probability": 0.4, "stream": "data"}],
    "everything twice": [{"name": "stream_duplicate", "times": 60}],
    "everything out of order": [{"name": "stream_reorder", "times": 30, "probability": 0.5}],
    "order events mute": [{"name": "stream_mute", "seconds": 1, "stream": "trade_updates"}],
    "market data mute": [{"name": "stream_mute", "seconds": 1, "stream": "data"}],
    "server restarts": [{"name": "restart_keeping_orders", "seconds": 0.4}],
    "server restarts without its orders": [{"name": "restart_losing_orders", "seconds": 0.4}],
    "streams refused after a restart": [
        {"name": "stream_refused_406", "times": 2},
        {"name": "stream_refused_429", "times": 2},
        {"name": "restart_keeping_orders", "seconds": 0.2},
    ],
}
TOGETHER: dict[str, Sequence[Spec]] = {
    "answers that say too little": [
        {"name": "accepted_then_504", "times": 3},
        {"name": "not_accepted_then_504", "times": 3},
        {"name": "unparsable_200", "times": 3},
        {"name": "duplicate_id_answer", "times": 3},
        {"name": "reset_after", "times": 3, "method": "DELETE", "path": "/v2/orders/"},
    ],
    "refused, away and back": [
        {"name": "unauthorized", "times": 5, "method": "GET", "path": ANYTHING},
        {"name": "storm_429", "seconds": 1, "path": ANYTHING},
        {"name": "restart_keeping_orders", "seconds": 0.4},
    ],
    "fills in any order": [
        {"name": "partial_fills", "times": 20, "fraction": 0.3},
        {"name": "fill_before_ack", "times": 4},
        {"name": "cancel_races_fill", "times": 4},
        {"name": "stream_duplicate", "times": 60},
        {"name": "stream_reorder", "times": 30, "probability": 0.5},
    ],
    "executions not told, undone and corrected": [
        {"name": "stream_drop", "times": 15, "probability": 0.4, "stream": "trade_updates"},
        {"name": "bust"},
        {"name": "correction", "price": "123.45"},
    ],
    "orders and legs that are gone": [
        {"name": "leg_missing", "times": 2},
        {"name": "restart_losing_orders", "seconds": 0.4},
    ],
}
"""Of each row of the fault matrix one, in as few sessions as it takes."""
MIXES = 12


def post(server: LocalAlpaca, specs: Sequence[Spec]) -> None:
    """Ask for faults, the restarts last: they may take the answer with them."""
    ordered = sorted(specs, key=lambda spec: spec["name"].startswith("restart"))
    for spec in ordered:
        try:
            answer = requests.post(f"{server.trading_url}/_sim/faults", json=[spec], timeout=10)
        except requests.ConnectionError:
            assert spec["name"].startswith("restart")
        else:
            assert answer.status_code == 200, answer.text


def disarm(server: LocalAlpaca) -> None:
    requests.delete(f"{server.trading_url}/_sim/faults", timeout=10).raise_for_status()


def fired(server: LocalAlpaca) -> dict[str, int]:
    counts: dict[str, int] = requests.get(f"{server.trading_url}/_sim/faults", timeout=10).json()["fired"]
    return counts


def trade(server: LocalAlpaca, running: Running, minutes: int) -> None:
    """Let the market go on for so long."""
    until_ns = server.call(lambda: server.world.clock.now_ns) + minutes * MINUTE_NS
    server.call(server.world.clock.resume)
    running.wait_for(lambda: server.world.clock.now_ns >= until_ns, "the market to go on")
    server.call(server.world.clock.pause)


def has_fired(server: LocalAlpaca, running: Running, names: Collection[str]) -> bool:
    """Whether each of these faults has; else the market goes on for a while: a busy machine trades less in its minutes."""
    counts = server.call(server.world.faults.fired.copy)
    if all(counts[FaultName(name)] for name in names):
        return True
    trade(server, running, AFTER)
    return False


def trade_through(specs: Sequence[Spec], folder: Path, must_fire: Collection[str] = ()) -> dict[str, int]:
    """Trade before, with and after the faults; then everything must agree. Gives how often each fired."""
    with (
        local_alpaca(symbols=SYMBOLS, requests_per_minute=0, speed=SPEED) as server,
        engine_on(server, folder) as running,
    ):
        trade(server, running, BEFORE)
        post(server, specs)
        trade(server, running, WITH)
        running.wait_for(lambda: has_fired(server, running, must_fire), f"{must_fire} to fire")
        running.wait_for(lambda: not server.world.faults.connections.away, "the server to be back")
        counts = fired(server)
        disarm(server)
        trade(server, running, AFTER)
        file_command(running.config.journal.url, "one", CancelOrders(), "cli:test", None, time.time_ns())
        theirs = Theirs(server)
        agree_in_the_end(running, theirs)
        check_no_twins(server, theirs)
        check_blind_times(running)
    return counts


def test_the_whole_catalogue_is_here() -> None:
    """No fault that the local Alpaca knows is left out."""
    assert {spec["name"] for specs in ALONE.values() for spec in specs} == {name.value for name in FaultName}


@pytest.mark.proves(
    "A1", "A2", "A4", "A6", "A7", "A8", "S1", "S2", "S3", "S4", "S5", "S7", "B1", "B2", "B4", "I2", "I3", "I4", "I6"
)
@pytest.mark.parametrize("what", [*TOGETHER, *map(in_a_campaign, ALONE)])
def test_the_books_agree_in_the_end(what: str, tmp_path: Path) -> None:
    """Some faults, and each alone: cash, positions and orders agree, no intent has two orders, nothing risky was sent while blind."""
    specs = (TOGETHER | ALONE)[what]
    names = {spec["name"] for spec in specs}
    counts = trade_through(specs, tmp_path, names)
    assert {name for name in names if not counts.get(name)} == set()


@pytest.mark.proves("I2", "I3", "I4", "I6")
@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(MIXES))
def test_the_books_agree_after_a_mix_of_three(seed: int, tmp_path: Path) -> None:
    """Three faults at once, chosen by chance."""
    names = random.Random(seed).sample(sorted(ALONE), 3)
    trade_through([spec for name in names for spec in ALONE[name]], tmp_path)
