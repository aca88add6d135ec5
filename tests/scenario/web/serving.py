"""The web process's own server, in a thread of the test, over a real journal and a real database of users."""

import json
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

from fastapi import FastAPI
from msgspec.structs import replace

from holdfast.config import Config
from holdfast.config.access import AccessConfig
from holdfast.core.types import SECOND_NS
from holdfast.web.address import Address, bind
from holdfast.web.app import create_app
from holdfast.web.auth.access import Access
from holdfast.web.auth.keys import KeyKind, Wanted, signing_bytes
from holdfast.web.auth.permissions import Permission, Role
from holdfast.web.auth.signatures import command_bytes, sign
from holdfast.web.auth.users import By
from holdfast.web.server import server_of
from holdfast.web.stream.hub import Hub
from holdfast.web.stream.tail import Tail

SECRET = "a-key-for-tests-alone-0123456789abcdef-XYZ-and-more-of-it-up-to-64-bytes"
PASSWORD = "correct horse 7 battery"
API = "/api/v1"
START_NS = 1_790_000_000 * SECOND_NS
TEST = By("test", "")
CHEAP: dict[str, Any] = {"password_memory_kib": 8, "password_passes": 1, "password_lanes": 1}
"""What a password costs here: next to nothing."""
PATIENCE_S = 60


class Clock:
    """A time that a test moves."""

    def __init__(self) -> None:
        self.ns = START_NS

    def __call__(self) -> int:
        return self.ns

    def pass_s(self, seconds: float) -> None:
        self.ns += int(seconds * SECOND_NS)


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    cookies: tuple[str, ...]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The error's code and text."""
        found = self.json["error"]
        return f"{found['code']}: {found['message']}"


class Served:
    """A running server."""

    def __init__(self, port: int, app: FastAPI, clock: Clock) -> None:
        self.port = port
        self.access: Access = app.state.access
        self.hub: Hub = app.state.hub
        self.tail: Tail = app.state.tail
        self.clock = clock

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Answer:
        """One request, on a connection of its own; ``body`` goes as JSON, ``raw`` as it is."""
        sent = {"Host": f"127.0.0.1:{self.port}"}
        data = raw
        if body is not None:
            data = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        sent |= headers or {}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in sent.items():
                connection.putheader(name, value)
            if data is not None:
                connection.putheader("Content-Length", str(len(data)))
            connection.endheaders(data)
            got = connection.getresponse()
            cookies = tuple(got.headers.get_all("set-cookie") or ())
            return Answer(got.status, {k.lower(): v for k, v in got.getheaders()}, cookies, got.read())
        finally:
            connection.close()

    def api(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        return self.ask(method, API + path, body, headers)

    def add_user(self, name: str, role: str, password: str = PASSWORD) -> None:
        self.access.users.add(name, password, Role(role), TEST)

    def key(self, owner: str, *scopes: str, signing: bool = False, strategy: str = "") -> tuple[str, str]:
        """A key's prefix and text."""
        kind = KeyKind.SIGNING if signing else KeyKind.BEARER
        wanted = Wanted(owner, "for a test", [Permission(scope) for scope in scopes], kind, strategy)
        key, text = self.access.keys.add(wanted, TEST)
        return key.prefix, text

    def log_in(self, name: str, password: str = PASSWORD, **more: str) -> dict[str, str]:
        """The headers of a browser's session."""
        answer = self.api("POST", "/login", {"name": name, "password": password, **more})
        assert answer.status == 200, answer.body
        return {"Cookie": answer.cookies[0].partition(";")[0], "X-CSRF-Token": answer.json["csrf"]}

    def token(self, name: str, password: str = PASSWORD) -> dict[str, Any]:
        answer = self.api("POST", "/token", {"name": name, "password": password})
        assert answer.status == 200, answer.body
        found: dict[str, Any] = answer.json
        return found


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def with_access(config: Config, folder: Path, **access: Any) -> Config:
    """The configuration with a database of users of its own."""
    web = replace(config.web, url=f"sqlite:///{folder / 'users.db'}", access=AccessConfig(**(CHEAP | access)))
    return replace(config, web=web)


@contextmanager
def serving(config: Config) -> Iterator[Served]:
    """Serve a configuration."""
    clock = Clock()
    app = create_app(config, clock)
    listener = bind(Address("127.0.0.1", 0))
    server = server_of(app)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    served = Served(listener.getsockname()[1], app, clock)
    try:
        served.ask(
            "GET", "/api/nothing"
        )  # FastAPI makes its routes now, while no other thread touches the filter of warnings
        yield served
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
        listener.close()
        app.state.access.close()
    assert not thread.is_alive()


def signed(
    clock: Clock, prefix: str, secret: str, method: str, path: str, body: bytes = b"", **other: Any
) -> dict[str, str]:
    """The headers of a signed request; ``other`` may name another ``id``, or be ``late_s``."""
    request_id = other.get("id") or f"msg_{uuid.uuid4().hex}"
    time_s = clock.ns // SECOND_NS - other.get("late_s", 0)
    content = body if path.startswith(f"{API}/hooks/") else command_bytes(method, path, body)
    signature = sign(signing_bytes(secret), request_id, time_s, content)
    headers = {"webhook-id": request_id, "webhook-timestamp": str(time_s), "webhook-signature": signature}
    return headers | {"webhook-key": prefix}
