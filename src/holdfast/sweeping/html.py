"""The page of a sweep for a browser: one HTML file that needs nothing else, without any script."""

import base64
import hashlib
from collections.abc import Iterator
from importlib.resources import files
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import DataError, InvalidValue
from holdfast.report import heat, sweep_table
from holdfast.report.markup import Content, Html, html, section, table, tag
from holdfast.sweeping.store import names_of
from holdfast.sweeping.words import number, page

if TYPE_CHECKING:
    from holdfast.sweeping.sweep import Sweep

MOST_ROWS = 100
POLICY = "default-src 'none'; img-src data:; style-src '{style}'; base-uri 'none'; form-action 'none'"


def write(sweep: "Sweep", path: Path) -> Path:
    """The page as a file, which appears when it is whole. Raises :class:`~holdfast.errors.DataError`."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(html_of(sweep), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise DataError(f"{path}: the report can't be written ({error.strerror or error})") from None
    finally:
        part.unlink(missing_ok=True)
    return path


def html_of(sweep: "Sweep") -> str:
    """The page: the same for the same sweep, to the byte."""
    style = files("holdfast.report").joinpath("report.css").read_text(encoding="utf-8")
    digest = "sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    title = f"Sweep of {sweep.about.strategy}"
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY.format(style=digest)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="icon", href="data:,"),
        tag("title", title),
        tag("style", Html(style)),
    ]
    said = f"{len(sweep.trials):,} trials ({sweep.about.search}) on {sweep.about.data}, compared by {sweep.by}. Past results say little about the future."
    body = [
        tag("header", tag("h1", title), tag("p", said)),
        tag("main", list(_parts(sweep))),
        tag(
            "footer", tag("p", "Made by Holdfast. Nothing on this page was loaded from anywhere, and nothing is sent.")
        ),
    ]
    return html([Html("<!doctype html>\n"), tag("html", tag("head", head), tag("body", body), lang="en")]) + "\n"


def _parts(sweep: "Sweep") -> Iterator[Content]:
    judgement = sweep.judgement
    sentences = page(judgement) if judgement else ["No trial went through."]
    yield section("worth", "What the best is worth", tag("ul", [tag("li", one) for one in sentences]))
    yield section("best", "The best trials", _best(sweep), [tag("p", note, class_="hint") for note in sweep.notes])
    if judgement is not None:
        yield from _heat(sweep)
        walk = judgement.walk_forward
        if walk is not None:
            rows = [
                [
                    f"{fold.test_first} to {fold.test_last}",
                    f"{fold.train_first} to {fold.train_last}",
                    ", ".join(f"{name}={value}" for name, value in fold.params.items()),
                    number(fold.inside),
                    number(fold.outside),
                ]
                for fold in walk.folds
            ]
            names = ["looked at", "chosen by", "choice", f"{sweep.by} chosen by", f"{sweep.by} after"]
            yield section(
                "walk", "Walk-forward", table(names, rows, caption="Each choice and what came after it", text=3)
            )


def _best(sweep: "Sweep") -> Html:
    top = sweep.top(MOST_ROWS)
    rows = [[str(trial), *map(_cell, row)] for trial, *row in top.itertuples(name=None)]
    return table(["trial", *map(str, top.columns)], rows, caption="The best trials, the best one first")


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if value.is_integer() else number(None if isnan(value) else value)


def _heat(sweep: "Sweep") -> Iterator[Content]:
    """A figure by the first two parameters that vary."""
    swept = [name for name, values in sweep.about.space.items() if len(values) > 1]
    best = sweep.best
    if len(swept) < 2 or best is None:
        return
    columns = names_of(sweep.about.space)
    figure = sweep.by if sweep.parts is None else f"train_{sweep.by}"
    x, y = (columns[name] for name in swept[:2])
    chosen = {columns[name]: value for name, value in best.params.items()}
    try:
        found = sweep_table(sweep.table.to_dict("records"), x, y, figure, chosen=chosen)
    except InvalidValue:  # more cells than can be read
        return
    yield heat.sweep(found)
