"""``holdfast sim``: a broker on this machine, served until it is stopped."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from holdfast.cli import terminal
from holdfast.cli.sim_screen import add_market, check_data, ending
from holdfast.feeds.pace import parse_speed
from holdfast.feeds.synthetic import SYMBOLS
from holdfast.sim.alpaca import demo, tls
from holdfast.sim.alpaca.market.opening import time_from
from holdfast.sim.alpaca.server import Built, Settings, build_world, serving
from holdfast.sim.alpaca.world import World
from holdfast.sim.chassis.server import LOOPBACK

TRUSTED_BY = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
"""What OpenSSL (Python's own, Go's too), requests and Node read another authority from."""


class Asked(NamedTuple):
    """What was typed."""

    data: Sequence[Path]
    symbols: str | None
    seed: int
    speed: str | None
    start: str | None
    faults: Path | None
    accounts: Path | None
    state: Path | None
    requests_per_minute: int
    has_fees: bool = True


class Place(NamedTuple):
    """Where to listen. ``tls`` is the folder of the certificate; None is without."""

    host: str
    port: int
    tls: Path | None = None


def alpaca(asked: Asked, place: Place, as_json: bool) -> int:
    """Serve until SIGINT or SIGTERM. Exit status 0; raises HoldfastError for what can't be served."""
    settings = _settings(asked)
    certificate = None if place.tls is None else tls.certificates(place.tls)
    with terminal.console(stderr=True).status("the market is about to open"):
        built = build_world(settings)
    for left_out in built.skipped:
        terminal.say(f"left out: {left_out}")
    if place.host not in (LOOPBACK, "localhost", "::1"):
        clear = "keys travel in the clear, and " if certificate is None else ""
        terminal.say(f"{place.host} can be reached from elsewhere; {clear}/_sim has no keys")
    asyncio.run(_serve(built, place, certificate, settings, as_json))
    return 0


def demo_account(port: int) -> str:
    """The part of the demo's configuration that trades at its own broker."""
    return demo.account(port)


def demo_broker(port: int, state: Path) -> int:
    """Serve the broker of the demo's second account, as `alpaca` does."""
    asked = Asked(
        (), ",".join(demo.SYMBOLS), demo.SEED, str(demo.SPEED), demo.START, None, None, state, demo.REQUESTS_PER_MINUTE
    )
    return alpaca(asked, Place(LOOPBACK, port), as_json=True)


def _settings(asked: Asked) -> Settings:
    check_data(asked.data, asked.symbols)
    return Settings(
        data=tuple(asked.data),
        symbols=tuple(SYMBOLS) if asked.symbols is None else tuple(asked.symbols.split(",")),
        seed=asked.seed,
        speed=1.0 if asked.speed is None else parse_speed(asked.speed),
        start_ns=None if asked.start is None else time_from(asked.start),
        faults=asked.faults,
        accounts=asked.accounts,
        state=asked.state,
        requests_per_minute=asked.requests_per_minute,
        has_fees=asked.has_fees,
    )


async def _serve(
    built: Built, place: Place, certificate: tuple[Path, Path] | None, settings: Settings, as_json: bool
) -> None:
    stop = ending()
    context = None if certificate is None else tls.server_context(certificate[1])
    async with serving(built.world, place.host, place.port, context) as bound:
        told = _told(built.world, place.host, bound, settings, None if certificate is None else certificate[0])
        for note in built.notes:
            terminal.say(note)
        if as_json:
            print(msgspec.json.encode(told).decode(), flush=True)
        else:
            _show(terminal.console(), told)
        await stop.wait()
    if not as_json:
        terminal.say("stopped")


def _told(world: World, host: str, port: int, settings: Settings, authority: Path | None) -> dict[str, Any]:
    """Where to point a bot, and what it meets there. ``authority`` is the certificate that it has to trust."""
    at = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    http, ws = ("http", "ws") if authority is None else ("https", "wss")
    status = world.status()
    return {
        "port": port,
        "trading_url": f"{http}://{at}",
        "data_url": f"{http}://{at}",
        "trade_updates_url": f"{ws}://{at}/stream",
        "stocks_stream_url": f"{ws}://{at}/v2/iex",
        "crypto_stream_url": f"{ws}://{at}/v1beta3/crypto/us",
        "control_url": f"{http}://{at}/_sim/status",
        **({} if authority is None else {"authority": str(authority.resolve())}),
        "keys": [trading.account.key for trading in world.accounts.all()] if settings.accounts else "any",
        **{name: status[name] for name in ("data", "symbols", "market_time", "is_open", "speed")},
    }


def _show(console: Console, told: dict[str, Any]) -> None:
    shown = Table.grid(padding=(0, 2))
    shown.add_row("trading", told["trading_url"], Text("url_override of TradingClient", style=terminal.DIM))
    shown.add_row("market data", told["data_url"], Text("url_override of the historical clients", style=terminal.DIM))
    shown.add_row("trade updates", told["trade_updates_url"], Text("url_override of TradingStream", style=terminal.DIM))
    shown.add_row(
        "stock stream", told["stocks_stream_url"], Text("of StockDataStream; /v2/sip too", style=terminal.DIM)
    )
    shown.add_row("crypto stream", told["crypto_stream_url"], Text("of CryptoDataStream", style=terminal.DIM))
    shown.add_row("control", told["control_url"], Text("faults, clock, audit", style=terminal.DIM))
    shown.add_row("keys", _keys(told["keys"]))
    add_market(shown, told)
    console.print(Text("Alpaca on this machine. Ctrl-C stops it.", style="bold"))
    console.print(shown, soft_wrap=True)
    if "authority" in told:
        _show_trust(console, told["authority"])


def _show_trust(console: Console, authority: str) -> None:
    """What makes clients come here that can't be told where: two lines, and what undoes them."""
    console.print()
    console.print(Text("to be trusted, in the environment of the bot:", style=terminal.DIM))
    variables = " ".join(f"{name}={authority}" for name in TRUSTED_BY)
    console.print(f"export {variables}", soft_wrap=True, highlight=False)
    console.print(Text("for a client whose address can't be set, with --port 443, in /etc/hosts:", style=terminal.DIM))
    console.print(f"127.0.0.1 {' '.join(tls.HOSTS)}", soft_wrap=True, highlight=False)
    console.print(
        Text("(take that line out again: with it no program of this machine reaches Alpaca)", style=terminal.DIM)
    )


def _keys(keys: Any) -> str:
    return "any key and secret open an account" if keys == "any" else ", ".join(keys)
