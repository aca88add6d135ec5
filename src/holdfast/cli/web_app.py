"""What can be typed after ``holdfast web``; the rest of what can be typed is in `app.py`."""

from typing import Annotated

import typer

from holdfast.cli.options import Browser, ConfigFile, Json

web_app = typer.Typer(invoke_without_command=True)
user_app = typer.Typer(help="Who may log in.", no_args_is_help=True)
key_app = typer.Typer(help="Keys of programs.", no_args_is_help=True)
web_app.add_typer(user_app, name="user")
web_app.add_typer(key_app, name="key")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The user.")]
RoleOf = Annotated[str, typer.Option("--role", metavar="viewer|trader|admin", help="What the user may do.")]


def add_to(app: typer.Typer) -> None:
    """Give the program this command."""
    app.add_typer(web_app, name="web", rich_help_panel="Look")


@web_app.callback()
def web(
    context: typer.Context,
    config: ConfigFile = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes any that is free.  [8420]")] = None,
    host: Annotated[str | None, typer.Option(help="Where to listen.  [127.0.0.1]")] = None,
    browser: Browser = None,
    observe: Annotated[bool, typer.Option("--observe", help="Observe as well, in a process of its own.")] = False,
    listener: Annotated[int | None, typer.Option(hidden=True)] = None,
    leash: Annotated[int | None, typer.Option(hidden=True)] = None,
    asks: Annotated[int | None, typer.Option(hidden=True)] = None,
    broker: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Serve the API and the page: see accounts, orders and risk, and steer them, in a browser."""
    if context.invoked_subcommand is not None:
        return
    from holdfast.cli import web

    raise typer.Exit(
        web.web(config, web.Wanted(host, port, browser, observe), web.Inherited(listener, leash, asks, broker))
    )


@user_app.command("add")
def user_add(name: Name, role: RoleOf = "viewer", config: ConfigFile = None) -> None:
    """Make a user; the first must be an admin. The password is asked for, or read from stdin."""
    from holdfast.cli import web_users

    web_users.add(config, name, role)


@user_app.command("list")
def user_list(config: ConfigFile = None, as_json: Json = False) -> None:
    """Who may log in."""
    from holdfast.cli import web_users

    web_users.show(config, as_json)


@user_app.command("passwd")
def user_passwd(name: Name, config: ConfigFile = None) -> None:
    """Give another password, asked for or read from stdin; sessions and tokens end."""
    from holdfast.cli import web_users

    web_users.passwd(config, name)


@user_app.command("role")
def user_role(
    name: Name,
    role: Annotated[str, typer.Argument(metavar="viewer|trader|admin", help="What the user may do from now on.")],
    config: ConfigFile = None,
) -> None:
    """Give another role; sessions and tokens end."""
    from holdfast.cli import web_users

    web_users.role(config, name, role)


@user_app.command("rm")
def user_rm(name: Name, config: ConfigFile = None) -> None:
    """Remove a user, with sessions, tokens and keys."""
    from holdfast.cli import web_users

    web_users.remove(config, name)


@key_app.command("add")
def key_add(
    label: Annotated[str, typer.Argument(metavar="LABEL", help="What it is for.")],
    user: Annotated[str, typer.Option("--user", metavar="NAME", help="Whose it is.")],
    scope: Annotated[list[str], typer.Option("--scope", metavar="read|trade|signal", help="May be given again.")],
    signing: Annotated[bool, typer.Option("--signing", help="It signs requests and is never sent.")] = False,
    strategy: Annotated[str, typer.Option(metavar="ID", help="The only strategy that it may signal.")] = "",
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Make a key. It is shown once."""
    from holdfast.cli import web_keys

    web_keys.add(config, web_keys.Asked(label, user, scope, signing, strategy), as_json)


@key_app.command("list")
def key_list(config: ConfigFile = None, as_json: Json = False) -> None:
    """The keys, without what is secret of them."""
    from holdfast.cli import web_keys

    web_keys.show(config, as_json)


@key_app.command("rm")
def key_rm(
    prefix: Annotated[str, typer.Argument(metavar="PREFIX", help="By which `key list` shows it.")],
    config: ConfigFile = None,
) -> None:
    """Remove a key."""
    from holdfast.cli import web_keys

    web_keys.remove(config, prefix)
