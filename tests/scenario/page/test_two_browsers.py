"""Whoever looks sees the same, at the same time.

``pytest -rP tests/scenario/page/test_two_browsers.py`` tells how far apart two browsers were.
"""

import logging
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from holdfast.config import load_config
from holdfast.runtime.compose import open_engine
from tests.browser import CHROMIUM, needs_browser
from tests.scenario.page.conftest import CONFIG
from tests.scenario.page.looking import looking, working
from tests.scenario.web.serving import serving, with_access

pytestmark = needs_browser
logger = logging.getLogger(__name__)


def test_two_browsers_see_the_same(tmp_path: Path) -> None:
    """Two browsers, two processes: what one person asks for at one page is seen at the other, and by the stream, not by asking."""
    path = tmp_path / "holdfast.toml"
    path.write_text(CONFIG.replace("history_days = 0", "history_days = 0\nspeed = 60"))
    config = load_config(path)
    with open_engine(config, lambda *_: None):
        pass
    seen = """const from = performance.timeOrigin;
    return new Promise((done) => { const look = () => (document.querySelector("[data-note=state]") ? done(from + performance.now()) : requestAnimationFrame(look)); look(); });"""
    with serving(with_access(config, tmp_path)) as served, working(config), ExitStack() as stack:
        playwright = stack.enter_context(sync_playwright())
        both = []
        for _ in range(2):
            found = playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
            )
            stack.callback(found.close)
            both.append(stack.enter_context(looking(found, served)))
        for looked in both:
            looked.open("/")
            looked.run(f"window.seen = (async () => {{ {seen} }})();")
        here = both[0]
        here.run(
            'await (await module("actions.js")).file("Halt", "POST", "/accounts/house/halt", { reason: "seen by two" });'
        )
        times = [looked.run("return window.seen;") for looked in both]
        for looked in both:
            expect(looked.page.locator("[data-note=state]")).to_contain_text("house is halted")
        logger.info("the other browser saw it %+.0f ms after the one at which it was asked", times[1] - times[0])
