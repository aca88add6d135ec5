"""How often somebody may do something: a bucket of tries each, which fills again with time. Kept in memory."""

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from math import ceil

MOST_KEPT = 20_000
"""So many buckets are kept; the one that was used longest ago goes first."""
NETWORK_V6 = 64
"""Bits of an IPv6 address by which a sender is known: one of them has all addresses behind that."""


class Limiter:
    """``most`` tries in ``window_s`` seconds for each key. May be used by all threads."""

    def __init__(self, most: int, window_s: float, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._most = float(most)
        self._per_s = most / window_s
        self._now_s = monotonic_s
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: Hashable) -> int:
        """Take a try; 0, or the seconds after which there is one again."""
        with self._lock:
            left, now_s = self._left(key)
            if left < 1:
                return self._wait_s(left)
            self._keep(key, left - 1, now_s)
        return 0

    def give_back(self, key: Hashable) -> None:
        """Give back a try that was taken."""
        with self._lock:
            left, now_s = self._left(key)
            self._keep(key, min(self._most, left + 1), now_s)

    def _left(self, key: Hashable) -> tuple[float, float]:
        now_s = self._now_s()
        left, since_s = self._buckets.get(key, (self._most, now_s))
        return min(self._most, left + (now_s - since_s) * self._per_s), now_s

    def _keep(self, key: Hashable, left: float, now_s: float) -> None:
        self._buckets[key] = (left, now_s)
        self._buckets.move_to_end(key)
        if len(self._buckets) > MOST_KEPT:
            self._buckets.popitem(last=False)

    def _wait_s(self, left: float) -> int:
        return max(1, ceil((1 - left) / self._per_s))


def sender(address: str) -> str:
    """What an address counts as: itself, or the network it is in where one sender has a whole network."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, NETWORK_V6), strict=False))
    return address
