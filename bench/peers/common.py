"""What each peer's script does the same: the data, the rule, and the one line of JSON that it prints.

Runs in a peer's own environment, where there is numpy and no Holdfast.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FAST, SLOW, QUANTITY, CASH = 10, 30, 100, 10_000_000


class Cross:
    """The rule of `holdfast.strategies.EmaCross`, in the same arithmetic: two averages, moved at each close.

    ``wanted`` is the position to have, or None while the averages only feed.
    """

    def __init__(self) -> None:
        self.fast = self.slow = 0.0
        self.seen = 0

    def wanted(self, close: float) -> int | None:
        """Take a close in."""
        self.seen += 1
        if self.seen == 1:
            self.fast = self.slow = close
            return None
        self.fast += 2 / (FAST + 1) * (close - self.fast)
        self.slow += 2 / (SLOW + 1) * (close - self.slow)
        if self.seen <= SLOW:
            return None
        return QUANTITY if self.fast >= self.slow else -QUANTITY


def bars() -> dict[str, Any]:
    """The columns of the file that is named on the command line; ``ts`` is the start in nanoseconds."""
    with np.load(sys.argv[1]) as columns:
        return {name: columns[name] for name in columns.files}


def peak_mb() -> float:
    """The most memory that this process has had (not its parent's, which ``getrusage`` has in it)."""
    with Path("/proc/self/status").open() as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def report(version: str, load: Callable[[], Any], run: Callable[[Any], tuple[list[tuple[int, float]], float]]) -> None:
    """Load, run and print: ``run`` gives the fills, as signed quantity and price, and the equity at the end."""
    began_s = time.process_time()
    loaded = load()
    loaded_s = time.process_time()
    wall_s = time.perf_counter()
    fills, equity = run(loaded)
    ran_s, ran_wall_s = time.process_time(), time.perf_counter()
    told = "\n".join(f"{quantity:+d} {price:.4f}" for quantity, price in fills)
    found = {
        "version": version,
        "load_s": loaded_s - began_s,
        "cpu_s": ran_s - loaded_s,
        "wall_s": ran_wall_s - wall_s,
        "whole_cpu_s": time.process_time(),
        "peak_mb": peak_mb(),
        "orders": len(fills),
        "equity": round(equity, 2),
        "fills": hashlib.sha256(told.encode()).hexdigest()[:12],
        "first": fills[:2],
    }
    print(json.dumps(found))
