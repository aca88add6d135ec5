"""What a strategy can see and ask for while one of its callbacks runs."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, Unpack

from holdfast.core.arithmetic import exactly
from holdfast.core.messages import Action, CancelOrders, Signal
from holdfast.core.orders.order import Order
from holdfast.core.portfolio.ledger import Ledger
from holdfast.core.strategy.keywords import PLAIN, Keywords, values_of
from holdfast.core.strategy.measures import Measures, whole_number
from holdfast.core.strategy.order_kinds import Exits, Market, Number, OrderKind, check_sides, to_nanoseconds, to_word
from holdfast.core.strategy.sessions import NEVER, closes_ns, is_trading
from holdfast.core.strategy.shown import OrderView, Position
from holdfast.core.types import (
    MINUTE_NS,
    NO_MONEY,
    SECOND_NS,
    ZERO,
    ClientOrderId,
    Money,
    Price,
    Quantity,
    Side,
    StrategyId,
    from_float,
    to_decimal,
    to_price,
    to_quantity,
)
from holdfast.errors import InvalidValue

if TYPE_CHECKING:
    from holdfast.core.strategy.host import Host, Runner

_ACTION_BUY: Final = Action.BUY
_CLOSE: Final = Action.CLOSE
_ACTION_SELL: Final = Action.SELL
_TARGET: Final = Action.TARGET
_SIDE_BUY: Final = Side.BUY
_SIDE_SELL: Final = Side.SELL
_AS_IT_IS: Final[dict[str, Any]] = {"confidence": 1.0, "tag": ""}


class Context(Measures):
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
        return self._host.portfolio.total.cash

    @property
    def equity(self) -> Money:
        """What the account is worth at the last prices, all strategies together."""
        return exactly(lambda: self._host.account.equity)

    @property
    def buying_power(self) -> Money:
        """How much the account may still put into positions, by its leverage; open orders count as filled. May be below zero."""
        return exactly(lambda: self._host.account.buying_power)

    @property
    def is_open(self) -> bool:
        """Whether the exchange's session is on, by the account's calendar, and not in a break."""
        return is_trading(self._host.calendar, self._host.now_ns)

    @property
    def minutes_to_close(self) -> float | None:
        """Minutes until the session closes; None when none is on, and for a market that never closes."""
        close_ns = closes_ns(self._host.calendar, self._host.now_ns)
        return None if close_ns is None else (close_ns - self._host.now_ns) / MINUTE_NS

    def position(self, symbol: str) -> Position:
        """This strategy's position in a symbol."""
        ledger = self._host.portfolio.ledgers.get(self._key(symbol))
        if ledger is None:
            return Position(symbol, Quantity(ZERO), Price(ZERO), Money(ZERO))
        mark = self._host.marks.get(symbol)
        unrealised = NO_MONEY if mark is None else exactly(lambda: _unrealised(ledger, mark))
        return Position(symbol, ledger.quantity, ledger.average_price, ledger.realised, ledger.cost, unrealised)

    def positions(self) -> tuple[Position, ...]:
        """This strategy's positions that aren't flat."""
        found = (self.position(symbol) for symbol in self.symbols)
        return tuple(position for position in found if position.quantity)

    def orders(self, symbol: str | None = None) -> tuple[OrderView, ...]:
        """This strategy's live orders, oldest first: those that there were when this instant began.

        What is asked for at an instant becomes an order after the last call of it. A strategy that wants one position among several
        symbols decides in `on_bars`, where it has all of them, or asks by ``target``. Raises
        :class:`~holdfast.errors.InvalidValue` for a symbol that it doesn't have.
        """
        if symbol is not None:
            self._key(symbol)
        live = self._host.orders.live.values()
        return tuple(
            _view(order)
            for order in live
            if order.terms.strategy == self._runner.id and (symbol is None or order.terms.symbol == symbol)
        )

    def price(self, symbol: str) -> float | None:
        """The last price known, None before the first. Raises :class:`~holdfast.errors.InvalidValue` for a symbol it doesn't have."""
        self._key(symbol)
        return self._host.marks.get(symbol)

    # --- to ask -------------------------------------------------------------------------------------------------------
    def buy(
        self,
        symbol: str,
        quantity: Number | None = None,
        *,
        notional: Number | None = None,
        order: OrderKind | None = None,
        exits: Exits | None = None,
        confidence: float = 1.0,
        tag: str = "",
        **keywords: Unpack[Keywords],
    ) -> str:
        """Ask to buy ``quantity``, or for a ``notional`` amount of money; with neither risk decides how much.

        What risk decides is scaled by ``confidence`` in (0, 1]. A market order unless ``order`` says otherwise: ``Limit(95)``,
        ``Stop(105)`` and others, see `OrderKind`. ``exits`` are the exits of what fills: ``Exits(stop_loss=90)``. Gives back the
        intent's id: `Strategy.on_order` tells under it what becomes of it. The same event, shown again after a restart, gives the
        same id. The fields of ``order`` and ``exits`` may also be given one by one as ``keywords``. Raises
        :class:`~holdfast.errors.InvalidValue` for values that can't be; nothing is asked for then.
        """
        wanted = {"quantity": _quantity(quantity), "notional": _notional(notional, quantity)}
        return self._ask(
            symbol, _ACTION_BUY, _SIDE_BUY, values_of(order, exits, {**keywords}), _sizing(confidence, tag) | wanted
        )

    def sell(
        self,
        symbol: str,
        quantity: Number | None = None,
        *,
        notional: Number | None = None,
        order: OrderKind | None = None,
        exits: Exits | None = None,
        confidence: float = 1.0,
        tag: str = "",
        **keywords: Unpack[Keywords],
    ) -> str:
        """Ask to sell; as :meth:`buy`. Selling more than is held goes short."""
        wanted = {"quantity": _quantity(quantity), "notional": _notional(notional, quantity)}
        return self._ask(
            symbol, _ACTION_SELL, _SIDE_SELL, values_of(order, exits, {**keywords}), _sizing(confidence, tag) | wanted
        )

    def close(self, symbol: str, *, tag: str = "") -> str:
        """Ask to bring this strategy's position in a symbol to zero; nothing happens when it is there already."""
        return self.target(symbol, ZERO, tag=tag)

    def target(
        self,
        symbol: str,
        quantity: Number | None = None,
        *,
        direction: Side | str | None = None,
        order: Market | None = None,
        exits: Exits | None = None,
        confidence: float = 1.0,
        tag: str = "",
        **keywords: Unpack[Keywords],
    ) -> str:
        """Ask for a position: signed ``quantity``, or ``direction`` alone with the size left to risk.

        What is open already counts, so asking again for what is on its way does nothing. Until it is known what became of an
        order it may fill or not: the target is gone for only as far as the position stays between what is held, zero and the
        target either way. Open orders of this strategy that lead away from the target or beyond it are canceled. What can't be
        done yet is done when those orders are over, without being asked for again; another target takes its place. It is reached
        by market orders; ``order`` may say how long they are good for. The rest is as in :meth:`buy`. The id that it gives
        back is told nothing of when there is nothing to do.
        """
        if type(quantity) is Decimal and quantity.is_finite():
            is_plain = direction is None and not (keywords or order or exits) and tag == ""
            is_whole = type(confidence) is float and confidence == 1.0
            if is_plain and is_whole and self._host.is_there(self._key(symbol), quantity, None):
                return self._runner.next_intent_id(self._host.event_ns)  # as nearly always: nothing to look into
        if quantity is not None:
            quantity = to_decimal(quantity, "target quantity")
        key = self._key(symbol)
        if direction is not None and type(direction) is not Side:
            direction = to_word(Side, direction, "direction")
        if quantity is None and direction is None:
            raise InvalidValue(f"target({symbol!r}) needs a quantity or a direction")
        if quantity is not None and direction is not None:
            raise InvalidValue(
                f"target({symbol!r}) takes a quantity, whose sign is its direction, or a direction, not both"
            )
        values = values_of(order, exits, {**keywords}) if order or exits or keywords else PLAIN
        if type(values[0]) is not Market:
            raise InvalidValue(f"a target is reached by market orders; it takes no {type(values[0]).__name__}")
        sizing = (
            _AS_IT_IS if type(confidence) is float and confidence == 1.0 and tag == "" else _sizing(confidence, tag)
        )
        if values is not PLAIN:
            _check_sides(direction or _side_of(quantity), *values)
        if self._host.is_there(key, quantity, direction):
            return self._runner.next_intent_id(self._host.event_ns)
        wanted = {"quantity": None if quantity is None else Quantity(quantity)}
        action = _CLOSE if quantity is not None and not quantity else _TARGET
        return self._ask(symbol, action, direction, values, sizing | wanted)

    def cancel(self, order_id: str) -> None:
        """Ask to cancel what an id names: one of this strategy's live orders, or all that came of an intent."""
        if not isinstance(order_id, str) or not order_id:  # type: ignore[redundant-expr]
            raise InvalidValue(f"an order's id must be a text, not {order_id!r}")
        if not self._host.muted:
            self._host.ask(self._runner, CancelOrders(client_order_id=ClientOrderId(order_id)))

    def every(self, seconds: float, name: str = "timer") -> None:
        """Call ``on_timer`` every ``seconds`` of market time from now on. Raises :class:`~holdfast.errors.InvalidValue`."""
        _name(name)
        interval_ns = to_nanoseconds(seconds, "a timer's interval") or 0
        if interval_ns <= 0:
            raise InvalidValue(f"a timer's interval must be above zero, not {seconds} s")
        self._host.set_timer(self._runner, name, self._host.now_ns + interval_ns, interval_ns)

    def at(self, time_ns: int, name: str = "timer") -> None:
        """Call ``on_timer`` once, when the market's time has passed ``time_ns``, which must lie ahead.

        ``time_ns`` is a whole number of nanoseconds in UTC: ``int(when.timestamp()) * 10**9`` for a datetime that knows its zone.
        Raises :class:`~holdfast.errors.InvalidValue`.
        """
        _name(name)
        due_ns = whole_number(time_ns)
        if due_ns is None:  # a NaN would keep every other timer from its turn
            raise InvalidValue(
                f"a timer's time is a whole number of nanoseconds, such as context.time_ns + 60 * 10**9, not {time_ns!r}"
            )
        if not self._host.now_ns < due_ns < NEVER:
            raise InvalidValue(
                f"a timer can't be set at {due_ns} ns: it is {self._host.now_ns} ns, and the time must lie ahead, before {NEVER}"
            )
        self._host.set_timer(self._runner, name, due_ns, None)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _key(self, symbol: str) -> tuple[StrategyId, str]:
        try:
            return self._keys[symbol]
        except (KeyError, TypeError):
            near = get_close_matches(str(symbol), self.symbols, n=1) or get_close_matches(
                str(symbol).upper(), self.symbols, n=1
            )
            hint = f"did you mean {near[0]}?" if near else f"its symbols are {', '.join(self.symbols)}"
            raise InvalidValue(f"strategy {self._runner.id} does not have the symbol {symbol!r}; {hint}") from None

    def _ask(
        self,
        symbol: str,
        action: Action,
        side: Side | None,
        values: tuple[OrderKind, Exits | None],
        wanted: dict[str, Any],
    ) -> str:
        """Ask for what was found to be sound; while nothing may be asked for it is checked all the same, and has its id."""
        self._key(symbol)
        host, runner = self._host, self._runner
        order, exits = values
        _check_sides(side, order, exits)
        terms = order.terms() if exits is None else order.terms() | exits.terms()
        intent_id = runner.next_intent_id(host.event_ns)
        if not host.muted:
            signal = Signal(
                strategy=runner.id, symbol=symbol, action=action, side=side, intent_id=intent_id, **terms, **wanted
            )
            host.ask(runner, signal)
        return intent_id


def _check_sides(side: Side | None, order: OrderKind, exits: Exits | None) -> None:
    """Raises InvalidValue for exits on the wrong side of a position that is opened on ``side``."""
    if exits is not None and side is not None:
        check_sides(side, order.terms(), exits.terms())


def _side_of(quantity: Decimal | None) -> Side | None:
    """The side of a position; None for none."""
    return None if not quantity else _SIDE_BUY if quantity > 0 else _SIDE_SELL


def _name(text: object) -> None:
    """Raises InvalidValue for a timer's name that is no text."""
    if not isinstance(text, str):
        raise InvalidValue(f"a timer's name must be a text, not {text!r}")


def _unrealised(ledger: Ledger, mark: float) -> Money:
    return Money(ledger.worth(ledger.quantity, Price(from_float(mark))) - ledger.cost)


def _sizing(confidence: float, tag: str) -> dict[str, Any]:
    return {"confidence": _confidence(confidence), "tag": _tag(tag)}


def _quantity(value: Number | None) -> Quantity | None:
    return None if value is None else to_quantity(value)


def _notional(value: Number | None, quantity: Number | None) -> Money | None:
    if value is None:
        return None
    if quantity is not None:
        raise InvalidValue("give a quantity or a notional amount, not both")
    return Money(to_price(value, "notional"))


def _confidence(value: float) -> float:
    if type(value) is float and 0 < value <= 1:
        return value
    if not 0 < to_decimal(value, "confidence") <= 1:
        raise InvalidValue(f"confidence must be above 0 and at most 1, not {value}")
    return float(value)


def _tag(text: str) -> str:
    """A tag that a record can hold."""
    if not isinstance(text, str):
        raise InvalidValue(f"a tag must be a text, not {text!r}")
    if not text.isascii() and text.encode(errors="replace").decode() != text:
        raise InvalidValue(f"tag {text!r} has characters that can't be written as UTF-8")
    return text


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
        intent_id=terms.intent_id,
    )
