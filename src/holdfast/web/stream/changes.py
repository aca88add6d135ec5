"""What changed between two places of the journal, each thing whole, so that whoever hears of it twice is none the worse."""

from collections.abc import Iterable, Mapping

import msgspec

from holdfast.control.client import Outcome, outcome_of
from holdfast.core.messages import CommandDone, Envelope, OrderFilled
from holdfast.core.types import iso_time
from holdfast.journal.reader import FillRow, OrderRow, to_envelope
from holdfast.views.encode import Json, as_json
from holdfast.views.orders import fill_row, order_row
from holdfast.views.wording import sentence
from holdfast.web.context import Web
from holdfast.web.memory import orders_named
from holdfast.web.reading import WebReader
from holdfast.web.shown import shown
from holdfast.web.stream.places import Places

MOST_RECORDS = 5_000
"""So many records make a change; who missed more asks again for what is there now."""
SHOWN_RECORDS = 50
"""So many of them are told as sentences."""


class Step(msgspec.Struct, frozen=True):
    """From one place to another. ``loud`` are accounts whose status changed without a record, ``commands`` those answered likewise."""

    before: Places
    now: Places
    loud: frozenset[str] = frozenset()
    commands: frozenset[str] = frozenset()

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to tell."""
        return self.before == self.now and not self.loud and not self.commands


def change(web: Web, reader: WebReader, step: Step) -> Json:
    """The event's data."""
    moved = {name: (step.before.get(name, 0), last) for name, last in sorted(step.now.items())}
    moved = {name: (first, last) for name, (first, last) in moved.items() if last > first}
    records = {name: _records(reader, name, first, last) for name, (first, last) in moved.items()}
    every = [record for name in records for record in records[name]]
    with_status = {*moved, *step.loud}
    names = {account.name for account in web.config.accounts}
    found: Json = {
        "accounts": [
            shown(web.config, reader, account) for account in web.config.accounts if account.name in with_status
        ],
        "orders": [as_json(order_row(row)) for name in moved for row in _orders(reader, name, records[name])],
        "fills": [as_json(fill_row(row)) for name in moved for row in _fills(reader, name, moved[name], records[name])],
        "positions": {name: web.following.held(reader, name) for name in moved if name in names},
        "records": [_told(record) for record in _newest(every)],
        "commands": [as_json(outcome) for outcome in _outcomes(reader, every, step.commands)],
        "omitted": max(0, len(every) - SHOWN_RECORDS),
    }
    return found


def _records(reader: WebReader, account: str, first: int, last: int) -> list[Envelope]:
    """The account's records after one and up to another."""
    found: list[Envelope] = []
    while first < last and (page := reader.page(account, first)):
        found += [to_envelope(row) for row in page if row.sequence <= last]
        first = page[-1].sequence
    return found


def _orders(reader: WebReader, account: str, records: Iterable[Envelope]) -> list[OrderRow]:
    return reader.orders_of(account, sorted(orders_named(records)))


def _fills(reader: WebReader, account: str, between: tuple[int, int], records: Iterable[Envelope]) -> list[FillRow]:
    if not any(isinstance(record.body, OrderFilled) for record in records):
        return []
    first, last = between
    return reader.fills_between(account, first + 1, last)


def _newest(records: list[Envelope]) -> list[Envelope]:
    return sorted(records, key=lambda record: record.time_ns)[-SHOWN_RECORDS:]


def _told(record: Envelope) -> Json:
    return {
        "account": record.account,
        "sequence": record.sequence,
        "time": iso_time(record.time_ns),
        "type": record.type,
        "text": " ".join(str(sentence(record)).split()),
    }


def _outcomes(reader: WebReader, records: Iterable[Envelope], others: Iterable[str]) -> list[Outcome]:
    """Of commands that were answered, by a record or without one."""
    done = {record.correlation_id for record in records if isinstance(record.body, CommandDone)}
    commands: Mapping[str, None] = dict.fromkeys([*sorted(done), *sorted(set(others) - done)])
    found = [reader.command_or_none(command_id) for command_id in commands]
    return [outcome_of(row, is_running=True) for row in found if row is not None]
