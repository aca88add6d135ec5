"""Alpaca's market data on request: history as a table, the latest price, the last close.

What can't be had is None, with a warning in the log. Prices are floats: they are measured, not owed.
"""

import datetime as dt
import logging
from collections.abc import Callable, Iterator
from math import isfinite
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pandas as pd

from holdfast.adapters.alpaca.connection.rest import AlpacaRest
from holdfast.adapters.alpaca.connection.settings import AlpacaSettings
from holdfast.adapters.alpaca.connection.symbols import canonical_symbol, is_crypto
from holdfast.adapters.alpaca.connection.times import parse_time_ns
from holdfast.brokers.cache import CachedByKey
from holdfast.brokers.http.failures import RequestFailed
from holdfast.brokers.http.limiter import Urgency
from holdfast.core.types import iso_time
from holdfast.errors import InvalidValue
from holdfast.telemetry.metrics import ApiMetrics

logger = logging.getLogger(__name__)

T = TypeVar("T")
Moment = int | dt.datetime
"""UTC nanoseconds, or a datetime with a zone."""

TIMEFRAMES = ("1Min", "5Min", "15Min", "1Hour", "1Day")
COLUMNS = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}

HISTORY_TIME_TO_LIVE_S = 15.0
"""How old history may be, in seconds: a range that ends now grows, and whether it does only the server's clock knows."""
LATEST_TIME_TO_LIVE_S = 1.0

KEPT_HISTORIES = 32
KEPT_PRICES = 500

PAGE = 10_000
"""Bars in one answer; the most that Alpaca gives (documented)."""
MOST_PAGES = 300
"""Three million bars, ten years of minutes; who wants more makes several requests."""

NEW_YORK = ZoneInfo("America/New_York")


class UnusableAnswer(Exception):
    """An answer that can't be what was asked for."""


class AlpacaMarketData:
    """Questions about the market. All threads may ask; those that ask the same at once make one request."""

    def __init__(self, rest: AlpacaRest, settings: AlpacaSettings, metrics: ApiMetrics) -> None:
        self._rest = rest
        self._feed = settings.stock_feed.value
        self._histories: CachedByKey[pd.DataFrame] = CachedByKey(
            HISTORY_TIME_TO_LIVE_S, "history", metrics, KEPT_HISTORIES
        )
        self._prices: CachedByKey[float] = CachedByKey(LATEST_TIME_TO_LIVE_S, "price", metrics, KEPT_PRICES)
        self._closes: CachedByKey[float] = CachedByKey(HISTORY_TIME_TO_LIVE_S, "close", metrics, KEPT_PRICES)

    def history(
        self, symbol: str, timeframe: str, start: Moment, end: Moment | None = None, limit: int | None = None
    ) -> pd.DataFrame | None:
        """Bars that begin in ``[start, end)``, or the last ``limit`` of them; ``end`` None is now.

        A table of open, high, low, close and volume (floats) by the bar's start, a UTC timestamp, adjusted for splits. Its
        last bar may still be forming. Empty where there are none; None when they can't be had. ``timeframe`` is one of
        :data:`TIMEFRAMES`. Raises :class:`~holdfast.errors.InvalidValue` for what can't be asked.
        """
        if timeframe not in TIMEFRAMES:
            raise InvalidValue(f"timeframe must be one of {', '.join(TIMEFRAMES)}, not {timeframe!r}")
        if limit is not None and limit < 1:
            raise InvalidValue(f"limit must be at least 1, not {limit}")
        start_ns, end_ns = _nanoseconds(start), _nanoseconds(end) if end is not None else None
        name = canonical_symbol(symbol)
        table = self._histories.get(
            (name, timeframe, start_ns, end_ns, limit),
            lambda: self._try(lambda: self._fetch_history(name, timeframe, start_ns, end_ns, limit), name),
        )
        return table.copy() if table is not None else None

    def price(self, symbol: str) -> float | None:
        """The latest trade's price, else the middle of the latest quote; None when neither can be had."""
        name = canonical_symbol(symbol)
        return self._prices.get(name, lambda: self._fetch_price(name))

    def previous_close(self, symbol: str) -> float | None:
        """The close of the last trading day before today, as the server's clock has it; None when it can't be had.

        Stocks have New York's days, crypto UTC's. On a weekend it is Friday's close.
        """
        name = canonical_symbol(symbol)
        return self._closes.get(name, lambda: self._try(lambda: self._fetch_previous_close(name), name))

    # --- history ------------------------------------------------------------------------------------------------------

    def _fetch_history(
        self, symbol: str, timeframe: str, start_ns: int, end_ns: int | None, limit: int | None
    ) -> pd.DataFrame:
        query = {"symbols": symbol, "timeframe": timeframe, "start": iso_time(start_ns)}
        query["limit"] = str(
            PAGE if limit is None else min(PAGE, limit + 1)
        )  # one may begin at the end, which is not ours
        query["sort"] = "asc" if limit is None else "desc"  # the last ones are the first of those
        if end_ns is not None:
            query["end"] = iso_time(end_ns)
        if not is_crypto(symbol):
            query |= {"feed": self._feed, "adjustment": "split"}
        rows: dict[int, list[float]] = {}
        for bar in self._pages(symbol, query):
            begins_ns = parse_time_ns(bar["t"])
            if begins_ns >= start_ns and (end_ns is None or begins_ns < end_ns):  # Alpaca's end is inclusive
                rows[begins_ns] = [_number(bar[key]) for key in COLUMNS]
            if len(rows) == limit:
                break
        return _table(rows)

    def _pages(self, symbol: str, query: dict[str, str]) -> Iterator[dict[str, Any]]:
        """The bars of all pages. Raises UnusableAnswer when the pages don't end."""
        token: str | None = None
        seen: set[str] = set()
        for _ in range(MOST_PAGES):
            page = query | ({"page_token": token} if token is not None else {})
            path = "/crypto/us/bars" if is_crypto(symbol) else "/stocks/bars"
            answer = self._get(symbol, path, page, Urgency.BACKGROUND)
            bars = answer["bars"]
            yield from (bars.get(symbol) or () if bars is not None else ())
            token = answer.get("next_page_token")
            if not token:
                return
            if token in seen:
                raise UnusableAnswer("the server gives the same page again")
            seen.add(token)
        raise UnusableAnswer(f"it has more than {MOST_PAGES} pages; ask for less at a time")

    # --- the latest ---------------------------------------------------------------------------------------------------

    def _fetch_price(self, symbol: str) -> float | None:
        trade = self._try(lambda: self._latest(symbol, "trades"), symbol)
        price = _positive(trade, "p")
        if price is not None:
            return price
        quote = self._try(lambda: self._latest(symbol, "quotes"), symbol)
        bid, ask = _positive(quote, "bp"), _positive(quote, "ap")
        if bid is not None and ask is not None:
            return (bid + ask) / 2
        logger.warning("%s: there is neither a trade nor a quote with two sides", symbol)
        return None

    def _latest(self, symbol: str, kind: str) -> dict[str, Any]:
        path = f"/crypto/us/latest/{kind}" if is_crypto(symbol) else f"/stocks/{kind}/latest"
        answer = self._get(symbol, path, self._of(symbol), Urgency.QUERY)
        latest = (answer.get(kind) or {}).get(symbol) or {}
        return dict(latest)

    def _fetch_previous_close(self, symbol: str) -> float | None:
        path = "/crypto/us/snapshots" if is_crypto(symbol) else "/stocks/snapshots"
        answer = self._get(symbol, path, self._of(symbol), Urgency.QUERY)
        snapshot = (answer.get("snapshots") or {} if is_crypto(symbol) else answer).get(symbol) or {}
        last, before = snapshot.get("dailyBar"), snapshot.get("prevDailyBar")
        today = self._today(symbol)
        for bar in (last, before):  # before the day's first trade the last daily bar is not today's
            close = _positive(bar, "c")
            if bar is not None and close is not None and _day(parse_time_ns(bar["t"]), symbol) < today:
                return close
        logger.warning("%s: Alpaca shows no trading day before %s", symbol, today)
        return None

    def _today(self, symbol: str) -> dt.date:
        return _day(parse_time_ns(self._rest.trading("GET", "/clock")["timestamp"]), symbol)

    # --- asking -------------------------------------------------------------------------------------------------------

    def _of(self, symbol: str) -> dict[str, str]:
        return {"symbols": symbol} if is_crypto(symbol) else {"symbols": symbol, "feed": self._feed}

    def _get(self, symbol: str, path: str, query: dict[str, str], urgency: Urgency) -> dict[str, Any]:
        ask = self._rest.crypto if is_crypto(symbol) else self._rest.stocks
        answer = ask(path, query, urgency)
        if not isinstance(answer, dict):
            raise UnusableAnswer("the answer is no object")
        return answer

    def _try(self, fetch: Callable[[], T], symbol: str) -> T | None:
        try:
            return fetch()
        except (RequestFailed, UnusableAnswer) as error:
            logger.warning("market data of %s can't be had: %s", symbol, error)
        except (InvalidValue, KeyError, TypeError, ValueError, AttributeError) as error:
            logger.warning("market data of %s: Alpaca's answer is not understood (%r)", symbol, error)
        return None


def _table(rows: dict[int, list[float]]) -> pd.DataFrame:
    times = sorted(rows)
    index = pd.DatetimeIndex(pd.to_datetime(times, unit="ns", utc=True), name="time").as_unit("ns")
    return pd.DataFrame([rows[time] for time in times], index=index, columns=list(COLUMNS.values()), dtype="float64")


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise UnusableAnswer("a bar has a value that is no number")
    return float(value)


def _positive(row: Any, key: str) -> float | None:
    """The price in ``row``; None where there is none: Alpaca writes 0 for a side that isn't quoted."""
    value = row.get(key) if isinstance(row, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value <= 0:
        return None
    return float(value)


def _day(time_ns: int, symbol: str) -> dt.date:
    zone = dt.UTC if is_crypto(symbol) else NEW_YORK
    return dt.datetime.fromtimestamp(time_ns // 1_000_000_000, zone).date()


def _nanoseconds(moment: Moment) -> int:
    if isinstance(moment, int):
        return moment
    if moment.tzinfo is None:
        raise InvalidValue(f"{moment} has no zone; say which, as in datetime(..., tzinfo=timezone.utc)")
    return int(pd.Timestamp(moment).as_unit("ns").value)
