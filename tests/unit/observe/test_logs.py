"""Logs: a line an event, and never a secret."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from holdfast.observe.logs import LogFormat, set_up_logs
from holdfast.observe.redact import Redactor, protect
from holdfast.observe.secret import Secret

KNOWN = "knownSecret0123456789"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """JSON logs into memory; afterwards logging is as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    set_up_logs(LogFormat.JSON, logging.DEBUG, stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_both_ways_of_logging_come_out_alike(log: io.StringIO) -> None:
    """The standard library's and structlog's: time, level, logger and event in a line of JSON each."""
    logging.getLogger("holdfast.one").warning("disk at %d%%", 90)
    structlog.get_logger("holdfast.two").info("order sent", order="abc", quantity=5)
    first, second = lines(log)
    assert (first["event"], first["level"], first["logger"]) == ("disk at 90%", "warning", "holdfast.one")
    assert (second["event"], second["level"], second["logger"]) == ("order sent", "info", "holdfast.two")
    assert (second["order"], second["quantity"]) == ("abc", 5)
    assert first["time"].endswith("Z")


def test_what_is_below_the_level_and_what_libraries_chat_is_left_out(log: io.StringIO) -> None:
    """Warnings of libraries come through, their requests and frames do not."""
    set_up_logs(LogFormat.JSON, logging.INFO, log)
    logging.getLogger("urllib3.connectionpool").debug("GET /v2/account")
    logging.getLogger("websockets.client").info("frame")
    logging.getLogger("holdfast").debug("detail")
    structlog.get_logger("holdfast").debug("detail")
    logging.getLogger("urllib3").warning("pool is full")
    assert [line["event"] for line in lines(log)] == ["pool is full"]


def test_a_second_set_up_does_not_double_the_lines(log: io.StringIO) -> None:
    """It replaces the first."""
    set_up_logs(LogFormat.JSON, logging.INFO, log)
    logging.getLogger("holdfast").info("once")
    assert len(lines(log)) == 1


@pytest.mark.parametrize("log_format", list(LogFormat))
def test_no_secret_comes_through(log: io.StringIO, log_format: LogFormat) -> None:
    """Neither in the message, a value, a nested one, an error, a traceback nor an object that prints it."""
    protect(Secret(KNOWN))
    set_up_logs(log_format, logging.DEBUG, log)

    class Careless:
        def __repr__(self) -> str:
            return f"Careless({KNOWN})"

    ours = structlog.get_logger("holdfast")
    ours.info(
        f"key {KNOWN}", value=KNOWN, nested={"a": [{"b": (KNOWN, {KNOWN})}]}, thing=Careless(), raw=KNOWN.encode()
    )
    ours.info(
        "headers", headers={"APCA-API-KEY-ID": "abc1234567", "Authorization": "Basic abc1234567", "Accept": "json"}
    )
    logging.getLogger("lib").error("sent %s", {"APCA-API-SECRET-KEY": "abc1234567"})
    try:
        hidden = KNOWN
        raise ValueError(f"it was {hidden}")
    except ValueError as error:
        logging.getLogger("lib").exception("failed with %s", error)
        ours.exception("failed", error=error)
    text = log.getvalue()
    assert KNOWN not in text
    assert "abc1234567" not in text
    assert text.count("it was ***") >= 3
    assert "Traceback" in text
    assert "json" in text


@pytest.mark.parametrize(
    "text",
    [
        "APCA-API-KEY-ID: abc1234567",
        "apca-api-secret-key=abc1234567",
        "{'APCA-API-SECRET-KEY': 'abc1234567', 'Accept': '*/*'}",
        '{"action":"auth","key_id":"abc1234567","secret_key":"abc1234567"}',
        "Authorization: Bearer abc1234567",
        "{'Authorization': 'Basic YWJjMTIzNDU2NzphYmMxMjM0NTY3abc1234567=='}",
        "using Bearer abc1234567abc1234567",
        "ALPACA_PAPER_API_SECRET=abc1234567",
        "api_key = 'abc1234567'",
        "postgresql://user:abc1234567@host/db",
    ],
)
def test_what_looks_like_a_secret_is_one(text: str) -> None:
    """Headers, authorizations, keys by their name and passwords in addresses go, though nobody has registered them."""
    clean = Redactor().text(text)
    assert "abc1234567" not in clean
    assert "***" in clean


@pytest.mark.parametrize(
    "text",
    ["order 904837e3 filled at 12.50", "the keyboard: fine", "basic checks passed", "GET /orders: Alpaca answered 429"],
)
def test_ordinary_text_stays(text: str) -> None:
    """What is no secret is not touched."""
    assert Redactor().text(text) == text


def test_values_keep_their_shape() -> None:
    """Numbers, flags and nesting come out as they went in; a name that says secret hides its value."""
    value = {"a": 1, "b": [True, None, 2.5], "api_secret": "x", "token": 5, "symbol": "IBM", "key": "orders"}
    assert Redactor().value(value) == {**value, "api_secret": "***", "token": "***"}


def test_a_value_that_holds_itself_ends() -> None:
    """Depth is bounded."""
    endless: list[object] = []
    endless.append(endless)
    assert "***" in str(Redactor().value(endless))
