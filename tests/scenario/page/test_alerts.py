"""The page of alerts: what is open is taken on and silenced there, and the overview counts it."""

import time
from contextlib import closing
from pathlib import Path

import msgspec
from playwright.sync_api import Browser, expect

from holdfast.alerting import book, shown
from holdfast.alerting.book import Finding
from holdfast.alerting.tables import kept_at
from holdfast.config import Config
from holdfast.config.observer import ObserverConfig
from tests.browser import needs_browser
from tests.scenario.page.looking import looking
from tests.scenario.page.test_access import violations
from tests.scenario.web.serving import START_NS, serving, with_access

pytestmark = needs_browser
FOUND = (
    Finding("stale_feed", "house", "AVOR", "nothing is heard of AVOR"),
    Finding("unknown_order", "house", "o-1", "o-1 may be at the broker"),
)


def test_an_alert_is_taken_on_and_a_rule_silenced(browser: Browser, traded: Config, tmp_path: Path) -> None:
    """The loudest open one is first; who acknowledges is kept; nobody has looked for long, which is said; the overview counts what is left."""
    observer = ObserverConfig(url=f"sqlite:///{tmp_path / 'observer.db'}")
    config = msgspec.structs.replace(with_access(traded, tmp_path), observer=observer)
    with closing(kept_at(observer.url)) as keeping:
        with keeping.begin() as kept:
            for finding in FOUND:
                book.open_alert(kept, config.alerts, finding, START_NS)
        with serving(config) as served, looking(browser, served) as looked:
            page = looked.page
            looked.open("/alerts")
            rows = page.locator("tr.row")
            expect(rows.first).to_contain_text("Unknown order")
            expect(page.locator("[data-note=unwatched]")).to_contain_text("No observer has looked")
            rows.first.get_by_role("button", name="Acknowledge").click()
            expect(rows.first).to_contain_text("Stale feed")
            rows.first.click()  # the other one is the first now
            dialog = page.get_by_role("dialog")
            expect(dialog).to_contain_text("nothing is heard of AVOR")
            assert violations(looked) == []
            dialog.get_by_role("button", name="Silence…").click()
            page.get_by_role("button", name="Silence it").click()
            expect(page.locator(".silences")).to_contain_text("Stale feed until")
            assert violations(looked) == []
            page.get_by_role("button", name="Tell again").click()
            expect(page.locator(".silences")).to_have_count(0)
            looked.open("/")
            expect(page.get_by_label("What needs you")).to_contain_text("1 alert that nobody has acknowledged")
        with keeping.reading() as kept:
            assert shown.one(kept, 2, START_NS).acknowledged_by == "local"
            assert shown.silences_now(kept, time.time_ns()) == {}
