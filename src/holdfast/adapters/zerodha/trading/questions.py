"""What can be asked of an account at Kite: orders, trades, money. An answer that can't be read is no answer.

The book and the trades are those of one day: they are emptied in the night, and the session that may read them ends at six in the morning.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

import msgspec

from holdfast.adapters.zerodha.connection.failures import Meaning, meaning_of
from holdfast.adapters.zerodha.connection.instruments import Instruments, KiteInstrument, largest_order_in
from holdfast.adapters.zerodha.connection.rest import KiteRest
from holdfast.adapters.zerodha.connection.symbols import quote_key
from holdfast.adapters.zerodha.trading import wire
from holdfast.adapters.zerodha.trading.charges import Charges
from holdfast.adapters.zerodha.trading.market_orders import Touch, touch_of
from holdfast.adapters.zerodha.trading.search import Search
from holdfast.adapters.zerodha.trading.triggers import Legs, is_leg, is_trigger, legs_of, taken_over, trigger_of
from holdfast.adapters.zerodha.trading.wire import Row
from holdfast.brokers.http.failures import RequestFailed, UnreadableAnswer
from holdfast.brokers.http.limiter import Urgency
from holdfast.brokers.known_orders import KnownOrders
from holdfast.brokers.port import AccessDenied, Asset, AtBroker, BrokerAccount, BrokerFill, BrokerOrder, Unavailable
from holdfast.brokers.threads import in_pool
from holdfast.core.adjustments import BrokerActivity
from holdfast.core.messages import OrderTerms
from holdfast.core.types import SECOND_NS, ZERO, ClientOrderId, Money

NOT_OURS = ClientOrderId("")

T = TypeVar("T")


class Day(NamedTuple):
    """The orders of the day, oldest first, and what they have traded. The trades are asked for first: what they have, the book has too."""

    book: Sequence[Row]
    trades: Sequence[Row]


class Questions:
    """Questions about one account. All raise Unavailable when nothing is known, AccessDenied when the session is refused.

    ``sees_all``: every trigger belongs to the book, and not only those of orders that are known.
    """

    def __init__(self, rest: KiteRest, known: KnownOrders, search: Search, *, sees_all: bool) -> None:
        self._rest = rest
        self._known = known
        self._search = search
        self._sees_all = sees_all
        self._charges = Charges()
        self._instruments = Instruments(rest)
        self._largest: dict[str, Decimal] = {}
        self._varieties: dict[str, str] = {}
        self._triggers: set[str] = set()
        self._children: dict[str, str] = {}
        self._threads = ThreadPoolExecutor(2, "zerodha-reads")

    def close(self) -> None:
        """Ask no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def clock_ns(self) -> int:
        """Zerodha's own time."""
        return await self._in_thread(self._rest.clock_ns)

    async def book(self, *, with_all_triggers: bool = False) -> Sequence[Row]:
        """Every order of the day, and every leg of a trigger of ours; of any trigger ``with_all_triggers``.

        The triggers are asked for after the orders: what one of them has placed is known to be its own.
        """
        rows = await self._list("orders")
        legs = await self._legs(rows, of_all=with_all_triggers)

        def whole() -> Sequence[Row]:
            self._varieties.update((str(row["order_id"]), str(row["variety"])) for row in rows)
            return [*(row for row in rows if str(row["order_id"]) not in legs.children), *legs.rows]

        return read("the order book", whole)

    async def _legs(self, book: Sequence[Row], *, of_all: bool = False) -> Legs:
        of_all = of_all or self._sees_all
        if not self._triggers and not of_all:
            return Legs((), {})
        listed = await self._list("gtt")

        def legs() -> Legs:
            found = legs_of((row for row in listed if of_all or str(row["id"]) in self._triggers), book)
            self._children.update((leg, child) for child, leg in found.children.items())
            return found

        return read("the triggers", legs)

    def know(self, broker_order_id: str) -> None:
        """An order is ours: where it is a leg, its trigger belongs to the book."""
        if is_leg(broker_order_id):
            self._triggers.add(trigger_of(broker_order_id))

    def placed_by(self, broker_order_id: str) -> str | None:
        """Kite's id of the order that a leg has placed; None while it waits, as far as is known."""
        return self._children.get(broker_order_id)

    async def trades(self) -> Sequence[Row]:
        """Every execution of the day, oldest first; those of a trigger's order as the leg's."""
        rows = await self._list("trades")
        legs = await self._legs(())
        return read("the trades", lambda: taken_over(rows, legs.children))

    def last_price(self, symbol: str) -> Decimal:
        """What the market is at, for a trigger. Asked in the thread of who places it. Raises a RequestFailed."""
        key = quote_key(symbol)
        answer = self._rest.request("GET", "market.quote.ltp", params={"i": key}, urgency=Urgency.ORDER)
        return wire.decimal_of(answer[key]["last_price"])

    def touch(self, terms: OrderTerms) -> tuple[Touch, Decimal]:
        """What an order would meet now, and its instrument's tick. Asked in the thread of who places it. Raises a RequestFailed."""
        key = quote_key(terms.symbol)
        instrument = self._instruments.today().find(terms.symbol)
        answer = self._rest.request("GET", "market.quote", params={"i": key}, urgency=Urgency.ORDER)
        try:
            return touch_of(answer[key], terms.side), ZERO if instrument is None else instrument.tick
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise UnreadableAnswer(f"GET /quote: {key} is no quote ({error!r})") from None

    def variety(self, broker_order_id: str) -> str:
        """By which way an order went there, which its cancel has to name."""
        return self._varieties.get(broker_order_id, wire.REGULAR)

    async def account(self) -> BrokerAccount:
        """Cash and positions now.

        Cash is what the day began with and what was paid in since, with what every trade has brought, less the charges of orders that are over.
        """
        profile, margins = await self._get("user.profile"), await self._get("user.margins")
        day = await self._day()
        charges = await self._charges_of(day)
        positions, holdings = await self._get("portfolio.positions"), await self._list("portfolio.holdings")
        return read("the account", lambda: _account_of(profile, margins, day, charges, positions, holdings))

    async def assets(self, symbols: Sequence[str]) -> Sequence[Asset]:
        """The rules of those in the list of the day; the others can't be traded. What may be sold short goes by the product."""
        today = await self._in_thread(self._instruments.today)
        return [self._asset(symbol, today.find(symbol)) for symbol in symbols]

    def _asset(self, symbol: str, row: KiteInstrument | None) -> Asset:
        if row is None:
            return Asset(symbol, tradable=False, now_called=self._instruments.now_called(symbol))
        return Asset(symbol, tradable=not row.is_index, rules=row.rules(self._largest.get(symbol)))

    def note_refusal(self, symbol: str, words: str) -> None:
        """What an order was refused with: the only place that says how large one may be."""
        largest = largest_order_in(words)
        if largest is not None:
            self._largest[symbol] = largest

    async def find(self, terms: OrderTerms) -> BrokerOrder | None:
        """The order of these terms in the book of the day; None when it shows none that is sure to be it."""
        book = await self.book(with_all_triggers=is_trigger(terms))
        row = read("the order book", lambda: self._search.find(book, terms))
        if row is None:
            return None
        self.know(str(row["order_id"]))
        return self._ours(row, terms.client_order_id)

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """Every order that works, oldest first."""
        return [order for order in self._orders_of(await self.book()) if order.state is AtBroker.WORKING]

    async def latest_orders(self) -> Sequence[BrokerOrder]:
        """The orders of the day, newest first."""
        return self._orders_of(await self.book())[::-1]

    async def fills_since(self, time_ns: int) -> Sequence[BrokerFill]:
        """Every execution of the day since a time, oldest first. Kite's times are whole seconds."""
        since_ns = time_ns - time_ns % SECOND_NS
        fills = self.fills_of(await self.trades())
        return sorted((fill for fill in fills if fill.time_ns >= since_ns), key=lambda fill: fill.time_ns)

    async def activities_since(self, time_ns: int) -> Sequence[BrokerActivity]:
        """The charges of orders that are over, of this day, since a time."""
        return [each for each in await self._charges_of(await self._day()) if each.time_ns >= time_ns]

    def fills_of(self, trades: Sequence[Row]) -> Sequence[BrokerFill]:
        """Trades as executions of the orders that are known to be ours."""
        return read(
            "the trades",
            lambda: [wire.fill_of(row, self._known.find(str(row["order_id"]), "") or NOT_OURS) for row in trades],
        )

    async def _day(self) -> Day:
        trades = await self.trades()
        return Day(await self.book(), trades)

    async def _charges_of(self, day: Day) -> Sequence[BrokerActivity]:
        def ask(items: Sequence[Mapping[str, Any]]) -> Sequence[Row]:
            answer: Sequence[Row] = self._rest.request("POST", "order.contract_note", body=items)
            return answer

        return await self._in_thread(lambda: read("the charges", lambda: self._charges.of(*day, ask)))

    def _orders_of(self, rows: Sequence[Row]) -> list[BrokerOrder]:
        return read("the order book", lambda: [self._own(row) for row in rows])

    def _own(self, row: Row) -> BrokerOrder:
        key = wire.key_of(row)
        return self._ours(row, self._known.find(str(row["order_id"]), key) or key)

    @staticmethod
    def _ours(row: Row, key: ClientOrderId) -> BrokerOrder:
        return read("an order", lambda: msgspec.structs.replace(wire.order_of(row), client_order_id=key))

    async def _list(self, route: str) -> Sequence[Row]:
        answer = await self._get(route)
        if not isinstance(answer, list):  # nothing of this kind is an empty list, and only that
            raise Unavailable(f"{route}: Kite's answer is no list")
        return answer

    async def _get(self, route: str) -> Any:
        """What a route shows. Raises Unavailable, or AccessDenied."""
        return await self._in_thread(lambda: self._rest.request("GET", route))

    async def _in_thread(self, ask: Callable[[], T]) -> T:
        try:
            answer: T = await in_pool(self._threads, ask)
        except RequestFailed as error:
            kind = AccessDenied if meaning_of(error) is Meaning.NO_ACCESS else Unavailable
            raise kind(str(error)) from error
        return answer


def _account_of(
    profile: Row, margins: Row, day: Day, charges: Sequence[BrokerActivity], positions: Row, holdings: Sequence[Row]
) -> BrokerAccount:
    equity = margins["equity"]
    available, taken = equity["available"], sum((each.amount for each in charges), ZERO)
    began = wire.decimal_of(available["opening_balance"]) + wire.decimal_of(available.get("intraday_payin"))
    return BrokerAccount(
        account_id=str(profile["user_id"]),
        cash=Money(began + wire.worth(day.trades) + taken),
        positions=wire.held(positions["net"], holdings),
        blocked="" if equity.get("enabled") is not False else "its equity segment is not enabled",
    )


def read(what: str, reading: Callable[[], T]) -> T:
    """What an answer says. Raises Unavailable when it can't be understood: then nothing is known."""
    try:
        return reading()
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise Unavailable(f"{what}: Kite's answer is not understood ({error!r})") from error
