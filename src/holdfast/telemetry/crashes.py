"""What Python prints of an exception that nobody caught: in any thread, and without secrets."""

import sys
import threading
import traceback
from types import TracebackType

from holdfast.telemetry.redact import REDACTOR


def redact_crashes() -> None:
    """From now on the interpreter's own last words go through the redactor."""
    sys.excepthook = _uncaught
    threading.excepthook = _in_thread
    sys.unraisablehook = _unraisable


def crash_text(error: BaseException | None) -> str:
    """The traceback as Python prints it, without secrets. Its lines of code are those of the source."""
    return REDACTOR.text("".join(traceback.format_exception(error)))


def _uncaught(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    _tell(crash_text(error))


def _in_thread(found: threading.ExceptHookArgs) -> None:
    if found.exc_type is not SystemExit:
        name = found.thread.name if found.thread is not None else "that is gone"
        _tell(f"Exception in thread {name}:\n{crash_text(found.exc_value)}")


def _unraisable(found: "sys.UnraisableHookArgs") -> None:
    words = found.err_msg or "Exception ignored in"
    _tell(f"{words}: {REDACTOR.text(repr(found.object))}\n{crash_text(found.exc_value)}")


def _tell(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(text)
        sys.stderr.flush()
