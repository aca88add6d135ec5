"""`from holdfast import sweep`: every trial is the backtest of its parameters, whoever runs it, and none is lost or mixed."""

import os
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from holdfast import Bar, Context, Parameters, Strategy, backtest, sweep
from holdfast.errors import DataError, HoldfastError, InvalidValue, Refused
from holdfast.sweeping.conduct import conduct
from holdfast.sweeping.store import unfinished
from holdfast.sweeping.sweep import Sweep, load
from tests.scenario.test_backtest_in_python import prices

Data = dict[str, pd.DataFrame]
GRID = {"fast": "2:6:2", "slow": [4, 12]}


class Moody(Strategy):
    """Buys and sells by the bar's number; some of its parameters do not go well."""

    class Params(Parameters, frozen=True):
        every: int = 3
        mood: str = "fine"

        def __post_init__(self) -> None:
            if self.every == 13:
                raise ValueError("every must not be 13")

    params: Params
    seen = 0

    def __init__(self, params: Any) -> None:
        super().__init__(params)
        if params.mood == "unmade":
            raise RuntimeError("not today")

    def on_bar(self, context: Context, bar: Bar) -> None:
        self.seen += 1
        if self.params.mood == "raises" and self.seen == 5:
            raise ZeroDivisionError("enough")
        if self.params.mood == "dies" and self.seen == 5:
            os._exit(7)
        context.target(bar.symbol, 10 if self.seen // self.params.every % 2 else 0)


@pytest.fixture(scope="module")
def data() -> Data:
    return {"AA": prices(120)}


@pytest.fixture(scope="module")
def grid(data: Data) -> Sweep:
    return sweep("EmaCross", data, params=GRID, quantity=10, fees={"type": "per_share", "rate": "0.01"}, jobs=1)


def test_each_trial_is_the_backtest_of_its_parameters(grid: Sweep, data: Data) -> None:
    """Every figure and the returns of each trial are those of a backtest by itself; a combination that can't be is skipped and counted."""
    assert [list(trial.params.values()) for trial in grid.trials] == [[2, 4], [2, 12], [4, 12], [6, 12]]
    assert grid.about.skipped == 2
    assert "fast (4) must be below slow (4)" in grid.notes[0]
    for trial in (grid.trials[0], grid.trials[-1]):
        alone = backtest("EmaCross", data, quantity=10, fees={"type": "per_share", "rate": "0.01"}, **trial.params)
        summary = alone.summary
        row = grid.table.loc[trial.number]
        assert trial.figures["trades"] == summary.trips.count > 0
        assert trial.figures["total_return_pct"] == summary.total_return_pct
        assert row["fees"] == summary.costs.fees > 0
        assert row["end_equity"] == summary.end_equity
        assert trial.values.tolist() == alone.returns["return"].tolist()


def test_the_result_is_the_same_whoever_runs_it(grid: Sweep, data: Data) -> None:
    """Threads of somebody's executor make the same table as this process, bit by bit."""
    with ThreadPoolExecutor(2) as threads:
        other = sweep(
            "EmaCross", data, params=GRID, quantity=10, fees={"type": "per_share", "rate": "0.01"}, executor=threads
        )
    assert other.trials == grid.trials
    pd.testing.assert_frame_equal(other.table, grid.table)


def test_a_trial_that_raises_is_a_row(data: Data) -> None:
    """What fails in one combination is told there, at its number, and the others are there."""
    found = sweep(
        Moody, data, params={"mood": ["fine", "raises", "unmade"], "every": [3, 5]}, jobs=1, by="total_return_pct"
    )
    errors = found.table["error"].tolist()
    assert errors[:2] == ["", ""]
    assert all("ZeroDivisionError: enough" in error for error in errors[2:4])
    assert all("RuntimeError: not today" in error for error in errors[4:])
    assert found.best is not None
    assert found.best.number < 2
    assert "4 trials failed" in found.notes[0]


def test_processes_make_the_same_and_one_that_dies_is_a_row(data: Data) -> None:
    """Two worker processes come to what this process comes to; a trial that takes its process with it is found, and named."""
    params = {"mood": ["fine", "dies"], "every": [3, 5]}
    found = sweep(Moody, data, params=params, jobs=2, by="total_return_pct", progress=False)
    alone = sweep(Moody, data, params={"mood": ["fine"], "every": [3, 5]}, jobs=1)
    assert found.trials[:2] == alone.trials
    assert [trial.error for trial in found.trials[2:]] == ["the worker process died in this trial"] * 2


def test_a_sweep_goes_on_where_it_was_interrupted(data: Data, tmp_path: Path) -> None:
    """Ctrl-C after two trials leaves two in the file; the same sweep runs only the others, and the file is that of a sweep left alone."""
    out = tmp_path / "s.parquet"

    def interrupt(done: int, _planned: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep("EmaCross", data, params=GRID, jobs=1, out=out, progress=interrupt)
    partly = load(out)
    assert len(partly.trials) == 2
    assert "2 of 4 trials are not done" in partly.report()
    told: list[int] = []
    whole = sweep("EmaCross", data, params=GRID, jobs=1, out=out, progress=lambda done, _: told.append(done))
    assert told == [2, 3, 4]
    assert not unfinished(out).exists()
    alone = tmp_path / "alone.parquet"
    sweep("EmaCross", data, params=GRID, jobs=1, out=alone)
    assert pq.read_table(out).equals(pq.read_table(alone))
    assert load(out).trials == whole.trials
    told.clear()
    sweep("EmaCross", data, params=GRID, jobs=1, out=out, progress=lambda done, _: told.append(done))
    assert told == [4]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"data": {"AA": prices(120, seed=2)}}, "the data"),
        ({"cash": 5_000}, "the settings"),
        ({"params": {"fast": "2:6:2", "slow": [4, 13]}}, "the values of the parameters"),
        ({"random": 3}, "the search"),
        ({"strategy": Moody, "params": {"every": [1, 2]}}, "the strategy's code"),
    ],
)
def test_trials_of_another_sweep_are_never_mixed_in(
    data: Data, tmp_path: Path, change: dict[str, Any], word: str
) -> None:
    """A file of other data, settings, values, search or strategy is refused by what differs, and stays as it is."""
    out = tmp_path / "s.parquet"
    said: dict[str, Any] = {"strategy": "EmaCross", "data": data, "params": GRID, "jobs": 1, "out": out}
    sweep(**said)
    before = out.read_bytes()
    with pytest.raises(Refused, match=word):
        sweep(**{**said, **change})
    assert out.read_bytes() == before


def test_a_file_that_is_no_sweep_is_left_alone(data: Data, tmp_path: Path) -> None:
    """A Parquet file of something else, or what only has the name, is refused; so are names that can't be."""
    other = tmp_path / "other.parquet"
    prices(10).to_parquet(other)
    text = tmp_path / "text.parquet"
    text.write_text("hello")
    for path, error in (
        (other, DataError),
        (text, DataError),
        (tmp_path / "x.csv", InvalidValue),
        (tmp_path / "no" / "x.parquet", InvalidValue),
    ):
        before = path.read_bytes() if path.exists() else None
        with pytest.raises(error):
            sweep("EmaCross", data, params=GRID, jobs=1, out=path)
        assert (path.read_bytes() if path.exists() else None) == before


def test_train_and_test_choose_by_the_one_and_show_the_other(data: Data) -> None:
    """The best is the best of the train sessions alone; the table has both figures, each that of those sessions."""
    found = sweep(
        "EmaCross",
        {"AA": prices(1600)},
        params=GRID,
        jobs=1,
        train=":2024-01-03",
        test="2024-01-04:",
        by="total_return_pct",
    )
    table = found.table
    assert found.best is not None
    assert found.best.number == table["train_total_return_pct"].idxmax()
    for trial in found.trials:
        returns = trial.values
        days = len(found.returns.dates)
        assert len(returns) == days
        inside = sum(date <= "2024-01-03" for date in found.returns.dates)
        assert table.loc[trial.number, "train_total_return_pct"] == pytest.approx(
            100 * (np.prod(1 + returns[:inside]) - 1)
        )
        assert table.loc[trial.number, "test_total_return_pct"] == pytest.approx(
            100 * (np.prod(1 + returns[inside:]) - 1)
        )


def test_a_heat_map_has_the_figure_at_its_place(grid: Sweep) -> None:
    """Rows and columns are the parameters' values; what was skipped has none; what was not swept is refused with what was."""
    heat = grid.heatmap("fast", "slow", "trades")
    assert heat.loc[12, 4] == grid.table.loc[2, "trades"]
    assert np.isnan(heat.loc[4, 6])
    with pytest.raises(InvalidValue, match="there is fast"):
        grid.heatmap("fats")
    with pytest.raises(InvalidValue, match="there is trades"):
        grid.heatmap(by="trade")


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"params": {"fats": "2:6:2"}}, "did you mean fast?"),
        ({"params": {"fast": "0:6:2"}}, "fast=0"),
        ({"params": {"fast": [40], "slow": [20]}}, "none of 1 combinations can be tried: fast .40. must be below slow"),
        ({"params": GRID, "by": "sharp"}, "did you mean sharpe?"),
        ({"params": GRID, "by": "trades", "walk_forward": 2}, "of a part of the sessions"),
        ({"params": GRID, "train": "2024"}, "go together"),
        ({"params": GRID, "jobs": 0}, "jobs must be 1"),
        ({"params": GRID, "random": 0}, "random must be 1"),
        ({"params": GRID, "random": 1, "optuna": 1}, "give one"),
        ({"params": GRID, "fast": 3}, "fast is in params, and a keyword too"),
        ({"params": GRID, "cahs": 3}, "did you mean cash?"),
        ({"params": GRID, "walk_forwards": 3}, "did you mean walk_forward?"),
        ({"params": GRID, "strategy": ["EmaCross", "Momentum"]}, "one strategy"),
    ],
)
def test_what_cannot_be_meant_is_told_before_any_trial(data: Data, said: dict[str, Any], word: str) -> None:
    """One line with the nearest right word, and no trial was run."""
    told: list[int] = []
    whole = {"strategy": "EmaCross", "data": data, "jobs": 1, "progress": lambda done, _: told.append(done), **said}
    with pytest.raises(HoldfastError, match=word):
        sweep(**whole)
    assert told == []


def test_an_executor_that_loses_a_trial_costs_that_trial(data: Data) -> None:
    """What an executor raises is that row's error; the others are there."""

    class Lossy(ThreadPoolExecutor):
        def submit(self, run: Any, /, *said: Any, **more: Any) -> Any:
            return super().submit(lose if said[1] == 1 else run, *said, **more)

    def lose(*_said: object) -> None:
        raise ConnectionError("a machine is gone")

    with Lossy(2) as executor:
        found = sweep("EmaCross", data, params=GRID, executor=executor)
    assert [bool(trial.error) for trial in found.trials] == [False, True, False, False]
    assert found.trials[1].error == "ConnectionError: a machine is gone"


def test_nothing_to_do_is_nothing(data: Data) -> None:
    """No tasks, no trials, whatever would run them."""
    assert list(conduct(b"", [], None, 4)) == []


def test_the_page_says_what_the_text_says_and_loads_nothing(data: Data, tmp_path: Path) -> None:
    """The HTML file has every sentence and a heat map, is the same for the same sweep, and a name in it is only a name."""
    found = sweep("EmaCross", {"AA": prices(2400)}, params=GRID, jobs=1, walk_forward=1, by="total_return_pct")
    path = tmp_path / "s.html"
    text = found.report(path)
    made = path.read_text()
    sentences = [line.removeprefix("- ") for line in text.splitlines() if line.startswith("- ")]
    assert sentences
    for sentence in sentences:
        assert escape(sentence, quote=True) in made
    assert 'id="walk"' in made
    assert "total_return_pct by fast and slow" in made
    assert "<script" not in made
    assert "http" not in made.replace("http-equiv", "")
    found.report(tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text() == made
    other = Sweep(msgspec.structs.replace(found.about, strategy="<img src=x>"), found.trials)
    other.report(path)
    assert "<img" not in path.read_text()
