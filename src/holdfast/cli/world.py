"""``holdfast torture --world``: engines in a simulated world, seed by seed, and what came of them."""

import msgspec
from rich.console import Console
from rich.text import Text

from holdfast.cli import terminal
from holdfast.cli.progress import progress
from holdfast.cli.target import STDOUT, target_of, written
from holdfast.cli.terminal import BAD, GOOD, Column, count, many, table
from holdfast.torture.world.broker import class_of
from holdfast.torture.world.run import Summary, run_seeds

MOST_SHOWN = 3
"""Failed worlds whose whole story is printed; the JSON has them all."""


def run(first: int, seeds: int, processes: int, json_to: str | None, broker: str | None) -> int:
    """Live through the worlds, print what came of them, write the JSON. Exit status 1 when an invariant was violated.

    All are at brokers of the class of ``broker``, if that is given.
    """
    target = target_of(json_to)
    only = None if broker is None else class_of(broker)
    with progress("worlds", "seeds", seeds) as update:
        summary = run_seeds(first, seeds, processes, lambda done, _failed: update(done, seeds), only)
    if json_to == STDOUT:
        terminal.print_json(msgspec.to_builtins(summary))
    else:
        show(summary, terminal.console())
    if target is not None:
        with written(target) as file:
            file.write(msgspec.json.format(msgspec.json.encode(summary), indent=2).decode() + "\n")
    return 1 if summary.failed else 0


def show(summary: Summary, console: Console) -> None:
    """The tables for people."""
    columns = [Column("row of the fault matrix"), Column("times", right=True)]
    console.print(table(columns, [(row, count(times)) for row, times in summary.probes.items()], console.width))
    last = summary.first + summary.seeds - 1
    failed = len(summary.failed)
    console.print(
        terminal.facts(
            [
                ("seeds", f"{summary.first:,} to {last:,} in {summary.seconds / 60:.1f} minutes"),
                ("lives of engines", count(summary.lives)),
                ("orders at the broker", f"{count(summary.orders)}, {count(summary.fills)} executions"),
                ("records", count(summary.records)),
                ("violated", Text(f"{many(failed, 'seed')}" if failed else "nothing", BAD if failed else GOOD)),
                ("digest", summary.digest),
            ]
        )
    )
    for outcome in summary.failed[:MOST_SHOWN]:
        console.print(str(outcome), style=BAD, soft_wrap=True, markup=False, highlight=False)
    if failed > MOST_SHOWN:
        seeds = " ".join(str(outcome.seed) for outcome in summary.failed)
        console.print(f"all that failed: {seeds}", soft_wrap=True)
