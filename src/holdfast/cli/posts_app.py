"""What can be typed to tell others how it went: ``holdfast day`` and ``holdfast post``; the rest of what can be typed is in `app.py`."""

from typing import Annotated

import typer

from holdfast.cli.options import MOST, Account, ConfigFile, Json
from holdfast.errors import InvalidValue

post_app = typer.Typer(
    help="Write a post for X of a trade or a day; it is shown, and sent with --send.", no_args_is_help=True
)

Send = Annotated[bool, typer.Option("--send", help="Send it; without this it is only shown.")]
To = Annotated[str | None, typer.Option("--to", metavar="x|apprise", help="With --send: to whom, where there are two.")]
Again = Annotated[
    bool, typer.Option("--again", help="With --send: also when it was, or may have been, posted already.")
]


def add_to(app: typer.Typer) -> None:
    """Give the program these commands."""
    app.command(rich_help_panel="Look")(day)
    app.add_typer(post_app, name="post", rich_help_panel="Act")
    app.command(hidden=True, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})(alert)


def day(
    date: Annotated[
        str | None, typer.Argument(metavar="[DATE]", help="The trading day, such as 2026-11-30.  [the newest]")
    ] = None,
    account: Account = None,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """The numbers of a trading day: profit, orders, fills, slippage, refusals, incidents."""
    from holdfast.cli import day

    day.show(config, date, account, as_json)


def alert() -> None:
    """Say which of two commands is meant: one letter would be all that told them apart."""
    raise InvalidValue(
        "there is no `holdfast alert`: `holdfast post trade|day|text` writes posts, `holdfast alerts` is about alerts and their rules"
    )


@post_app.command("trade")
def post_trade(
    order_id: Annotated[str, typer.Argument(metavar="ORDER", help="Any order of the trade.")],
    send: Send = False,
    to: To = None,
    again: Again = False,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """A post of the trade that an order is of: its begin, a part that was closed, or its result."""
    from holdfast.cli import posts

    raise typer.Exit(posts.trade(config, order_id, posts.Sending(send, to, again, as_json)))


@post_app.command("day")
def post_day(
    date: Annotated[
        str | None, typer.Argument(metavar="[DATE]", help="The trading day, such as 2026-11-30.  [the newest]")
    ] = None,
    account: Account = None,
    send: Send = False,
    to: To = None,
    again: Again = False,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """A post of a trading day."""
    from holdfast.cli import posts

    raise typer.Exit(posts.day(config, date, account, posts.Sending(send, to, again, as_json)))


@post_app.command("text")
def post_text(
    text: Annotated[list[str], typer.Argument(metavar="TEXT ...", help="What to say; - reads it from stdin.")],
    send: Send = False,
    to: To = None,
    again: Again = False,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """A post of your own words."""
    from holdfast.cli import posts

    raise typer.Exit(posts.text(config, text, posts.Sending(send, to, again, as_json)))


@post_app.command("list")
def post_list(
    limit: Annotated[
        int | None,
        typer.Option(
            "-n", "--limit", min=1, max=MOST, help="How many at most, the newest first (50; with --json all)."
        ),
    ] = None,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """What was posted, or was to be."""
    from holdfast.cli import posts

    posts.show(config, limit, as_json)
