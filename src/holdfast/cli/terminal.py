"""What goes to the screen, and how: consoles, numbers and tables for people, JSON for programs."""

import os
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from holdfast.views.numbers import ago, change, count, many, money, price, when, zone_name
from holdfast.views.wording import Sentence, Tone

__all__ = [
    "BAD",
    "DIM",
    "GOOD",
    "WARN",
    "Cell",
    "Column",
    "ago",
    "console",
    "count",
    "facts",
    "is_interactive",
    "many",
    "money",
    "percent",
    "price",
    "print_json",
    "say",
    "side",
    "signed",
    "styled",
    "table",
    "tone",
    "when",
    "zone_name",
]

PIPE_WIDTH = 160
"""Columns where there is no terminal to ask: enough for every table we print."""

GOOD, BAD, WARN, DIM = "green", "red", "yellow", "dim"
STYLES = {
    Tone.PLAIN: "",
    Tone.ASIDE: DIM,
    Tone.GOOD: GOOD,
    Tone.WARNING: WARN,
    Tone.BAD: BAD,
    Tone.RELIEF: f"bold {GOOD}",
    Tone.NOTICE: f"bold {WARN}",
    Tone.ALARM: f"bold {BAD}",
}


def console(*, stderr: bool = False) -> Console:
    """Where people read. Colours only on a terminal, and not with NO_COLOR."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH
    return Console(stderr=stderr, highlight=False, width=width)


def say(text: str) -> None:
    """A remark beside the result: one line on stderr."""
    print("holdfast:", " ".join(text.split()), file=sys.stderr, flush=True)


def is_interactive() -> bool:
    """Whether a person sits at both ends: what a question or a live screen needs."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def print_json(value: Any) -> None:
    """One JSON value on stdout."""
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode(), flush=True)


def signed(amount: Decimal) -> Text:
    """Money won or lost, with its sign and its colour."""
    return _change(amount, "")


def percent(value: float | Decimal) -> Text:
    """A change in percent, with its sign and its colour."""
    return _change(value, "%")


def _change(value: float | Decimal, unit: str) -> Text:
    text = change(value, unit)
    return Text(text, style=tone(value) if text[0] in "+-" else "")


def tone(value: float | Decimal) -> str:
    """The colour of a gain or a loss."""
    if value > 0:
        return GOOD
    return BAD if value < 0 else ""


def styled(sentence: Sentence) -> Text:
    """A sentence in its colours."""
    return Text.assemble(*((part.text, STYLES[part.tone]) for part in sentence))


def side(name: str) -> Text:
    """BUY or SELL in its colour."""
    return Text(name.upper(), style=GOOD if name.strip() == "buy" else BAD)


Cell = str | Text


class Column:
    """A table's column. Where the terminal is narrow, those of the highest ``rank`` are left out first."""

    def __init__(self, name: str, rank: int = 0, *, right: bool = False) -> None:
        self.name = name
        self.rank = rank
        self.right = right


def table(columns: Sequence[Column], rows: Iterable[Sequence[Cell]], width: int, title: str | None = None) -> Table:
    """A table that fits: whole columns are left out rather than cells wrapped. So are those in which nothing stands."""
    content = [[_text(cell) for cell in row] for row in rows]
    widths = [
        max((row[index].cell_len for row in content), default=0)
        and max(len(column.name), *(r[index].cell_len for r in content))
        for index, column in enumerate(columns)
    ]
    kept = [index for index, column in enumerate(columns) if widths[index] or not content]
    while len(kept) > 1 and sum(widths[index] + 3 for index in kept) - 1 > width:
        worst = max(kept, key=lambda index: (columns[index].rank, index))
        if not columns[worst].rank:
            break
        kept.remove(worst)
    shown = Table(
        box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False, header_style="dim"
    )
    for index in kept:
        shown.add_column(columns[index].name, justify="right" if columns[index].right else "left", no_wrap=True)
    for row in content:
        shown.add_row(*(row[index] for index in kept))
    return shown


def _text(cell: Cell) -> Text:
    return cell if isinstance(cell, Text) else Text(cell)


def facts(pairs: list[tuple[str, Cell]]) -> Table:
    """Names and values, two columns without a frame."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style=DIM, no_wrap=True)
    grid.add_column()
    for name, value in pairs:
        grid.add_row(name, value)
    return grid
