"""Where to listen: for whoever starts a web process without becoming one, so nothing heavy is loaded here."""

import errno
import socket
from dataclasses import dataclass
from ipaddress import ip_address

from holdfast.errors import Refused

TRIES = 50
"""How many ports after the one asked for are tried where any will do."""


@dataclass(frozen=True)
class Address:
    """Where to listen."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """What goes into a browser."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{shown}:{self.port}/"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine gets there."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def bind(address: Address, *, or_next: bool = False) -> socket.socket:
    """Listen at the address; port 0 is any that is free, and with ``or_next`` so is one of the next, where it is taken.

    Raises :class:`~holdfast.errors.Refused` when that can't be done.
    """
    last = min(address.port + TRIES, 65535) if or_next and address.port else address.port
    for port in range(address.port, last + 1):
        try:
            return _listening(address.host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or port == last:
                raise Refused(
                    f"the web page can't be served at {address.host}:{address.port} ({error.strerror or error}); name another "
                    "with --port, or end what listens there"
                ) from None
    raise AssertionError(last)


def _listening(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
        0
    ]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(128)
    except BaseException:
        listener.close()
        raise
    return listener
