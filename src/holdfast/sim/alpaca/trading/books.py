"""What an account owns: cash and positions, moved by executions only and exact to the last digit."""

from decimal import Decimal

import msgspec

from holdfast.core.portfolio.ledger import Ledger
from holdfast.core.types import NO_MONEY, ZERO, Money, Price, Side
from holdfast.sim.alpaca.trading.bookings import Booking


class Execution(msgspec.Struct, kw_only=True):
    """One fill, as the activities keep it. ``quantity`` is positive; times are UTC nanoseconds.

    ``sequence`` counts the account's fills. ``filled_qty`` and ``leaves_qty`` are the order's right after it.
    """

    id: str
    sequence: int
    activity_id: str
    order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    time_ns: int
    is_complete: bool
    filled_qty: Decimal
    leaves_qty: Decimal


class Books:
    """Cash and a ledger for each symbol: cash = deposits - bought + sold + what the broker has booked by itself.

    Commission is zero; fees are what the broker books (see `fees`).
    """

    def __init__(self, deposit: Decimal = ZERO, bookings: list[Booking] | None = None) -> None:
        self.cash = deposit
        self.ledgers: dict[str, Ledger] = {}
        self.overnight: dict[str, Decimal] = {}
        self._bookings = [] if bookings is None else bookings
        for booking in self._bookings:
            self._take(booking)

    def take(self, booking: Booking) -> None:
        """The broker books something; under an id that there is already it takes that one's place."""
        known = next((each for each in self._bookings if each.id == booking.id), None)
        if known is not None:
            self.untake(known)
        self._bookings.append(booking)
        self._take(booking)

    def untake(self, booking: Booking) -> None:
        """It never was."""
        self._take(booking, -1)
        self._bookings.remove(booking)

    def _take(self, booking: Booking, sign: int = 1) -> None:
        amount, quantity = booking.moved
        self.cash += sign * amount
        if quantity:
            ledger = self.ledgers.setdefault(booking.symbol, Ledger())
            ledger.adjust(sign * quantity, NO_MONEY)
            if not ledger.quantity:
                del self.ledgers[booking.symbol]

    def quantity(self, symbol: str) -> Decimal:
        """The signed position; zero when there is none."""
        ledger = self.ledgers.get(symbol)
        return ZERO if ledger is None else ledger.quantity

    def book(self, symbol: str, side: Side, quantity: Decimal, price: Decimal) -> None:
        """An execution happened. A negative quantity takes one back."""
        signed = quantity * side.sign
        ledger = self.ledgers.get(symbol)
        if ledger is None:
            ledger = self.ledgers[symbol] = Ledger()
        ledger.book(signed, Price(price), NO_MONEY)
        self.cash -= signed * price
        if not ledger.quantity:
            del self.ledgers[symbol]

    def rebuild(self, deposit: Decimal, executions: list[Execution]) -> None:
        """Starts over from the deposit and books every execution again."""
        self.cash = deposit
        self.ledgers = {}
        for execution in executions:
            self.book(execution.symbol, execution.side, execution.quantity, execution.price)
        for booking in self._bookings:
            self._take(booking)

    def start_day(self) -> None:
        """A trading day begins: what is held now was held overnight."""
        self.overnight = {symbol: ledger.quantity for symbol, ledger in self.ledgers.items()}

    def cost(self, symbol: str) -> Money:
        """What the position was bought for; below zero, sold for."""
        return self.ledgers[symbol].cost
