"""A circuit breaker around an outside service: after several failures in a row it is left alone, and tried from time to time.

Closed: every request goes. Open: questions are held back, one is let through after each back-off, which doubles; the first
success closes it. What takes risk out of the market never asks here, and its outcome counts like any other.

Libraries for this either hold a lock during the call, so that a slow question would keep a cancel waiting, or let everything through
at once when the time is up.
"""

import threading
from collections.abc import Callable

from holdfast.telemetry.clock import boot_time_s

FIRST_BACK_OFF_S, LONGEST_BACK_OFF_S = 0.5, 15.0
SERVER_ERROR = 500
NO_TO_EVERYTHING = (401, 429)
"""Keys that are not taken, too many requests."""

OnChange = Callable[[bool, str], None]
"""Told whether it is closed now, and why; by whichever thread. It must be quick."""


def is_well(status: int) -> bool:
    """Whether an answer's HTTP status (0: there was none) says that the service works for us."""
    return 0 < status < SERVER_ERROR and status not in NO_TO_EVERYTHING


ALL = ""
"""The kind that all questions are of."""
_WRITES = ("POST ", "PATCH ", "PUT ", "DELETE ")


class _Count:
    """The failures in a row of one kind, and when it is tried again."""

    def __init__(self) -> None:
        self.failures = 0
        self.back_off_s = 0.0
        self.retry_s = 0.0

    def held_s(self, threshold: int, now_s: float) -> float:
        """How long a question has to wait."""
        return max(0.0, self.retry_s - now_s) if self.failures >= threshold else 0.0


class Breaker:
    """One service's. ``threshold`` failures in a row open it, of one kind of request or of questions of any kind.

    A kind is a method and what is asked for (`GET /positions`). Each is counted by itself: that one question is always answered says
    nothing of another that never is, and that orders are taken nothing of questions. What has opened it closes it; orders, of which
    there may be none to try, are tried again once a question was answered after the back-off. Safe to use from several threads.
    """

    def __init__(self, threshold: int, on_change: OnChange, now_s: Callable[[], float] = boot_time_s) -> None:
        self.threshold = threshold
        self._on_change = on_change
        self._now_s = now_s
        self._lock = threading.Lock()
        self._counts: dict[str, _Count] = {}

    @property
    def is_closed(self) -> bool:
        """Whether everything goes."""
        return all(count.failures < self.threshold for count in self._counts.values())

    def wait_s(self, kind: str = ALL) -> float:
        """How long a question of a kind has to wait; 0 when it may go now. While it is open, one a back-off may."""
        with self._lock:
            now_s = self._now_s()
            counts = [self._counts[name] for name in {kind, ALL} if name in self._counts]
            wait_s = max((count.held_s(self.threshold, now_s) for count in counts), default=0.0)
            if wait_s > 0:
                return wait_s
            for count in counts:
                if count.failures >= self.threshold:
                    count.back_off_s = min(2 * count.back_off_s, LONGEST_BACK_OFF_S)
                    count.retry_s = now_s + count.back_off_s
            return 0.0

    def note(self, ok: bool, reason: str, kind: str = ALL) -> None:
        """A request of a kind came to an end."""
        with self._lock:
            was_closed = self.is_closed
            is_write = kind.startswith(_WRITES)
            if ok and not is_write:
                self._try_writes_again()
            for name in {kind} if ok and is_write else {kind, ALL}:
                self._count(name, ok)
            is_closed = self.is_closed
            failures = max((count.failures for count in self._counts.values()), default=0)
        if is_closed and not was_closed:
            self._on_change(True, "a request was answered")
        elif was_closed and not is_closed:
            self._on_change(False, f"{failures} went wrong in a row, the last: {reason}")

    def _count(self, name: str, ok: bool) -> None:
        count = self._counts.setdefault(name, _Count())
        count.failures = 0 if ok else count.failures + 1
        if count.failures == self.threshold:
            count.back_off_s = FIRST_BACK_OFF_S
            count.retry_s = self._now_s() + FIRST_BACK_OFF_S

    def _try_writes_again(self) -> None:
        """One failure more opens it again, a success is as good as ever."""
        now_s = self._now_s()
        for name, count in self._counts.items():
            if name.startswith(_WRITES) and count.failures >= self.threshold and now_s >= count.retry_s:
                count.failures = self.threshold - 1


def kind_of(method: str, path: str) -> str:
    """What kind of request it is: its method, and what it is about without the names and ids in it."""
    first, *rest = path.strip("/").split("/")
    if first == "account" and rest:
        return f"{method} /account/{rest[0]}"
    return f"{method} /{first}/*" if rest else f"{method} /{first}"
