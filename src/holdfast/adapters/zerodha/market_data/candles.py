"""Candles of the past, by kite's historical route: what strategies warm up on, and the minutes that a lost connection missed."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from holdfast.adapters.zerodha.connection.client import Parts
from holdfast.adapters.zerodha.connection.instruments import KiteInstrument
from holdfast.adapters.zerodha.connection.rest import KiteRest
from holdfast.adapters.zerodha.connection.times import ist_text, parse_time_ns
from holdfast.brokers.history import BarRow
from holdfast.brokers.http.failures import UnreadableAnswer
from holdfast.brokers.http.limiter import Urgency
from holdfast.core.messages import Bar
from holdfast.core.types import DAY_NS, MINUTE_NS, SECOND_NS, iso_time
from holdfast.errors import InvalidValue


class Interval(NamedTuple):
    """How kite calls a length of candles, how long they are, and how many days one request may span."""

    name: str
    length_ns: int
    most_days: int


INTERVALS: Mapping[str, Interval] = {
    "1Min": Interval("minute", MINUTE_NS, 60),
    "3Min": Interval("3minute", 3 * MINUTE_NS, 100),
    "5Min": Interval("5minute", 5 * MINUTE_NS, 100),
    "10Min": Interval("10minute", 10 * MINUTE_NS, 100),
    "15Min": Interval("15minute", 15 * MINUTE_NS, 200),
    "30Min": Interval("30minute", 30 * MINUTE_NS, 200),
    "1Hour": Interval("60minute", 60 * MINUTE_NS, 400),
    "1Day": Interval("day", DAY_NS, 2000),
}
"""By our names. The spans of ten and thirty minutes are told nowhere for sure; shorter ones are asked for."""
COLUMNS = 6


class Candles:
    """Asks for candles. Its requests give way to all others of the login, and keep to three a second. Blocks; any thread may ask."""

    def __init__(self, rest: KiteRest) -> None:
        self._rest = rest

    def pages(
        self, instrument: KiteInstrument, interval: Interval, from_ns: int, until_ns: int
    ) -> Iterator[Sequence[BarRow]]:
        """Candles that begin in ``[from_ns, until_ns)``, in order of time, one request's at a time.

        The last of today is still forming: whoever asks up to now drops it. Raises a RequestFailed.
        """
        span_ns = interval.most_days * DAY_NS - SECOND_NS
        last_ns = from_ns - 1
        while from_ns < until_ns:
            to_ns = min(from_ns + span_ns, until_ns - 1)
            rows = [row for row in self._ask(instrument, interval, from_ns, to_ns) if from_ns <= row.ts_ns < until_ns]
            times = [last_ns, *(row.ts_ns for row in rows)]
            if any(later <= earlier for earlier, later in pairwise(times)):
                raise UnreadableAnswer(f"candles of {instrument.symbol}: the answer has rows out of order")
            yield rows
            last_ns, from_ns = times[-1], to_ns // SECOND_NS * SECOND_NS + SECOND_NS

    def minutes(self, instrument: KiteInstrument, from_ns: int, until_ns: int) -> list[Bar]:
        """Bars of one minute that begin at ``from_ns`` or later and have ended at ``until_ns``. Raises a RequestFailed."""
        interval = INTERVALS["1Min"]
        symbol = instrument.symbol
        return [
            Bar(symbol, row.ts_ns + MINUTE_NS, row.ts_ns, *row[1:])
            for rows in self.pages(instrument, interval, from_ns, until_ns - MINUTE_NS + 1)
            for row in rows
        ]

    def _ask(self, instrument: KiteInstrument, interval: Interval, from_ns: int, to_ns: int) -> Sequence[BarRow]:
        params = {
            "from": ist_text(from_ns),
            "to": ist_text(to_ns),
            "interval": interval.name,
            "continuous": 0,
            "oi": 0,
        }
        parts: Parts = {"instrument_token": instrument.token, "interval": interval.name}
        answer = self._rest.request("GET", "market.historical", parts=parts, params=params, urgency=Urgency.BACKGROUND)
        if not isinstance(answer, dict) or not isinstance(answer.get("candles"), list):
            raise UnreadableAnswer(f"candles of {instrument.symbol}: the answer has no candles")
        return [_row(instrument.symbol, row) for row in answer["candles"]]


def _row(symbol: str, row: Any) -> BarRow:
    try:
        bar = BarRow(parse_time_ns(row[0]), *(float(value) for value in row[1:COLUMNS]))
    except (InvalidValue, IndexError, KeyError, TypeError, ValueError):
        raise UnreadableAnswer(f"candles of {symbol}: a row of the answer is no candle") from None
    prices = bar[1:5]
    if min(prices) <= 0 or bar.high < max(prices) or bar.low > min(prices) or bar.volume < 0:
        raise UnreadableAnswer(
            f"candles of {symbol}: the one at {iso_time(bar.ts_ns)} has prices that can't be: {prices}"
        )
    return bar
