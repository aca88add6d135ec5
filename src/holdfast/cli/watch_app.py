"""What can be typed to see whether all goes its way; the rest of what can be typed is in `app.py`."""

from typing import Annotated

import typer

from holdfast.cli.options import Account, ConfigFile, Json, finite


def add_to(app: typer.Typer) -> None:
    """Give the program these commands."""
    app.command(rich_help_panel="Look")(pipeline)
    app.command(rich_help_panel="Look")(compare)


def pipeline(config: ConfigFile = None, account: Account = None, as_json: Json = False) -> None:
    """The way from the market to what is held: of each stage the verdict, why, and what to do. Exit status 1 if one is critical."""
    from holdfast.cli import pipeline

    raise typer.Exit(pipeline.pipeline(config, account, as_json))


def compare(
    first: Annotated[str, typer.Argument(metavar="ACCOUNT", help="An account.")],
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The account to hold it against.")],
    config: ConfigFile = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Compare what was decided from then on.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Compare up to then.")] = None,
    within: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0, callback=finite, help="How far apart in time the same decision may be."),
    ] = 60,
    all_trades: Annotated[bool, typer.Option("--all", help="Show every trade, not only those that differ.")] = False,
    json_to: Annotated[
        str | None, typer.Option("--json", metavar="OUT|-", help="The comparison as JSON; - is stdout.")
    ] = None,
) -> None:
    """Hold two accounts of the same strategies against each other: what was missed, how prices differ, and what that cost."""
    from holdfast.cli.compare import Asked, compare_accounts

    asked = Asked(first, other, since, until, within, all_trades)
    raise typer.Exit(compare_accounts(config, asked, json_to))
