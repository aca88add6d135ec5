"""A real browser without a window: Chromium, spoken to over its own debugging socket on this machine."""

import json
import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
from websockets.sync.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE_S = 120.0
"""Bounds a hang, and decides nothing."""

needs_browser = pytest.mark.skipif(
    CHROMIUM is None and os.environ.get("CI") != "true", reason="Chromium is not installed"
)


class Browser:
    """One page. ``errors`` has what scripts and the policy complained about since it was opened, ``requests`` every address that was asked for."""

    def __init__(self, socket: ClientConnection) -> None:
        self.errors: list[str] = []
        self.requests: list[str] = []
        self._socket = socket
        self._count = 0
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """Ask the browser, and wait for its answer."""
        self._count += 1
        self._socket.send(json.dumps({"id": self._count, "method": method, "params": parameters}))
        while True:
            said = self._next()
            if said.get("id") == self._count:
                assert "error" not in said, said["error"]
                return said["result"]

    def _next(self) -> Any:
        said = json.loads(self._socket.recv(timeout=PATIENCE_S))
        what, more = said.get("method"), said.get("params", {})
        if what == "Runtime.exceptionThrown":
            self.errors.append(
                str(more["exceptionDetails"].get("exception", more["exceptionDetails"]).get("description", more))
            )
        elif what == "Log.entryAdded":
            self.errors.append(more["entry"]["text"])
        elif what == "Runtime.consoleAPICalled":
            self.errors.append(str(more["args"]))
        elif what == "Page.javascriptDialogOpening":
            self.errors.append(f"dialog: {more['message']}")
        elif what == "Network.requestWillBeSent":
            self.requests.append(more["request"]["url"])
        return said

    def open(self, page: Path, *, width: int = 1200, scheme: str = "light", media: str = "") -> None:
        """Load a page until its script is done."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.call(
            "Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}]
        )
        self.errors.clear()
        self.requests.clear()
        self.call("Page.navigate", url=page.as_uri())
        while self._next().get("method") != "Page.loadEventFired":
            pass
        assert self.value(READY) == "yes", self.errors

    def value(self, expression: str) -> Any:
        """What JavaScript gives; promises are awaited."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")


@contextmanager
def browsing(folder: Path) -> Iterator[Browser]:
    """A browser that is gone afterwards; its profile is in ``folder``."""
    assert CHROMIUM is not None, "Chromium is not installed"
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
    more = ["--no-first-run", f"--user-data-dir={folder}", "--remote-debugging-port=0", "about:blank"]
    process = subprocess.Popen([*command, *more], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert process.stderr is not None
    with process.stderr, ExitStack() as stack:
        stack.callback(process.wait, PATIENCE_S)
        stack.callback(process.terminate)
        address = _address(process.stderr)
        with connect(address, max_size=None, open_timeout=PATIENCE_S, compression=None) as socket:
            yield Browser(socket)


def _address(lines: IO[str]) -> str:
    """Where its first page listens."""
    for line in lines:
        if found := re.search(r"ws://127\.0\.0\.1:(\d+)/", line):
            with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/json/list", timeout=PATIENCE_S) as answer:
                return str(next(row["webSocketDebuggerUrl"] for row in json.load(answer) if row["type"] == "page"))
    raise AssertionError("Chromium ended before it listened")


READY = """new Promise((done) => {
  const root = document.documentElement, look = () => root.dataset.ready && done(root.dataset.ready);
  new MutationObserver(look).observe(root, { attributes: true });
  look();
})"""
