"""What can be typed to steer strategies and close positions; the rest of what can be typed is in `app.py`."""

from typing import Annotated

import typer

from holdfast.cli.options import Account, ConfigFile, Json, Reason, Timeout, Yes

strategy_app = typer.Typer(help="Switch a strategy off and on, change its parameters.", no_args_is_help=True)
Strategy = Annotated[str, typer.Argument(metavar="STRATEGY", help="Its id.")]


def add_to(app: typer.Typer) -> None:
    """Give the program these commands."""
    app.add_typer(strategy_app, name="strategy", rich_help_panel="Act")
    app.command(rich_help_panel="Act")(close)


def close(
    symbol: str,
    strategy: Annotated[
        str | None,
        typer.Option(help="Whose position, such as manual or external; may be left out if one holds the symbol."),
    ] = None,
    account: Account = None,
    yes: Yes = False,
    timeout: Timeout = 10,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Close a position at the market; its exits are canceled for that."""
    from holdfast.cli import steer

    raise typer.Exit(steer.close(config, account, (symbol, strategy), yes, timeout, as_json))


@strategy_app.command("stop")
def strategy_stop(
    strategy: Strategy,
    reason: Reason = "",
    account: Account = None,
    timeout: Timeout = 10,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Switch a strategy off: its entries are canceled, its positions and their exits stay. Outlives restarts."""
    from holdfast.cli import steer

    raise typer.Exit(steer.stop(config, account, strategy, reason, timeout, as_json))


@strategy_app.command("start")
def strategy_start(
    strategy: Strategy,
    reason: Reason = "",
    account: Account = None,
    timeout: Timeout = 10,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Let a strategy run again that was switched off, or stopped for a fault. It is made anew, and warms up."""
    from holdfast.cli import steer

    raise typer.Exit(steer.start(config, account, strategy, reason, timeout, as_json))


@strategy_app.command("set")
def strategy_set(
    strategy: Strategy,
    params: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE ...", help="Such as fast=5 slow=20.")
    ] = None,
    from_file: Annotated[bool, typer.Option("--from-file", help="Go back to the configuration's.")] = False,
    reason: Reason = "",
    account: Account = None,
    timeout: Timeout = 10,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Change parameters of a strategy, all or none. Outlives restarts; the configuration file stays as it is."""
    from holdfast.cli import steer

    asked = steer.Wanted(strategy, params or [], from_file)
    raise typer.Exit(steer.set_parameters(config, account, asked, reason, timeout, as_json))
