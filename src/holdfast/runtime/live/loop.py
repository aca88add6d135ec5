"""The loop on a market that doesn't wait.

Whatever comes is taken in the order in which it came, and nothing waits for the disk but what is to be sent.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

import structlog

from holdfast.brokers.port import LiveBroker
from holdfast.core import lifecycle
from holdfast.core.instant import Instant, instants
from holdfast.core.messages import FeedEvent, Heartbeat, MarketEvent
from holdfast.errors import HoldfastError
from holdfast.feeds.live import FeedStatus, LiveFeed
from holdfast.journal.commands import CommandQueue
from holdfast.journal.writer import Journal
from holdfast.runtime.account import AccountAtWork
from holdfast.runtime.beat import beating
from holdfast.runtime.ending import end_strategies
from holdfast.runtime.leaving import let_go
from holdfast.runtime.live.again import keep_going
from holdfast.runtime.live.health import Cause
from holdfast.runtime.live.live_account import LiveAccount
from holdfast.runtime.live.past import JoinedFeed, SharedPast
from holdfast.runtime.mailbox import Mailbox
from holdfast.runtime.reloading import Reloader
from holdfast.telemetry.crash_points import CrashPoint, reach
from holdfast.telemetry.logs import about

QUEUE = 10_000
"""Market events that may wait: a few seconds of a busy market. A feed waits when it is full, and its broker notices."""
TURN = 256
"""Market events that are taken before everyone else has a turn."""
BESIDES = 2
"""The mailbox and the heartbeat are there from the start on; the market is listened to when an account is back."""
HEARTBEAT_S = 1.0
"""How often the core is told the time when no event does."""


log = structlog.get_logger(__name__)


class LiveLoop:
    """Runs live accounts on one live feed until :meth:`stop` is called or something can't go on.

    Each account starts by itself and trades as soon as it is back. One that can't go on leaves; with the last one the loop ends.
    ``events`` counts the market events taken; ``failures`` has what ended accounts before the loop did.
    """

    def __init__(
        self,
        live_accounts: Sequence[LiveAccount],
        feed: LiveFeed,
        journal: Journal,
        commands: CommandQueue,
        woken: asyncio.Event,
        *,
        records_stop: bool = True,
        reloader: Reloader | None = None,
    ) -> None:
        """``records_stop``: its end is that of an engine, after which stopped strategies have a new chance."""
        self.feed = feed
        self.accounts: Sequence[AccountAtWork[LiveBroker]] = [live.account for live in live_accounts]
        self._live_accounts = live_accounts
        self._trading: list[LiveAccount] = []
        self._starting: dict[LiveAccount, asyncio.Task[None]] = {}
        self._leaving: list[asyncio.Task[None]] = []
        self._past = SharedPast(feed)
        self._joined: dict[LiveAccount, JoinedFeed] = {}
        self._journal = journal
        self._woken = woken
        self._mailbox = Mailbox(commands, journal, woken.set, reloader)
        self._queue: asyncio.Queue[MarketEvent] = asyncio.Queue(QUEUE)
        self._records_stop = records_stop
        self._stop_reason = ""
        self._market: FeedStatus | None = None
        self._has_had_market = False
        self.failures: dict[str, HoldfastError] = {}
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
            for task in self._starting.values():
                task.cancel()
            await asyncio.gather(*self._starting.values(), *self._leaving, return_exceptions=True)
            for live in self._live_accounts:
                await live.stop()

    async def _run(self) -> str:
        for live in self._live_accounts:
            self._starting[live] = self._task(self._start(live))
        tasks = [self._task(self._mailbox.watch(self._back, self.stop)), self._task(self._beat())]
        try:
            while not self._stop_reason:
                self._see_starts()
                if self._trading and len(tasks) == BESIDES:
                    tasks.append(self._task(self._hear_the_market()))
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

    def _task(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Something that runs beside; the loop looks at it when it is over."""
        task = asyncio.create_task(work)
        task.add_done_callback(lambda _: self._woken.set())
        return task

    # --- accounts come and go -----------------------------------------------------------------------------------------

    async def _start(self, live: LiveAccount) -> None:
        joined = self._joined[live] = JoinedFeed(self._past)
        with about(account=live.account.name, broker=live.account.state.broker):  # what it begins is its own as well
            await live.start(joined)

    def _see_starts(self) -> None:
        """Let accounts trade that are back, and leave those out that can't be."""
        for live, task in list(self._starting.items()):
            if not task.done():
                continue
            del self._starting[live]
            error = task.exception()
            if error is None:
                self._join(live)
            else:
                self._lose(live, error)
        if not self._starting and not self.recovered.is_set():
            self._past.forget()
            self.recovered.set()

    def _join(self, live: LiveAccount) -> None:
        """An account is back: it is shown what came meanwhile, and trades."""
        self._trading.append(live)
        if self._market is not None:
            live.monitor.set(Cause.MARKET_DATA, ok=self._market.connected, reason=self._market.reason)
        for instant in instants(self._joined[live].unseen()):
            self._show(live, instant)

    def _lose(self, live: LiveAccount, error: BaseException) -> None:
        """An account can't go on. Raises the error where no other account is left, or nobody knows what it means."""
        others = [
            other for other in self._live_accounts if other is not live and other.account.name not in self.failures
        ]
        if not isinstance(error, HoldfastError) or not others:
            raise error
        name = live.account.name
        log.error("an account can't go on; the others do", account=name, reason=str(error))
        self.failures[name] = error
        has_begun = live in self._trading
        if has_begun:
            self._trading.remove(live)
        self._leaving.append(self._task(self._leave(live, str(error), has_begun=has_begun)))

    async def _leave(self, live: LiveAccount, reason: str, *, has_begun: bool) -> None:
        """Let what is under way be answered, then let the account go: a watchdog or another engine may take it."""
        await live.stop()
        if has_begun:
            live.take_inbox()
            end_strategies(live.account.state)
            live.account.keep(lifecycle.stop(live.account.state, reason))
        await let_go(live.account, self._journal)

    def _back(self) -> list[AccountAtWork[LiveBroker]]:
        return [live.account for live in self._trading]

    # --- the market ---------------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        """Take what has come: reports and requests first, then some of the market; let out what is durable."""
        self._woken.clear()
        if self._journal.failure is not None:
            raise self._journal.failure
        for live in list(self._trading):
            failure = live.failure()
            if failure is not None:
                self._lose(live, failure)
            else:
                live.take_inbox()
        events = [self._queue.get_nowait() for _ in range(min(TURN, self._queue.qsize()))]
        if self._starting:
            self._past.keep(events)
        for instant in instants(events):
            self._take(instant)
        self._release()

    def _take(self, instant: Instant) -> None:
        """Take the events of one time that are here by now. Nothing waits for what may come of that time still."""
        for live in self._trading:
            self._show(live, instant)
        self.events += len(instant)
        self.last_event = instant[-1]

    @staticmethod
    def _show(live: LiveAccount, instant: Instant) -> None:
        live.clock.hint(instant[0].time_ns)
        live.account.state.cursor += 1
        live.account.take(instant)
        if live.account.inbox:
            live.take_inbox()

    def _release(self) -> None:
        for live in self._trading:
            account = live.account
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

        with about(feed=self.feed.name):
            await keep_going("market data", lambda: self.feed.run(self._deliver, self._on_feed), broke)

    async def _deliver(self, event: MarketEvent) -> None:
        await self._queue.put(event)
        self._woken.set()

    def _on_feed(self, status: FeedStatus) -> None:
        self._has_had_market = self._has_had_market or status.connected
        self._market = status
        for live in self._trading:
            live.monitor.set(Cause.MARKET_DATA, ok=status.connected, reason=status.reason)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            for live in self._trading:
                live.account.take(Heartbeat(live.clock.now_ns()))

    async def _end(self) -> None:
        """Take and let out what is left, then let the accounts go."""
        reach(CrashPoint.STOPPING)
        ends_s = asyncio.get_running_loop().time() + HEARTBEAT_S
        while any(not account.is_settled for account in self._back()) and asyncio.get_running_loop().time() < ends_s:
            self._turn()
            await asyncio.sleep(0)
        for live in self._trading:
            await live.stop()
            live.take_inbox()
            end_strategies(live.account.state)
            if self._records_stop:
                live.account.keep(lifecycle.stop(live.account.state, self._stop_reason))


def _raise_if_over(tasks: "Sequence[asyncio.Task[None]]") -> None:
    """None of them ends by itself but with an error."""
    for task in tasks:
        if task.done():
            task.result()
