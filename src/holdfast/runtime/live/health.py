"""Whether the account's broker and market are there: what is missing is told to the core, which takes no risk meanwhile."""

from collections.abc import Callable

from holdfast.core.messages import Health
from holdfast.core.session.causes import NOT_YET, Cause

__all__ = ["NOT_YET", "WATCHED", "Cause", "Monitor"]

WATCHED = frozenset(
    {
        Cause.REQUESTS,
        Cause.ADAPTER,
        Cause.KEYS,
        Cause.ORDER_EVENTS,
        Cause.MARKET_DATA,
        Cause.BOOKS,
        Cause.POSITIONS,
        Cause.ACCOUNT,
        Cause.BLOCKED,
        Cause.LOST_ORDERS,
    }
)
"""What the surroundings of a live account tell of. The rest of the table the core finds by itself."""


class Monitor:
    """Remembers what is missing.

    With ``manual`` nothing is restored by itself:
    a person's resume does, and :meth:`tell_again` says what is missing still. What was only not there yet needs no person.
    """

    def __init__(self, deliver: Callable[[Health], None], now_ns: Callable[[], int], *, manual: bool) -> None:
        self._deliver = deliver
        self._now_ns = now_ns
        self.manual = manual
        self.missing: dict[Cause, str] = {}

    def set(self, cause: Cause, *, ok: bool, reason: str) -> None:
        """Something is there, or is missing. Saying it again changes nothing."""
        if ok is (cause not in self.missing):
            return
        was_never_there = self.missing.get(cause) == NOT_YET
        if ok:
            del self.missing[cause]
        else:
            self.missing[cause] = reason
        if not ok or not self.manual or was_never_there:
            self._deliver(Health(self._now_ns(), cause.value, ok, reason))

    def tell_again(self) -> None:
        """Say what is missing, for a core that was told to forget it."""
        for cause, reason in self.missing.items():
            self._deliver(Health(self._now_ns(), cause.value, ok=False, reason=reason))
