"""The interface of a market data source that can be played again: the same events in the same order, every time."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from holdfast.core.messages import FeedEvent


class Feed(Protocol):
    """A finite or endless, repeatable stream of market events in order of time.

    The n-th event of a feed is the same in every run, so a count is all a restart needs to find its place.
    """

    @property
    def kind(self) -> str:
        """Which feed it is: ``file``, ``synthetic``."""

    @property
    def name(self) -> str:
        """What people call it: a path, ``synthetic seed 7``."""

    @property
    def symbols(self) -> Sequence[str]:
        """Every symbol it can carry, sorted."""

    @property
    def bar_ns(self) -> int | None:
        """The length of its bars; None when it carries no bars."""

    @property
    def trading_from_ns(self) -> int:
        """Events before this time are history: strategies warm up on them, nothing is traded."""

    @property
    def total(self) -> int | None:
        """How many events there are, as far as that is known (for progress)."""

    def fingerprint(self) -> str:
        """Changes when the data is not the data of before."""

    def events(self) -> Iterator[FeedEvent]:
        """Every event from the first, each checked; raises :class:`~holdfast.errors.DataError` at the first bad one."""
