"""What becomes of a post, by the answers of a real server on this machine that checks the signature."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from holdfast.config.posts import PostsConfig, XConfig
from holdfast.errors import ConfigError, InvalidValue
from holdfast.journal.posts import FAILED, SENT, UNKNOWN
from holdfast.posts.targets import Outcome, send_to_apprise, send_to_x, target_of
from tests.unit.posts.receiving import KEYS, Receiver, receiver

TEXT = "✅ Closed long $AAPL 10\nPnL +$25.80 (+1.38%) & more = 100%"


@pytest.fixture
def x() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


def send(x: Receiver, text: str = TEXT, **more: Any) -> Outcome:
    return send_to_x(XConfig(**{**KEYS, "url": x.url, "timeout_s": 30.0, **more}), text)


def test_a_post_is_signed_and_taken(x: Receiver) -> None:
    """The text arrives as it is, signed as RFC 5849 says, and the id that X gives is known."""
    assert send(x) == Outcome(SENT, "171")
    assert x.posts == [{"path": "/2/tweets", "type": "application/json", "text": TEXT}]
    assert x.faults == []
    assert x.authorizations[0].startswith("OAuth ")


def test_a_wrong_key_is_seen_by_the_check(x: Receiver) -> None:
    """The server that checks signatures does find a wrong one."""
    send(x, access_secret="another")
    assert len(x.faults) == 1
    assert "the signature is" in x.faults[0]


def test_a_token_is_sent_as_it_is(x: Receiver) -> None:
    """OAuth 2.0: no signature."""
    found = send_to_x(XConfig(bearer="token-of-a-user", url=x.url), TEXT)
    assert found.state == SENT
    assert x.authorizations == ["Bearer token-of-a-user"]


@pytest.mark.parametrize(
    ("answer", "state", "said"),
    [
        ((403, {"detail": "You are not allowed to create a Tweet with duplicate content.", "title": "Forbidden"}, {}), UNKNOWN, "this very text already"),
        ((403, {"detail": "Your client app is not configured.", "title": "Forbidden"}, {}), FAILED, "refuses the keys"),
        ((401, {"title": "Unauthorized"}, {}), FAILED, "refuses the keys, or what they may do: Unauthorized"),
        ((400, {"detail": "no text"}, {}), FAILED, r"took it not: no text \(status 400\)"),
        ((429, {"title": "Too Many Requests"}, {"x-rate-limit-reset": "1764565200"}), FAILED, "no more posts now, until 2025-12-01 05:00:00 UTC"),
        ((429, b"busy", {"x-rate-limit-reset": "soon"}), FAILED, "no more posts now: status 429"),
        ((503, {"title": "Service Unavailable"}, {}), UNKNOWN, r"may have taken it: Service Unavailable \(status 503\)"),
        ((500, b"<html>", {}), UNKNOWN, "may have taken it"),
        ((302, {}, {"Location": "http://127.0.0.1:9/elsewhere"}), FAILED, "status 302"),
        ((201, b"not json", {}), SENT, "^$"),
    ],
)  # fmt: skip
def test_what_an_answer_means(x: Receiver, answer: Any, state: str, said: str) -> None:
    """Definitely not taken, or nobody knows: only the first may be sent again without being asked for."""
    import re

    x.answers.append(answer)
    found = send(x)
    assert found.state == state
    assert re.search(said, found.reason)
    assert len(x.posts) == 1


def test_nobody_there_is_certainly_not_posted() -> None:
    """A connection that was never made has carried nothing."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    found = send_to_x(XConfig(**KEYS, url=f"http://127.0.0.1:{port}"), TEXT)
    assert found.state == FAILED
    assert "could not be reached" in found.reason


def test_taken_and_no_answer_is_unknown(x: Receiver) -> None:
    """X has the post, and its answer doesn't come in time: once, and nobody knows."""
    x.may_answer.clear()
    found = send(x, timeout_s=0.3)
    assert found.state == UNKNOWN
    assert len(x.posts) == 1


def test_a_connection_that_breaks_after_the_request_is_unknown(x: Receiver) -> None:
    """It was sent, and no answer came."""
    x.breaks = True
    found = send(x)
    assert (found.state, len(x.posts)) == (UNKNOWN, 1)


def test_no_reason_shows_a_key(x: Receiver) -> None:
    """Whatever the other side says, what it says of our keys is hidden."""
    _, target = target_of(PostsConfig(x=XConfig(**KEYS, url=x.url)), None)
    x.answers.append((400, {"detail": f"bad {KEYS['access_secret']} and {KEYS['api_secret']}"}, {}))
    found = target(TEXT)
    assert found.reason == "X took it not: bad *** and *** (status 400)"


def test_apprise_says_yes_or_no(x: Receiver) -> None:
    """A yes is sent; a no is unknown, since it may have been taken."""
    url = x.url.replace("http://", "json://") + "/hook"
    assert send_to_apprise(url, TEXT) == Outcome(SENT)
    assert x.posts[0]["message"] == TEXT
    x.answers.append((500, {}, {}))
    found = send_to_apprise(url, TEXT)
    assert found.state == UNKNOWN
    assert "500" in found.reason
    assert send_to_apprise("nonsense://x", TEXT).state == FAILED


def test_which_target_is_meant() -> None:
    """None, one, or one of two that has to be said."""
    both = PostsConfig(x=XConfig(bearer="some-token"), apprise="json://127.0.0.1:9/")
    with pytest.raises(ConfigError, match="nobody to post to"):
        target_of(PostsConfig(), None)
    with pytest.raises(InvalidValue, match="Add --to x or --to apprise"):
        target_of(both, None)
    with pytest.raises(InvalidValue, match="--to mail: the configuration has x and apprise"):
        target_of(both, "mail")
    assert target_of(both, "apprise")[0] == "apprise"
    assert target_of(PostsConfig(apprise="json://127.0.0.1:9/"), None)[0] == "apprise"
