"""The real program at the local Kite, killed while it trades: in the end its books are the server's, and no intent went twice."""

import json
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.config import load_config
from holdfast.errors import JournalError
from holdfast.journal.reader import Reader
from tests.budget import by_tier
from tests.local_kite import LOGIN, LocalKite, local_kite
from tests.process.program import PATIENCE_S, started
from tests.scenario.alpaca.engine import Running
from tests.scenario.zerodha.bench import post
from tests.scenario.zerodha.engine import (
    OURS,
    SETTLE_S,
    Theirs,
    agree_in_the_end,
    check_no_twins,
    log_in,
)

pytestmark = pytest.mark.process

KILLS = by_tier(test=2, campaign=20)
SPEED = 120.0
"""Two minutes of market in a second: the kills fall within the session, also on a busy machine."""


def write(server: LocalKite, folder: Path) -> Path:
    """The configuration as the program reads it."""
    file = folder / "holdfast.toml"
    file.write_text(
        f"""
        [journal]
        url = "sqlite:///{folder / "journal.db"}"
        [secrets]
        file = "{folder / "secrets"}"
        key_file = "{folder / "key"}"
        [feed]
        kind = "zerodha"
        symbols = {json.dumps(OURS)}
        warm_up_minutes = 0
        [instruments]
        {OURS[0]} = {{ tick = "0.05", lot = 1, product = "MIS" }}
        {OURS[1]} = {{ tick = "0.05", lot = 1, product = "CNC" }}
        [zerodha]
        api_key = "{LOGIN.api_key}"
        api_url = "{server.url}"
        login_url = "{server.url}"
        socket_url = "{server.socket_url}"
        read_timeout_s = 1.0
        settle_s = {SETTLE_S}
        orders_per_second = 1000
        quotes_per_second = 1000
        candles_per_second = 1000
        requests_per_second = 1000
        [live]
        check_every_s = 0.5
        reconcile_every_s = 0.5
        [[accounts]]
        name = "one"
        broker = "zerodha"
        calendar = "XBOM"
        risk = {{ leverage = 3, max_orders_per_minute = 1000 }}
        [[strategies]]
        id = "all"
        class = "holdfast.torture.processes.strategy:Busy"
        account = "one"
        symbols = {json.dumps(OURS)}
        params = {{ seed = 1 }}
        """
    )
    log_in(server, load_config(file))
    return file


def records_in(url: str) -> int:
    """How many records the journal holds."""
    try:
        with Reader.open(url) as reader:
            return sum(account.last_sequence for account in reader.accounts())
    except JournalError:
        return 0  # not made yet


def kill_once(server: LocalKite, file: Path, chance: random.Random) -> None:
    """Start the program, let it send some orders more, and kill it in the midst of it."""
    url = f"sqlite:///{file.parent / 'journal.db'}"
    theirs, before = Theirs(server), records_in(url)
    server.call(server.world.clock.pause)  # a slow machine takes longer to start, not more of the market
    with started(file.parent, "run", "-c", file.name) as program:
        deadline_s = time.monotonic() + PATIENCE_S

        def wait(reached: Callable[[], bool]) -> None:
            while not reached():
                said = (file.parent / "output.txt").read_text()[-2000:]
                assert program.poll() is None, said
                assert time.monotonic() < deadline_s, said
                time.sleep(chance.uniform(0, 0.02))

        wait(lambda: records_in(url) > before)
        server.call(server.world.clock.resume)
        wanted = len(theirs.orders()) + chance.randint(1, 5)
        wait(lambda: len(theirs.orders()) >= wanted)


@pytest.mark.proves("K3", "K4", "I1", "I2", "I3", "I4", "I6")
def test_kills_leave_books_that_the_server_agrees_with(tmp_path: Path) -> None:
    """Orders unanswered, filled in parts, sent as it died: same books, no twin, no secret in any file."""
    chance = random.Random(7)
    with local_kite(speed=SPEED) as server:
        server.play(40)
        file = write(server, tmp_path)
        some = {"times": None, "probability": 0.15}
        post(
            server,
            [
                {"name": "partial_fills", **some},
                {"name": "accepted_then_502", **some},
                {"name": "reset_after", "method": "DELETE", "path": "/orders/", **some},
            ],
        )
        for _ in range(KILLS):
            kill_once(server, file, chance)
        server.call(server.world.clock.pause)
        running = Running(load_config(file))
        try:
            running.start()
            theirs = Theirs(server)
            agree_in_the_end(running, theirs)
            check_no_twins(theirs)
        finally:
            running.stop()
        token = server.world.accounts.all()[0].tokens.access_token or ""
    names = ("holdfast.toml",)
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name not in names]
    assert token
    assert not any(token.encode() in content for content in written)
