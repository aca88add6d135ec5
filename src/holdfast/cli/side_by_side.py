"""Two sides of the same decisions, trade by trade: as tables for people and as JSON for programs."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from holdfast.cli import terminal
from holdfast.cli.terminal import (
    BAD,
    DIM,
    GOOD,
    WARN,
    Cell,
    Column,
    count,
    facts,
    many,
    price,
    signed,
    table,
    when,
)
from holdfast.core.types import plain
from holdfast.parity.asks import SIGNAL
from holdfast.parity.report import DayScore, Line, Outcome, Parity
from holdfast.views.encode import Json, as_json

SHOWN = 50
"""So many trades are shown to people unless they ask for all; programs get all."""


class Heading(NamedTuple):
    """What is said above: of whom it is, of what, and what the two sides are called."""

    title: str
    subtitle: str
    sides: tuple[str, str]


def as_values(found: Parity, notes: Sequence[str]) -> Json:
    """All of it, for programs."""
    return {
        "account": found.account,
        "score_pct": plain(round(found.score_pct, 6)),
        **{key: value for key, value in as_json(found).items() if key not in ("account", "days", "lines")},
        "notes": [*notes],
        "days": [{**as_json(day), "score_pct": plain(round(day.score_pct, 6))} for day in found.days],
        "trades": [as_json(line) for line in found.lines],
    }


def show(console: Console, found: Parity, heading: Heading, notes: Sequence[str], *, all_trades: bool) -> None:
    """The score, what each side earned, the days and the trades."""
    console.print(Text(f"\n{heading.title}", style="bold"), Text(heading.subtitle, style=DIM))
    console.print(facts(_whole(found, heading)))
    if found.days:
        console.print(table(_days_of(heading), map(_day, found.days), console.width))
    lines = [line for line in found.lines if all_trades or line.difference or not _agrees(line)]
    shown = lines if all_trades else lines[:SHOWN]
    if shown:
        console.print(table(_trades_of(heading), map(_trade, shown), console.width))
    if len(lines) > len(shown):
        console.print(Text(f"{len(lines) - len(shown):,} more trades differ; --all shows every one", style=DIM))
    for note in notes:
        console.print(Text(f"  - {note}", style=DIM), soft_wrap=True)


def _whole(found: Parity, heading: Heading) -> list[tuple[str, Cell]]:
    whole = found.intents == found.agreeing
    score = Text(f"{_percent(found.score_pct)}", style=f"bold {GOOD if whole else WARN}")
    score.append(f"  {count(found.agreeing)} of {many(found.intents, 'intent')} agree", style="")
    rows: list[tuple[str, Cell]] = [
        ("parity", score),
        (f"{heading.sides[0]} earned", signed(found.live_profit)),
        (f"{heading.sides[1]} earned", signed(found.backtest_profit)),
        ("difference", _exact(found.difference)),
    ]
    rows += [(f"  {part}", _exact(amount)) for part, amount in found.parts.items()]
    if found.tracking_error_bps is not None:
        rows.append(("tracking error", f"{found.tracking_error_bps:.2f} bps a day"))
    return rows


def _days_of(heading: Heading) -> list[Column]:
    sides = [Column(name, 1, right=True) for name in heading.sides]
    figures = [Column(name, right=True) for name in ("score", "intents", "agree")]
    return [Column("day"), *figures, *sides, Column("difference", right=True)]


def _trades_of(heading: Heading) -> list[Column]:
    what = [Column("decided (UTC)", 1), Column("strategy", 2), Column("side"), Column("symbol")]
    sides = [Column(name, right=True) for name in heading.sides]
    return [*what, *sides, Column("difference", right=True), Column("by"), Column("why", 3)]


def _agrees(line: Line) -> bool:
    """Whether there is nothing to show: an order that no intent asked for, such as a protective leg, and that traded on neither side."""
    has_traded = any(each is not None and each.filled for each in (line.live, line.backtest))
    return line.agrees or (line.kind != SIGNAL and not has_traded)


def _day(row: DayScore) -> list[Cell]:
    return [
        row.day,
        _percent(row.score_pct),
        count(row.intents),
        count(row.agreeing),
        signed(row.live_profit),
        signed(row.backtest_profit),
        _exact(row.difference),
    ]


def _trade(line: Line) -> list[Cell]:
    by = ", ".join(f"{part} {amount:+,.2f}" if len(line.parts) > 1 else part for part, amount in line.parts.items())
    kind = line.side if line.kind == SIGNAL else f"{line.side} ({line.kind})"
    return [
        when(line.time_ns),
        line.strategy,
        kind,
        line.symbol,
        _outcome(line.live),
        _outcome(line.backtest),
        _exact(line.difference),
        by,
        line.why,
    ]


def _outcome(outcome: Outcome | None) -> Cell:
    if outcome is None:
        return Text("nothing", style=WARN)
    if outcome.filled:
        part = "" if outcome.filled == outcome.ordered else f" of {count(outcome.ordered)}"
        return f"{count(outcome.filled)}{part} at {price(outcome.price)}"
    if outcome.rule:
        return Text(f"refused: {outcome.rule}", style=BAD)
    return "not filled" if outcome.ordered else "no order"


def _exact(amount: Decimal) -> Text:
    """Money to the cent; what is not zero is never shown as nothing."""
    if amount and abs(amount) < Decimal("0.005"):
        return Text(f"{amount.normalize():+f}", style=terminal.tone(amount))
    return signed(amount)


def _percent(value: Decimal) -> str:
    return f"{value:.1f}%" if value == 100 or value < Decimal("99.95") else "99.9%"
