"""``holdfast status``: engines, accounts and strategies at a glance."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from holdfast.cli import terminal
from holdfast.cli.place import config_for_reading
from holdfast.cli.terminal import BAD, DIM, GOOD, WARN, Cell, many, money, percent, signed, when
from holdfast.core.session.account import AccountState
from holdfast.core.types import plain
from holdfast.views import status as views
from holdfast.views.performance import Valuation
from holdfast.views.status import AccountStatus, StrategyStatus, Supervisor


def status(config_file: Path | None, as_json: bool) -> None:
    """Print how things stand, from the journal alone."""
    found = views.status(config_for_reading(config_file))
    if as_json:
        terminal.print_json(views.status_json(found))
        return
    console = terminal.console()
    for account in found.accounts:
        _print(account, console)


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
    if found.stale:
        pairs.append(("stale", Text(", ".join(found.stale), style=WARN)))
    pairs.append(("market", f"{when(found.market_time_ns or 0)} UTC on {found.feed}"))
    age = terminal.ago(found.last_write_age_s or 0)
    records = many(found.last_record or 0, "record")
    pairs.append(("journal", f"{records}, epoch {found.epoch}, last written {age} ago"))
    return pairs


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
    return Text.assemble(name, (f"stopped: {row.why}", BAD) if row.stopped else ("waits for the engine", DIM))
