"""Where Zerodha's login page leads back to: an address of this machine, which waits for one browser and is gone.

What comes without the state that this login has made is not heard: another page of the browser may not log its own user in here.
"""

import hmac
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from holdfast.adapters.zerodha.connection.settings import KiteSettings
from holdfast.brokers.environment import is_loopback
from holdfast.errors import InvalidValue, Refused

LOOPBACK = "127.0.0.1"
PATIENCE_S = 600.0
"""How long a person may take, with a second factor to look for."""
HELD_OPEN_S = 5.0
"""How long a browser may hold a connection open and say nothing."""
STATE = "state"
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Holdfast</title></head>
<body style="font: 16px sans-serif; max-width: 30em; margin: 3em auto"><h1>{title}</h1><p>{text}</p></body></html>
"""


def new_state() -> str:
    """What only the page that this login opens can know."""
    return secrets.token_urlsafe(24)


def login_page(settings: KiteSettings, state: str, redirect: str | None = None) -> str:
    """The page that a person opens. ``redirect`` is named to a server of one's own; Zerodha has the app's, and adds the state to that."""
    query = {"v": "3", "api_key": settings.api_key.reveal(), "redirect_params": urlencode({STATE: state})}
    if redirect is not None and is_loopback(urlsplit(settings.login_url).hostname or ""):
        query["redirect_url"] = redirect
    return f"{settings.login_url}/connect/login?{urlencode(query)}"


def token_in(text: str, state: str) -> str:
    """The request token in what a person has pasted: the token itself, or the address that the page ended at.

    Raises :class:`~holdfast.errors.InvalidValue`, :class:`~holdfast.errors.Refused` for another login's address.
    """
    text = text.strip()
    if "request_token" not in text and text.isalnum():
        return text
    found = _token_of(text, state)
    if found is None:
        raise InvalidValue(
            "that is neither a request token nor the address that the login page ended at; copy it again"
        )
    return found


def _token_of(address: str, state: str) -> str | None:
    """The request token of an address; None when there is none. Raises Refused."""
    query = {name: values[-1] for name, values in parse_qs(urlsplit(address).query).items()}
    if "request_token" not in query and query.get("status") in (None, "success"):
        return None
    if not hmac.compare_digest(query.get(STATE, "").encode(), state.encode()):
        raise Refused("the address is of another login: its state is not the one that was begun here; begin again")
    token = query.get("request_token", "")
    if query.get("status", "success") != "success" or not token.isalnum():
        raise Refused("Zerodha's page says that the login did not succeed; begin again")
    return token


class _Server(ThreadingHTTPServer):
    """Hears browsers until one comes with the right state; one that only holds a connection open keeps no other waiting."""

    daemon_threads = False  # the page is shown whole before the program ends

    def __init__(self, port: int, state: str) -> None:
        self.state = state
        self.token = ""
        self.has_token = threading.Event()
        super().__init__((LOOPBACK, port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that breaks off is no error."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = HELD_OPEN_S

    def do_GET(self) -> None:
        """The page's way back."""
        host = urlsplit(f"http://{self.headers.get('Host', '')}").hostname or ""
        if not is_loopback(host):
            self._answer(403, "Refused", "This address is for this machine.")
            return
        try:
            token = _token_of(self.path, self.server.state)
        except Refused as error:
            self._answer(403, "Refused", str(error).capitalize() + ".")
            return
        if token is None:
            self._answer(404, "Nothing here", "The login page of Zerodha leads here.")
            return
        self._answer(200, "Logged in", "You may close this page.")
        self.server.token = token
        self.server.has_token.set()

    def _answer(self, status: int, title: str, text: str) -> None:
        body = PAGE.format(title=title, text=text).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Nothing: the address has the token in it."""


class Redirect:
    """The address, while it listens."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self.url = f"http://{LOOPBACK}:{server.server_port}/"

    def wait(self, patience_s: float = PATIENCE_S) -> str:
        """The request token. Raises :class:`~holdfast.errors.Refused` when nobody comes in time."""
        if not self._server.has_token.wait(patience_s):
            raise Refused(f"nobody has logged in within {patience_s:.0f} s; begin again, or paste with --paste")
        return self._server.token


@contextmanager
def listening(port: int, state: str) -> Iterator[Redirect]:
    """Listen for the way back. Raises :class:`~holdfast.errors.Refused` when the port is taken."""
    try:
        server = _Server(port, state)
    except OSError as error:
        raise Refused(
            f"{LOOPBACK}:{port} can't be listened at ({(error.strerror or str(error)).lower()}); set zerodha.redirect_port, and the "
            "redirect address of your app, to another port, or paste with --paste"
        ) from None
    hearing = threading.Thread(target=server.serve_forever, name="login-redirect", daemon=True)
    hearing.start()
    try:
        yield Redirect(server)
    finally:
        server.shutdown()
        hearing.join()
        server.server_close()
