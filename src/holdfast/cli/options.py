"""Options that commands have in common."""

from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[
    Path | None, typer.Option("-c", "--config", metavar="FILE", help="Configuration file.  [default: holdfast.toml]")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON value on stdout, and nothing else there.")]
Browser = Annotated[
    bool | None,
    typer.Option("--open/--no-open", help="Open it in a browser.  [where there is a desktop and a terminal]"),
]

MOST = 1_000_000_000
"""The largest number that any option takes: no more can be shown, and databases count no further than 64 bits."""


def finite(seconds: float) -> float:
    """What is no number of seconds passes every comparison, and is refused here."""
    if not 0 <= seconds <= MOST:
        raise typer.BadParameter(f"{seconds} is no number of seconds from 0 to {MOST:,}")
    return seconds


Account = Annotated[str | None, typer.Option("-a", "--account", help="Which account; may be left out if there is one.")]
Timeout = Annotated[
    float, typer.Option(metavar="SECONDS", min=0, callback=finite, help="How long to wait for the engine.")
]
Reason = Annotated[str, typer.Option(help="Why; it is kept in the journal.")]
Yes = Annotated[bool, typer.Option("-y", "--yes", help="Don't ask.")]
Preview = Annotated[bool, typer.Option("--preview", help="Say what would come of it; order nothing.")]
Speed = Annotated[str | None, typer.Option(metavar="N|max", help="Market time against real time; max is flat out.")]
