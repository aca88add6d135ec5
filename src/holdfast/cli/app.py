"""Everything that can be typed. What a command does is in the module it imports, so that ``--help`` starts at once."""

import logging
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from holdfast.cli import (
    alerts_app,
    audit_app,
    data_app,
    observe_app,
    posts_app,
    reload_app,
    research,
    secrets_app,
    sim_app,
    steer_app,
    watch_app,
    web_app,
)
from holdfast.cli.interrupts import INTERRUPTED, only_once
from holdfast.cli.options import MOST, Account, Browser, ConfigFile, Json, Preview, Reason, Speed, Timeout, Yes, finite
from holdfast.core.arithmetic import use_exact
from holdfast.core.types import Side, TimeInForce
from holdfast.errors import HoldfastError, InvalidValue
from holdfast.telemetry import sentry
from holdfast.telemetry.crash_points import arm_from_environment
from holdfast.telemetry.crashes import crash_text, redact_crashes
from holdfast.telemetry.redact import REDACTOR

app = typer.Typer(
    name="holdfast",
    help="A crash-safe trading engine: every order is durable before it is sent, and accounted for afterwards.",
    epilog="Exit status: 0 done, 1 failed, 2 misused, 3 refused because it would be unsafe.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
audit_app.add_to(app)
app.add_typer(data_app.app, name="data", rich_help_panel="Try")

Limit = Annotated[
    int | None,
    typer.Option("-n", "--limit", min=1, max=MOST, help="How many at most, the newest first (50; with --json all)."),
]
Duration = Annotated[str | None, typer.Option("--for", metavar="DURATION", help="Stop after this long: 20s, 5m, 2h.")]
LOOKS = ("status", "orders", "positions", "fills", "audit", "day")
"""Commands that only read the journal: they load nothing else, and are done at once."""


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    """Nothing but the version is done without a command. What any command logs goes to stderr: stdout is what was asked for."""
    if version:
        from holdfast import __version__

        print(f"holdfast {__version__}")
        raise typer.Exit
    from holdfast.cli.log_setup import level_of_environment
    from holdfast.telemetry.logs import LogFormat, set_up_logs

    level = level_of_environment()
    only_standard = context.invoked_subcommand in LOOKS
    set_up_logs(LogFormat.CONSOLE, logging.ERROR if level is None else level, only_standard=only_standard)


@app.command(rich_help_panel="Trade")
def demo(
    duration: Duration = None,
    speed: Speed = None,
    seed: Annotated[int | None, typer.Option(help="Another market.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget the last demo.")] = False,
    web: Annotated[bool | None, typer.Option("--web/--no-web", help="Serve the page.  [on a terminal]")] = None,
    browser: Browser = None,
    leash: Annotated[int | None, typer.Option(hidden=True)] = None,
    page: Annotated[str, typer.Option(hidden=True)] = "",
    as_json: Json = False,
) -> None:
    """Watch strategies trade on a made-up market, offline. Kill it and start it again: nothing is lost."""
    from holdfast.cli import demo

    shown = demo.Shown(as_json, web, browser, leash, page)
    raise typer.Exit(demo.demo(duration, speed, seed, fresh, shown))


@app.command(rich_help_panel="Trade")
def run(
    config: ConfigFile = None,
    speed: Speed = None,
    duration: Duration = None,
    standby: Annotated[
        bool, typer.Option("--standby", help="Wait while another engine has the accounts; take over when it is gone.")
    ] = False,
    new_journal: Annotated[
        bool,
        typer.Option(
            "--new-journal", help="Begin anew with an account that Holdfast has traded before, elsewhere recorded."
        ),
    ] = False,
    new_strategy: Annotated[
        list[str] | None,
        typer.Option(
            "--new-strategy", metavar="ID", help="It is no other strategy under a new name. May be given again."
        ),
    ] = None,
    web: Annotated[bool, typer.Option("--web", help="Serve the page as well, in a process of its own.")] = False,
    observe: Annotated[
        bool,
        typer.Option("--observe", help="Observe as well (alerts, metrics of the pipeline), in a process of its own."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Trade as the configuration says. Ctrl-C stops in order; a restart goes on where it ended, however it ended."""
    from holdfast.cli import run
    from holdfast.runtime.identity import Beginning

    beginning = Beginning(new_journal, frozenset(new_strategy or ()))
    raise typer.Exit(run.run(config, speed, duration, standby, as_json, beginning, run.Beside(web, observe)))


@app.command(rich_help_panel="Trade")
def watchdog(
    config: ConfigFile = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="A JSON object a line on stdout, and nothing else there.")
    ] = False,
) -> None:
    """Beside an engine: when it falls silent, see to it that every position has its stop at the broker."""
    from holdfast.cli import watchdog

    raise typer.Exit(watchdog.watchdog(config, as_json))


@app.command(rich_help_panel="Trade")
def check(
    broker: Annotated[
        str | None, typer.Argument(metavar="[BROKER]", help="Prove the way to this broker: alpaca.")
    ] = None,
    symbol: Annotated[str, typer.Option(help="With a broker: what to ask for; BTC/USD for crypto.")] = "SPY",
    login: Annotated[str, typer.Option(metavar="NAME", help="With a broker: the login, where there are several.")] = "",
    send: Annotated[
        bool, typer.Option("--send", help="With a broker: send an order far from the market, and cancel it.")
    ] = False,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Look at everything a run needs: what is wrong, and how to mend it. With a broker's name: the way there and back."""
    if broker is not None:
        from holdfast.cli.check_broker import check_broker

        raise typer.Exit(check_broker(broker, config, login, symbol, send, as_json))
    from holdfast.cli import check

    raise typer.Exit(check.check(config, as_json))


@app.command(rich_help_panel="Trade")
def login(
    broker: Annotated[str, typer.Argument(metavar="BROKER", help="Whose session ends by the clock.")],
    login: Annotated[str, typer.Option(metavar="NAME", help="The login, where there are several.")] = "",
    paste: Annotated[
        bool, typer.Option("--paste", help="Read what the page ended with from stdin; no way back is listened for.")
    ] = False,
    browser: Browser = None,
    config: ConfigFile = None,
) -> None:
    """Log in for the day at a broker that wants a person: its page opens, and the session is kept in the secret store."""
    from holdfast.cli import login as command

    command.login(broker, config, login, by_paste=paste, by_browser=browser)


@app.command(rich_help_panel="Trade")
def backtest(
    config: ConfigFile = None,
    data: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Market data in place of the configured feed.")
    ] = None,
    json_to: Annotated[
        str | None, typer.Option("--json", metavar="OUT|-", help="The results as JSON; - is stdout.")
    ] = None,
    feed: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this one of several feeds, and the accounts on it.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep the results as tables, to be loaded in Python.")
    ] = None,
    monthly: Annotated[bool, typer.Option("--monthly", help="Show the return of each month.")] = False,
    benchmark: Annotated[
        str | None,
        typer.Option(metavar="SYMBOL|hold", help="Compare with a symbol bought and held, or with all that are traded."),
    ] = None,
    trials: Annotated[
        int,
        typer.Option(min=1, help="How many runs this is the best of: the deflated Sharpe ratio takes it into account."),
    ] = 1,
    page: Annotated[
        Path | None, typer.Option("--report", metavar="FILE.html", help="The results as a page for a browser.")
    ] = None,
) -> None:
    """Run the strategies over the past, each account over its own feed. Keeps no journal."""
    from holdfast.cli import backtest

    shown = backtest.Shown(monthly=monthly, benchmark=benchmark, trials=trials)
    raise typer.Exit(backtest.backtest(config, data, json_to, feed, save, shown, page))


@app.command(rich_help_panel="Look")
def report(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER...", help="Results that `backtest --save` kept.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE.html", help="The page.")] = Path("report.html"),
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="The page's heading.")] = None,
) -> None:
    """A page for a browser of a backtest that was kept; of several: side by side."""
    from holdfast.cli import report_page

    raise typer.Exit(report_page.report(folders, out, title))


research.add_to(app)
sim_app.add_to(app)
steer_app.add_to(app)
watch_app.add_to(app)
web_app.add_to(app)
reload_app.add_to(app)
posts_app.add_to(app)
secrets_app.add_to(app)
observe_app.add_to(app)
alerts_app.add_to(app)


@app.command(rich_help_panel="Look")
def parity(
    config: ConfigFile = None,
    account: Account = None,
    data: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Market data of the session's time in place of the feed.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Show what was decided from then on.")
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
    """Run a recorded session again as a backtest, and say trade by trade where the difference comes from."""
    from holdfast.cli import parity

    asked = parity.Asked(account, data, since, until, within, all_trades)
    raise typer.Exit(parity.parity(config, asked, json_to))


@app.command(rich_help_panel="Look")
def orders(
    config: ConfigFile = None,
    open_only: Annotated[bool, typer.Option("--open", help="Only those that may still trade.")] = False,
    account: Account = None,
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """Orders, the newest first."""
    from holdfast.cli import books

    books.orders(config, open_only, account, limit, as_json)


@app.command(rich_help_panel="Look")
def positions(config: ConfigFile = None, account: Account = None, as_json: Json = False) -> None:
    """What is held, and by which strategy."""
    from holdfast.cli import books

    books.positions(config, account, as_json)


@app.command(rich_help_panel="Look")
def fills(config: ConfigFile = None, account: Account = None, limit: Limit = None, as_json: Json = False) -> None:
    """Executions, the newest first."""
    from holdfast.cli import books

    books.fills(config, account, limit, as_json)


@app.command(rich_help_panel="Look")
def status(config: ConfigFile = None, as_json: Json = False) -> None:
    """Engines, accounts and strategies at a glance."""
    from holdfast.cli import status

    status.status(config, as_json)


@app.command(rich_help_panel="Act")
def buy(
    symbol: str,
    quantity: Annotated[str, typer.Argument(help="How many, such as 10 or 0.5; or for how much, such as '$500'.")],
    limit: Annotated[str | None, typer.Option(help="Pay no more.")] = None,
    stop: Annotated[str | None, typer.Option(help="Only once the price has risen to this.")] = None,
    tif: Annotated[TimeInForce, typer.Option(help="How long it works.")] = TimeInForce.DAY,
    stop_loss: Annotated[str | None, typer.Option(help="Sell again when the price falls to this.")] = None,
    take_profit: Annotated[str | None, typer.Option(help="Sell again when the price rises to this.")] = None,
    trail_stop: Annotated[str | None, typer.Option(help="A stop so far behind the best price: 1.50, or 2%.")] = None,
    break_even: Annotated[str | None, typer.Option(help="Once there, move the stop to the average price.")] = None,
    hold: Annotated[str | None, typer.Option(help="Close it after so long: 90s, 30m, 2h.")] = None,
    preview: Preview = False,
    account: Account = None,
    yes: Yes = False,
    timeout: Timeout = 10,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Buy by hand. It passes the same risk limits as a strategy's order."""
    from holdfast.cli import act
    from holdfast.control.ticket import Ticket

    ticket = Ticket(Side.BUY, symbol, quantity, limit, stop, tif, stop_loss, take_profit, trail_stop, break_even, hold)
    raise typer.Exit(act.place(config, account, ticket, yes, timeout, as_json, only_preview=preview))


@app.command(rich_help_panel="Act")
def sell(
    symbol: str,
    quantity: Annotated[str, typer.Argument(help="How many, such as 10 or 0.5; or for how much, such as '$500'.")],
    limit: Annotated[str | None, typer.Option(help="Take no less.")] = None,
    stop: Annotated[str | None, typer.Option(help="Only once the price has fallen to this.")] = None,
    tif: Annotated[TimeInForce, typer.Option(help="How long it works.")] = TimeInForce.DAY,
    stop_loss: Annotated[str | None, typer.Option(help="Buy back when the price rises to this.")] = None,
    take_profit: Annotated[str | None, typer.Option(help="Buy back when the price falls to this.")] = None,
    trail_stop: Annotated[str | None, typer.Option(help="A stop so far behind the best price: 1.50, or 2%.")] = None,
    break_even: Annotated[str | None, typer.Option(help="Once there, move the stop to the average price.")] = None,
    hold: Annotated[str | None, typer.Option(help="Close it after so long: 90s, 30m, 2h.")] = None,
    preview: Preview = False,
    account: Account = None,
    yes: Yes = False,
    timeout: Timeout = 10,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Sell by hand. It passes the same risk limits as a strategy's order."""
    from holdfast.cli import act
    from holdfast.control.ticket import Ticket

    ticket = Ticket(Side.SELL, symbol, quantity, limit, stop, tif, stop_loss, take_profit, trail_stop, break_even, hold)
    raise typer.Exit(act.place(config, account, ticket, yes, timeout, as_json, only_preview=preview))


@app.command(rich_help_panel="Act")
def protect(
    symbol: str,
    stop_loss: Annotated[str, typer.Option(help="Where the position is closed at a loss.")],
    strategy: Annotated[
        str | None,
        typer.Option(help="Whose position, such as manual or external; may be left out if one holds the symbol."),
    ] = None,
    account: Account = None,
    timeout: Timeout = 10,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Give a position that has none a stop at the broker."""
    from holdfast.cli import act

    raise typer.Exit(act.protect(config, account, symbol, stop_loss, strategy, timeout, as_json))


@app.command(rich_help_panel="Act")
def cancel(
    order_id: Annotated[str | None, typer.Argument(metavar="ORDER_ID", help="As `holdfast orders` shows it.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every live order.")] = False,
    symbol: Annotated[str | None, typer.Option(help="With --all: of this symbol only.")] = None,
    account: Account = None,
    timeout: Timeout = 10,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Cancel one order, or all."""
    from holdfast.cli import act

    raise typer.Exit(act.cancel(config, account, order_id, every, symbol, timeout, as_json))


@app.command(rich_help_panel="Act")
def halt(
    reason: Reason = "",
    account: Account = None,
    timeout: Timeout = 10,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Let nothing out that raises risk, until `resume`. Outlives restarts."""
    from holdfast.cli import act

    raise typer.Exit(act.halt(config, account, reason, timeout, as_json))


@app.command(rich_help_panel="Act")
def preserve(
    reason: Reason = "",
    account: Account = None,
    timeout: Timeout = 10,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Take no new risk until `resume`; exits stay, and the account's policy says what is closed. Outlives restarts."""
    from holdfast.cli import act

    raise typer.Exit(act.preserve(config, account, reason, timeout, as_json))


@app.command(rich_help_panel="Act")
def resume(
    reason: Reason = "",
    account: Account = None,
    timeout: Timeout = 10,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """End a halt, or PRESERVATION."""
    from holdfast.cli import act

    raise typer.Exit(act.resume(config, account, reason, timeout, as_json))


@app.command(rich_help_panel="Act")
def flatten(
    reason: Reason = "",
    account: Account = None,
    yes: Yes = False,
    timeout: Timeout = 30,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Halt, cancel every order, close every position, and wait until it is done."""
    from holdfast.cli import act

    raise typer.Exit(act.flatten(config, account, reason, yes, timeout, as_json))


@app.command(rich_help_panel="Act")
def reconcile(
    accept: Annotated[
        bool, typer.Option("--accept", help="Take over what the broker has, as journaled adjustments.")
    ] = False,
    reason: Reason = "",
    account: Account = None,
    yes: Yes = False,
    timeout: Timeout = 40,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Compare the books with the broker now; 0 when they agree."""
    from holdfast.cli import reconcile as command

    raise typer.Exit(command.reconcile(config, account, accept, reason, yes, timeout, as_json))


@app.command(rich_help_panel="Act")
def resolve(
    order_id: Annotated[str, typer.Argument(metavar="ORDER_ID", help="As `holdfast orders` shows it.")],
    not_sent: Annotated[bool, typer.Option("--not-sent", help="It never reached the broker.")] = False,
    canceled: Annotated[bool, typer.Option("--canceled", help="It reached the broker, and is over.")] = False,
    reason: Reason = "",
    account: Account = None,
    timeout: Timeout = 10,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Say what became of an UNKNOWN order that the broker can't explain."""
    from holdfast.cli import reconcile as command

    raise typer.Exit(command.resolve(config, account, order_id, not_sent, canceled, reason, timeout, as_json))


@app.command(rich_help_panel="Act")
def rename_account(
    old: Annotated[str, typer.Argument(metavar="OLD", help="The account's name in the journal.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The name that it gets, with all that is recorded of it.")],
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Give an account of the journal another name. Refused while an engine has it."""
    from holdfast.cli import rename

    raise typer.Exit(rename.run(config, old, new, as_json))


@app.command(rich_help_panel="Act")
def rename_strategy(
    old: Annotated[str, typer.Argument(metavar="OLD", help="The strategy's id in the journal.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The id that it gets, with all that it holds.")],
    account: Annotated[
        str | None, typer.Option("-a", "--account", help="In which account; may be left out if it traded in one.")
    ] = None,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Give a strategy another id in the journal. Refused while an engine has the account."""
    from holdfast.cli import rename

    raise typer.Exit(rename.run_strategy(config, account, old, new, as_json))


@app.command(rich_help_panel="Try")
def torture(
    broker: Annotated[
        str | None, typer.Option(help="Which broker, on this machine.  [alpaca; with --world, brokers of every kind]")
    ] = None,
    db: Annotated[str, typer.Option(metavar="sqlite|postgres|mariadb", help="Where the journal is.")] = "sqlite",
    kills: Annotated[int, typer.Option(min=1, max=MOST, help="How often the engine is killed.")] = 100,
    seed: Annotated[int, typer.Option(min=0, max=MOST, help="Another plan of kills and faults.")] = 1,
    at_once: Annotated[
        int, typer.Option(min=1, max=1000, help="Engines beside each other, each on a broker of its own.")
    ] = 2,
    json_to: Annotated[
        str | None, typer.Option("--json", metavar="OUT|-", help="The results as JSON; - is stdout.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="A database server, on which a database is made and dropped.  [the local one]")
    ] = None,
    world: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST, metavar="SEEDS", help="Instead, live through so many simulated worlds, from --seed on."
        ),
    ] = None,
) -> None:
    """Kill engines on a broker that fails, and count what was lost or doubled. Exit status 1 if anything was."""
    if world is not None:
        from holdfast.cli import world as worlds

        raise typer.Exit(worlds.run(seed, world, at_once, json_to, broker))
    from holdfast.torture.processes.campaign import Options
    from holdfast.torture.processes.stores import KINDS

    if db not in KINDS:
        raise InvalidValue(f"--db can be {', '.join(KINDS)}, not {db!r}")
    if url is not None and db == "sqlite":
        raise InvalidValue("--url names a database server; with --db sqlite the journal is a file: leave it out")
    from holdfast.cli import torture

    raise typer.Exit(torture.run(Options(broker or "alpaca", db, kills, seed, url, at_once), json_to))


def main() -> NoReturn:
    """The ``holdfast`` command: an error is one line on stderr, and its kind is the exit status.

    The process ends here and at once. A data file that was opened and given up may still be read ahead by its library's
    threads; the interpreter's ordinary end would tear them down at work, which aborts it now and then. All of ours is closed.
    """
    status = _status_of_command()
    logs = sys.modules.get("holdfast.telemetry.logs")
    if logs is not None:
        logs.end_logs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        status = 1  # nobody reads any more
    sentry.end()
    os._exit(status)


def _status_of_command() -> int:
    os.umask(0o077)  # what is written is the user's own: positions, orders, reports
    redact_crashes()
    arm_from_environment()
    use_exact()
    only_once(signal.SIGINT)
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except HoldfastError as error:
        sentry.report(error)
        return _failed(str(error), error.exit_status)
    except KeyboardInterrupt:
        return _failed("interrupted", INTERRUPTED)
    except BrokenPipeError:
        return 1
    except Exception as error:  # noqa: BLE001 - a person gets a line, whatever it was
        sentry.report(error)
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return _failed(f"this should not have happened: {text} (HOLDFAST_DEBUG=1 shows where; please report it)", 1)
    return 0


def _failed(text: str, status: int) -> int:
    if os.environ.get("HOLDFAST_DEBUG"):
        print(crash_text(sys.exception()), end="", file=sys.stderr)
    print("holdfast:", REDACTOR.text(" ".join(text.split())), file=sys.stderr)
    return status
