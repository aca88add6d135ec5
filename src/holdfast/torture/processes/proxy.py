"""A TCP proxy in front of a database server: connections are cut in the middle of a commit, or fall silent for a while."""

import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum

COMMIT = b"COMMIT"
"""What PostgreSQL's and MariaDB's clients send, in the clear, to commit."""
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Cut(StrEnum):
    """When the connection is cut."""

    NOW = "cut"  # all connections, whatever they are doing
    BEFORE_COMMIT = "cut_before_commit"  # the server never sees it
    AFTER_COMMIT = "cut_after_commit"  # it has committed, and nobody is told


class Proxy:
    """Listens on ``port`` of the loopback interface and passes everything on. ``fired`` counts what went wrong on purpose."""

    def __init__(self, host: str, port: int) -> None:
        self._there = (host, port)
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._flows = threading.Event()
        self._flows.set()
        self._cut: Cut | None = None
        self.fired: Counter[str] = Counter()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)
        self._thread.start()

    def cut(self, when: Cut) -> None:
        """Cut now, or at the next commit that comes."""
        if when is not Cut.NOW:
            self._cut = when
            return
        self.fired[when] += 1
        self._cut_all()

    def stall(self, seconds: float) -> None:
        """Pass nothing on for so long; returns at once."""
        self.fired["stall"] += 1
        self._flows.clear()
        timer = threading.Timer(seconds, self._flows.set)
        timer.daemon = True
        timer.start()

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        self._cut = None
        self._flows.set()

    def close(self) -> None:
        """Stop listening and cut what is left."""
        self.heal()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        self._cut_all()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listener.accept()
            except OSError:
                return  # closed
            try:
                there = socket.create_connection(self._there)
            except OSError:
                _reset(here)
                continue
            for each in (here, there):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._pairs.add((here, there))
            for source, target, look in ((here, there, self._look), (there, here, None)):
                threading.Thread(target=self._pump, args=(source, target, look), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, look: Callable[[bytes], Cut | None] | None) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._flows.wait()
                cut = None if look is None else look(data)
                if cut is not None:
                    self.fired[cut] += 1
                    self._end(source, target, data if cut is Cut.AFTER_COMMIT else b"")
                    return
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def _look(self, data: bytes) -> Cut | None:
        """Whether this is the commit that was waited for."""
        if self._cut is None or COMMIT not in data:
            return None
        with self._lock:
            cut, self._cut = self._cut, None
        return cut

    def _end(self, here: socket.socket, there: socket.socket, last: bytes) -> None:
        """Cut the client; the server gets ``last`` and an orderly end, so that it does what it was asked."""
        _reset(here)
        if last:
            there.sendall(last)
        there.shutdown(socket.SHUT_WR)

    def _cut_all(self) -> None:
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            for each in pair:
                _reset(each)


def _reset(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        connection.shutdown(socket.SHUT_RD)
    with suppress(OSError):
        connection.close()
