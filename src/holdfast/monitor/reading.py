"""An account's fold out of a journal, cheaply: what stands, the open orders, and the latest records, however long the journal is."""

from decimal import Decimal

from holdfast.core.messages import Envelope
from holdfast.core.milestones import AccountStateChanged, FeedOpened, MarketFresh, MarketStale
from holdfast.core.orders.order import OrderState
from holdfast.core.types import OrderType, TimeInForce
from holdfast.journal.reader import OrderRow, Reader
from holdfast.monitor.expected import Expected
from holdfast.monitor.fold import RECORDS, STANDING, AccountFold
from holdfast.monitor.orders import CONTINUOUS, OpenOrder, Waits
from holdfast.monitor.registry import Key

TAIL = 5_000
"""So many of the latest records are read; rates and durations are those of these at most."""
LOOKED_BACK = 100_000
"""So many records before these are looked through for the last event of a stage that has none among them."""

_WAITS: dict[str, Waits] = {
    OrderState.PREPARED.value: Waits.RELEASE,
    OrderState.RELEASED.value: Waits.ANSWER,
    OrderState.UNKNOWN.value: Waits.PROOF,
}


def read_fold(reader: Reader, expected: Expected, tail: int = TAIL, upto: int | None = None) -> AccountFold:
    """The account as of its last record, or of the one with the sequence ``upto``. Raises JournalError as the reader does.

    Open orders are those of now: what their next records say holds in any case.
    """
    fold = AccountFold(expected.limits.window_s, expected.limits.settle_s)
    name = expected.account
    latest = reader.last_records(name, tail, before=None if upto is None else upto + 1)[::-1]
    first = latest[0].sequence if latest else 1
    for record in _standing(reader, name, first):
        fold.take(record)
    _stamp(reader, fold, name, first)
    fold.state = _state(reader, name, upto)
    fold.take_all(latest)
    for row in reader.orders(name, live_only=True):
        fold.add_order(row.client_order_id, _open_order(row))
    return fold


def _standing(reader: Reader, account: str, before: int) -> list[Envelope]:
    """The records before a sequence that may stand still, in order."""
    if before <= 1:
        return []
    found = reader.records_of(account, STANDING)
    opened = [record.sequence for record in found if isinstance(record.body, FeedOpened) and record.sequence < before]
    found += reader.records_of(account, (MarketStale, MarketFresh), max(opened, default=0))
    after = max(0, before - LOOKED_BACK)
    found += reader.last_records(account, 1, AccountStateChanged.__name__, after=after, before=before)
    return sorted((record for record in found if record.sequence < before), key=lambda record: record.sequence)


def _state(reader: Reader, account: str, upto: int | None) -> str:
    """The account's state: that of now is in its row. Of a busy account there are too many changes to read them all."""
    if upto is None:
        return reader.account(account).state
    found = reader.last_records(account, 1, AccountStateChanged.__name__, before=upto + 1)
    return found[0].body.new if found and isinstance(found[0].body, AccountStateChanged) else ""


def _stamp(reader: Reader, fold: AccountFold, account: str, before: int) -> None:
    """When each stage's last event was, where that is before the latest records."""
    if before <= 1:
        return
    after = max(0, before - LOOKED_BACK)
    for stage, kinds in RECORDS.items():
        found = reader.last_records(account, 1, *(kind.__name__ for kind in kinds), after=after, before=before)
        for record in found:
            fold.book.stamp(Key.LAST, stage, record.time_ns)
            fold.texts.setdefault(stage, record)


def _open_order(row: OrderRow) -> OpenOrder:
    """An open order as its row has it: what it waits for, and since when at the latest."""
    waits = _WAITS.get(row.state, Waits.FILL)
    since_ns = row.released_ns if waits is Waits.ANSWER else row.updated_ns
    is_market = row.order_type == OrderType.MARKET and TimeInForce(row.time_in_force) in CONTINUOUS
    return OpenOrder(waits, since_ns, row.quantity, is_market, 0, row.released_ns, 0, Decimal(row.filled_quantity))
