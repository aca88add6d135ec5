"""What somebody does who has only the README, by the demo's page.

They look, crash the engine, see it return, halt it from a phone, find why an order was refused, and take the fills home.

``HOLDFAST_SCREENSHOTS=docs pytest tests/process/test_web_story.py`` makes the pictures of docs/web.md anew.
"""

import csv
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from holdfast.journal.reader import Reader
from holdfast.journal.verify import verify
from tests.browser import CHROMIUM, needs_browser
from tests.process.program import started, until

pytestmark = [pytest.mark.process, needs_browser]

PATIENCE_MS = 120_000
"""Bounds a hang, and decides nothing."""
SPEED = "240"
"""Market seconds in a second: a session of the demo has to outlast the test on a busy machine."""
PICTURES = os.environ.get("HOLDFAST_SCREENSHOTS")
DESK = {"viewport": {"width": 1400, "height": 900}, "color_scheme": "dark"}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "color_scheme": "light",
    "has_touch": True,
    "device_scale_factor": 2,
}


@contextmanager
def tab(browser: Browser, url: str, **options: object) -> Iterator[Page]:
    """A tab on the page, in a browser of its own, once it is live."""
    context = browser.new_context(**options)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(url)
    live(page)
    yield page
    context.close()


def live(page: Page) -> None:
    """Wait until the page shows a running engine."""
    page.locator(".live-dot.live").wait_for()


def picture(page: Page, name: str) -> None:
    """Keep what is shown, where pictures are wanted."""
    if PICTURES:
        page.screenshot(path=Path(PICTURES, f"{name}.png"))


def fills_of(journal: str, account: str) -> dict[str, tuple[str, Decimal, Decimal]]:
    """What was executed, by id."""
    with Reader.open(journal) as reader:
        return {row.execution_id: (row.symbol, row.quantity, row.price) for row in reader.fills(account)}


def test_from_the_first_look_to_the_fills(tmp_path: Path) -> None:
    """One session of the demo, by its page alone."""
    journal = f"sqlite:///{tmp_path / '.holdfast' / 'demo.db'}"
    errors = tmp_path / "errors.txt"
    with started(tmp_path, "demo", "--web", "--no-open", "--speed", SPEED, errors=errors) as demo:
        url = until(lambda: re.search(r"the page is at (\S+)/", errors.read_text()), "the page's address")[1]
        expect.set_options(timeout=PATIENCE_MS)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
            )
            with tab(browser, f"{url}/", **DESK) as page:
                until(lambda: fills_of(journal, "demo") and fills_of(journal, "box"), "both accounts trade")
                expect(page.get_by_role("table", name="Fills").get_by_role("row")).not_to_have_count(1)
                picture(page, "web-overview")
                crash(page, journal)
                with tab(browser, f"{url}/", **PHONE) as phone:
                    halt(phone)
                why_it_is_refused(page, url)
                taken = tmp_path / "fills.csv"
                download_fills(page, url, taken)
                expected = {**fills_of(journal, "demo"), **fills_of(journal, "box")}
                rows = list(csv.DictReader(taken.read_text().splitlines()))
                assert rows
                for row in rows:
                    there = (row["symbol"], Decimal(row["quantity"]), Decimal(row["price"]))
                    assert there == expected[row["execution_id"]]
            browser.close()
        demo.send_signal(signal.SIGTERM)
        assert demo.wait() == 0
    assert verify(journal).ok


def crash(page: Page, journal: str) -> None:
    """A real SIGKILL: the page says so, then that it is back, and no fill is lost."""
    before = {name: fills_of(journal, name) for name in ("demo", "box")}
    page.get_by_role("button", name="Crash the engine").click()
    page.locator("[data-note=down]").wait_for()
    picture(page, "web-crash")
    live(page)
    page.locator("[data-note=down]").wait_for(state="detached")
    for name, fills in before.items():
        assert fills.items() <= fills_of(journal, name).items()


def halt(phone: Page) -> None:
    """By thumb; nothing is sent before the word is typed, and the command is followed until it is done."""
    phone.get_by_role("button", name="Halt", exact=True).tap()
    phone.get_by_role("dialog").get_by_role("button", name="demo").tap()
    dialog = phone.get_by_role("dialog", name="Halt demo")
    button = dialog.get_by_role("button", name="Halt", exact=True)
    expect(button).to_be_disabled()
    dialog.get_by_label("Why").fill("I have to think")
    dialog.get_by_label("to confirm").fill("halt")
    picture(phone, "web-halt")
    button.tap()
    expect(phone.locator("[data-note=state]")).to_contain_text("demo is halted")
    expect(phone.get_by_text("I have to think").first).to_be_visible()


def why_it_is_refused(page: Page, url: str) -> None:
    """The ticket says it beforehand, and the page of limits afterwards."""
    page.goto(f"{url}/symbol/AVOR")
    page.get_by_label("Quantity").fill(
        "1000"
    )  # more than the strategy is ever short: to cover that, a halted account may buy
    ticket = page.get_by_role("form", name="Order in AVOR")
    expect(ticket).to_contain_text("HALTED")
    expect(ticket.get_by_role("button", name="Review purchase")).to_be_disabled()
    picture(page, "web-symbol")
    page.goto(f"{url}/risk")
    row = page.get_by_role("row").filter(has_text="account state")
    expect(row).to_contain_text("the account is HALTED: nothing that raises risk is sent")
    picture(page, "web-risk")


def download_fills(page: Page, url: str, to: Path) -> None:
    """As a file."""
    page.goto(f"{url}/orders")
    live(page)
    picture(page, "web-orders")
    with page.expect_download() as coming:
        page.get_by_role("link", name="Fills").click()
    coming.value.save_as(to)
