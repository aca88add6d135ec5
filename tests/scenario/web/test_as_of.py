"""No answer rests on less of the journal than it says, however fast the journal grows and whoever else asks."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from holdfast.config import Config, load_config
from holdfast.runtime.compose import open_engine
from tests.scenario.web.conftest import CONFIG
from tests.scenario.web.serving import Served, serving, with_access

TICKET = {"side": "buy", "symbol": "AVOR", "quantity": "1"}
PREVIEW = "/accounts/house/orders/preview"
LISTS = ("/accounts", "/positions", "/risk", "/attention")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """An account whose journal has its first records."""
    path = tmp_path / "holdfast.toml"
    path.write_text(CONFIG)
    config = with_access(load_config(path), tmp_path)
    with open_engine(config, lambda *_: None):
        pass
    return config


@contextmanager
def at_work(config: Config) -> Iterator[threading.Thread]:
    """An engine that writes as fast as it can until its day is over."""

    def run() -> None:
        with open_engine(config, lambda *_: None) as engine:
            asyncio.run(engine.loop.run())

    thread = threading.Thread(target=run)
    thread.start()
    yield thread
    thread.join()


def last_of(served: Served) -> int:
    """How far the journal goes, as the API says."""
    found: int = served.api("GET", "/orders?limit=1").json["as_of"]["house"]
    return found


def test_an_answer_has_every_record_that_it_says(config: Config) -> None:
    """While an engine writes and several ask at once: a list's ``as_of`` is never later than its rows, a preview's never earlier than its question."""
    with serving(config) as served, at_work(config) as engine:
        over, faults = threading.Event(), list[str]()

        def crowd() -> None:
            while not over.is_set():
                for path in LISTS:
                    if (answer := served.api("GET", path)).status not in (200, 503):
                        faults.append(answer.body.decode())

        others = [threading.Thread(target=crowd) for _ in range(3)]
        for thread in others:
            thread.start()
        previews = 0
        while engine.is_alive() or not previews:
            accounts = served.api("GET", "/accounts").json
            assert accounts["items"][0]["last_record"] >= accounts["as_of"]["house"]
            before = last_of(served)
            answer = served.api("POST", PREVIEW, TICKET)
            if answer.status == 503:
                assert "ask again" in answer.error
                continue
            assert answer.json["sequence"] >= before
            previews += 1
        over.set()
        for thread in others:
            thread.join()
        assert faults == []


def test_what_is_behind_says_so(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal that grew by more than one question reads is no reason to answer from before: who asks again gets it once it is read."""
    monkeypatch.setattr("holdfast.views.books.BUDGET_S", 0.0)
    monkeypatch.setattr("holdfast.web.following.LOOKS", 1)
    with serving(config) as served:
        while served.api("POST", PREVIEW, TICKET).status == 503:
            pass
        with at_work(config) as engine:
            engine.join()
        last = last_of(served)
        answer = served.api("POST", PREVIEW, TICKET)
        assert answer.status == 503
        assert "records are left; ask again" in answer.error
        while (answer := served.api("POST", PREVIEW, TICKET)).status == 503:
            pass
        assert answer.json["sequence"] == last
