"""One stream a browser where there is no shared worker; and a stream that dies without a word, or with the login."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from holdfast.config import Config
from tests.browser import needs_browser
from tests.scenario.page.looking import Looked, looking
from tests.scenario.web.serving import PATIENCE_S, Served, serving, with_access

pytestmark = needs_browser
NO_WORKER = "delete window.SharedWorker"
JUMP = "const real = Date.now; Date.now = () => real() + 60_000;"
"""A minute has gone by. What is dead or deaf has to be so in truth: a beat that comes after the jump would count from then on."""


@pytest.fixture
def alone(browser: Browser, served: Served) -> Iterator[Looked]:
    """A browser without shared workers, as some telephones have it."""
    with looking(browser, served) as found:
        found.page.context.add_init_script(NO_WORKER)
        yield found


def another(looked: Looked, served: Served) -> Page:
    """One more tab of the same browser, once it shows something."""
    tab = looked.page.context.new_page()
    tab.goto(f"http://127.0.0.1:{served.port}/")
    tab.wait_for_selector(".live-dot.live, .live-dot.lost")
    return tab


def until_one_listens(served: Served, page: Page, gone: object = None) -> object:
    """Wait until one listens, who is another than before; ``page`` is let go on meanwhile."""
    for _ in range(int(PATIENCE_S * 100)):
        found = [*served.hub.listeners]
        if len(found) == 1 and found[0] is not gone:
            return found[0]
        page.wait_for_timeout(10)
    raise AssertionError(f"{len(served.hub.listeners)} listen")


def test_one_tab_listens_for_all_and_another_when_it_is_closed(alone: Looked, served: Served) -> None:
    """Four tabs have one stream; the tab that has it is closed, then another listens, and the others are live by that."""
    alone.open("/")
    first = until_one_listens(served, alone.page)  # it leads, before there is another
    tabs = [another(alone, served) for _ in range(3)]
    alone.page.close()
    until_one_listens(served, tabs[0], gone=first)
    for tab in tabs:
        heard = Looked(tab, served)
        heard.run(
            'const { link, heardAt } = await module("stream.js"); const began = heardAt.value; while (link.value !== "live" || heardAt.value <= began) await new Promise((next) => setTimeout(next, 20));'
        )
    assert len(served.hub.listeners) == 1


def test_a_tab_that_leads_and_is_deaf_is_followed_no_more(alone: Looked, served: Served) -> None:
    """Who leads hangs, and neither hears nor passes on: another tab takes the lock from it, and hears the stream itself."""
    alone.open("/")
    first = until_one_listens(served, alone.page)  # it leads, before there is another
    tab = another(alone, served)
    alone.run(
        'const { Led } = await module("stream-leader.js"); Led.prototype.heard = BroadcastChannel.prototype.postMessage = () => {};'
    )
    Looked(tab, served).run(JUMP)  # the time after which somebody who says nothing is deaf
    until_one_listens(served, tab, gone=first)


def test_after_a_sleep_the_stream_goes_on_from_the_last_event(
    alone: Looked, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is open and dead, which nobody tells: it is left, and the new one says how far was heard."""
    alone.open("/")
    first = until_one_listens(served, alone.page)
    with alone.page.expect_request(lambda request: "/api/v1/stream?after=house%3D" in request.url):
        monkeypatch.setattr(first, "put", lambda _: None)  # nothing comes over it any more
        alone.run(JUMP)
    until_one_listens(served, alone.page, gone=first)


@pytest.mark.parametrize("without", ["", NO_WORKER], ids=["shared worker", "leader"])
def test_logging_out_in_one_tab_is_seen_in_all(browser: Browser, traded: Config, tmp_path: Path, without: str) -> None:
    """The stream of the session ends at once, and a tab that nobody touches shows the login instead of what it had."""
    with serving(with_access(traded, tmp_path)) as served, looking(browser, served) as looked:
        served.add_user("ada", "admin")
        cookie = served.log_in("ada")["Cookie"].partition("=")[2]
        context = looked.page.context
        context.add_cookies([{"name": "holdfast", "value": cookie, "url": f"http://127.0.0.1:{served.port}"}])
        context.add_init_script(without)
        looked.open("/")
        tab = another(looked, served)
        until_one_listens(served, tab)
        looked.run('await (await module("api.js")).send("POST", "/logout")')
        tab.get_by_label("Password").wait_for()
        looked.errors.clear()  # the browser tells of every 401
