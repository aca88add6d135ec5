"""The local Kite for tests: served from a thread of its own, on a port of its own, over real sockets."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kiteconnect import KiteConnect

from holdfast.sim.kite.server import Settings, build_world, serving
from holdfast.sim.kite.session.tokens import Login
from holdfast.sim.kite.world import World
from tests.local_server import LocalServer, running

START_NS = 1_720_583_100_000_000_000
"""2024-07-10 09:15 in India: the open of a session, the same in every run."""
SYMBOLS = ("NSE:AVANTI", "NSE:BHARAVI")
LOGIN = Login()


class LocalKite(LocalServer[World]):
    """A running server: where it listens, and a way into its thread."""

    def login(self) -> KiteConnect:
        """The SDK with a session of the only account."""
        kite = KiteConnect(LOGIN.api_key, root=self.url)
        account = self.world.accounts.all()[0]
        request_token = self.call(lambda: account.tokens.ask(account.now_ns))
        kite.set_access_token(kite.generate_session(request_token, LOGIN.api_secret)["access_token"])
        return kite


@contextmanager
def local_kite(
    *,
    data: Sequence[Path] = (),
    symbols: Sequence[str] = SYMBOLS,
    start_ns: int | None = START_NS,
    speed: float | None = None,
    faults: Path | None = None,
    accounts: Path | None = None,
    is_paused: bool = True,
    has_limits: bool = False,
    allowed: Sequence[str] = (),
) -> Iterator[LocalKite]:
    """A server over a made-up market, or over files (``data``; ``start_ns`` None is where they begin). It stands until a test moves it."""
    settings = Settings(
        data=tuple(data),
        symbols=tuple(symbols),
        speed=speed,
        start_ns=start_ns,
        faults=faults,
        accounts=accounts,
        has_limits=has_limits,
        allowed=tuple(allowed),
    )

    def build() -> World:
        return build_world(settings).world

    with running("local-kite", build, serving, is_paused=is_paused) as (world, port, loop):
        yield LocalKite(world, port, loop)
