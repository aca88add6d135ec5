"""``holdfast reconcile`` and ``resolve``: the books beside the broker's, and what only a person can know."""

import time
from pathlib import Path

from rich.text import Text

from holdfast.cli import terminal
from holdfast.cli.act import DONE, FAILED, POLL_S, Desk, confirm
from holdfast.cli.rows import Json
from holdfast.cli.terminal import BAD, GOOD
from holdfast.core.findings import BookLine, BooksCompared, Reconcile, Resolution, Resolve
from holdfast.core.types import ClientOrderId, iso_time, plain
from holdfast.errors import InvalidValue
from holdfast.journal.reader import Reader


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
    desk = Desk(config, account, timeout_s)
    desk.require_engine()
    if accept and not reason:
        raise InvalidValue("--accept needs a --reason: it stands in the journal beside the adjustments")
    if accept and not (yes or as_json):
        confirm(f"Make the books of account {desk.account} what the broker has?")
    deadline_s = time.monotonic() + timeout_s
    with Reader.open(desk.url) as reader:
        before = reader.account(desk.account).last_sequence
        command_id = desk.file(Reconcile(accept, reason))
        answer = desk.answer(command_id)
        if answer is None or answer.status != DONE:
            return desk.report(command_id, answer, as_json)
        while (found := _compared(reader, desk.account, before, accept)) is None and time.monotonic() < deadline_s:
            time.sleep(POLL_S)
    if found is None:
        terminal.say(f"account {desk.account} is not at rest: orders are in doubt, or it trades; try again later")
        return FAILED
    _show(found, as_json)
    return 0 if found["agree"] or accept else FAILED


def _compared(reader: Reader, account: str, since: int, accept: bool) -> Json | None:
    """The first comparison made for this command, once it is there."""
    last = reader.last_record(account, BooksCompared.__name__)
    if last is None or last.sequence <= since or not isinstance(last.body, BooksCompared):
        return None
    body = last.body
    if body.accepted is not accept:
        return None
    lines = [_line(line) for line in body.lines]
    cash = {"ours": plain(body.cash), "theirs": plain(body.broker_cash), "cause": body.cause}
    time_text = iso_time(last.time_ns)
    return {
        "account": account,
        "agree": body.agree,
        "accepted": body.accepted,
        "cash": cash,
        "positions": lines,
        "time": time_text,
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
    desk = Desk(config, account, timeout_s)
    desk.require_engine()
    outcome = Resolution.NOT_SENT if not_sent else Resolution.CANCELED
    return desk.finish(Resolve(ClientOrderId(order_id), outcome, reason), as_json)
