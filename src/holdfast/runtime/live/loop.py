"""The loop on a market that doesn't wait.

Whatever comes is taken in the order in which it came, and nothing waits for the disk but what is to be sent.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from holdfast.brokers.port import LiveBroker
from holdfast.core import lifecycle
from holdfast.core.instant import Instant, instants
from holdfast.core.messages import FeedEvent, Heartbeat, MarketEvent
from holdfast.errors import HoldfastError
from holdfast.feeds.live import FeedStatus, LiveFeed
from holdfast.journal.commands import CommandQueue
from holdfast.journal.writer import Journal
from holdfast.observe.crash_points import CrashPoint, reach
from holdfast.runtime.account import AccountAtWork
from holdfast.runtime.beat import beating
from holdfast.runtime.live.again import keep_going
from holdfast.runtime.live.clock import LiveClock
from holdfast.runtime.live.desk import LiveDesk
from holdfast.runtime.live.health import Cause
from holdfast.runtime.mailbox import Mailbox

QUEUE = 10_000
"""Market events that may wait: a few seconds of a busy market. A feed waits when it is full, and its broker notices."""
TURN = 256
"""Market events that are taken before everyone else has a turn."""
HEARTBEAT_S = 1.0
"""How often the core is told the time when no event does."""


class LiveLoop:
    """Runs live accounts on one live feed until :meth:`stop` is called or something can't go on.

    ``events`` counts the market events taken.
    """

    def __init__(
        self,
        desks: Sequence[LiveDesk],
        feed: LiveFeed,
        clock: LiveClock,
        journal: Journal,
        commands: CommandQueue,
        woken: asyncio.Event,
        *,
        records_stop: bool = True,
    ) -> None:
        """``records_stop``: its end is that of an engine, after which stopped strategies have a new chance."""
        self._desks = desks
        self._feed = feed
        self._clock = clock
        self._journal = journal
        self._woken = woken
        self._mailbox = Mailbox(commands, journal, woken.set)
        self._queue: asyncio.Queue[MarketEvent] = asyncio.Queue(QUEUE)
        self._records_stop = records_stop
        self._stop_reason = ""
        self._has_had_market = False
        self.events = 0
        self.replayed = 0
        self.last_event: FeedEvent | None = None
        self.recovered = asyncio.Event()

    def stop(self, reason: str) -> None:
        """End the run between two inputs, in order."""
        self._stop_reason = self._stop_reason or reason
        self._woken.set()

    async def run(self) -> str:
        """Run; gives the reason for the end back. Raises the HoldfastError that ended it otherwise."""
        loop = asyncio.get_running_loop()

        def wake() -> None:
            with suppress(RuntimeError):  # the event loop is over: nobody waits any more
                loop.call_soon_threadsafe(self._woken.set)

        self._journal.on_durable(wake)
        try:
            return await self._run()
        finally:
            for desk in self._desks:
                await desk.stop()

    async def _run(self) -> str:
        starting = asyncio.create_task(self._start())
        stopping = asyncio.create_task(self._until_stopped())
        async with beating(self._journal):
            try:
                await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                stopping.cancel()
        if not starting.done():
            starting.cancel()
            with suppress(asyncio.CancelledError):
                await starting
            return self._stop_reason
        starting.result()  # raises what kept it from starting
        self.recovered.set()
        return await self._trade()

    async def _start(self) -> None:
        await asyncio.gather(*[desk.start(self._feed) for desk in self._desks])

    async def _until_stopped(self) -> None:
        while not self._stop_reason:
            await self._woken.wait()
            self._woken.clear()

    async def _trade(self) -> str:
        tasks = [
            asyncio.create_task(self._hear_the_market()),
            asyncio.create_task(self._mailbox.watch(self._accounts, self.stop)),
            asyncio.create_task(self._beat()),
        ]
        for task in tasks:
            task.add_done_callback(lambda _: self._woken.set())
        try:
            while not self._stop_reason:
                self._turn()
                _raise_if_over(tasks)
                if self._queue.empty():
                    await self._woken.wait()
                else:
                    await asyncio.sleep(0)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self._mailbox.error is not None:
            raise self._mailbox.error
        async with beating(self._journal):
            await self._end()
        return self._stop_reason

    def _turn(self) -> None:
        """Take what has come: reports and requests first, then some of the market; let out what is durable."""
        self._woken.clear()
        if self._journal.failure is not None:
            raise self._journal.failure
        for desk in self._desks:
            failure = desk.failure()
            if failure is not None:
                raise failure
            desk.take_inbox()
        for instant in instants([self._queue.get_nowait() for _ in range(min(TURN, self._queue.qsize()))]):
            self._take(instant)
        self._release()

    def _take(self, instant: Instant) -> None:
        """Take the events of one time that are here by now. Nothing waits for what may come of that time still."""
        self._clock.hint(instant[0].time_ns)
        for desk in self._desks:
            desk.account.state.cursor += 1
            desk.account.take(instant)
            if desk.account.inbox:
                desk.take_inbox()
        self.events += len(instant)
        self.last_event = instant[-1]

    def _release(self) -> None:
        for desk in self._desks:
            account = desk.account
            if account.gate.waiting:
                account.gate.release(self._journal.watermark(account.name))
            if account.inbox:
                self._woken.set()

    async def _hear_the_market(self) -> None:
        """Keep the feed. One that says before it was ever there that it can't be ends the run; nothing else of it does."""

        async def broke(fault: BaseException | None, reason: str) -> None:
            if isinstance(fault, HoldfastError) and not self._has_had_market:
                raise fault
            self._on_feed(FeedStatus(connected=False, reason=reason))

        await keep_going("market data", lambda: self._feed.run(self._deliver, self._on_feed), broke)

    async def _deliver(self, event: MarketEvent) -> None:
        await self._queue.put(event)
        self._woken.set()

    def _on_feed(self, status: FeedStatus) -> None:
        self._has_had_market = self._has_had_market or status.connected
        for desk in self._desks:
            desk.monitor.set(Cause.MARKET_DATA, ok=status.connected, reason=status.reason)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            for desk in self._desks:
                desk.account.take(Heartbeat(self._clock.now_ns()))

    async def _end(self) -> None:
        """Take and let out what is left, then let the accounts go."""
        reach(CrashPoint.STOPPING)
        ends_s = self._clock.monotonic_s() + HEARTBEAT_S
        while any(not desk.account.is_settled for desk in self._desks) and self._clock.monotonic_s() < ends_s:
            self._turn()
            await asyncio.sleep(0)
        for desk in self._desks:
            await desk.stop()
            desk.take_inbox()
            if self._records_stop:
                desk.account.keep(lifecycle.stop(desk.account.state, self._stop_reason))

    def _accounts(self) -> list[AccountAtWork[LiveBroker]]:
        return [desk.account for desk in self._desks]


def _raise_if_over(tasks: "Sequence[asyncio.Task[None]]") -> None:
    """None of them ends by itself but with an error."""
    for task in tasks:
        if task.done():
            task.result()
