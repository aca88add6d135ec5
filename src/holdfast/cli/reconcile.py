"""``holdfast reconcile`` and ``resolve``: the books beside the broker's, and what only a person can know."""

from pathlib import Path

from rich.text import Text

from holdfast.cli import terminal
from holdfast.cli.act import FAILED, client_for, confirm, finish, report
from holdfast.cli.terminal import BAD, GOOD
from holdfast.control.client import Comparison
from holdfast.core.findings import BookLine, Resolution, Resolve
from holdfast.core.types import ClientOrderId, iso_time, plain
from holdfast.errors import InvalidValue
from holdfast.views.encode import Json


def reconcile(
    config: Path | None,
    account: str | None,
    accept: bool,
    reason: str,
    yes: bool,
    timeout_s: float,
    as_json: bool,
) -> int:
    """Have the engine compare, and show both sides; 0 when they agree, or do so now."""
    client = client_for(config, account, timeout_s)
    client.require_engine()
    if accept and not reason:
        raise InvalidValue("--accept needs a --reason: it stands in the journal beside the adjustments")
    if accept and not (yes or as_json):
        confirm(f"Make the books of account {client.account} what the broker has?")
    outcome, found = client.compare(accept, reason)
    if not outcome.is_done:
        return report(outcome, as_json)
    if found is None:
        terminal.say(f"account {client.account} is not at rest: orders are unresolved, or it trades; try again later")
        return FAILED
    _show(_json(client.account, found), as_json)
    return 0 if found.body.agree or accept else FAILED


def _json(account: str, found: Comparison) -> Json:
    body = found.body
    return {
        "account": account,
        "agree": body.agree,
        "accepted": body.accepted,
        "cash": {"ours": plain(body.cash), "theirs": plain(body.broker_cash), "cause": body.cause},
        "positions": [_line(line) for line in body.lines],
        "time": iso_time(found.time_ns),
    }


def _line(line: BookLine) -> Json:
    return {
        "symbol": line.symbol,
        "ours": plain(line.ours),
        "theirs": plain(line.theirs),
        "ledgers": {strategy: plain(quantity) for strategy, quantity in line.ledgers},
        "cause": line.cause,
    }


def _show(found: Json, as_json: bool) -> None:
    if as_json:
        terminal.print_json(found)
        return
    console = terminal.console()
    console.print(Text(f"{'':<12}{'books':>18}{'broker':>18}", style="bold"))
    rows = [("cash", found["cash"]), *((row["symbol"], row) for row in found["positions"])]
    for name, row in rows:
        style = BAD if row["cause"] else ""
        console.print(Text(f"{name:<12}{row['ours']:>18}{row['theirs']:>18}", style=style))
        ledgers = row.get("ledgers", {})
        for strategy, quantity in ledgers.items() if len(ledgers) > 1 or row["cause"] else ():
            console.print(Text(f"  {strategy:<10}{quantity:>18}", style=style))
        if row["cause"]:
            console.print(Text(f"  {row['cause']}", style=style))
    if found["agree"]:
        console.print(Text("the books agree with the broker", style=GOOD))
    elif found["accepted"]:
        console.print(Text("the differences were taken over, as adjustments in the journal", style=GOOD))
    else:
        console.print(Text("`holdfast reconcile --accept --reason ...` takes over what the broker has", style=BAD))


def resolve(
    config: Path | None,
    account: str | None,
    order_id: str,
    not_sent: bool,
    canceled: bool,
    reason: str,
    timeout_s: float,
    as_json: bool,
) -> int:
    """Tell the engine what became of an order."""
    if not_sent is canceled:
        raise InvalidValue("say --not-sent or --canceled")
    outcome = Resolution.NOT_SENT if not_sent else Resolution.CANCELED
    command = Resolve(ClientOrderId(order_id), outcome, reason)
    return finish(client_for(config, account, timeout_s), command, as_json)
