"""Protection where several strategies share an account: no more is protected than would be left of the account's shares."""

import pytest

from holdfast.core.messages import Action, Heartbeat
from holdfast.core.protection.cover import is_covered, to_protect
from holdfast.core.protection.records import ProtectionLate
from holdfast.core.types import MINUTE_NS, Side, StrategyId
from tests.scenario.account import price
from tests.scenario.test_known_gaps import Books

pytestmark = pytest.mark.proves("I17")


@pytest.mark.parametrize(
    ("short", "sold", "stop"),
    [
        (6, 4, 0),  # four of the account's four are on their reduce-only order
        (6, 3, 1),
        (2, 3, 5),  # eight are the account's
        (0, 4, 6),
        (6, 6, 0),
    ],
)
def test_what_is_going_out_is_not_protected_as_well(short: int, sold: int, stop: int) -> None:
    """Ten are a strategy's, some of which another has sold short. A sale on its way takes from the account's as well as from the ten."""
    books = Books()
    books.hold("s0", 10, stop_loss=price(90))
    if short:
        books.hold("s1", -short)
    books.place("s0", Action.SELL, sold)
    books.confirm()
    books.confirm()
    assert sum(quantity for role, _, quantity in books.at_work() if role == "stop_loss") == stop
    assert to_protect(books.account.state, (StrategyId("s0"), "ABC")) == stop


def test_a_close_on_its_way_is_no_missing_protection() -> None:
    """The account has four of a strategy's ten, and all four are being sold: there is nothing more to protect, and no alarm."""
    books = Books()
    books.hold("s0", 10, stop_loss=price(90))
    books.hold("s1", -6)
    books.place("s0", Action.SELL, 4)
    books.confirm()
    assert books.at_work() == [("entry", "sell", 4)]
    assert is_covered(books.account.state, (StrategyId("s0"), "ABC"))
    books.account.run(Heartbeat(books.account.state.now_ns + 2 * MINUTE_NS))
    assert books.account.of(ProtectionLate) == []


def test_what_an_older_guard_is_selling_is_not_the_youngers() -> None:
    """Ten and ten, and ten sold short: the account's ten are the older's, also while they are being sold."""
    books = Books()
    books.hold("s0", 10, stop_loss=price(90))
    books.hold("s1", 10, stop_loss=price(90))
    books.order("s2", Side.SELL, 10)
    books.fill(books.last())
    books.confirm()
    books.place("s0", Action.SELL, 10)
    books.confirm()
    assert ("entry", "sell", 10) in books.at_work()
    assert [row for row in books.at_work() if row[0] == "stop_loss"] == []
    assert to_protect(books.account.state, (StrategyId("s1"), "ABC")) == 0
    books.fill(books.last())  # now none is left, and nothing may sell what isn't there
    assert books.at_work() == []
