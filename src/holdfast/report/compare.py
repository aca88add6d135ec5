"""Several runs side by side."""

from collections.abc import Sequence

from holdfast.report import words
from holdfast.report.definitions import DEFINITIONS, shown
from holdfast.report.markup import Content, Html, section, table, tag
from holdfast.report.record import Report, Run
from holdfast.report.sections import TILES, alarms, chart, flat, term

SERIES = 8
"""So many colours there are; later runs take the first again with a broken line."""
NUMBERS = (
    *TILES,
    "sortino",
    "calmar",
    "probabilistic_sharpe_pct",
    "drawdown.longest_days",
    "trips.expectancy",
    "exposure.turnover_per_year",
    "costs.fees",
)


def comparison(report: Report) -> list[Html]:
    """Numbers, curves, what was set otherwise, and what each rests on."""
    runs = report.runs
    heads: list[Content] = ["Number", *(tag("span", key(place), " ", run.name) for place, run in enumerate(runs))]
    rows = [[term(name), *(shown(run.statistics, name) for run in runs)] for name in NUMBERS if name in DEFINITIONS]
    period: list[list[Content]] = [
        ["Sessions", *(_period(run) for run in runs)],
        ["Data", *(run.facts.get("Data", words.NONE) for run in runs)],
    ]
    warned = [[tag("h3", run.name), found] for run in runs if (found := alarms(run))]
    return [
        *([tag("section", warned)] if warned else []),
        section(
            "numbers", "Side by side", table(heads, [*period, *rows], caption="The runs side by side"), _unlike(runs)
        ),
        section(
            "equity",
            "Growth and falls",
            chart("compare", f"Growth of {len(runs)} runs in percent, and how far each was below its high"),
        ),
        section("settings", "What was set otherwise", _differences(runs)),
        section(
            "rests", "What each rests on", [_rests(place, run) for place, run in enumerate(runs)], class_="card rests"
        ),
    ]


def key(place: int) -> Html:
    """A run's colour in the charts."""
    return tag("span", class_=f"key s{place % SERIES}", aria_hidden="true")


def _period(run: Run) -> str:
    statistics = run.statistics
    return (
        f"{statistics.sessions:,}, {statistics.first_session or words.NONE} to {statistics.last_session or words.NONE}"
    )


def _unlike(runs: Sequence[Run]) -> Html | str:
    """A word where the runs are not of the same time or data."""
    periods = {(run.statistics.first_session, run.statistics.last_session) for run in runs}
    data = {run.facts.get("Data") for run in runs}
    said = []
    if len(periods) > 1:
        said.append("The runs are not of the same time: growth a year and ratios can be compared, totals can't.")
    if len(data) > 1:
        said.append("The runs are not of the same data.")
    if len({run.fill for run in runs}) > 1:
        said.append("Their orders do not fill alike.")
    if len(runs) > 1:
        said.append(f"The best of {len(runs)} runs looks better than it is: count them as trials.")
    return tag("p", " ".join(said), class_="hint") if said else ""


def _differences(runs: Sequence[Run]) -> Html:
    said = [
        dict(
            flat(
                {
                    **{f"parameters.{name}": values for name, values in run.parameters.items()},
                    **run.settings,
                    "version": run.facts.get("Holdfast", ""),
                }
            )
        )
        for run in runs
    ]
    names = dict.fromkeys(name for each in said for name in each)
    rows = [
        [name, *(_word(each.get(name)) for each in said)]
        for name in names
        if len({_word(each.get(name)) for each in said}) > 1
    ]
    if not rows:
        return tag("p", "Nothing: parameters and settings are the same.", class_="none")
    return table(["Key", *(run.name for run in runs)], rows, caption="Parameters and settings that differ", text=1)


def _word(value: object) -> str:
    return words.NONE if value is None else str(value)


def _rests(place: int, run: Run) -> list[Html]:
    return [
        tag("h3", key(place), " ", run.name),
        tag("ul", [tag("li", line) for line in (*run.fine_print, *run.notes)]),
    ]
