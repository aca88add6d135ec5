"""What the broker books by itself: fees, dividends, interest, transfers, splits; as activities list them, and as they move the account."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from holdfast.core.types import ZERO, iso_time, plain, to_decimal
from holdfast.errors import InvalidValue
from holdfast.sim.alpaca.trading.wire import Json, time_text


class Booking(msgspec.Struct, kw_only=True):
    """One activity that is no execution. ``net_amount`` and ``qty`` are signed. A canceled one moves nothing any more."""

    id: str
    activity_type: str
    created_ns: int
    date: str
    net_amount: Decimal = ZERO
    symbol: str = ""
    qty: Decimal = ZERO
    price: Decimal = ZERO
    activity_sub_type: str = ""
    description: str = ""
    status: str = "executed"
    moves_qty: bool = False

    @property
    def moved(self) -> tuple[Decimal, Decimal]:
        """The money and the units that it has moved."""
        if self.status in ("canceled", "pending"):
            return ZERO, ZERO
        return self.net_amount, self.qty if self.moves_qty else ZERO


FIELDS = frozenset(
    {"activity_type", "date", "net_amount", "symbol", "qty", "price", "activity_sub_type", "description", "status"}
)
UNITS = frozenset({"CFEE", "SPLIT", "SPIN", "MA", "NC", "JNLS", "ACATS", "REORG"})
"""Of these ``qty`` is what they move; of others it is what they are about."""


def read_booking(body: Mapping[str, Any], activity_id: str, now_ns: int) -> Booking:
    """What a test or a person asks to be booked, in the words of an activity. Raises InvalidValue."""
    unknown = sorted(body.keys() - FIELDS - {"id", "key"})
    if unknown or not body.get("activity_type"):
        raise InvalidValue(
            f"an activity has activity_type and any of {', '.join(sorted(FIELDS))}; not {', '.join(unknown)}"
        )
    code = str(body["activity_type"])
    return Booking(
        id=str(body.get("id") or activity_id),
        activity_type=code,
        created_ns=now_ns,
        date=str(body.get("date") or iso_time(now_ns)[:10]),
        net_amount=_number(body, "net_amount"),
        symbol=str(body.get("symbol") or ""),
        qty=_number(body, "qty"),
        price=_number(body, "price"),
        activity_sub_type=str(body.get("activity_sub_type") or ""),
        description=str(body.get("description") or ""),
        status=str(body.get("status") or "executed"),
        moves_qty=code in UNITS,
    )


def _number(body: Mapping[str, Any], name: str) -> Decimal:
    return to_decimal(body.get(name) or "0", name)


def booking_row(booking: Booking) -> Json:
    """As the activities show it; a coin's symbol without its slash (documented)."""
    row: Json = {
        "id": booking.id,
        "activity_type": booking.activity_type,
        "activity_sub_type": booking.activity_sub_type,
        "date": booking.date,
        "created_at": time_text(booking.created_ns),
        "net_amount": plain(booking.net_amount),
        "description": booking.description,
        "status": booking.status,
        "currency": "USD",
    }
    if booking.symbol:
        symbol = booking.symbol.replace("/", "")
        row |= {"symbol": symbol, "qty": plain(booking.qty), "price": plain(booking.price)}
    return row
