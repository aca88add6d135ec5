"""A circuit breaker around an outside service: after several failures in a row it is left alone, and tried from time to time.

Closed: every request goes. Open: questions are held back, one is let through after each back-off, which doubles; the first
success closes it. What takes risk out of the market never asks here, and its outcome counts like any other.

Libraries for this either hold a lock during the call, so that a slow question would keep a cancel waiting, or let everything through
at once when the time is up.
"""

import threading
from collections.abc import Callable

from holdfast.observe.clock import boot_time_s

FIRST_BACK_OFF_S, LONGEST_BACK_OFF_S = 0.5, 15.0
SERVER_ERROR = 500
NO_TO_EVERYTHING = (401, 429)
"""Keys that are not taken, too many requests."""

OnChange = Callable[[bool, str], None]
"""Told whether it is closed now, and why; by whichever thread. It must be quick."""


def is_well(status: int) -> bool:
    """Whether an answer's HTTP status (0: there was none) says that the service works for us."""
    return 0 < status < SERVER_ERROR and status not in NO_TO_EVERYTHING


class Breaker:
    """One service's. ``threshold`` failures in a row open it. Safe to use from several threads."""

    def __init__(self, threshold: int, on_change: OnChange, now_s: Callable[[], float] = boot_time_s) -> None:
        self._threshold = threshold
        self._on_change = on_change
        self._now_s = now_s
        self._lock = threading.Lock()
        self._failures = 0
        self._back_off_s = 0.0
        self._retry_s = 0.0

    @property
    def is_closed(self) -> bool:
        """Whether everything goes."""
        return self._failures < self._threshold

    def wait_s(self) -> float:
        """How long a question has to wait; 0 when it may go now. While it is open, one a back-off may."""
        with self._lock:
            if self.is_closed:
                return 0.0
            now_s = self._now_s()
            if now_s < self._retry_s:
                return self._retry_s - now_s
            self._back_off_s = min(2 * self._back_off_s, LONGEST_BACK_OFF_S)
            self._retry_s = now_s + self._back_off_s
            return 0.0

    def note(self, ok: bool, reason: str) -> None:
        """A request came to an end."""
        with self._lock:
            was_closed = self.is_closed
            self._failures = 0 if ok else self._failures + 1
            is_closed, failures = self.is_closed, self._failures
            if was_closed and not is_closed:
                self._back_off_s = FIRST_BACK_OFF_S
                self._retry_s = self._now_s() + FIRST_BACK_OFF_S
        if is_closed and not was_closed:
            self._on_change(True, "a request was answered")
        elif was_closed and not is_closed:
            self._on_change(False, f"{failures} went wrong in a row, the last: {reason}")
