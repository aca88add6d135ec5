"""Logs: one line an event, as JSON for programs or in colour for people, and never with a secret in it (docs/logs.md).

Modules log with the standard library's ``logging`` or with structlog; both, and the libraries underneath, go the same way: to stderr,
and where a file is named to that as well, each from a level of its own for each channel (`channels.py`).
"""

import datetime as dt
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from functools import cached_property
from io import UnsupportedOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from holdfast.telemetry.channels import STRATEGY_LOG, LevelFilter, Levels, channel_of
from holdfast.telemetry.log_file import LogFile
from holdfast.telemetry.log_writer import LogWriter
from holdfast.telemetry.redact import REDACTOR
from holdfast.telemetry.repeats import Repeats

if TYPE_CHECKING:
    from structlog.types import EventDict, Processor, WrappedLogger


class LogFormat(StrEnum):
    """Who reads the log."""

    JSON = "json"
    CONSOLE = "console"


CHATTY = ["urllib3", "websockets", "aiohttp.access", "asyncio"]
"""Libraries that tell each request and frame at debug; from these only warnings are kept."""


class FileSetting(NamedTuple):
    """A file of lines as JSON: where, what goes into it, when it is turned over, and how many earlier ones are kept."""

    path: Path
    levels: Levels
    max_bytes: int
    keep: int


class LogSetting(NamedTuple):
    """Where lines go. ``queued``: they are written by a thread of their own, so that nobody waits for a terminal or a disk."""

    log_format: LogFormat
    levels: Levels
    file: FileSetting | None = None
    queued: bool = False


def quieten(library: str) -> None:
    """Keep only the warnings of one more library, from now on."""
    if library not in CHATTY:
        CHATTY.append(library)
        logging.getLogger(library).setLevel(max(logging.getLogger().level, logging.WARNING))


def redact(_logger: "WrappedLogger", _method: str, event: "EventDict") -> "EventDict":
    """The structlog processor: the event without secrets, the traceback's text included."""
    clean: EventDict = REDACTOR.value(event)
    return clean


def set_up_logs(
    log_format: LogFormat, level: int = logging.INFO, stream: TextIO | None = None, *, only_standard: bool = False
) -> None:
    """Send everything that is logged in this process, redacted, to ``stream`` (stderr). A second call replaces the first.

    ``only_standard``: nothing in this process logs with structlog, which is then loaded by the first line that is logged.
    """
    set_up(LogSetting(log_format, Levels(level)), stream, only_standard=only_standard)


def set_up(setting: LogSetting, stream: TextIO | None = None, *, only_standard: bool = False) -> None:
    """Send everything that is logged in this process where ``setting`` says; ``stream`` in place of stderr. Replaces what was set up before."""
    _take_down()
    terminal = _Stream(stream if stream is not None else sys.stderr)
    terminal.setFormatter(_Formatter(setting.log_format, is_terminal=terminal.is_terminal))
    _filtered(terminal, setting.levels)
    _SET_UP.ends = [terminal]
    if setting.file is not None:
        _SET_UP.ends.append(_filtered(_to_file(setting.file, terminal), setting.file.levels))
    root = logging.getLogger()
    if setting.queued:
        _SET_UP.writer = LogWriter(_SET_UP.ends)
    for handler in [_SET_UP.writer] if _SET_UP.writer is not None else _SET_UP.ends:
        handler.addFilter(_add_context)
        root.addHandler(handler)
    change_levels(setting)
    if not only_standard:
        _set_up_structlog()


def change_levels(setting: LogSetting) -> None:
    """Take the levels of ``setting``, and nothing else of it, from now on."""
    wanted = [setting.levels] if setting.file is None else [setting.levels, setting.file.levels]
    for end, levels in zip(_SET_UP.ends, wanted, strict=False):
        for each in end.filters:
            if isinstance(each, LevelFilter):
                each.levels = levels
    lowest = min(levels.lowest for levels in wanted)
    logging.getLogger().setLevel(lowest)
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(lowest, logging.WARNING))
    logging.getLogger(STRATEGY_LOG).setLevel(min(lowest, logging.INFO))


def end_logs() -> None:
    """Write what waits to be written, for a while: the process ends."""
    if _SET_UP.writer is not None:
        _SET_UP.writer.close()
        _SET_UP.writer = None


def log_later(work: Callable[[], None], lines: int) -> None:
    """Do what logs so many lines in the thread that writes them; at once where there is none.

    For whoever has no time. The lines say by ``time`` when it was what they tell of, and carry no ids but their own.
    """
    if _SET_UP.writer is None:
        work()
    else:
        _SET_UP.writer.later(work, lines)


@contextmanager
def about(**ids: str) -> Iterator[None]:
    """Have every line that is logged in here, and in the tasks and threads begun in here, carry these ids."""
    from structlog.contextvars import bound_contextvars

    with bound_contextvars(**{name: value for name, value in ids.items() if value}):
        yield


class _SetUp:
    """What is set up in this process."""

    def __init__(self) -> None:
        self.ends: list[logging.Handler] = []
        self.writer: LogWriter | None = None


_SET_UP = _SetUp()


def _take_down() -> None:
    root, ours = logging.getLogger(), [*_SET_UP.ends, _SET_UP.writer]
    root.handlers[:] = [handler for handler in root.handlers if handler not in ours]
    end_logs()
    for end in _SET_UP.ends:
        end.close()
    _SET_UP.ends = []


def _filtered(handler: logging.Handler, levels: Levels) -> logging.Handler:
    handler.addFilter(LevelFilter(levels))
    handler.addFilter(Repeats())
    return handler


def _add_context(record: logging.LogRecord) -> bool:
    """Keep the ids that are bound where the line is logged; structlog's own lines have them already."""
    if not isinstance(record.msg, dict) and "structlog" in sys.modules:
        from structlog.contextvars import get_contextvars

        record.holdfast_ids = get_contextvars()
    return True


class _Stream(logging.Handler):
    """Lines to a stream. One with a descriptor is written past its buffer: a thread that waits there would hold up the process's end."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._descriptor: int | None = None
        with suppress(OSError, AttributeError, UnsupportedOperation, ValueError):
            self._descriptor = stream.fileno()

    @property
    def is_terminal(self) -> bool:
        """Whether people read it."""
        return self._stream.isatty()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line. One that can't be written is given up: there is nobody to tell."""
        self.put(self.format(record))

    def put(self, line: str) -> None:
        """Write a line as it is."""
        with suppress(OSError, ValueError):
            if self._descriptor is None:
                self._stream.write(line + "\n")
                self._stream.flush()
                return
            data = (line + "\n").encode("utf-8", "backslashreplace")
            while data:
                data = data[os.write(self._descriptor, data) :]


class _File(logging.Handler):
    """Lines to a file."""

    def __init__(self, file: LogFile) -> None:
        super().__init__()
        self._file = file

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, or count that it could not be written."""
        self._file.write(self.format(record), self._missing)

    def _missing(self, lines: int) -> str:
        text = f"{lines} lines are missing here: the file could not be written"
        return self.format(logging.LogRecord(__name__, logging.WARNING, __file__, 0, text, (), None))

    def close(self) -> None:
        """Let the file go."""
        self._file.close()
        super().close()


def _to_file(setting: FileSetting, terminal: _Stream) -> logging.Handler:
    def complain(text: str) -> None:
        terminal.put(terminal.format(logging.LogRecord(__name__, logging.ERROR, __file__, 0, text, (), None)))

    handler = _File(LogFile(setting.path, setting.max_bytes, setting.keep, complain))
    handler.setFormatter(_Formatter(LogFormat.JSON, is_terminal=False))
    return handler


def _set_up_structlog() -> None:
    import structlog

    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            *_shared(),
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # a logger made before a second set-up follows it
    )


class _Formatter(logging.Formatter):
    """Made when the first line is logged: what it is made of takes longer to load than most commands run."""

    def __init__(self, log_format: LogFormat, *, is_terminal: bool) -> None:
        super().__init__()
        self._asked = log_format, is_terminal

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return self._formatter.format(record)

    @cached_property
    def _formatter(self) -> logging.Formatter:
        return _built(*self._asked)


def _built(log_format: LogFormat, is_terminal: bool) -> logging.Formatter:
    import structlog

    if log_format is LogFormat.JSON:
        render: Processor = structlog.processors.JSONRenderer(ensure_ascii=False)
    else:
        render = structlog.dev.ConsoleRenderer(colors=is_terminal, exception_formatter=structlog.dev.plain_traceback)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[_add_ids, *_shared(_stamp)],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,  # as text, without the frames' variables, and before it is redacted
            redact,
            _in_order,
            *([] if log_format is LogFormat.JSON else [_printable]),  # JSON has signs for what can't be printed
            render,
        ],
    )


def _stamp(_logger: "WrappedLogger", _method: str, event: "EventDict") -> "EventDict":
    """When a line of the standard library's was logged, which may be a while before it is written."""
    created = dt.datetime.fromtimestamp(event["_record"].created, dt.UTC)
    event["time"] = created.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return event


def _add_ids(_logger: "WrappedLogger", _method: str, event: "EventDict") -> "EventDict":
    """The ids that were bound where a line of the standard library's was logged."""
    for name, value in getattr(event.get("_record"), "holdfast_ids", {}).items():
        event.setdefault(name, value)
    return event


FIRST = ("time", "level", "channel", "event", "account", "broker", "strategy", "order", "trace")
"""The order of a line's fields; the others follow as they come."""
TEXTS = ("exception", "stack")
"""Fields that are several lines."""


def _in_order(_logger: "WrappedLogger", _method: str, event: "EventDict") -> "EventDict":
    event["channel"] = channel_of(str(event.get("logger", ""))).value
    first: dict[str, Any] = {name: event[name] for name in FIRST if name in event}
    return {**first, **{name: value for name, value in event.items() if name not in first}}


def _printable(_logger: "WrappedLogger", _method: str, event: "EventDict") -> "EventDict":
    """Somebody else's words make no lines of their own, and move no cursor."""
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable() and name not in TEXTS:
            event[name] = repr(value)[1:-1]
    return event


def _shared(stamp: "Processor | None" = None) -> "list[Processor]":
    import structlog

    return [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        stamp or structlog.processors.MaybeTimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.StackInfoRenderer(),
    ]
