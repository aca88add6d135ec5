"""What the data lacks, made from what it has, so that every kind is there for every day.

* A day with trades and no minute bars gets bars made of the trades.
* A day with bars and no trades gets one trade at each bar's close, of all its volume, a millisecond before the bar ends.
* A day without quotes gets one after each trade: a cent below and above it.

What accounts meet are the finest data of each day: trades where there are any, else bars; and every quote.
"""

import msgspec
import numpy as np

from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS
from holdfast.sim.alpaca.market.columns import Bars, Floats, Integers, Quotes, Trades, no_bars
from holdfast.sim.alpaca.market.resample import minute_bars

BEFORE_END_NS = 1_000_000
"""How long before a bar's end the trade made of it lies: inside of the bar, whatever gathers trades into bars again."""
NIGHT_NS = 5 * HOUR_NS
"""From midnight UTC to when no US market trades: after-hours trading belongs to the day before."""
STANDING_SIZE = 100.0
"""Of a made-up quote of shares, at least."""


class SymbolData(msgspec.Struct):
    """All data of one symbol. ``layers`` has its bars by length; ``played`` are those that happen as events."""

    symbol: str
    played: Bars
    layers: dict[int, Bars]
    trades: Trades
    quotes: Quotes

    @property
    def is_crypto(self) -> bool:
        """Whether it is a coin."""
        return "/" in self.symbol

    def extend(self, later: "SymbolData") -> None:
        """Add what comes after all that is there."""
        self.played = Bars.join([self.played, later.played])
        self.trades = Trades.join([self.trades, later.trades])
        self.quotes = Quotes.join([self.quotes, later.quotes])
        for length_ns, bars in later.layers.items():
            self.layers[length_ns] = Bars.join([self.layers.get(length_ns, no_bars()), bars])


def complete(symbol: str, layers: dict[int, Bars], trades: Trades, quotes: Quotes) -> SymbolData:
    """Everything that `SymbolData` has, from the data given: bars by length, real trades, real quotes."""
    is_crypto = "/" in symbol
    trade_days = np.unique(_days(trades.ts, is_crypto))
    given = layers[min(layers)] if layers else no_bars()
    met = given.pick(~np.isin(_days(given.start, is_crypto), trade_days))
    met.is_met[:] = True
    minutes = _minutes(layers.get(MINUTE_NS, no_bars()), trades, is_crypto)
    if not layers or MINUTE_NS in layers:
        minutes.is_met = ~np.isin(_days(minutes.start, is_crypto), trade_days)
        played = minutes
    else:
        played = Bars.join([met, minutes])
    made = Trades(met.end - BEFORE_END_NS, met.close, met.volume, np.zeros(len(met), dtype=bool))
    quotes = Quotes.join([_standing(quotes), _quotes_around(trades, made, quotes, is_crypto)])
    with_minutes = {MINUTE_NS: minutes} if len(minutes) else {}
    return SymbolData(symbol, played, layers | with_minutes, Trades.join([trades, made]), quotes)


def _minutes(given: Bars, trades: Trades, is_crypto: bool) -> Bars:
    """The minute bars there are, and those of trades for the days that have none."""
    of_trades = minute_bars(trades, is_crypto)
    is_given = np.isin(_days(of_trades.start, is_crypto), np.unique(_days(given.start, is_crypto)))
    return Bars.join([given, of_trades.pick(~is_given)])


def _days(ts: Integers, is_crypto: bool) -> Integers:
    days: Integers = (ts if is_crypto else ts - NIGHT_NS) // DAY_NS
    return days


def _standing(quotes: Quotes) -> Quotes:
    """Each quote with the side it left out as it was last quoted: 0 means unchanged in the data, "no side" at Alpaca."""
    bid = _last_where(quotes.bid > 0)
    ask = _last_where(quotes.ask > 0)
    sides = [
        np.where(places >= 0, column[places], 0.0) if len(column) else column
        for column, places in ((quotes.bid, bid), (quotes.bid_size, bid), (quotes.ask, ask), (quotes.ask_size, ask))
    ]
    return Quotes(quotes.ts, *sides)


def _last_where(is_there: np.typing.NDArray[np.bool_]) -> Integers:
    places: Integers = np.maximum.accumulate(np.where(is_there, np.arange(len(is_there)), -1))
    return places


def _quotes_around(trades: Trades, made: Trades, quotes: Quotes, is_crypto: bool) -> Quotes:
    """For the days without quotes: after each trade, and at the end of each bar that made one."""
    ts = np.concatenate([trades.ts, made.ts + BEFORE_END_NS])
    price, size = np.concatenate([trades.price, made.price]), np.concatenate([trades.size, made.size])
    order = np.argsort(ts, kind="stable")
    order = order[~np.isin(_days(ts[order], is_crypto), np.unique(_days(quotes.ts, is_crypto)))]
    ts, price, size = ts[order], price[order], size[order]
    tick = np.where(price >= 1, 0.01, 0.0001)
    shown = np.maximum(size, 1.0 if is_crypto else STANDING_SIZE)
    return Quotes(ts, _rounded(np.maximum(price - tick, tick), price), shown, _rounded(price + tick, price), shown)


def _rounded(column: Floats, price: Floats) -> Floats:
    """Two decimals from 1.00 up, four below, as the market's rules have it."""
    return np.where(price >= 1, np.round(column, 2), np.round(column, 4))
