"""``holdfast day``: the numbers of a trading day."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from holdfast.cli import terminal
from holdfast.cli.place import config_for_reading, known_account
from holdfast.cli.terminal import BAD, DIM, GOOD, WARN, Cell, many, money, percent, signed, when, zone_name
from holdfast.config import Config
from holdfast.errors import InvalidValue
from holdfast.journal.reader import Reader
from holdfast.views import encode
from holdfast.views.day import Day, DayPnl, DaySlippage, DayTrades, Refused, day

SHOWN = 10
"""So many refusals and incidents are told one by one; with ``--json`` as many as the view has."""


def show(config_file: Path | None, date: str | None, account: str | None, as_json: bool) -> None:
    """Print a day of one account or of all that have it. Raises :class:`~holdfast.errors.InvalidValue` when none has."""
    config = config_for_reading(config_file)
    with Reader.open(config.journal.url) as reader:
        found = _days(reader, config, date, known_account(config, account))
    if as_json:
        terminal.print_json([encode.as_json(each) for each in found])
        return
    console = terminal.console()
    for place, each in enumerate(found):
        if place:
            console.print()
        _print(console, each)


def _days(reader: Reader, config: Config, date: str | None, account: str | None) -> list[Day]:
    if account is not None:
        return [day(reader, account, date)]
    found, missing = [], []
    there = {row.account for row in reader.accounts()}
    for each in config.accounts:
        try:
            if each.name in there:
                found.append(day(reader, each.name, date))
        except InvalidValue as error:
            missing.append(error)
    if found:
        return found
    raise missing[0] if missing else InvalidValue("no account has traded yet: there is no day to tell of")


def _print(console: Console, found: Day) -> None:
    so_far = (
        "is over" if found.is_over else f"goes on, last heard of at {when(found.last_ns)} {zone_name(found.last_ns)}"
    )
    console.print(Text.assemble((f"{found.account}  {found.date}", "bold"), (f"  the trading day {so_far}", DIM)))
    rows: list[tuple[str, Cell]] = [*_money(found.pnl, found.currency), ("trades", _trades(found.trades))]
    rows.append(("orders", _orders(found)))
    rows.append(("fills", _fills(found)))
    rows.append(("slippage", _slippage(found.slippage)))
    if found.strategies:
        each = [Text.assemble(f"{name} ", signed(pnl)) for name, pnl in found.strategies.items()]
        rows.append(("strategies", Text("  ").join(each)))
    rows += _counted("refused by risk", found.refused)
    rows += _counted("by the broker", found.rejected)
    counted = ", ".join(f"{count} {kind}" for kind, count in found.incidents.items())
    rows.append(("incidents", Text(counted, style=WARN) if counted else Text("none", style=GOOD)))
    for incident in found.latest_incidents[-SHOWN:]:
        rows.append(("", Text.assemble((f"{when(incident.time_ns)}  ", DIM), incident.text)))
    console.print(terminal.facts(rows))


def _money(pnl: DayPnl | None, currency: str) -> list[tuple[str, Cell]]:
    if pnl is None:
        return [("equity", Text("never valued on this day", style=DIM))]
    worth = f"{money(pnl.start_equity)} to {money(pnl.end_equity)}{f' {currency}' if currency else ''}  "
    parts = Text.assemble(signed(pnl.realised), ("  unrealised ", DIM), signed(pnl.unrealised))
    return [
        ("equity", Text.assemble(worth, signed(pnl.total), "  ", percent(pnl.total_pct))),
        ("realised", parts.append("  fees ", style=DIM).append(money(pnl.fees))),
    ]


def _trades(found: DayTrades) -> Text:
    if found.best is None or found.worst is None:
        return Text("none closed", style=DIM)
    text = f"{found.count} closed, {found.wins} won, {found.losses} lost; best "
    return Text.assemble(text, signed(found.best), ", worst ", signed(found.worst))


def _orders(found: Day) -> str:
    each = ", ".join(f"{count} {state}" for state, count in found.orders.items())
    return f"{found.placed:,}: {each}" if each else "none"


def _fills(found: Day) -> str:
    if not found.fills:
        return "none"
    return f"{found.fills:,} in {' '.join(found.symbols)}: bought {money(found.bought)}, sold {money(found.sold)}"


def _slippage(found: DaySlippage) -> Text:
    if found.bps is None:
        return Text("nothing to compare", style=DIM)
    worse = "worse" if found.amount > 0 else "better"
    style = BAD if found.amount > 0 else GOOD
    amount = f"{money(abs(found.amount))} {worse} than meant"
    return Text.assemble((amount, style), f", {abs(found.bps):.2f} bps on {many(found.fills, 'fill')}")


def _counted(name: str, found: list[Refused]) -> list[tuple[str, Cell]]:
    rows: list[tuple[str, Cell]] = []
    for refused in found[:SHOWN]:
        said = "" if refused.text == refused.why else refused.text
        rows.append((name, Text.assemble((f"{refused.count:,} {refused.why}  ", WARN), (said, DIM))))
        name = ""
    return rows
