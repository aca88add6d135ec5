"""Errors to a Sentry: a real receiver of envelopes on the loopback, with secrets planted wherever an error can carry them."""

import gzip
import io
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from holdfast.errors import ConfigError, JournalCorrupt, Refused
from holdfast.telemetry import sentry
from holdfast.telemetry.logs import LogFormat, set_up_logs
from holdfast.telemetry.redact import REDACTOR
from holdfast.telemetry.secret import Secret
from tests.receiver import Received, Receiver, Reply, receiving

PLANTED = "planted-9f8e7d6c5b4a"
PUBLIC_KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found
        sentry.end()


@pytest.fixture
def logger(receiver: Receiver) -> logging.Logger:
    """A logger whose errors go to the receiver."""
    watch(receiver)
    return logging.getLogger("holdfast.test")


def watch(receiver: Receiver) -> None:
    dsn = receiver.url.replace("http://", f"http://{PUBLIC_KEY}@") + "/7"
    sentry.watch_errors(dsn, "engine", {"account": "paper-1", "broker": "paper"}, "test")


def plain(request: Received) -> str:
    """What was sent, as text."""
    is_packed = request.headers.get("Content-Encoding") == "gzip"
    return (gzip.decompress(request.body) if is_packed else request.body).decode()


def events(receiver: Receiver, number: int) -> list[dict[str, Any]]:
    """The first events that came in, once there are so many."""
    receiver.wait_for(lambda received: len(received) >= number)
    return [json.loads(plain(request).splitlines()[2]) for request in receiver.received]


def fail(key: str) -> None:
    """Fails with a key in a variable, in the message, and in the cause."""
    try:
        raise ValueError(f"api_key={key}")
    except ValueError as cause:
        raise RuntimeError(f"the broker refused {key}") from cause


def test_logged_error_arrives_with_its_stack_and_tags(receiver: Receiver, logger: logging.Logger) -> None:
    """Where it was raised, by which program, of which account; no variables, no user, no machine."""
    try:
        fail("none")
    except RuntimeError:
        logger.exception("an order could not be followed")
    (event,) = events(receiver, 1)
    tags = {"part": "engine", "account": "paper-1", "broker": "paper"}
    assert (event["level"], event["logger"], event["tags"]) == ("error", "holdfast.test", tags)
    assert event["release"].startswith("holdfast@")
    assert [found["type"] for found in event["exception"]["values"]] == ["ValueError", "RuntimeError"]
    frames = [frame for found in event["exception"]["values"] for frame in found["stacktrace"]["frames"]]
    assert "fail" in {frame["function"] for frame in frames}
    assert not any("vars" in frame for frame in frames)
    assert not {"user", "request", "breadcrumbs", "modules"} & set(event)
    assert not event.get("server_name")


def test_planted_secrets_are_nowhere(receiver: Receiver, logger: logging.Logger) -> None:
    """In the text, the arguments, the extra, the variables, the exception and its cause: nothing of it leaves."""
    REDACTOR.protect(Secret(PLANTED))
    set_up_logs(LogFormat.JSON, stream=io.StringIO())  # structlog as a program has it
    try:
        fail(PLANTED)
    except RuntimeError as fault:
        logger.exception("it failed with %s", PLANTED)
        structlog.get_logger("holdfast.struct").exception("it failed", key=PLANTED, headers={"Authorization": "abc123"})
        structlog.get_logger("holdfast.struct").error("again", exc_info=fault, account="paper-2", n={"deep": [PLANTED]})
        sentry.report(JournalCorrupt(f"record 3 of {PLANTED}"))
    found = events(receiver, 4)
    assert [event["level"] for event in found] == ["error", "error", "error", "fatal"]
    assert found[2]["tags"]["account"] == "paper-2"
    kinds = [[fault["type"] for fault in event["exception"]["values"]] for event in found]
    assert kinds == [*[["ValueError", "RuntimeError"]] * 3, ["JournalCorrupt"]]
    for request in receiver.received:
        assert PLANTED not in plain(request)
        assert "abc123" not in plain(request)
        assert PUBLIC_KEY not in json.dumps(plain(request).splitlines()[2:])


def test_what_a_person_got_wrong_is_not_sent(receiver: Receiver, logger: logging.Logger) -> None:
    """A refusal or a wrong file is the answer to somebody who is there; a warning is no error."""
    sentry.report(Refused("an engine has the account"))
    sentry.report(ConfigError("no such key"))
    logger.warning("slow")
    logger.error("the last")
    (event,) = events(receiver, 1)
    assert event["logentry"]["message"] == "the last"


def test_flood_is_bounded_and_counted(receiver: Receiver) -> None:
    """Of a thousand errors in a minute thirty are sent; the next one says how many were left out."""
    now_s = [0.0]
    dsn = receiver.url.replace("http://", f"http://{PUBLIC_KEY}@") + "/7"
    errors = sentry.Errors(dsn, {}, "test", lambda: now_s[0])
    logger = logging.getLogger("holdfast.flood")
    logger.addHandler(errors)
    for number in range(1000):
        logger.error("number %d", number)
    now_s[0] = 61.0
    logger.error("afterwards")
    found = events(receiver, sentry.MOST_A_MINUTE + 1)
    assert len(found) == sentry.MOST_A_MINUTE + 1
    (last,) = [event for event in found if event["logentry"]["message"] == "afterwards"]
    assert last["extra"]["left_out"] == 970
    logger.removeHandler(errors)
    errors.close()


def test_sentry_that_never_answers_costs_nothing(receiver: Receiver) -> None:
    """While it holds a request for ever, errors are logged as fast as ever, and an end waits no longer than a moment."""
    answered = threading.Event()

    def never(_: Received) -> Reply:
        answered.wait(120)
        return Reply()

    receiver.answer = never
    watch(receiver)
    logger = logging.getLogger("holdfast.test")
    logger.error("the first")
    for number in range(200):
        logger.error("number %d", number)
    ended = threading.Thread(target=sentry.end)
    ended.start()
    ended.join(60)
    assert not ended.is_alive(), "the end waited for an answer that never comes"
    answered.set()


def test_dead_sentry_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody listens there: nothing is raised, and nothing about it is sent or logged as an error."""
    sentry.watch_errors(f"http://{PUBLIC_KEY}@127.0.0.1:9/7", "web", {})
    logging.getLogger("holdfast.test").error("nobody hears")
    sentry.end()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == ["nobody hears"]


@pytest.mark.parametrize("dsn", ["", "http://h/1", "nonsense", f"http://{PUBLIC_KEY}@h/"])
def test_dsn_that_is_none_is_refused_without_being_shown(dsn: str) -> None:
    """One line, and no key in it."""
    with pytest.raises(ConfigError, match=r"^sentry\.dsn is no DSN") as refused:
        sentry.watch_errors(dsn, "web", {})
    assert PUBLIC_KEY not in str(refused.value)
