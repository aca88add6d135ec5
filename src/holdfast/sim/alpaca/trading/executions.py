"""An account's fills: booked as they come, and taken back or mended when the exchange says so afterwards."""

from collections.abc import Sequence
from decimal import Decimal

from holdfast.core.types import ZERO
from holdfast.sim.alpaca.trading.account import Account
from holdfast.sim.alpaca.trading.books import Books, Execution
from holdfast.sim.alpaca.trading.changes import Changes, fill_facts, new_id, row_id
from holdfast.sim.alpaca.trading.fees import Fees
from holdfast.sim.alpaca.trading.hours import new_york
from holdfast.sim.alpaca.trading.order import Order
from holdfast.sim.alpaca.trading.orders import APART_NS
from holdfast.sim.chassis.state import Kind


class Executions:
    """Every fill of an account, in order. The ``books`` follow from them, the deposit, and what the broker has booked."""

    def __init__(self, account: Account, books: Books, changes: Changes, *, has_fees: bool) -> None:
        self.books = books
        self._fees = Fees(account, books, changes, is_on=has_fees)
        self._changes = changes
        self._deposit = account.deposit
        self._all: list[Execution] = []

    def all(self) -> Sequence[Execution]:
        """Those that stand, in order."""
        return self._all

    def load(self, executions: Sequence[Execution]) -> None:
        """Takes over what a state file kept."""
        self._all = list(executions)
        self.books.rebuild(self._deposit, self._all)

    def add(
        self, order: Order, quantity: Decimal, price: Decimal, time_ns: int, *, is_maker: bool = False
    ) -> Execution:
        """A fill happens: the order and the books move, and what it costs is taken. The order's status is the caller's.

        It gets a time of its own, after the account's fill before it and not before its order was made.
        """
        if self._all:
            time_ns = max(time_ns, self._all[-1].time_ns + APART_NS)
        time_ns = max(time_ns, order.created_ns)
        order.filled_qty += quantity
        order.filled_cost += quantity * price
        order.filled_ns = time_ns
        leaves = order.remaining
        execution_id = new_id()
        execution = Execution(
            id=execution_id,
            sequence=self._all[-1].sequence + 1 if self._all else 1,
            activity_id=activity_id(time_ns, execution_id),
            order_id=order.id,
            symbol=order.symbol,
            side=order.side,
            quantity=quantity,
            price=price,
            time_ns=time_ns,
            is_complete=leaves <= 0,
            filled_qty=order.filled_qty,
            leaves_qty=max(leaves, ZERO),
        )
        self.books.book(order.symbol, order.side, quantity, price)
        self._fees.take(execution, self._all, is_maker=is_maker)
        self._all.append(execution)
        self._changes.execution(execution)
        return execution

    @property
    def fees_due_ns(self) -> int:
        """When fees are to be paid next."""
        return self._fees.due_ns

    def pay(self, now_ns: int) -> None:
        """Pays the fees of the days that are over; when there never was one, from now on."""
        self._fees.begin(now_ns)
        self._fees.post(now_ns, self._all)

    def last(self, order: Order | None) -> Execution | None:
        """The last fill of an order, or of the account."""
        return next((one for one in reversed(self._all) if order is None or one.order_id == order.id), None)

    def bust(self, execution: Execution, order: Order, now_ns: int) -> None:
        """The exchange takes a fill back: it is gone from books, order and activities, and a ``trade_bust`` says so.

        The event's name and ``previous_execution_id`` are documented; that the activity vanishes is our reading.
        """
        self._all.remove(execution)
        self._fees.undo(execution)
        order.filled_qty -= execution.quantity
        order.filled_cost -= execution.quantity * execution.price
        self.books.rebuild(self._deposit, self._all)
        self._changes.drop(Kind.EXECUTION, row_id(execution.sequence))
        self._tell("trade_bust", execution, order, new_id(), now_ns)

    def correct(self, execution: Execution, order: Order, price: Decimal, now_ns: int) -> None:
        """The exchange mends a fill's price: books, order and activity follow, and a ``trade_correct`` says so."""
        order.filled_cost += execution.quantity * (price - execution.price)
        execution.price = price
        self.books.rebuild(self._deposit, self._all)
        self._changes.execution(execution)
        self._tell("trade_correct", execution, order, new_id(), now_ns)

    def _tell(self, event: str, execution: Execution, order: Order, event_execution_id: str, now_ns: int) -> None:
        self._changes.order(order, now_ns)
        facts = fill_facts(execution, self.books.quantity(order.symbol))
        facts |= {"execution_id": event_execution_id, "previous_execution_id": execution.id}
        self._changes.tell(event, order, now_ns, **facts)


def activity_id(time_ns: int, execution_id: str) -> str:
    """``YYYYMMDDHHMMSSmmm::uuid``, in New York's local time (recorded)."""
    moment = new_york(time_ns)
    return f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 1000:03d}::{execution_id}"
