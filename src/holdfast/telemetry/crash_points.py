"""Named places at which a process may be killed, so that a proof can say which of them it has tried.

Each is passed by calling `reach`, which does nothing unless it was armed: by ``HOLDFAST_CRASH_AT=name:count`` at the
program's start (it kills itself with SIGKILL the ``count``-th time it gets there), or by a test that simulates a crash.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from typing import Any

VARIABLE = "HOLDFAST_CRASH_AT"


class CrashPoint(StrEnum):
    """The places (docs/reliability.md says what is expected after a kill at each)."""

    BEFORE_APPEND = "before_append"  # K1: decided, nothing handed to the journal
    IN_COMMIT = "in_commit"  # K9: rows written, the transaction open
    COMMITTED = "committed"  # K9, K6: durable, nobody told
    RELEASED = "released"  # K3: durable, about to be handed to the broker
    SENDING = "sending"  # K3, K4: the order's request is about to leave, or is on its way
    ANSWERED = "answered"  # K5: the order's answer is known, nothing recorded
    FILL_RECEIVED = "fill_received"  # K7: an execution came in, not recorded
    FILL_DURABLE = "fill_durable"  # K8: an execution is durable, its effects have not left
    CANCEL_SENDING = "cancel_sending"  # K10: a cancel's request is about to leave, or is on its way
    CANCEL_ANSWERED = "cancel_answered"  # K10: a cancel's answer is known, nothing recorded
    IN_SNAPSHOT = "in_snapshot"  # K12: a snapshot is written, not committed
    RECOVERING = "recovering"  # K13: the journal is applied, the broker not asked
    RECONCILING = "reconciling"  # K13: an order is being explained
    STOPPING = "stopping"  # K14: asked to stop, not stopped


class WatchPoint(StrEnum):
    """The places of the observer, which trades nothing."""

    KEEPING = "alert_keeping"  # records are told of, nothing committed
    TELLING = "alert_telling"  # messages are made, nothing committed
    TOLD = "alert_told"  # they are durable, nobody has them
    CLAIMED = "message_claimed"  # a message is noted as tried, and about to leave
    LEAVING = "message_leaving"  # it is durable that it leaves, and it hasn't
    ANSWERED = "message_answered"  # its answer is known, and not kept


_armed: Callable[[Any], None] | None = None


def reach(point: CrashPoint | WatchPoint) -> None:
    """Pass a point."""
    if _armed is not None:
        _armed(point)


def arm(action: Callable[[Any], None] | None) -> None:
    """Call ``action`` at every point from now on; None: nothing more."""
    global _armed  # noqa: PLW0603 - one process, one plan for its death
    _armed = action


def arm_from_environment() -> None:
    """Arm what ``HOLDFAST_CRASH_AT`` asks for. Raises ValueError when it can't be read."""
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return
    name, _, count = wanted.partition(":")
    point: CrashPoint | WatchPoint = WatchPoint(name) if name in set(WatchPoint) else CrashPoint(name)
    nth = int(count or 1)
    passed: Counter[str] = Counter()

    def die(reached: CrashPoint | WatchPoint) -> None:
        passed[reached] += 1
        if reached is point and passed[point] >= nth:
            os.kill(os.getpid(), signal.SIGKILL)

    arm(die)
