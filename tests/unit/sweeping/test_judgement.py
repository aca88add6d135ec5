"""What the best of several trials is worth: neighbours, decay, walk-forward, and the words."""

import datetime as dt

import numpy as np
import pytest

from holdfast.calendars import trading_calendar
from holdfast.errors import InvalidValue
from holdfast.statistics import returns as figures
from holdfast.sweeping.judgement import best_of, judge, neighbours, rank_correlation, values_in
from holdfast.sweeping.parts import Part, Returns, check_halves, folds, halves, part_of, side_by_side
from holdfast.sweeping.trial import Trial
from holdfast.sweeping.words import conclusion, page

CALENDAR = trading_calendar("24/7")
AXES: dict[str, list[object]] = {"fast": [1, 2, 3], "kind": ["a", "b"]}


def days(count: int, start: str = "2024-01-01") -> list[str]:
    first = dt.date.fromisoformat(start)
    return [(first + dt.timedelta(days=number)).isoformat() for number in range(count)]


def trials(returns: np.ndarray, start: str = "2024-01-01") -> list[Trial]:
    params = [{"fast": fast, "kind": kind} for fast in (1, 2, 3) for kind in ("a", "b")]
    return [
        Trial(number, params[number], "", {}, start, np.ascontiguousarray(column).tobytes())
        for number, column in enumerate(returns.T)
    ]


def table(seed: int = 1, sessions: int = 120) -> Returns:
    chance = np.random.default_rng(seed)
    return side_by_side(trials(chance.normal(0, 0.01, (sessions, 6))), CALENDAR)


def test_trials_are_put_side_by_side_by_session() -> None:
    """A trial that begins later, or ends before the others, has returns of zero there; one that failed is left out."""
    early, late = trials(np.full((3, 2), 0.01))
    late = Trial(7, late.params, "", {}, "2024-01-03", np.full(4, 0.02).tobytes())
    failed = Trial(9, late.params, "ValueError: no")
    found = side_by_side([early, late, failed], CALENDAR)
    assert found.dates == days(6)
    assert found.values.T.tolist() == [[0.01, 0.01, 0.01, 0, 0, 0], [0, 0, 0.02, 0.02, 0.02, 0.02]]
    assert [trial.number for trial in found.trials] == [0, 7]


def test_the_best_is_the_highest_or_the_lowest_and_of_equal_ones_the_first() -> None:
    """A figure that is better when it is lower is taken that way; trials without one are passed over."""
    assert best_of([None, 1.0, 3.0, 3.0], "sharpe") == 2
    assert best_of([None, 1.0, 3.0, 1.0], "max_drawdown_pct") == 1
    assert best_of([None, None], "sharpe") is None


def test_neighbours_are_one_step_of_one_parameter_away() -> None:
    """Of six places in a grid of three by two, a corner has two neighbours and the middle three; a missing one is none."""
    every = table().trials
    assert neighbours(every, 0, AXES) == [1, 2]
    assert neighbours(every, 2, AXES) == [0, 3, 4]
    assert neighbours([every[0], every[3]], 0, AXES) == []


def test_rank_correlation_goes_by_places() -> None:
    """+1 and -1 for the same and the opposite order whatever the distances; ties share a place; too little has none."""
    assert rank_correlation([1, 2, 30], [5, 6, 7]) == pytest.approx(1)
    assert rank_correlation([1, 2, 30], [7, 6, 1]) == pytest.approx(-1)
    assert rank_correlation([1, 2, 3, 4], [2, 1, 4, 3]) == pytest.approx(0.6)  # 1 - 6 * 4 / (4 * 15)
    assert rank_correlation([1, 2, None], [1, 2, 3]) is None
    assert rank_correlation([1, 1, 1], [1, 2, 3]) is None


@pytest.mark.parametrize("text", ["2024", "2024:", "2024-01:2024-02", "2024-02-01:2024-02-29", ":2024-01"])
def test_parts_go_by_years_months_and_days_with_both_ends(text: str) -> None:
    """A year or a month stands for all its days, and the last one is included."""
    dates = days(90)
    mask = part_of(text, "train").mask(dates)
    expected = {
        "2024": dates,
        "2024:": dates,
        "2024-01:2024-02": dates[:60],
        "2024-02-01:2024-02-29": dates[31:60],
        ":2024-01": dates[:31],
    }[text]
    assert [date for date, inside in zip(dates, mask, strict=True) if inside] == expected


@pytest.mark.parametrize(
    ("train", "test", "word"),
    [
        ("2024", None, "go together"),
        (None, "2024", "go together"),
        ("2024-13-45x", "2024", "no year, month or day"),
        ("2024:2023", "2024", "no stretch of time"),
        (":", "2024", "no stretch of time"),
        ("yesterday", "2024", "no year, month or day"),
    ],
)
def test_parts_that_cannot_be_meant_are_refused(train: str | None, test: str | None, word: str) -> None:
    """One line says what is wrong, and how a part is written."""
    with pytest.raises(InvalidValue, match=word):
        halves(train, test)


def test_parts_may_not_overlap_and_need_sessions() -> None:
    """What was chosen by is no test of the choice, and a part outside of the data is told with what the data has."""
    dates = days(60)
    with pytest.raises(InvalidValue, match="overlap"):
        check_halves((Part("2024-01", "2024-02"), Part("2024-02-20", "")), dates)
    with pytest.raises(
        InvalidValue, match=r"test \(2025:\) has 0 sessions of the data, which has 2024-01-01 to 2024-02-29"
    ):
        check_halves((Part("2024-01", "2024-02"), Part("2025", "")), dates)


@pytest.mark.parametrize(("count", "sessions"), [(1, 10), (5, 60), (3, 41)])
def test_walk_forward_looks_only_at_what_comes_after(count: int, sessions: int) -> None:
    """Each stretch to look at comes right after all that its choice was made by; together they are everything but the first."""
    found = folds(count, sessions)
    assert len(found) == count
    seen = np.zeros(sessions, dtype=int)
    for train, test in found:
        assert np.flatnonzero(train).tolist() == list(range(int(np.flatnonzero(test)[0])))
        seen += test
    first = int(np.flatnonzero(found[0][1])[0])
    assert seen.tolist() == [0] * first + [1] * (sessions - first)


def test_walk_forward_of_too_few_sessions_is_refused() -> None:
    """It says how many stretches there can be."""
    with pytest.raises(InvalidValue, match="take 1 to 4"):
        folds(9, 10)


def test_the_page_counts_trials_and_judges_by_the_sessions_that_were_chosen_by() -> None:
    """Deflated Sharpe ratio, luck and decay are those of the train sessions, reckoned apart from what comes after."""
    found = table()
    parts = Part("2024-01", "2024-02"), Part("2024-03", "")
    inside, outside = (part.mask(found.dates) for part in parts)
    values = values_in(found, inside, "sharpe", 365)
    page_of = judge(found, values, by="sharpe", per_year=365, axes=AXES, parts=parts, walk_forward=3, failed=2)
    assert page_of is not None
    best = int(np.argmax([figures.sharpe(column[inside], 365) or 0.0 for column in found.values.T]))
    own = found.values[:, best]
    sharpes = [float(column[inside].mean() / column[inside].std(ddof=1)) for column in found.values.T]
    assert page_of.best == best
    assert page_of.deflated_sharpe_pct == pytest.approx(100 * (figures.deflated_sharpe(own[inside], 6, sharpes) or 0))
    assert page_of.expected_best_sharpe == pytest.approx(
        figures.expected_best_sharpe(float(np.var(sharpes, ddof=1)), 6) * 365**0.5
    )
    assert page_of.decay is not None
    assert page_of.decay.outside == pytest.approx(own[outside].mean() / own[outside].std(ddof=1) * 365**0.5)
    walk = page_of.walk_forward
    assert walk is not None
    joined = np.concatenate(
        [found.values[test, fold.trial] for fold, (_, test) in zip(walk.folds, folds(3, 120), strict=True)]
    )
    assert walk.outside == pytest.approx(joined.mean() / joined.std(ddof=1) * 365**0.5)
    assert [fold.train_last < fold.test_first for fold in walk.folds] == [True] * 3


def test_what_comes_after_changes_nothing_of_the_choice() -> None:
    """Another future leaves the best, its deflated ratio and each step's choice up to then as they were."""
    one = table()
    other = Returns(one.dates, one.trials, np.where(np.arange(120)[:, None] < 60, one.values, -one.values))
    parts = Part("2024-01", "2024-02-29"), Part("2024-03", "")
    pages = [
        judge(
            each,
            values_in(each, parts[0].mask(each.dates), "sharpe", 365),
            by="sharpe",
            per_year=365,
            axes=AXES,
            parts=parts,
            walk_forward=3,
        )
        for each in (one, other)
    ]
    first, second = pages
    assert first is not None
    assert second is not None
    assert (first.best, first.best_value, first.deflated_sharpe_pct) == (
        second.best,
        second.best_value,
        second.deflated_sharpe_pct,
    )
    assert first.walk_forward is not None
    assert second.walk_forward is not None
    assert [fold.trial for fold in first.walk_forward.folds[:2]] == [
        fold.trial for fold in second.walk_forward.folds[:2]
    ]


def test_noise_is_called_luck_and_an_edge_is_not() -> None:
    """The conclusion warns of the best of trials that are noise, and has no doubt where all of a plateau earns throughout."""
    noise = table(seed=4)
    chance = np.random.default_rng(8)
    steady = side_by_side(trials(chance.normal(0.004, 0.01, (240, 1)) + chance.normal(0, 0.001, (240, 6))), CALENDAR)
    words = []
    for each in (noise, steady):
        values = values_in(each, np.ones(len(each.dates), dtype=bool), "sharpe", 365)
        found = judge(each, values, by="sharpe", per_year=365, axes=AXES, parts=None, walk_forward=None)
        assert found is not None
        assert page(found)[-1] == conclusion(found)
        words.append(conclusion(found))
    assert words[0].startswith("So: don't rely on it.")
    assert "Luck among" in words[0]
    assert words[1].startswith("So: nothing of this speaks against it.")
