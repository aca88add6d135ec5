"""A server that does on the wire what it is told, request by request: answer, hang, drip, reset. For what no real one will do."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from holdfast.adapters.alpaca.connection.settings import AlpacaSettings, Mode
from holdfast.telemetry.secret import Secret

KEY = "PKABCDEFGHIJKLMNOPQR"
SECRET = "s3cr3tS3CR3Ts3cr3tS3CR3Ts3cr3tS3CR3T"


@dataclass
class Seen:
    """One request as it arrived. ``target`` is what the request line names."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}


Act = Callable[[socket.socket, Seen], None]
"""Answers one request, or does not. The connection is closed afterwards."""


@dataclass
class WireServer:
    """``seen`` are all requests; ``over`` is set when the test is, for acts that wait."""

    url: str
    act: Act
    seen: list[Seen] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def wire_server(act: Act) -> Iterator[WireServer]:
    """Serve on 127.0.0.1 with ``act`` (it may be replaced meanwhile), one thread a connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = WireServer(f"http://127.0.0.1:{listener.getsockname()[1]}", act)
    threads: list[threading.Thread] = []

    def accept() -> None:
        while not server.over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=_converse, args=(server, connection))
            threads.append(thread)
            thread.start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield server
    finally:
        server.over.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in [accepting, *threads]:
            thread.join(timeout=20)
            assert not thread.is_alive()


def _converse(server: WireServer, connection: socket.socket) -> None:
    with connection, suppress(OSError):
        connection.settimeout(20)
        request = _read(connection)
        if request is not None:
            server.seen.append(request)
            server.act(connection, request)


def _read(connection: socket.socket) -> Seen | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65536)
    method, target, _ = first.split(" ")
    return Seen(method, target, headers, body)


def raw(status: str, body: bytes, *headers: str) -> bytes:
    """The bytes of an answer, with its length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def answers(status: str, body: object, *headers: str) -> Act:
    """Answer with ``body`` as JSON."""
    data = raw(status, json.dumps(body).encode(), "Content-Type: application/json", *headers)
    return lambda connection, _: connection.sendall(data)


def sends(data: bytes) -> Act:
    """Send these bytes and close."""
    return lambda connection, _: connection.sendall(data)


def reset(connection: socket.socket, _: Seen) -> None:
    """Read the request, then reset the connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def settings_of(
    url: str,
    connect_timeout_s: float = 2,
    read_timeout_s: float = 5,
    answer_timeout_s: float = 5,
    key: str = KEY,
    secret: str = SECRET,
) -> AlpacaSettings:
    """Settings that send everything to ``url``."""
    return AlpacaSettings(
        mode=Mode.PAPER,
        api_key=Secret(key),
        api_secret=Secret(secret),
        trading_url=url,
        data_url=url,
        connect_timeout_s=connect_timeout_s,
        read_timeout_s=read_timeout_s,
        answer_timeout_s=answer_timeout_s,
    )


def by_path(answers_by_path: dict[str, object]) -> Act:
    """Answer each path with its JSON (it may be changed meanwhile); others with a 404."""

    def act(connection: socket.socket, seen: Seen) -> None:
        status = "200 OK" if seen.path in answers_by_path else "404 Not Found"
        connection.sendall(raw(status, json.dumps(answers_by_path.get(seen.path, {"message": "no"})).encode()))

    return act
