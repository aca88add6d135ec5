"""Run a strategy over its data, over futures that did not happen and over shortened histories, and compare what it decides."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from holdfast.assembly import Classes
from holdfast.bias.decisions import Decision, Run, decide
from holdfast.bias.outside import files_opened, outside_data
from holdfast.bias.poison import DOWN, UP, Frames, poisoned
from holdfast.bias.verdict import Difference, Report
from holdfast.config import Config
from holdfast.core.messages import FeedEvent
from holdfast.core.strategy.api import Strategy
from holdfast.errors import InvalidValue
from holdfast.feeds.port import Feed

CUTS = 8
"""So many times are taken at which something was decided, and half as many besides."""
MOST_CUTS = 10_000
AFTER = 50
"""So many instants are shown after a cut."""
WARM_UP_FACTOR = 10
"""A strategy that waits for so many bars by itself has forgotten its start after ten times as many; one that has not, needed to wait longer."""
FEWEST_WARM_UP = 50
FROM = 0.6
"""Shortened histories are compared from this part of the data on."""

Tell = Callable[[int, int], object]


class Checked(NamedTuple):
    """What is to be checked, and how. ``warm_up`` is how many instants of history the strategies are given (None: as said at `WARM_UP_FACTOR`)."""

    config: Config
    feed: Feed
    classes: Classes
    frames: Frames | None = None
    cuts: int = CUTS
    warm_up: int | None = None


def check(asked: Checked, tell: Tell = lambda _done, _of: None) -> Report:
    """The report. Raises :class:`~holdfast.errors.InvalidValue` for settings that can't be meant, and what a backtest raises."""
    if not 1 <= asked.cuts <= MOST_CUTS:
        raise InvalidValue(f"cuts must be 1 to {MOST_CUTS:,}, not {asked.cuts}")
    if asked.warm_up is not None and asked.warm_up < 1:
        raise InvalidValue(f"warm_up must be at least 1 bar, not {asked.warm_up}")
    return _Check(asked, tell).report()


class _Check:
    def __init__(self, asked: Checked, tell: Tell) -> None:
        self._asked = asked
        self._tell = tell
        self._runs = 0
        self._planned = 1
        self._params: dict[str, dict[str, Any]] = {}
        self._outside: dict[str, None] = {}
        self._opened: set[str] = set()
        self._base = self._run(asked.feed.events(), look=self._look)

    def report(self) -> Report:
        """All that was found."""
        base, asked = self._base, self._asked
        cuts = _cuts(base, asked.cuts)
        self._planned = 1 + 2 * len(cuts) + 2
        ahead = reacts = None
        for number, cut in enumerate(cuts):
            for span in (UP, DOWN):
                is_long = number == 0 and span is UP
                run = self._poisoned(cut, span, is_long=is_long)
                if is_long:
                    reacts = _reacts(base, run, cut)
                ahead = ahead or _difference(base.decisions, run.decisions, cut, cut)
            if ahead is not None:
                break
        warm_up, history, needed = self._histories()
        return Report(
            strategies=self._params,
            data=asked.feed.name,
            decisions=len(base.decisions),
            instants=len(base.times_ns),
            cuts=len(cuts),
            stopped=base.stopped,
            looks_ahead=ahead,
            reacts=reacts,
            outside=(*self._outside, *(f"opens {path}" for path in sorted(self._opened))),
            warm_up=warm_up,
            history=history,
            needed=needed,
        )

    def _look(self, name: str, strategy: Strategy) -> None:
        self._params[name] = msgspec.to_builtins(strategy.params)
        self._outside |= dict.fromkeys(outside_data(strategy))

    def _run(
        self,
        events: Iterator[FeedEvent],
        trading_from_ns: int | None = None,
        around: AbstractContextManager[Any] | None = None,
        look: Callable[[str, Strategy], None] = lambda _id, _strategy: None,
    ) -> Run:
        asked = self._asked
        from_ns = asked.feed.trading_from_ns if trading_from_ns is None else trading_from_ns
        self._tell(self._runs, self._planned)
        with around or nullcontext(), files_opened() as opened, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run = decide(asked.config, asked.feed, asked.classes, events, from_ns, look)
        self._opened |= opened
        self._runs += 1
        return run

    def _poisoned(self, cut_ns: int, span: tuple[float, float], *, is_long: bool) -> Run:
        asked = self._asked
        events = poisoned(asked.feed.events(), cut_ns, span)
        frames = asked.frames.poisoned(cut_ns, span) if asked.frames is not None else None
        return self._run(events if is_long else _until(events, cut_ns, AFTER), around=frames)

    def _histories(self) -> tuple[int | None, Difference | None, int | None]:
        """How much history was given, the first decision that more of it changes, and how much is needed (None: not in this data)."""
        times, decisions = self._base.times_ns, self._base.decisions
        if not decisions:
            return None, None, None
        start = max(int(len(times) * FROM), _place(times, self._asked.feed.trading_from_ns))
        waited = _place(times, decisions[0].time_ns) + 1
        given = self._asked.warm_up or max(FEWEST_WARM_UP, WARM_UP_FACTOR * waited)
        if given > start * 3 // 4 or start >= len(times):
            return None, None, None
        whole = self._run(self._asked.feed.events(), times[start])
        first = None
        history = given
        while history < start:
            short = self._run(_since(self._asked.feed.events(), times[start - history]), times[start])
            found = _difference(whole.decisions, short.decisions, times[-1], times[start])
            if found is None:
                return given, first, history
            first = first or found
            history *= 2
        return given, first, None


def _until(events: Iterator[FeedEvent], time_ns: int, more: int) -> Iterator[FeedEvent]:
    """The events up to a time, and of some instants after it."""
    seen: set[int] = set()
    for event in events:
        if event.time_ns > time_ns:
            seen.add(event.time_ns)
            if len(seen) > more:
                return
        yield event


def _since(events: Iterator[FeedEvent], time_ns: int) -> Iterator[FeedEvent]:
    return (event for event in events if event.time_ns >= time_ns)


def _place(times: Sequence[int], time_ns: int) -> int:
    """How many instants are before a time."""
    return sum(time < time_ns for time in times)


def _cuts(base: Run, count: int) -> list[int]:
    """Times at which something was decided, and others, spread over the data; the last instant has no future."""
    last = base.times_ns[-1] if base.times_ns else 0
    decided = [time for time in dict.fromkeys(each.time_ns for each in base.decisions) if time < last]
    others = [time for time in base.times_ns if time < last]
    return sorted({*_spread(decided, count), *_spread(others, (count + 1) // 2)})


def _spread(times: Sequence[int], count: int) -> list[int]:
    if len(times) <= count:
        return list(times)
    return [times[(2 * number + 1) * len(times) // (2 * count)] for number in range(count)]


def _reacts(base: Run, run: Run, cut_ns: int) -> bool | None:
    """Whether anything is decided otherwise after a time when all prices are others; None where nothing was decided after it."""
    one, other = (
        [each for each in decisions if each.time_ns > cut_ns] for decisions in (base.decisions, run.decisions)
    )
    return one != other if one else None


def _difference(one: Sequence[Decision], other: Sequence[Decision], until_ns: int, since_ns: int) -> Difference | None:
    """The first decision up to a time that is not in both, each at its time."""
    first, second = ([each for each in decisions if each.time_ns <= until_ns] for decisions in (one, other))
    for place in range(max(len(first), len(second))):
        own, changed = (next(islice(rows, place, None), None) for rows in (first, second))
        if own != changed:
            times = [each.time_ns for each in (own, changed) if each is not None]
            at = min(times)
            return Difference(
                time_ns=at,
                changed_ns=since_ns,
                strategy=(own or changed or first[0]).strategy,
                decided=str(own) if own is not None and own.time_ns == at else "nothing",
                instead=str(changed) if changed is not None and changed.time_ns == at else "nothing",
            )
    return None
