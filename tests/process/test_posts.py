"""Posts by the real program: shown, sent once to a server that checks the signature, and not again after a kill in the middle of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.program import PATIENCE_S, run, started, succeed
from tests.unit.posts.receiving import KEYS, Receiver, receiver

pytestmark = pytest.mark.process

CONFIG = """
[feed]
kind = "synthetic"
seed = 5
days = 1
symbols = ["AVOR"]

[[accounts]]
name = "one"

[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
account = "one"
symbols = ["AVOR"]
params = {{ fast = 3, slow = 8, allow_short = true }}

[posts.x]
url = "{url}"
timeout_s = 60
api_key = "secret:x.api_key"
api_secret = "secret:x.api_secret"
access_token = "secret:x.access_token"
access_secret = "secret:x.access_secret"
"""


@pytest.fixture
def x() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path, x: Receiver) -> Path:
    """A folder in which a day was traded, with the keys in its secret store."""
    (tmp_path / "holdfast.toml").write_text(CONFIG.format(url=x.url))
    from holdfast.vault.store import Place, Store

    store = Store(Place(tmp_path / "holdfast.secrets", tmp_path / "master.key"))
    with (tmp_path / "holdfast.toml").open("a") as file:
        file.write('\n[secrets]\nkey_file = "master.key"\n')
    store.make()
    for name, value in KEYS.items():
        store.set(f"x.{name}", value)
    succeed(tmp_path, "run")
    return tmp_path


def test_a_post_is_shown_sent_once_and_listed(folder: Path, x: Receiver) -> None:
    """Without --send nothing leaves; with it once, signed; then refused; a command that is killed while it sends has its post not sent again."""
    order = succeed(folder, "orders", "--json").json[-1]["client_order_id"]
    shown = succeed(folder, "post", "trade", order)
    assert "$AVOR" in shown.out
    assert "of 280 weighted characters" in shown.err
    assert x.posts == []

    sent = succeed(folder, "post", "trade", order, "--send")
    assert x.posts[0]["text"] == shown.out.rstrip("\n") == sent.out.rstrip("\n")
    assert x.faults == []
    assert "posted to x as 171" in sent.err
    refused = run(folder, "post", "trade", order, "--send")
    assert (refused.status, len(x.posts)) == (3, 1)
    assert "was posted already; --again" in refused.error

    x.may_answer.clear()
    x.came.clear()
    with started(folder, "post", "day", "--send") as sending:
        assert x.came.wait(PATIENCE_S)
        sending.kill()
    x.may_answer.set()
    assert len(x.posts) == 2
    doubtful = run(folder, "post", "day", "--send")
    assert (doubtful.status, len(x.posts)) == (3, 2)
    assert "a command that was posting it died: look there" in doubtful.error
    again = succeed(folder, "post", "day", "--send", "--again", "--json").json
    assert (again["sent"]["state"], again["sent"]["attempts"], len(x.posts)) == ("sent", 2, 3)

    listed = succeed(folder, "post", "list", "--json").json
    assert [(row["kind"], row["state"]) for row in listed] == [("day", "sent"), ("closed", "sent")]
    said = shown.out + shown.err + sent.err + doubtful.err + str(listed)
    assert not any(key in said for key in KEYS.values())


def test_busy_means_later_and_the_same_command_tries_again(folder: Path, x: Receiver) -> None:
    """429 is a definite no, with the time until which it holds; the next try needs no more than the same command."""
    x.answers.append((429, {"title": "Too Many Requests"}, {"x-rate-limit-reset": "4102444800"}))
    busy = run(folder, "post", "text", "We", "are", "live", "--send")
    assert busy.status == 1
    assert "not posted: X takes no more posts now, until 2100-01-01 00:00:00 UTC" in busy.err
    succeed(folder, "post", "text", "We are live", "--send")
    assert [post["text"] for post in x.posts] == ["We are live", "We are live"]
    day = succeed(folder, "day", "--json").json
    assert day[0]["fills"] > 0
    assert run(folder, "day", "1999-01-01").status == 2
