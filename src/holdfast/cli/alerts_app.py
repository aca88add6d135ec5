"""What can be typed after ``holdfast alerts``; the rest of what can be typed is in `app.py`."""

from typing import Annotated

import typer

from holdfast.cli.options import Account, ConfigFile, Json

alerts_app = typer.Typer(help="What is wrong, and who is told of it.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Give the program these commands."""
    app.add_typer(alerts_app, name="alerts", rich_help_panel="Look")


@alerts_app.command("list")
def alerts_list(
    everything: Annotated[bool, typer.Option("--all", help="What is over too.")] = False,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, max=10_000, help="How many at most.")] = 50,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """The alerts, the newest first."""
    from holdfast.cli import alerts

    alerts.show(config, everything, limit, as_json)


@alerts_app.command("ack")
def alerts_ack(
    number: Annotated[int, typer.Argument(metavar="ID", min=1, max=2**62, help="As `alerts list` shows it.")],
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Take an alert on: nobody else is told of it."""
    from holdfast.cli import alerts

    alerts.acknowledge(config, number, as_json)


@alerts_app.command("silence")
def alerts_silence(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="As `alerts rules` shows it.")],
    duration: Annotated[str, typer.Option("--for", metavar="DURATION", help="How long: 30m, 1h. 0 ends it.")] = "1h",
    account: Account = None,
    config: ConfigFile = None,
) -> None:
    """Tell nobody of a rule's alerts for a while; what still lasts then is told."""
    from holdfast.cli import alerts

    alerts.silence(config, rule, duration, account)


@alerts_app.command("rules")
def alerts_rules(config: ConfigFile = None, as_json: Json = False) -> None:
    """The rules in force: what each tells of, how loud, and its bounds."""
    from holdfast.cli import alerts

    alerts.rules(config, as_json)


@alerts_app.command("test")
def alerts_test(
    target: Annotated[str | None, typer.Argument(metavar="[TARGET]", help="Only this one.")] = None,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Send a message to the targets, now, and say what came of it."""
    from holdfast.cli import alerts

    raise typer.Exit(alerts.test(config, target, as_json))


@alerts_app.command("summary")
def alerts_summary(
    date: Annotated[str | None, typer.Argument(metavar="[DATE]", help="The trading day.  [the newest]")] = None,
    account: Account = None,
    config: ConfigFile = None,
) -> None:
    """The daily summary as it is sent."""
    from holdfast.cli import alerts

    alerts.summary(config, date, account)
