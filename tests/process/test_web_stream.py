"""The stream of the web process, over a journal that a real engine writes, is killed at, and comes back to."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.config import Config, load_config
from holdfast.journal.reader import Reader
from tests.budget import in_a_campaign
from tests.databases import SERVERS, fresh_database
from tests.process.listening import Heard, Listener, listening
from tests.process.program import started, trading, until
from tests.scenario.web.serving import Served, serving, with_access

CONFIG = """
[journal]
url = "{url}"

[feed]
kind = "synthetic"
symbols = ["AVOR", "BRYX"]
history_days = 0
speed = 600

[[accounts]]
name = "house"
calendar = "24/7"

[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
account = "house"
symbols = ["AVOR", "BRYX"]
params = {{ fast = 2, slow = 4, quantity = 1, allow_short = true }}
"""


@pytest.fixture(params=["sqlite", *map(in_a_campaign, SERVERS)])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Config]:
    """An engine's configuration, its journal on each kind of database; the journal isn't there yet."""
    with fresh_database(request.param, tmp_path) as url:
        path = tmp_path / "holdfast.toml"
        path.write_text(CONFIG.format(url=url))
        yield with_access(load_config(path, {}), tmp_path)


def until_fills(listener: Listener, heard: Heard, more: int) -> None:
    """Listen until so many more executions were heard of."""
    wanted = len(heard.fills) + more
    for _ in listener:
        if len(heard.fills) >= wanted:
            return


@pytest.mark.process
def test_a_listener_that_comes_back_has_lost_nothing_and_heard_nothing_twice(config: Config, tmp_path: Path) -> None:
    """The engine is killed and restarted, the listener breaks off and resumes by the last id: each record and fill is told once."""
    url, heard = config.journal.url, Heard()
    with serving(config) as served:
        assert served.ask("GET", "/ready").status == 503, "there is no journal yet, and the process serves all the same"
        with started(tmp_path, "run") as engine:
            until(lambda: trading(url), "the engine trades")
            until(lambda: served.ask("GET", "/ready").status == 200, "the journal is seen")
            with listening(served.port, heard) as listener:
                first = next(iter(listener))
                until_fills(listener, heard, 3)
            engine.kill()
            engine.wait()
        with listening(served.port, heard) as listener:
            next(event for event in listener if event.name == "beat" and not event.data["running"]["house"])
        with started(tmp_path, "run") as engine:
            until(lambda: trading(url), "the engine trades again")
            with listening(served.port, heard) as listener:
                until_fills(listener, heard, 3)
            engine.send_signal(signal.SIGTERM)
            engine.wait()
        whole = places(served, url)
        with listening(served.port, heard) as listener:
            for event in listener:
                if event.id == whole:
                    break
    begun = int(first.id.partition("=")[2])
    with Reader.open(url) as reader:
        fills = [row.execution_id for row in reversed(reader.fills("house")) if row.sequence > begun]
        records = reader.account("house").last_sequence - begun
    assert not heard.reloads
    assert heard.fills == fills
    assert heard.records == records


def places(served: Served, url: str) -> str:
    """The id of an event after which everything was heard."""
    with Reader.open(url) as reader:
        return f"house={reader.account('house').last_sequence}"


@pytest.mark.process
@pytest.mark.parametrize("config", ["sqlite"], indirect=True)
def test_an_engine_answers_what_was_asked_over_the_api(config: Config, tmp_path: Path) -> None:
    """A halt is filed once for its key, carried out, followed to its answer, and told in the stream with who asked from where."""
    url, heard = config.journal.url, Heard()
    with started(tmp_path, "run") as engine, serving(config) as served:
        until(lambda: trading(url), "the engine trades")
        with listening(served.port, heard) as listener:
            next(iter(listener))
            key = {"Idempotency-Key": "once"}
            asked = [served.api("POST", "/accounts/house/halt", {"reason": "lunch"}, key) for _ in range(3)]
            command_id = asked[0].json["command_id"]
            assert [(answer.status, answer.json["command_id"]) for answer in asked] == [(202, command_id)] * 3
            other = served.api("POST", "/accounts/house/halt", {"reason": "dinner"}, key)
            assert (other.status, other.json["error"]["code"]) == (409, "conflict")
            told = next(
                command
                for event in listener
                if event.name == "change"
                for command in event.data["commands"]
                if command["command_id"] == command_id
            )
        assert told["status"] == "done"
        assert served.api("GET", f"/commands/{command_id}").json == told
        assert served.api("GET", "/accounts/house").json["state"] == "HALTED"
        engine.kill()
        engine.wait()
        refused = served.api("POST", "/accounts/house/flatten", {}, {"Idempotency-Key": "two"})
        assert (refused.status, refused.json["error"]["code"]) == (409, "refused")
        filed = served.api("POST", "/accounts/house/resume", {}, {"Idempotency-Key": "three"}).json
        assert served.api("GET", f"/commands/{filed['command_id']}").json["status"] == "filed"
    with Reader.open(url) as reader:
        assert reader.command(command_id).source == "web:local@127.0.0.1"
