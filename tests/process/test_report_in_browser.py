"""The report in a real browser: light, dark, on a phone, on paper."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.report import Report, page, sweep_table
from tests.browser import Browser, browsing, needs_browser
from tests.unit.report.runs import benchmark, indicator, run

pytestmark = [pytest.mark.process, needs_browser]

EVIL = "</script><img src=x onerror=alert(1)>\"'&"
DRAWN = "[...document.querySelectorAll('.plot svg')].map((svg) => svg.querySelectorAll('path').length)"
TOO_WIDE = """[...document.querySelectorAll("body *")].filter((one) => one.checkVisibility() && !one.closest(".scroll > *, nav > *, pre > *, .skip, svg *")
  && one.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map((one) => one.outerHTML.slice(0, 80)).slice(0, 5)"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One for all."""
    with browsing(tmp_path_factory.mktemp("browser")) as one:
        yield one


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with everything."""
    made = run(
        sessions=500,
        trades=60,
        benchmark=benchmark(500),
        indicators=[indicator(), indicator(name="EMA(30)", count=400)],
    )
    sweep = sweep_table(
        [{"fast": a, "slow": b, "sharpe": a / b} for a in (5, 10) for b in (20, 40)], "fast", "slow", "sharpe"
    )
    path = tmp_path_factory.mktemp("pages") / "run.html"
    path.write_text(page(Report(title="EmaCross on SPY", runs=[made], sweep=sweep)), encoding="utf-8")
    return path


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (1200, "dark"), (390, "light"), (390, "dark")])
def test_a_run_is_shown(browser: Browser, single: Path, width: int, scheme: str) -> None:
    """No complaint, no request but the page, every chart drawn, nothing wider than the screen, text that can be read."""
    browser.open(single, width=width, scheme=scheme)
    assert browser.value("document.querySelectorAll('.plot svg').length") == 2
    assert all(count > 5 for count in browser.value(DRAWN))
    assert browser.value(TOO_WIDE) == []
    assert {url for url in browser.requests if not url.startswith("data:")} == {single.as_uri()}
    for selector in (
        "body",
        "header p",
        "nav a",
        ".term",
        ".beside",
        ".value.good, .value.bad",
        ".rests li",
        ".facts dt",
        ".hint",
        "td",
        "thead th",
        ".h5",
        ".h-5",
        ".read",
    ):
        text, ground = browser.value(COLOURS % selector)
        assert contrast(text, ground) >= 4.5, (selector, text, ground)
    assert browser.errors == []


def test_several_runs_are_shown(browser: Browser, tmp_path: Path) -> None:
    """Side by side, each with its line."""
    path = tmp_path / "both.html"
    path.write_text(page(Report(title="Two", runs=[run(name=EVIL), run(name="two", seed=2)])), encoding="utf-8")
    for width in (1200, 390):
        browser.open(path, width=width)
        assert browser.value("document.querySelectorAll('.plot path.line').length") == 4
        assert browser.value(TOO_WIDE) == []
        assert browser.errors == []


@pytest.mark.parametrize(
    "said",
    [
        {"trades": 0},
        {"sessions": 0, "trades": 0},
        {"sessions": 1, "trades": 1},
        {"sessions": 3, "equity": [100_500, 50_000, -20], "trades": 1},
        {"symbols": [f"S{number}" for number in range(100)], "trades": 400},
        {"bars": 20_000, "trades": 10_000},
        {"candles": {}},
        {"name": EVIL, "symbols": (EVIL,), "strategy": EVIL, "indicators": [indicator(EVIL, EVIL, EVIL)], "benchmark": benchmark(name=EVIL)},
    ],
    ids=["no trades", "no session", "one session", "ruin", "many symbols", "long", "no prices", "evil names"],
)  # fmt: skip
def test_odd_runs_are_shown(browser: Browser, tmp_path: Path, said: dict[str, object]) -> None:
    """Runs at the edges, and names that are code, draw what there is without a complaint."""
    path = tmp_path / "odd.html"
    path.write_text(page(Report(title=str(said.get("name", "Odd")), runs=[run(**said)])), encoding="utf-8")  # type: ignore[arg-type]
    browser.open(path)
    assert browser.errors == []
    assert browser.value("document.images.length") == 0


def test_it_is_used_by_hand(browser: Browser, single: Path) -> None:
    """A trade chosen in the list is shown in the chart; keys zoom and move; the theme changes and comes back."""
    browser.open(single)
    shown = "document.querySelectorAll('.chart')[1].querySelector('.read').textContent"
    before = browser.value(shown)
    browser.value("document.querySelector('tr[data-row]').click()")
    assert browser.value("document.querySelectorAll('.picked')[0].getAttribute('d').length") > 0
    assert "profit" in browser.value(shown) != before
    drawn = "document.querySelector('.plot path.line.s0').getAttribute('d')"
    whole = browser.value(drawn)
    press = "document.querySelector('.plot').dispatchEvent(new KeyboardEvent('keydown', { key: '%s' }))"
    browser.value(press % "+")
    assert browser.value(drawn) != whole
    browser.value(press % "0")
    assert browser.value(drawn) == whole
    ground = "getComputedStyle(document.body).backgroundColor"
    system = browser.value(ground)
    colours = [browser.value(f"document.getElementById('theme').click(), {ground}") for _ in range(3)]
    assert colours[0] == colours[2] == system != colours[1]
    assert browser.errors == []


def test_crowds_are_counted(browser: Browser, tmp_path: Path) -> None:
    """Thousands of trades in view don't cover the candles: they are counted until one zooms in."""
    path = tmp_path / "long.html"
    path.write_text(page(Report(title="Long", runs=[run(bars=3_000, sessions=3, trades=3_000)])), encoding="utf-8")
    browser.open(path)
    button = "[...document.querySelectorAll('#trades .tools button')].find((one) => one.textContent === 'All').click()"
    browser.value(button)
    assert "3,000 round trips: zoom in" in browser.value("document.querySelector('#trades .plot').textContent")
    assert browser.value("document.querySelectorAll('#trades .trade').length") == 0
    assert browser.errors == []


def test_on_paper_there_are_no_buttons(browser: Browser, single: Path) -> None:
    """Paper is white in a dark room too, and has the best and the worst trades in place of pages of all."""
    browser.open(single, scheme="dark", media="print")
    assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    hidden = (
        "['.tools', 'nav', '#theme', '.screen'].map((name) => getComputedStyle(document.querySelector(name)).display)"
    )
    assert browser.value(hidden) == ["none"] * 4
    assert browser.value("getComputedStyle(document.querySelector('.paper')).display") == "block"


COLOURS = """(() => {
  const found = document.querySelector(%r);
  let under = found;
  while (under && /rgba\\(0, 0, 0, 0\\)/.test(getComputedStyle(under).backgroundColor)) under = under.parentElement;
  const dot = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const plain = (colour) => { dot.fillStyle = colour; dot.fillRect(0, 0, 1, 1); return [...dot.getImageData(0, 0, 1, 1).data].slice(0, 3); };
  return [plain(getComputedStyle(found).color), plain(getComputedStyle(under).backgroundColor)];
})()"""


def contrast(one: list[int], other: list[int]) -> float:
    """By the formula of WCAG 2: from 1 to 21; 4.5 is what text needs."""

    def light(colour: list[int]) -> float:
        parts = [part / 255 for part in colour]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)
