"""What an account knows of its broker's own bookings: which it has booked too, and which fees it has yet to see listed.

Changed only as records are applied.
"""

from decimal import Decimal

import msgspec

from holdfast.core.adjustments import CASH, AccountAdjusted, ActivitiesKnown, AdjustmentKind
from holdfast.core.broker_rules import FeeBounds
from holdfast.core.messages import OrderFilled
from holdfast.core.types import NO_MONEY, NO_QUANTITY, ZERO, Money, Quantity

REMEMBERED = 20_000
"""Activities: years of an account of shares, months of one that trades coins by the minute; far more than any list that is asked for."""


class BookedActivity(msgspec.Struct, frozen=True):
    """What of an activity is in the books."""

    time_ns: int
    amount: Money = NO_MONEY
    quantity: Quantity = NO_QUANTITY


class Activities(msgspec.Struct):
    """One account's.

    ``is_known``: from some moment on every activity is either in ``booked``, or older than ``floor_ns``, or not in the books.
    ``expected`` are the fees booked that the broker has not listed: units by symbol, money under `CASH`, above zero.
    ``room`` is how much the fees of the fills of this trading day and the one before may still be, in the same way.
    """

    is_known: bool = False
    floor_ns: int = 0
    booked: dict[str, BookedActivity] = {}
    expected: dict[str, Decimal] = {}
    room: dict[str, Decimal] = {}
    room_before: dict[str, Decimal] = {}

    def know(self, record: ActivitiesKnown) -> None:
        """These are in the books already."""
        self.is_known = True
        for activity_id, time_ns, amount, quantity in record.activities:
            self._remember(activity_id, BookedActivity(time_ns, amount, quantity))

    def adjust(self, record: AccountAdjusted) -> None:
        """An adjustment is booked: a fee that was expected, or one that is listed, and settles some of those."""
        symbol, taken = record.symbol, -(record.quantity or record.amount)
        if record.expected:
            self.expected[symbol] = self.expected.get(symbol, ZERO) + taken
            self._use_room(symbol, taken)
            if symbol != CASH:  # it is taken at once: what is left of the room was too much
                self.settle(symbol)
        elif record.kind is AdjustmentKind.FEE:
            self._use_room(symbol, taken)
        if record.settles:
            left = self.expected.get(symbol, ZERO) - record.settles
            self.expected[symbol] = left
            if not left:
                del self.expected[symbol]
        if record.activity_id:
            before = self.booked.get(record.activity_id, BookedActivity(record.time_ns))
            amount = before.amount + record.amount - (record.settles if symbol == CASH else ZERO)
            quantity = before.quantity + record.quantity - (ZERO if symbol == CASH else record.settles)
            self._remember(
                record.activity_id,
                BookedActivity(max(before.time_ns, record.time_ns), Money(amount), Quantity(quantity)),
            )

    def fill(self, fill: OrderFilled, bounds: FeeBounds, *, is_coin: bool) -> None:
        """A fill of which the broker may take a fee by itself."""
        symbol, most = bounds.most_of(fill.symbol, fill.side, fill.quantity, fill.price, is_coin=is_coin)
        if most:
            self.room[symbol] = self.room.get(symbol, ZERO) + most

    def begin_day(self) -> None:
        """A new trading day: what was to be expected of the day before the last is expected no more."""
        self.room_before, self.room = self.room, {}

    def settle(self, symbol: str) -> None:
        """What the broker holds of a symbol is known: no fee of what was bought so far is to come."""
        self.room.pop(symbol, None)
        self.room_before.pop(symbol, None)

    @property
    def unsettled(self) -> list[str]:
        """The symbols of which a fee may have been taken in units that nobody has booked yet."""
        return sorted({*self.room, *self.room_before} - {CASH})

    def room_of(self, symbol: str) -> Decimal:
        """How much the broker may have taken as fees that nothing has been heard of."""
        return self.room.get(symbol, ZERO) + self.room_before.get(symbol, ZERO)

    def _use_room(self, symbol: str, taken: Decimal) -> None:
        for room in (self.room_before, self.room):
            used = min(room.get(symbol, ZERO), max(taken, ZERO))
            if used:
                room[symbol] -= used
                taken -= used

    def _remember(self, activity_id: str, activity: BookedActivity) -> None:
        self.booked[activity_id] = activity
        if len(self.booked) > REMEMBERED:
            first = next(iter(self.booked))
            self.floor_ns = max(self.floor_ns, self.booked.pop(first).time_ns)
