"""What went wrong, as records tell it: the same list for a day's summary and for whoever looks back."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from holdfast.core.findings import EXTERNAL_EVENT, LOST, BooksCompared, OrderLost, OrderOverdue
from holdfast.core.messages import Envelope, FillBusted, OrderAdopted, OrderAnomaly, OrderUnknown
from holdfast.core.milestones import (
    AccountStateChanged,
    EngineStarted,
    EngineStopped,
    Impaired,
    MarketStale,
    StrategyStopped,
)
from holdfast.core.orders.life import UNDONE
from holdfast.core.protection.records import ExitBlocked, PositionLeft, ProtectionFailed, ProtectionLate
from holdfast.core.session.account import AccountState
from holdfast.core.session.causes import NOT_YET
from holdfast.journal.reader import Reader
from holdfast.views.wording import sentence

INCIDENTS = 100
"""So many are told of one by one; all are counted."""
DIED = "engine died"


class Incident(msgspec.Struct, frozen=True):
    """Something that went wrong."""

    kind: str
    """What, in a few words that are always the same."""
    text: str
    """What happened, to what."""
    time_ns: int
    """When, in nanoseconds since 1970."""
    sequence: int
    """The record that says so."""


def _always(_body: Any) -> bool:
    return True


def _is_told_by_nothing_else(body: OrderAnomaly) -> bool:
    """Not where a record of its own kind comes with it: `OrderAdopted`, `OrderLost` or `FillBusted`."""
    return body.event not in (EXTERNAL_EVENT, LOST) and body.reason != UNDONE


KINDS: dict[type, tuple[str, Callable[[Any], bool]]] = {
    AccountStateChanged: ("halted", lambda body: body.new is AccountState.HALTED),
    Impaired: ("impaired", lambda body: body.reason != NOT_YET),
    StrategyStopped: ("strategy stopped", _always),
    OrderUnknown: ("unknown order", _always),
    OrderOverdue: ("overdue order", _always),
    OrderLost: ("lost order", _always),
    OrderAdopted: ("external order", _always),
    OrderAnomaly: ("anomaly", _is_told_by_nothing_else),
    FillBusted: ("undone execution", _always),
    ProtectionLate: ("late protection", _always),
    ProtectionFailed: ("failed protection", _always),
    ExitBlocked: ("blocked exit", _always),
    PositionLeft: ("position left", _always),
    BooksCompared: ("books differ", lambda body: not body.agree and not body.accepted),
    MarketStale: ("stale data", _always),
}
"""What a record of a type is an incident of, and which of them are. Beside these an engine that ended without a word is one (`DIED`)."""


def incidents(reader: Reader, account: str, after: int = 0, before: int | None = None) -> list[Incident]:
    """The incidents of the records after a sequence and before another, in order."""
    kinds = (*KINDS, EngineStarted, EngineStopped)
    names = EngineStarted.__name__, EngineStopped.__name__
    earlier = reader.last_records(account, 1, *names, before=after + 1)
    runs = bool(earlier) and isinstance(earlier[0].body, EngineStarted)
    return list(_told(reader.records_of(account, kinds, after, before), runs=runs))


def _told(records: list[Envelope], *, runs: bool) -> Iterator[Incident]:
    """``runs``: whether an engine had the account before the first record."""
    for record in records:
        if isinstance(record.body, EngineStarted):
            if runs:
                yield Incident(DIED, "the engine had ended without a word; it was started again", *_place(record))
            runs = True
        elif isinstance(record.body, EngineStopped):
            runs = False
        else:
            kind, counts = KINDS[type(record.body)]
            if counts(record.body):
                yield Incident(kind, str(sentence(record)), *_place(record))


def _place(record: Envelope) -> tuple[int, int]:
    return record.time_ns, record.sequence
