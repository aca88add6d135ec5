"""A browser, and a page that is served over a journal in which something has traded."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from holdfast.config import Config, load_config
from tests.browser import CHROMIUM
from tests.scenario.page.looking import Looked, looking, trading
from tests.scenario.web.serving import Served, serving, with_access

CONFIG = """
[feed]
kind = "synthetic"
seed = 1
symbols = ["AVOR", "BRYX"]
days = 1
history_days = 0

[[accounts]]
name = "house"
calendar = "24/7"

[[strategies]]
id = "revert"
class = "holdfast.strategies:MeanReversion"
account = "house"
symbols = ["AVOR", "BRYX"]
params = { window = 15, entry = 1.5, quantity = 80, allow_short = true, stop_pct = 0.5 }
"""


@pytest.fixture(scope="session")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A configuration whose journal has a day of orders and fills; its engine has ended."""
    path = tmp_path_factory.mktemp("page") / "holdfast.toml"
    path.write_text(CONFIG)
    config = load_config(path)
    thread = trading(config)
    thread.join()
    return config


@pytest.fixture(scope="session")
def served(traded: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server over it, without any user."""
    with serving(with_access(traded, tmp_path_factory.mktemp("users"))) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window. Only for one file: while Playwright is there no other test of this process can run an event loop."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield found
        found.close()


@pytest.fixture
def looked(browser: Browser, served: Served) -> Iterator[Looked]:
    """A tab of a browser of the test's own, that has nothing to complain about when the test is over."""
    with looking(browser, served) as found:
        yield found


@pytest.fixture
def page(looked: Looked) -> Page:
    """The tab itself."""
    return looked.page
