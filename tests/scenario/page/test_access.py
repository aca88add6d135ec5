"""Pages for everybody: axe finds nothing, in light and dark and on a phone, and nothing is wider than the screen."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser import needs_browser
from tests.budget import in_a_campaign
from tests.scenario.page.looking import Looked, looking
from tests.scenario.web.serving import Served

pytestmark = needs_browser
AXE = Path("tools/client/node_modules/axe-core/axe.min.js")
PAGES = (
    *("/", "/symbol/AVOR", "/orders", "/positions", "/strategies", "/risk", "/unresolved", "/pipeline"),
    *("/journal", "/alerts", "/backtests", "/settings", "/users", "/keys", "/me"),
)
SOME = ("/", "/symbol/AVOR", "/orders", "/positions", "/journal")
"""Other colours and another width make no other pages; these have everything that pages are made of."""
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
FOUND = """axe.run(document, { resultTypes: ["violations"] }).then((found) =>
found.violations.map((rule) => `${rule.id}: ${rule.nodes.map((node) => node.html.slice(0, 200)).join(" | ")}`))"""


def violations(looked: Looked) -> list[str]:
    """What axe has against what is shown now."""
    looked.page.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[str] = looked.page.evaluate(FOUND)
    return found


@pytest.mark.parametrize(
    ("options", "paths"),
    [({}, PAGES), in_a_campaign({"color_scheme": "dark"}, SOME), in_a_campaign(PHONE, SOME)],
    ids=["light", "dark", "phone"],
)
def test_axe_finds_nothing(browser: Browser, served: Served, options: dict[str, Any], paths: tuple[str, ...]) -> None:
    """Names, roles, contrasts, headings and reach of every page; and a phone scrolls in one direction only."""
    found = {}
    with looking(browser, served, **options) as looked:
        for path in paths:
            looked.open(path)
            found[path] = violations(looked)
            assert looked.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    assert found == {path: [] for path in paths}


def test_axe_finds_nothing_in_a_dialog(looked: Looked) -> None:
    """The halt says what it does, and wants a word; Esc closes it, and the focus is where it was."""
    looked.open("/orders")
    looked.page.keyboard.press("h")
    dialog = looked.page.get_by_role("dialog", name="Halt house")
    dialog.wait_for()
    assert violations(looked) == []
    assert dialog.get_by_role("button", name="Halt", exact=True).is_disabled()
    looked.page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
