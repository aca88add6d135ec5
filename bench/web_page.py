"""The page in a real browser: until it is drawn and live, what came over the wire until then, and a filter over 5,000 orders.

The page itself is not changed: a script that is there before its first one notes the frame in which everything that was to be drawn has been
drawn and the page says that it is live, by the browser's own clock, whose zero is when the address was asked for.
"""

import shutil
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

WATCH = """
(() => {
  const isLive = () => document.querySelector(".live-dot.live") && document.querySelector(".main table, .main .figures") && !document.querySelector(".main .bones");
  const look = () => {
    if (!isLive()) return;
    seen.disconnect();
    requestAnimationFrame(() => setTimeout(() => (window.liveAt = performance.now())));
  };
  const seen = new MutationObserver(look);
  seen.observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["class"] });
})();
"""
"""In the document's first moment. A timer that was set in a frame comes after the frame was painted."""
PATIENCE_MS = 120_000
FILTER = """async ([text, patience]) => {
  const field = document.querySelector('input[type=search][aria-label="Text in an order"]');
  const told = () => document.querySelector('.main [role=status]')?.textContent ?? "";
  const before = told();
  const painted = new Promise((done, fail) => {
    const late = setTimeout(() => fail(new Error(`the list says ${told()} still`)), patience);
    const seen = new MutationObserver(() => {
      if (told() === before) return;
      seen.disconnect();
      clearTimeout(late);
      requestAnimationFrame(() => setTimeout(() => done(performance.now())));
    });
    seen.observe(document.querySelector(".main"), { subtree: true, childList: true, characterData: true });
  });
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, text);
  const began = performance.now();
  field.dispatchEvent(new Event("input", { bubbles: true }));
  return [(await painted) - began, told()];
}"""
"""From the key's event to the moment after the frame in which the list has changed."""


class Drawn(NamedTuple):
    """One opening of a page."""

    live_s: float
    """Until it was drawn and live."""
    sent_kb: float
    """What came over the wire until then, as it was sent: with headers, compressed."""
    requests: int
    """How many answers that were."""
    cpu_s: float
    """Processor time of the page's own process until then."""


@contextmanager
def browsing() -> Iterator[Any]:
    """Chromium without a window, by Playwright (both are of the development's dependencies)."""
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        raise SystemExit(
            "the page is measured in Chromium, and there is none: install it (Debian: apt install chromium)"
        )
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"]
        )


class Tab:
    """A tab of a context, with what came to it."""

    def __init__(self, context: Any, base: str) -> None:
        self.page = context.new_page()
        self._base = base
        self._bytes = self._requests = 0
        self.page.add_init_script(WATCH)
        wire = context.new_cdp_session(self.page)
        wire.send("Network.enable")
        wire.send("Performance.enable")
        self._wire = wire
        wire.on("Network.loadingFinished", self._came)

    def _came(self, what: dict[str, Any]) -> None:
        self._bytes += int(what["encodedDataLength"])
        self._requests += what["encodedDataLength"] > 0

    def open(self, path: str) -> Drawn:
        """Ask for a page, and wait until it is drawn and live."""
        self._bytes = self._requests = 0
        before_s = self._cpu_s()
        self.page.goto(self._base + path, wait_until="commit")
        live_ms = self.until("window.liveAt")
        used_s = self._cpu_s()
        used_s -= before_s if used_s >= before_s else 0.0  # a new site has a new process
        return Drawn(float(live_ms) / 1000, self._bytes / 1000, self._requests, used_s)

    def _cpu_s(self) -> float:
        found = self._wire.send("Performance.getMetrics")["metrics"]
        return float(next((each["value"] for each in found if each["name"] == "ProcessTime"), 0.0))

    def until(self, expression: str) -> Any:
        """What an expression gives, once that is something; by a timer, since the page's policy knows no `eval`."""
        script = """async (patience) => { const ends = performance.now() + patience;
          for (;;) { const found = EXPRESSION; if (found) return found;
            if (performance.now() > ends) throw new Error("waited in vain"); await new Promise((next) => setTimeout(next, 10)); } }"""
        return self.page.evaluate(script.replace("EXPRESSION", expression), PATIENCE_MS)

    def filter(self, text: str) -> tuple[float, str]:
        """Milliseconds from a key in the orders' field to the painted list, and what the list says then."""
        took_ms, said = self.page.evaluate(FILTER, [text, PATIENCE_MS])
        return float(took_ms), str(said)


def filters(tab: Tab) -> tuple[list[float], str]:
    """A filter over the orders, key by key, and what the list says of its length without one."""
    tab.open("/orders")
    tab.until('document.querySelectorAll("table[aria-label=Orders] tr.row").length > 10')
    whole = tab.until('document.querySelector(".main [role=status]").textContent')
    took = [tab.filter(text)[0] for text in ("AV", "AVOR", "", "stop", "", "BR", "", "zz", "")]
    return took, str(whole)


def middle(values: list[float]) -> str:
    """The median and the extremes."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
