"""How many requests are let through: by second and minute, each kind by itself; more are refused and not looked at.

Orders: 10 a second, 400 a minute, 5,000 a day; quotes 1 a second; history 3; all else 10 (Zerodha's forum, 2026). Real time, not the market's.
"""

import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum

from holdfast.sim.kite.errors import KiteError, too_many

ORDERS_A_DAY = 5_000
MODIFICATIONS = 25
"""Of one order; its cancel still works."""


class Kind(StrEnum):
    """What is limited together."""

    ORDER = "order"
    QUOTE = "quote"
    HISTORY = "history"
    OTHER = "other"


WINDOWS: dict[Kind, tuple[tuple[float, int], ...]] = {
    Kind.ORDER: ((1.0, 10), (60.0, 400)),
    Kind.QUOTE: ((1.0, 1),),
    Kind.HISTORY: ((1.0, 3),),
    Kind.OTHER: ((1.0, 10),),
}
"""Seconds, and how many requests in them."""


class Limits:
    """The requests of one account. ``is_on`` False lets all of them through."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic, *, is_on: bool = True) -> None:
        self._monotonic_s = monotonic_s
        self._is_on = is_on
        self._seen: dict[Kind, deque[float]] = {kind: deque() for kind in Kind}

    def spend(self, kind: Kind) -> None:
        """One request more. Raises `KiteError` (429)."""
        if not self._is_on:
            return
        now_s = self._monotonic_s()
        seen = self._seen[kind]
        longest_s = max(seconds for seconds, _ in WINDOWS[kind])
        while seen and seen[0] <= now_s - longest_s:
            seen.popleft()
        for seconds, most in WINDOWS[kind]:
            if sum(1 for at_s in seen if at_s > now_s - seconds) >= most:
                raise too_many()
        seen.append(now_s)


def too_many_orders() -> KiteError:
    """The day's orders are used up."""
    return KiteError(400, "NetworkException", "Maximum allowed order requests exceeded.")


def too_many_changes() -> KiteError:
    """One order was changed too often."""
    return KiteError(400, "NetworkException", "Maximum allowed order modifications exceeded.")
