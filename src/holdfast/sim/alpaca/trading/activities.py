"""The account's activities: its fills, what the broker has booked by itself, and the deposit it was opened with."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from heapq import merge

import msgspec

from holdfast.core.types import plain
from holdfast.sim.alpaca.errors import invalid, unprocessable
from holdfast.sim.alpaca.trading.account import Account
from holdfast.sim.alpaca.trading.bookings import Booking, booking_row
from holdfast.sim.alpaca.trading.books import Execution
from holdfast.sim.alpaca.trading.executions import activity_id
from holdfast.sim.alpaca.trading.hours import new_york
from holdfast.sim.alpaca.trading.wire import Json, time_text

NEVER_NS = (1 << 63) - 1
MOST_ROWS = 100
"""Alpaca: the default and the largest page (documented)."""
FILL, DEPOSIT = "FILL", "JNLC"
TYPES = frozenset(
    [
        "FILL",
        "TRANS",
        "MISC",
        "ACATC",
        "ACATS",
        "CFEE",
        "CSD",
        "CSW",
        "DIV",
        "DIVCGL",
        "DIVCGS",
        "DIVFEE",
        "DIVFT",
        "DIVNRA",
        "DIVROC",
        "DIVTW",
        "DIVTXEX",
        "FEE",
        "INT",
        "INTNRA",
        "INTTW",
        "JNL",
        "JNLC",
        "JNLS",
        "MA",
        "NC",
        "OPASN",
        "OPCA",
        "OPCSH",
        "OPEXC",
        "OPEXP",
        "OPTRD",
        "PTC",
        "PTR",
        "REORG",
        "SPIN",
        "SPLIT",
        "FOPT",
        "CGD",
    ]
)


class ActivityRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to list: nothing that is posted after ``now_ns``. Times are exclusive; ``types`` None is all; ``page_token`` is the id of the last row seen."""

    now_ns: int = NEVER_NS
    types: frozenset[str] | None = None
    date: str | None = None
    after_ns: int | None = None
    until_ns: int | None = None
    ascending: bool = False
    page_size: int = MOST_ROWS
    page_token: str | None = None


def activities_json(account: Account, executions: Sequence[Execution], wanted: ActivityRequest) -> list[Json]:
    """``GET /v2/account/activities``. Raises `ApiError` for a type there is not, or a page token nobody was given."""
    for name in wanted.types or ():
        if name not in TYPES:
            raise invalid(f"invalid activity type: {name}")
    if not 1 <= wanted.page_size <= MOST_ROWS:
        raise unprocessable(f"page_size must be between 1 and {MOST_ROWS}")
    rows = _rows(account, executions, wanted)
    if wanted.page_token is not None:
        _skip_to(rows, wanted.page_token)
    return [row for row, _ in zip(rows, range(wanted.page_size), strict=False)]


def _skip_to(rows: Iterator[Json], token: str) -> None:
    for row in rows:
        if row["id"] == token:
            return
    raise unprocessable("invalid page_token")


def _rows(account: Account, executions: Sequence[Execution], wanted: ActivityRequest) -> Iterator[Json]:
    """What is wanted, in the direction wanted; the deposit is the oldest."""
    has_deposit = _is_wanted(DEPOSIT, account.created_ns, wanted) and account.deposit > 0
    if wanted.ascending and has_deposit:
        yield _deposit_row(account)
    booked = sorted(
        (one for one in account.bookings if one.created_ns <= wanted.now_ns), key=_when, reverse=not wanted.ascending
    )
    fills = executions if wanted.ascending else reversed(executions)
    rows: Iterable[Execution | Booking] = merge(fills, booked, key=_when, reverse=not wanted.ascending)
    for one in rows:
        if isinstance(one, Booking):
            if _is_wanted(one.activity_type, one.created_ns, wanted):
                yield booking_row(one)
        elif _is_wanted(FILL, one.time_ns, wanted):
            yield fill_row(one)
    if not wanted.ascending and has_deposit:
        yield _deposit_row(account)


def _when(one: Execution | Booking) -> int:
    return one.created_ns if isinstance(one, Booking) else one.time_ns


def _is_wanted(kind: str, time_ns: int, wanted: ActivityRequest) -> bool:
    if wanted.types is not None and kind not in wanted.types:
        return False
    if wanted.after_ns is not None and time_ns <= wanted.after_ns:
        return False
    if wanted.until_ns is not None and time_ns >= wanted.until_ns:
        return False
    return wanted.date is None or new_york(time_ns).date().isoformat() == wanted.date


def fill_row(execution: Execution) -> Json:
    """One fill. ``cum_qty`` and ``leaves_qty`` are the order's after it."""
    return {
        "id": execution.activity_id,
        "activity_type": FILL,
        "transaction_time": time_text(execution.time_ns),
        "type": "fill" if execution.is_complete else "partial_fill",
        "price": plain(execution.price),
        "qty": plain(execution.quantity),
        "side": execution.side.value,
        "symbol": execution.symbol,
        "leaves_qty": plain(execution.leaves_qty),
        "order_id": execution.order_id,
        "cum_qty": plain(execution.filled_qty),
        "order_status": "filled" if execution.is_complete else "partially_filled",
    }


def _deposit_row(account: Account) -> Json:
    return {
        "id": activity_id(account.created_ns, account.id),
        "activity_type": DEPOSIT,
        "activity_sub_type": "",
        "date": new_york(account.created_ns).date().isoformat(),
        "created_at": time_text(account.created_ns),
        "net_amount": plain(Decimal(account.deposit)),
        "description": "opening balance",
        "status": "executed",
        "currency": "USD",
    }
