"""``holdfast audit``: the journal proven, an order's story, the latest records."""

from pathlib import Path

from rich.text import Text

from holdfast.cli import terminal
from holdfast.cli.audit_export import anchor_problems
from holdfast.cli.place import JOURNAL, config_for_reading, known_account
from holdfast.cli.progress import progress
from holdfast.cli.terminal import BAD, DIM, GOOD, many
from holdfast.core.messages import Envelope
from holdfast.core.types import iso_time
from holdfast.journal.reader import Reader
from holdfast.journal.verify import Verification
from holdfast.journal.verify import verify as prove
from holdfast.views import trail as views
from holdfast.views.wording import sentence


def verify(config_file: Path | None, as_json: bool, key: str | None = None) -> int:
    """Audit the whole journal, and the anchor file if there is one; 1 when it does not prove itself. ``key`` has signed that file."""
    config = config_for_reading(config_file, JOURNAL)
    with progress("audit", "records") as update:
        found = prove(config.journal.url, update)
    if config.audit.anchor_file is not None:
        with Reader.open(config.journal.url) as reader:
            found.problems += anchor_problems(config, reader, key)
    if as_json:
        terminal.print_json({"ok": found.ok, "accounts": found.accounts, "problems": found.problems})
    else:
        _print(found)
    return 0 if found.ok else 1


def _print(found: Verification) -> None:
    console = terminal.console()
    for row in found.accounts:
        console.print(
            f"{row.account}: {many(row.records, 'record')}, {many(row.orders, 'order')}, {many(row.fills, 'fill')}",
            soft_wrap=True,
        )
    for problem in found.problems:
        console.print(Text(f"  {problem}", style=BAD), soft_wrap=True)
    if found.ok:
        console.print(
            Text("OK: every record is what was written, and all else follows from them.", style=f"bold {GOOD}")
        )
    else:
        console.print(Text("NOT OK: this journal must not be traded on; restore a backup.", style=f"bold {BAD}"))


def trail(config_file: Path | None, order_id: str, as_json: bool) -> None:
    """The chain of records that an order is part of, as a story."""
    config = config_for_reading(config_file, JOURNAL)
    with Reader.open(config.journal.url) as reader:
        chain = views.trail(reader, order_id)
    if as_json:
        terminal.print_json([views.record_json(record) for record in chain])
        return
    console = terminal.console()
    for record in chain:
        style = "bold" if views.is_about(record, order_id) else ""
        console.print(_line(record, style), soft_wrap=True)


def tail(config_file: Path | None, number: int, account: str | None, as_json: bool) -> None:
    """The last records of each account, the newest last."""
    config = config_for_reading(config_file, JOURNAL)
    with Reader.open(config.journal.url) as reader:
        names = [row.account for row in reader.accounts() if known_account(config, account) in (None, row.account)]
        found = views.tail(reader, names, number)
    if as_json:
        terminal.print_json([views.record_json(record) for record in found])
        return
    console = terminal.console()
    for record in found:
        console.print(_line(record, "", record.account if len(names) > 1 else ""), soft_wrap=True)


def _line(record: Envelope, style: str, account: str = "") -> Text:
    text = Text(f"{record.sequence:>7}  {iso_time(record.time_ns)[:23].rstrip('Z'):<23}  ", style=DIM)
    if account:
        text.append(f"{account}  ")
    text.append(f"{record.type:<20} ", style=style or "cyan")
    text.append_text(terminal.styled(sentence(record)))
    return text.append(f"  [{record.source}]", style=DIM)
