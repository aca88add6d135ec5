"""The long table: draws what is in sight, and stays where it is."""

from tests.browser import needs_browser
from tests.scenario.page.looking import Looked

pytestmark = needs_browser
ROWS = 6_000
SHOW = """const { html, render, signal } = await module("lib.js"); const { Table } = await module("ui/table.js");
const rows = signal(Array.from({ length: %d }, (_, at) => ({ id: `order ${at}`, much: String(at) })));
const columns = [{ id: "id", label: "Id", cell: (row) => row.id }, { id: "much", label: "Much", num: true, cell: (row) => row.much }];
const place = document.createElement("div"); place.className = "panel grow"; place.id = "under-test";
const main = document.getElementById("main"); main.classList.add("full"); main.append(place);
const Whole = () => html`<${Table} name="Tried" columns=${columns} rows=${rows.value} keyOf=${(row) => row.id} empty="" />`;
render(html`<${Whole} />`, place); window.tried = rows;"""
TOP = """() => { const box = document.querySelector("#under-test .table-box"), at = box.getBoundingClientRect();
return document.elementFromPoint(at.left + 30, at.top + 45).closest("tr").dataset.key; }"""


def show(looked: Looked, rows: int = ROWS) -> None:
    """Put a table of its own onto the page."""
    looked.open("/alerts")
    looked.run(SHOW % rows)
    looked.page.wait_for_selector("#under-test tr.row")


def test_only_what_is_in_sight_is_drawn(looked: Looked) -> None:
    """Six thousand rows are some dozens in the document, and a screen reader hears of all of them."""
    show(looked)
    assert looked.page.locator("#under-test tr.row").count() < 100
    assert looked.page.locator("#under-test table").get_attribute("aria-rowcount") == str(ROWS + 1)


def test_it_stays_where_it_is_when_rows_come_on_top(looked: Looked) -> None:
    """The row that was on top stays on top to the pixel, the new ones are counted, and the count takes one to them."""
    show(looked)
    page = looked.page
    page.evaluate("document.querySelector('#under-test .table-box').scrollTop = 60_010")
    looked.until(f"({TOP})()", "order 2000")
    page.evaluate(
        "tried.value = [...Array.from({length: 12}, (_, at) => ({id: `new ${at}`, much: '1'})), ...tried.value]"
    )
    button = page.get_by_role("button", name="12 new")
    button.wait_for()
    assert page.evaluate(TOP) == "order 2000"
    button.click()
    looked.until(f"({TOP})()", "new 0")
    button.wait_for(state="detached")


def test_sorting_is_by_value_and_said(looked: Looked) -> None:
    """Numbers sort as numbers, and the column says which way."""
    show(looked, 12)
    head = looked.page.get_by_role("columnheader", name="Much")
    head.get_by_role("button").click()
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    keys = looked.page.locator("#under-test tr.row").evaluate_all("rows => rows.map((row) => row.dataset.key)")
    assert keys == [f"order {at}" for at in reversed(range(12))]


def test_text_of_others_is_never_markup(looked: Looked) -> None:
    """A tag that looks like an element is shown as it is written."""
    show(looked, 1)
    text = "<img src=x onerror=document.title='broken'>"
    looked.page.evaluate("(text) => { tried.value = [{ id: text, much: '1' }]; }", text)
    looked.page.get_by_role("cell", name=text).wait_for()
    assert looked.page.locator("#under-test img").count() == 0
    assert "broken" not in looked.page.title()
