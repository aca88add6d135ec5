"""Logs: a line an event, and never a secret."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import structlog

from holdfast.telemetry.channels import Channel, Levels
from holdfast.telemetry.logs import FileSetting, LogFormat, LogSetting, change_levels, set_up, set_up_logs
from holdfast.telemetry.redact import Redactor, protect
from holdfast.telemetry.requests import note_request
from holdfast.telemetry.secret import Secret

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
        '{"password": "abc1234567 with blanks abc1234567"}',
        "api_key='abc1234567 with blanks abc1234567'",
        '{\\"refresh_token\\": \\"abc1234567\\"}',
        "GET https://api.example.org/session?api_key=abc1234567&request_token=abc1234567",
        "wss://ws.example.org/?token=abc1234567",
        "Cookie: session=abc1234567; csrf=abc1234567",
        "Authorization: token abc1234567:abc1234567",
        "https://hooks.slack.com/services/T000/B000/abc1234567",
        "https://discord.com/api/webhooks/123/abc1234567",
        "https://api.telegram.org/bot123:abc1234567/sendMessage",
        "https://abc1234567@o1.ingest.sentry.io/2",
        "checksum=abc1234567",
        "HOLDFAST_MASTER_KEY=abc1234567",
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


@pytest.mark.parametrize(
    "written",
    [
        lambda secret: quote(secret, safe=""),
        quote_plus,
        lambda secret: json.dumps({"text": secret}),
        lambda secret: repr({"text": secret}),
        lambda secret: f"ValueError: {secret!r}",
    ],
)
def test_a_known_secret_is_found_however_it_is_written(written: Callable[[str], str]) -> None:
    """In a URL, in JSON, in Python: signs that have another form there don't hide it."""
    secret = "pä$$ 'wörd'/+\\\"0815"
    redactor = Redactor()
    redactor.protect(Secret(secret))
    clean = redactor.text(written(secret))
    assert "***" in clean
    assert "0815" not in clean


def test_levels_go_by_channel_and_end(log: io.StringIO, tmp_path: Path) -> None:
    """Requests to brokers at debug in the file, warnings alone on the stream; other channels as the rest; all changed while it runs."""
    levels = Levels(logging.INFO, {Channel.BROKER: logging.DEBUG})
    file = FileSetting(tmp_path / "hf.log", levels, 1 << 20, 1)
    setting = LogSetting(LogFormat.JSON, Levels(logging.WARNING), file)
    set_up(setting, log)
    note_request("GET", "/orders", {"status": "open", "token": "abc1234567"}, 200, 0.0123)
    logging.getLogger("holdfast.trading").debug("left out")
    logging.getLogger("holdfast.trading").info("told")
    logging.getLogger("holdfast.trading").warning("loud")
    written = [json.loads(line) for line in (tmp_path / "hf.log").read_text().splitlines()]
    assert [line["event"] for line in written] == ["request", "told", "loud"]
    assert (written[0]["parameters"], written[0]["ms"]) == ({"status": "open", "token": "***"}, 12.3)
    assert [line["event"] for line in lines(log)] == ["loud"]
    change_levels(setting._replace(file=file._replace(levels=Levels(logging.ERROR))))
    logging.getLogger("holdfast.trading").warning("for the stream alone")
    assert len((tmp_path / "hf.log").read_text().splitlines()) == 3
    assert [line["event"] for line in lines(log)] == ["loud", "for the stream alone"]


def test_nobody_s_words_make_lines_or_move_the_cursor(log: io.StringIO) -> None:
    """For people, what can't be printed is written out; a traceback keeps its lines."""
    set_up_logs(LogFormat.CONSOLE, logging.INFO, log)
    logging.getLogger("holdfast").warning("refused: %s", "no\n2026-01-01 [error] forged\x1b[2J")
    (line,) = log.getvalue().splitlines()
    assert "no\\n2026-01-01 [error] forged\\x1b[2J" in line


def test_values_keep_their_shape() -> None:
    """Numbers, flags and nesting come out as they went in; a name that says secret hides its value."""
    value = {"a": 1, "b": [True, None, 2.5], "api_secret": "x", "token": 5, "symbol": "IBM", "key": "orders"}
    assert Redactor().value(value) == {**value, "api_secret": "***", "token": "***"}


def test_a_value_that_holds_itself_ends() -> None:
    """Depth is bounded."""
    endless: list[object] = []
    endless.append(endless)
    assert "***" in str(Redactor().value(endless))
