"""A crowd of dashboards, without their browsers: each listens to the stream, and asks again for what its overview shows, as often as the page does."""

import threading
import time
from contextlib import suppress
from http.client import HTTPConnection, HTTPException

AGAIN_S = 2.0
"""The page asks for a view again when something changed, at most so often (`static/resource.js`)."""
PATIENCE_S = 60


def asked_again(account: str) -> tuple[str, ...]:
    """What an open overview asks for again."""
    return ("attention", f"accounts/{account}/performance", "pipeline")


class Dashboard:
    """One of them. ``received`` counts the bytes of its stream, ``answered`` its other answers, ``late`` those that took over a second."""

    def __init__(self, port: int, account: str) -> None:
        self.received = self.answered = self.late = 0
        self._port = port
        self._account = account
        self._over = threading.Event()
        self._changed = threading.Event()
        self._stream = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        self._stream.request("GET", "/api/v1/stream")
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._listen, self._ask)]
        for thread in self._threads:
            thread.start()

    def _listen(self) -> None:
        with suppress(OSError, ValueError, AttributeError, HTTPException):
            lines = self._stream.getresponse()
            while got := lines.read1(1 << 16):
                self.received += len(got)
                if b"event: change" in got:
                    self._changed.set()

    def _ask(self) -> None:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
        with suppress(OSError, HTTPException):
            while not self._over.wait(AGAIN_S):
                if not self._changed.is_set():
                    continue
                self._changed.clear()
                for path in asked_again(self._account):
                    began_s = time.perf_counter()
                    connection.request("GET", f"/api/v1/{path}", headers={"Accept-Encoding": "gzip"})
                    connection.getresponse().read()
                    self.answered += 1
                    self.late += time.perf_counter() - began_s > 1.0
        connection.close()

    def leave(self) -> None:
        """Close it."""
        self._over.set()
        if self._stream.sock is not None:
            with suppress(OSError):
                self._stream.sock.shutdown(2)
        for thread in self._threads:
            thread.join(PATIENCE_S)
        self._stream.close()


class Crowd:
    """So many dashboards, until they leave."""

    def __init__(self, port: int, account: str, number: int) -> None:
        self._dashboards = [Dashboard(port, account) for _ in range(number)]

    @property
    def received(self) -> int:
        """Bytes of their streams so far."""
        return sum(each.received for each in self._dashboards)

    @property
    def answered(self) -> int:
        """Other answers so far."""
        return sum(each.answered for each in self._dashboards)

    @property
    def late(self) -> int:
        """Those of them that took over a second."""
        return sum(each.late for each in self._dashboards)

    def leave(self) -> None:
        """Close all."""
        for each in self._dashboards:
            each.leave()
