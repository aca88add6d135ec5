"""The web process as a child: of `holdfast run --web`, and of the demo. It ends with its parent, and its own end costs the parent nothing."""

import os
import subprocess
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

from holdfast.config import Config
from holdfast.telemetry.leash import Leash
from holdfast.web.address import Address, bind

END_S = 5.0
"""How long it may take to end."""


class Buttons(NamedTuple):
    """What a demo's page can do: ``asks`` is the descriptor by which it asks for a crash, ``broker`` the address of the broker's controls."""

    asks: int
    broker: str | None


@contextmanager
def web_child(
    config_file: Path,
    config: Config,
    log: IO[bytes] | None = None,
    *,
    or_next: bool = False,
    demo: Buttons | None = None,
) -> Iterator[str]:
    """Serve the page of a configuration in a process of its own; gives its address.

    ``or_next``: another port will do where the configured one is taken. What it has to say goes to ``log``, or to stderr. ``demo`` is
    what a demo's page can do besides. Raises :class:`~holdfast.errors.Refused` when it can't listen.
    """
    listener = bind(Address(config.web.host, config.web.port), or_next=or_next)
    leash = Leash()
    fds = [listener.fileno(), leash.child, *([] if demo is None else [demo.asks])]
    command = [sys.executable, "-m", "holdfast", "web", "-c", str(config_file), "--no-open"]
    command += ["--listener", str(fds[0]), "--leash", str(fds[1]), *_of_demo(demo)]
    with listener:
        url = Address(config.web.host, listener.getsockname()[1]).url
        child = subprocess.Popen(  # noqa: S603 - this very program
            command, stdin=subprocess.DEVNULL, stdout=log or 2, stderr=log, pass_fds=fds, start_new_session=True
        )
    leash.handed_over()
    try:
        yield url
    finally:
        leash.close()
        _end(child)


def _of_demo(demo: Buttons | None) -> list[str]:
    """A demo's page has an observer beside it: what its buttons break is found and told as it would be of real money."""
    if demo is None:
        return []
    return ["--observe", "--asks", str(demo.asks), *([] if demo.broker is None else ["--broker", demo.broker])]


def _end(child: "subprocess.Popen[bytes]") -> None:
    child.terminate()
    try:
        child.wait(END_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def open_browser(url: str, wanted: bool | None) -> None:
    """Open the page where somebody sits before a desktop and a terminal, or where it is asked for; never for a program that runs us."""
    is_desktop = sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    is_person = sys.stdout.isatty() and "CI" not in os.environ and "SSH_CONNECTION" not in os.environ
    if wanted or (wanted is None and is_desktop and is_person):
        with suppress(webbrowser.Error, OSError):
            webbrowser.open(url)
