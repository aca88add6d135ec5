"""Parts of the sessions: to choose by, and to see what was chosen on."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from holdfast.core.session.calendar import TradingCalendar
from holdfast.errors import InvalidValue
from holdfast.statistics.record import Floats
from holdfast.sweeping.trial import Trial

Mask = npt.NDArray[np.bool_]

_EDGE = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")
FEWEST_SESSIONS = 2
"""Of a part; a figure by session needs as many."""


class Part(NamedTuple):
    """Sessions from ``first`` to ``last``, both included; a year or a month stands for all of it, nothing for no bound."""

    first: str
    last: str

    def mask(self, dates: Sequence[str]) -> Mask:
        """Which of the sessions are in it."""
        return np.array(
            [date >= self.first and (not self.last or date[: len(self.last)] <= self.last) for date in dates],
            dtype=bool,
        )

    def __str__(self) -> str:
        return f"{self.first}:{self.last}"


def part_of(text: str, name: str) -> Part:
    """``2018:2021``, ``2022:``, ``:2021-06``, ``2021``. Raises :class:`~holdfast.errors.InvalidValue`."""
    first, colon, last = str(text).strip().partition(":")
    if not colon:
        last = first
    for edge in (first, last):
        if edge and not _EDGE.fullmatch(edge):
            raise InvalidValue(
                f"{name}: {edge!r} is no year, month or day; write 2018:2021, 2022: or 2022-03-01:2022-12-31"
            )
    if (not first and not last) or (last and first[: len(last)] > last):
        raise InvalidValue(f"{name}: {text!r} is no stretch of time; write 2018:2021, or 2022: for all from then on")
    return Part(first, last)


def halves(train: str | None, test: str | None) -> tuple[Part, Part] | None:
    """The part to choose by and the part to look at. Raises :class:`~holdfast.errors.InvalidValue`."""
    if train is None and test is None:
        return None
    if train is None or test is None:
        raise InvalidValue(
            "train and test go together: train=2018:2021 test=2022: chooses by the one and looks at the other"
        )
    return part_of(train, "train"), part_of(test, "test")


def check_halves(parts: tuple[Part, Part], dates: Sequence[str]) -> None:
    """Raises :class:`~holdfast.errors.InvalidValue` for parts that overlap, or have no sessions to speak of."""
    train, test = (part.mask(dates) for part in parts)
    if (train & test).any():
        raise InvalidValue(f"train ({parts[0]}) and test ({parts[1]}) overlap; what was chosen by can't be a test")
    for name, part, mask in (("train", parts[0], train), ("test", parts[1], test)):
        if mask.sum() < FEWEST_SESSIONS:
            span = f"{dates[0]} to {dates[-1]}" if dates else "none"
            raise InvalidValue(f"{name} ({part}) has {mask.sum()} sessions of the data, which has {span}")


def folds(count: int, sessions: int) -> list[tuple[Mask, Mask]]:
    """Walk-forward: ``count`` equal stretches to look at, each after all that its choice was made by, the first of them as long.

    Raises :class:`~holdfast.errors.InvalidValue` where a stretch would be too short.
    """
    if count < 1 or sessions // (count + 1) < FEWEST_SESSIONS:
        raise InvalidValue(
            f"walk_forward={count} of {sessions} sessions leaves {sessions // max(1, count + 1)} for each stretch; take 1 to "
            f"{max(1, sessions // FEWEST_SESSIONS - 1)}"
        )
    edges = np.linspace(0, sessions, count + 2).round().astype(int)
    place = np.arange(sessions)
    return [
        (place < edges[number], (place >= edges[number]) & (place < edges[number + 1]))
        for number in range(1, count + 1)
    ]


class Returns(NamedTuple):
    """The returns of all trials that went through, side by side: a row for each session, a column for each trial."""

    dates: list[str]
    trials: list[Trial]
    values: Floats


def side_by_side(trials: Sequence[Trial], calendar: TradingCalendar) -> Returns:
    """Sessions in which a trial has no return (before its first mark, after its ruin) count as zero."""
    good = [trial for trial in trials if not trial.error and trial.returns]
    if not good:
        return Returns([], [], np.empty((0, 0)))
    places = {day.date: number for number, day in enumerate(calendar.days)}
    starts = [places[trial.first_session] for trial in good]
    columns = [trial.values for trial in good]
    first = min(starts)
    last = max(start + len(column) for start, column in zip(starts, columns, strict=True))
    values = np.zeros((last - first, len(good)))
    for number, (start, column) in enumerate(zip(starts, columns, strict=True)):
        values[start - first : start - first + len(column), number] = column
    return Returns([day.date for day in calendar.days[first:last]], good, values)
