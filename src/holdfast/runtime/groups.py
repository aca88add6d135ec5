"""The groups of an engine, side by side in one event loop: each is a feed with the accounts that trade on it.

The feed decides how time passes in a group. A feed that can be played again waits for its accounts (`loop.py`); a live one doesn't
(`live/loop.py`). What can't go on in one group doesn't stop another; the journal is all groups' own, and when it fails all end.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import structlog

from holdfast.core.messages import FeedEvent
from holdfast.errors import HoldfastError
from holdfast.feeds.live import LiveFeed
from holdfast.feeds.port import Feed
from holdfast.journal.writer import Journal
from holdfast.runtime.account import AccountAtWork
from holdfast.runtime.leaving import let_go

log = structlog.get_logger(__name__)


class Group(Protocol):
    """A feed, and the accounts on it, at work."""

    events: int
    replayed: int
    last_event: FeedEvent | None
    recovered: asyncio.Event

    @property
    def feed(self) -> Feed | LiveFeed:
        """Where its market data comes from."""

    @property
    def accounts(self) -> Sequence[AccountAtWork[Any]]:
        """Those that trade on it."""

    @property
    def failures(self) -> Mapping[str, HoldfastError]:
        """The accounts that can't go on while others do, each with what ended it."""

    def stop(self, reason: str) -> None:
        """End the run between two inputs, in order."""

    async def run(self) -> str:
        """Run; gives the reason for the end back. Raises what ended it otherwise."""


class Groups:
    """Runs groups until all have ended or :meth:`stop` is called. What people ask of one group is the sum of all here."""

    def __init__(self, groups: Sequence[Group], journal: Journal) -> None:
        self.groups = groups
        self._journal = journal
        self._failures: dict[str, HoldfastError] = {}
        self.recovered = asyncio.Event()

    @property
    def events(self) -> int:
        """The market events taken live."""
        return sum(group.events for group in self.groups)

    @property
    def replayed(self) -> int:
        """The market events seen again in recovery."""
        return sum(group.replayed for group in self.groups)

    @property
    def last_event(self) -> FeedEvent | None:
        """The latest event of any group."""
        last = [group.last_event for group in self.groups if group.last_event is not None]
        return max(last, key=lambda event: event.time_ns) if last else None

    @property
    def failures(self) -> Mapping[str, HoldfastError]:
        """The accounts that could not go on, each with what ended it."""
        found = self._failures.copy()  # each in one step: the thread that writes the board asks too
        for group in self.groups:
            found.update(dict(group.failures))
        return found

    def stop(self, reason: str) -> None:
        """End the run between two inputs, in order."""
        for group in self.groups:
            group.stop(reason)

    async def run(self) -> str:
        """Run; gives the reason for the last end back. Raises what ended the last group when all have failed."""
        running = {asyncio.create_task(group.run()): group for group in self.groups}
        following = asyncio.create_task(self._follow(running))
        reason = ""
        try:
            while running:
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    group, error = running.pop(task), task.exception()
                    if error is None:
                        reason = task.result()
                    elif isinstance(error, HoldfastError) and self._journal.failure is None and (running or reason):
                        await self._lose(group, error)
                    else:
                        raise error
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            following.cancel()
            if (
                len(self.groups) > 1 or self.groups[0].recovered.is_set()
            ):  # a short run may end before anybody could follow it
                self.recovered.set()
        return reason

    async def _follow(self, running: "Mapping[asyncio.Task[str], Group]") -> None:
        """Tell when every group is on its feet, or has ended."""
        for task, group in list(running.items()):
            waiting = asyncio.create_task(group.recovered.wait())
            await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
            if not group.recovered.is_set() and len(self.groups) == 1:
                return
        self.recovered.set()

    async def _lose(self, group: Group, error: HoldfastError) -> None:
        """A group can't go on, others do: its accounts are given back."""
        for account in group.accounts:
            if account.name in group.failures:
                continue
            log.error("an account can't go on; the others do", account=account.name, reason=str(error))
            self._failures[account.name] = error
            await let_go(account, self._journal)
