"""The over-fitting page in plain words."""

from collections.abc import Iterator

from holdfast.sweeping.figures import better
from holdfast.sweeping.judgement import Judgement

LIKELY, UNLIKELY, OFTEN = 95.0, 50.0, 25.0


def number(value: float | None) -> str:
    """A figure with as many places as people read."""
    if value is None:
        return "none"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:,.2f}"


def page(found: Judgement) -> list[str]:
    """Sentences, one for each thing that was looked at; the conclusion is the last one."""
    return [*_luck(found), *_plateau(found), *_decay(found), *_walk(found), *_cross(found), conclusion(found)]


def _luck(found: Judgement) -> Iterator[str]:
    failed = f" ({found.failed:,} more failed)" if found.failed else ""
    yield f"{found.trials:,} trials were compared by {found.by}{failed}; the best is number {found.best} with {number(found.best_value)}."
    if found.trials < 2:
        yield "One trial is no choice: there is nothing to over-fit by."
        return
    yield (
        f"Its Sharpe ratio is {number(found.best_sharpe)}. The best of {found.trials:,} trials without any skill, as different from each other as these, would "
        f"be expected to show {number(found.expected_best_sharpe)}."
    )
    if found.deflated_sharpe_pct is not None:
        yield (
            f"Deflated Sharpe ratio: the probability that its true Sharpe ratio is above zero is {found.deflated_sharpe_pct:.0f} %, the number of trials "
            f"counted. Below {LIKELY:.0f} % luck is a fair explanation. Trials in earlier sweeps of the same data count too, and are not known here."
        )


def _plateau(found: Judgement) -> Iterator[str]:
    if not found.neighbours:
        return
    what = "stands on a plateau" if found.good_neighbours * 2 >= found.neighbours else "is a peak by itself"
    yield (
        f"{found.good_neighbours} of its {found.neighbours} neighbours (one step of one parameter) are within a fifth of it: it {what}. "
        "A peak by itself is more often chance than a rule of the market."
    )


def _decay(found: Judgement) -> Iterator[str]:
    decay = found.decay
    if decay is None:
        return
    yield (
        f"Chosen by {decay.train} with {found.by} {number(decay.inside)}, it has {number(decay.outside)} in {decay.test}, which it was not chosen by"
        + (f": place {decay.place} of {found.trials:,}" if decay.place else "")
        + f". The median of all trials there is {number(decay.median_outside)}."
    )
    if decay.rank_correlation is not None:
        yield (
            f"The order of the trials in the one and in the other agrees by {decay.rank_correlation:+.2f} (rank correlation: +1 the same order, 0 none, -1 the "
            "opposite). Near zero, or below, being good in the one says nothing of the other."
        )


def _walk(found: Judgement) -> Iterator[str]:
    walk = found.walk_forward
    if walk is None:
        return
    yield (
        f"Walk-forward: choosing anew {len(walk.folds)} times, each time by all sessions before, has {found.by} {number(walk.outside)} and a return of "
        f"{number(walk.total_return_pct)} % in the sessions after each choice"
        + (
            f", {walk.efficiency_pct:.0f} % of what the choices showed before"
            if walk.efficiency_pct is not None
            else ""
        )
        + ". What it costs to change over from one choice to the next is not in it."
    )


def _cross(found: Judgement) -> Iterator[str]:
    cross = found.overfitting
    if cross is None:
        return
    yield (
        f"Probability of backtest overfitting: {cross.probability_pct:.0f} %. In so many of {cross.splits:,} ways to halve the data (of {cross.blocks} blocks) the best of "
        f"one half was below the median in the other; in {cross.loss_pct:.0f} % it lost money there. 50 % is what choosing by chance gives, and what trials "
        "that are all alike give too: then only the losses count."
    )


def conclusion(found: Judgement) -> str:
    """What speaks against the best, or that nothing of this does."""
    doubts = list(_doubts(found))
    if doubts:
        return f"So: don't rely on it. {'; '.join(doubts)[:1].upper()}{'; '.join(doubts)[1:]}."
    return "So: nothing of this speaks against it. That is no promise: it says only that luck in choosing does not explain it."


def _doubts(found: Judgement) -> Iterator[str]:
    if found.trials < 2:
        yield "one trial shows nothing about choosing"
    if found.deflated_sharpe_pct is None or found.deflated_sharpe_pct < LIKELY:
        yield "luck among so many trials explains what it shows"
    if found.neighbours and found.good_neighbours * 2 < found.neighbours:
        yield "its neighbours are worse"
    if found.decay is not None and (
        found.decay.outside is None or _gone(found.by, found.decay.inside, found.decay.outside)
    ):
        yield "little of it is left in the sessions that it was not chosen by"
    if found.walk_forward is not None and (found.walk_forward.efficiency_pct or 0.0) < UNLIKELY:
        yield "choosing by the past did not pay in walk-forward"
    if found.overfitting is not None and found.overfitting.loss_pct >= OFTEN:
        yield "the best of one half of the data often loses money in the other"


def _gone(by: str, inside: float, outside: float) -> bool:
    """Whether less than half of a figure is left; of one that is the lower the better, or below zero, whether it has doubled."""
    inside, outside = better(by, inside), better(by, outside)
    return outside < (inside / 2 if inside > 0 else inside * 2)
