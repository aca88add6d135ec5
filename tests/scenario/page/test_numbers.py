"""The page's own arithmetic against Python's decimals."""

import random
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.browser import needs_browser
from tests.scenario.page.looking import Looked

pytestmark = needs_browser
PAIRS = 300


def some_decimals(seed: int) -> list[str]:
    """Texts as the API gives them, long and short, of either sign."""
    chance = random.Random(seed)
    digits = [chance.randint(-(10 ** chance.randint(0, 18)), 10 ** chance.randint(0, 18)) for _ in range(PAIRS)]
    return [f"{Decimal(number).scaleb(-chance.randint(0, 10)):f}" for number in digits]


def test_sums_and_roundings_are_exact(looked: Looked) -> None:
    """Adding, taking away, comparing and rounding give what Python's decimals give, to the last digit."""
    left, right = some_decimals(1), some_decimals(2)
    looked.open("/")
    script = """const { add, subtract, compare, fixed } = await module("decimal.js");
    return given.map(([a, b]) => [add(a, b), subtract(a, b), compare(a, b), fixed(a, 2), fixed(a, 8)]);"""
    found = looked.run(script, list(zip(left, right, strict=True)))
    for a, b, (added, taken, order, cents, eight) in zip(map(Decimal, left), map(Decimal, right), found, strict=True):
        assert (Decimal(added), Decimal(taken)) == (a + b, a - b)
        assert order == (a > b) - (a < b)
        assert Decimal(cents) == a.quantize(Decimal("0.01"), ROUND_HALF_UP)
        assert Decimal(eight) == a.quantize(Decimal("0.00000001"), ROUND_HALF_UP)


SHOWN: list[tuple[str, Any, str]] = [
    ("money", "-1234567.895", "−1,234,567.90"),
    ("money", "0.005", "0.01"),
    ("money", "-0.001", "0.00"),
    ("money", None, "–"),
    ("signed", "12", "+12.00"),
    ("signed", "-12", "−12.00"),
    ("signed", "0", "0.00"),
    ("quantity", "100.000", "100"),
    ("quantity", "0.00010", "0.0001"),
    ("span", 59.4, "59 s"),
    ("span", 3725, "1 h 2 min"),
    ("span", 90000, "1 d 1 h"),
    ("latency", 0.42, "0.4 ms"),
    ("latency", 1234, "1.23 s"),
    ("clock", "2026-03-01T23:59:59.999Z", "23:59:59"),
    ("title", "OrderFilled", "Order filled"),
]


def test_how_values_are_shown(looked: Looked) -> None:
    """Money to the cent with a real minus, quantities as exact as they are, unknown as a dash."""
    looked.open("/")
    script = 'const format = await module("format.js"); return given.map(([name, value]) => format[name](value));'
    found = looked.run(script, [[name, value] for name, value, _ in SHOWN])
    assert found == [text for _, _, text in SHOWN]


def test_a_formula_in_a_spreadsheet_is_text(looked: Looked) -> None:
    """What is copied as CSV runs nothing where it is pasted, and numbers stay numbers."""
    looked.open("/")
    script = """const { csv } = await module("ui/table.js");
    return csv([{ id: "tag", label: "Tag" }, { id: "much", label: "Much" }], [{ tag: given, much: "-12.5" }]);"""
    for text in ("=1+1", "+CMD", "-2+3", "@sum"):
        assert looked.run(script, text) == f"Tag,Much\n'{text},-12.5"


PRICED = [
    ("266.05", "266.05"),
    ("0.00001234", "0.00001234"),
    ("0.000012345678", "0.0000123457"),
    ("1.08455", "1.08455"),
    ("50", "50.00"),
    ("100.1234567891", "100.12"),
]


def test_no_price_is_so_small_that_it_is_shown_as_nothing(looked: Looked) -> None:
    """A coin's price and a currency's fifth place are there, before and after the symbol is known; an average is as exact as its symbol."""
    looked.open("/")
    script = """const { price, learnPlaces } = await module("format.js");
    return given.map(([value], at) => { const before = price(value, `N${at}`); learnPlaces(`N${at}`, value); return [before, price(value, `N${at}`)]; });"""
    found = looked.run(script, PRICED[:-1])
    assert found == [[text, text] for _, text in PRICED[:-1]]
    assert looked.run('return (await module("format.js")).price(given, "M")', PRICED[-1][0]) == PRICED[-1][1]


def test_accounts_have_their_own_time_and_prices(looked: Looked) -> None:
    """Two accounts whose clocks and feeds differ: of neither is the other's time told, nor the other's price."""
    looked.open("/")
    script = """const { apply, engineNow, priceOf } = await module("store.js");
    apply("market", given);
    return ["slow", "quick"].map((each) => [engineNow(each), priceOf(each, "X"), priceOf(each, "Y")]);"""
    accounts = {
        "slow": {"time": "2024-01-02T15:00:00Z", "symbols": ["X"], "prices": {"X": "7"}},
        "quick": {"time": "2026-01-02T15:00:00Z", "symbols": ["X", "Y"]},
    }
    found = looked.run(script, {"prices": {"X": "9", "Y": "3"}, "accounts": accounts})
    assert found == [[1704207600000, "7", None], [1767366000000, "9", "3"]]


def test_an_engine_that_stands_still_is_not_called_live(looked: Looked) -> None:
    """It runs, and is not heard: the page says so until it is heard again."""
    looked.open("/")
    script = """const { apply } = await module("store.js"), seen = () => document.body.textContent.includes("The engine of house stands still");
    const until = async (silent_s, wanted) => {
      while (seen() !== wanted) { // the server's own beats say that it is heard
        apply("beat", { silent_s });
        await new Promise(requestAnimationFrame);
      }
    };
    await until({ house: 17 }, true);
    await until({}, false);"""
    looked.run(script)
