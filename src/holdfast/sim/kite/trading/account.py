"""One account: its orders from the request to their end, and what it has.

A request is answered as soon as the order management system has it; what the exchange makes of it comes after (`settle`), as at Zerodha,
where 200 means received and REJECTED may follow.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from holdfast.core.messages import MarketEvent, OrderCanceled, OrderExpired, OrderFilled, OrderRejected, Report
from holdfast.core.types import MINUTE_NS, Side
from holdfast.sim.chassis.faults.registry import Fault
from holdfast.sim.kite.errors import refused_order
from holdfast.sim.kite.faults.catalogue import FaultName
from holdfast.sim.kite.market.instruments import Instrument
from holdfast.sim.kite.session.limits import MODIFICATIONS, ORDERS_A_DAY, Limits, too_many_changes, too_many_orders
from holdfast.sim.kite.session.tokens import Login, Tokens
from holdfast.sim.kite.times import token_end_ns
from holdfast.sim.kite.trading.books import Books
from holdfast.sim.kite.trading.floor import Floor, last_price_of
from holdfast.sim.kite.trading.margin import Margin, margin_of
from holdfast.sim.kite.trading.order import Order, OrderType, Product, Status, Terms, Trade, trade_of
from holdfast.sim.kite.trading.request import Form, changed_terms
from holdfast.sim.kite.trading.rms import Rms
from holdfast.sim.kite.trading.wire import Row, order_row

if TYPE_CHECKING:
    from holdfast.sim.kite.trading.gtt import Triggers
    from holdfast.sim.kite.world import World

Listener = Callable[[str, Row], None]
"""Gets the status that is pushed (``UPDATE`` for a part of a fill or a change) and the order."""
SQUARE_OFF_BEFORE_NS = 10 * MINUTE_NS
"""Before the session's end, what is held for the day is sold by the broker (Zerodha: from 15:20 on)."""
_MARKETS = (OrderType.MARKET, OrderType.SL_M)
_STOPS = (OrderType.SL, OrderType.SL_M)


class KiteAccount:
    """The account of one login. Used from the server's event loop alone. ``triggers`` are put in by whoever opens it."""

    triggers: "Triggers"

    def __init__(self, world: "World", login: Login, limits: Limits) -> None:
        self._world = world
        self.login = login
        self.tokens = Tokens(login)
        self.limits = limits
        self.books = Books(opening_balance=login.deposit, cash=login.deposit)
        self.orders: dict[str, Order] = {}
        self.trades: list[Trade] = []
        self.listeners: list[Listener] = []
        self._floor = Floor(world.place.calendar, world.market)
        self._rms = Rms(world, self)
        self._queue: deque[Callable[[], None]] = deque()
        self._waiting: dict[str, list[Order]] = {}
        self._stuck: list[tuple[float, Order]] = []
        self._is_squared_off = False
        self._begin_day(world.clock.now_ns)

    def _begin_day(self, now_ns: int) -> None:
        """When the session that is on, or the next, ends; when what is held for the day is sold; when the book is emptied."""
        self._close_ns = self._world.place.calendar.next_close_ns(now_ns)
        self._square_off_ns = self._close_ns - SQUARE_OFF_BEFORE_NS
        self._roll_ns = token_end_ns(self._close_ns)

    @property
    def now_ns(self) -> int:
        """The market's time."""
        return self._world.clock.now_ns

    @property
    def margin(self) -> Margin:
        """Its money as it stands."""
        return margin_of(self.books, self.orders.values())

    def rows(self) -> list[Row]:
        """The order book of the day, oldest first."""
        return [order_row(order, self.login.user_id) for order in self.orders.values()]

    # --- requests ----------------------------------------------------------------------------------------------------

    def place(
        self, terms: Terms, instrument: Instrument, *, parent_id: str | None = None, meta: Row | None = None
    ) -> Order:
        """The order management system has an order. Raises `KiteError` when the day's orders are used up."""
        self.settle()
        if len(self.orders) >= ORDERS_A_DAY:
            raise too_many_orders()
        order = self._add(terms, instrument)
        order.parent_id, order.meta = parent_id, meta or {}
        self._move(order, Status.PUT_RECEIVED)
        order.is_tag_hidden = self.fires(FaultName.TAG_MISSING, order) is not None
        stuck = self.fires(FaultName.STUCK_PENDING, order)
        if stuck is None:
            self._queue.append(partial(self._validate, order))
        else:
            self._stuck.append((time.monotonic() + stuck.seconds, order))
            asyncio.get_running_loop().call_later(stuck.seconds, self.settle)
        return order

    def _add(self, terms: Terms, instrument: Instrument) -> Order:
        number = self._world.next_number()
        order = Order(
            order_id=self._world.order_id(number),
            sequence=number,
            symbol=instrument.symbol,
            token=instrument.token,
            terms=terms,
            rests_as=terms.order_type,
            limit=terms.price,
            order_ns=self.now_ns,
        )
        self.orders[order.order_id] = order
        return order

    def modify(self, order_id: str, form: Form) -> Order:
        """A change is received. Raises `KiteError` for an order that is over or unknown, and for a change that can't be."""
        order = self._open(order_id)
        if order.modifications >= MODIFICATIONS:
            raise too_many_changes()
        terms = changed_terms(order, form, self._world.instruments.of_symbol(order.symbol))
        if terms.quantity < order.filled_quantity:
            raise refused_order("Quantity cannot be less than what has traded.")
        order.modifications += 1
        self._move(order, Status.MODIFY_VALIDATION_PENDING)
        self._move(order, Status.MODIFY_PENDING)
        self._queue.append(partial(self._modify, order, terms))
        return order

    def cancel(self, order_id: str) -> Order:
        """A cancel is received. Raises `KiteError` for an order that is over or unknown."""
        order = self._open(order_id)
        raced = self.fires(FaultName.CANCEL_RACES_FILL, order)
        self._move(order, Status.CANCEL_PENDING)
        if raced is None:
            self._queue.append(partial(self._end, order, Status.CANCELLED, None))
        else:
            self._queue.append(partial(self._fill_after_all, order))
        return order

    def _open(self, order_id: str) -> Order:
        self.settle()
        order = self.orders.get(order_id)
        if order is None:
            raise refused_order("Couldn't find that `order_id`.")
        if order.is_over:
            raise refused_order("Order cannot be modified or cancelled as it is being processed or is already over.")
        return order

    def settle(self) -> None:
        """All that was asked is done."""
        now_s = time.monotonic()
        while self._stuck and self._stuck[0][0] <= now_s:
            self._queue.append(partial(self._validate, self._stuck.pop(0)[1]))
        while self._queue:
            self._queue.popleft()()

    # --- from the order management system to the exchange --------------------------------------------------------------

    def _validate(self, order: Order) -> None:
        """The broker's own checks: what fails here is REJECTED in the book, after the answer was 200."""
        if order.is_over:
            return  # canceled while it was on its way
        self._move(order, Status.VALIDATION_PENDING)
        refusal = self._rms.refusal(order, may_trade_for_the_day=not self._is_squared_off)
        if refusal is not None:
            self._end(order, Status.REJECTED, refusal)
            return
        self._move(order, Status.OPEN_PENDING)
        order.exchange_order_id = _exchange_id(order)
        self._work(order)

    def _work(self, order: Order) -> None:
        """The order goes to the exchange, and stands open unless it trades at once."""
        reports = self._floor.submit(order, self.now_ns)
        order.exchange_ns = self.now_ns
        is_stop = order.terms.order_type in _STOPS
        self._move(order, Status.TRIGGER_PENDING if is_stop else Status.OPEN)
        self._take(reports)

    def _modify(self, order: Order, terms: Terms) -> None:
        if order.is_over:
            return
        self._floor.withdraw(order, self.now_ns)
        old = order.terms, order.limit, order.rests_as
        order.terms = terms
        refusal = self._rms.refusal(order, may_trade_for_the_day=not self._is_squared_off)
        if refusal is not None:
            order.terms, order.limit, order.rests_as = old
            order.status_message = refusal
        else:
            self._move(order, Status.MODIFIED)
        self._tell(order, "UPDATE")
        if order.pending_quantity:
            self._work(order)
        else:
            self._end(order, Status.COMPLETE, None)

    # --- what the market does ------------------------------------------------------------------------------------------

    def on_market(self, event: MarketEvent) -> None:
        """The market moves: orders trade and end, and what is held for the day is sold when its time has come."""
        self.settle()
        self._pass_time(event.time_ns)
        waiting = self._waiting.pop(event.symbol, ())
        self._take(self._floor.on_market(event))
        for order in waiting:
            if not order.is_over:
                self._take(self._floor.submit(order, event.time_ns))
        price = self._world.market.price(event.symbol)
        if price is not None:
            self.triggers.on_price(event.symbol, price)
        for order in self.orders.values():
            if (
                order.status is Status.TRIGGER_PENDING
                and order.symbol == event.symbol
                and self._floor.has_triggered(order)
            ):
                order.rests_as = OrderType.LIMIT
                self._move(order, Status.OPEN)

    def on_time(self, now_ns: int) -> None:
        """Time passes without an event: a session begins or ends."""
        self.settle()
        self._pass_time(now_ns)

    def _pass_time(self, now_ns: int) -> None:
        for order in _out_of_time(self.orders.values(), now_ns):
            self._end(order, Status.CANCELLED, "Cancelled by the system: its validity (TTL) is over.")
        if now_ns >= self._square_off_ns and not self._is_squared_off:
            self._is_squared_off = True
            self._square_off()
        if now_ns > self._close_ns:
            self._close_session()
        if now_ns >= self._roll_ns:
            self._roll(now_ns)

    def _square_off(self) -> None:
        """The broker ends what is held for the day."""
        for order in list(self.orders.values()):
            if order.terms.product is Product.MIS and not order.is_over:
                self._end(order, Status.CANCELLED, "Cancelled by the system: intraday square-off.")
        for position in list(self.books.positions.values()):
            if position.product is Product.MIS and position.quantity:
                self.trade_by_hand(position.symbol, position.product, -position.quantity)

    def trade_by_hand(self, symbol: str, product: Product, signed: int) -> Order:
        """An order of the broker's own, or of its page: it trades at the last price, whatever else is there."""
        instrument = self._world.instruments.of_symbol(symbol)
        price = last_price_of(self._world.market, symbol) or instrument.tick
        side = Side.BUY if signed > 0 else Side.SELL
        terms = Terms(instrument.exchange, instrument.tradingsymbol, side, abs(signed), OrderType.MARKET, product)
        order = self._add(terms, instrument)
        order.limit, order.exchange_order_id = price, _exchange_id(order)
        self._fill(order, price, self.now_ns)
        return order

    def _close_session(self) -> None:
        """Orders of the day end with it; the book stays to be read."""
        for order in list(self.orders.values()):
            if not order.is_over:
                self._end(order, Status.CANCELLED, "Cancelled by the exchange at the end of the day.")

    def _roll(self, now_ns: int) -> None:
        """A new day: charges are paid, what was bought to keep is a holding, the book is empty."""
        self.books.end_day(self.trades)
        self.orders.clear()
        self.trades.clear()
        self._waiting.clear()
        self._is_squared_off = False
        self._begin_day(now_ns)

    def _take(self, reports: Iterable[Report]) -> None:
        for report in reports:
            body = report.body
            order = self._floor.order(body.client_order_id)
            if order is None or order.is_over:
                continue
            if isinstance(body, OrderFilled):
                self._fill(order, body.price, report.time_ns)
            elif isinstance(body, OrderExpired | OrderCanceled):
                self._end(order, Status.CANCELLED, None)
            elif isinstance(body, OrderRejected):
                self._end(order, Status.REJECTED, body.reason)

    def _fill_after_all(self, order: Order) -> None:
        """The order trades while its cancel is on the way."""
        if not order.is_over:
            self._fill(order, last_price_of(self._world.market, order.symbol) or order.limit, self.now_ns)

    def _fill(self, order: Order, price: Decimal, time_ns: int) -> None:
        """All that is left trades, or a part when that fault is on; the rest meets the next event of the symbol."""
        whole = order.pending_quantity
        fault = self.fires(FaultName.PARTIAL_FILLS, order)
        part = whole if fault is None else max(min(int(whole * Decimal(str(fault.params["fraction"]))), whole), 1)
        self._floor.withdraw(order, time_ns)
        order.filled_quantity += part
        order.filled_value += part * price
        order.exchange_ns = time_ns
        self._book(order, part, price, time_ns)
        if order.pending_quantity:
            self._tell(order, "UPDATE")
            self._waiting.setdefault(order.symbol, []).append(order)
            self._move(order, Status.OPEN)
        else:
            self._end(order, Status.COMPLETE, None)

    def _book(self, order: Order, quantity: int, price: Decimal, time_ns: int) -> None:
        trade = trade_of(order, self._world.trade_number(), quantity, price, time_ns)
        self.trades.append(trade)
        self.books.book(trade)

    # --- an order's way --------------------------------------------------------------------------------------------------

    def _end(self, order: Order, status: Status, message: str | None) -> None:
        if order.is_over:
            return
        self._floor.withdraw(order, self.now_ns)
        if status is Status.CANCELLED:
            order.cancelled_quantity = order.pending_quantity
        order.status_message = message
        self._move(order, status)
        self._tell(order, status.value)

    def _move(self, order: Order, status: Status) -> None:
        """The order stands there now, and its history says so."""
        order.status = status
        order.history.append(order_row(order, self.login.user_id))

    def _tell(self, order: Order, status: str) -> None:
        row = order_row(order, self.login.user_id) | {"status": status}
        for listener in tuple(self.listeners):
            listener(status, row)

    def fires(self, name: FaultName, order: Order) -> Fault | None:
        """The fault, if it is on for this order and its turn has come."""
        return self._world.faults.take(name, symbol=order.terms.tradingsymbol, tag=order.terms.tag)


def _exchange_id(order: Order) -> str:
    return f"{1_100_000_000_000_000 + order.sequence}"


def _out_of_time(orders: Iterable[Order], now_ns: int) -> list[Order]:
    """Those that were valid for some minutes, and are open still."""
    return [order for order in orders if not order.is_over and order.ends_ns is not None and now_ns >= order.ends_ns]
