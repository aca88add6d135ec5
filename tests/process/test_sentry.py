"""Errors of the real program to a real receiver of envelopes: once, without secrets and variables, and in nobody's way."""

import gzip
import json
import signal
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from holdfast.journal.reader import Reader
from holdfast.vault.store import Place, Store
from tests.process.program import started, succeed
from tests.receiver import Received, Reply, receiving

pytestmark = pytest.mark.process

PUBLIC_KEY = "0123456789abcdef0123456789abcdef"
PLANTED = "planted-9f8e7d6c5b4a-of-a-strategy"
CONFIG = """
[feed]
kind = "synthetic"
seed = 5
days = 1
symbols = ["AVOR"]
[sentry]
dsn = "{dsn}"
[secrets]
key_file = "master.key"
[tracing]
headers = {{ x-key = "secret:planted" }}
[[accounts]]
name = "house"
[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
account = "house"
symbols = ["AVOR"]
params = {{ fast = 2, slow = 4, quantity = 10, allow_short = true }}
[[strategies]]
id = "broken"
class = "broken:Broken"
account = "house"
symbols = ["AVOR"]
"""
BROKEN = f"""
from holdfast import Strategy

class Broken(Strategy):
    def on_bar(self, context, bar):
        token = "{PLANTED}"
        raise RuntimeError("it is refused with " + token)
"""
CLOSED = "http://127.0.0.1:1"
"""Where nobody listens."""


def prepare(folder: Path, url: str) -> None:
    """A strategy that breaks, errors going to ``url``."""
    folder.mkdir()
    dsn = url.replace("http://", f"http://{PUBLIC_KEY}@") + "/7"
    (folder / "holdfast.toml").write_text(CONFIG.format(dsn=dsn))
    store = Store(Place(folder / "holdfast.secrets", folder / "master.key", {}))
    store.make()
    store.set("planted", PLANTED)
    (folder / "broken.py").write_text(BROKEN)


def run_with(folder: Path, url: str) -> Counter[str]:
    """A whole day of it; how many records of each type there are."""
    prepare(folder, url)
    succeed(folder, "run")
    with Reader.open(f"sqlite:///{folder / 'holdfast.db'}") as reader:
        return Counter(record.type for record in reader.records("house"))


def events(received: list[Received]) -> list[dict[str, Any]]:
    """The events in what came."""
    bodies = [
        gzip.decompress(one.body) if one.headers.get("Content-Encoding") == "gzip" else one.body for one in received
    ]
    return [json.loads(body.splitlines()[2]) for body in bodies]


def test_a_strategy_that_breaks_is_told_once_without_what_it_held(tmp_path: Path) -> None:
    """Its exception, where it was raised, and whose it is; no variables, no key, no machine."""
    with receiving() as receiver:
        prepare(tmp_path / "run", receiver.url)
        with started(tmp_path / "run", "run", "--speed", "60") as engine:
            receiver.wait_for(bool)  # an engine that ends waits for it a second at most
            engine.send_signal(signal.SIGTERM)
            assert engine.wait() == 0
        (event,) = events(receiver.received)
    text = json.dumps(event)
    assert PLANTED not in text
    assert PUBLIC_KEY not in text
    assert '"vars"' not in text
    assert (event["tags"]["strategy"], event["tags"]["part"]) == ("broken", "engine")
    assert "it is refused with" in text
    assert not {"user", "request", "breadcrumbs", "modules"} & set(event)


def test_a_receiver_that_is_away_or_hangs_is_in_nobodys_way(tmp_path: Path) -> None:
    """The day is traded to its end with the same records, while the one that hangs has not answered yet."""
    answered = threading.Event()
    with receiving() as receiver:
        well = run_with(tmp_path / "well", receiver.url)
    with receiving() as receiver:

        def hang(_: Received) -> Reply:
            answered.wait(600)
            return Reply()

        receiver.answer = hang
        hanging = run_with(tmp_path / "hanging", receiver.url)
        assert receiver.received == []
        answered.set()
    assert well["OrderFilled"] > 0
    assert well == hanging == run_with(tmp_path / "away", CLOSED)
