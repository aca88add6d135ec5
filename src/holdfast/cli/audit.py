"""``holdfast audit``: the journal proven, an order's story, the latest records."""

from pathlib import Path

import msgspec
import sqlalchemy as sa
from rich.text import Text

from holdfast.cli import terminal
from holdfast.cli.place import config_for_reading, known_account
from holdfast.cli.progress import progress
from holdfast.cli.rows import Json
from holdfast.cli.story import words
from holdfast.cli.terminal import BAD, DIM, GOOD, many
from holdfast.core.messages import Envelope, OrderPrepared
from holdfast.core.types import iso_time
from holdfast.errors import InvalidValue
from holdfast.journal import tables
from holdfast.journal.reader import Reader, to_envelope
from holdfast.journal.verify import Verification
from holdfast.journal.verify import verify as prove


def verify(config_file: Path | None, as_json: bool) -> int:
    """Audit the whole journal; 1 when it does not prove itself."""
    config = config_for_reading(config_file)
    with progress("audit", "records") as update:
        found = prove(config.journal.url, update)
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
    config = config_for_reading(config_file)
    with Reader.open(config.journal.url) as reader:
        chain = _chain(reader, order_id)
    if as_json:
        terminal.print_json([record_json(record) for record in chain])
        return
    console = terminal.console()
    for record in chain:
        style = "bold" if _is_about(record, order_id) else ""
        console.print(_line(record, style), soft_wrap=True)


def tail(config_file: Path | None, number: int, account: str | None, as_json: bool) -> None:
    """The last records of each account, the newest last."""
    config = config_for_reading(config_file)
    with Reader.open(config.journal.url) as reader:
        names = [row.account for row in reader.accounts() if known_account(config, account) in (None, row.account)]
        found = [record for name in names for record in _last(reader, name, number)]
    if as_json:
        terminal.print_json([record_json(record) for record in found])
        return
    console = terminal.console()
    for record in found:
        console.print(_line(record, "", record.account if len(names) > 1 else ""), soft_wrap=True)


def _last(reader: Reader, account: str, number: int) -> list[Envelope]:
    sequence = tables.records.c.sequence
    statement = sa.select(tables.records).where(tables.records.c.account == account).order_by(sequence.desc())
    return [to_envelope(row) for row in reversed(reader.fetch(statement.limit(number)))]


def _chain(reader: Reader, order_id: str) -> list[Envelope]:
    """Every record with the correlation id of the order's first."""
    order, columns = tables.orders.c, tables.records.c
    found = reader.fetch(sa.select(order.account, order.created_ns).where(order.client_order_id == order_id))
    if not found:
        raise InvalidValue(
            f"journal {reader.database.shown} has no order {order_id!r}; `holdfast orders` lists those it has"
        )
    of_account = sa.select(tables.records).where(columns.account == found[0].account).order_by(columns.sequence)
    prepared = of_account.where(columns.time_ns == found[0].created_ns, columns.type == OrderPrepared.__name__)
    first = next(record for record in map(to_envelope, reader.fetch(prepared)) if _is_about(record, order_id))
    return [to_envelope(row) for row in reader.fetch(of_account.where(columns.correlation_id == first.correlation_id))]


def _is_about(record: Envelope, order_id: str) -> bool:
    terms = getattr(record.body, "terms", None)
    return order_id in (getattr(record.body, "client_order_id", None), getattr(terms, "client_order_id", None))


def record_json(record: Envelope) -> Json:
    """A record with its time as people read it, and its body under its type's name."""
    fields: Json = {
        name: getattr(record, name)
        for name in (
            "sequence",
            "id",
            "account",
            "broker",
            "source",
            "epoch",
            "cursor",
            "correlation_id",
            "causation_id",
        )
    }
    return fields | {"time": iso_time(record.time_ns), "type": record.type, "body": msgspec.to_builtins(record.body)}


def _line(record: Envelope, style: str, account: str = "") -> Text:
    text = Text(f"{record.sequence:>7}  {iso_time(record.time_ns)[:23].rstrip('Z'):<23}  ", style=DIM)
    if account:
        text.append(f"{account}  ")
    text.append(f"{record.type:<20} ", style=style or "cyan")
    text.append(words(record.body))
    return text.append(f"  [{record.source}]", style=DIM)
