"""A real HTTP server that alerts are sent to, and that may refuse, hang, or cut the line after it has taken one."""

import http.server
import json
import threading
from typing import Any


class Receiver:
    """Listens on loopback while it is entered. ``got`` has what arrived, in order."""

    def __init__(self, port: int = 0) -> None:
        self.got: list[dict[str, Any]] = []
        self.answers = "200"
        """``200``, ``500``, ``cut`` (taken, and no answer) or ``hang`` (taken, and no answer until `release`)."""
        self.arrived = threading.Condition()
        self._released = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """As apprise wants it, with a token in it."""
        return f"json://127.0.0.1:{self._server.server_address[1]}/t0k3n-s3cr3t?format=text"

    @property
    def titles(self) -> list[str]:
        return [message["title"] for message in self.got]

    def wait_for(self, number: int, timeout_s: float = 120.0) -> None:
        """Until so many have arrived."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.got) >= number, timeout_s), self.got

    def __enter__(self) -> "Receiver":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                answers = receiver.answers
                if answers in ("200", "cut", "hang"):
                    with receiver.arrived:
                        receiver.got.append(body)
                        receiver.arrived.notify_all()
                if answers == "hang":
                    receiver._released.wait(120)
                if answers in ("cut", "hang"):
                    self.close_connection = True
                    return
                self.send_response(int(answers))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing: the tests look at what arrived."""

        return Handler
