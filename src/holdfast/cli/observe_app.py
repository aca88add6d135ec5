"""What can be typed after ``holdfast observe``; the rest of what can be typed is in `app.py`."""

from typing import Annotated

import typer

from holdfast.cli.options import ConfigFile


def add_to(app: typer.Typer) -> None:
    """Give the program this command."""
    app.command(rich_help_panel="Trade")(observe)


def observe(config: ConfigFile = None, leash: Annotated[int | None, typer.Option(hidden=True)] = None) -> None:
    """Beside an engine: follow what it records, and tell those who are to know. It only reads, and slows nobody."""
    from holdfast.cli import observe

    raise typer.Exit(observe.observe(config, leash))
