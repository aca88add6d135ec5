"""Groups side by side: what ends one, and what ends all."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from holdfast.core.messages import FeedEvent
from holdfast.errors import DataError, HoldfastError, JournalError
from holdfast.feeds.live import NoMarket
from holdfast.runtime.account import AccountAtWork
from holdfast.runtime.groups import Groups


class Told:
    """A journal that only says whether it has failed."""

    failure: JournalError | None = None


class Scripted:
    """A group that gets on its feet and then ends as it is told."""

    events = 1
    replayed = 2
    last_event: FeedEvent | None = None
    accounts: Sequence[AccountAtWork[Any]] = ()
    failures: Mapping[str, HoldfastError] = {}
    feed = NoMarket()

    def __init__(self, error: BaseException | None = None) -> None:
        self.recovered = asyncio.Event()
        self._error = error
        self._stopped = asyncio.Event()
        self._reason = ""

    def stop(self, reason: str) -> None:
        self._reason = reason
        self._stopped.set()

    async def run(self) -> str:
        if self._error is not None:
            raise self._error
        self.recovered.set()
        await self._stopped.wait()
        return self._reason


async def ended(groups: Groups) -> str:
    """Run until all are on their feet, stop, and say why it ended."""
    running = asyncio.create_task(groups.run())
    recovered = asyncio.create_task(groups.recovered.wait())
    await asyncio.wait({running, recovered}, return_when=asyncio.FIRST_COMPLETED)
    recovered.cancel()
    groups.stop("enough")
    return await running


def test_all_groups_are_stopped_together() -> None:
    """The reason is everyone's, and counts are sums."""
    groups = Groups([Scripted(), Scripted()], Told())  # type: ignore[arg-type]
    assert asyncio.run(ended(groups)) == "enough"
    assert (groups.events, groups.replayed) == (2, 4)


def test_one_that_fails_leaves_the_other_running() -> None:
    """It is ended by its own error; the run ends as people ask."""
    groups = Groups([Scripted(DataError("row 7")), Scripted()], Told())  # type: ignore[arg-type]
    assert asyncio.run(ended(groups)) == "enough"


def test_the_last_one_that_fails_ends_the_run() -> None:
    """Its error is the run's."""
    groups = Groups([Scripted(DataError("row 7")), Scripted(DataError("row 8"))], Told())  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"row [78]"):
        asyncio.run(ended(groups))


def test_a_failed_journal_ends_all() -> None:
    """Nobody trades without a journal."""
    told = Told()
    told.failure = JournalError("the disk is full")
    groups = Groups([Scripted(told.failure), Scripted()], told)  # type: ignore[arg-type]
    with pytest.raises(JournalError, match="the disk is full"):
        asyncio.run(ended(groups))


def test_a_mistake_of_ours_ends_all() -> None:
    """What nobody foresaw is no trouble of one account."""
    groups = Groups([Scripted(ZeroDivisionError()), Scripted()], Told())  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError):
        asyncio.run(ended(groups))


def test_a_run_that_ends_as_it_gets_on_its_feet_was_on_its_feet() -> None:
    """It may be over before anybody could follow it."""
    group = Scripted()
    group.stop("the feed ended")
    groups = Groups([group], Told())  # type: ignore[arg-type]
    assert asyncio.run(groups.run()) == "the feed ended"
    assert groups.recovered.is_set()
