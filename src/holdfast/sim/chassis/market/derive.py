"""What the data lacks, made from what it has, so that every kind is there for every day.

* A day with trades and no minute bars gets bars made of the trades.
* A day with bars and no trades gets one trade at each bar's close, of all its volume, a millisecond before the bar ends.
* A day without quotes gets one after each trade: a tick below and above it.

What accounts meet are the finest data of each day: trades where there are any, else bars; and every quote.
"""

import msgspec
import numpy as np

from holdfast.core.types import DAY_NS, MINUTE_NS
from holdfast.sim.chassis.market.columns import Bars, Floats, Integers, Quotes, Trades, no_bars
from holdfast.sim.chassis.market.place import SymbolRules
from holdfast.sim.chassis.market.resample import minute_bars
from holdfast.sim.chassis.market.timeframe import to_local

MOST_DECIMALS = 6
BEFORE_END_NS = 1_000_000
"""How long before a bar's end the trade made of it lies: inside of the bar, whatever gathers trades into bars again."""


class SymbolData(msgspec.Struct):
    """All data of one symbol. ``layers`` has its bars by length; ``played`` are those that happen as events."""

    symbol: str
    played: Bars
    layers: dict[int, Bars]
    trades: Trades
    quotes: Quotes
    rules: SymbolRules

    def extend(self, later: "SymbolData") -> None:
        """Add what comes after all that is there."""
        self.played = Bars.join([self.played, later.played])
        self.trades = Trades.join([self.trades, later.trades])
        self.quotes = Quotes.join([self.quotes, later.quotes])
        for length_ns, bars in later.layers.items():
            self.layers[length_ns] = Bars.join([self.layers.get(length_ns, no_bars()), bars])


def complete(symbol: str, rules: SymbolRules, layers: dict[int, Bars], trades: Trades, quotes: Quotes) -> SymbolData:
    """Everything that `SymbolData` has, from the data given: bars by length, real trades, real quotes."""
    trade_days = np.unique(_days(trades.ts, rules))
    given = layers[min(layers)] if layers else no_bars()
    met = given.pick(~np.isin(_days(given.start, rules), trade_days))
    met.is_met[:] = True
    minutes = _minutes(layers.get(MINUTE_NS, no_bars()), trades, rules)
    if not layers or MINUTE_NS in layers:
        minutes.is_met = ~np.isin(_days(minutes.start, rules), trade_days)
        played = minutes
    else:
        played = Bars.join([met, minutes])
    made = Trades(met.end - BEFORE_END_NS, met.close, met.volume, np.zeros(len(met), dtype=bool))
    quotes = Quotes.join([_standing(quotes), _quotes_around(trades, made, quotes, rules)])
    with_minutes = {MINUTE_NS: minutes} if len(minutes) else {}
    return SymbolData(symbol, played, layers | with_minutes, Trades.join([trades, made]), quotes, rules)


def trades_of(bars: Bars) -> Trades:
    """Four trades in place of each bar: its open, its extremes (the one away from its close first), its close; a quarter of the volume each.

    They lie inside of the bar, so whatever gathers them into bars of its length again gets the same open, high, low, close and volume.
    """
    rises = bars.close >= bars.open
    prices = (bars.open, np.where(rises, bars.low, bars.high), np.where(rises, bars.high, bars.low), bars.close)
    quarter = np.floor(bars.volume / 4)
    sizes = (quarter, quarter, quarter, bars.volume - 3 * quarter)
    length = bars.end - bars.start
    times = (bars.start, bars.start + length // 4, bars.start + length // 2, bars.end - BEFORE_END_NS)
    ts, price, size = (np.stack(each, axis=1).ravel() for each in (times, prices, sizes))
    return Trades(ts, price, size, np.ones(len(ts), dtype=bool))


def _minutes(given: Bars, trades: Trades, rules: SymbolRules) -> Bars:
    """The minute bars there are, and those of trades for the days that have none."""
    of_trades = minute_bars(trades)
    is_given = np.isin(_days(of_trades.start, rules), np.unique(_days(given.start, rules)))
    return Bars.join([given, of_trades.pick(~is_given)])


def _days(ts: Integers, rules: SymbolRules) -> Integers:
    days: Integers = (ts if rules.zone is None else to_local(ts, rules.zone)) // DAY_NS
    return days


def _standing(quotes: Quotes) -> Quotes:
    """Each quote with the side it left out as it was last quoted: 0 means unchanged in the data, "no side" where it is served."""
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


def _quotes_around(trades: Trades, made: Trades, quotes: Quotes, rules: SymbolRules) -> Quotes:
    """For the days without quotes: after each trade, and at the end of each bar that made one."""
    ts = np.concatenate([trades.ts, made.ts + BEFORE_END_NS])
    price, size = np.concatenate([trades.price, made.price]), np.concatenate([trades.size, made.size])
    order = np.argsort(ts, kind="stable")
    order = order[~np.isin(_days(ts[order], rules), np.unique(_days(quotes.ts, rules)))]
    ts, price, size = ts[order], price[order], size[order]
    tick = rules.tick(price)
    shown = np.maximum(size, rules.quoted_size)
    return Quotes(ts, _on(tick, np.maximum(price - tick, tick)), shown, _on(tick, price + tick), shown)


def _on(tick: Floats, column: Floats) -> Floats:
    """The nearest prices that there are."""
    prices: Floats = np.round(np.round(column / tick) * tick, MOST_DECIMALS)
    return prices
