"""A warning that comes again and again is printed once a minute, with its count."""

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog

from holdfast.telemetry.logs import LogFormat, set_up_logs
from holdfast.telemetry.repeats import MOST_KEPT, PAUSE_S, Repeats


@pytest.fixture
def printed() -> Iterator[io.StringIO]:
    """What the program's own set-up prints, as JSON."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    set_up_logs(LogFormat.JSON, logging.DEBUG, stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def record(text: str, level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord("holdfast.test", level, __file__, 1, text, (), None)


def test_a_warning_of_two_unresolved_orders_is_two_lines_and_not_fifty(printed: io.StringIO) -> None:
    """Both ways of logging; another order, another reason or another level is another line."""
    log = structlog.get_logger("holdfast.unresolved")
    for _ in range(25):
        for order in ("one", "two"):
            log.warning("the broker can't be asked", order=order, reason="held back")
            logging.getLogger("holdfast.feeds").warning("%s is silent", order)
        log.info("asked", order="one")
    lines = [json.loads(line) for line in printed.getvalue().splitlines()]
    assert sum(line["level"] == "info" for line in lines) == 25
    warnings = [(line["event"], line.get("order")) for line in lines if line["level"] == "warning"]
    assert sorted(warnings, key=str) == sorted(
        [("the broker can't be asked", "one"), ("the broker can't be asked", "two"), ("one is silent", None), ("two is silent", None)],
        key=str,
    )  # fmt: skip


@pytest.mark.parametrize("message", [lambda: "held back", lambda: {"event": "held back"}])
def test_after_a_minute_it_comes_with_its_count(message: Callable[[], object]) -> None:
    """So that one who looks later sees that it goes on."""
    now_s = [100.0]
    repeats = Repeats(lambda: now_s[0])
    shown = []
    for second in range(130):
        now_s[0] = 100.0 + second
        one = record("")
        one.msg = message()
        if repeats.filter(one):
            shown.append((second, one.msg))
    assert [second for second, _ in shown] == [0, 60, 120]
    assert "59" in str(shown[1][1])
    assert PAUSE_S == 60


def test_a_traceback_always_comes_through() -> None:
    """Two faults may read alike and come from different places."""
    repeats = Repeats(lambda: 0.0)
    one = record("failed", logging.ERROR)
    one.exc_info = (ValueError, ValueError("x"), None)
    assert repeats.filter(one)
    assert repeats.filter(one)


def test_what_is_remembered_is_bounded() -> None:
    """By the oldest, so that warnings with ever new values fill no memory."""
    repeats = Repeats(lambda: 0.0)
    for number in range(MOST_KEPT + 5):
        assert repeats.filter(record(f"order {number}"))
    assert repeats.filter(record("order 0"))
    assert not repeats.filter(record(f"order {MOST_KEPT}"))
