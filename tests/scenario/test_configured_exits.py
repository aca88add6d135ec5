# mypy: disable-error-code="comparison-overlap"
# (quantities and prices are compared with plain numbers)
"""Reduce-only orders that a strategy's configuration gives to entries which ask for none themselves."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from holdfast.core.exits import ExitRules
from holdfast.core.messages import OrderPrepared
from holdfast.core.types import OrderRole
from tests.scenario.account import Account, Scripted
from tests.scenario.test_engine_exits import entry, stops
from tests.scenario.test_engine_protection import TARGET, live


def ruled(account: Account, **rules: Any) -> Account:
    """The account with these rules for each of its strategies."""
    converted = msgspec.convert(rules, ExitRules, strict=False)
    account.state.exit_rules = dict.fromkeys(account.state.host.runners, converted)
    return account


def targets(account: Account) -> list[Decimal | None]:
    return [leg.terms.limit_price for leg in live(account) if leg.terms.role is TARGET]


@pytest.mark.parametrize(("side", "stop", "target"), [("buy", 98, 104), ("sell", 102, 96)])
def test_an_entry_that_asks_for_nothing_gets_what_is_configured(side: str, stop: int, target: int) -> None:
    """A stop and a target, each at its distance and on its side."""
    account = ruled(Account(Scripted({1: entry(side)})), stop_loss_pct=2, take_profit_pct=4).closes(1, 100)
    assert (stops(account), targets(account)) == ([(stop, 100)], [target])


@pytest.mark.parametrize(("side", "limit", "stop"), [("buy", 101, "99.5"), ("sell", 99, "100.5")])
def test_the_stop_of_a_limit_through_the_market_is_measured_from_the_market(side: str, limit: int, stop: str) -> None:
    """It trades at 100. A stop measured from the limit would be behind the market, and the position gone at once."""
    account = ruled(Account(Scripted({1: entry(side, limit_price=limit)})), stop_loss_pct=Decimal("0.5")).closes(1, 100)
    assert stops(account) == [(Decimal(stop), 100)]


def test_what_an_entry_asks_for_counts() -> None:
    """Its own stop takes the place of the configured one; the configured target is added."""
    account = ruled(Account(Scripted({1: entry(stop_loss=90)})), stop_loss_pct=2, take_profit_pct=4).closes(1, 100)
    assert (stops(account), targets(account)) == ([(90, 100)], [104])


def test_a_trailing_stop_can_be_configured_and_gives_way_to_a_fixed_one() -> None:
    """It follows the market for an entry without a stop, and isn't there for one that has its own."""
    account = ruled(Account(Scripted({1: entry()})), trail_percent=5).closes(1, 100, 110)
    assert stops(account) == [(Decimal("104.5"), 100)]
    account = ruled(Account(Scripted({1: entry(stop_loss=90)})), trail_percent=5).closes(1, 100, 110)
    assert stops(account) == [(90, 100)]


def test_a_target_that_turns_round_is_protected_on_its_new_side() -> None:
    """From long to short the stop is above the market; a close asks for none."""
    turns = {1: lambda context, _: context.target("ABC", 10), 3: lambda context, _: context.target("ABC", -10)}
    account = ruled(Account(Scripted(turns)), stop_loss_pct=2).closes(1, 100, 100, 100, 100)
    assert (account.position(), stops(account)) == (-10, [(102, 10)])
    closes = {1: lambda context, _: context.target("ABC", 10), 3: lambda context, _: context.close("ABC")}
    account = ruled(Account(Scripted(closes)), stop_loss_pct=2).closes(1, 100, 100, 100, 100)
    closing = [order.terms for order in account.of(OrderPrepared) if order.terms.role is OrderRole.REGULAR][-1]
    assert (account.position(), live(account), closing.stop_loss) == (0, [], None)


@pytest.mark.parametrize(
    "rules",
    [{"stop_loss_pct": 0}, {"take_profit_pct": 100}, {"hold_s": 0}, {"stop_loss_pct": 2, "trail_percent": 2}],
)
def test_rules_that_can_not_be_are_refused(rules: dict[str, Any]) -> None:
    """As the configuration is read."""
    with pytest.raises(msgspec.ValidationError, match=r"must be (above|at least)|trails"):
        msgspec.convert(rules, ExitRules, strict=False)
