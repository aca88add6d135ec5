"""Whether the broker's stream tells everything: what asking found is held against what was told by itself.

The journal says of each report who brought it (`core.messages.Report`). What asking brings while the stream is said to be well should come
by the stream too, a moment later, and is then recorded as a repeat; what hasn't come after ``settle_s`` was missed.
"""

from collections import deque

from holdfast.core.findings import Told
from holdfast.core.messages import (
    AnyBody,
    Envelope,
    FillBusted,
    OrderCanceled,
    OrderEventIgnored,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderReplaced,
)
from holdfast.core.orders.life import OrderEvent
from holdfast.monitor.registry import Book, Key, Stage

MOST = 10_000
"""What is kept of what asking found; the oldest is forgotten first."""
_TOLD_AS: dict[str, type] = {
    OrderEvent.FILLED.value: OrderFilled,
    OrderEvent.PARTLY_FILLED.value: OrderFilled,
    OrderEvent.BUSTED.value: FillBusted,
    OrderEvent.CANCELED.value: OrderCanceled,
    OrderEvent.EXPIRED.value: OrderExpired,
    OrderEvent.REJECTED.value: OrderRejected,
    OrderEvent.REPLACED.value: OrderReplaced,
}
"""Under which event of the order's table a repeat of each is recorded."""
STREAMED = frozenset(_TOLD_AS.values())
"""What a stream has to tell. That the broker has an order is said by the answer to it."""


class Missed:
    """What asking found and no stream told so far: when, of which order, what, and whether it was counted."""

    __slots__ = ("is_counted", "key", "kind", "time_ns")

    def __init__(self, time_ns: int, key: str, kind: type) -> None:
        self.time_ns = time_ns
        self.key = key
        self.kind = kind
        self.is_counted = False

    @property
    def stage(self) -> Stage:
        """Where it belongs."""
        return Stage.FILL if self.kind in (OrderFilled, FillBusted) else Stage.ORDER


class Completeness:
    """Of one account. ``settle_ns`` is how long the stream may take, ``window_ns`` how long what was missed is remembered after that."""

    def __init__(self, book: Book, settle_ns: int, window_ns: int) -> None:
        self._book = book
        self._settle_ns = settle_ns
        self._window_ns = window_ns
        self._found: deque[Missed] = deque(maxlen=MOST)

    def take(self, record: Envelope, *, is_well: bool) -> None:
        """Take a record in. ``is_well``: the stream is there and the account is through with its start, so that it should tell everything."""
        kind = _kind_of(record.body)
        if kind is None:
            return
        key = str(getattr(record.body, "client_order_id", ""))
        who = record.source.partition(":")[0]
        stage = Stage.FILL if kind in (OrderFilled, FillBusted) else Stage.ORDER
        if who == Told.ASKED:
            self._book.count(Key.ASKED, stage, record.time_ns)
            if is_well and type(record.body) is kind:
                self._found.append(Missed(record.time_ns, key, kind))
        elif who == Told.BROKER:
            self._book.count(Key.TOLD, stage, record.time_ns)
            self._tell(key, kind)

    def pass_time(self, now_ns: int) -> None:
        """Count what was missed by now, and forget what is long past."""
        while self._found and self._found[0].time_ns < now_ns - self._settle_ns - self._window_ns:
            self._settle(self._found.popleft())
        for found in self._found:
            if found.time_ns >= now_ns - self._settle_ns:
                break
            self._settle(found)

    def missed(self, stage: Stage, now_ns: int) -> int:
        """How many the stream has missed, of those that it should have told in the last ``window_ns``."""
        last_ns = now_ns - self._settle_ns
        return sum(
            found.stage is stage and last_ns - self._window_ns <= found.time_ns < last_ns for found in self._found
        )

    def _settle(self, found: Missed) -> None:
        if not found.is_counted:
            found.is_counted = True
            self._book.count(Key.MISSED, found.stage, found.time_ns)

    def _tell(self, key: str, kind: type) -> None:
        for found in self._found:
            if found.key == key and found.kind is kind and not found.is_counted:
                self._found.remove(found)
                return


def _kind_of(body: AnyBody) -> type | None:
    """Which report of a stream a record is, or repeats."""
    if isinstance(body, OrderEventIgnored):
        return _TOLD_AS.get(body.event)
    return type(body) if type(body) in STREAMED else None
