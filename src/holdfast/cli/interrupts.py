"""What a Ctrl-C does to a command that is busy."""

import ctypes
import signal

INTERRUPTED = 130
"""What shells expect of a program that was ended by Ctrl-C."""


def only_once(number: signal.Signals) -> None:
    """Let the handler that is installed for a signal take it once; the next one meets the default action: the process ends.

    System V's ``signal`` is that (``SA_RESETHAND``). Where the C library lacks it, the handler stays.
    """
    library = ctypes.CDLL(None)
    once = getattr(library, "sysv_signal", None)
    if once is None:
        return
    library.signal.restype = once.restype = ctypes.c_void_p
    library.signal.argtypes = once.argtypes = [ctypes.c_int, ctypes.c_void_p]
    handler = library.signal(number, signal.SIG_IGN)  # the interpreter's own, which no other call gives away
    once(number, handler)
