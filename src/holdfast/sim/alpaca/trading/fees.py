"""What trades cost at Alpaca, paper accounts included: coins at once, in what is received; shares after the day, in cents.

Alpaca: the tiers of coins are documented ("Crypto Spot Trading Fees"), and that a buy's fee is taken from the coins (alpaca-py#374, measured
in 2026 on paper). The regulatory fees are documented ("Regulatory Fees") and are summed and rounded up for the day; their rates are
those of September 2026, from activities of a paper account.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, ROUND_DOWN, Decimal
from typing import NamedTuple

from holdfast.core.types import DAY_NS, ZERO, Side, plain
from holdfast.sim.alpaca.trading.account import Account
from holdfast.sim.alpaca.trading.bookings import Booking
from holdfast.sim.alpaca.trading.books import Books, Execution
from holdfast.sim.alpaca.trading.changes import Changes, new_id
from holdfast.sim.alpaca.trading.hours import NEW_YORK, new_york, to_ns


class Tier(NamedTuple):
    """From what volume of coins in 30 days on, in dollars, and what part of a trade then is the fee."""

    volume: Decimal
    maker: Decimal
    taker: Decimal


_BASIS_POINT = Decimal("0.0001")
TIERS = tuple(
    Tier(Decimal(volume), maker * _BASIS_POINT, taker * _BASIS_POINT)
    for volume, maker, taker in (
        (0, 15, 25),
        (100_000, 12, 22),
        (500_000, 10, 20),
        (1_000_000, 8, 18),
        (10_000_000, 5, 15),
        (25_000_000, 2, 13),
        (50_000_000, 2, 12),
        (100_000_000, 0, 10),
    )
)
VOLUME_DAYS = 30
SEC_RATE = Decimal("0.0000206")
"""Of the money from sales (REG)."""
TAF_RATE, TAF_MOST = Decimal("0.000195"), Decimal("9.79")
"""Of each share sold, and at most of one trade."""
CAT_RATE = Decimal("0.000003")
"""Of each share, bought or sold."""
POSTED = dt.time(20, 15)
"""New York: about when the day's fees are posted (observed)."""
_CENT, _STEP = Decimal("0.01"), Decimal("1e-9")


class Fees:
    """The fees of one account. ``is_on`` False is an account without any."""

    def __init__(self, account: Account, books: Books, changes: Changes, *, is_on: bool) -> None:
        self._account = account
        self._books = books
        self._changes = changes
        self._is_on = is_on

    @property
    def due_ns(self) -> int:
        """When the next fees are posted."""
        return self._account.fees_due_ns

    def begin(self, now_ns: int) -> None:
        """Before anything trades: the first time to post."""
        if not self._account.fees_due_ns:
            self._account.fees_due_ns = _next_due_ns(now_ns)

    def take(self, execution: Execution, before: Sequence[Execution], *, is_maker: bool) -> None:
        """A coin's trade: its fee goes at once, from the coins that were bought or the money that they brought.

        It is listed among the activities when the day's fees are posted. ``before`` are the account's executions until then.
        """
        if not self._is_on or "/" not in execution.symbol:
            return
        tier = TIERS[tier_of(before, execution.time_ns) - 1]
        rate = tier.maker if is_maker else tier.taker
        is_buy = execution.side is Side.BUY
        whole = execution.quantity if is_buy else execution.quantity * execution.price
        fee = (whole * rate).quantize(_STEP, rounding=ROUND_DOWN)
        if not fee:
            return
        self._book(
            Booking(
                id=_fee_id(self.due_ns, execution.id),
                activity_type="CFEE",
                created_ns=self.due_ns,
                date=_date(execution.time_ns),
                net_amount=ZERO if is_buy else -fee,
                symbol=execution.symbol,
                qty=-fee if is_buy else ZERO,
                price=execution.price,
                description=f"Coin Pair Transaction Fee ({'Non USD' if is_buy else 'USD'})",
                moves_qty=is_buy,
            )
        )

    def undo(self, execution: Execution) -> None:
        """The exchange takes a trade back, and with it its fee."""
        for booking in self._account.bookings:
            if booking.id.endswith(f"::{execution.id}"):
                self._books.untake(booking)
                self._changes.account()
                return

    def post(self, now_ns: int, executions: Sequence[Execution]) -> None:
        """The regulatory fees of each day that is over, as activities. Nothing when it is not time."""
        while now_ns >= self.due_ns:
            due_ns = self.due_ns
            self._account.fees_due_ns = _next_due_ns(due_ns)
            self._changes.account()
            if self._is_on:
                since_ns = due_ns - DAY_NS  # an hour more or less where clocks change: nothing trades then
                day = [one for one in executions if since_ns < one.time_ns <= due_ns and "/" not in one.symbol]
                self._post_day(day, due_ns)

    def _post_day(self, day: Sequence[Execution], due_ns: int) -> None:
        date, sold = _date(due_ns), [one for one in day if one.side is Side.SELL]
        proceeds = sum((one.quantity * one.price for one in sold), ZERO)
        taf = sum((min(one.quantity * TAF_RATE, TAF_MOST) for one in sold), ZERO)
        rows = (
            ("REG", proceeds * SEC_RATE, f"REG fee for proceed of ${plain(proceeds)} on {date}"),
            ("TAF", taf, f"TAF fee for proceed of {plain(_shares(sold))} shares ({len(sold)} trades) on {date}"),
            ("CAT", _shares(day) * CAT_RATE, f"CAT fee for proceed of {len(day)} trades on {date}"),
        )
        for name, amount, description in rows:
            if amount:
                cents = amount.quantize(_CENT, rounding=ROUND_CEILING)
                self._book(
                    Booking(
                        id=_fee_id(due_ns, new_id()),
                        activity_type="FEE",
                        activity_sub_type=name,
                        created_ns=due_ns,
                        date=date,
                        net_amount=-cents,
                        description=description,
                    )
                )

    def _book(self, booking: Booking) -> None:
        self._books.take(booking)
        self._changes.account()


def tier_of(executions: Sequence[Execution], now_ns: int) -> int:
    """The tier by the coins traded in the last 30 days, counted from 1."""
    volume = ZERO
    for one in reversed(executions):
        if one.time_ns <= now_ns - VOLUME_DAYS * DAY_NS:
            break
        volume += one.quantity * one.price if "/" in one.symbol else ZERO
    return sum(tier.volume <= volume for tier in TIERS)


def _shares(executions: Iterable[Execution]) -> Decimal:
    return sum((one.quantity for one in executions), ZERO)


def _date(time_ns: int) -> str:
    return new_york(time_ns).date().isoformat()


def _fee_id(day_ns: int, name: str) -> str:
    """Fees have a day and no time in their ids (observed)."""
    return f"{new_york(day_ns):%Y%m%d}000000000::{name}"


def _next_due_ns(after_ns: int) -> int:
    day = new_york(after_ns).date()
    due_ns = to_ns(dt.datetime.combine(day, POSTED, NEW_YORK))
    if due_ns > after_ns:
        return due_ns
    return to_ns(dt.datetime.combine(day + dt.timedelta(days=1), POSTED, NEW_YORK))
