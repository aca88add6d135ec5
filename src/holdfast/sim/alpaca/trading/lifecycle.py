"""What happens to an order after it was taken: sent, filled, linked, canceled, replaced, expired.

Alpaca's life of an order is documented; where this is our reading it is said at the function.
"""

from collections.abc import Callable, Iterable
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from holdfast.core.messages import MarketEvent, OrderCanceled, OrderExpired, OrderFilled, OrderRejected, Report
from holdfast.core.types import OrderType, TimeInForce, from_float
from holdfast.sim.alpaca.faults.catalogue import FaultName
from holdfast.sim.alpaca.trading.books import Books
from holdfast.sim.alpaca.trading.changes import Changes, fill_facts, new_id
from holdfast.sim.alpaca.trading.executions import Executions
from holdfast.sim.alpaca.trading.floor import Floor
from holdfast.sim.alpaca.trading.hours import Hours, session_of
from holdfast.sim.alpaca.trading.order import EXITS, Order, OrderClass, Role, Status
from holdfast.sim.alpaca.trading.orders import Orders
from holdfast.sim.chassis.faults.registry import Fault

if TYPE_CHECKING:
    from holdfast.sim.alpaca.world import World

SMALLEST_UNIT = Decimal("1e-9")
AUCTIONS = frozenset({TimeInForce.OPG, TimeInForce.CLS})
_ANSWERED = frozenset({Status.ACCEPTED, Status.PENDING_NEW})
NEVER_NS = (1 << 63) - 1

FaultTaker = Callable[..., Fault | None]


class Lifecycle:
    """Moves the orders of one account, and books what they trade."""

    def __init__(
        self,
        world: "World",
        hours: Hours,
        orders: Orders,
        books: Books,
        executions: Executions,
        changes: Changes,
    ) -> None:
        self._world = world
        self._hours = hours
        self._orders = orders
        self._books = books
        self._executions = executions
        self._changes = changes
        self._floor = Floor(hours, world.market)
        self._waiting: dict[str, dict[str, Order]] = {}
        self.next_expiry_ns = NEVER_NS

    # --- on the way to the exchange ----------------------------------------------------------------------------------

    def accept(self, order: Order, now_ns: int) -> None:
        """The order was answered: it goes to the exchange, or waits for its session."""
        self.next_expiry_ns = min(self.next_expiry_ns, order.expires_ns)
        if order.status is Status.HELD and order.order_class is OrderClass.OCO:
            self._arm(order, now_ns)
        if order.status not in _ANSWERED or order.sends:
            return  # it waits for its entry, or went to work or ended with it already
        if self._fires(FaultName.REJECT_AFTER_ACCEPT, order):
            self.end(order, Status.REJECTED, now_ns)
            return
        if order.time_in_force in AUCTIONS or self._hours.is_open(session_of(order), now_ns):
            order.status = Status.PENDING_NEW
            self._changes.tell("pending_new", order, now_ns)
            self._send(order, now_ns)
        else:
            order.status = Status.ACCEPTED
            self._changes.tell("accepted", order, now_ns)
            self._wait(order, now_ns)

    def _wait(self, order: Order, now_ns: int) -> None:
        order.waits = True
        self._waiting.setdefault(order.symbol, {})[order.id] = order
        self._changes.order(order, now_ns)

    def _send(self, order: Order, now_ns: int) -> None:
        order.sends += 1
        reports = self._floor.submit(order, now_ns)
        self._floor.follow(order.symbol)
        self._show_at_work(order, now_ns)
        self._fire_all(order.symbol, now_ns)
        self._take(reports, has_rested=False)

    def _show_at_work(self, order: Order, now_ns: int) -> None:
        """The exchange has the order: it is ``new``, and told so. The stop of a pair is ``held``, and nothing is told."""
        if order.is_stop_of_pair and order.is_open and order.status is not Status.PARTIALLY_FILLED:
            order.status = Status.HELD
        elif order.status is not Status.PARTIALLY_FILLED:
            order.status = Status.NEW
            self._changes.tell("new", order, now_ns, execution_id=new_id())
        self._changes.order(order, now_ns)

    def _arm(self, leg: Order, now_ns: int) -> None:
        """An exit goes to work: its entry has filled, or the pair of exits was sent. A stop may be dead, by a fault."""
        parent = self._orders.parent(leg)
        if leg.role is Role.STOP_LOSS and parent is not None and self._fires(FaultName.LEG_DEAD, parent):
            leg.is_dead = True
            self._show_at_work(leg, now_ns)
        elif self._hours.is_open(session_of(leg), now_ns):
            self._send(leg, now_ns)
        else:
            self._wait(leg, now_ns)

    def _fire_all(self, symbol: str, time_ns: int) -> None:
        """Stops of pairs that the market has reached: they are at the exchange in their take-profits' place."""
        for stop in self._floor.fired(symbol):
            if stop.status is Status.HELD:
                self._take_place(stop, time_ns)
                if stop.type is OrderType.STOP_LIMIT:
                    stop.status = Status.NEW
                    self._changes.tell("new", stop, time_ns, execution_id=new_id())
                    self._changes.order(stop, time_ns)

    def _take_place(self, stop: Order, time_ns: int) -> None:
        """Alpaca: when the stop of a pair fires its take-profit is seen as ``replaced`` (alpaca-py#198), by the stop: our reading."""
        profit = self._orders.sibling(stop)
        if profit is None or not profit.is_open or not profit.sends:
            return
        profit.replaced_by, stop.replaces = stop.id, profit.id
        self.end(profit, Status.REPLACED, time_ns)

    def restore(self, order: Order, now_ns: int) -> None:
        """After a restart: the order is where it was."""
        self.next_expiry_ns = min(self.next_expiry_ns, order.expires_ns)
        if order.waits:
            self._waiting.setdefault(order.symbol, {})[order.id] = order
        elif order.sends:
            self._floor.restore(order, now_ns)

    # --- the market moves --------------------------------------------------------------------------------------------

    def on_market(self, event: MarketEvent) -> None:
        """Orders of the event's symbol meet it; then those that waited for it go to the exchange."""
        symbol = event.symbol
        waiting = tuple(self._waiting[symbol].values()) if symbol in self._waiting else ()
        if self._floor.has(symbol):
            reports = self._floor.on_market(event)
            self._fire_all(symbol, event.time_ns)
            self._take(reports, has_rested=True)
            for order in self._floor.follow(symbol):
                self._changes.order(order, order.updated_ns)
        for order in waiting:
            if order.waits and self._hours.holds(session_of(order), event):
                self._stop_waiting(order)
                self._send(order, event.time_ns)

    def _stop_waiting(self, order: Order) -> None:
        orders = self._waiting[order.symbol]
        del orders[order.id]
        if not orders:
            del self._waiting[order.symbol]
        order.waits = False

    def _take(self, reports: Iterable[Report], *, has_rested: bool) -> None:
        for report in reports:
            body = report.body
            order = self._floor.order(body.client_order_id)
            if order is None or not order.is_open:
                continue
            if isinstance(body, OrderFilled):
                self.fill(order, body.price, report.time_ns, has_rested=has_rested)
            elif isinstance(body, OrderExpired):
                self.end(order, Status.EXPIRED, report.time_ns)
            elif isinstance(body, OrderCanceled):
                self.end(order, Status.CANCELED, report.time_ns)
            elif isinstance(body, OrderRejected):
                self.end(order, Status.REJECTED, report.time_ns)

    # --- fills -------------------------------------------------------------------------------------------------------

    def fill(self, order: Order, price: Decimal, time_ns: int, *, has_rested: bool = True) -> None:
        """The order trades: all that is left of it, or a part when that fault is on; the rest waits for the next event."""
        whole = order.remaining
        if order.notional is not None:
            whole = (order.notional / price).quantize(SMALLEST_UNIT, rounding=ROUND_FLOOR)
        if order.is_stop_of_pair:
            self._take_place(order, time_ns)
        fault = None if order.notional is not None else self._fires(FaultName.PARTIAL_FILLS, order)
        part = whole if fault is None else _share(whole, fault)
        if part < whole:
            self._floor.withdraw(order, time_ns)
            order.status = Status.PARTIALLY_FILLED
            time_ns = self._book(order, part, price, time_ns, is_whole=False, has_rested=has_rested)
            self._wait(order, time_ns)
            self._shrink(self._orders.sibling(order), part, time_ns)
            return
        self._take_away(order, time_ns)
        order.status = Status.FILLED
        time_ns = self._book(order, whole, price, time_ns, is_whole=True, has_rested=has_rested)
        if order.role is Role.ENTRY:
            self._activate_legs(order, time_ns)
        sibling = self._orders.sibling(order)
        if sibling is not None:
            self.end(sibling, Status.CANCELED, time_ns)

    def _book(
        self, order: Order, quantity: Decimal, price: Decimal, time_ns: int, *, is_whole: bool, has_rested: bool
    ) -> int:
        """Returns the execution's time: what follows from it is not before it. A limit order that rested made the market."""
        is_maker = has_rested and order.type is OrderType.LIMIT
        execution = self._executions.add(order, quantity, price, time_ns, is_maker=is_maker)
        self._changes.order(order, execution.time_ns)
        facts = fill_facts(execution, self._books.quantity(order.symbol))
        self._changes.tell("fill" if is_whole else "partial_fill", order, execution.time_ns, **facts)
        return execution.time_ns

    def _shrink(self, sibling: Order | None, quantity: Decimal, time_ns: int) -> None:
        """Alpaca: a part of one exit fills, and the other is left for so much less (documented)."""
        if sibling is None or not sibling.is_open or sibling.qty is None:
            return
        sibling.qty -= quantity
        self._changes.order(sibling, time_ns)
        if sibling.remaining <= 0:
            self.end(sibling, Status.CANCELED, time_ns)

    def _activate_legs(self, entry: Order, time_ns: int) -> None:
        """The entry has filled whole: its exits go to work."""
        for leg in sorted(self._orders.legs(entry), key=_is_take_profit):
            if leg.status is Status.HELD:
                self._arm(leg, time_ns)

    # --- ends --------------------------------------------------------------------------------------------------------

    def end(self, order: Order, status: Status, time_ns: int) -> None:
        """The order is over, and with it those that hang on it. One that is over already stays as it is.

        Alpaca: the end of an exit that is held is not told (alpaca-py#198: the take-profit fills, the stop-loss is canceled).
        """
        if not order.is_open:
            return
        is_told = order.status is not Status.HELD
        order.status = status
        _STAMP[status](order, max(time_ns, order.created_ns))
        self._take_away(order, time_ns)
        self._changes.order(order, time_ns)
        if is_told:
            self._changes.tell(status.value, order, time_ns)
        if status is not Status.REPLACED:
            self._end_linked(order, Status.EXPIRED if status is Status.EXPIRED else Status.CANCELED, time_ns)

    def _take_away(self, order: Order, time_ns: int) -> None:
        self._floor.withdraw(order, time_ns)
        self._orders.close(order)
        if order.waits:
            self._stop_waiting(order)

    def _end_linked(self, order: Order, status: Status, time_ns: int) -> None:
        """Alpaca: cancel one and the rest is canceled too (documented); an entry that ends unfilled takes its exits along."""
        sibling = self._orders.sibling(order)
        if sibling is not None:
            self.end(sibling, status, time_ns)
        for leg in self._orders.legs(order):
            self.end(leg, status, time_ns)
        parent = self._orders.parent(order)
        if order.role in EXITS and parent is not None:
            self.end(parent, status, time_ns)

    def finish_cancel(self, order: Order, now_ns: int) -> None:
        """A cancel arrives at the exchange; when that fault is on, a fill was faster."""
        if order.status is not Status.PENDING_CANCEL:
            return
        price = self._world.market.price(order.symbol)
        if price and order.sends and self._fires(FaultName.CANCEL_RACES_FILL, order):
            self.fill(order, order.limit_price or from_float(price), now_ns)
        else:
            self.end(order, Status.CANCELED, now_ns)

    def finish_replace(self, old: Order, new: Order, now_ns: int) -> None:
        """A replacement arrives at the exchange. If the old order has ended meanwhile the new one is rejected."""
        if old.status is not Status.PENDING_REPLACE:
            self.end(new, Status.REJECTED, now_ns)
            return
        old.replaced_by = new.id
        for changed in self._orders.relink(old, new):
            if changed.parent_id == new.id and new.role is Role.ENTRY:
                changed.qty = new.qty
            self._changes.order(changed, now_ns)
        self.end(old, Status.REPLACED, now_ns)
        self.next_expiry_ns = min(self.next_expiry_ns, new.expires_ns)
        if new.status is Status.HELD and not old.sends:
            new.is_dead = old.is_dead
            self._changes.order(new, now_ns)
        elif self._hours.is_open(session_of(new), now_ns):
            self._send(new, now_ns)
        else:
            new.status = Status.ACCEPTED
            self._changes.tell("accepted", new, now_ns)
            self._wait(new, now_ns)

    def drop(self, order: Order, now_ns: int) -> None:
        """The order is lost in silence; one that has filled in part is canceled, so that its fills have an order."""
        self._take_away(order, now_ns)
        if order.filled_qty:
            order.status = Status.CANCELED
            order.canceled_ns = max(now_ns, order.created_ns)
            self._changes.order(order, now_ns)
        else:
            self._orders.forget(order)
            self._changes.drop_order(order)

    def expire(self, before_ns: int) -> None:
        """Ends every order whose time was over before this."""
        due = [order for order in self._orders.open() if order.expires_ns < before_ns]
        for order in sorted(due, key=_expiry):
            if order.is_open:
                self._expire(order)
        self.next_expiry_ns = min((order.expires_ns for order in self._orders.open()), default=NEVER_NS)

    def _expire(self, order: Order) -> None:
        if order.time_in_force is TimeInForce.CLS and self._closes_at_last_price(order):
            return
        is_gtc = order.time_in_force is TimeInForce.GTC
        self.end(order, Status.CANCELED if is_gtc else Status.EXPIRED, order.expires_ns)

    def _closes_at_last_price(self, order: Order) -> bool:
        """A closing order that no bar at the close has met trades at the last price, if its limit lets it."""
        price = self._world.market.price(order.symbol)
        if not price:
            return False
        last = from_float(price)
        if order.limit_price is not None and (order.limit_price - last) * order.side.sign < 0:
            return False
        self.fill(order, last, order.expires_ns)
        return True

    def _fires(self, name: FaultName, order: Order) -> Fault | None:
        return self._world.faults.take(name, symbol=order.symbol, client_order_id=order.client_order_id)


def _share(whole: Decimal, fault: Fault) -> Decimal:
    """How much of a fill comes now, with that fault: at least the smallest step, and never more than there is."""
    step = Decimal(1) if whole % 1 == 0 else SMALLEST_UNIT
    share = Decimal(str(fault.params["fraction"]))
    return min(max((whole * share).quantize(step, rounding=ROUND_FLOOR), step), whole)


def _is_take_profit(order: Order) -> bool:
    """For sorting the exit that is worse for the trader first."""
    return order.role is Role.TAKE_PROFIT


def _expiry(order: Order) -> int:
    return order.expires_ns


def _stamp_canceled(order: Order, time_ns: int) -> None:
    order.canceled_ns = time_ns


def _stamp_expired(order: Order, time_ns: int) -> None:
    order.expired_ns = time_ns


def _stamp_rejected(order: Order, time_ns: int) -> None:
    order.failed_ns = time_ns


def _stamp_replaced(order: Order, time_ns: int) -> None:
    order.replaced_ns = time_ns


_STAMP: dict[Status, Callable[[Order, int], None]] = {
    Status.CANCELED: _stamp_canceled,
    Status.EXPIRED: _stamp_expired,
    Status.REJECTED: _stamp_rejected,
    Status.REPLACED: _stamp_replaced,
}
