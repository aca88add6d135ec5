"""What of a difference between the books and a broker its own bookings explain.

Nothing is guessed: bookings are taken where books and broker agree after them, in cash and in every position, and else not at all. What a
broker takes as fees before it lists them is taken within its stated bounds, where nothing else is left of the difference.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from holdfast.core.adjustments import CASH, AdjustmentKind, Bookings, BrokerActivity
from holdfast.core.portfolio.activities import Activities, BookedActivity
from holdfast.core.portfolio.compare import CENT
from holdfast.core.portfolio.portfolio import Portfolio
from holdfast.core.types import NO_MONEY, NO_QUANTITY, ZERO, Money, Quantity


class Unbooked(NamedTuple):
    """An activity, with what of it is not in the books. ``settles`` was booked before it was listed, as an expected fee."""

    activity: BrokerActivity
    amount: Money
    quantity: Quantity
    settles: Decimal = ZERO


class Explained(NamedTuple):
    """``known`` are in the books already, ``booked`` are to be, and ``fees`` (units by symbol, money under `CASH`) are taken and not listed."""

    known: Sequence[BrokerActivity]
    booked: Sequence[Unbooked]
    fees: Mapping[str, Decimal]


def explain(portfolio: Portfolio, activities: Activities, bookings: Bookings) -> Explained | None:
    """What brings the books to what the broker has; None where its bookings don't."""
    differ = _differences(portfolio, bookings)
    found = list(unbooked(activities, bookings.activities))
    if not activities.is_known and not differ:  # whatever is listed has made the books what they are
        return Explained([each.activity for each in found], (), {})
    parts = list(_parts(found, is_known=activities.is_known))
    for may_be_fees in (False, True):  # what is listed goes before what is not
        for known, part in parts:
            fees = _left_as_fees(activities, part, differ)
            if fees is not None and (may_be_fees or not fees):
                return Explained([each.activity for each in known], part, fees)
    return None


def unbooked(activities: Activities, listed: Iterable[BrokerActivity]) -> Iterator[Unbooked]:
    """What of a list is not in the books, the oldest first; of a corrected one the difference."""
    expected = dict(activities.expected)
    for activity in sorted(listed, key=lambda each: (each.time_ns, each.activity_id)):
        before = activities.booked.get(activity.activity_id)
        if before is None and activities.is_known and activity.time_ns <= activities.floor_ns:
            continue
        before = before or BookedActivity(activity.time_ns)
        there = (NO_MONEY, NO_QUANTITY) if activity.is_canceled else (activity.amount, activity.quantity)
        amount, quantity = Money(there[0] - before.amount), Quantity(there[1] - before.quantity)
        if not amount and not quantity:
            continue
        settles = ZERO
        if activity.kind is AdjustmentKind.FEE:
            name = activity.symbol if quantity else CASH
            settles = min(expected.get(name, ZERO), max(ZERO, -(quantity or amount)))
            expected[name] = expected.get(name, ZERO) - settles
            if quantity:
                quantity = Quantity(quantity + settles)
            else:
                amount = Money(amount + settles)
        yield Unbooked(activity, amount, quantity, settles)


def _parts(found: Sequence[Unbooked], *, is_known: bool) -> Iterator[tuple[Sequence[Unbooked], Sequence[Unbooked]]]:
    """What may be in the books already, and what may be the explanation: all, all but the last, all but the first, and so on."""
    for end in range(len(found), -1, -1):
        if all(each.activity.kind is not None for each in found[:end]):
            yield (), found[:end]
    for start in range(1, len(found) + (0 if is_known else 1)):
        if all(each.activity.kind is not None for each in found[start:]):
            yield found[:start], found[start:]


def _differences(portfolio: Portfolio, bookings: Bookings) -> dict[str, Decimal]:
    """What the broker has more than the books: units by symbol, money under `CASH`."""
    differ: defaultdict[str, Decimal] = defaultdict(Decimal)
    for symbol, line in portfolio.open_lines():
        differ[symbol] -= line.quantity
    for symbol, quantity, _ in bookings.positions:
        differ[symbol] += quantity
    owed = bookings.cash - portfolio.cash
    differ[CASH] = owed if abs(owed) >= CENT else ZERO
    return {name: by for name, by in differ.items() if by}


def _left_as_fees(
    activities: Activities, part: Sequence[Unbooked], differ: Mapping[str, Decimal]
) -> dict[str, Decimal] | None:
    """What is left of a difference after some bookings, if all of it may be fees that are not listed yet; None if it is more."""
    left: defaultdict[str, Decimal] = defaultdict(Decimal, differ)
    room: defaultdict[str, Decimal] = defaultdict(Decimal)
    for each in part:
        left[CASH] -= each.amount
        if each.quantity:
            left[each.activity.symbol] -= each.quantity
        if each.activity.kind is AdjustmentKind.FEE:
            room[each.activity.symbol if each.quantity else CASH] += each.quantity or each.amount
    fees = {name: -by for name, by in left.items() if by and not (name == CASH and abs(by) < CENT)}
    fits = all(ZERO < taken <= activities.room_of(name) + room[name] for name, taken in fees.items())
    return fees if fits else None
