"""The clock that deadlines go by: it only goes forward, and goes on while the machine is suspended."""

import time

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_time_ns() -> int:
    """Nanoseconds since the machine started, the time it was suspended for included where the system counts it (Linux)."""
    return time.clock_gettime_ns(_CLOCK)


def boot_time_s() -> float:
    """Seconds since the machine started, the time it was suspended for included where the system counts it (Linux)."""
    return time.clock_gettime(_CLOCK)
