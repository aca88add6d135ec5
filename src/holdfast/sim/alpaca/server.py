"""The HTTP and websocket server around a world."""

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from aiohttp import web

from holdfast.calendars import trading_calendar
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.types import iso_time
from holdfast.feeds.synthetic import SYMBOLS
from holdfast.sim.alpaca.errors import answer_errors
from holdfast.sim.alpaca.faults import control
from holdfast.sim.alpaca.faults.catalogue import FAULTS
from holdfast.sim.alpaca.faults.http import manners
from holdfast.sim.alpaca.market import absent, markets, opening, reference, rest, stream
from holdfast.sim.alpaca.market.place import marketplace
from holdfast.sim.alpaca.trading import rest as trading_rest
from holdfast.sim.alpaca.trading import updates
from holdfast.sim.alpaca.trading.trading_accounts import REQUESTS_PER_MINUTE, TradingAccounts
from holdfast.sim.alpaca.world import WORLD, World
from holdfast.sim.chassis import server as chassis
from holdfast.sim.chassis.clock import MarketClock
from holdfast.sim.chassis.faults.audit import Audit
from holdfast.sim.chassis.faults.http import middleware
from holdfast.sim.chassis.faults.registry import Faults
from holdfast.sim.chassis.market.start import file_start_ns, synthetic_start_ns
from holdfast.sim.chassis.server import LOOPBACK
from holdfast.sim.chassis.state import State

CALENDAR = "XNYS"
AUDITED = ("/v2/orders", "/v2/positions")
"""How the paths begin that can place, change, cancel or close."""


class Settings(msgspec.Struct, frozen=True):
    """What kind of world. ``data`` names files and folders; without any the market is made up of ``symbols`` and ``seed``.

    ``speed`` is in market seconds a second, None is flat out. ``start_ns`` None is where the data begin; a state file that is
    further has its way. ``requests_per_minute`` is each account's allowance on the trading side, in real time; 0 is no limit.
    """

    data: tuple[Path, ...] = ()
    symbols: tuple[str, ...] = tuple(SYMBOLS)
    seed: int = 1
    speed: float | None = 1.0
    start_ns: int | None = None
    faults: Path | None = None
    accounts: Path | None = None
    state: Path | None = None
    requests_per_minute: int = REQUESTS_PER_MINUTE
    has_fees: bool = True


class Built(msgspec.Struct, frozen=True):
    """A world, which files of the folders it was given were no market data, and what else there is to say of its start."""

    world: World
    skipped: Sequence[str]
    notes: Sequence[str] = ()


def build_world(settings: Settings) -> Built:
    """Reads the data and puts everything together. Raises :class:`~holdfast.errors.HoldfastError`."""
    calendar = trading_calendar(CALENDAR)
    place = marketplace(calendar)
    faults = FAULTS.load(settings.faults) if settings.faults else ()
    state = State(settings.state) if settings.state else None
    start_ns, notes = _start(settings, state)
    skipped: Sequence[str] = ()
    if settings.data:
        store, skipped = opening.file_store(settings.data, place)
        start_ns = file_start_ns(store) if start_ns is None else start_ns
    else:
        if start_ns is None:
            wall_ns = opening.wall_ns()
            start_ns = synthetic_start_ns(place, wall_ns, settings.symbols)
            notes += _closed_notes(calendar, wall_ns, start_ns)
        store = opening.synthetic_store(settings.seed, settings.symbols, place, start_ns)
    calendar.day_at(start_ns)  # an error for a time that the calendar doesn't cover comes now, not with a request
    world = World(MarketClock(start_ns, settings.speed), place, store)
    world.has_fees = settings.has_fees
    world.faults = Faults(faults, audit=Audit(AUDITED))
    world.accounts = TradingAccounts(
        world,
        accounts=settings.accounts,
        requests_per_minute=settings.requests_per_minute,
        state=state,
    )
    return Built(world, skipped, notes)


def _start(settings: Settings, state: State | None) -> tuple[int | None, list[str]]:
    """Where market time starts, None where the data do, and what there is to say: it never goes back behind what is kept."""
    kept_ns = None if state is None else state.market_time_ns
    asked_ns = settings.start_ns
    if kept_ns is None or asked_ns is None or asked_ns >= kept_ns:
        return (kept_ns if asked_ns is None else asked_ns), []
    note = (
        f"market time goes on at {iso_time(kept_ns)}, where {settings.state} ends, and not at {iso_time(asked_ns)}: "
        "its orders are not of the future; another --state begins anew"
    )
    return kept_ns, [note]


def _closed_notes(calendar: TradingCalendar, wall_ns: int, start_ns: int) -> list[str]:
    """What a market does that is made while the exchange is closed."""
    if calendar.is_open(wall_ns):
        return []
    opens = iso_time(calendar.next_open_ns(wall_ns))
    if start_ns == wall_ns:
        return [f"the exchange is closed: coins trade now, shares from {opens} on"]
    began = iso_time(start_ns)
    return [
        f"the exchange is closed: market time is that of its last session, {began}, and not yours; or give it a coin"
    ]


def build_app(world: World) -> web.Application:
    """Every endpoint, over one world."""
    app = web.Application(middlewares=[middleware(world, manners()), answer_errors])
    app[WORLD] = world
    for room in (absent, rest, reference, markets, stream, trading_rest, updates, control):
        app.add_routes(room.routes(world))
    return app


@asynccontextmanager
async def serving(
    world: World, host: str = LOOPBACK, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serves and plays the world for as long as the context is open; gives the port. With ``tls`` over that alone.

    Raises :class:`~holdfast.errors.ConfigError` when the port can't be had.
    """
    try:
        async with chassis.serving(world, build_app(world), host, port, tls) as bound:
            yield bound
    finally:
        world.accounts.close()
