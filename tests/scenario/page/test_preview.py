"""What risk says of an order is of the account as it is now: on the ticket, and in the last question before it is sent."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Route, expect

from holdfast.config import load_config
from holdfast.control.client import Client
from holdfast.control.ticket import Ticket
from holdfast.core.messages import CancelOrders, Command, Halt, PlaceOrder, Resume
from holdfast.core.types import Side, TimeInForce
from holdfast.runtime.compose import open_engine
from tests.browser import needs_browser
from tests.process.program import until
from tests.scenario.page.looking import PATIENCE_MS, Looked, looking, working
from tests.scenario.web.serving import Served, serving, with_access

pytestmark = needs_browser
QUIET = """
[feed]
kind = "synthetic"
seed = 1
symbols = ["AVOR"]
days = 200
history_days = 0
speed = 240

[[accounts]]
name = "house"
calendar = "24/7"

[[strategies]]
id = "quiet"
class = "holdfast.strategies:MeanReversion"
account = "house"
symbols = ["AVOR"]
params = { window = 15, entry = 1000.0 }
"""


class House:
    """A server, and the account that it serves, whose engine trades."""

    def __init__(self, served: Served, url: str) -> None:
        self.served = served
        self._client = Client(url, "house", "cli:test", PATIENCE_MS / 1000, is_elsewhere=False)

    def ask(self, command: Command) -> None:
        """Ask its engine, and wait until it is done."""
        outcome = self._client.ask(command)
        assert outcome.is_done, outcome.text


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """An account in which only people trade; it holds 50 units short."""
    folder = tmp_path_factory.mktemp("house")
    path = folder / "holdfast.toml"
    path.write_text(QUIET)
    config = load_config(path)
    with open_engine(config, lambda *_: None):
        pass
    with serving(with_access(config, folder)) as served, working(config):
        found = House(served, config.journal.url)
        until(lambda: served.api("GET", "/symbols").json["items"][0]["price"], "a price")
        ticket = Ticket(Side.SELL, "AVOR", "50", None, None, TimeInForce.GTC, None, None)
        found.ask(PlaceOrder(ticket.signal()))
        yield found


@pytest.fixture
def symbol(browser: Browser, house: House) -> Iterator[Looked]:
    """The page of its symbol, once the sale has filled."""
    house.ask(Halt("a test begins"))  # whatever the last one left
    house.ask(Resume("a test begins"))
    with looking(browser, house.served) as looked:
        looked.open("/symbol/AVOR")
        looked.page.locator("section[aria-label=Position]").get_by_text("−50").first.wait_for()
        yield looked


def ticket_of(looked: Looked) -> Locator:
    """The form of an order."""
    return looked.page.get_by_role("form", name="Order in AVOR")


def test_a_ticket_follows_the_account(symbol: Looked, house: House) -> None:
    """What may leave is barred when the account is halted behind the page's back, and may leave again when it is resumed; no key is touched."""
    form, review = ticket_of(symbol), symbol.page.get_by_role("button", name="Review sale")
    form.get_by_role("button", name="Sell").click()
    symbol.page.get_by_label("Quantity").fill("100")
    expect(form).to_contain_text("it may leave")
    expect(review).to_be_enabled()
    house.ask(Halt("behind its back"))
    expect(form).to_contain_text("refused")
    expect(form).to_contain_text("HALTED")
    expect(review).to_be_disabled()
    house.ask(Resume("enough"))
    expect(form).to_contain_text("it may leave")
    expect(review).to_be_enabled()


def test_what_lowers_risk_may_leave_a_halted_account_and_says_why(symbol: Looked, house: House) -> None:
    """To buy back a part of what is short raises no risk, so a halt doesn't bar it; of more than that only so much leaves."""
    house.ask(Halt("by night"))
    form = ticket_of(symbol)
    symbol.page.get_by_label("Quantity").fill("10")
    expect(form).to_contain_text("it may leave")
    expect(form).to_contain_text("The account is HALTED. This order only lowers what the account holds")
    symbol.page.get_by_label("Quantity").fill("51")
    expect(form).to_contain_text("only 50 of 51")


def test_a_halt_reaches_the_last_question(symbol: Looked, house: House) -> None:
    """The order was to be confirmed when the account is halted: the dialog says so, and its button does nothing any more."""
    ticket_of(symbol).get_by_role("button", name="Sell").click()
    symbol.page.get_by_label("Quantity").fill("100")
    symbol.page.get_by_role("button", name="Review sale").click()
    dialog = symbol.page.get_by_role("dialog", name="Sell 100 AVOR")
    sell = dialog.get_by_role("button", name="Sell", exact=True)
    expect(sell).to_be_enabled(timeout=PATIENCE_MS)
    house.ask(Halt("while it was open"))
    expect(dialog).to_contain_text("refused")
    expect(sell).to_be_disabled()


def test_a_question_about_what_is_gone_is_not_asked(symbol: Looked, house: House) -> None:
    """An order that is canceled elsewhere while its cancel is to be confirmed leaves nothing to confirm."""
    page = symbol.page
    ticket = Ticket(Side.BUY, "AVOR", "1", "1", None, TimeInForce.GTC, None, None)
    house.ask(PlaceOrder(ticket.signal()))
    row = page.get_by_role("table", name="Working orders in AVOR").get_by_role("row").filter(has_text="limit")
    row.get_by_role("cell").nth(2).click()
    page.get_by_role("button", name="Cancel…").click()
    dialog = page.get_by_role("dialog", name="Cancel buy 1 AVOR")
    expect(dialog.get_by_role("button", name="Cancel the order")).to_be_enabled()
    house.ask(CancelOrders(None))
    expect(dialog).to_contain_text("It is over: canceled")
    expect(dialog.get_by_role("button", name="Cancel the order")).to_be_disabled()


def test_what_risk_said_of_other_figures_is_not_shown(symbol: Looked) -> None:
    """Between the last key and the answer nothing is said of an order's worth: it would be another order's."""
    amount, said = symbol.page.locator("input[name=amount]"), symbol.page.get_by_text("Risk says")
    amount.fill("1")
    said.wait_for()
    held: list[Route] = []
    symbol.page.route("**/orders/preview", lambda route: held.append(route))  # noqa: PLW0108 - Playwright looks into it
    amount.fill("1000")
    said.wait_for(state="detached")
    symbol.page.unroute_all(behavior="ignoreErrors")
    amount.fill("2")
    said.wait_for()
