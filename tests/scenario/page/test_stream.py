"""One stream for all tabs of a browser, and what comes by it."""

from pathlib import Path

from playwright.sync_api import Browser

from holdfast.config import load_config
from holdfast.runtime.compose import open_engine
from tests.browser import needs_browser
from tests.scenario.page.conftest import CONFIG
from tests.scenario.page.looking import Looked, looking, trading
from tests.scenario.web.serving import Served, serving, with_access

pytestmark = needs_browser


def test_seven_tabs_share_one_stream(looked: Looked, served: Served) -> None:
    """A browser opens six connections to a server, so a stream for each tab would leave the seventh waiting for ever."""
    for tab in [looked.page, *(looked.page.context.new_page() for _ in range(6))]:
        tab.goto(f"http://127.0.0.1:{served.port}/orders")
        tab.wait_for_selector("table[aria-label=Orders] tr.row")
    assert len(served.hub.listeners) == 1


def test_what_an_engine_does_is_seen_without_asking(browser: Browser, tmp_path: Path) -> None:
    """The page is open before the engine is started: that it runs, its orders, and that it has ended come by the stream."""
    path = tmp_path / "holdfast.toml"
    path.write_text(CONFIG)
    config = load_config(path)
    with open_engine(config, lambda *_: None):
        pass
    with serving(with_access(config, tmp_path)) as served, looking(browser, served) as looked:
        looked.open("/orders")
        looked.page.get_by_text("No order was made yet").wait_for()
        asked: list[str] = []
        looked.page.on("request", lambda request: asked.append(request.url))
        thread = trading(config)
        looked.page.get_by_text("Engine down: house").wait_for(state="detached")
        looked.page.wait_for_selector("table[aria-label=Orders] tr.row")
        looked.page.get_by_text("Engine down: house").wait_for()
        thread.join()
        assert [url for url in asked if "/api/v1/orders" in url] == []


def test_who_tries_again_asks_once(looked: Looked, served: Served) -> None:
    """The answer to a command is lost on its way: asking for the same again sends the same key, so it is filed once; later it is another."""
    looked.open("/")
    script = """const { file } = await module("actions.js");
    const keys = [], real = window.fetch;
    window.fetch = async (path, options) => {
      const answer = await real(path, options);
      if (options.method) keys.push(options.headers["Idempotency-Key"]);
      if (options.method && keys.length === 1) throw new TypeError("lost");
      return answer;
    };
    const ids = [];
    for (let at = 0; at < 3; at++) await file("Halt", "POST", "/accounts/house/halt", { reason: "once" }).then((answer) => ids.push(answer.command_id), () => ids.push(""));
    window.fetch = real;
    return [new Set(keys).size, keys[0] === keys[1], ids[0] === "", new Set(ids).size];"""
    assert looked.run(script) == [2, True, True, 3]


def test_another_web_process_is_asked_for_everything(looked: Looked, served: Served) -> None:
    """A journal that was begun anew counts its records from one again, so the place in the old one says nothing about it."""
    looked.open("/")
    second_beat = """let heard = 0;
    await new Promise((done) => {
      const source = new EventSource("/api/v1/stream");
      source.addEventListener("beat", () => ++heard === 2 && (source.close(), done()));
    });"""
    looked.run(second_beat)  # this one went to all who listen, so the page knows whom it hears
    with looked.page.expect_response("**/api/v1/accounts"):
        served.tail.process = "another"


def test_a_journal_that_can_not_be_read_is_not_called_live(browser: Browser, tmp_path: Path) -> None:
    """The web process lives and its stream goes on, but what is shown is from before; the page says so until it can be read again."""
    path = tmp_path / "holdfast.toml"
    path.write_text(CONFIG)
    config = load_config(path)
    with open_engine(config, lambda *_: None):
        pass
    journal, away = (Path(f"{config.journal.url.removeprefix('sqlite:///')}{end}") for end in ("", ".away"))
    with serving(with_access(config, tmp_path)) as served, looking(browser, served) as looked:
        looked.open("/")
        journal.rename(away)
        looked.page.get_by_text("The web process can't read the journal").wait_for()
        assert looked.page.get_by_text("nothing needs you").count() == 0
        away.rename(journal)
        looked.page.get_by_text("The web process can't read the journal").wait_for(state="detached")
        looked.errors.clear()  # what was asked in between was answered 503
