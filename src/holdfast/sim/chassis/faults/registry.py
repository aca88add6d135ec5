"""Which faults are on, whether one fires now, and how often each has.

Single-threaded: everything here is used from the server's event loop.
"""

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from holdfast.errors import InvalidValue
from holdfast.sim.chassis.faults.audit import Audit
from holdfast.sim.chassis.faults.connections import Connections
from holdfast.sim.chassis.faults.spec import FaultSpec

MOST_ARMED = 1_000
"""Faults kept at a time, used up ones included: beyond it someone arms them in a loop and forgets to take them off."""


@dataclass(frozen=True)
class Fault:
    """A fault that fires now. ``params`` is everything it was told, with defaults (``params["seconds"]``)."""

    name: StrEnum
    params: Mapping[str, Any]

    @property
    def seconds(self) -> float:
        """Its ``seconds``, 0 when it has none."""
        return float(self.params.get("seconds") or 0.0)


class ArmedFault:
    """One fault that waits for its chances, and its counts.

    ``chances`` counts what it could have bitten, ``fired`` what it bit. A lasting fault that fires goes on to bite for its
    ``seconds``; that uses it up once.
    """

    def __init__(self, number: int, spec: FaultSpec) -> None:
        self.number = number
        self.spec = spec
        self.chances = 0
        self.fired = 0
        self._uses = 0
        self._until_s = float("-inf")
        self._random = random.Random(spec.seed)
        self._fault = Fault(spec.name, spec.params)
        self._lasts_s = self._fault.seconds if spec.entry.lasting else 0.0

    def spent(self, now_s: float) -> bool:
        """Whether it will never fire again."""
        return self._used_up and now_s >= self._until_s

    def chance(self, about: Mapping[str, object], now_s: float) -> Fault | None:
        """The fault, if this is what it bites and its turn. ``now_s`` is the wall's monotonic clock."""
        if not self._bites(about) or not self._turn(now_s):
            return None
        self.fired += 1
        return self._fault

    def as_json(self, now_s: float) -> dict[str, Any]:
        """What it was told, its counts and whether it is spent."""
        counts = {"chances": self.chances, "fired": self.fired, "spent": self.spent(now_s)}
        return {"id": self.number, **self.spec.as_json(), **counts}

    @property
    def _used_up(self) -> bool:
        return self.spec.times is not None and self._uses >= self.spec.times

    def _turn(self, now_s: float) -> bool:
        if now_s < self._until_s:
            return True
        if self._used_up:
            return False
        self.chances += 1
        if self.chances <= self.spec.after:
            return False
        if self.spec.probability is not None and self._random.random() >= self.spec.probability:
            return False
        self._uses += 1
        self._until_s = now_s + self._lasts_s
        return True

    def _bites(self, about: Mapping[str, object]) -> bool:
        params = self.spec.params
        stream = params.get("stream", "both")
        path = params.get("path")
        return (
            all(params.get(key) in (None, about.get(key)) for key in ("method", "symbol", "client_order_id", "event"))
            and stream in ("both", about.get("stream"))
            and (path is None or re.match(path, str(about.get("path", ""))) is not None)
        )


class Faults:
    """The faults of one server: those that wait for a chance, what has fired, the audit, and its connections.

    ``monotonic_s`` is the wall's clock: how long a fault lasts has nothing to do with the market's time.
    """

    def __init__(
        self,
        specs: Iterable[FaultSpec] = (),
        monotonic_s: Callable[[], float] = time.monotonic,
        audit: Audit | None = None,
    ) -> None:
        self.audit = audit or Audit()
        self.connections = Connections(monotonic_s)
        self.fired: Counter[StrEnum] = Counter()
        self._monotonic_s = monotonic_s
        self._armed: dict[StrEnum, list[ArmedFault]] = {}
        self._made = 0
        for spec in specs:
            self.arm(spec)

    def arm(self, spec: FaultSpec) -> ArmedFault:
        """Put a fault on. Raises :class:`~holdfast.errors.InvalidValue` when there are too many already."""
        if len(self.armed) >= MOST_ARMED:
            raise InvalidValue(f"{MOST_ARMED} faults are on: take them off first (DELETE /_sim/faults)")
        self._made += 1
        armed = ArmedFault(self._made, spec)
        self._armed.setdefault(spec.name, []).append(armed)
        return armed

    def take(self, name: StrEnum, **about: object) -> Fault | None:
        """The fault if it is on and fires now (then it is counted and used up by one); None otherwise.

        ``about`` is what it can be narrowed by: ``method`` and ``path``; ``symbol`` and ``client_order_id``; ``stream``
        (``trade_updates`` or ``data``) and ``event``. A fault narrowed by what ``about`` doesn't say stays quiet.
        """
        for armed in self._armed.get(name, ()):
            fault = armed.chance(about, self._monotonic_s())
            if fault is not None:
                self.count(name)
                return fault
        return None

    def count(self, name: StrEnum) -> None:
        """One more of this name has happened."""
        self.fired[name] += 1

    def disarm(self, name: StrEnum | None = None, number: int | None = None) -> int:
        """Take faults off (of a name, or one by its number, or all); how many. The totals stay."""
        before = len(self.armed)
        for known, faults in self._armed.items():
            if name in (None, known):
                faults[:] = [armed for armed in faults if number not in (None, armed.number)]
        return before - len(self.armed)

    @property
    def armed(self) -> Sequence[ArmedFault]:
        """All faults that were put on and not taken off, oldest first."""
        return sorted((armed for faults in self._armed.values() for armed in faults), key=lambda armed: armed.number)

    def as_json(self) -> dict[str, Any]:
        """The armed faults with their counts, and how often each name has fired since the start."""
        now_s = self._monotonic_s()
        fired = {name.value: count for name, count in sorted(self.fired.items())}
        return {"faults": [armed.as_json(now_s) for armed in self.armed], "fired": fired}
