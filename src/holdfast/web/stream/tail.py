"""The one tail of the journal: a thread that looks for what is new, and says so to everybody at once."""

import asyncio
import logging
import secrets
import threading
import time
from collections.abc import Callable

from holdfast.core.types import iso_time
from holdfast.errors import HoldfastError
from holdfast.journal.tail import OpenReader
from holdfast.views.board import silent_s
from holdfast.web.context import Web
from holdfast.web.reading import WebReader, age_s
from holdfast.web.stream.changes import MOST_RECORDS, Step, change
from holdfast.web.stream.hub import Hub, encode, reload
from holdfast.web.stream.places import Places, gap
from holdfast.web.stream.prices import Prices

EVERY_S = 0.2
"""How often there is a change at most."""
IDLE_S = 2.0
"""How often it is looked while nobody listens; who comes is not kept waiting."""
PRICES_S = 0.3
"""How often prices are looked at, at most."""
BEAT_S = 5.0
"""After so long without an event there is a beat."""
AGAIN_S = 1.0
"""How long a journal that can't be read is left alone."""

STUCK_S = 30.0
"""A look that takes longer is stuck."""

logger = logging.getLogger(__name__)


class Tail:
    """Follows the journal from `start` to `stop`. Who listens is asked only for whether there is anybody."""

    def __init__(self, web: Web, hub: Hub) -> None:
        self._web = web
        self._hub = hub
        self._over = threading.Event()
        self._woken = threading.Event()
        hub.when_joined = self._woken.set
        self.looked_s = time.monotonic()
        """When it was last through with a look, by the monotonic clock."""
        self._thread = threading.Thread(target=self._run, name="tail", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open = OpenReader(web.config.journal.url, web.reading.reader)
        self._places: Places | None = None
        self._running: dict[str, bool] = {}
        self._waiting: set[str] = set()
        self._told_s = 0.0
        self._prices, self._prices_s = Prices(), 0.0
        self.process = secrets.token_hex(8)
        """Which web process it is: another one may stand before another journal, whose records count from one again."""
        self.error = ""
        """Why the journal can't be read now; empty while it can."""

    def start(self) -> None:
        """Begin, for listeners in the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for it."""
        self._over.set()
        self._woken.set()
        self._thread.join()

    @property
    def fault(self) -> str:
        """What is wrong with the thread itself; empty while it looks, also where what it looks at can't be read."""
        still_s = time.monotonic() - self.looked_s
        if not self._thread.is_alive():
            return "what follows the journal has ended"
        return f"what follows the journal has stood still for {still_s:.0f} s" if still_s > STUCK_S else ""

    def _run(self) -> None:
        while True:
            self._woken.clear()
            self._look_safely()
            self.looked_s = time.monotonic()
            if time.monotonic() - self._told_s >= BEAT_S:
                self._tell(self.beat())
                self._told_s = time.monotonic()
            if not self._rest():
                break
        self._open.close()

    def _rest(self) -> bool:
        """Wait for the next look; False when there is to be none."""
        if not self.error and not self._hub.listeners:
            self._woken.wait(IDLE_S)
            return not self._over.is_set()
        return not self._over.wait(AGAIN_S if self.error else EVERY_S)

    def _look_safely(self) -> None:
        try:
            self._look()
            self.error = ""
        except HoldfastError as error:
            self._fail(str(error))
        except Exception:
            logger.exception("the stream passed over what it can't tell of")  # it must outlive a record of another kind
            self._places = None

    def _fail(self, text: str) -> None:
        if text != self.error:
            logger.warning("the journal can't be read: %s", text)
        self.error = text
        self._open.close()

    def _look(self) -> None:
        reader = self._open.get()
        self._look_at_prices(reader)
        is_same = self._open.is_same()
        running = {row.account: reader.is_running(row.account) for row in reader.accounts()}
        if is_same and running == self._running:
            return
        loud = frozenset(name for name in running if running[name] != self._running.get(name))
        with reader.snapshot():
            now = {row.account: row.last_sequence for row in reader.accounts()}
            waiting = {row.id for name in now for row in reader.unanswered(name)}
            step = Step(self._places or now, now, loud, frozenset(self._waiting - waiting))
            self._tell_of(reader, step)
        self._open.seen()
        self._running, self._waiting, self._places = running, waiting, now

    def _look_at_prices(self, reader: WebReader) -> None:
        now_s = time.monotonic()
        if now_s < self._prices_s or not self._hub.listeners:
            return
        self._prices_s = now_s + PRICES_S
        if (news := self._prices.news(reader)) is not None:
            self._tell(encode("market", news))

    def _tell_of(self, reader: WebReader, step: Step) -> None:
        steps = gap(step.before, step.now)
        if not self._hub.begun.is_set() or (steps is not None and not self._hub.listeners):
            self._call(self._hub.move, step.now)
        elif self._places is None or steps is None:
            self._tell(reload("this is another journal than before", step.now), step.now)
        elif steps > MOST_RECORDS:
            self._tell(reload(f"{steps:,} records are new", step.now), step.now)
        elif not step.is_nothing:
            self._tell(encode("change", change(self._web, reader, step), step.now), step.now)

    def _tell(self, message: bytes, places: Places | None = None) -> None:
        if places is not None:
            self._told_s = time.monotonic()
        self._call(self._hub.publish, message, places)

    def _call(self, function: Callable[..., None], *values: object) -> None:
        """Have it done in the event loop, where the listeners are."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *values)

    def catching_up(self, before: Places, now: Places) -> bytes:
        """The event that takes a listener from one place to another; for any thread."""
        steps = gap(before, now)
        if steps is None:
            return reload("this is another journal than before", now)
        if steps > MOST_RECORDS:
            return reload(f"{steps:,} records were missed", now)
        with self._web.reading.at_once() as reader:
            return encode("change", change(self._web, reader, Step(before, now)), now)

    def beat(self, places: Places | None = None) -> bytes:
        """That the process lives, and how old what it knows is; for any thread."""
        ages: dict[str, float] = {}
        running: dict[str, bool] = {}
        silent: dict[str, float] = {}
        now_ns = time.time_ns()
        try:
            with self._web.reading.open() as reader:
                for row in reader.accounts():
                    ages[row.account] = age_s(reader, row)
                    running[row.account] = reader.is_running(row.account)
                    if (still_s := silent_s(reader, row.account, now_ns)) is not None:
                        silent[row.account] = round(still_s, 1)
            error = None
        except HoldfastError as fault:
            error = str(fault)
        told = {
            "time": iso_time(now_ns),
            "age_s": ages,
            "running": running,
            "silent_s": silent,
            "process": self.process,
        }
        return encode("beat", {**told, "build": self._web.build, "error": error}, places)
