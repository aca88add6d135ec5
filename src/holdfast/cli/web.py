"""``holdfast web``: the API and the page, in a process of their own."""

import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

from holdfast.cli import terminal
from holdfast.cli.log_setup import set_up_from
from holdfast.cli.observe_child import observe_child
from holdfast.cli.place import config_for_reading, tell_of_errors
from holdfast.cli.signals import on_hang_up
from holdfast.telemetry.leash import follow
from holdfast.web.address import Address, bind

NICE = 5
"""How much it lets others go first: on the engine's machine the engine, whose ticks don't wait for pages."""


class Inherited(NamedTuple):
    """What a parent that starts this process has given it: descriptors of a socket, of the leash, and of the pipe that asks for crashes.

    ``broker`` is the address where the demo's broker is controlled.
    """

    listener: int | None = None
    leash: int | None = None
    asks: int | None = None
    broker: str | None = None


class Wanted(NamedTuple):
    """What was typed: where to listen, whether to open a browser, and whether to observe as well."""

    host: str | None = None
    port: int | None = None
    browser: bool | None = None
    observes: bool = False


def web(config_file: Path | None, wanted: Wanted, given: Inherited) -> int:
    """Serve until a signal comes. Exit status 0; raises HoldfastError."""
    if given.leash is not None:
        follow(given.leash, lambda: os.kill(os.getpid(), signal.SIGTERM))
    os.nice(NICE)
    from holdfast.web.app import create_app
    from holdfast.web.demo import Demo
    from holdfast.web.server import serve

    config = config_for_reading(config_file)
    set_up_from(config.logs, logging.ERROR, "web")
    tell_of_errors(config, "web")
    asked = Address(wanted.host or config.web.host, config.web.port if wanted.port is None else wanted.port)
    demo = None if given.asks is None else Demo(given.asks, given.broker)
    app = create_app(config, demo=demo, load=lambda: config_for_reading(config_file))
    on_hang_up(app.state.web.reloading.ask, lambda: os.kill(os.getpid(), signal.SIGTERM))
    app.state.access.require_open(asked.host)
    listener = bind(asked) if given.listener is None else socket.socket(fileno=given.listener)
    with listener:
        if given.listener is None:
            from holdfast.cli.web_child import open_browser

            there = Address(asked.host, listener.getsockname()[1])
            terminal.console().print(f"the page is at {there.url}", soft_wrap=True)
            open_browser(there.url, wanted.browser)
        with _observing(config_file) if wanted.observes else nullcontext():
            serve(app, listener)
    return 0


@contextmanager
def _observing(config_file: Path | None) -> Iterator[None]:
    """An observer beside it. The server raises the signal that ended it once more: that must not end us before our child."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with observe_child(config_file):
        yield
