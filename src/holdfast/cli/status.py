"""``holdfast status``: engines, accounts and strategies at a glance."""

import time
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa
from rich.console import Console
from rich.text import Text

from holdfast.cli import report, rows, terminal
from holdfast.cli.place import config_for_reading
from holdfast.cli.terminal import BAD, DIM, GOOD, WARN, Cell, many, money, percent, signed, to_the_second
from holdfast.config import AccountConfig, Config
from holdfast.core.findings import SupervisorCycle
from holdfast.core.messages import Envelope, PnlSnapshot, RiskRefused
from holdfast.core.milestones import (
    EngineStarted,
    EngineStopped,
    FeedOpened,
    Impaired,
    MarketFresh,
    MarketStale,
    Restored,
    StrategyStarted,
    StrategyStopped,
)
from holdfast.core.protection.records import (
    ExitBlocked,
    PositionLeft,
    ProtectionComplete,
    ProtectionFailed,
    ProtectionLate,
)
from holdfast.core.session.account import AccountState
from holdfast.core.types import SECOND_NS, iso_time, plain
from holdfast.journal import tables
from holdfast.journal.database import public
from holdfast.journal.reader import AccountRow, Reader, to_envelope

REFUSALS_READ = 1000
"""How many of the latest refusals are counted: enough to see what bars the strategies, and read in no time."""
PROTECTION = (ProtectionComplete, ProtectionLate, ProtectionFailed, PositionLeft, ExitBlocked)
SUPERVISED = ("claimed", "submitted", "failed", "retryable", "skipped", "errors", "lock_skips")
"""What a supervisor counts."""


def status(config_file: Path | None, as_json: bool) -> None:
    """Print how things stand, from the journal alone."""
    config = config_for_reading(config_file)
    with Reader.open(config.journal.url) as reader:
        known = {row.account: row for row in reader.accounts()}
        found = [_account(config, account, known.get(account.name), reader) for account in config.accounts]
    if as_json:
        terminal.print_json({"journal": public(config.journal.url), "accounts": found})
        return
    console = terminal.console()
    for account in found:
        _print(account, console)


def _age_s(reader: Reader, row: AccountRow) -> float:
    """Seconds of real time since something was last written, as far as this machine's clock and the engine's agree."""
    written_s = reader.database.written_s() or max(row.started_ns, row.renewed_ns) / SECOND_NS
    return max(0.0, time.time() - written_s)


def _account(config: Config, account: AccountConfig, row: AccountRow | None, reader: Reader) -> rows.Json:
    strategies = [strategy for strategy in config.strategies if strategy.account == account.name]
    if row is None:
        never = [
            {"strategy": strategy.id, "running": False, "stopped": False, "why": "never started"}
            for strategy in strategies
        ]
        return {"account": account.name, "running": False, "state": None, "strategies": never}
    running = reader.is_running(account.name)
    started = reader.last_record(account.name, EngineStarted.__name__)
    stopped = reader.last_record(account.name, EngineStopped.__name__)
    last = reader.last_record(account.name)
    feed = reader.last_record(account.name, FeedOpened.__name__)
    since = started.sequence if started else 0
    stops: dict[str, str] = {}  # the last word on each strategy: a stopped one is not started again after a crash
    for record in _records(reader, account.name, 0, StrategyStarted, StrategyStopped):
        if isinstance(record.body, StrategyStopped):
            stops[record.body.strategy] = f"{record.body.reason}: {record.body.detail}"
        elif isinstance(record.body, StrategyStarted):
            stops.pop(record.body.strategy, None)
    held = rows.positions_json(reader.positions(account.name))
    return {
        "account": account.name,
        "broker": row.broker,
        "running": running,
        "process": row.process,
        "ended": _ended(running, stopped, since) if row.last_sequence or running else NEVER_BEGAN,
        "state": row.state,
        "epoch": row.epoch,
        **_value(reader, account.name, row),
        "open_orders": len(reader.orders(account.name, live_only=True)),
        "positions": held,
        "strategies": [_strategy(strategy.id, strategy.symbols, running, stops) for strategy in strategies],
        "feed": feed.body.name if feed and isinstance(feed.body, FeedOpened) else None,
        "market_time": iso_time(last.time_ns) if last else None,
        "stale": _stale(_records(reader, account.name, feed.sequence if feed else 0, MarketStale, MarketFresh)),
        "missing": _missing(_records(reader, account.name, 0, Impaired, Restored)),
        "refusals": _refusals(reader, account.name, since),
        "protection": _protection(_records(reader, account.name, 0, *PROTECTION), held),
        "supervisor": _supervisor(reader, account.name),
        "last_record": row.last_sequence,
        "last_write_age_s": round(_age_s(reader, row), 3),
    }


STARTING = "the engine is starting, and the broker has not answered so far; its log says what it waits for"
NEVER_BEGAN = "nothing is recorded of it: no start has got so far"
"""What is said of an account that a refused start has left."""


def _records(reader: Reader, account: str, after: int, *kinds: type) -> list[Envelope]:
    """Records of some types, after a sequence."""
    columns = tables.records.c
    statement = (
        sa.select(tables.records)
        .where(
            columns.account == account, columns.sequence > after, columns.type.in_([kind.__name__ for kind in kinds])
        )
        .order_by(columns.sequence)
    )
    return [to_envelope(row) for row in reader.fetch(statement)]


def _ended(running: bool, stopped: Envelope | None, since: int) -> str | None:
    """How the last run ended; None while one is going on."""
    if running:
        return None
    if stopped is None or stopped.sequence < since or not isinstance(stopped.body, EngineStopped):
        return "it died without a word; the next start brings everything back"
    return stopped.body.reason


def _value(reader: Reader, account: str, row: AccountRow) -> rows.Json:
    """The newest valuation in the journal: one is made at every fill and every hour."""
    if not row.last_sequence:  # a start has yet to hear what the broker has
        return {"equity": None, "cash": None, "day_pnl": None, "valued": None}
    last = reader.last_record(account, PnlSnapshot.__name__)
    if last is None or not isinstance(last.body, PnlSnapshot):
        return {"equity": plain(row.cash), "cash": plain(row.cash), "day_pnl": "0", "valued": None}
    body = last.body
    figures = ("equity", "realised", "unrealised", "fees", "gross_exposure")
    return {
        **{name: plain(getattr(body, name)) for name in figures},
        "cash": plain(row.cash),
        "day_pnl": plain(body.equity - body.day_start_equity),
        "day_pnl_pct": plain(round((body.equity / body.day_start_equity - 1) * 100, 6))
        if body.day_start_equity
        else "0",
        "valued": iso_time(last.time_ns),
    }


def _strategy(name: str, symbols: list[str], running: bool, stops: dict[str, str]) -> rows.Json:
    why = stops.get(name, "" if running else "the engine is not running")
    is_stopped = name in stops
    return {
        "strategy": name,
        "symbols": symbols,
        "running": running and not is_stopped,
        "stopped": is_stopped,
        "why": why,
    }


def _stale(records: Iterable[Envelope]) -> list[str]:
    stale: set[str] = set()
    for record in records:
        if isinstance(record.body, MarketStale):
            stale.add(record.body.symbol)
        elif isinstance(record.body, MarketFresh):
            stale.discard(record.body.symbol)
    return sorted(stale)


def _refusals(reader: Reader, account: str, since: int) -> list[rows.Json]:
    """What risk refused since the engine was started, by rule, the latest first: how often, and the last one."""
    columns = tables.records.c
    statement = (
        sa.select(tables.records)
        .where(columns.account == account, columns.sequence > since, columns.type == RiskRefused.__name__)
        .order_by(columns.sequence.desc())
        .limit(REFUSALS_READ)
    )
    found: dict[str, rows.Json] = {}
    for record in map(to_envelope, reader.fetch(statement)):
        body = record.body
        if not isinstance(body, RiskRefused):
            continue
        last = {"rule": body.rule, "count": 0, "strategy": body.strategy, "symbol": body.symbol, "figure": body.figure}
        row = found.setdefault(
            body.rule, last | {"limit": body.limit, "text": body.text, "time": iso_time(record.time_ns)}
        )
        row["count"] += 1
    return list(found.values())


def _supervisor(reader: Reader, account: str) -> rows.Json | None:
    """What was last recorded of pending orders, and those that are claimed or wait to be; None when there never was one."""
    pending = reader.count(tables.claims, account)
    last = reader.last_record(account, SupervisorCycle.__name__)
    if last is None or not isinstance(last.body, SupervisorCycle):
        return {"pending": pending} if pending else None
    body = last.body
    counts = {name: getattr(body, name) for name in SUPERVISED}
    success = iso_time(body.last_success_ns) if body.last_success_ns else None
    return {
        "pending": pending,
        **counts,
        "last_run": iso_time(last.time_ns),
        "last_success": success,
        "last_error": body.error or None,
    }


def _protection(records: Iterable[Envelope], held: list[rows.Json]) -> list[rows.Json]:
    """The last alarm of each position that is held still and isn't protected."""
    alarms: dict[tuple[str, str], str] = {}
    for record in records:
        body = record.body
        if isinstance(body, ProtectionComplete):
            alarms.pop((body.strategy, body.symbol), None)
        elif isinstance(body, ProtectionLate):
            text = f"{plain(body.protected)} of {plain(body.quantity)} protected for {body.unprotected_ns / SECOND_NS:.0f} s"
            alarms[body.strategy, body.symbol] = text
        elif isinstance(body, ProtectionFailed | PositionLeft | ExitBlocked):
            alarms[body.strategy, body.symbol] = body.reason
    open_symbols = {row["symbol"] for row in held}
    found = sorted(alarms.items())
    return [{"strategy": key[0], "symbol": key[1], "alarm": text} for key, text in found if key[1] in open_symbols]


def _missing(records: Iterable[Envelope]) -> dict[str, str]:
    """What keeps the account from taking risk, each with its reason."""
    missing: dict[str, str] = {}
    for record in records:
        if isinstance(record.body, Impaired):
            missing[record.body.cause] = record.body.reason
        elif isinstance(record.body, Restored):
            missing.pop(record.body.cause, None)
    return missing


# --- for people -------------------------------------------------------------------------------------------------------


def _print(found: rows.Json, console: Console) -> None:
    if found["state"] is None:
        console.print(Text.assemble((found["account"], "bold"), ("  was never started", DIM)))
        return
    console.print(Text.assemble((found["account"], "bold"), "  ", _engine(found)))
    if found["equity"] is None:
        console.print(
            Text("nothing is known of its money yet: " + (STARTING if found["running"] else NEVER_BEGAN), style=DIM)
        )
        console.print()
        return
    pairs: list[tuple[str, Cell]] = [
        ("state", _state(found["state"])),
        ("equity", _equity(found)),
        ("cash", money(Decimal(found["cash"]))),
        ("open orders", f"{found['open_orders']}"),
        ("positions", ", ".join(f"{row['quantity']} {row['symbol']}" for row in found["positions"]) or "none"),
    ]
    pairs += [("strategy", _strategy_line(row)) for row in found["strategies"]]
    pairs += [("missing", Text(f"{cause}: {reason}", style=WARN)) for cause, reason in found["missing"].items()]
    pairs += [
        ("unprotected", Text(f"{row['symbol']} of {row['strategy']}: {row['alarm']}", style=BAD))
        for row in found["protection"]
    ]
    if found["supervisor"] and found["supervisor"].get("last_run"):
        pairs.append(("supervisor", _supervisor_text(found["supervisor"])))
    for row in found["refusals"]:
        pairs.append(
            (
                "refused",
                Text(f"{row['count']} x {row['rule']}, last {to_the_second(row['time'])}: {row['text']}", style=WARN),
            )
        )
    if found["stale"]:
        pairs.append(("stale", Text(", ".join(found["stale"]), style=WARN)))
    time_text = to_the_second(found["market_time"] or "")
    pairs.append(("market", f"{time_text} UTC on {found['feed']}"))
    age = terminal.ago(found["last_write_age_s"])
    pairs.append(("journal", f"{many(found['last_record'], 'record')}, epoch {found['epoch']}, last written {age} ago"))
    console.print(report.facts(pairs))
    console.print()


def _supervisor_text(row: rows.Json) -> Text:
    counts = ", ".join(f"{row[name]} {name.replace('_', ' ')}" for name in SUPERVISED if row[name])
    text = Text(f"{row['pending']} pending; {counts or 'nothing done'} at {to_the_second(row['last_run'])}")
    return text.append(f"  {row['last_error']}", style=WARN) if row["last_error"] else text


def _engine(found: rows.Json) -> Text:
    if found["running"]:
        return Text(f"running ({found['process']})", style=GOOD)
    return Text(f"not running: {found['ended']}", style=WARN)


def _state(state: str) -> Text:
    takes_risk = AccountState(state).takes_risk if state else True
    return Text(state, style="" if takes_risk else f"bold {WARN}")


def _equity(found: rows.Json) -> Text:
    text = Text.assemble(
        (money(Decimal(found["equity"])), "bold"), ("  today ", DIM), signed(Decimal(found["day_pnl"]))
    )
    if found["valued"]:
        text.append(" ").append_text(percent(Decimal(found["day_pnl_pct"])))
        text.append(f"  as of {to_the_second(found['valued'])}", style=DIM)
    return text


def _strategy_line(row: rows.Json) -> Text:
    name = f"{row['strategy']} on {' '.join(row['symbols'])}  "
    if row["running"]:
        return Text.assemble(name, ("running", GOOD))
    return Text.assemble(name, (f"stopped: {row['why']}", BAD) if row["stopped"] else ("waits for the engine", DIM))
