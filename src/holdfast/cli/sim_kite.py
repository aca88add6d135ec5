"""``holdfast sim kite``: Kite on this machine, served until it is stopped."""

import asyncio
import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from rich.table import Table
from rich.text import Text

from holdfast.cli import terminal
from holdfast.cli.sim_screen import add_market, check_data, ending
from holdfast.core.types import SECOND_NS
from holdfast.errors import InvalidValue
from holdfast.feeds.pace import parse_speed
from holdfast.sim.chassis.server import LOOPBACK
from holdfast.sim.kite.server import SYMBOLS, Settings, build_world, serving
from holdfast.sim.kite.times import IST, to_ns
from holdfast.sim.kite.world import World


class Asked(NamedTuple):
    """What was typed."""

    data: Sequence[Path]
    symbols: str | None
    seed: int
    speed: str | None
    start: str | None
    faults: Path | None
    accounts: Path | None
    allowed: Sequence[str]
    has_limits: bool


def kite(asked: Asked, port: int, as_json: bool) -> int:
    """Serve until SIGINT or SIGTERM. Exit status 0; raises HoldfastError for what can't be served."""
    settings = _settings(asked)
    with terminal.console(stderr=True).status("the market is about to open"):
        built = build_world(settings)
    for left_out in built.skipped:
        terminal.say(f"left out: {left_out}")
    asyncio.run(_serve(built.world, port, as_json))
    return 0


def _settings(asked: Asked) -> Settings:
    check_data(asked.data, asked.symbols)
    return Settings(
        data=tuple(asked.data),
        symbols=SYMBOLS if asked.symbols is None else tuple(asked.symbols.split(",")),
        seed=asked.seed,
        speed=1.0 if asked.speed is None else parse_speed(asked.speed),
        start_ns=None if asked.start is None else _time_from(asked.start),
        faults=asked.faults,
        accounts=asked.accounts,
        has_limits=asked.has_limits,
        allowed=tuple(asked.allowed),
    )


def _time_from(text: str) -> int:
    """A start as people write it; without a zone it is of India."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise InvalidValue(
            f"start must be a date like 2024-07-10 or a time like 2024-07-10T09:15, not {text!r}"
        ) from None
    return to_ns(moment if moment.tzinfo else moment.replace(tzinfo=IST)) // SECOND_NS * SECOND_NS


async def _serve(world: World, port: int, as_json: bool) -> None:
    stop = ending()
    async with serving(world, LOOPBACK, port) as bound:
        told = _told(world, bound)
        if as_json:
            print(msgspec.json.encode(told).decode(), flush=True)
        else:
            _show(told)
        await stop.wait()
    if not as_json:
        terminal.say("stopped")


def _told(world: World, port: int) -> dict[str, Any]:
    """Where to point a program, and what it meets there."""
    status = world.status()
    logins = [account.login for account in world.accounts.all()]
    return {
        "port": port,
        "root": f"http://{LOOPBACK}:{port}",
        "ticker": f"ws://{LOOPBACK}:{port}",
        "login": f"http://{LOOPBACK}:{port}/connect/login?api_key={logins[0].api_key}&v=3",
        "control_url": f"http://{LOOPBACK}:{port}/_sim/status",
        "api_keys": [login.api_key for login in logins],
        **{name: status[name] for name in ("data", "symbols", "market_time", "is_open", "speed")},
    }


def _show(told: dict[str, Any]) -> None:
    shown = Table.grid(padding=(0, 2))
    shown.add_row("requests", told["root"], Text("root of KiteConnect", style=terminal.DIM))
    shown.add_row("websocket", told["ticker"], Text("root of KiteTicker", style=terminal.DIM))
    shown.add_row("login", told["login"], Text("in a browser: gives the request token", style=terminal.DIM))
    shown.add_row("control", told["control_url"], Text("faults, clock, audit", style=terminal.DIM))
    shown.add_row(
        "api key", ", ".join(told["api_keys"]), Text("secret of the one without a file: kitesecret", style=terminal.DIM)
    )
    add_market(shown, told)
    console = terminal.console()
    console.print(Text("Kite on this machine. Ctrl-C stops it.", style="bold"))
    console.print(shown, soft_wrap=True)
