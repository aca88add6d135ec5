"""What the best of many trials is worth: the numbers of the over-fitting page, and what they mean in plain words."""

from collections.abc import Sequence

import msgspec
import numpy as np

from holdfast.statistics import returns as figures
from holdfast.statistics.record import Floats
from holdfast.sweeping.cscv import Overfitting, overfitting
from holdfast.sweeping.figures import BY_SESSION, better
from holdfast.sweeping.parts import Mask, Part, Returns, folds
from holdfast.sweeping.space import Combination
from holdfast.sweeping.trial import Trial

NEAR = 0.2
"""A neighbour is as good when its figure is at most this part of the best one's below it."""


class Fold(msgspec.Struct, frozen=True):
    """A step of walk-forward: what was chosen by the sessions up to ``train_last``, and its figure there and in the sessions after."""

    train_first: str
    train_last: str
    test_first: str
    test_last: str
    trial: int
    params: Combination
    inside: float | None
    outside: float | None


class WalkForward(msgspec.Struct, frozen=True):
    """All steps, and the figure of what was chosen in all sessions after a choice, one after the other. ``efficiency_pct`` is that by the mean inside."""

    folds: tuple[Fold, ...]
    outside: float | None
    total_return_pct: float | None
    efficiency_pct: float | None


class Decay(msgspec.Struct, frozen=True):
    """The best of the sessions it was chosen by, and in the sessions it was not; ``place`` is its place there among ``trials``."""

    train: str
    test: str
    inside: float
    outside: float | None
    median_outside: float | None
    place: int | None
    rank_correlation: float | None


class Judgement(msgspec.Struct, frozen=True):
    """The over-fitting page. ``_sharpe`` are of a year.

    ``expected_best_sharpe`` is what the best of so many trials without skill would be expected to show; ``deflated_sharpe_pct`` the probability that
    the best one's true Sharpe ratio is above zero, given that. ``neighbours`` differ from the best by one step of one parameter.
    """

    by: str
    trials: int
    failed: int
    best: int
    best_value: float
    best_sharpe: float | None
    expected_best_sharpe: float
    deflated_sharpe_pct: float | None
    neighbours: int
    good_neighbours: int
    decay: Decay | None
    walk_forward: WalkForward | None
    overfitting: Overfitting | None


def best_of(values: Sequence[float | None], by: str) -> int | None:
    """The column with the best value, of equal ones the first."""
    known = [(better(by, value), -place) for place, value in enumerate(values) if value is not None]
    return -max(known)[1] if known else None


def values_in(returns: Returns, mask: Mask, by: str, per_year: int) -> list[float | None]:
    """The figure of each trial in some of the sessions."""
    return [BY_SESSION[by](column[mask], per_year) for column in returns.values.T]


def judge(
    returns: Returns,
    values: Sequence[float | None],
    *,
    by: str,
    per_year: int,
    axes: dict[str, list[object]],
    parts: tuple[Part, Part] | None,
    walk_forward: int | None,
    failed: int = 0,
) -> Judgement | None:
    """The page; ``values`` are those that trials were chosen by. None where no trial has one."""
    place = best_of(values, by)
    if place is None:
        return None
    inside = parts[0].mask(returns.dates) if parts else np.ones(len(returns.dates), dtype=bool)
    seen = returns.values[inside]
    sharpes = [value for value in map(figures.session_sharpe, seen.T) if value is not None]
    best = seen[:, place]
    sharpe = figures.session_sharpe(best)
    luck = figures.expected_best_sharpe(float(np.var(sharpes, ddof=1)), len(values)) if len(sharpes) > 1 else 0.0
    deflated = figures.deflated_sharpe(best, len(values), sharpes)
    near = neighbours(returns.trials, place, axes)
    top = better(by, values[place] or 0.0)
    good = [each for each in near if _is_near(values[each], top, by)]
    return Judgement(
        by=by,
        trials=len(values),
        failed=failed,
        best=returns.trials[place].number,
        best_value=values[place] or 0.0,
        best_sharpe=None if sharpe is None else sharpe * per_year**0.5,
        expected_best_sharpe=luck * per_year**0.5,
        deflated_sharpe_pct=None if deflated is None else deflated * 100,
        neighbours=len(near),
        good_neighbours=len(good),
        decay=_decay(returns, values, place, parts, by, per_year) if parts else None,
        walk_forward=_walk(returns, walk_forward, by, per_year) if walk_forward else None,
        overfitting=overfitting(returns.values),
    )


def _is_near(value: float | None, top: float, by: str) -> bool:
    return value is not None and better(by, value) >= top - NEAR * abs(top)


def neighbours(trials: Sequence[Trial], place: int, axes: dict[str, list[object]]) -> list[int]:
    """The columns of trials that differ from one by one step of one parameter."""
    steps = {name: {msgspec.json.encode(value): at for at, value in enumerate(values)} for name, values in axes.items()}

    def at(trial: Trial) -> tuple[int, ...]:
        return tuple(steps[name][msgspec.json.encode(trial.params[name])] for name in axes)

    own = at(trials[place])
    return [
        number
        for number, trial in enumerate(trials)
        if sum(abs(one - other) for one, other in zip(at(trial), own, strict=True)) == 1
    ]


def rank_correlation(one: Sequence[float | None], other: Sequence[float | None]) -> float | None:
    """Spearman's, of the places that have both. None for fewer than three, or without variation."""
    import pandas as pd

    both = pd.DataFrame({"one": one, "other": other}, dtype=float).dropna()
    if len(both) < 3:
        return None
    ranks = both.rank()
    return figures.correlation(ranks["one"].to_numpy(), ranks["other"].to_numpy())


def _decay(
    returns: Returns,
    values: Sequence[float | None],
    place: int,
    parts: tuple[Part, Part],
    by: str,
    per_year: int,
) -> Decay:
    outside = values_in(returns, parts[1].mask(returns.dates), by, per_year)
    known = sorted((better(by, value) for value in outside if value is not None), reverse=True)
    own = outside[place]
    return Decay(
        train=str(parts[0]),
        test=str(parts[1]),
        inside=values[place] or 0.0,
        outside=own,
        median_outside=float(np.median([value for value in outside if value is not None])) if known else None,
        place=None if own is None else known.index(better(by, own)) + 1,
        rank_correlation=rank_correlation(values, outside),
    )


def _walk(returns: Returns, count: int, by: str, per_year: int) -> WalkForward:
    found: list[Fold] = []
    after: list[Floats] = []
    for train, test in folds(count, len(returns.dates)):
        values = values_in(returns, train, by, per_year)
        place = best_of(values, by)
        if place is None:
            continue
        column = returns.values[test, place]
        edges = [int(edge) for mask in (train, test) for edge in np.flatnonzero(mask)[[0, -1]]]
        dates = [returns.dates[edge] for edge in edges]
        trial = returns.trials[place]
        outside = BY_SESSION[by](column, per_year)
        found.append(Fold(dates[0], dates[1], dates[2], dates[3], trial.number, trial.params, values[place], outside))
        after.append(column)
    whole = np.concatenate(after) if after else np.empty(0)
    total = BY_SESSION[by](whole, per_year) if len(whole) else None
    inside = [fold.inside for fold in found if fold.inside is not None]
    mean = float(np.mean(inside)) if inside else 0.0
    return WalkForward(
        folds=tuple(found),
        outside=total,
        total_return_pct=figures.total_return(whole) * 100 if len(whole) else None,
        efficiency_pct=total / mean * 100 if total is not None and mean > 0 else None,
    )
