"""Sends the messages that are kept: each is noted as tried before it leaves, and goes in a process of its own that may be killed.

It is prepared there, and leaves when it is durable that it does. A message that can't have arrived is tried again, with growing pauses. One that
left and had no answer may have arrived and isn't sent again blindly. A critical one is, once and saying so, since to hear of it twice is better
than not to; and so is any whose process was killed as it left: that it arrived is as likely as not.
"""

import logging
import os
import select
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
import sqlalchemy as sa

from holdfast.alerting import book
from holdfast.alerting.sender import READY, Answer, Message
from holdfast.alerting.tables import alerts, deliveries
from holdfast.alerting.takers import is_dead_here
from holdfast.config.alerts import AlertsConfig, AlertTarget
from holdfast.core.types import MINUTE_NS, SECOND_NS
from holdfast.errors import HoldfastError
from holdfast.journal.holder import process_name
from holdfast.journal.keeping import Keeping
from holdfast.telemetry.crash_points import WatchPoint, reach

LOOK_S = 1.0
FIRST_S, LONGEST_S, TRIES = 5.0, 300.0, 12
"""A message that can't have arrived is tried again after so long, doubled each time up to the longest, so many times: for some 40 minutes."""
REPEAT_S = 60.0
"""A critical message that its server didn't answer is sent once more after so long, unless somebody has acknowledged it."""
STORM = 3
"""So many messages that wait because of the limit become one."""
START_S = 60.0
"""What a process may take to begin on a busy machine, beside the time for the request."""
KINDS = {"critical": "failure", "warning": "warning", "info": "info"}

logger = logging.getLogger(__name__)


class Courier:
    """Sends what waits, one message at a time. `step` does it once; started, a thread does it for ever."""

    def __init__(self, config: AlertsConfig, kept: Keeping) -> None:
        self._config, self._kept = config, kept
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._child: subprocess.Popen[bytes] | None = None

    def take(self, config: AlertsConfig) -> None:
        """Go by another section from the next message on."""
        self._config = config

    def start(self) -> None:
        """Begin, unless that was done."""
        if not self._thread.is_alive() and not self._over.is_set():
            self._thread.start()

    def stop(self) -> None:
        """End: a message that is on its way is given a moment."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(self._config.timeout_s)
        if self._child is not None:
            self._child.kill()

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                busy = self.step(time.time_ns())
            except HoldfastError as error:
                logger.warning("messages wait: %s", error)
                busy = False
            except Exception:
                logger.exception("a message is left for later")
                busy = False
            self._over.wait(0 if busy else LOOK_S)

    def step(self, now_ns: int) -> bool:
        """Send at most one message to each target. Returns whether any was."""
        with self._kept.begin() as kept:
            self._forget_lost(kept, now_ns)
        sent = [self._to(target, now_ns) for target in self._config.targets]  # each gets its turn
        return any(sent)

    def _forget_lost(self, kept: sa.Connection, now_ns: int) -> None:
        """What a process had in hand as it died: if it was leaving it may have arrived, else it can't have."""
        late_ns = now_ns - int((self._config.timeout_s + START_S) * SECOND_NS)
        begun = sa.select(deliveries).where(deliveries.c.state.in_((book.TRYING, book.LEAVING)))
        for row in kept.execute(begun).all():
            if row.next_ns <= late_ns or is_dead_here(row.error):
                outcome = "refused" if row.state == book.TRYING else "interrupted"
                self._ended(kept, row, Answer(outcome, "the process that sent it ended meanwhile"), now_ns)

    def _to(self, target: AlertTarget, now_ns: int) -> bool:
        with self._kept.begin() as kept:
            row = self._claimed(kept, target, now_ns)
        if row is None:
            return False
        reach(WatchPoint.CLAIMED)
        answer = self._sent(target, row)
        reach(WatchPoint.ANSWERED)
        with self._kept.begin() as kept:
            self._ended(kept, row, answer, now_ns)
        if answer.outcome != "sent":
            logger.warning("a message to %s (%s): %s: %s", target.name, row.title, answer.outcome, answer.error)
        return True

    def _claimed(self, kept: sa.Connection, target: AlertTarget, now_ns: int) -> "sa.Row[Any] | None":
        """The next message, noted as tried before it leaves; None when there is none, or as many as are allowed have just left."""
        table = deliveries.c
        mine = table.target == target.name
        lately = sa.select(sa.func.count()).where(
            mine, table.tries > 0, table.next_ns > now_ns - MINUTE_NS, table.state != book.WAITING
        )
        waiting = (
            sa.select(deliveries).where(mine, table.state == book.WAITING, table.next_ns <= now_ns).order_by(table.id)
        )
        rows = kept.execute(waiting).all()
        left = self._config.per_minute - int(kept.execute(lately).scalar() or 0)
        if not rows or left <= 0:
            return None
        if left == 1 and len(rows) > STORM:
            row = self._merged(kept, rows, now_ns)
        else:
            row = min(rows, key=lambda row: (row.level != "critical", row.id))
        claim = sa.update(deliveries).where(table.id == row.id, table.state == book.WAITING)
        claimed = kept.execute(
            claim.values(state=book.TRYING, tries=row.tries + 1, next_ns=now_ns, error=process_name())
        )
        return row if claimed.rowcount == 1 else None

    def _merged(self, kept: sa.Connection, rows: "list[sa.Row[Any]] | Any", now_ns: int) -> "sa.Row[Any]":
        """One message in place of many."""
        counts = Counter(row.title for row in rows)
        lines = [title if number == 1 else f"{number} x {title}" for title, number in counts.most_common(20)]
        more = [f"and {len(counts) - 20} more"] if len(counts) > 20 else []
        text = "\n".join([*lines, *more, "", "`holdfast alerts list` has them all"])
        level = "critical" if any(row.level == "critical" for row in rows) else "warning"
        book.send(kept, (rows[0].target, book.SUMMARY, level), (f"{len(rows)} messages at once", text), now_ns)
        ids = [row.id for row in rows]
        kept.execute(sa.update(deliveries).where(deliveries.c.id.in_(ids)).values(state=book.MERGED, ended_ns=now_ns))
        return kept.execute(sa.select(deliveries).order_by(deliveries.c.id.desc()).limit(1)).one()

    def _sent(self, target: AlertTarget, row: "sa.Row[Any]") -> Answer:
        message = Message(str(target.url), row.title, row.text, KINDS[row.level], self._config.timeout_s)
        return send_in_child(message, partial(self._leaving, row.id), self._note)

    def _leaving(self, number: int) -> None:
        with self._kept.begin() as kept:
            kept.execute(sa.update(deliveries).where(deliveries.c.id == number).values(state=book.LEAVING))
        reach(WatchPoint.LEAVING)

    def _note(self, child: "subprocess.Popen[bytes] | None") -> None:
        self._child = child

    def _ended(self, kept: sa.Connection, row: "sa.Row[Any]", answer: Answer, now_ns: int) -> None:
        values: dict[str, object] = {"error": answer.error[:500], "ended_ns": now_ns}
        if answer.outcome == "sent":
            values["state"] = book.SENT
        elif answer.outcome == "interrupted":
            values["state"] = book.UNANSWERED
            self._repeat(kept, row, now_ns)
        elif answer.outcome == "unanswered":
            values["state"] = book.UNANSWERED
            if row.level == "critical":
                self._repeat(kept, row, now_ns + int(REPEAT_S * SECOND_NS))
        elif row.tries + 1 < TRIES:
            wait_s = min(LONGEST_S, FIRST_S * 2**row.tries)
            values |= {"state": book.WAITING, "next_ns": now_ns + int(wait_s * SECOND_NS), "ended_ns": None}
        else:
            values["state"] = book.FAILED
        kept.execute(sa.update(deliveries).where(deliveries.c.id == row.id).values(**values))

    def _repeat(self, kept: sa.Connection, row: "sa.Row[Any]", next_ns: int) -> None:
        """Send it once more, and say so, unless somebody has taken its alert on. What isn't about trouble isn't repeated."""
        if row.kind not in (book.OPENED, book.ESCALATED, book.SUMMARY):
            return
        alert = kept.execute(sa.select(alerts).where(alerts.c.id == row.alert)).first()
        if alert is None or alert.acknowledged_ns is None:
            to, said = (row.target, book.REPEATED, row.level), (f"perhaps again: {row.title}", row.text)
            book.send(kept, to, said, next_ns, row.alert)


def send_in_child(message: Message, leaving: Callable[[], None] | None = None, note: Any = None) -> Answer:
    """Send a message in a process of its own, which is killed when its time is up. ``leaving`` is called before it leaves."""
    command = [sys.executable, "-m", "holdfast.alerting.sender"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    )  # fmt: skip
    if note is not None:
        note(child)
    try:
        _say(child, msgspec.json.encode(message) + b"\n")
        first = _says(child, START_S)
        if first is None:
            return Answer("refused", f"apprise didn't begin within {START_S:g} s")
        if first == READY:
            if leaving is not None:
                leaving()
            _say(child, b".")
        if first == READY and _says(child, message.timeout_s) is None:
            return Answer("unanswered", f"it took longer than {message.timeout_s:g} s and was given up")
        return _answer(child, left=first == READY)
    finally:
        child.kill()
        child.communicate()
        if note is not None:
            note(None)


def _say(child: "subprocess.Popen[bytes]", text: bytes) -> None:
    assert child.stdin is not None  # noqa: S101 - it was asked for
    with suppress(BrokenPipeError):
        child.stdin.write(text)
        child.stdin.flush()


def _says(child: "subprocess.Popen[bytes]", within_s: float) -> bytes | None:
    """The first byte that the process says next (empty when it ends); None when it says nothing within a time."""
    assert child.stdout is not None  # noqa: S101 - it was asked for
    ready, _, _ = select.select([child.stdout], [], [], within_s)
    if not ready:
        return None
    peeked: bytes = child.stdout.peek(1)[:1]  # type: ignore[attr-defined]
    return child.stdout.read(1) if peeked == READY else peeked


def _answer(child: "subprocess.Popen[bytes]", *, left: bool) -> Answer:
    assert child.stdout is not None  # noqa: S101 - it was asked for
    try:
        return msgspec.json.decode(child.stdout.read(), type=Answer)
    except msgspec.DecodeError:
        return Answer("unanswered" if left else "refused", f"the process that sends ended with status {child.wait()}")
