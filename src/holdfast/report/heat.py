"""Tables whose cells have a colour by their value: the months, and a sweep. The number is in each cell, so no colour is needed to read it."""

from collections.abc import Iterable

from holdfast.report import words
from holdfast.report.markup import Html, section, table, tag
from holdfast.report.record import Run, Sweep
from holdfast.statistics import Period

STEPS = 5
"""Shades on each side of zero."""


def shade(value: float | None, largest: float) -> str:
    """The class of a cell: ``h-5`` to ``h5`` around zero."""
    if value is None or not largest:
        return "h0"
    step = max(-STEPS, min(STEPS, round(value / largest * STEPS)))
    return f"h{step}"


def months(run: Run) -> Html:
    """Returns by month, and by year."""
    statistics = run.statistics
    by_month = {row.period: row.return_pct for row in statistics.monthly}
    years = [row.period for row in statistics.yearly]
    if not years:
        return section(
            "months", "Months and years", tag("p", "No session is over, so there is no return to show.", class_="none")
        )
    largest = _usual(by_month.values())
    rows = []
    for period in statistics.yearly:
        row: list[Html] = []
        for month in range(1, 13):
            value = by_month.get(f"{period.period}-{month:02d}")
            row.append(
                _cell(
                    "" if value is None else words.change(value, 1).removesuffix("\N{NARROW NO-BREAK SPACE}%"),
                    value,
                    largest,
                )
            )
        rows.append((period, row))
    return section(
        "months",
        "Months and years",
        _month_table(rows, statistics.yearly),
        tag(
            "p",
            "Percent. The first and the last may be parts of a month or a year. A year is its months one after the other, not their sum.",
            class_="hint",
        ),
    )


def _month_table(rows: list[tuple[Period, list[Html]]], yearly: Iterable[Period]) -> Html:
    largest = _usual(row.return_pct for row in yearly)
    head = tag(
        "tr",
        tag("th", "Year", scope="col", class_="w"),
        (tag("th", words.month(number), scope="col") for number in range(1, 13)),
        tag("th", "Year", scope="col"),
    )
    body = []
    for period, cells in rows:
        whole = _cell(
            words.change(period.return_pct, 1).removesuffix("\N{NARROW NO-BREAK SPACE}%"),
            period.return_pct,
            largest,
            "year",
        )
        body.append(tag("tr", tag("th", period.period, scope="row", class_="w"), cells, whole))
    made = tag(
        "table",
        tag("caption", "Return of each month and year in percent"),
        tag("thead", head),
        tag("tbody", body),
        class_="heat",
    )
    return tag("div", made, class_="scroll", tabindex=0, role="region", aria_label="Return of each month and year")


def sweep(found: Sweep) -> Html:
    """A figure by two parameters."""
    values = [value for row in found.values for value in row if value is not None]
    largest = max((abs(value) for value in values), default=0.0)
    rows = []
    for y, row in zip(found.ys, found.values, strict=True):
        cells = []
        for x, value in zip(found.xs, row, strict=True):
            is_chosen = (x, y) == found.chosen
            cells.append(_cell(words.number(value), value, largest, "chosen" if is_chosen else ""))
        rows.append(tag("tr", tag("th", y, scope="row", class_="w"), cells))
    corner = f"{found.y} ↓   {found.x} →"
    head = tag("tr", tag("th", corner, scope="col", class_="w"), (tag("th", x, scope="col") for x in found.xs))
    caption = f"{found.figure} by {found.x} and {found.y}"
    made = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", rows), class_="heat sweep")
    said = [found.said] if found.said else []
    if found.chosen:
        said.append(
            f"The framed cell is the run on this page ({found.x} {found.chosen[0]}, {found.y} {found.chosen[1]})."
        )
    said.append("A good cell among bad neighbours is luck until shown otherwise.")
    return section(
        "sweep",
        "Parameters",
        tag("div", made, class_="scroll", tabindex=0, role="region", aria_label=caption),
        tag("p", " ".join(said), class_="hint"),
    )


def refusals(run: Run) -> Html | None:
    """What risk refused, by rule."""
    counts = run.counts
    if not counts.refusals:
        return None
    most = max(counts.refusals.values())
    rows = []
    for rule, many in sorted(counts.refusals.items(), key=lambda item: (-item[1], item[0])):
        share = tag("meter", f"{many}", min=0, max=most, value=many, aria_hidden="true")
        rows.append([rule, counts.refusal_words.get(rule, words.NONE), words.count(many), share])
    return table(
        ["Rule", "The first time", "Refused", ""], rows, caption="Order intents that risk refused, by rule", text=2
    )


def _cell(text: str, value: float | None, largest: float, more: str = "") -> Html:
    return tag("td", text, class_=f"{shade(value, largest)} {more}".strip())


def _usual(values: Iterable[float]) -> float:
    """The size that gets the strongest colour: not the very largest, so that one month doesn't make all others pale."""
    sizes = sorted(abs(value) for value in values)
    return sizes[int((len(sizes) - 1) * 0.9)] if sizes else 0.0
