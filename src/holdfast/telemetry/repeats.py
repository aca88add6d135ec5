"""The same warning once a minute, with how often it came: what repeats itself hides what doesn't."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable

PAUSE_S = 60.0
"""A warning that was printed is not printed again sooner."""
MOST_KEPT = 1000
"""Different warnings that are remembered; the oldest is forgotten first, and may then be printed again."""


class Repeats(logging.Filter):
    """Lets a warning or error through once in ``PAUSE_S``; the next time it comes through it says how many were left out.

    Two are the same when logger, level, text and every value in them are. What has a traceback always comes through.
    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock_s = clock_s
        self._kept: OrderedDict[tuple[str, int, str], tuple[float, int]] = OrderedDict()
        """When each was last printed, in seconds, and how many have been left out since."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is printed."""
        if record.levelno < logging.WARNING or record.exc_info:
            return True
        key, now_s = (record.name, record.levelno, _text(record)), self._clock_s()
        printed_s, left_out = self._kept.pop(key, (-PAUSE_S, 0))
        if now_s - printed_s < PAUSE_S:
            self._kept[key] = (printed_s, left_out + 1)
            return False
        self._kept[key] = (now_s, 0)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        if left_out:
            _add_count(record, left_out)
        return True


def _text(record: logging.LogRecord) -> str:
    if isinstance(record.msg, dict):  # as structlog hands it on
        return repr(sorted((name, repr(value)) for name, value in record.msg.items() if name != "time"))
    return record.getMessage()


def _add_count(record: logging.LogRecord, left_out: int) -> None:
    if isinstance(record.msg, dict):
        record.msg = {**record.msg, "repeated": left_out}
    else:
        record.msg, record.args = f"{record.getMessage()} (and {left_out} times more since)", ()
