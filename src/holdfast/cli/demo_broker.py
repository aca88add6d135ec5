"""The broker of the demo's second account: served by a process of its own, so that it goes on while the engine is down."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import msgspec

from holdfast.cli.demo_config import BROKER_STATE
from holdfast.config import Config
from holdfast.errors import Refused
from holdfast.telemetry.leash import Leash, follow

LOOPBACK = "127.0.0.1"
END_S = 5.0
"""How long it may take to end."""


class Served(msgspec.Struct):
    """What the broker says when it is there; the rest isn't needed here."""

    control_url: str


def port_of(config: Config) -> int | None:
    """The port of the configuration's broker on this machine; None where the demo has none."""
    for source in config.sources:
        trading_url = getattr(config.adapters.get(source.kind), "trading_url", "") if source.is_live else ""
        where = urlsplit(trading_url)
        if where.hostname == LOOPBACK:
            return where.port
    return None


@contextmanager
def broker_child(config: Config) -> Iterator[str | None]:
    """Serve the broker while this lasts; gives the address of its controls, or None where the configuration has no such broker.

    Raises :class:`~holdfast.errors.Refused` when it can't be served.
    """
    port = port_of(config)
    if port is None:
        yield None
        return
    leash = Leash()
    command = [sys.executable, "-m", "holdfast.cli.demo_broker", str(port), str(leash.child)]
    child = subprocess.Popen(  # noqa: S603 - this very program
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, pass_fds=[leash.child], start_new_session=True
    )
    leash.handed_over()
    try:
        told = child.stdout.readline() if child.stdout else b""
        if not told:
            raise Refused(f"the demo's broker could not be served on port {port}; is it taken? --fresh takes another")
        yield msgspec.json.decode(told, type=Served).control_url.removesuffix("/status")
    finally:
        leash.close()
        child.terminate()
        try:
            child.wait(END_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout:
            child.stdout.close()


def main(port: int, leash: int) -> int:
    """The process itself: serves until it is ended, or its parent is gone."""
    from holdfast.cli.sim import demo_broker

    follow(leash, lambda: os.kill(os.getpid(), signal.SIGTERM))
    return demo_broker(port, BROKER_STATE)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
