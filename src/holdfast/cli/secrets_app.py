"""What can be typed after ``holdfast secrets``; the rest of what can be typed is in `app.py`."""

from typing import Annotated

import typer

from holdfast.cli.options import ConfigFile, Json, Yes

secrets_app = typer.Typer(help="Keys, tokens and passwords, encrypted; named as secret:NAME.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="By which the configuration names it: secret:NAME.")]


def add_to(app: typer.Typer) -> None:
    """Give the program this command."""
    app.add_typer(secrets_app, name="secrets", rich_help_panel="Look after")


@secrets_app.command("init")
def init(
    keyring: Annotated[bool, typer.Option("--keyring", help="Keep the master key in the system's keyring.")] = False,
    config: ConfigFile = None,
) -> None:
    """Make an empty store and its master key: in a file of yours alone, unless HOLDFAST_MASTER_KEY or --keyring says otherwise."""
    from holdfast.cli import secrets

    secrets.init(config, in_keyring=keyring)


@secrets_app.command("set")
def set_one(name: Name, config: ConfigFile = None) -> None:
    """Keep a secret, or replace it. The value is asked for, or read from stdin: an argument would be seen by others."""
    from holdfast.cli import secrets

    secrets.set_one(config, name)


@secrets_app.command("list")
def list_all(config: ConfigFile = None, as_json: Json = False) -> None:
    """The names, since when, and what in the configuration uses them. No value is ever shown."""
    from holdfast.cli import secrets

    secrets.list_all(config, as_json)


@secrets_app.command("rotate")
def rotate(config: ConfigFile = None) -> None:
    """Encrypt all anew under a new master key. Cut short at any moment, the store opens as before."""
    from holdfast.cli import secrets

    secrets.rotate(config)


@secrets_app.command("rm")
def remove(name: Name, config: ConfigFile = None, yes: Yes = False) -> None:
    """Remove a secret. One that the configuration uses stays, unless --yes."""
    from holdfast.cli import secrets

    secrets.remove(config, name, is_sure=yes)
