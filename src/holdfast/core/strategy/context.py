"""What a strategy can see and ask for while one of its callbacks runs."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from holdfast.core.arithmetic import EXACT
from holdfast.core.exits import Exits, fault_of_exits
from holdfast.core.messages import Action, Bar, CancelOrders, Signal
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.types import (
    SECOND_NS,
    ZERO,
    ClientOrderId,
    Money,
    OrderRole,
    OrderType,
    Price,
    Quantity,
    Side,
    StrategyId,
    TimeInForce,
    to_decimal,
    to_price,
    to_quantity,
)
from holdfast.errors import InvalidValue

if TYPE_CHECKING:
    from holdfast.core.strategy.host import Host, Runner

Number = int | float | str | Decimal
"""How a strategy may write a quantity or a price; floats are taken as the shortest decimal they print as."""


class Position(msgspec.Struct, frozen=True):
    """A strategy's own position: signed ``quantity``, ``average_price`` (0 when flat), ``realised`` profit before fees."""

    symbol: str
    quantity: Quantity
    average_price: Price
    realised: Money


class OrderView(msgspec.Struct, frozen=True):
    """A live order of the strategy, as it stands."""

    client_order_id: ClientOrderId
    symbol: str
    side: Side
    order_type: OrderType
    quantity: Quantity
    filled_quantity: Quantity
    limit_price: Price | None
    stop_price: Price | None
    state: OrderState
    role: OrderRole
    tag: str


class Timer(msgspec.Struct, frozen=True):
    """A timer that is due."""

    name: str
    time_ns: int


class Context:
    """A strategy's window on its account. What is asked for is judged by risk after the callback returns."""

    __slots__ = ("_host", "_keys", "_runner", "symbols")

    def __init__(self, host: "Host", runner: "Runner", symbols: Sequence[str]) -> None:
        self._host = host
        self._runner = runner
        self.symbols = tuple(symbols)
        self._keys = {symbol: (runner.id, symbol) for symbol in symbols}

    # --- to read ------------------------------------------------------------------------------------------------------

    @property
    def time_ns(self) -> int:
        """The time of the event being handled."""
        return self._host.now_ns

    @property
    def time(self) -> dt.datetime:
        """The same as an aware datetime in UTC, to the microsecond."""
        return dt.datetime.fromtimestamp(self._host.now_ns / SECOND_NS, dt.UTC)

    @property
    def cash(self) -> Money:
        """The account's cash, all strategies together."""
        return self._host.portfolio.cash

    def position(self, symbol: str) -> Position:
        """This strategy's position in a symbol."""
        ledger = self._host.portfolio.ledgers.get(self._key(symbol))
        if ledger is None:
            return Position(symbol, Quantity(ZERO), Price(ZERO), Money(ZERO))
        return Position(symbol, ledger.quantity, ledger.average_price, ledger.realised)

    def positions(self) -> tuple[Position, ...]:
        """This strategy's positions that aren't flat."""
        found = (self.position(symbol) for symbol in self.symbols)
        return tuple(position for position in found if position.quantity)

    def orders(self, symbol: str | None = None) -> tuple[OrderView, ...]:
        """This strategy's live orders, oldest first: those that there were when this instant began.

        What is asked for at an instant becomes an order after the last call of it. A strategy that wants one position among several
        symbols decides in `on_bars`, where it has all of them, or asks by ``target``.
        """
        live = self._host.orders.live.values()
        return tuple(
            _view(order)
            for order in live
            if order.terms.strategy == self._runner.id and (symbol is None or order.terms.symbol == symbol)
        )

    def history(self, symbol: str, count: int) -> list[Bar]:
        """The last ``count`` bars of the strategy's timeframe, oldest first, the present one last; fewer at the start."""
        bars = self._runner.history[symbol]
        count = min(count, self._runner.strategy.history_bars)  # risk may keep more
        return [bars[index] for index in range(max(0, len(bars) - count), len(bars))]

    def price(self, symbol: str) -> float | None:
        """The last price known, None before the first."""
        return self._host.marks.get(symbol)

    # --- to ask -------------------------------------------------------------------------------------------------------

    def buy(
        self,
        symbol: str,
        quantity: Number | None = None,
        *,
        notional: Number | None = None,
        limit_price: Number | None = None,
        stop_price: Number | None = None,
        trail_amount: Number | None = None,
        trail_percent: Number | None = None,
        time_in_force: TimeInForce | str = TimeInForce.DAY,
        confidence: float = 1.0,
        stop_loss: Number | None = None,
        take_profit: Number | None = None,
        trail_stop: Number | None = None,
        trail_stop_percent: Number | None = None,
        break_even_at: Number | None = None,
        hold_s: float | None = None,
        time_to_live_s: float | None = None,
        tag: str = "",
    ) -> None:
        """Ask to buy ``quantity``, or for a ``notional`` amount of money; with neither risk decides how much.

        What risk decides is scaled by ``confidence`` in (0, 1].

        A market order unless a limit, stop or trail is given (limit and stop together: stop-limit). ``stop_loss`` and
        ``take_profit`` are prices of protective orders for what fills; ``trail_stop`` (price) or ``trail_stop_percent`` is how far
        the stop stays behind the best price since the fill; once the market has been at ``break_even_at`` the stop
        goes to the average price; after ``hold_s`` the position is closed. ``time_to_live_s``: not sent when older than this.
        Raises :class:`~holdfast.errors.InvalidValue` for values that can't be.
        """
        if not self._host.muted:
            self._host.wish(
                self._runner,
                self._signal(symbol, Action.BUY, Side.BUY, quantity, notional, limit_price, stop_price, trail_amount, trail_percent,
                             time_in_force, confidence, stop_loss, take_profit,
                             exits_of(trail_stop, trail_stop_percent, break_even_at, hold_s), time_to_live_s, tag),
            )  # fmt: skip

    def sell(
        self,
        symbol: str,
        quantity: Number | None = None,
        *,
        notional: Number | None = None,
        limit_price: Number | None = None,
        stop_price: Number | None = None,
        trail_amount: Number | None = None,
        trail_percent: Number | None = None,
        time_in_force: TimeInForce | str = TimeInForce.DAY,
        confidence: float = 1.0,
        stop_loss: Number | None = None,
        take_profit: Number | None = None,
        trail_stop: Number | None = None,
        trail_stop_percent: Number | None = None,
        break_even_at: Number | None = None,
        hold_s: float | None = None,
        time_to_live_s: float | None = None,
        tag: str = "",
    ) -> None:
        """Ask to sell; as :meth:`buy`. Selling more than is held goes short."""
        if not self._host.muted:
            self._host.wish(
                self._runner,
                self._signal(symbol, Action.SELL, Side.SELL, quantity, notional, limit_price, stop_price, trail_amount, trail_percent,
                             time_in_force, confidence, stop_loss, take_profit,
                             exits_of(trail_stop, trail_stop_percent, break_even_at, hold_s), time_to_live_s, tag),
            )  # fmt: skip

    def close(self, symbol: str, *, tag: str = "") -> None:
        """Ask to bring this strategy's position in a symbol to zero; nothing happens when it is there already."""
        self.target(symbol, ZERO, tag=tag)

    def target(
        self,
        symbol: str,
        quantity: Number | None = None,
        *,
        direction: Side | None = None,
        confidence: float = 1.0,
        stop_loss: Number | None = None,
        take_profit: Number | None = None,
        trail_stop: Number | None = None,
        trail_stop_percent: Number | None = None,
        break_even_at: Number | None = None,
        hold_s: float | None = None,
        time_to_live_s: float | None = None,
        tag: str = "",
    ) -> None:
        """Ask for a position: signed ``quantity``, or ``direction`` alone with the size left to risk.

        What is open already counts, so asking again for what is on its way does nothing. Until it is known what became of an
        order it may fill or not: the target is gone for only as far as the position stays between what is held, zero and the
        target either way. Open orders of this strategy that lead away from the target or beyond it are canceled. What can't be
        done yet is done when those orders are over, without being asked for again; another target takes its place.
        Protection is asked for as in :meth:`buy`.
        """
        host = self._host
        if host.muted:
            return
        if quantity is not None:
            wanted = quantity if type(quantity) is Decimal else to_decimal(quantity, "target quantity")
            key = self._keys.get(symbol) or self._key(symbol)
            if host.projected(key) == wanted and not (host.wishes or host.is_undecided(key)):
                return  # nothing is to be done, and nothing that was asked for just now can change that
            to_decimal(wanted, "target quantity")
        elif direction is None:
            raise InvalidValue(f"target({symbol!r}) needs a quantity or a direction")
        elif EXACT.multiply(host.projected(self._key(symbol)), direction.sign) > 0 and not (
            host.wishes or host.is_undecided(self._key(symbol))
        ):
            return
        else:
            wanted = None
        host.wish(
            self._runner,
            Signal(
                strategy=self._runner.id,
                symbol=symbol,
                action=Action.CLOSE if wanted is not None and not wanted else Action.TARGET,
                side=None if direction is None else Side(direction),
                quantity=None if wanted is None else Quantity(wanted),
                confidence=_confidence(confidence),
                stop_loss=_price(stop_loss, "stop_loss"),
                take_profit=_price(take_profit, "take_profit"),
                time_to_live_ns=_nanoseconds(time_to_live_s),
                tag=_tag(tag),
                exits=exits_of(trail_stop, trail_stop_percent, break_even_at, hold_s),
            ),
        )

    def cancel(self, client_order_id: ClientOrderId) -> None:
        """Ask to cancel one of this strategy's live orders."""
        if not self._host.muted:
            self._host.wish(self._runner, CancelOrders(client_order_id=client_order_id))

    def every(self, seconds: float, name: str = "timer") -> None:
        """Call ``on_timer`` every ``seconds`` of market time from now on."""
        interval_ns = int(seconds * SECOND_NS)
        if interval_ns <= 0:
            raise InvalidValue(f"a timer's interval must be above zero, not {seconds} s")
        self._host.set_timer(self._runner, name, self._host.now_ns + interval_ns, interval_ns)

    def at(self, time_ns: int, name: str = "timer") -> None:
        """Call ``on_timer`` once, when the market's time has passed ``time_ns``, which must lie ahead.

        Raises :class:`~holdfast.errors.InvalidValue`.
        """
        if not time_ns > self._host.now_ns:  # a NaN would keep every other timer from its turn
            raise InvalidValue(f"a timer can't be set at {time_ns} ns: it is {self._host.now_ns} ns already")
        self._host.set_timer(self._runner, name, time_ns, None)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _key(self, symbol: str) -> tuple[StrategyId, str]:
        try:
            return self._keys[symbol]
        except KeyError:
            raise InvalidValue(
                f"strategy {self._runner.id} does not have the symbol {symbol!r}; its symbols are {', '.join(self.symbols)}"
            ) from None

    def _signal(
        self,
        symbol: str,
        action: Action,
        side: Side,
        quantity: Number | None,
        notional: Number | None,
        limit_price: Number | None,
        stop_price: Number | None,
        trail_amount: Number | None,
        trail_percent: Number | None,
        time_in_force: TimeInForce | str,
        confidence: float,
        stop_loss: Number | None,
        take_profit: Number | None,
        exits: Exits | None,
        time_to_live_s: float | None,
        tag: str,
    ) -> Signal:
        self._key(symbol)
        return Signal(
            strategy=self._runner.id,
            symbol=symbol,
            action=action,
            side=side,
            quantity=None if quantity is None else to_quantity(quantity),
            notional=_notional(notional, quantity),
            order_type=order_type(limit_price, stop_price, trail_amount, trail_percent),
            time_in_force=TimeInForce(time_in_force),
            limit_price=_price(limit_price, "limit_price"),
            stop_price=_price(stop_price, "stop_price"),
            trail_amount=_price(trail_amount, "trail_amount"),
            trail_percent=_price(trail_percent, "trail_percent"),
            confidence=_confidence(confidence),
            stop_loss=_price(stop_loss, "stop_loss"),
            take_profit=_price(take_profit, "take_profit"),
            time_to_live_ns=_nanoseconds(time_to_live_s),
            tag=_tag(tag),
            exits=exits,
        )


def exits_of(
    trail: Number | None, trail_percent: Number | None, break_even_at: Number | None, hold_s: float | None
) -> Exits | None:
    """The ways out that were asked for; None for none. Raises :class:`~holdfast.errors.InvalidValue` for what can't be."""
    if (trail, trail_percent, break_even_at, hold_s) == (None, None, None, None):
        return None
    exits = Exits(
        _price(trail, "trail_stop"),
        None if trail_percent is None else to_decimal(trail_percent, "trail_stop_percent"),
        _price(break_even_at, "break_even_at"),
        _nanoseconds(hold_s),
    )
    fault = fault_of_exits(exits)
    if fault:
        raise InvalidValue(fault)
    return exits


def order_type(limit: object, stop: object, trail_amount: object, trail_percent: object) -> OrderType:
    """The order type that the prices given amount to. Raises :class:`~holdfast.errors.InvalidValue` for a contradiction."""
    if trail_amount is not None or trail_percent is not None:
        if limit is not None or stop is not None or (trail_amount is not None and trail_percent is not None):
            raise InvalidValue("a trailing stop takes either trail_amount or trail_percent, and no limit or stop price")
        return OrderType.TRAILING_STOP
    if limit is not None:
        return OrderType.LIMIT if stop is None else OrderType.STOP_LIMIT
    return OrderType.MARKET if stop is None else OrderType.STOP


def _notional(value: Number | None, quantity: Number | None) -> Money | None:
    if value is None:
        return None
    if quantity is not None:
        raise InvalidValue("give a quantity or a notional amount, not both")
    return Money(to_price(value, "notional"))


def _price(value: Number | None, name: str) -> Price | None:
    return None if value is None else to_price(value, name)


def _confidence(value: float) -> float:
    if not 0 < value <= 1:
        raise InvalidValue(f"confidence must be above 0 and at most 1, not {value}")
    return float(value)


def _tag(text: str) -> str:
    """A tag that a record can hold."""
    if not isinstance(text, str):
        raise InvalidValue(f"a tag must be a text, not {text!r}")
    if not text.isascii() and text.encode(errors="replace").decode() != text:
        raise InvalidValue(f"tag {text!r} has characters that can't be written as UTF-8")
    return text


def _nanoseconds(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * SECOND_NS)


def _view(order: Order) -> OrderView:
    terms = order.terms
    return OrderView(
        client_order_id=terms.client_order_id,
        symbol=terms.symbol,
        side=terms.side,
        order_type=terms.order_type,
        quantity=order.quantity,
        filled_quantity=order.filled_quantity,
        limit_price=terms.limit_price,
        stop_price=terms.stop_price,
        state=order.state,
        role=terms.role,
        tag=terms.tag,
    )
