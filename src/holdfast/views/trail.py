"""The story of one order, and the latest records: chains of records, each a value of its own."""

from collections.abc import Sequence
from typing import Any

import msgspec

from holdfast.core.messages import Envelope, OrderAdopted, OrderPrepared
from holdfast.core.types import iso_time
from holdfast.journal.reader import Reader

_HEAD = ("sequence", "id", "account", "broker", "source", "epoch", "cursor", "correlation_id", "causation_id")


def trail(reader: Reader, client_order_id: str) -> list[Envelope]:
    """Every record that goes back to the cause of an order: the tick, the signal, risk's word, the order, its fills.

    Raises :class:`~holdfast.errors.InvalidValue` when there is no such order.
    """
    order = reader.order(client_order_id)
    found = reader.records_at(order.account, order.created_ns, OrderPrepared)
    first = next((record for record in found if is_about(record, client_order_id)), None)
    if first is None:  # it was ordered elsewhere, so its time is not that of a record
        adopted = reader.records_of(order.account, (OrderAdopted,))
        first = next(record for record in adopted if is_about(record, client_order_id))
    return reader.correlated(order.account, first.correlation_id)


def tail(reader: Reader, accounts: Sequence[str], number: int) -> list[Envelope]:
    """The last records of each account, the newest last."""
    return [record for account in accounts for record in reversed(reader.last_records(account, number))]


def is_about(record: Envelope, client_order_id: str) -> bool:
    """Whether the record names the order as its own."""
    terms = getattr(record.body, "terms", None)
    named = getattr(record.body, "client_order_id", None), getattr(terms, "client_order_id", None)
    return client_order_id in named


def record_json(record: Envelope) -> dict[str, Any]:
    """A record with its time as people read it, and its body under its type's name."""
    fields: dict[str, Any] = {name: getattr(record, name) for name in _HEAD}
    return fields | {"time": iso_time(record.time_ns), "type": record.type, "body": msgspec.to_builtins(record.body)}
