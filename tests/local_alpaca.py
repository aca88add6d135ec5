"""The local Alpaca for tests: served from a thread of its own, on a port of its own, over real sockets."""

import asyncio
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from holdfast.sim.alpaca.market.opening import time_from
from holdfast.sim.alpaca.server import Settings, build_world, serving
from holdfast.sim.alpaca.world import World
from tests.local_server import LocalServer, running

KEY, SECRET = "PKLOCALALPACATESTKEY", "a-made-up-secret"
OTHER_KEY = "PKANOTHERLOCALACCOUNT"
SERVER_THREAD = "local-alpaca"
"""The name of the thread in which it answers."""
START = "2024-07-10T13:30:00Z"
"""Where made-up markets start: the open of a regular session, the same in every run."""
SYMBOLS = ("AVOR", "BRYX", "BTC/USD")


class LocalAlpaca(LocalServer[World]):
    """A running server: where it listens, and a way into its thread."""

    def __init__(self, world: World, port: int, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(world, port, loop)
        self.trading_url = self.data_url = self.url
        self.data_stream_url = self.socket_url
        self.stream_url = f"{self.socket_url}/stream"
        self.stocks_stream_url = f"{self.socket_url}/v2/sip"
        self.iex_stream_url = f"{self.socket_url}/v2/iex"
        self.crypto_stream_url = f"{self.socket_url}/v1beta3/crypto/us"


@contextmanager
def local_alpaca(
    *,
    data: Sequence[Path] = (),
    symbols: Sequence[str] = SYMBOLS,
    start: str | None = START,
    speed: float | None = None,
    faults: Path | None = None,
    accounts: Path | None = None,
    state: Path | None = None,
    is_paused: bool = True,
    requests_per_minute: int = 200,
    tls: ssl.SSLContext | None = None,
    has_fees: bool = False,
) -> Iterator[LocalAlpaca]:
    """A server over a made-up market, or over files (``data``; ``start`` None is where they begin).

    It stands at its start until the test moves it (``is_paused``): by `LocalAlpaca.play`, `take`, or the clock. With
    ``is_paused`` False it goes by ``speed`` at once (None: flat out, from the first subscription on). ``has_fees``: trades cost
    what they do at Alpaca; without, sums come out round.
    """
    settings = Settings(
        data=tuple(data),
        symbols=tuple(symbols),
        speed=speed,
        start_ns=None if start is None or (data and start == START) else time_from(start),
        faults=faults,
        accounts=accounts,
        state=state,
        requests_per_minute=requests_per_minute,
        has_fees=has_fees,
    )

    def build() -> World:
        return build_world(settings).world

    with running(SERVER_THREAD, build, partial(serving, tls=tls), is_paused=is_paused) as (world, port, loop):
        yield LocalAlpaca(world, port, loop)
