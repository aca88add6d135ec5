"""How far back executions are compared. Two minutes as a rule; where the books differ from the broker's, further and further.

An exchange undoes or corrects executions hours and days later, and the event that tells it may be lost.
"""

from holdfast.core.types import DAY_NS
from holdfast.runtime.live.surroundings import OVERLAP_NS, Surroundings

STEPS_NS = (DAY_NS, 8 * DAY_NS, 64 * DAY_NS)
"""How far back the first looks go; the next goes back to the first execution there is (of `executions.REMEMBERED`)."""
AGAIN_S, LONGEST_AGAIN_S = 60.0, 3600.0
"""When a difference that nothing explained is looked into again, since lists lag behind positions: after so long, then twice as long."""


class Search:
    """One account's. Nothing from before a person last accepted what the broker has is looked at: it is settled."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._differing: tuple[str, ...] = ()
        self._step: int | None = None
        self._due_s = 0.0
        self._pause_s = AGAIN_S

    def since_ns(self, usual_ns: int) -> int:
        """From when on executions are to be asked for now."""
        if self._step is None or self._around.now_s() < self._due_s:
            return usual_ns
        oldest_ns = self._around.executions.recall()
        if not oldest_ns:
            return usual_ns
        floor_ns = max(oldest_ns - OVERLAP_NS, self._around.state.accepted_ns)
        back_ns = STEPS_NS[self._step] if self._step < len(STEPS_NS) else self._around.clock.now_ns()
        return min(usual_ns, max(floor_ns, self._around.clock.now_ns() - back_ns))

    def compared(self, differing: tuple[str, ...]) -> None:
        """Everything was compared, with this difference, and all executions that were asked for explain nothing of it."""
        if not differing or differing != self._differing:
            self._step, self._due_s, self._pause_s = (0 if differing else None), 0.0, AGAIN_S
        elif self._step is not None and self._around.now_s() >= self._due_s:
            self._go_on(self._step)
        self._differing = differing

    def _go_on(self, step: int) -> None:
        self._step = step + 1
        if step < len(STEPS_NS):
            return
        self._step = 0
        self._due_s = self._around.now_s() + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_AGAIN_S)
