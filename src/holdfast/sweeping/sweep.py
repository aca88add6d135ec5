"""What a sweep gives back: a table of trials, the best one, heat maps, and the page on what the best is worth."""

from collections.abc import Sequence
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from holdfast.calendars import trading_calendar
from holdfast.errors import InvalidValue
from holdfast.statistics import sessions_per_year
from holdfast.sweeping.figures import LOWER_IS_BETTER, NAMES
from holdfast.sweeping.judgement import Judgement, best_of, judge, values_in
from holdfast.sweeping.parts import Part, Returns, side_by_side
from holdfast.sweeping.store import About, names_of, read, write
from holdfast.sweeping.trial import Trial
from holdfast.sweeping.words import number, page

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 10


class Sweep:
    """Trials that were done, in the order of their numbers, and what they come to. `load` reads one from its file."""

    def __init__(self, about: About, trials: Sequence[Trial]) -> None:
        self.about = about
        self.trials = sorted(trials, key=lambda trial: trial.number)

    @property
    def by(self) -> str:
        """The figure that trials are compared by."""
        return self.about.by

    @property
    def parts(self) -> tuple[Part, Part] | None:
        """The sessions that trials are chosen by, and those that they are looked at in; None where all are one."""
        train, test = (self.about.parts.get(name) for name in ("train", "test"))
        return (Part(*train), Part(*test)) if train and test else None

    @cached_property
    def per_year(self) -> int:
        """Sessions a year."""
        return sessions_per_year(trading_calendar(self.about.calendar, self.about.calendar_sessions))

    @cached_property
    def returns(self) -> Returns:
        """Returns by session of the trials that went through, side by side."""
        return side_by_side(self.trials, trading_calendar(self.about.calendar, self.about.calendar_sessions))

    @cached_property
    def values(self) -> dict[int, float | None]:
        """By trial, the figure that it is chosen by: that of the train sessions, where there are some."""
        if self.parts is None:
            return {trial.number: trial.figures.get(self.by) for trial in self.returns.trials}
        return self._in_part(self.parts[0])

    def _in_part(self, part: Part) -> dict[int, float | None]:
        found = values_in(self.returns, part.mask(self.returns.dates), self.by, self.per_year)
        return {trial.number: value for trial, value in zip(self.returns.trials, found, strict=True)}

    @cached_property
    def table(self) -> "pd.DataFrame":
        """A row for each trial: its parameters, its figures, its error; with train and test the figure in each (``train_sharpe``, ``test_sharpe``)."""
        import pandas as pd

        columns = names_of(self.about.space)
        rows = [
            {
                "trial": trial.number,
                **{columns[name]: value for name, value in trial.params.items()},
                **{name: trial.figures.get(name) for name in NAMES},
                "error": trial.error,
            }
            for trial in self.trials
        ]
        names = ["trial", *columns.values(), *NAMES, "error"]
        frame = pd.DataFrame(rows, columns=names).set_index("trial")
        frame = frame.astype(dict.fromkeys(NAMES, float))
        for name, part in zip(("train", "test"), self.parts or (), strict=False):
            found = self._in_part(part)
            frame.insert(
                len(columns) + (name == "test"), f"{name}_{self.by}", [found.get(number) for number in frame.index]
            )
        return frame

    @cached_property
    def best(self) -> Trial | None:
        """The trial with the best figure (of equal ones the first); None where none has one. With train and test it is chosen by train alone."""
        place = best_of([self.values[trial.number] for trial in self.returns.trials], self.by)
        return None if place is None else self.returns.trials[place]

    def heatmap(self, x: str | None = None, y: str | None = None, by: str | None = None) -> "pd.DataFrame":
        """A figure by two parameters: ``x`` are the columns, ``y`` the rows. Of several trials in one place it is the median, which no lucky one decides.

        Raises :class:`~holdfast.errors.InvalidValue` for what was not swept.
        """
        swept = [name for name, values in self.about.space.items() if len(values) > 1] or list(self.about.space)
        x = x or swept[0]
        y = y or next((name for name in swept if name != x), x)
        for name in (x, y):
            if name not in self.about.space:
                near = get_close_matches(name, self.about.space, n=1) or list(self.about.space)
                raise InvalidValue(f"{name!r} was not swept; there is {', '.join(near)}")
        figure = by or (self.by if self.parts is None else f"train_{self.by}")
        if figure not in self.table.columns:
            near = get_close_matches(figure, self.table.columns, n=1) or list(NAMES)
            raise InvalidValue(f"there is no figure {figure!r}; there is {', '.join(near)}")
        columns = names_of(self.about.space)
        grouped = self.table.groupby([columns[y], columns[x]] if x != y else [columns[x]], sort=True)[figure]
        found = grouped.median()
        return found.unstack() if x != y else found.to_frame()

    @cached_property
    def judgement(self) -> Judgement | None:
        """The numbers of the over-fitting page; None where no trial went through."""
        return judge(
            self.returns,
            [self.values[trial.number] for trial in self.returns.trials],
            by=self.by,
            per_year=self.per_year,
            axes=self.about.space,
            parts=self.parts,
            walk_forward=self.about.parts.get("walk_forward"),
            failed=len(self.trials) - len(self.returns.trials),
        )

    def report(self, path: Path | str | None = None) -> str:
        """The best trials and the over-fitting page as text; with ``path`` also written as one HTML file, with walk-forward and a heat map.

        Raises :class:`~holdfast.errors.DataError` where the file can't be written.
        """
        if path is not None:
            from holdfast.sweeping.html import write as write_page

            write_page(self, Path(path))
        lines = [f"sweep of {self.about.strategy} on {self.about.data}", *self.notes, ""]
        top = self.top()
        if len(top):
            lines += [top.to_string(float_format=number, na_rep="-"), ""]
        judgement = self.judgement
        lines += [f"- {sentence}" for sentence in page(judgement)] if judgement else ["No trial went through."]
        return "\n".join(lines)

    @property
    def notes(self) -> list[str]:
        """What there is to say beside the figures: what was left out, what failed, what is missing."""
        failed = [trial for trial in self.trials if trial.error]
        missing = self.about.planned - len(self.trials)
        return [
            *([self.about.skipped_why] if self.about.skipped else []),
            *([f"{len(failed):,} trials failed, number {failed[0].number} with {failed[0].error}"] if failed else []),
            *([f"{missing:,} of {self.about.planned:,} trials are not done"] if missing > 0 else []),
        ]

    def top(self, count: int = SHOWN) -> "pd.DataFrame":
        """The best trials by the figure that is chosen by, with the columns that people look at first."""
        import pandas as pd

        columns = names_of(self.about.space)
        figure = self.by if self.parts is None else f"train_{self.by}"
        first = [figure] if self.parts is None else [figure, f"test_{self.by}"]
        usual = ["total_return_pct", "sharpe", "max_drawdown_pct", "trades", "fees"]
        kept = [*columns.values(), *dict.fromkeys([*first, *usual])]
        good = self.table[self.table[figure].notna()]
        lowest = self.by in LOWER_IS_BETTER
        found: pd.DataFrame = good.sort_values(figure, ascending=lowest, kind="stable").head(count)[kept]
        return found

    def save(self, path: Path | str) -> Path:
        """Write the sweep as one Parquet file, from which `load` reads it. Raises :class:`~holdfast.errors.DataError`."""
        write(Path(path), self.about, self.trials)
        return Path(path)

    def __repr__(self) -> str:
        return self.report()

    def _repr_html_(self) -> str:
        from html import escape

        judgement = self.judgement
        sentences = page(judgement) if judgement else ["No trial went through."]
        said = "".join(f"<li>{escape(sentence)}</li>" for sentence in [*self.notes, *sentences])
        return (
            f"<h4>{escape(self.about.strategy)}</h4>{self.top().to_html(float_format=number, na_rep='')}<ul>{said}</ul>"
        )


def load(path: Path | str) -> Sweep:
    """A sweep from its file. Raises :class:`~holdfast.errors.DataError` for what is none, or of a newer version."""
    return Sweep(*read(Path(path)))


def with_outcome(about: About, *, skipped: int, why: str, is_complete: bool) -> About:
    """The sweep as it is in the end."""
    return msgspec.structs.replace(about, skipped=skipped, skipped_why=why, is_complete=is_complete)
