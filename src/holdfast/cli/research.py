"""What can be typed about many backtests of one strategy; the rest of what can be typed is in `app.py`."""

from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli.options import ConfigFile, Json


def add_to(app: typer.Typer) -> None:
    """Give the program these commands."""
    app.command(rich_help_panel="Trade")(sweep)
    app.command(rich_help_panel="Trade")(lookahead)


def sweep(
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            "-p",
            metavar="NAME=VALUES",
            help="fast=5:50:5 (end included), slow=20,50,100; given for each parameter.",
        ),
    ] = None,
    config: ConfigFile = None,
    strategy: Annotated[
        str | None, typer.Option(metavar="ID", help="Which strategy; may be left out if there is one.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Market data in place of the configured feed.")
    ] = None,
    by: Annotated[str, typer.Option(metavar="FIGURE", help="What trials are compared by.")] = "sharpe",
    random: Annotated[int | None, typer.Option(metavar="N", help="Only so many combinations, by chance.")] = None,
    optuna: Annotated[
        int | None,
        typer.Option(metavar="N", help="So many, each suggested by those before (pip install 'holdfast\\[optuna]')."),
    ] = None,
    seed: Annotated[int, typer.Option(help="With --random and --optuna: another choice.")] = 1,
    train: Annotated[str | None, typer.Option(metavar="FROM:TO", help="Choose by these sessions: 2018:2021.")] = None,
    test: Annotated[
        str | None, typer.Option(metavar="FROM:TO", help="Look at what was chosen in these: 2022:.")
    ] = None,
    walk_forward: Annotated[int | None, typer.Option(metavar="N", help="Choose anew N times, and look ahead.")] = None,
    jobs: Annotated[int | None, typer.Option(metavar="N", help="Worker processes.  [one for each processor]")] = None,
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="All trials as Parquet; the same sweep again goes on with it.")
    ] = Path("sweep.parquet"),
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Also as a page for a browser: one HTML file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Backtest a strategy with many combinations of its parameters, and say what the best of them is worth."""
    from holdfast.cli import sweep as command
    from holdfast.sweeping.asked import Asked

    asked = Asked(by, random, optuna, seed, train, test, walk_forward, jobs, None, out)
    raise typer.Exit(command.sweep(command.Wanted(config, data, strategy, param or [], report, as_json), asked))


def lookahead(
    strategy: Annotated[
        str | None,
        typer.Argument(metavar="[STRATEGY]", help="An id of the configuration, module:Class, or one that ships."),
    ] = None,
    config: ConfigFile = None,
    data: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Market data in place of the configured feed.")
    ] = None,
    cuts: Annotated[int, typer.Option(metavar="N", help="At how many decisions the future is changed.")] = 8,
    warm_up: Annotated[
        int | None, typer.Option(metavar="BARS", help="How much history it gets.  [ten times what it waits for]")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say whether a strategy's decisions change with what comes after them, or with how much history there is."""
    from holdfast.cli import lookahead as command

    raise typer.Exit(command.lookahead(strategy, config, data, cuts, warm_up, as_json))
