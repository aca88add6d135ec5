"""A server on this machine that takes posts as X's API does, and checks who sends them."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, unquote

KEYS: dict[str, Any] = {
    "api_key": "consumer-key-1",
    "api_secret": "consumer-secret-2",
    "access_token": "user-token-3",
    "access_secret": "user-secret-4",
}


class Receiver(ThreadingHTTPServer):
    """``answers`` are what it says to the next requests: status, body and headers; ``posts`` the bodies that it got, ``faults`` what was wrong with them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[tuple[int, Any, dict[str, str]]] = []
        self.posts: list[dict[str, Any]] = []
        self.faults: list[str] = []
        self.authorizations: list[str] = []
        self.came = threading.Event()
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.breaks = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        server = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        said = self.headers.get("Authorization", "")
        server.authorizations.append(said)
        if said.startswith("OAuth "):
            server.faults += faults_of_signature(said, f"{server.url}{self.path}", "POST")
        server.posts.append({"path": self.path, "type": self.headers.get("Content-Type"), **json.loads(body)})
        server.came.set()
        server.may_answer.wait(60)
        if server.breaks:
            self.connection.close()
            return
        created: tuple[int, Any, dict[str, str]] = (201, {"data": {"id": f"17{len(server.posts)}", "text": ""}}, {})
        status, answer, headers = server.answers.pop(0) if server.answers else created
        text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(text)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: Any) -> None:
        """Nothing is said of requests."""


def faults_of_signature(header: str, url: str, method: str) -> Iterator[str]:
    """What is wrong with an OAuth 1.0a header, reckoned as RFC 5849 section 3.4 says, by no library."""
    fields = dict(part.strip().split("=", 1) for part in header.removeprefix("OAuth ").split(","))
    given = {name: unquote(value.strip('"')) for name, value in fields.items()}
    signature = given.pop("oauth_signature")
    given.pop("realm", None)

    def escaped(text: str) -> str:
        return quote(text, safe="-._~")

    parameters = "&".join(sorted(f"{escaped(name)}={escaped(value)}" for name, value in given.items()))
    base = "&".join((method, escaped(url), escaped(parameters)))
    key = f"{escaped(KEYS['api_secret'])}&{escaped(KEYS['access_secret'])}"
    expected = base64.b64encode(hmac.new(key.encode(), base.encode(), hashlib.sha1).digest()).decode()
    if signature != expected:
        yield f"the signature is {signature}, not {expected}"
    if given.get("oauth_signature_method") != "HMAC-SHA1":
        yield f"signed by {given.get('oauth_signature_method')}"
    if (given.get("oauth_consumer_key"), given.get("oauth_token")) != (KEYS["api_key"], KEYS["access_token"]):
        yield "other keys"


@contextmanager
def receiver() -> Iterator[Receiver]:
    """It runs as long as the block."""
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.may_answer.set()
        server.shutdown()
        server.server_close()
        thread.join()
