"""``holdfast run``: an engine on the configured feed, and what happens as lines."""

import datetime as dt
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

import msgspec
from rich.console import Console
from rich.text import Text

from holdfast.assembly import build_feed, calendar_notes, session_notes, tick_notes, timeframe_notes
from holdfast.cli import terminal
from holdfast.cli.backtest import check_data
from holdfast.cli.log_setup import log_setting, set_up_from
from holdfast.cli.narrate import Narrator
from holdfast.cli.observe_child import observe_child
from holdfast.cli.place import tell_of_errors
from holdfast.cli.progress import Update, progress
from holdfast.cli.session import Session, Ticker, audited, duration_of
from holdfast.cli.start_report import Started, log_start
from holdfast.cli.start_report import facts as start_facts
from holdfast.cli.terminal import DIM, Cell, Column, count, many, money, percent, price, signed, table, when, zone_name
from holdfast.cli.unblocked import unblocked
from holdfast.config import DEFAULT_PATH, Config, load_config
from holdfast.core.state import EngineState
from holdfast.feeds.live import LiveFeed
from holdfast.feeds.pace import parse_speed
from holdfast.feeds.port import Feed
from holdfast.journal.database import public
from holdfast.runtime.compose import Engine, open_engine
from holdfast.runtime.identity import Beginning
from holdfast.runtime.reloading import Reloader
from holdfast.runtime.standby import Waiting
from holdfast.telemetry.logs import change_levels


class Beside(NamedTuple):
    """What runs in processes beside the engine's: the page, the observer."""

    web: bool = False
    observer: bool = False


ALONE = Beside()


def run(
    config_file: Path | None,
    speed: str | None,
    duration: str | None,
    stands_by: bool,
    as_json: bool,
    beginning: Beginning | None = None,
    beside: Beside = ALONE,
) -> int:
    """Trade until the feed ends, a signal comes or the time is over. Exit status 0; raises HoldfastError.

    A standby first waits until no other engine has its accounts. ``beginning`` is what a person says begins anew; ``beside`` what
    runs in processes beside this one.
    """
    path, duration_s = config_file or DEFAULT_PATH, duration_of(duration)
    read = load_config(path)
    config, reloader = with_speed(read, speed), Reloader(path, read)
    tell_of_errors(config, "engine")
    with (
        page_of(path, config) if beside.web else nullcontext(),
        observe_child(path) if beside.observer else nullcontext(),
    ):
        return _trade(reloader, config, duration_s, stands_by, as_json, beginning)


def _trade(
    reloader: Reloader,
    config: Config,
    duration_s: float | None,
    stands_by: bool,
    as_json: bool,
    beginning: Beginning | None,
) -> int:
    is_live = len(config.sources) > 1 or config.sources[0].is_live
    level = logging.WARNING if is_live else logging.ERROR
    logs = set_up_from(config.logs, level)
    reloader.on_change.append(lambda found: change_levels(log_setting(found.logs, level)))
    feeds = {source.name: build_feed(config, source) for source in config.sources if not source.is_live}
    totals = [check_data(feed) for feed in feeds.values()]
    total = totals[0] if len(totals) == len(config.sources) == 1 else None
    session = Session(config)
    with unblocked() as console:
        with open_engine(config, session.watch, feeds, Waiting(stands_by, terminal.say), beginning, reloader) as engine:
            started = Started(str(reloader.path), config, engine.where, logs, engine.metrics_url)
            _begin(started, engine)
            if as_json:
                session.run(engine, duration_s, session.news.clear)
            else:
                _show(started, session, engine, console, duration_s, total)
        if not as_json:
            summary(session, engine, console)
    if as_json:
        terminal.print_json(audited(session, engine))
    for account, error in engine.loop.failures.items():
        terminal.say(f"account {account} could not go on: {error}")
    return next((error.exit_status for error in engine.loop.failures.values()), 0)


def _begin(started: Started, engine: Engine) -> None:
    """Say what a person should know before the first order, and tell the log what is in force."""
    config, today = started.config, dt.datetime.now(dt.UTC).date().isoformat()
    notes = [*_timeframe_notes(config, engine), *tick_notes(config), *calendar_notes(config, today)]
    for note in [*notes, *session_notes(config)]:
        terminal.say(note)
    if engine.metrics_url is not None:
        terminal.say(f"metrics are served at {engine.metrics_url}")
    log_start(started)


@contextmanager
def page_of(path: Path, config: Config) -> Iterator[None]:
    """The page of a configuration, served as long as this is entered. Raises :class:`~holdfast.errors.Refused` when it can't be."""
    from holdfast.cli.web_child import web_child

    with web_child(path, config) as url:
        terminal.say(f"the page is at {url}")
        yield


def _timeframe_notes(config: Config, engine: Engine) -> list[str]:
    notes: list[str] = []
    for source, feed in zip(config.sources, engine.feeds, strict=True):
        strategies = config.strategies_on(*(account.name for account in config.accounts_on(source)))
        notes += timeframe_notes(strategies, feed)
    return notes


def with_speed(config: Config, speed: str | None) -> Config:
    """The configuration at another speed. Raises :class:`~holdfast.errors.InvalidValue`."""
    if speed is None:
        return config
    parse_speed(speed)
    feed, *feeds = (msgspec.structs.replace(source, speed=speed) for source in (config.feed, *config.feeds))
    return msgspec.structs.replace(config, feed=feed, feeds=feeds)


def _show(
    started: Started, session: Session, engine: Engine, console: Console, duration_s: float | None, total: int | None
) -> None:
    header(started, engine.feeds, console)
    narrate = Narrator(session, engine, console)
    flat_out = str(session.config.sources[0].speed) == "max"
    if total is None or not flat_out:
        session.run(engine, duration_s, narrate)
    else:
        with progress("run", "bars", total, console if console.is_terminal else None) as update:
            session.run(engine, duration_s, _both(narrate, engine, update, total))
    narrate()


def _both(narrate: Narrator, engine: Engine, update: Update, total: int) -> Ticker:
    def tick() -> None:
        narrate()
        update(engine.loop.events + engine.loop.replayed, total)

    return tick


def header(started: Started, feeds: Sequence[Feed | LiveFeed], console: Console) -> None:
    """Who trades what, whose money it is, on which data, by which limits, and where it is recorded."""
    config = started.config
    accounts = ", ".join(f"{account.name} ({account.broker}, {account.calendar})" for account in config.accounts)
    strategies = [f"{row.id} on {' '.join(row.symbols)}" for row in config.strategies]
    speeds = ["live" if source.is_live else _speed(str(source.speed)) for source in config.sources]
    pairs = [("feed", f"{feed.name}, {speed}") for feed, speed in zip(feeds, speeds, strict=True)]
    console.print(
        terminal.facts(
            [
                ("account" if len(config.accounts) == 1 else "accounts", accounts),
                ("strategies", ", ".join(strategies) or "none"),
                *pairs,
                ("journal", public(config.journal.url)),
                *start_facts(started),
            ]
        )
    )
    console.print(Text(f"times are {zone_name(time.time_ns())}; Ctrl-C stops in order", style=DIM))


def _speed(speed: str) -> str:
    return "flat out" if speed == "max" else f"{speed} x real time"


def summary(session: Session, engine: Engine, console: Console) -> None:
    """What the run came to."""
    counts, loop = session.counts, engine.loop
    console.print()
    console.print(Text(f"Ended: {session.reason}.", style="bold"))
    if not loop.recovered.is_set():
        console.print("It was still on its way back: nothing was traded, nothing was recorded.", soft_wrap=True)
        return
    again = f", {loop.replayed:,} seen again" if loop.replayed else ""
    done = f"{many(counts['OrderPrepared'], 'order')}, {many(counts['OrderFilled'], 'fill')}"
    refused = f", {many(counts['RiskRefused'], 'refusal')}" if counts["RiskRefused"] else ""
    events = "bars" if all(feed.bar_ns is not None for feed in engine.feeds) else "trades and quotes"
    facts: list[tuple[str, Cell]] = [
        ("this run", f"{loop.events:,} {events}{again}, {done}{refused}"),
        *_accounts(engine),
    ]
    for name, metrics in engine.metrics.items():
        if metrics.summary()["calls"]:
            facts.append(
                (f"requests of {name}" if len(engine.accounts) > 1 else "requests", _requests(metrics.summary()))
            )
    console.print(terminal.facts(facts))
    rows = [row for account in engine.accounts for row in _held(account.state)]
    if rows:
        columns = [
            Column("account", 1),
            Column("symbol"),
            Column("quantity", right=True),
            Column("average", right=True),
        ]
        columns += [Column("last", 1, right=True), Column("unrealised", right=True)]
        console.print(table(columns, rows, console.width))


def _requests(found: dict[str, float | None]) -> str:
    """How the broker's REST did."""
    times = [f"{name[:3]} {value * 1000:,.0f} ms" for name in ("p50_s", "p95_s") if (value := found[name]) is not None]
    return f"{found['calls']:,.0f} to the broker, {found['failed']:,.0f} refused or unanswered; {', '.join(times)}"


def _accounts(engine: Engine) -> list[tuple[str, Cell]]:
    pairs: list[tuple[str, Cell]] = []
    for account in engine.accounts:
        state = account.state
        value = state.portfolio.value(state.price)
        deposits = state.portfolio.total.deposits
        gain = value.equity - deposits
        text = Text.assemble((money(value.equity), "bold"), "  ", signed(gain), " ")
        text.append_text(percent(gain / deposits * 100) if deposits else Text(""))
        text.append(
            f"  fees {money(value.fees)}, {many(len(state.orders.live), 'open order')}, {state.account_state}",
            style=DIM,
        )
        pairs.append((account.name, text))
        pairs.append(
            (
                "",
                Text(
                    f"market time {when(state.now_ns)}, {many(state.sequence, 'record')}, epoch {state.epoch}",
                    style=DIM,
                ),
            )
        )
    return pairs


def _held(state: EngineState) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for symbol, line in state.portfolio.open_lines():
        last = state.price(symbol)
        gain = Text("") if last is None else signed(line.worth(line.quantity, last) - line.cost)
        rows.append([state.account, symbol, count(line.quantity), price(line.average_price), price(last), gain])
    return rows
