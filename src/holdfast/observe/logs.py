"""Logs: one line an event on stderr, as JSON for programs or in colour for people, and never with a secret in it.

Modules log with the standard library's ``logging`` or with structlog; both, and the libraries underneath, go the same way.
"""

import logging
import sys
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, TextIO

from holdfast.observe.redact import REDACTOR
from holdfast.observe.repeats import Repeats

if TYPE_CHECKING:
    from structlog.types import EventDict, Processor, WrappedLogger


class LogFormat(StrEnum):
    """Who reads the log."""

    JSON = "json"
    CONSOLE = "console"


STRATEGY_LOG = "holdfast.strategy"
"""The logger of what strategies have to say."""
CHATTY = ["urllib3", "websockets", "aiohttp.access", "asyncio"]
"""Libraries that tell each request and frame at debug; from these only warnings are kept."""


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
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.addFilter(Repeats())
    handler.setFormatter(_Formatter(log_format, handler.stream))
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old.formatter, _Formatter)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.getLogger(STRATEGY_LOG).setLevel(logging.INFO)  # a strategy's own words are for whoever runs it
    if not only_standard:
        _set_up_structlog()


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

    def __init__(self, log_format: LogFormat, stream: TextIO) -> None:
        super().__init__()
        self._asked = log_format, stream

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return self._formatter.format(record)

    @cached_property
    def _formatter(self) -> logging.Formatter:
        return _built(*self._asked)


def _built(log_format: LogFormat, stream: TextIO) -> logging.Formatter:
    import structlog

    if log_format is LogFormat.JSON:
        render: Processor = structlog.processors.JSONRenderer()
    else:
        render = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,  # as text, without the frames' variables, and before it is redacted
            redact,
            render,
        ],
    )


def _shared() -> "list[Processor]":
    import structlog

    return [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.StackInfoRenderer(),
    ]
