"""Instruments, quotes and candles over HTTP."""

import datetime as dt
import gzip
from collections.abc import Callable
from typing import Any

from aiohttp import web

from holdfast.core.types import DAY_NS, SECOND_NS
from holdfast.sim.chassis.market.columns import Bars
from holdfast.sim.chassis.market.timeframe import Timeframe
from holdfast.sim.kite.errors import success, wrong_input
from holdfast.sim.kite.market.instruments import Instrument
from holdfast.sim.kite.market.packets import DEPTH, Level, Snapshot
from holdfast.sim.kite.session.door import guarded, open_to_all
from holdfast.sim.kite.session.limits import Kind
from holdfast.sim.kite.times import IST, ist, stamp, to_ns
from holdfast.sim.kite.trading.account import KiteAccount
from holdfast.sim.kite.world import WORLD, World

Row = dict[str, Any]
INTERVALS = {
    "minute": (Timeframe(1, "Min"), 60),
    "3minute": (Timeframe(3, "Min"), 100),
    "5minute": (Timeframe(5, "Min"), 100),
    "10minute": (Timeframe(10, "Min"), 100),
    "15minute": (Timeframe(15, "Min"), 200),
    "30minute": (Timeframe(30, "Min"), 200),
    "60minute": (Timeframe(60, "Min"), 400),
    "day": (Timeframe(1, "Day"), 2000),
}
"""Of each interval the length, and how many days one request may span."""
MOST_QUOTES, MOST_PRICES = 500, 1_000


def routes(_: World) -> list[web.AbstractRouteDef]:
    """All of them, for the server to add."""
    return [
        web.get("/instruments", open_to_all(_instruments)),
        web.get("/instruments/{exchange}", open_to_all(_instruments)),
        web.get("/instruments/historical/{token}/{interval}", guarded(_historical, Kind.HISTORY)),
        web.get("/quote", guarded(_quotes(_full, MOST_QUOTES), Kind.QUOTE)),
        web.get("/quote/ohlc", guarded(_quotes(_ohlc, MOST_PRICES), Kind.QUOTE)),
        web.get("/quote/ltp", guarded(_quotes(_ltp, MOST_PRICES), Kind.QUOTE)),
    ]


async def _instruments(request: web.Request) -> web.StreamResponse:
    """The dump of the day, compressed as Kite's is."""
    text = request.app[WORLD].instruments.dump(request.match_info.get("exchange"))
    return web.Response(
        body=gzip.compress(text.encode()), content_type="text/csv", headers={"Content-Encoding": "gzip"}
    )


# --- quotes ----------------------------------------------------------------------------------------------------------


def _quotes(shape: Callable[[Instrument, Snapshot, World], Row], most: int) -> Any:
    async def handle(request: web.Request, _: KiteAccount) -> web.StreamResponse:
        world = request.app[WORLD]
        keys = request.query.getall("i", [])
        if not keys:
            raise wrong_input("Missing or empty field `i`")
        if len(keys) > most:
            raise wrong_input(f"Too many instruments: {most} at most.")
        found = {}
        for key in keys:  # one that isn't known is not in the answer
            instrument = world.instruments.of_key(key)
            now = None if instrument is None else world.snapshot(instrument.symbol)
            if instrument is not None and now is not None:
                found[key] = shape(instrument, now, world)
        return success(found)

    return handle


def _ltp(instrument: Instrument, now: Snapshot, _: World) -> Row:
    return {"instrument_token": instrument.token, "last_price": now.last_price}


def _ohlc(instrument: Instrument, now: Snapshot, world: World) -> Row:
    return _ltp(instrument, now, world) | {"ohlc": _day(now)}


def _full(instrument: Instrument, now: Snapshot, world: World) -> Row:
    low, high = world.band_of(instrument.symbol)
    return _ohlc(instrument, now, world) | {
        "timestamp": stamp(now.time_ns),
        "last_trade_time": stamp(now.last_trade_ns) if now.last_trade_ns else None,
        "last_quantity": now.last_quantity,
        "buy_quantity": sum(level.quantity for level in now.bids),
        "sell_quantity": sum(level.quantity for level in now.asks),
        "volume": now.volume,
        "average_price": round(now.average_price, 2),
        "oi": 0,
        "oi_day_high": 0,
        "oi_day_low": 0,
        "net_change": round(now.last_price - now.close, 2),
        "lower_circuit_limit": float(low),
        "upper_circuit_limit": float(high),
        "depth": {"buy": _depth(now.bids), "sell": _depth(now.asks)},
    }


def _day(now: Snapshot) -> Row:
    return {"open": now.open, "high": now.high, "low": now.low, "close": now.close}


def _depth(levels: Any) -> list[Row]:
    whole = [*levels, *[Level(0, 0, 0)] * DEPTH][:DEPTH]
    return [{"price": one.price, "quantity": one.quantity, "orders": one.orders} for one in whole]


# --- candles ---------------------------------------------------------------------------------------------------------


async def _historical(request: web.Request, _: KiteAccount) -> web.StreamResponse:
    """Candles that begin in the span; the last of today is still forming."""
    world = request.app[WORLD]
    token, interval = request.match_info["token"], request.match_info["interval"]
    instrument = world.instruments.of_token(int(token)) if token.isascii() and token.isdecimal() else None
    if instrument is None:
        raise wrong_input("Invalid `instrument_token`.")
    if interval not in INTERVALS:
        raise wrong_input("Invalid `interval`.")
    frame, most_days = INTERVALS[interval]
    first_ns, last_ns = _time(request, "from"), _time(request, "to")
    if last_ns < first_ns:
        raise wrong_input("Invalid date range: `from` is after `to`.")
    if last_ns - first_ns > most_days * DAY_NS:
        raise wrong_input(f"interval exceeds max limit: {most_days} days")
    bars = world.history.bars(instrument.symbol, frame, first_ns, last_ns, world.clock.now_ns)
    return success({"candles": _candles(bars, with_oi=request.query.get("oi") == "1")})


def _candles(bars: Bars, *, with_oi: bool) -> list[list[Any]]:
    columns = (bars.start, bars.open, bars.high, bars.low, bars.close, bars.volume)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    more = [0] if with_oi else []
    return [[_zoned(start_ns), *prices, int(volume), *more] for start_ns, *prices, volume in rows]


def _zoned(time_ns: int) -> str:
    """``2024-07-10T09:15:00+0530``."""
    return ist(time_ns).strftime("%Y-%m-%dT%H:%M:%S%z")


def _time(request: web.Request, name: str) -> int:
    text = request.query.get(name) or ""
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d"):
        try:
            moment = dt.datetime.strptime(text, form).replace(tzinfo=IST)
        except ValueError:
            continue
        return to_ns(moment) // SECOND_NS * SECOND_NS
    raise wrong_input(f"Invalid `{name}`.")
