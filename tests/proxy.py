"""A way to a server that a test can cut or clog: a TCP proxy on loopback."""

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Proxy:
    """Passes everything on, both ways, until it is told otherwise. ``port`` is where it listens."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._over = threading.Event()
        self._swallow = False
        self._trigger: bytes | None = None
        self.triggered = threading.Event()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def swallow_answers(self, after: bytes) -> None:
        """From the next request on that has ``after`` in it, requests pass and no answer does: the way back is gone."""
        self._trigger = after

    def heal(self) -> None:
        """From now on answers pass again; those that were swallowed are lost."""
        self._trigger, self._swallow = None, False

    def close(self) -> None:
        """Cut every connection."""
        self._over.set()
        self._server.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept()
        self._accepting.join()
        self._server.close()
        for pair in self._pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self._over.is_set():
                client, _ = self._server.accept()
                server = socket.create_connection(self._target)
                self._pairs.append((client, server))
                threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            while not self._over.is_set():
                for key, _ in ready.select():
                    end = key.fileobj
                    assert isinstance(end, socket.socket)
                    data = end.recv(1 << 16)
                    if not data:
                        return
                    if end is client and self._trigger and self._trigger in data:
                        self._swallow = True
                        self.triggered.set()
                    if end is client or not self._swallow:
                        key.data.sendall(data)


@contextmanager
def proxied(host: str, port: int) -> Iterator[Proxy]:
    """A proxy to ``host:port`` that is closed afterwards."""
    proxy = Proxy(host, port)
    try:
        yield proxy
    finally:
        proxy.close()
