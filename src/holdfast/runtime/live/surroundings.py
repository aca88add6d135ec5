"""What every part of reconciliation works with."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from holdfast.brokers.port import LiveBroker
from holdfast.core.messages import BrokerReport
from holdfast.core.state import EngineState
from holdfast.core.types import MINUTE_NS
from holdfast.runtime.account import AccountAtWork
from holdfast.runtime.live.clock import LiveClock
from holdfast.runtime.live.executions import Executions
from holdfast.runtime.live.health import Monitor

OVERLAP_NS = 2 * MINUTE_NS
"""Executions are asked for from this long before what is known: clocks differ, and lists lag."""


class Surroundings(NamedTuple):
    """One account's. ``deliver`` lets the core judge reports at once; ``wake`` has the gate let out what waits there."""

    account: AccountAtWork[LiveBroker]
    executions: Executions
    clock: LiveClock
    monitor: Monitor
    deliver: Callable[[Sequence[BrokerReport]], None]
    wake: Callable[[], None]

    @property
    def state(self) -> EngineState:
        """The account's state."""
        return self.account.state

    @property
    def broker(self) -> LiveBroker:
        """The account's broker."""
        return self.account.broker

    def now_s(self) -> float:
        """The monotonic clock's time."""
        return self.clock.monotonic_s()
