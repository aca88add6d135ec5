"""The interface of a market data source that happens once: what was missed is fetched, not replayed."""

from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from holdfast.core.messages import MarketEvent


class Stream(StrEnum):
    """What a live feed can carry."""

    TRADES = "trades"
    QUOTES = "quotes"
    BARS = "bars"


class FeedStatus(msgspec.Struct, frozen=True):
    """Whether data comes. ``reason`` says why it doesn't, or what was done when it came again."""

    connected: bool
    reason: str


Deliver = Callable[[MarketEvent], Awaitable[None]]
"""Takes one event; returns when there is room for the next, so that a busy engine slows the reading, not the memory."""
TellStatus = Callable[[FeedStatus], None]


class NoMarket:
    """The feed of somebody who trades nothing and only guards what is there: market data is missing all the time."""

    kind = "none"
    name = "no market data"
    symbols: Sequence[str] = ()
    bar_ns: int | None = None

    def history(self, until_ns: int) -> Sequence[MarketEvent]:  # noqa: ARG002
        """Nothing."""
        return ()

    async def run(self, deliver: Deliver, tell: TellStatus) -> None:  # noqa: ARG002
        """Go on until cancelled."""
        import asyncio

        await asyncio.Event().wait()


class LiveFeed(Protocol):
    """Market data as it comes. Events of one symbol and kind are in order of time."""

    @property
    def kind(self) -> str:
        """Which feed it is: the name of its adapter."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def symbols(self) -> Sequence[str]:
        """Every symbol it carries, sorted."""

    @property
    def bar_ns(self) -> int | None:
        """The length of its bars; None when it carries no bars."""

    def history(self, until_ns: int) -> Sequence[MarketEvent]:
        """What strategies warm up on: events before ``until_ns`` in order of time. It may take seconds.

        Raises :class:`~holdfast.errors.DataError` when it can't be had.
        """

    async def run(self, deliver: Deliver, tell: TellStatus) -> None:
        """Deliver events until cancelled; lost connections are made again, and what was missed is fetched and delivered.

        Raises a :class:`~holdfast.errors.HoldfastError` when there is no use in trying again (refused keys, too many symbols).
        """
