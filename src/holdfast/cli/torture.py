"""``holdfast torture``: kill engines until it is shown that nothing gets lost, and print what came of it."""

import itertools
import math

import msgspec
from rich.console import Console
from rich.text import Text

from holdfast.cli import terminal
from holdfast.cli.progress import progress
from holdfast.cli.target import STDOUT, target_of, written
from holdfast.cli.terminal import BAD, GOOD, Cell, Column, count, table
from holdfast.telemetry.crash_points import CrashPoint
from holdfast.torture.processes.campaign import Options, torture
from holdfast.torture.processes.result import Result, quantile

MOST_SHOWN = 20
"""Problems that are printed; the JSON has them all."""


def run(options: Options, json_to: str | None) -> int:
    """Torture, print the table, write the JSON. Exit status 0, or 1 when anything is wrong; raises HoldfastError."""
    target = target_of(json_to)
    quiet = json_to == STDOUT
    done = itertools.count(1)
    with progress(f"torture at {options.broker} on {options.database}", "kills", options.kills) as update:
        result = torture(options, lambda: update(next(done), options.kills))
    if quiet:
        terminal.print_json(result.as_json())
    else:
        show(result, terminal.console())
    if target is not None:
        with written(target) as file:
            file.write(msgspec.json.format(msgspec.json.encode(result.as_json()), indent=2).decode() + "\n")
    return 0 if result.is_good else 1


def show(result: Result, console: Console) -> None:
    """The tables for people."""
    console.print(_counts("killed at", _kills(result), console.width))
    console.print(_counts("fault", sorted(result.faults.items()), console.width))
    console.print(
        terminal.facts(
            [
                (
                    "kills",
                    f"{count(result.kills)} in {result.seconds / 60:.1f} minutes, seed {result.seed}, {result.broker}, {result.database}",
                ),
                ("faults fired", count(sum(result.faults.values()))),
                ("intents", count(result.intents)),
                ("orders at the broker", f"{count(result.broker_orders)}, {count(result.executions)} executions"),
                ("lost", _verdict(result.lost)),
                ("doubled", _verdict(result.doubled)),
                ("unbooked fills", _verdict(result.unbooked)),
                ("books", Text("equal", GOOD) if result.books_equal else Text("not equal", BAD)),
                ("recovery", _times(result.recovery_s)),
                ("from nothing", _times(result.cold_s)),
                ("healed within", f"{max(result.rest_s, default=math.nan):.1f} s of the last fault"),
            ]
        )
    )
    for problem in result.problems[:MOST_SHOWN]:
        console.print(Text(problem, BAD), soft_wrap=True)
    if len(result.problems) > MOST_SHOWN:
        console.print(f"and {len(result.problems) - MOST_SHOWN} more; the JSON has them all")
    for folder in result.folders:
        console.print(f"kept: {folder}", soft_wrap=True)


def _kills(result: Result) -> list[tuple[str, int]]:
    """All named points, those that were not hit too, and the other deaths."""
    at_points = [(point.value, result.points[point]) for point in CrashPoint]
    return at_points + [(name, number) for name, number in sorted(result.deaths.items()) if name != "point"]


def _counts(what: str, rows: list[tuple[str, int]], width: int) -> object:
    columns = [Column(what), Column("times", right=True)]
    return table(columns, [(name, count(number)) for name, number in rows], width)


def _verdict(number: int) -> Cell:
    return Text(count(number), BAD if number else GOOD)


def _times(values: list[float]) -> str:
    if not values:
        return "none measured"
    return f"p50 {quantile(values, 0.5):.2f} s, p99 {quantile(values, 0.99):.2f} s, {count(len(values))} measured"
