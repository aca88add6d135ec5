"""One account at work: requests come in, the market moves, and all that follows is kept and told.

A request is decided and answered at once; what it leads to at the exchange is done by `TradingAccount.settle`, after the answer has
left: so a client never sees a fill before it has the order, unless that fault is on.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from holdfast.core.messages import Bar, MarketEvent
from holdfast.sim.alpaca.errors import ApiError, forbidden, invalid, not_found, unprocessable
from holdfast.sim.alpaca.faults.catalogue import FaultName
from holdfast.sim.alpaca.market.assets import Asset
from holdfast.sim.alpaca.trading import build
from holdfast.sim.alpaca.trading.account import Account
from holdfast.sim.alpaca.trading.admission import Admission
from holdfast.sim.alpaca.trading.books import Books, Execution
from holdfast.sim.alpaca.trading.changes import Changes
from holdfast.sim.alpaca.trading.curve import Curve
from holdfast.sim.alpaca.trading.diary import Diary
from holdfast.sim.alpaca.trading.executions import Executions
from holdfast.sim.alpaca.trading.funds import Funds
from holdfast.sim.alpaca.trading.hours import Hours
from holdfast.sim.alpaca.trading.hub import Hub
from holdfast.sim.alpaca.trading.lifecycle import Lifecycle
from holdfast.sim.alpaca.trading.limit import RateLimit
from holdfast.sim.alpaca.trading.order import UNSENT, Order, OrderClass, Role, Status
from holdfast.sim.alpaca.trading.orders import Orders
from holdfast.sim.alpaca.trading.request import OrderRequest, ReplaceRequest
from holdfast.sim.alpaca.trading.rules import check_exits, check_order, check_stop, cut_quantity
from holdfast.sim.alpaca.trading.watchlist import Watchlists
from holdfast.sim.chassis.faults.registry import Fault
from holdfast.sim.chassis.state import State

if TYPE_CHECKING:
    from holdfast.sim.alpaca.world import World


OPTION = re.compile(r"[A-Z]{1,6}\d{6}[CP]\d{8}")
"""The symbol of an option's contract, as OCC writes it."""


class TradingAccount:
    """One account. Used from one event loop only.

    ``orders``, ``books``, ``executions``, ``funds``, ``curve`` and ``watchlists`` are for reading; they are changed by the
    methods here.
    """

    def __init__(self, world: "World", hours: Hours, account: Account, limit: RateLimit, state: State | None) -> None:
        self._world = world
        self._hours = hours
        self.account = account
        self.limit = limit
        self.hub = Hub()
        self.orders = Orders()
        self.books = Books(account.deposit, account.bookings)
        self.funds = Funds(world, self.books, self.orders)
        self.changes = Changes(account, self.hub, state)
        self.executions = Executions(account, self.books, self.changes, has_fees=world.has_fees)
        self.watchlists = Watchlists(world.assets, account.id, self.changes)
        self._diary = Diary(account, hours.regular, self.executions, self.funds, self.changes)
        self._lifecycle = Lifecycle(world, hours, self.orders, self.books, self.executions, self.changes)
        self._admission = Admission(world, account, self.books, self.orders, self.funds)
        self._queue: list[Callable[[int], None]] = []
        self._hidden: dict[str, float] = {}
        self._last_ns = 0
        self._due_ns = 0

    @property
    def now_ns(self) -> int:
        """Market time, not before anything that has happened here."""
        return max(self._world.clock.now_ns, self._last_ns)

    @property
    def curve(self) -> Curve:
        """What the account was worth over time."""
        return self._diary.curve

    # --- requests ----------------------------------------------------------------------------------------------------

    def submit(self, request: OrderRequest) -> Order:
        """Takes a new order, or raises `ApiError`. Its legs are in ``orders``. `settle` sends it on."""
        now_ns = self._step()
        asset = self.asset(request.symbol)
        cut_quantity(request, asset)
        check_order(request, asset, now_ns)
        self._check_client_id(request.client_order_id)
        price = self.funds.price(asset.symbol)
        check_stop(request.side, request.stop_price, price)
        if request.order_class is not OrderClass.SIMPLE:
            check_exits(request, asset, price)
        admitted = self._admission.admit(request, asset)
        order = build.make_order(request, asset, admitted, self._hours, self.orders, now_ns)
        legs = build.make_legs(request, order)
        if legs and legs[-1].role is Role.STOP_LOSS and self.fault(FaultName.LEG_MISSING, order):
            order.leg_ids.remove(legs.pop().id)
        for one in (order, *legs):
            self.orders.add(one)
            self.changes.order(one, now_ns)
            self._queue.append(partial(self._lifecycle.accept, one))
        hiding = self.fault(FaultName.INVISIBLE_ORDER, order)
        if hiding is not None:
            self._hidden[order.id] = time.monotonic() + hiding.seconds
        self.changes.flush(now_ns)
        return order

    def replace(self, order_id: str, change: ReplaceRequest) -> Order:
        """Takes a change of an order: a new order that is to take its place. Raises `ApiError`."""
        now_ns = self._step()
        old = self.find(order_id)
        self._check_replaceable(old, change)
        self._check_client_id(change.client_order_id)
        request = build.changed_request(old, change)
        asset = self.asset(old.symbol)
        check_order(request, asset, now_ns)
        check_stop(request.side, change.stop_price, self.funds.price(asset.symbol))
        request.order_class = old.order_class
        if old.role in (Role.ALONE, Role.ENTRY):
            admitted = self._admission.admit(request, asset, instead_of=old)
        else:
            admitted = self._admission.admit_exit(old)
        new = build.replacement(old, request, admitted, self._hours, self.orders, now_ns)
        self.orders.add(new)
        old.status = Status.PENDING_REPLACE
        for one in (old, new):
            self.changes.order(one, now_ns)
        self._queue.append(partial(self._lifecycle.finish_replace, old, new))
        self.changes.flush(now_ns)
        return new

    def cancel(self, order_id: str) -> Order:
        """Takes a cancel; a second one while the first is on its way is taken in silence (observed). Raises `ApiError`."""
        now_ns = self._step()
        order = self.find(order_id)
        self._cancel(order, now_ns)
        self.changes.flush(now_ns)
        return order

    def cancel_all(self) -> Sequence[Order]:
        """Takes a cancel of every open order; returns them. What is held ends with the order it belongs to."""
        now_ns = self._step()
        left_out = (Status.PENDING_REPLACE, Status.HELD)
        orders = [order for order in self.orders.open() if order.status not in left_out]
        for order in orders:
            self._cancel(order, now_ns)
        self.changes.flush(now_ns)
        return orders

    def _cancel(self, order: Order, now_ns: int) -> None:
        if order.status is Status.PENDING_CANCEL:
            return
        if not order.is_open:
            raise unprocessable(f'order is already in "{order.status}" state')
        if order.status is Status.PENDING_REPLACE:
            raise unprocessable("order cannot be canceled while its replacement is pending")
        order.status = Status.PENDING_CANCEL
        order.cancel_requested_ns = max(now_ns, order.created_ns)
        self.changes.order(order, now_ns)
        self.changes.tell(Status.PENDING_CANCEL.value, order, now_ns)
        self._queue.append(partial(self._lifecycle.finish_cancel, order))

    def configure(self, body: Mapping[str, object]) -> None:
        """Changes the account's settings. Raises `ApiError`."""
        self.account.configuration.change(body)
        self.changes.account()
        self.changes.flush(self._step())

    def fault(self, name: FaultName, order: Order) -> Fault | None:
        """The fault, if it fires now for this order."""
        return self._world.faults.take(name, symbol=order.symbol, client_order_id=order.client_order_id)

    def find(self, order_id: str) -> Order:
        """An order by the server's id. Raises `ApiError` (404)."""
        return self._shown(self.orders.get(order_id))

    def find_by_client_id(self, client_order_id: str) -> Order:
        """An order by the client's id. Raises `ApiError` (404)."""
        return self._shown(self.orders.by_client_id(client_order_id))

    def is_hidden(self, order: Order) -> bool:
        """Whether a fault keeps the order from being seen, for now."""
        until_s = self._hidden.get(order.id)
        return until_s is not None and time.monotonic() < until_s

    def asset(self, name: str) -> Asset:
        """What a symbol or asset id names. Raises `ApiError` (422; 403 for an option: the account has no level for them)."""
        asset = self._world.assets.find(name)
        if asset is None:
            raise _no_asset(name)
        return asset

    def _shown(self, order: Order) -> Order:
        if self.is_hidden(order):
            raise not_found(f"order not found for {order.id}")
        return order

    def _check_client_id(self, client_order_id: str | None) -> None:
        if client_order_id is not None and self.orders.has_client_id(client_order_id):
            raise invalid("client_order_id must be unique")

    def _check_replaceable(self, order: Order, change: ReplaceRequest) -> None:
        if order.status in UNSENT:
            raise unprocessable(f"cannot replace order in {order.status} status")
        if not order.is_open:
            raise _not_open(order)
        if order.notional is not None:
            raise unprocessable("notional orders cannot be replaced")
        if change.qty is not None and change.qty % 1:
            raise invalid("qty must be integer")
        if order.role not in (Role.ALONE, Role.ENTRY) and (change.qty is not None or change.time_in_force is not None):
            raise unprocessable("only limit_price and stop_price of the legs of complex orders can be replaced")
        if change.trail is not None and order.trail_price is None and order.trail_percent is None:
            raise invalid("trail can only be replaced for trailing stop orders")
        if not build.changes_anything(order, change):
            raise unprocessable("order parameters are not changed")
        if change.qty is not None and change.qty <= order.filled_qty:
            raise unprocessable("qty must be > filled_qty")

    # --- time and the market -----------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Does what the requests since the last time lead to."""
        if not self._queue:
            return
        now_ns = self.now_ns
        self._last_ns = now_ns
        while self._queue:
            self._queue.pop(0)(now_ns)
        self._plan()
        self.changes.flush(now_ns)

    def on_market(self, event: MarketEvent) -> None:
        """The market moves: orders fill and end."""
        if self._queue:
            self.settle()
        if event.time_ns > self._last_ns:
            self._last_ns = event.time_ns
        if event.time_ns >= self._due_ns:
            self._pass_time(event.start_ns if isinstance(event, Bar) else event.time_ns, event.time_ns)
        self._lifecycle.on_market(event)
        self.changes.flush(self._last_ns)

    def on_time(self, now_ns: int) -> None:
        """Time passes without an event: a session begins or ends. All that happened by then has been told."""
        if self._queue:
            self.settle()
        self._last_ns = max(self._last_ns, now_ns)
        self._pass_time(now_ns + 1, now_ns)
        self.changes.flush(now_ns)

    def _step(self) -> int:
        """A request comes: what was asked before is done, what has run out is over. Returns the time."""
        self.settle()
        now_ns = self.now_ns
        if now_ns > self._last_ns:
            self._last_ns = now_ns
            if now_ns >= self._due_ns:
                self._pass_time(now_ns, now_ns)
                self.changes.flush(now_ns)
        return now_ns

    def _pass_time(self, ended_before_ns: int, now_ns: int) -> None:
        """``ended_before_ns``: orders whose time was over before it end."""
        if self._lifecycle.next_expiry_ns < ended_before_ns:
            self._lifecycle.expire(ended_before_ns)
        self._diary.write(now_ns)
        self._plan()

    def _plan(self) -> None:
        """When time next has to be looked at."""
        self._due_ns = min(self._lifecycle.next_expiry_ns, self._diary.next_ns(self._last_ns))

    # --- what faults do ----------------------------------------------------------------------------------------------

    def bust_last_fill(self, client_order_id: str | None = None) -> bool:
        """The exchange takes back the last fill of an order, or of the account. False when there is none."""
        found = self._last_fill(client_order_id)
        if found is None:
            return False
        execution, order = found
        self.executions.bust(execution, order, self.now_ns)
        self.changes.flush(self.now_ns)
        return True

    def correct_last_fill(self, client_order_id: str | None, price: Decimal) -> bool:
        """The exchange mends the price of the last fill of an order, or of the account. False when there is none."""
        found = self._last_fill(client_order_id)
        if found is None:
            return False
        execution, order = found
        self.executions.correct(execution, order, price, self.now_ns)
        self.changes.flush(self.now_ns)
        return True

    def _last_fill(self, client_order_id: str | None) -> tuple[Execution, Order] | None:
        self._step()
        order = None if client_order_id is None else self.orders.by_client_id(client_order_id)
        execution = self.executions.last(order)
        return None if execution is None else (execution, self.orders.get(execution.order_id))

    def forget_open_orders(self) -> int:
        """The server loses its open orders, as if they had never come, and says nothing; returns how many.

        One that has filled in part is canceled in silence instead: its fills stand.
        """
        now_ns = self._step()
        orders = self.orders.open()
        for order in orders:
            self._lifecycle.drop(order, now_ns)
        self.changes.flush(now_ns)
        return len(orders)

    # --- restart -----------------------------------------------------------------------------------------------------

    def open(self, orders: Sequence[Order], curve: Curve, now_ns: int) -> None:
        """Starts work; ``orders`` are those a state file kept. Fills and watchlists were loaded before."""
        self._last_ns = now_ns
        self._diary.curve = curve
        self.books.overnight = self.account.overnight
        for order in orders:
            self.orders.add(order)
        for order in self.orders.open():
            self._resume(order, now_ns)
        self._diary.write(now_ns)
        self._plan()
        self.changes.flush(now_ns)

    def _resume(self, order: Order, now_ns: int) -> None:
        """What was at the exchange is there again; what was on its way sets out again."""
        self._lifecycle.restore(order, now_ns)
        if order.status is Status.PENDING_CANCEL:
            self._queue.append(partial(self._lifecycle.finish_cancel, order))
        elif (old := self._being_replaced_by(order)) is not None:
            self._queue.append(partial(self._lifecycle.finish_replace, old, order))
        elif not (order.waits or order.sends or order.is_dead):
            self._queue.append(partial(self._lifecycle.accept, order))

    def _being_replaced_by(self, order: Order) -> Order | None:
        old = None if order.replaces is None else self.orders.find(order.replaces)
        return old if old is not None and old.status is Status.PENDING_REPLACE else None


def _no_asset(name: str) -> ApiError:
    if OPTION.fullmatch(name):
        return forbidden("account is not authorized to trade options")
    return unprocessable(f'asset "{name}" not found')


def _not_open(order: Order) -> ApiError:
    if order.status is Status.FILLED:
        return unprocessable(f'order is already in "{order.status}" state')
    if order.status is Status.REPLACED:
        return unprocessable("order already replaced")
    return invalid("unable to replace order, order is not open")
