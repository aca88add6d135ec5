"""What has happened already, from REST: what strategies warm up on, and what a lost connection missed."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from holdfast.adapters.alpaca.connection.rest import AlpacaRest
from holdfast.adapters.alpaca.connection.settings import StockFeed
from holdfast.adapters.alpaca.connection.times import parse_time_ns
from holdfast.adapters.alpaca.market_data.wire import Item, Kind, read_row
from holdfast.brokers.http.failures import UnreadableAnswer
from holdfast.brokers.http.limiter import Urgency
from holdfast.core.types import MINUTE_NS, iso_time
from holdfast.errors import InvalidValue

PAGE_ROWS = 10_000
"""Rows in one answer; the most that Alpaca gives (documented)."""
MOST_PAGES = 100
"""Of one request: a million rows, half the requests of a minute. What is more is left out, aloud."""
SYMBOLS_AT_ONCE = 100
"""In one request, which keeps its URL short."""


class Fetched(msgspec.Struct):
    """Events in order of time with their keys, rows that made no sense, and whether there was more than is fetched."""

    items: list[Item] = []
    bad: int = 0
    is_cut: bool = False

    def add(self, other: "Fetched") -> None:
        """Put another one's beside these."""
        self.items.extend(other.items)
        self.items.sort(key=_time_ns)
        self.bad += other.bad
        self.is_cut |= other.is_cut


def _time_ns(item: Item) -> int:
    return item[0].time_ns


class History:
    """REST's history of stocks, or of crypto pairs. Its requests give way to all others. Blocks; any thread may ask."""

    def __init__(self, rest: AlpacaRest, stock_feed: StockFeed | None) -> None:
        self._rest = rest
        self._stock_feed = stock_feed

    def now_ns(self) -> int:
        """The market's time by Alpaca's own clock. Raises a RequestFailed."""
        answer = self._rest.trading("GET", "/clock")
        try:
            return parse_time_ns(answer["timestamp"])
        except (InvalidValue, KeyError, TypeError) as error:
            raise UnreadableAnswer(f"GET /clock: the answer has no time ({error!r})") from None

    def fetch(self, kind: Kind, since_ns: Mapping[str, int], until_ns: int, is_wanted: Callable[[], bool]) -> Fetched:
        """Events of one kind from each symbol's time on up to ``until_ns``, both included; a bar's time is its end.

        Ends early when ``is_wanted`` says no before a page. Raises a RequestFailed.
        """
        fetched = Fetched()
        symbols = list(since_ns)
        for first in range(0, len(symbols), SYMBOLS_AT_ONCE):
            some = {symbol: since_ns[symbol] for symbol in symbols[first : first + SYMBOLS_AT_ONCE]}
            fetched.add(self._fetch(kind, some, until_ns, is_wanted))
        return fetched

    def _fetch(self, kind: Kind, since_ns: Mapping[str, int], until_ns: int, is_wanted: Callable[[], bool]) -> Fetched:
        back_ns = MINUTE_NS if kind is Kind.BARS else 0  # bars are asked for by their start
        start_ns = min(since_ns.values()) - back_ns
        query = {"symbols": ",".join(since_ns), "limit": str(PAGE_ROWS), "sort": "asc"}
        query |= {"start": iso_time(start_ns), "end": iso_time(until_ns - back_ns)}
        if kind is Kind.BARS:
            query["timeframe"] = "1Min"
        if self._stock_feed is not None:
            query["feed"] = self._stock_feed.value
        pages = self._pages(kind, query)
        fetched = Fetched()
        for _ in range(MOST_PAGES):
            page = next(pages, None) if is_wanted() else None
            if page is None:
                return fetched
            _read_page(kind, page, since_ns, until_ns, fetched)
        fetched.is_cut = next(pages, None) is not None
        return fetched

    def _pages(self, kind: Kind, query: dict[str, str]) -> Iterator[Mapping[str, Any]]:
        """Rows by symbol, page by page. Raises a RequestFailed; UnreadableAnswer too when the same page comes again."""
        path = f"/stocks/{kind}" if self._stock_feed is not None else f"/crypto/us/{kind}"
        ask = self._rest.stocks if self._stock_feed is not None else self._rest.crypto
        seen: set[str] = set()
        while True:
            answer = ask(path, query, Urgency.BACKGROUND)
            if not isinstance(answer, dict) or not isinstance(answer.get(kind) or {}, dict):
                raise UnreadableAnswer(f"GET {path}: the answer has no {kind}")
            yield answer.get(kind) or {}
            token = answer.get("next_page_token")
            if not token:
                return
            if token in seen:
                raise UnreadableAnswer(f"GET {path}: the server gives the same page again")
            seen.add(token)
            query = query | {"page_token": token}


def _read_page(
    kind: Kind, page: Mapping[str, Any], since_ns: Mapping[str, int], until_ns: int, fetched: Fetched
) -> None:
    for symbol, from_ns in since_ns.items():
        for row in page.get(symbol) or ():
            try:
                item = read_row(kind, symbol, row)
            except ValueError:
                fetched.bad += 1
                continue
            if item is not None and from_ns <= item[0].time_ns <= until_ns:
                fetched.items.append(item)
