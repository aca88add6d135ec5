"""Every page in every condition: nothing yet, live, a journal that can't be read any more, an engine that is down; light and dark, desk and phone.

Each says its condition in words, has one headline, complains of nothing, is no wider than the screen, and axe finds nothing.
`make test` has each page in each condition, in four of its looks all told; a campaign has the whole product, with axe each time.
``HOLDFAST_SCREENSHOTS=folder pytest tests/scenario/page/test_matrix.py`` keeps what it saw.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, expect

from holdfast.config import Config, load_config
from holdfast.runtime.compose import open_engine
from tests.browser import needs_browser
from tests.budget import TIER, Tier
from tests.process.program import until
from tests.scenario.page.conftest import CONFIG
from tests.scenario.page.looking import Looked, looking, trading, working
from tests.scenario.page.test_access import PAGES, violations
from tests.scenario.web.serving import Served, serving, with_access

pytestmark = needs_browser
SCREENSHOTS = os.environ.get("HOLDFAST_SCREENSHOTS")
DESK, PHONE = (1280, 800), (390, 844)
EMPTY, LIVE, STALE, DOWN = "empty", "live", "stale", "down"
SAID = {
    EMPTY: (".live-dot", "live"),
    LIVE: (".live-dot", "live"),
    STALE: ("[data-note=unread]", "The web process can't read the journal"),
    DOWN: ("[data-note=down]", "Engine down: house"),
}
"""Where each condition is said, and in which words."""
NOTHING_YET = {
    "/": "Nothing has traded yet",
    "/orders": "No order was made yet",
    "/positions": "Nothing is held",
    "/symbol/AVOR": "No order works in AVOR",
    "/unresolved": "Every order has a definite answer",
}
"""What pages say of a list that is empty."""
QUIET = CONFIG.replace("entry = 1.5", "entry = 1000.0")
AT_PACE = ("days = 1\nhistory_days = 0", "days = 20\nhistory_days = 0\nspeed = 60")
"""A market that outlasts the test."""


class Look(NamedTuple):
    """A condition, the colours and the size."""

    condition: str
    scheme: str
    size: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.condition}-{self.scheme}-{'phone' if self.size == PHONE else 'desk'}"


EVERY = [Look(*each) for each in product((EMPTY, LIVE, STALE, DOWN), ("light", "dark"), (DESK, PHONE))]
SOME = [
    *(Look(EMPTY, "dark", PHONE), Look(LIVE, "light", DESK), Look(LIVE, "dark", PHONE)),
    *(Look(STALE, "light", PHONE), Look(DOWN, "dark", DESK)),
]
"""Of each condition one, of what is looked at most two; `test_access` has axe over an engine that is down."""
IS_WHOLE = TIER is Tier.CAMPAIGN


class World(NamedTuple):
    """A server in a condition; ``spoil`` brings it about once the page is open."""

    served: Served
    spoil: Callable[[], None]
    mend: Callable[[], None]


def nothing() -> None:
    """There is nothing to be done."""


def move(path: Path, to: Path) -> None:
    """Put a file elsewhere."""
    path.rename(to)


def begun(folder: Path, text: str) -> Config:
    """A configuration whose journal has its account."""
    (folder / "holdfast.toml").write_text(text.replace(*AT_PACE))
    config = load_config(folder / "holdfast.toml")
    with open_engine(config, lambda *_: None):
        pass
    return config


@pytest.fixture(scope="module")
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The server of a condition, for all its looks."""
    condition: str = request.param
    folder = tmp_path_factory.mktemp(condition)
    with ExitStack() as stack:
        if condition in (STALE, DOWN):
            (folder / "holdfast.toml").write_text(CONFIG)
            config = load_config(folder / "holdfast.toml")
            trading(config).join()
        else:
            config = begun(folder, CONFIG if condition == LIVE else QUIET)
        served = stack.enter_context(serving(with_access(config, folder)))
        if condition in (EMPTY, LIVE):
            stack.enter_context(working(config))
        if condition == LIVE:
            until(lambda: served.api("GET", "/fills").json["items"], "something trades")
        here = Path(config.journal.url.removeprefix("sqlite:///"))
        away = here.with_suffix(".away")
        if condition == STALE:
            yield World(served, partial(move, here, away), partial(move, away, here))
        else:
            yield World(served, nothing, nothing)


def paths_of(served: Served) -> list[str]:
    """Every page, with one of each thing that has a page of its own."""
    orders = served.api("GET", "/orders?limit=1").json["items"]
    return [*PAGES, "/strategies/house/revert", *(f"/orders/{each['client_order_id']}" for each in orders)]


def go(looked: Looked, path: str) -> None:
    """To a page as a link would, until it shows what it has."""
    looked.run('(await module("router.js")).go(given);', path)
    expect(looked.page.locator(".main .bones")).to_have_count(0)
    expect(looked.page.locator("h1")).to_have_count(1)


def wrong_with(looked: Looked, look: Look, path: str, with_axe: bool) -> list[str]:
    """What a page gets wrong."""
    page = looked.page
    found = []
    if not (page.locator("h1").text_content() or "").strip():
        found.append("it has no headline")
    if page.get_by_text("This page failed").count():
        found.append("it failed")
    if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
        found.append("it is wider than the screen")
    where, words = SAID[look.condition]
    if words not in (page.locator(where).first.text_content() or ""):
        found.append(f"it does not say: {words}")
    if look.condition == EMPTY and path in NOTHING_YET:
        expect(page.locator("main")).to_contain_text(NOTHING_YET[path])
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS, f"{look}-{path.strip('/').replace('/', '-') or 'overview'}.png"))
    return found + (violations(looked) if with_axe else [])


@pytest.mark.parametrize(
    ("world", "look"),
    [pytest.param(look.condition, look, id=str(look)) for look in (EVERY if IS_WHOLE else SOME)],
    indirect=["world"],
)
def test_every_page_in_every_condition(browser: Browser, world: World, look: Look) -> None:
    """What is seen is true, readable and complete, whatever the condition and the look."""
    width, height = look.size
    options = {"viewport": {"width": width, "height": height}, "color_scheme": look.scheme, "has_touch": width < 720}
    wrong: dict[str, list[str]] = {}
    with looking(browser, world.served, **options) as looked:
        looked.open("/")
        paths = paths_of(world.served)
        if look.condition == STALE:
            for path in paths:
                go(looked, path)  # what a page has known it goes on to show
        world.spoil()
        try:
            where, words = SAID[look.condition]
            expect(looked.page.locator(where).first).to_contain_text(words)
            for path in paths:
                go(looked, path)
                with_axe = IS_WHOLE or (path in NOTHING_YET and look.condition in (LIVE, STALE))
                if found := wrong_with(looked, look, path, with_axe):
                    wrong[path] = found
        finally:
            world.mend()
        if look.condition == STALE:
            looked.errors[:] = [each for each in looked.errors if "503" not in each]
    assert wrong == {}
