"""What can be typed after ``holdfast audit``; the rest of what can be typed is in `app.py`."""

from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli.options import MOST, Account, ConfigFile, Json

audit_app = typer.Typer(help="Prove the journal, read in it, export it signed.", no_args_is_help=True)

Sign = Annotated[bool, typer.Option("--sign", help="Sign it with the key of the secret store (`holdfast audit key`).")]


def add_to(app: typer.Typer) -> None:
    """Give the program this command."""
    app.add_typer(audit_app, name="audit", rich_help_panel="Look")


@audit_app.command()
def verify(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="An export, in place of the journal; needs no configuration."),
    ] = None,
    key: Annotated[
        str | None, typer.Option(metavar="KEY|FILE", help="The public key that has to have signed FILE.")
    ] = None,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Prove the hash chain, and every order, fill and position from the records; or an export. Exit status 1 if it can't be proven."""
    from holdfast.cli import audit, audit_export

    if file is not None:
        raise typer.Exit(audit_export.verify(file, key, as_json))
    raise typer.Exit(audit.verify(config, as_json, key))


@audit_app.command()
def trail(order_id: str, config: ConfigFile = None, as_json: Json = False) -> None:
    """The story of one order, from the tick that led to it to its last fill."""
    from holdfast.cli import audit

    audit.trail(config, order_id, as_json)


@audit_app.command()
def tail(
    config: ConfigFile = None,
    number: Annotated[int, typer.Option("-n", min=1, max=MOST, help="How many.")] = 20,
    account: Account = None,
    as_json: Json = False,
) -> None:
    """The last records."""
    from holdfast.cli import audit

    audit.tail(config, number, account, as_json)


@audit_app.command()
def export(
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="Where; a file that is there is replaced.")],
    sign: Sign = False,
    account: Account = None,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Write all records into a file that proves itself without the journal: `holdfast audit verify FILE`."""
    from holdfast.cli import audit_export

    audit_export.export(config, to, account, sign=sign, as_json=as_json)


@audit_app.command()
def key(config: ConfigFile = None, as_json: Json = False) -> None:
    """The public key for those who check; its other half is made in the secret store if it isn't there."""
    from holdfast.cli import audit_export

    audit_export.key(config, as_json)


@audit_app.command()
def anchor(sign: Sign = False, config: ConfigFile = None, as_json: Json = False) -> None:
    """Add where each account's records end to the anchor file, so that a history that is cut or rewritten later is seen."""
    from holdfast.cli import audit_export

    audit_export.anchor(config, sign=sign, as_json=as_json)
