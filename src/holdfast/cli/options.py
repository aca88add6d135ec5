"""Options that commands have in common."""

from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[
    Path | None, typer.Option("-c", "--config", metavar="FILE", help="Configuration file.  [default: holdfast.toml]")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON value on stdout, and nothing else there.")]
