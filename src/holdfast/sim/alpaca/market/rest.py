"""Market data over HTTP: history, the latest, snapshots; of shares (v2) and coins (v1beta3)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
import numpy as np
from aiohttp import web

from holdfast.sim.alpaca.errors import ApiError
from holdfast.sim.alpaca.market import wire
from holdfast.sim.alpaca.market.parameters import (
    Place,
    Window,
    bad_request,
    check_symbol,
    symbols_of,
    timeframe_of,
    window_of,
)
from holdfast.sim.alpaca.trading.door import account_of
from holdfast.sim.alpaca.world import World
from holdfast.sim.chassis.market.columns import Bars, Integers, Quotes, Trades
from holdfast.sim.chassis.market.store import EARLIEST_NS
from holdfast.sim.chassis.market.timeframe import Timeframe

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
FEEDS = frozenset(("sip", "iex", "otc", "boats", "delayed_sip", "overnight"))
NOT_SUBSCRIBED = frozenset(("otc", "boats", "overnight"))
"""Other markets, of other plans: their data would be others (Alpaca: 403 without the plan)."""
ADJUSTMENTS = frozenset(("raw", "split", "dividend", "spin-off", "all"))
LOCATIONS = "{location:us|us-1|us-2|eu-1|bs-1}"
EXCHANGES = {"A": "NYSE American (AMEX)", "N": "New York Stock Exchange", "P": "NYSE Arca", "Q": "NASDAQ", "V": "IEX"}
CONDITIONS = {"trade": {"@": "Regular Sale"}, "quote": {"R": "Regular Two Sided Open"}}
NAMES = {"bars": "bar", "quotes": "quote", "trades": "trade"}


def answer(body: Any) -> web.Response:
    """A JSON answer."""
    return web.Response(body=msgspec.json.encode(body), content_type="application/json")


class MarketData:
    """The questions of one asset class. ``is_crypto`` decides symbols, shapes, days and whether keys are needed."""

    def __init__(self, world: World, *, is_crypto: bool) -> None:
        self._world = world
        self._history = world.history
        self._is_crypto = is_crypto

    # --- history -----------------------------------------------------------------------------------------------------

    def history(self, kind: str) -> Handler:
        """Bars, quotes or trades of a stretch of time, in pages over all symbols together."""

        async def handle(request: web.Request) -> web.Response:
            self._check(request)
            rows, next_token = self._page(request, kind, self._asked(request))
            shown = {symbol: some for symbol, some in rows.items() if some}
            return answer({kind: shown, "next_page_token": next_token} | self._currency(request))

        return handle

    def history_of_one(self, kind: str) -> Handler:
        """The same for the symbol in the path."""

        async def handle(request: web.Request) -> web.Response:
            self._check(request)
            symbol = self._one(request)
            rows, next_token = self._page(request, kind, [symbol])
            return answer(
                {kind: rows.get(symbol, []), "next_page_token": next_token, "symbol": symbol} | self._currency(request)
            )

        return handle

    def _page(
        self, request: web.Request, kind: str, symbols: Sequence[str]
    ) -> tuple[dict[str, list[wire.Row]], str | None]:
        now_ns = self._world.clock.now_ns
        window = window_of(request, now_ns, is_crypto=self._is_crypto)
        frame = timeframe_of(request) if kind == "bars" else None
        rows: dict[str, list[wire.Row]] = {}
        left, end = window.limit, None
        for symbol in symbols:
            if symbol not in self._history.data or (window.place and symbol < window.place.symbol):
                continue
            table = self._table(kind, frame, symbol, window, now_ns)
            places = _rest_of(table.stamps, symbol, window)
            shown = places[:left]
            if len(shown):
                rows[symbol] = self._rows(symbol, table, shown, window)
                left -= len(shown)
                end = _end_of(table.stamps, symbol, int(shown[-1]), window)
            if len(places) > len(shown):
                return rows, end.token() if end else None
        return rows, None

    def _table(
        self, kind: str, frame: Timeframe | None, symbol: str, window: Window, now_ns: int
    ) -> Bars | Quotes | Trades:
        if frame:
            return self._history.bars(symbol, frame, window.start_ns, window.end_ns, now_ns)
        find = self._history.quotes if kind == "quotes" else self._history.trades
        return find(symbol, window.start_ns, window.end_ns, now_ns)

    def _rows(self, symbol: str, table: Bars | Quotes | Trades, places: Integers, window: Window) -> list[wire.Row]:
        rows = table.pick(places)
        if isinstance(rows, Bars):
            return wire.bar_rows(rows, self._is_crypto)
        if isinstance(rows, Quotes):
            return wire.quote_rows(rows, self._is_crypto)
        ids = places + (self._history.trades_before(symbol, window.start_ns) + 1)
        return wire.trade_rows(rows, ids, self._is_crypto)

    # --- the latest --------------------------------------------------------------------------------------------------

    def latest(self, kind: str) -> Handler:
        """The last bar, quote, trade or book of each symbol that has one."""

        async def handle(request: web.Request) -> web.Response:
            self._check(request)
            found = {symbol: row for symbol in self._asked(request) if (row := self._latest(kind, symbol))}
            return answer({kind: found} | self._currency(request))

        return handle

    def latest_of_one(self, kind: str) -> Handler:
        """The same for the symbol in the path; 404 without any."""

        async def handle(request: web.Request) -> web.Response:
            self._check(request)
            symbol = self._one(request)
            row = self._latest(kind, symbol)
            if row is None:
                raise ApiError(404, None, f"no {NAMES[kind]} found for {symbol}")
            return answer({"symbol": symbol, NAMES[kind]: row} | self._currency(request))

        return handle

    def _latest(self, kind: str, symbol: str) -> wire.Row | None:
        now_ns = self._world.clock.now_ns
        if symbol not in self._history.data:
            return None
        if kind == "bars":
            bars = self._history.latest_minute(symbol, now_ns)
            return _last(wire.bar_rows(bars, self._is_crypto))
        if kind == "trades":
            trades = self._history.trades(symbol, EARLIEST_NS, now_ns, now_ns)
            last = np.arange(max(len(trades) - 1, 0), len(trades))
            return _last(wire.trade_rows(trades.pick(last), last + 1, self._is_crypto))
        if kind == "orderbooks":
            quote = self._world.market.last_quote(symbol)
            return wire.orderbook(quote) if quote else None
        quotes = self._history.quotes(symbol, EARLIEST_NS, now_ns, now_ns)
        return _last(wire.quote_rows(quotes.pick(slice(max(len(quotes) - 1, 0), None)), self._is_crypto))

    # --- snapshots ---------------------------------------------------------------------------------------------------

    async def snapshots(self, request: web.Request) -> web.Response:
        """Everything latest of each symbol; shares at the top level, coins in ``snapshots``."""
        self._check(request)
        found = {symbol: self._snapshot(symbol) for symbol in self._asked(request) if symbol in self._history.data}
        return answer({"snapshots": found} if self._is_crypto else found)

    async def snapshot(self, request: web.Request) -> web.Response:
        """Of the symbol in the path; 404 for one there is not."""
        self._check(request)
        symbol = self._one(request)
        if symbol not in self._history.data:
            raise ApiError(404, None, f"no snapshot found for {symbol}")
        return answer({"symbol": symbol, **self._snapshot(symbol)})

    def _snapshot(self, symbol: str) -> wire.Row:
        days = wire.bar_rows(self._history.last_days(symbol, self._world.clock.now_ns), self._is_crypto)
        parts = {
            "latestTrade": self._latest("trades", symbol),
            "latestQuote": self._latest("quotes", symbol),
            "minuteBar": self._latest("bars", symbol),
            "dailyBar": days[-1] if days else None,
            "prevDailyBar": days[-2] if len(days) > 1 else None,
        }
        return {name: part for name, part in parts.items() if part}

    # --- what is asked -----------------------------------------------------------------------------------------------

    def _asked(self, request: web.Request) -> Sequence[str]:
        return symbols_of(request.query.get("symbols"), is_crypto=self._is_crypto)

    def _one(self, request: web.Request) -> str:
        symbol = request.match_info["symbol"]
        check_symbol(symbol, is_crypto=self._is_crypto)
        return symbol

    def _check(self, request: web.Request) -> None:
        """Keys, and the parameters that change nothing here but must be right."""
        if self._is_crypto:
            return
        account_of(request)
        query = request.query
        feed = query.get("feed", "sip")
        if feed not in FEEDS:
            raise bad_request(f"invalid feed: {feed}")
        if feed in NOT_SUBSCRIBED:
            raise ApiError(403, None, f"subscription does not permit querying {feed} data")
        if not ADJUSTMENTS.issuperset((query.get("adjustment") or "raw").split(",")):
            raise bad_request(f"invalid adjustment: {query['adjustment']}")

    def _currency(self, request: web.Request) -> dict[str, str]:
        """Alpaca (documented): named when it was asked for. There are only dollars here."""
        currency = request.query.get("currency")
        if currency and currency.upper() != "USD":
            raise bad_request(f"unsupported currency: {currency}")
        return {"currency": "USD"} if currency else {}


def _rest_of(stamps: Integers, symbol: str, window: Window) -> Integers:
    """Places of the rows that are to be shown, in their order: all but those of the pages before."""
    first, last = 0, len(stamps)
    place = window.place
    if place and place.symbol == symbol and window.is_descending:
        last = int(np.searchsorted(stamps, place.time_ns, side="right")) - place.count
    elif place and place.symbol == symbol:
        first = int(np.searchsorted(stamps, place.time_ns, side="left")) + place.count
    places = np.arange(first, max(first, last))
    return places[::-1] if window.is_descending else places


def _end_of(stamps: Integers, symbol: str, last: int, window: Window) -> Place:
    """Where the shown rows end: rows of one time may be on both sides of it."""
    time_ns = int(stamps[last])
    if window.is_descending:
        return Place(symbol, time_ns, int(np.searchsorted(stamps, time_ns, side="right")) - last)
    return Place(symbol, time_ns, last - int(np.searchsorted(stamps, time_ns, side="left")) + 1)


def _last(rows: Sequence[wire.Row]) -> wire.Row | None:
    return rows[-1] if rows else None


async def _exchanges(_: web.Request) -> web.Response:
    return answer(EXCHANGES)


async def _conditions(request: web.Request) -> web.Response:
    kind = request.match_info["kind"]
    if kind not in CONDITIONS:
        raise bad_request(f"invalid ticktype: {kind}")
    return answer(CONDITIONS[kind])


def routes(world: World) -> list[web.AbstractRouteDef]:
    """All market data over HTTP."""
    stocks, crypto = MarketData(world, is_crypto=False), MarketData(world, is_crypto=True)
    base, coins = "/v2/stocks", f"/v1beta3/crypto/{LOCATIONS}"
    found: list[web.AbstractRouteDef] = [
        web.get(f"{base}/meta/exchanges", _exchanges),
        web.get(f"{base}/meta/conditions/{{kind}}", _conditions),
        web.get(f"{base}/snapshots", stocks.snapshots),
        web.get(f"{base}/{{symbol}}/snapshot", stocks.snapshot),
        web.get(f"{coins}/snapshots", crypto.snapshots),
        web.get(f"{coins}/latest/orderbooks", crypto.latest("orderbooks")),
    ]
    for kind in NAMES:
        found += [
            web.get(f"{base}/{kind}/latest", stocks.latest(kind)),
            web.get(f"{base}/{kind}", stocks.history(kind)),
            web.get(f"{base}/{{symbol}}/{kind}/latest", stocks.latest_of_one(kind)),
            web.get(f"{base}/{{symbol}}/{kind}", stocks.history_of_one(kind)),
            web.get(f"{coins}/latest/{kind}", crypto.latest(kind)),
            web.get(f"{coins}/{kind}", crypto.history(kind)),
        ]
    return found
