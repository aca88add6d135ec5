"""What can be typed to have an engine read its configuration again; the rest of what can be typed is in `app.py`."""

import typer

from holdfast.cli.options import Account, ConfigFile, Json, Reason, Timeout


def add_to(app: typer.Typer) -> None:
    """Give the program this command."""
    app.command(rich_help_panel="Act")(reload)


def reload(
    reason: Reason = "",
    account: Account = None,
    timeout: Timeout = 10,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Have the engine read its configuration file again: limits, intervals, thresholds, levels of the log. All of it, or nothing."""
    from holdfast.cli import reload

    raise typer.Exit(reload.reload(config, account, reason, timeout, as_json))
