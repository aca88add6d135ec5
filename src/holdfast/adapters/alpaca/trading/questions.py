"""What can be asked of an account at Alpaca: orders, executions, money. An answer that can't be read is no answer."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec

from holdfast.adapters.alpaca.connection.rest import AlpacaRest, ErrorAnswer, RequestFailed
from holdfast.adapters.alpaca.connection.times import parse_time_ns
from holdfast.adapters.alpaca.trading import wire
from holdfast.adapters.alpaca.trading.activities import activities_in
from holdfast.adapters.alpaca.trading.classify import FORBIDDEN, UNAUTHORIZED, is_absent
from holdfast.brokers.http.limiter import Urgency
from holdfast.brokers.known_orders import KnownOrders
from holdfast.brokers.port import AccessDenied, Asset, AtBroker, BrokerAccount, BrokerFill, BrokerOrder, Unavailable
from holdfast.brokers.threads import in_pool
from holdfast.core.adjustments import BrokerActivity
from holdfast.core.codec import is_external
from holdfast.core.messages import OrderTerms
from holdfast.core.types import DAY_NS, ClientOrderId, iso_time

PAGE = 500
FILLS_PAGE = ACTIVITIES_PAGE = 100
LATEST = 500

NOT_OURS = ClientOrderId("")

T = TypeVar("T")


class Questions:
    """Questions about one account. All raise Unavailable when nothing is known, AccessDenied when the keys are refused."""

    def __init__(self, rest: AlpacaRest, known: KnownOrders) -> None:
        self._rest = rest
        self._known = known
        self._threads = ThreadPoolExecutor(2, "alpaca-reads")

    def close(self) -> None:
        """Ask no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def clock_ns(self) -> int:
        """Alpaca's own time."""
        clock = await self._get("/clock")
        return _read("GET /clock", lambda: parse_time_ns(str(clock["timestamp"])))

    async def account(self) -> BrokerAccount:
        """Cash and positions now."""
        account, positions = await self._get("/account"), await self._list("/positions")
        return _read("GET /account and /positions", lambda: wire.account_of(account, positions))

    async def assets(self, symbols: Sequence[str]) -> Sequence[Asset]:
        """What may be done in these symbols. One that Alpaca doesn't know can't be traded."""
        return [await self._asset(symbol) for symbol in symbols]

    async def _asset(self, symbol: str) -> Asset:
        try:
            row: dict[str, Any] = await self._ask(f"/assets/{symbol.replace('/', '')}", None)
        except ErrorAnswer as error:
            if is_absent(error):
                return Asset(symbol, tradable=False)
            raise _unanswered(error) from error
        return _read("GET /assets", lambda: wire.asset_of(row))

    async def find(self, terms: OrderTerms) -> BrokerOrder | None:
        """The order of these terms, by its id; the stop of a pair by Alpaca's own, or as the leg of the other."""
        key = terms.client_order_id
        if is_external(key):
            return await self._find_by_broker_id(key)
        partner = self._known.partner(key) if wire.is_stop_of_pair(terms) else None
        if partner is not None and self._known.broker_id(key) is not None:
            return await self._find_by_broker_id(key)
        found = None if partner is None else await self._find_leg(partner)
        found = found or await self._find_by_own_id(key)  # one that the other didn't join in time was sent alone
        return None if found is None else self._ours(found, key)

    async def _find_by_own_id(self, key: ClientOrderId) -> BrokerOrder | None:
        row = await self._find_row(key)
        return None if row is None else _read("GET /orders:by_client_order_id", lambda: wire.order_of(row))

    async def _find_leg(self, partner: ClientOrderId) -> BrokerOrder | None:
        other = await self._find_by_own_id(partner)
        return None if other is None else await self._leg_of(other.broker_order_id)

    async def _find_by_broker_id(self, key: ClientOrderId) -> BrokerOrder | None:
        broker_id = self._known.broker_id(key)
        if broker_id is None:
            raise Unavailable(f"Alpaca's id of {key} is not known")
        try:
            row = await self._ask(f"/orders/{broker_id}", None)
        except ErrorAnswer as error:
            if is_absent(error):
                return None
            raise _unanswered(error) from error
        return self._ours(_read("GET /orders/id", lambda: wire.order_of(row)), key)

    async def _leg_of(self, broker_id: str) -> BrokerOrder | None:
        nested = await self._get(f"/orders/{broker_id}", {"nested": "true"})
        legs = _read("GET /orders/id", lambda: [wire.order_of(leg) for leg in nested.get("legs") or ()])
        return legs[0] if legs else None

    async def _find_row(self, key: ClientOrderId) -> dict[str, Any] | None:
        try:
            row: dict[str, Any] = await self._ask("/orders:by_client_order_id", {"client_order_id": key})
        except ErrorAnswer as error:
            if is_absent(error):
                return None
            raise _unanswered(error) from error
        return row

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """Every order that works and is not held, newest first."""
        found: list[BrokerOrder] = []
        query: dict[str, Any] = {"status": "open", "limit": PAGE, "direction": "desc", "nested": "false"}
        while True:
            rows = await self._list("/orders", query)
            found += self._orders_of(rows)
            if len(rows) < PAGE:
                return found
            query["until"] = str(rows[-1]["submitted_at"])

    async def open_orders_and_legs(self) -> Sequence[BrokerOrder]:
        """Every order that works, once, with the legs that are held: the plain list leaves those out (see `wire.ENDINGS`)."""
        query = {"status": "open", "limit": PAGE, "direction": "desc", "nested": "true"}
        nested = await self._list("/orders", query)
        legs = _read("GET /orders", lambda: [leg for row in nested for leg in row.get("legs") or ()])
        found = [*await self.open_orders(), *self._orders_of([*nested, *legs])]
        return list({order.broker_order_id: order for order in found if order.state is AtBroker.WORKING}.values())

    async def latest_orders(self) -> Sequence[BrokerOrder]:
        """The orders sent last, newest first."""
        query = {"status": "all", "limit": LATEST, "direction": "desc", "nested": "false"}
        return self._orders_of(await self._list("/orders", query))

    def _orders_of(self, rows: Any) -> list[BrokerOrder]:
        """The orders of a list. One of a kind that has no side or symbol of its own (several options at once) is not ours."""
        return _read(
            "GET /orders",
            lambda: [self._own(wire.order_of(row)) for row in rows if row["symbol"] and row["side"]],
        )

    async def fills_since(self, time_ns: int) -> Sequence[BrokerFill]:
        """Every execution since a time, oldest first."""
        found: list[BrokerFill] = []
        query: dict[str, Any] = {"after": iso_time(time_ns), "direction": "asc", "page_size": FILLS_PAGE}
        while True:
            page = await self._list("/account/activities/FILL", query)
            found += self._fills_of(page)
            if len(page) < FILLS_PAGE:
                return found
            query["page_token"] = page[-1]["id"]

    def _fills_of(self, rows: Any) -> list[BrokerFill]:
        return _read(
            "GET /account/activities/FILL",
            lambda: [wire.fill_of(row, self._known.find(str(row["order_id"]), "") or NOT_OURS) for row in rows],
        )

    async def activities_since(self, time_ns: int) -> Sequence[BrokerActivity]:
        """Everything but executions that was booked since the day of a time, oldest first.

        Alpaca lists by its own date (documented), which for a fee may be the day before it is booked: a day more is asked for.
        """
        found: list[BrokerActivity] = []
        query: dict[str, Any] = {
            "after": iso_time(max(0, time_ns - DAY_NS)),
            "direction": "asc",
            "page_size": ACTIVITIES_PAGE,
            "category": "non_trade_activity",
        }
        while True:
            page = await self._list("/account/activities", query)
            found += _read("GET /account/activities", lambda page=page: activities_in(page))  # type: ignore[misc]
            if len(page) < ACTIVITIES_PAGE:
                return found
            query["page_token"] = page[-1]["id"]

    def _own(self, order: BrokerOrder) -> BrokerOrder:
        key = self._known.find(order.broker_order_id, order.client_order_id)
        return self._ours(order, key or order.client_order_id)

    @staticmethod
    def _ours(order: BrokerOrder, key: ClientOrderId) -> BrokerOrder:
        return msgspec.structs.replace(order, client_order_id=key)

    async def _get(self, path: str, query: dict[str, Any] | None = None) -> Any:
        """What a path shows. Raises Unavailable, or AccessDenied."""
        try:
            return await self._ask(path, query)
        except ErrorAnswer as error:
            raise _unanswered(error) from error

    async def _list(self, path: str, query: dict[str, Any] | None = None) -> list[Any]:
        answer = await self._get(path, query)
        if not isinstance(answer, list):  # nothing of this kind is an empty list, and only that
            raise Unavailable(f"GET {path}: Alpaca's answer is no list")
        return answer

    async def _ask(self, path: str, query: dict[str, Any] | None) -> Any:
        try:
            return await in_pool(self._threads, self._rest.trading, "GET", path, query, Urgency.QUERY)
        except ErrorAnswer:
            raise
        except RequestFailed as error:
            raise Unavailable(str(error)) from error


def _read(what: str, read: Callable[[], T]) -> T:
    """What an answer says. Raises Unavailable when it can't be understood: then nothing is known."""
    try:
        return read()
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise Unavailable(f"{what}: Alpaca's answer is not understood ({error!r})") from error


def _unanswered(error: ErrorAnswer) -> Unavailable | AccessDenied:
    denied = error.status == UNAUTHORIZED or (error.status == FORBIDDEN and not error.code)
    return AccessDenied(f"{error}; check the keys and ALPACA_MODE") if denied else Unavailable(str(error))
