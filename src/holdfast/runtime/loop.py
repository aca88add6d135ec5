"""The loop: takes instants of the market, reports and commands one at a time, and waits for the disk where an order is to leave.

A feed that can be played again waits for the engine: the next instant is taken when everything the last one led to has been
made durable, sent and answered. So a paper run is a function of its data, its seed and its commands.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from holdfast.brokers.replayed import ReplayedBroker
from holdfast.core import lifecycle
from holdfast.core.instant import Instant, instants
from holdfast.core.messages import FeedEvent
from holdfast.errors import HoldfastError
from holdfast.feeds.pace import Pace
from holdfast.feeds.port import Feed
from holdfast.journal.commands import CommandQueue
from holdfast.journal.writer import Journal
from holdfast.runtime.account import AccountAtWork
from holdfast.runtime.ending import end_strategies
from holdfast.runtime.mailbox import Mailbox
from holdfast.runtime.recovery import Recovery, Seen
from holdfast.runtime.reloading import Reloader

TURN_S = 0.02
"""How long the loop may run flat out before it lets signals and the mailbox have their turn."""


class Loop:
    """Runs the accounts of one engine over one feed until the feed ends or :meth:`stop` is called.

    ``events`` counts the market events taken live; ``replayed`` those seen again in recovery.
    """

    def __init__(
        self,
        accounts: Sequence[AccountAtWork[ReplayedBroker]],
        recoveries: Sequence[Recovery],
        feed: Feed,
        pace: Pace,
        journal: Journal,
        commands: CommandQueue,
        reloader: Reloader | None = None,
    ) -> None:
        self.accounts = accounts
        self._recoveries = dict(zip([account.name for account in accounts], recoveries, strict=True))
        self.feed = feed
        self._pace = pace
        self._journal = journal
        self._mailbox = Mailbox(commands, journal, self._wake, reloader)
        self._woken = asyncio.Event()  # a commit, a command or a stop
        self._stop_reason = ""
        self._seen: dict[str, Seen] = {}
        self.failures: Mapping[str, HoldfastError] = {}
        """Accounts that can't go on before the others: there are none where all wait for each other."""
        self.events = 0
        self.replayed = 0
        self.last_event: FeedEvent | None = None
        self.recovered = asyncio.Event()

    def stop(self, reason: str) -> None:
        """End the run between two inputs, in order."""
        self._stop_reason = self._stop_reason or reason
        self._woken.set()

    def _wake(self) -> None:
        self._woken.set()

    async def run(self) -> str:
        """Run; gives the reason for the end back. Raises JournalError when the journal fails, DataError for bad data."""
        loop = asyncio.get_running_loop()

        def wake() -> None:
            with suppress(RuntimeError):  # the event loop is over: nobody waits any more
                loop.call_soon_threadsafe(self._woken.set)

        self._journal.on_durable(wake)
        mailbox = asyncio.create_task(self._mailbox.watch(self._back, self.stop))
        try:
            await self._take_events(instants(self.feed.events()))
            await self._settle()
        finally:
            mailbox.cancel()
        if self._mailbox.error is not None:
            raise self._mailbox.error
        reason = self._stop_reason or "the feed ended"
        for account in self.accounts:
            if account.name not in self._recoveries:  # what was stopped on its way back has done nothing to record
                end_strategies(account.state)
                account.keep(lifecycle.stop(account.state, reason))
        return reason

    def _back(self) -> list[AccountAtWork[ReplayedBroker]]:
        """The accounts whose recovery is over."""
        return [account for account in self.accounts if account.name not in self._recoveries]

    async def _take_events(self, events: Iterator[Instant]) -> None:
        turn_ends_s = time.monotonic() + TURN_S
        for instant in events:
            if self._recoveries and self._take_again(instant):
                self.replayed += len(instant)
            else:
                await self._wait_for(instant[0].time_ns)
                if self._stop_reason:
                    return
                await self._take(instant)
            if time.monotonic() > turn_ends_s:
                await asyncio.sleep(0)
                turn_ends_s = time.monotonic() + TURN_S
            if self._stop_reason:
                return
        for name, recovery in list(self._recoveries.items()):
            recovery.end_of_feed()
            self._is_back(name)
        self.recovered.set()

    def _take_again(self, instant: Instant) -> bool:
        """Show an instant to the accounts still in recovery. True when all of them had seen the whole of it before."""
        self._seen = {}
        for name, recovery in list(self._recoveries.items()):
            seen = self._seen[name] = recovery.take(instant)
            if seen is not Seen.WHOLE:
                self._is_back(name)
        if not self._recoveries:
            self.recovered.set()
        return len(self._seen) == len(self.accounts) and set(self._seen.values()) == {Seen.WHOLE}

    def _is_back(self, name: str) -> None:
        """An account's recovery is over. What people asked for meanwhile comes first: a halt must not miss the first event."""
        del self._recoveries[name]
        for account in self.accounts:
            if account.name == name:
                self._mailbox.read(account)

    async def _wait_for(self, time_ns: int) -> None:
        """Wait until a time is due, dealing with whatever comes in meanwhile."""
        while True:
            await self._settle()
            self._woken.clear()
            if self._stop_reason:
                return
            await self._pace.wait(time_ns, self._woken)
            if not self._woken.is_set():
                return

    async def _take(self, instant: Instant) -> None:
        for account in self.accounts:
            seen = self._seen.get(account.name, Seen.NOT_AT_ALL)
            if seen is Seen.WHOLE:
                continue
            if seen is Seen.NOT_AT_ALL:
                reach_venue(account, instant)
                if account.inbox:
                    await self._settle()
            account.broker.end_instant()
            account.take(instant)
            if not account.is_settled:
                await self._settle()
        self._seen = {}
        self.events += len(instant)
        self.last_event = instant[-1]

    async def _settle(self) -> None:
        """Work until nothing waits for the core, the disk or a broker. Raises the error with which the journal failed."""
        while True:
            if self._journal.failure is not None:
                raise self._journal.failure
            for account in self.accounts:
                account.take_inbox()
            waiting = [account for account in self.accounts if account.gate.waiting]
            if not waiting:
                return
            await self._until_durable(waiting)
            for account in waiting:
                account.gate.release(self._journal.watermark(account.name))

    async def _until_durable(self, accounts: Sequence[AccountAtWork[ReplayedBroker]]) -> None:
        while True:
            self._woken.clear()
            if self._journal.failure is not None:
                raise self._journal.failure
            if any(account.gate.is_due(self._journal.watermark(account.name)) for account in accounts):
                return
            await self._woken.wait()


def reach_venue(account: AccountAtWork[ReplayedBroker], instant: Instant) -> None:
    """Let an instant reach the broker's venue; what it provokes lands in the inbox, to be kept together."""
    account.state.cursor += 1
    for event in instant:
        account.broker.on_market(event)
