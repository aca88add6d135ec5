"""``holdfast status``: engines, accounts and strategies at a glance."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from holdfast.cli import terminal
from holdfast.cli.place import JOURNAL, config_for_reading
from holdfast.cli.terminal import BAD, DIM, GOOD, WARN, Cell, many, money, percent, signed, when, zone_name
from holdfast.cli.unwatched import unwatched
from holdfast.config import Config
from holdfast.core.session.account import AccountState
from holdfast.core.types import plain
from holdfast.journal.board import Commits
from holdfast.journal.database import open_database
from holdfast.journal.reader import Reader
from holdfast.monitor.verdicts import Level
from holdfast.views import status as views
from holdfast.views.performance import Valuation
from holdfast.views.pipeline import PipelineView
from holdfast.views.status import AccountStatus, StrategyStatus, Supervisor

if TYPE_CHECKING:
    from holdfast.tracing.places import Counts


def status(config_file: Path | None, as_json: bool) -> None:
    """Print how things stand, from the journal alone."""
    config = config_for_reading(config_file, JOURNAL)
    found = views.status(config)
    misfits, traces = _misfits(config), _traces(config)
    if as_json:
        more = {} if config.audit.anchor_file is None else {"anchor_problems": misfits}
        traced = {} if traces is None else {"traces": traces._asdict()}
        terminal.print_json(views.status_json(found) | more | traced)
        return
    console = terminal.console()
    for account in found.accounts:
        _print(account, console)
    lonely = unwatched(config) if any(account.running for account in found.accounts) else ""
    if lonely:
        console.print(Text(lonely, style=WARN), soft_wrap=True)
    if traces is not None:
        console.print(_of_traces(traces), soft_wrap=True)
    for text in misfits:
        console.print(Text(f"{text} (`holdfast audit verify`)", style=BAD), soft_wrap=True)


def _misfits(config: Config) -> list[str]:
    """What is not as the end of the anchor file says."""
    if config.audit.anchor_file is None or not open_database(config.journal.url).exists():
        return []
    from holdfast.journal import anchor_log

    with Reader.open(config.journal.url) as reader:
        return anchor_log.misfits(reader, anchor_log.tail(Path(config.audit.anchor_file)))


def _traces(config: Config) -> "Counts | None":
    """What has become of the spans that the observer sends; None where it sends none."""
    if config.tracing.otlp is None:
        return None
    from holdfast.tracing.places import Counts, Places

    with closing(Places(config.observer.url)) as places:
        return places.counts() if places.exists() else Counts()


def _of_traces(traces: "Counts") -> Text:
    text = Text(f"traces: {many(traces.sent, 'span')} sent, {traces.rejected:,} rejected, {traces.left_out:,} left out")
    if traces.trouble:
        text.append(f"; held up, and nothing is lost: {traces.trouble}", style=WARN)
    return text


def _print(found: AccountStatus, console: Console) -> None:
    if found.state is None:
        console.print(Text.assemble((found.account, "bold"), ("  was never started", DIM)))
        return
    console.print(Text.assemble((found.account, "bold"), "  ", _engine(found)))
    if found.valuation is None:
        console.print(Text(f"nothing is known of its money yet: {found.why_unknown}", style=DIM))
    else:
        console.print(terminal.facts(_facts(found, found.state, found.valuation)))
    console.print()


def _facts(found: AccountStatus, state: str, value: Valuation) -> list[tuple[str, Cell]]:
    held = ", ".join(f"{plain(row.quantity)} {row.symbol}" for row in found.positions)
    pairs: list[tuple[str, Cell]] = [
        ("state", _state(state)),
        ("equity", _equity(value)),
        (
            "cash",
            ", ".join([money(value.cash), *(f"{money(cash)} {name}" for name, cash in value.balances.items())]),
        ),
        ("open orders", f"{found.open_orders}"),
        ("positions", held or "none"),
    ]
    pairs += [("strategy", _strategy_line(row)) for row in found.strategies]
    pairs += [("missing", Text(f"{cause}: {reason}", style=WARN)) for cause, reason in found.missing.items()]
    pairs += [
        ("unprotected", Text(f"{row.symbol} of {row.strategy}: {row.alarm}", style=BAD)) for row in found.protection
    ]
    if found.supervisor is not None and found.supervisor.last_run_ns is not None:
        pairs.append(("supervisor", _supervisor_text(found.supervisor, found.supervisor.last_run_ns)))
    for refused in found.refusals:
        text = f"{refused.count} x {refused.rule}, last {when(refused.time_ns)}: {refused.text}"
        pairs.append(("refused", Text(text, style=WARN)))
    if found.pipeline is not None and found.running:
        pairs.append(("pipeline", _pipeline(found.pipeline)))
    if found.stale:
        pairs.append(("stale", Text(", ".join(found.stale), style=WARN)))
    pairs.append(
        ("market", f"{when(found.market_time_ns or 0)} {zone_name(found.market_time_ns or 0)} on {found.feed}")
    )
    age = terminal.ago(found.last_write_age_s or 0)
    records = many(found.last_record or 0, "record")
    pairs.append(("journal", f"{records}, epoch {found.epoch}, last written {age} ago"))
    if found.commits is not None:
        pairs.append(("commits", _commits(found.commits)))
    return pairs


def _commits(of: Commits) -> Text:
    times = (
        "" if of.p50_s is None or of.p99_s is None else f", p50 {of.p50_s * 1000:.1f} ms, p99 {of.p99_s * 1000:.1f} ms"
    )
    text = Text(f"{of.count:,} since the start{times}, {of.records:g} records and {of.bytes / 1000:.1f} kB each")
    if of.slow:
        text.append(f"; {many(of.slow, 'slow statement')}, the slowest {of.slowest} {of.slowest_s:.2f} s", style=WARN)
    found = ((of.waited, "waited for a lock"), (of.lock_waits, "gave up a lock"), (of.deadlocks, "met a deadlock"))
    for number, what in found:
        if number:
            text.append(f"; {number:,} {what}", style=WARN)
    return text


def _pipeline(row: PipelineView) -> Text:
    if row.level not in (Level.DEGRADED, Level.CRITICAL):
        return Text.assemble(
            (row.level, GOOD if row.level is Level.HEALTHY else DIM), (f"  {row.stage}: {row.reason}", DIM)
        )
    style = BAD if row.level is Level.CRITICAL else WARN
    return Text.assemble((row.level, f"bold {style}"), f"  {row.stage}: {row.reason}; {row.next_step}")


def _supervisor_text(row: Supervisor, last_run_ns: int) -> Text:
    numbers = {name: getattr(row, name) for name in views.SUPERVISED}
    counts = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in numbers.items() if number)
    text = Text(f"{row.pending} pending; {counts or 'nothing done'} at {when(last_run_ns)}")
    return text.append(f"  {row.last_error}", style=WARN) if row.last_error else text


def _engine(found: AccountStatus) -> Text:
    if found.running:
        return Text(f"running ({found.process})", style=GOOD)
    return Text(f"not running: {found.ended}", style=WARN)


def _state(state: str) -> Text:
    takes_risk = AccountState(state).takes_risk if state else True
    return Text(state, style="" if takes_risk else f"bold {WARN}")


def _equity(value: Valuation) -> Text:
    text = Text.assemble((money(value.equity), "bold"), ("  today ", DIM), signed(value.day_pnl))
    if value.valued_ns is not None:
        text.append(" ").append_text(percent(value.day_pnl_pct))
        text.append(f"  as of {when(value.valued_ns)}", style=DIM)
    return text


def _strategy_line(row: StrategyStatus) -> Text:
    name = f"{row.strategy} on {' '.join(row.symbols)}  "
    if row.running:
        return Text.assemble(name, ("running", GOOD))
    if row.off:
        return Text.assemble(name, (row.why, WARN))
    return Text.assemble(name, (f"stopped: {row.why}", BAD) if row.stopped else ("waits for the engine", DIM))
