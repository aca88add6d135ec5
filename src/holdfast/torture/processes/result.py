"""What a run came to."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from holdfast.torture.processes.books import Found

COUNTS = ("intents", "broker_orders", "executions")
TROUBLES = ("lost", "doubled", "unbooked")


class Result(msgspec.Struct):
    """Counts over all rounds. ``recovery_s`` are the seconds from an engine's start to READY, ``cold_s`` with its imports.

    ``problems`` says what is wrong, and where; ``folders`` are those that were kept because of it.
    """

    broker: str
    database: str
    seed: int
    kills: int = 0
    points: Counter[str] = msgspec.field(default_factory=Counter)
    deaths: Counter[str] = msgspec.field(default_factory=Counter)
    faults: Counter[str] = msgspec.field(default_factory=Counter)
    intents: int = 0
    broker_orders: int = 0
    executions: int = 0
    lost: int = 0
    doubled: int = 0
    unbooked: int = 0
    books_equal: bool = True
    recovery_s: list[float] = []
    cold_s: list[float] = []
    rest_s: list[float] = []
    seconds: float = 0.0
    problems: list[str] = []
    folders: list[str] = []

    @property
    def is_good(self) -> bool:
        """Whether nothing at all is wrong."""
        return self.books_equal and not self.problems

    def merge(self, other: "Result") -> None:
        """Take in what another round came to."""
        for name in ("kills", *COUNTS, *TROUBLES):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("points", "deaths", "faults", "recovery_s", "cold_s", "rest_s", "problems", "folders"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.books_equal = self.books_equal and other.books_equal

    def add(self, found: Found) -> None:
        """Take a round's comparison in."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(found, name))
        for name in TROUBLES:
            setattr(self, name, getattr(self, name) + len(getattr(found, name)))
        self.books_equal = self.books_equal and not found.problems
        self.problems += found.problems

    def as_json(self) -> dict[str, object]:
        """For programs; seconds are rounded to milliseconds."""
        return {
            "broker": self.broker,
            "database": self.database,
            "seed": self.seed,
            "kills": self.kills,
            "kill_points": dict(sorted(self.points.items())),
            "deaths": dict(sorted(self.deaths.items())),
            "faults": sum(self.faults.values()),
            "faults_fired": dict(sorted(self.faults.items())),
            "intents": self.intents,
            "broker_orders": self.broker_orders,
            "executions": self.executions,
            "lost": self.lost,
            "doubled": self.doubled,
            "unbooked_fills": self.unbooked,
            "books_equal": self.books_equal,
            "recoveries": len(self.recovery_s),
            "recovery_p50_s": quantile(self.recovery_s, 0.5),
            "recovery_p99_s": quantile(self.recovery_s, 0.99),
            "cold_start_p50_s": quantile(self.cold_s, 0.5),
            "cold_start_p99_s": quantile(self.cold_s, 0.99),
            "healed_within_s": round(max(self.rest_s, default=0.0), 3),
            "seconds": round(self.seconds, 1),
            "problems": self.problems,
            "kept": self.folders,
            "passed": self.is_good,
        }


def quantile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least ``share`` of all don't exceed; None when there are none."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))], 3)
