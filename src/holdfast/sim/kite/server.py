"""The HTTP and websocket server around a world."""

import datetime as dt
import ssl
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from email.utils import formatdate
from pathlib import Path

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from holdfast.calendars import trading_calendar
from holdfast.core.types import SECOND_NS
from holdfast.sim.chassis import server as chassis
from holdfast.sim.chassis.clock import MarketClock
from holdfast.sim.chassis.faults.audit import Audit
from holdfast.sim.chassis.faults.http import middleware
from holdfast.sim.chassis.faults.registry import Faults
from holdfast.sim.chassis.market.files import FileSource
from holdfast.sim.chassis.market.start import file_start_ns, synthetic_start_ns
from holdfast.sim.chassis.market.store import Store
from holdfast.sim.chassis.market.synthetic import SyntheticSource
from holdfast.sim.chassis.server import LOOPBACK
from holdfast.sim.kite.errors import KiteError, not_found
from holdfast.sim.kite.faults import control
from holdfast.sim.kite.faults.catalogue import FAULTS
from holdfast.sim.kite.faults.http import manners
from holdfast.sim.kite.market import rest as market_rest
from holdfast.sim.kite.market.place import marketplace
from holdfast.sim.kite.session import login, socket
from holdfast.sim.kite.session.accounts import Accounts, read_logins
from holdfast.sim.kite.session.tokens import Login
from holdfast.sim.kite.trading import rest as trading_rest
from holdfast.sim.kite.world import WORLD, World

CALENDAR = "XBOM"
"""NSE keeps the hours and holidays of BSE."""
SYMBOLS = ("NSE:AVANTI", "NSE:BHARAVI", "NSE:CHANDRA")
AUDITED = ("/orders", "/gtt", "/portfolio/positions")
"""How the paths begin that can place, change, cancel or close."""


class Settings(msgspec.Struct, frozen=True):
    """What kind of world. ``data`` names files and folders; without any the market is made up of ``symbols`` and ``seed``.

    ``speed`` is in market seconds a second, None is flat out. ``start_ns`` None is where the data begin. ``allowed`` are the addresses from
    which orders may come; none named means all.
    """

    data: tuple[Path, ...] = ()
    symbols: tuple[str, ...] = SYMBOLS
    seed: int = 1
    speed: float | None = 1.0
    start_ns: int | None = None
    faults: Path | None = None
    accounts: Path | None = None
    has_limits: bool = True
    allowed: tuple[str, ...] = ()


class Built(msgspec.Struct, frozen=True):
    """A world, and which files of the folders it was given were no market data."""

    world: World
    skipped: Sequence[str] = ()


def build_world(settings: Settings) -> Built:
    """Reads the data and puts everything together. Raises :class:`~holdfast.errors.HoldfastError`."""
    place = marketplace(trading_calendar(CALENDAR))
    skipped: Sequence[str] = ()
    if settings.data:
        source = FileSource(settings.data, place)
        store = Store(source, place)
        skipped = source.skipped
        start_ns = file_start_ns(store) if settings.start_ns is None else settings.start_ns
    else:
        wall_ns = int(dt.datetime.now(dt.UTC).timestamp()) * 1_000_000_000
        start_ns = (
            synthetic_start_ns(place, wall_ns, settings.symbols) if settings.start_ns is None else settings.start_ns
        )
        store = Store(SyntheticSource(settings.seed, settings.symbols, place, start_ns), place)
    place.calendar.day_at(start_ns)  # an error for a time that the calendar doesn't cover comes now, not with a request
    world = World(MarketClock(start_ns, settings.speed), place, store)
    world.faults = Faults(FAULTS.load(settings.faults) if settings.faults else (), audit=Audit(AUDITED, "tag"))
    logins = read_logins(settings.accounts) if settings.accounts else [Login()]
    world.accounts = Accounts(world, logins, has_limits=settings.has_limits, allowed=settings.allowed)
    return Built(world, skipped)


def build_app(world: World) -> web.Application:
    """Every endpoint, over one world."""
    app = web.Application(middlewares=[middleware(world, manners()), _enveloped])
    app[WORLD] = world
    app.on_response_prepare.append(_dated)
    for room in (login, socket, market_rest, trading_rest, control):
        app.add_routes(room.routes(world))
    return app


async def _dated(request: web.Request, response: web.StreamResponse) -> None:
    """An answer's ``Date`` is the market's: Kite has no other clock that can be asked."""
    now_ns = request.app[WORLD].clock.now_ns
    response.headers["Date"] = formatdate(now_ns // SECOND_NS, usegmt=True)


@web.middleware
async def _enveloped(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What the server itself has to refuse, in Kite's envelope: its SDK reads nothing else."""
    try:
        return await handler(request)
    except KiteError as error:
        return error.response()
    except web.HTTPNotFound:
        return not_found().response()
    except web.HTTPMethodNotAllowed:
        return KiteError(405, "GeneralException", "Method not allowed").response()


def serving(
    world: World, host: str = LOOPBACK, port: int = 0, tls: ssl.SSLContext | None = None
) -> AbstractAsyncContextManager[int]:
    """Serves and plays the world for as long as the context is open; gives the port. With ``tls`` over that alone.

    Raises :class:`~holdfast.errors.ConfigError` when the port can't be had.
    """
    return chassis.serving(world, build_app(world), host, port, tls)
