"""Alerts by the API: read where the observer keeps them, acknowledged and silenced once for a key, audited, and counted in what needs a person."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from holdfast.alerting import book
from holdfast.alerting.book import Finding
from holdfast.alerting.tables import kept_at
from holdfast.config import Config
from holdfast.config.observer import ObserverConfig
from holdfast.core.types import SECOND_NS
from tests.scenario.web.serving import START_NS, Served, serving, with_access

FOUND = (
    Finding("unknown_order", "house", "o-1", "o-1 may be at the broker; `holdfast orders o-1`"),
    Finding("stale_feed", "house", "AVOR", "nothing is heard of AVOR"),
    Finding("disk", "", "/", "4 % are free"),
    Finding("engine_restarted", "house", "record 7", "it had ended without a word", lasts=False),
)


@pytest.fixture
def config(journaled: Config, tmp_path: Path) -> Config:
    """An observer's database of the test's own, in which nothing is, and a target."""
    alerts = msgspec.convert({"targets": [{"name": "desk", "url": "json://127.0.0.1:1"}]}, type(journaled.alerts))
    own = with_access(journaled, tmp_path)
    return msgspec.structs.replace(own, alerts=alerts, observer=ObserverConfig(url=f"sqlite:///{tmp_path / 'o.db'}"))


@pytest.fixture
def here(config: Config) -> Iterator[Served]:
    with serving(config) as served:
        yield served


def find(config: Config) -> None:
    """As an observer keeps them."""
    with closing(kept_at(config.observer.url)) as keeping, keeping.begin() as kept:
        for number, finding in enumerate(FOUND):
            book.open_alert(kept, config.alerts, finding, START_NS + number * SECOND_NS)
        book.tell(kept, config.alerts, START_NS + 9 * SECOND_NS)
        book.mark(kept, "looked", str(START_NS))


def rules(served: Served, query: str = "") -> list[tuple[str, str]]:
    answer = served.api("GET", f"/alerts{query}")
    assert answer.status == 200, answer.body
    return [(row["rule"], row["state"]) for row in answer.json["items"]]


def write(served: Served, path: str, body: object = None, key: str = "") -> tuple[int, dict[str, object]]:
    headers: Mapping[str, str] = {"Idempotency-Key": key or uuid.uuid4().hex}
    answer = served.api("POST", path, body, headers)
    return answer.status, answer.json


def needs(served: Served) -> list[tuple[str, str, str]]:
    """Level, account and title of the lines about alerts."""
    items = served.api("GET", "/attention").json["items"]
    return [(row["level"], row["account"], row["title"]) for row in items if row["kind"] == "alerts"]


def test_where_no_observer_began_there_is_nothing(config: Config, here: Served) -> None:
    """Nobody has looked, and looking makes no database."""
    assert here.api("GET", "/alerts").json == {"items": [], "next": None, "looked": None, "targets": ["desk"]}
    assert (here.api("GET", "/silences").json, needs(here)) == ({"items": []}, [])
    assert not Path(config.observer.url.removeprefix("sqlite:///")).exists()


def test_what_is_kept_is_listed_filtered_and_taken_on(config: Config, here: Served) -> None:
    """By state and account, in pages; who takes one on first stays the one; the same key does nothing twice; each is in the history."""
    find(config)
    everything = [("engine_restarted", "resolved"), ("disk", "open"), ("stale_feed", "open"), ("unknown_order", "open")]
    assert rules(here) == everything
    assert rules(here, "?lasting=true") == everything[1:]
    assert rules(here, "?account=house&state=open") == everything[2:]
    page = here.api("GET", "/alerts?limit=3").json
    assert rules(here, f"?limit=3&after={page['next']}") == everything[3:]
    assert (page["looked"][:19], page["items"][1]["told"][0]["target"]) == ("2026-09-21T14:13:20", "desk")
    assert here.api("GET", "/alerts?format=csv").body.decode().count("unknown_order") == 1
    critical, warning = (
        ("critical", "", "1 alert that nobody has acknowledged"),
        ("critical", "house", "2 alerts that nobody has acknowledged"),
    )
    assert needs(here) == [critical, warning]

    status, taken = write(here, "/alerts/1/acknowledge", key="one")
    assert (status, taken["state"], taken["acknowledged_by"]) == (200, "acknowledged", "local")
    assert write(here, "/alerts/1/acknowledge", key="one") == (200, taken)
    assert write(here, "/alerts/2/acknowledge", key="one")[0] == 409
    assert write(here, "/alerts/99/acknowledge")[0] == 404
    assert here.api("POST", "/alerts/2/acknowledge").status == 422  # no key
    assert needs(here) == [critical, ("warning", "house", "1 alert that nobody has acknowledged")]

    history = here.api("GET", "/alerts/1").json
    assert history["tells"] == "an order that may be at the broker or not"
    said = [step["text"] for step in history["steps"]]
    assert said[1:] == ["a message to desk (opened)", "acknowledged by local"]
    assert here.api("GET", "/alerts/99").status == 404
    events = [(row["action"], row["target"]) for row in here.api("GET", "/access/events").json["items"]]
    assert events[:2] == [("alert acknowledged", "alert 1")], events


def test_a_rule_is_silenced_for_a_time(config: Config, here: Served) -> None:
    """Of one account or all; it counts as nothing that needs a person; 0 ends it; what is no rule or duration is refused with words."""
    find(config)
    status, made = write(here, "/silences", {"rule": "stale_feed", "account": "house", "duration": "2h"})
    assert (status, made["rule"]) == (200, "stale_feed")
    assert [row["rule"] for row in here.api("GET", "/silences").json["items"]] == ["stale_feed"]
    assert rules(here, "?state=silenced") == [("stale_feed", "silenced")]
    assert needs(here)[1] == ("critical", "house", "1 alert that nobody has acknowledged")
    assert write(here, "/silences", {"rule": "stale_feed", "account": "house", "duration": "0"})[0] == 200
    assert here.api("GET", "/silences").json == {"items": []}
    for body, status, said in (
        ({"rule": "stale_fed", "duration": "2h"}, 422, "did you mean stale_feed?"),
        ({"rule": "disk", "duration": "soon"}, 422, "a duration is a number"),
        ({"rule": "disk", "account": "nobody", "duration": "2h"}, 404, "no account 'nobody'"),
    ):
        found, answer = write(here, "/silences", body)
        assert (found, said in str(answer)) == (status, True), answer
    events = [(row["action"], row["target"], row["text"]) for row in here.api("GET", "/access/events").json["items"]]
    assert events == [
        ("alert silenced", "stale_feed of house", "for 0"),
        ("alert silenced", "stale_feed of house", "for 2h"),
    ]
