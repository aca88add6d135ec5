"""One day of trades in a made-up market: chance shaped into what markets are known for.

A symbol's return is its share of the market's return plus its own. Both go through regimes (a trend up or down, a range, a
storm) that switch as a Markov chain. On top: more movement and volume after the open and before the close, gaps overnight, a
jump now and then, volume that comes with movement, and a weak pull towards a first price so that years stay plausible.

The same on every machine, to the last bit: chance is PCG64's raw output, seeded by a hash of what it is for, and what is made
of it uses only additions, multiplications and divisions in a fixed order, which IEEE 754 defines exactly. No library's
logarithm, exponential or distribution is in it: those differ between versions and processors.
"""

import hashlib
import math
from collections.abc import Sequence
from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

TICKS_A_UNIT = 100
"""Prices are whole hundredths."""
TRADES_A_BAR = 6
LOWEST_TICKS = 100
MARKET_VOLATILITY = 0.005
"""Of a day, as a share of the price, before regimes add to it; so are a symbol's own."""
GAP_VOLATILITY = 0.7
"""Of a night, in volatilities of a day."""
SWITCHES_A_DAY = 6
JUMPS_A_DAY = 0.15
PULL_A_DAY = 0.01
RANGE_BARS = 20
"""What a range turns back to is the mean of this many bars."""


class Regime(msgspec.Struct, frozen=True):
    """``drift`` in volatilities a day, a factor on the volatility, and the share of it that is taken back in time."""

    drift: float
    volatility: float
    reversion: float = 0.0


REGIMES = (
    Regime(drift=2.2, volatility=0.8),  # up
    Regime(drift=-2.2, volatility=0.9),  # down
    Regime(drift=0.0, volatility=0.8, reversion=0.9),  # range
    Regime(drift=0.0, volatility=2.0),  # storm
)


class Chance:
    """Chance for one purpose."""

    def __init__(self, *purpose: object) -> None:
        text = "\x1f".join(map(str, purpose))
        self._bits = np.random.PCG64(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big"))

    def short(self, *shape: int) -> Integers:
        """Whole numbers from 0 to 65,535."""
        count = math.prod(shape)
        raw: NDArray[np.uint64] = self._bits.random_raw(-(-count // 4))
        return raw.astype("<u8").view("<u2")[:count].reshape(shape).astype(np.int64)

    def uniform(self, *shape: int) -> Floats:
        """Numbers in [0, 1)."""
        numbers: Floats = self.short(*shape) / 65_536
        return numbers

    def normal(self, *shape: int) -> Floats:
        """Nearly normal numbers, between -6 and 6: sums of twelve uniform ones (Irwin-Hall), mean 0, variance 1."""
        raw: NDArray[np.uint64] = self._bits.random_raw(3 * math.prod(shape))
        sums = raw.astype("<u8").view("<u2").reshape(12, *shape).sum(axis=0, dtype=np.int64)
        numbers: Floats = (sums - 6 * 65_535) / 65_536
        return numbers


class Character(msgspec.Struct, frozen=True):
    """What stays the same about a symbol: first price, own volatility of a day, share in the market, shares traded a day."""

    first_ticks: int
    volatility: float
    beta: float
    volume: float


def character(seed: int, symbol: str) -> Character:
    """A symbol's character: a price from 40 to 320, from calm to restless, from thinly to heavily traded."""
    price, volatility, beta, volume = Chance(seed, "character", symbol).uniform(4).tolist()
    return Character(
        first_ticks=int(TICKS_A_UNIT * (40 + 280 * price * price)),
        volatility=0.004 + 0.006 * volatility,
        beta=0.5 + beta,
        volume=1e6 + 2e7 * volume * volume,
    )


class DayOfTrades(msgspec.Struct):
    """Prices in ticks and whole sizes of all trades: arrays by (bar, symbol, trade)."""

    ticks: Integers
    sizes: Integers


class MarketWalk:
    """Day after day of several symbols. From one day to the next only the last prices are kept."""

    def __init__(self, seed: int, symbols: Sequence[str]) -> None:
        self._seed = seed
        self._symbols = [(symbol, character(seed, symbol)) for symbol in symbols]
        self._last_ticks = [one.first_ticks for _, one in self._symbols]

    def day(self, date: str, bars: int, *, was_closed: bool) -> DayOfTrades:
        """The trades of the day after the one asked for last; ``was_closed`` when the market rested in between."""
        paths = self._paths(date, bars, was_closed=was_closed)
        volumes = [one.volume for _, one in self._symbols]
        sizes = [_sizes(path.chance, path.activity, volume) for path, volume in zip(paths, volumes, strict=True)]
        shape = (bars, TRADES_A_BAR)
        return DayOfTrades(
            np.stack([path.ticks.reshape(shape) for path in paths], axis=1),
            np.stack([column.reshape(shape) for column in sizes], axis=1),
        )

    def pass_by(self, date: str, bars: int, *, was_closed: bool) -> None:
        """Go on by a day whose trades nobody asks for."""
        self._paths(date, bars, was_closed=was_closed)

    def _paths(self, date: str, bars: int, *, was_closed: bool) -> "list[_Path]":
        gap_share = GAP_VOLATILITY if was_closed else 0.0
        chance = Chance(self._seed, "market", date)
        market_gap = gap_share * MARKET_VOLATILITY * chance.normal(1).item()
        market = MARKET_VOLATILITY * _moves(chance, bars).moves
        paths = [self._path(place, date, market, market_gap, gap_share) for place in range(len(self._symbols))]
        self._last_ticks = [int(path.ticks[-1]) for path in paths]
        return paths

    def _path(self, place: int, date: str, market: Floats, market_gap: float, gap_share: float) -> "_Path":
        symbol, one = self._symbols[place]
        chance = Chance(self._seed, "symbol", symbol, date)
        last = self._last_ticks[place]
        gap = one.beta * market_gap + gap_share * one.volatility * chance.normal(1).item()
        gap -= PULL_A_DAY * (last / one.first_ticks - 1)
        bars = len(market) // TRADES_A_BAR
        own = _moves(chance, bars)
        returns = one.beta * market + one.volatility * (own.moves + _jumps(chance, bars))
        path = last * (1 + gap) * np.cumprod(1 + returns)
        return _Path(np.maximum(np.rint(path), LOWEST_TICKS).astype(np.int64), own.activity, chance)


class _Path(msgspec.Struct):
    """A symbol's day: prices by trade, how busy it is, and the chance that goes on to the sizes."""

    ticks: Integers
    activity: Floats
    chance: Chance


class _Moves(msgspec.Struct):
    """By trade: the move in volatilities of a day, and how busy it is."""

    moves: Floats
    activity: Floats


def _moves(chance: Chance, bars: int) -> _Moves:
    steps = bars * TRADES_A_BAR
    regime = np.repeat(_regimes(chance, bars), TRADES_A_BAR)
    volatility = _of(regime, "volatility") * _smile(steps)
    shocks = chance.normal(steps)
    noise = shocks * volatility / np.sqrt(steps)
    moves = noise + _of(regime, "drift") / steps - _of(regime, "reversion") * _taken_back(noise)
    return _Moves(moves, volatility * (0.5 + np.abs(shocks)))


def _regimes(chance: Chance, bars: int) -> Integers:
    """Each bar's place in `REGIMES`: now and then a new one is drawn, until then the last one holds."""
    drawn = chance.short(bars) % len(REGIMES)
    switches = chance.uniform(bars) < SWITCHES_A_DAY / bars
    last_switch = np.maximum.accumulate(np.where(switches, np.arange(bars), 0))
    return drawn[last_switch]


def _of(regime: Integers, name: str) -> Floats:
    column: Floats = _OF_REGIMES[name][regime]
    return column


_OF_REGIMES = {name: np.array([getattr(one, name) for one in REGIMES]) for name in Regime.__struct_fields__}


def _taken_back(noise: Floats) -> Floats:
    """At each step the mean of the noise of the steps before it: taking it away ties the path to its moving average."""
    window = RANGE_BARS * TRADES_A_BAR
    sums = np.concatenate([np.zeros(window + 1), np.cumsum(noise)])
    means: Floats = (sums[window:-1] - sums[: len(noise)]) / window
    return means


@lru_cache(maxsize=8)  # a market has days of one or two lengths
def _smile(steps: int) -> Floats:
    """A factor by time of day: lowest past noon, about two at the open, less at the close; its mean is about one."""
    time = (np.arange(steps) + 0.5) / steps
    distance = (2 * time - 1) * (2 * time - 1)
    smile: Floats = 0.7 + 0.9 * distance * distance + 0.5 * (1 - time) * (1 - time)
    smile.setflags(write=False)
    return smile


def _jumps(chance: Chance, bars: int) -> Floats:
    """News: a move of half to one and a half volatilities of a day, either way, at the first trade of a bar."""
    happens = chance.uniform(bars) < JUMPS_A_DAY / bars
    size = 0.5 + chance.uniform(bars)
    up = chance.short(bars) % 2 == 0
    jumps = np.zeros((bars, TRADES_A_BAR))
    jumps[:, 0] = np.where(happens, np.where(up, size, -size), 0.0)
    return jumps.ravel()


def _sizes(chance: Chance, activity: Floats, volume: float) -> Integers:
    """Whole shares, at least one: many small trades, few large ones."""
    luck = chance.uniform(len(activity))
    sizes = volume / len(activity) * activity * (0.2 + 2.4 * luck * luck)
    return np.rint(sizes).astype(np.int64) + 1


class Quotes(msgspec.Struct):
    """A quote before each trade that the trade then takes: arrays by (bar, symbol, trade). Offsets are from the bar's start."""

    bid_ticks: Integers
    ask_ticks: Integers
    bid_sizes: Integers
    ask_sizes: Integers
    quote_offsets_ns: Integers
    trade_offsets_ns: Integers


def quotes(seed: int, date: str, trades: DayOfTrades, bar_ns: int) -> Quotes:
    """The quotes of a day. A bar's time is shared out evenly among its trades, half of it before the trade's quote."""
    shape = trades.ticks.shape
    chance = Chance(seed, "quotes", date)
    spread = 1 + trades.ticks // 10_000
    is_buy = chance.short(*shape) % 2 == 0  # who buys pays the ask
    ask = np.where(is_buy, trades.ticks, trades.ticks + spread)
    half_ns = bar_ns // TRADES_A_BAR // 2
    start = 2 * half_ns * np.arange(TRADES_A_BAR)
    return Quotes(
        bid_ticks=ask - spread,
        ask_ticks=ask,
        bid_sizes=100 + 100 * (chance.short(*shape) % 20),
        ask_sizes=100 + 100 * (chance.short(*shape) % 20),
        quote_offsets_ns=start + _part_of(half_ns, chance.short(*shape)),
        trade_offsets_ns=start + half_ns + _part_of(half_ns, chance.short(*shape)),
    )


def _part_of(span_ns: int, short: Integers) -> Integers:
    """Whole microseconds below ``span_ns``."""
    return span_ns // 1_000 * short // 65_536 * 1_000
