"""The past as bars of any length, for a catalogue."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import isfinite
from typing import Any

from holdfast.adapters.alpaca.connection.failures import ErrorAnswer
from holdfast.adapters.alpaca.connection.rest import AlpacaRest
from holdfast.adapters.alpaca.connection.settings import StockFeed
from holdfast.adapters.alpaca.connection.symbols import canonical_symbol, is_crypto
from holdfast.adapters.alpaca.connection.times import parse_time_ns
from holdfast.adapters.alpaca.market_data.history import PAGE_ROWS, History
from holdfast.brokers.history import BarRequest, BarRow
from holdfast.brokers.http.failures import NeverSent, NoAnswer, RequestFailed, Throttled, UnreadableAnswer
from holdfast.brokers.http.limiter import Urgency
from holdfast.core.types import iso_time
from holdfast.errors import InvalidValue

ADJUSTMENTS = {"raw": "raw", "splits": "split", "all": "all"}
LENGTHS = ("1Min", "5Min", "15Min", "30Min", "1Hour", "1Day", "1Week", "1Month")
KEYS = ("o", "h", "l", "c", "v")
TRIES = 3
"""How often one page is asked for. A request that was refused for its rate waits for the minute before it is made again."""
TOO_MANY = 429


class AlpacaBars:
    """A :class:`~holdfast.brokers.history.BarHistory`. Its requests give way to all others of the login."""

    lengths: Sequence[str] = LENGTHS
    adjustments: Sequence[str] = tuple(ADJUSTMENTS)

    def __init__(self, rest: AlpacaRest, stock_feed: StockFeed) -> None:
        self._rest = rest
        self._stock_feed = stock_feed

    @property
    def source(self) -> str:
        """Which tape of stocks."""
        return f"alpaca {self._stock_feed}"

    def symbol(self, text: str) -> str:
        """``BTC/USD`` for ``BTCUSD``."""
        return canonical_symbol(text)

    def calendar(self, symbol: str) -> str:
        """Stocks have New York's days, coins those of UTC."""
        return "24/7" if is_crypto(symbol) else "XNYS"

    def now_ns(self) -> int:
        """Alpaca's clock. Raises a RequestFailed."""
        return History(self._rest, None).now_ns()

    def pages(self, request: BarRequest) -> Iterator[Sequence[BarRow]]:
        """Raises a RequestFailed; UnreadableAnswer also for rows that are out of order, or no bars."""
        query = {
            "symbols": request.symbol,
            "timeframe": request.length,
            "start": iso_time(request.start_ns),
            "end": iso_time(request.end_ns - 1),  # Alpaca's end is included
            "limit": str(PAGE_ROWS),
            "sort": "asc",
        }
        if not is_crypto(request.symbol):
            query |= {"feed": self._stock_feed.value, "adjustment": ADJUSTMENTS[request.adjustment]}
        last_ns, seen = request.start_ns - 1, set[str]()
        while True:
            answer = self._ask(request.symbol, query)
            rows = [_bar(request.symbol, row) for row in (answer.get("bars") or {}).get(request.symbol) or ()]
            times = [last_ns, *(row.ts_ns for row in rows), request.end_ns]
            if any(later <= earlier for earlier, later in pairwise(times)):
                raise UnreadableAnswer(
                    f"bars of {request.symbol}: the answer has rows out of order, or that nobody asked for"
                )
            yield rows
            last_ns, token = times[-2], answer.get("next_page_token")
            if not token:
                return
            if token in seen:
                raise UnreadableAnswer(f"bars of {request.symbol}: the server gives the same page again")
            seen.add(token)
            query = query | {"page_token": token}

    def _ask(self, symbol: str, query: dict[str, str]) -> Mapping[str, Any]:
        path = "/crypto/us/bars" if is_crypto(symbol) else "/stocks/bars"
        ask = self._rest.crypto if is_crypto(symbol) else self._rest.stocks
        for tries_left in reversed(range(TRIES)):
            try:
                answer = ask(path, query, Urgency.BACKGROUND)
            except RequestFailed as error:
                if not tries_left or not _may_be_repeated(error):
                    raise
                continue
            if not isinstance(answer, dict) or not isinstance(answer.get("bars") or {}, dict):
                break
            return answer
        raise UnreadableAnswer(f"GET {path}: the answer has no bars")


def _may_be_repeated(error: RequestFailed) -> bool:
    """Nothing is changed by a question: it may be asked again unless the answer would be the same."""
    if isinstance(error, ErrorAnswer):
        return error.status == TOO_MANY or error.status >= 500
    return isinstance(error, NeverSent | NoAnswer) and not isinstance(error, Throttled)


def _bar(symbol: str, row: Any) -> BarRow:
    try:
        bar = BarRow(parse_time_ns(row["t"]), *(float(row[key]) for key in KEYS))
    except (InvalidValue, KeyError, TypeError, ValueError):
        raise UnreadableAnswer(f"bars of {symbol}: a row of the answer is no bar") from None
    prices = bar[1:5]
    if not all(isfinite(value) for value in bar[1:]) or min(prices) <= 0 or bar.high < bar.low or bar.volume < 0:
        raise UnreadableAnswer(f"bars of {symbol}: the bar at {iso_time(bar.ts_ns)} has prices that can't be: {prices}")
    return bar
