"""Which ask of the session is which of the backtest."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from holdfast.parity.asks import Ask

MOST_NEAR = 100
"""So many asks near in time are looked at for each that has no other at its own."""

Key = tuple[str, str, str, str]


class Pair(NamedTuple):
    """An ask on both sides; None where one side has none."""

    live: Ask | None
    backtest: Ask | None

    @property
    def either(self) -> Ask:
        """The one that is there, the session's first."""
        found = self.live or self.backtest
        assert found is not None  # noqa: S101 - a pair is made of one at least
        return found

    @property
    def time_ns(self) -> int:
        """When it was decided; by the backtest's data where both did."""
        return (self.backtest or self.either).time_ns


def pair(live: Sequence[Ask], backtest: Sequence[Ask], within_ns: int) -> list[Pair]:
    """All asks of both sides, each once, by the time of the decision.

    Those of one strategy, symbol and kind belong together that were decided at the same market time, in their order; then those
    nearest in time, ``within_ns`` at most. Protective legs go with what they protect.
    """
    pairs = [
        made
        for key_live, key_backtest in _by_key(live, backtest)
        for made in _of_one_key(key_live, key_backtest, within_ns)
    ]
    other = {id(made.live): made.backtest for made in pairs if made.live is not None}
    pairs += _legs(live, backtest, other)
    return sorted(pairs, key=lambda made: made.time_ns)


def _by_key(live: Sequence[Ask], backtest: Sequence[Ask]) -> Iterator[tuple[list[Ask], list[Ask]]]:
    grouped: dict[Key, tuple[list[Ask], list[Ask]]] = defaultdict(lambda: ([], []))
    for index, asks in enumerate((live, backtest)):
        for ask in asks:
            if ask.parent is None:
                grouped[ask.kind, ask.strategy, ask.symbol, ask.side][index].append(ask)
    yield from grouped.values()


def _of_one_key(live: list[Ask], backtest: list[Ask], within_ns: int) -> Iterator[Pair]:
    at: dict[int, list[Ask]] = defaultdict(list)
    for ask in reversed(backtest):
        at[ask.time_ns].append(ask)
    alone: list[Ask] = []
    for ask in live:
        if at.get(ask.time_ns):
            yield Pair(ask, at[ask.time_ns].pop())
        else:
            alone.append(ask)
    rest = sorted((ask for asks in at.values() for ask in asks), key=lambda ask: ask.time_ns)
    taken = _nearest([ask.time_ns for ask in alone], [ask.time_ns for ask in rest], within_ns)
    yield from (Pair(ask, rest[taken[index]] if index in taken else None) for index, ask in enumerate(alone))
    used = set(taken.values())
    yield from (Pair(None, ask) for index, ask in enumerate(rest) if index not in used)


def _nearest(ours: list[int], theirs: list[int], within_ns: int) -> dict[int, int]:
    """Of each of our times which of theirs (sorted) belongs to it, the nearest first, each once."""
    near = []
    for one, time_ns in enumerate(ours):
        first, end = bisect_left(theirs, time_ns - within_ns), bisect_right(theirs, time_ns + within_ns)
        near += [(abs(time_ns - theirs[two]), one, two) for two in range(first, min(end, first + MOST_NEAR))]
    taken: dict[int, int] = {}
    used: set[int] = set()
    for _, one, two in sorted(near):
        if one not in taken and two not in used:
            taken[one] = two
            used.add(two)
    return taken


def _legs(live: Sequence[Ask], backtest: Sequence[Ask], other: dict[int, Ask | None]) -> Iterator[Pair]:
    theirs = {(id(ask.parent), ask.kind): ask for ask in backtest if ask.parent is not None}
    for ask in live:
        if ask.parent is not None:
            yield Pair(ask, theirs.pop((id(other.get(id(ask.parent))), ask.kind), None))
    yield from (Pair(None, ask) for ask in theirs.values())
