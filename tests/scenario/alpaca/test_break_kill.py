"""The real program killed at random moments while the market goes on: in the end its books are the server's."""

import json
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.core.messages import CancelOrders
from holdfast.errors import JournalError
from holdfast.journal.reader import Reader
from holdfast.sim.alpaca.market.opening import time_from
from tests.budget import by_tier
from tests.local_alpaca import KEY, SECRET, LocalAlpaca, local_alpaca
from tests.process.program import PATIENCE_S, started
from tests.scenario.alpaca.breaking import ask, started_engine
from tests.scenario.alpaca.engine import SYMBOLS, Theirs, agree_in_the_end, check_no_twins, configuration
from tests.scenario.alpaca.test_faults import post

pytestmark = pytest.mark.process

KILLS = by_tier(test=2, campaign=10)
BEFORE_THE_CLOSE = "2024-07-10T15:30:00Z"
CLOSE = "2024-07-10T20:00:00Z"
SPEED = 240.0
"""Four minutes of market in a second: the kills fall within the session, also on a busy machine; its close comes after the last."""


def write(server: LocalAlpaca, journal: str, folder: Path) -> None:
    """The configuration as the program reads it."""
    (folder / "holdfast.toml").write_text(
        f"""
        [journal]
        url = "{journal}"
        [feed]
        kind = "alpaca"
        symbols = {json.dumps(SYMBOLS)}
        warm_up_minutes = 30
        [alpaca]
        api_key = "{KEY}"
        api_secret = "{SECRET}"
        trading_url = "{server.trading_url}"
        data_url = "{server.data_url}"
        data_stream_url = "{server.data_stream_url}"
        requests_per_minute = 900_000
        data_requests_per_minute = 900_000
        connect_timeout_s = 1.0
        read_timeout_s = 1.0
        settle_s = 1.0
        [live]
        check_every_s = 0.5
        reconcile_every_s = 0.5
        [[accounts]]
        name = "one"
        broker = "alpaca"
        risk = {{ leverage = 3, max_orders_per_minute = 1000 }}
        [[strategies]]
        id = "all"
        class = "holdfast.torture.processes.strategy:Busy"
        account = "one"
        symbols = {json.dumps(SYMBOLS)}
        params = {{ seed = 1 }}
        """
    )


def progress(url: str) -> int:
    """How many records the journal holds."""
    try:
        with Reader.open(url) as reader:
            return sum(account.last_sequence for account in reader.accounts())
    except JournalError:
        return 0  # not made yet


def kill_at_random(server: LocalAlpaca, folder: Path, url: str, chance: random.Random) -> bool:
    """Start, kill, and leave it dead for a while; whether it came as far as to have orders at the broker.

    A life is measured by the orders that the broker took, and not by records: an engine that comes back records the bars
    it missed and what its strategy wants of them, and the more of them the slower the machine is.
    """
    theirs, before = Theirs(server), progress(url)
    orders = len(theirs.orders())
    server.call(server.world.clock.pause)  # a slow machine takes longer to start, not more of the market
    with started(folder, "run", "-c", "holdfast.toml") as process:
        if chance.random() < 0.2:  # anywhere in the start
            time.sleep(chance.uniform(0, 0.6))
        else:
            deadline_s = time.monotonic() + PATIENCE_S

            def wait(reached: Callable[[], bool], most_s: float) -> None:
                while not reached() and process.poll() is None and time.monotonic() < deadline_s:
                    time.sleep(chance.uniform(0, most_s))

            wait(lambda: progress(url) > before, 0.01)
            server.call(server.world.clock.resume)
            wanted = orders + chance.randint(1, 6)
            wait(lambda: len(theirs.orders()) >= wanted, 0.01)
            further = progress(url) + chance.randint(0, 20)
            wait(lambda: progress(url) >= further, 0.01)
        assert process.poll() is None, (folder / "output.txt").read_text(errors="replace")[-2000:]
    server.call(server.world.clock.resume)
    time.sleep(chance.choice((0, 0, 0.5)))
    return len(theirs.orders()) > orders


@pytest.mark.proves("K3", "K4", "K5", "K7", "I1", "I2", "I3", "I4", "I6")
def test_kills_and_a_close_in_between(tmp_path: Path) -> None:
    """Killed in starts and at work, dead when the session closes: same books, no twin, a journal that proves itself, no secret."""
    chance = random.Random(4)
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0, speed=SPEED, start=BEFORE_THE_CLOSE) as server:
        config = configuration(server, tmp_path)
        write(server, config.journal.url, tmp_path)
        some = {"times": None, "probability": 0.15}
        post(
            server,
            [
                {"name": "partial_fills", **some},
                {"name": "accepted_then_504", **some},
                {"name": "leg_missing", **some},
                {"name": "fill_before_ack", **some},
                {"name": "reset_after", "method": "DELETE", "path": "/v2/orders/", **some},
            ],
        )
        server.call(server.world.clock.resume)
        theirs, kills, trading = Theirs(server), 0, 0
        while kills < KILLS or len(theirs.orders()) <= 10:
            assert kills < 10 * KILLS, f"{len(theirs.orders())} orders in {kills} lives"
            trading += kill_at_random(server, tmp_path, config.journal.url, chance)
            kills += 1
        server.call(server.world.clock.pause)
        assert trading > kills // 2
        while server.world.clock.now_ns <= time_from(CLOSE):
            server.play(200)  # nobody is there when day orders expire
        with started_engine(config) as running:
            ask(running, CancelOrders())
            agree_in_the_end(running, theirs)
            check_no_twins(server, theirs)
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != "holdfast.toml"]
    assert not any(SECRET.encode() in content for content in written)
