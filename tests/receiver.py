"""A server on the loopback that keeps what it is sent and answers as it is told to: for what is sent to collectors."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import NamedTuple


class Received(NamedTuple):
    """A request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    """What is answered. ``parts`` come one after another, each when the receiver is ready for the next."""

    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes = b""
    parts: Iterator[bytes] | None = None


class Receiver:
    """``received`` is what came in so far; ``answer`` gives the reply to each request."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answer: Callable[[Received], Reply] = lambda _: Reply()
        self.came = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def take(self, request: Received) -> Reply:
        """Keep a request, and say what is answered."""
        reply = self.answer(request)
        with self.came:
            self.received.append(request)
            self.came.notify_all()
        return reply

    def wait_for(self, is_there: Callable[[list[Received]], bool], timeout_s: float = 60) -> None:
        """Wait until what came in is what is awaited."""
        with self.came:
            assert self.came.wait_for(lambda: is_there(self.received), timeout_s), f"{len(self.received)} came in"

    def close(self) -> None:
        """Listen no longer."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that is closed in the end."""
    receiver = Receiver()
    try:
        yield receiver
    finally:
        receiver.close()


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            reply = receiver.take(Received(self.path, dict(self.headers), body))
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.parts is None:
                self.send_header("Content-Length", str(len(reply.body)))
            else:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(reply.body)
            for part in reply.parts or ():
                self.wfile.write(part)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
