"""Tabs of a real browser, and what they complained about."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from holdfast.config import Config
from holdfast.runtime.compose import Engine, open_engine
from tests.scenario.web.serving import Served

PATIENCE_MS = 120_000
"""Bounds a hang, and decides nothing."""


def trading(config: Config) -> threading.Thread:
    """An engine at work until its market ends, in a thread of its own, since Playwright has this one's event loop."""

    def run() -> None:
        with open_engine(config, lambda *_: None) as engine:
            asyncio.run(engine.loop.run())

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@contextmanager
def working(config: Config) -> Iterator[None]:
    """An engine at work in a thread of its own until it is needed no more."""
    began, found = threading.Event(), list[tuple[Engine, asyncio.AbstractEventLoop]]()

    async def work(engine: Engine) -> None:
        found.append((engine, asyncio.get_running_loop()))
        began.set()
        await engine.loop.run()

    def run() -> None:
        try:
            with open_engine(config, lambda *_: None) as engine:
                asyncio.run(work(engine))
        finally:
            began.set()

    thread = threading.Thread(target=run)
    thread.start()
    began.wait()
    try:
        yield
    finally:
        for engine, loop in found:
            with suppress(RuntimeError):  # its market is over, and so is its loop
                loop.call_soon_threadsafe(engine.loop.stop, "the test is over")
        thread.join()


class Looked:
    """A tab, and the errors that it told: of scripts, of the policy, of the network."""

    def __init__(self, page: Page, served: Served) -> None:
        self.page = page
        self.errors: list[str] = []
        self._base = f"http://127.0.0.1:{served.port}"
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        page.on("console", self._told)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _told(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(f"{message.text} ({message.location.get('url')})")

    def open(self, path: str) -> None:
        """Go to an address, until it shows what the server has."""
        self.page.goto(self._base + path)
        self.page.wait_for_selector(".live-dot.live, .live-dot.lost")
        expect(self.page.locator(".main .bones")).to_have_count(0, timeout=PATIENCE_MS)

    def run(self, script: str, argument: Any = None) -> Any:
        """Run a script in the page; ``module("ui/table.js")`` in it is one of the page's own modules."""
        where = 'const at = new URL(".", document.querySelector("script[type=module]").src); const module = (name) => import(new URL(name, at));'
        return self.page.evaluate(f"async (given) => {{ {where} {script} }}", argument)

    def until(self, expression: str, wanted: Any) -> None:
        """Wait until an expression is what is wanted, by the page's own frames; the policy forbids Playwright's own way."""
        look = f"const look = () => ({expression}) === given ? done(true) : requestAnimationFrame(look); look();"
        late = f"setTimeout(() => fail(new Error(String({expression}))), {PATIENCE_MS});"
        self.run(f"return new Promise((done, fail) => {{ {late} {look} }});", wanted)


@contextmanager
def looking(browser: Browser, served: Served, **options: Any) -> Iterator[Looked]:
    """A tab of a browser that knows nothing yet; ``options`` as Playwright's context has them. It may complain of nothing."""
    context = browser.new_context(**({"viewport": {"width": 1280, "height": 800}, "timezone_id": "UTC"} | options))
    try:
        found = Looked(context.new_page(), served)
        yield found
        assert found.errors == []
    finally:
        context.close()
