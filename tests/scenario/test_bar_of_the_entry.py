"""A position's stop and target exist in the bar in which it was opened, as far as the bar is certain."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from holdfast.core.exits import ExitRules
from holdfast.core.messages import Bar, OrderFilled
from holdfast.core.strategy.api import Context
from holdfast.core.types import SECOND_NS, StrategyId, plain
from holdfast.venue.settings import FillAt, VenueSettings
from tests.scenario.account import Account, Scripted, bar, minute

VENUE_PAGE = Path(__file__).parents[2] / "docs" / "venue.md"
NEXT_OPEN = VenueSettings(fill=FillAt.NEXT_OPEN)


class Row(NamedTuple):
    """A row of the page's table: what is asked for, the bar, and what comes of it."""

    entry: str
    prices: tuple[float, ...]
    stop: str
    target: str
    out: str
    is_ambiguous: bool


def rows() -> list[Row]:
    text = VENUE_PAGE.read_text().split("## The bar of the entry")[1].split("\n## ")[0]
    found = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 6 and re.match(r"(market|limit|stop)\b", cells[0]):
            prices = tuple(float(price) for price in cells[1].split())
            stop, target, out, says = cells[2:]
            found.append(Row(cells[0], prices, stop, target, out, says.startswith("ambiguous")))
    return found


def mirrored(price: float) -> float:
    return 200 - price


def test_the_page_has_the_table() -> None:
    """Market, limit and stop entries are in it, certain and ambiguous."""
    assert len(rows()) >= 18
    assert {(row.entry.split()[0], row.is_ambiguous) for row in rows()} == {
        (kind, doubt) for kind in ("market", "limit", "stop") for doubt in (True, False)
    }


@pytest.mark.parametrize("is_long", [True, False], ids=["long", "short"])
@pytest.mark.parametrize("fill", FillAt)
@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.entry} {row.prices}")
def test_each_row_of_the_table_holds(row: Row, fill: FillAt, is_long: bool) -> None:
    """In and out at the prices that it says, and the bar is counted where it is ambiguous."""
    kind, *at = row.entry.split()
    if kind == "market" and fill is FillAt.CLOSE:
        return  # it is in at the close before
    way = float if is_long else mirrored
    asked: dict[str, Any] = {f"{kind}_price": way(float(at[0]))} if at else {}
    asked |= {
        name: way(float(value)) for name, value in (("stop_loss", row.stop), ("take_profit", row.target)) if value
    }

    def enter(context: Context, bar: Bar) -> None:
        (context.buy if is_long else context.sell)("ABC", 10, **asked)

    opens, high, low, close = (way(float(price)) for price in row.prices)
    low, high = min(low, high), max(low, high)
    account = Account(Scripted({1: enter}), venue=VenueSettings(fill=fill))
    account.run(bar(1, 100), bar(2, close, opens=opens, low=low, high=high))
    fills = account.of(OrderFilled)
    assert len(fills) == (2 if row.out else 1)
    assert [float(fill.price) for fill in fills[1:]] == ([way(float(row.out))] if row.out else [])
    assert account.exchange.ambiguous_bars == row.is_ambiguous
    assert account.exchange.decided_bars == bool(row.out)


def entering(**asked: Any) -> Scripted:
    return Scripted({1: lambda context, bar: context.buy("ABC", 10, **asked)})


def fills(account: Account) -> list[str]:
    return [f"{fill.side} {plain(fill.quantity)} @ {plain(fill.price)}" for fill in account.of(OrderFilled)]


def test_a_stop_below_the_close_is_alive_in_the_next_bar() -> None:
    """A bar that closes beyond the stop has passed it: the position isn't kept until the price is back."""
    account = Account(entering(stop_loss=98), venue=NEXT_OPEN)
    account.run(bar(1, 100), bar(2, 96, opens=100), bar(3, 99, opens=98.5))
    assert fills(account) == ["buy 10 @ 100", "sell 10 @ 98"]


@pytest.mark.parametrize("latency_ns", [1, 30 * SECOND_NS])
def test_a_latency_shorter_than_the_bar_leaves_the_stop_its_bar(latency_ns: int) -> None:
    """The entry comes late too, and is given the bar's open."""
    account = Account(entering(stop_loss=98), venue=VenueSettings(latency_ns=latency_ns))
    account.run(bar(1, 100), bar(2, 101, opens=100, low=95))
    assert fills(account) == ["buy 10 @ 100", "sell 10 @ 98"]


def test_a_latency_of_several_bars_brings_the_stop_late() -> None:
    """It can't have been there."""
    account = Account(entering(stop_loss=98), venue=VenueSettings(latency_ns=90 * SECOND_NS))
    account.run(bar(1, 100), bar(2, 100), bar(3, 101, opens=100, low=95), bar(4, 101), bar(5, 97, opens=101))
    assert fills(account) == ["buy 10 @ 100", "sell 10 @ 98"]
    assert account.of(OrderFilled)[1].execution_id
    assert [record.time_ns for record in account.records if isinstance(record.body, OrderFilled)] == [
        minute(3),
        minute(5),
    ]


def test_each_part_of_an_entry_is_stopped_as_far_as_the_volume_goes() -> None:
    """The entry took the whole share of its bar; its stop was passed, and sells at the next open."""
    account = Account(entering(stop_loss=98), venue=VenueSettings(fill=FillAt.NEXT_OPEN, volume_share=Decimal("0.01")))
    account.run(bar(1, 100), bar(2, 101, opens=100, low=95, volume=400), bar(3, 96, opens=97, volume=5000))
    assert fills(account) == ["buy 4 @ 100", "buy 6 @ 97", "sell 4 @ 97", "sell 6 @ 97"]


def test_a_stop_takes_what_the_entry_left_of_the_volume() -> None:
    """Four bought and one sold are the share; the rest goes with the next bar."""
    account = Account(
        Scripted({1: lambda context, bar: context.buy("ABC", 4, stop_loss=98)}),
        venue=VenueSettings(fill=FillAt.NEXT_OPEN, volume_share=Decimal("0.01")),
    )
    account.run(bar(1, 100), bar(2, 101, opens=100, low=95, volume=500), bar(3, 97, opens=97, volume=500))
    assert fills(account) == ["buy 4 @ 100", "sell 1 @ 98", "sell 3 @ 97"]


def test_a_turned_position_has_its_stop_at_once() -> None:
    """From long to short at the open: the buy stop of the short is met on the way to the high, the old sell stop is gone."""
    script = {
        1: lambda context, bar: context.buy("ABC", 10, stop_loss=95),
        2: lambda context, bar: context.target("ABC", -10, stop_loss=102),
    }
    account = Account(Scripted(script), venue=NEXT_OPEN)
    account.run(bar(1, 100), bar(2, 100), bar(3, 100, low=94, high=103))
    assert fills(account) == ["buy 10 @ 100", "sell 20 @ 100", "buy 10 @ 102"]


def test_several_strategies_have_each_their_own() -> None:
    """One buys at the open, the other at its limit; each is out at its own stop."""
    one, other = entering(stop_loss=96), entering(limit_price=98, stop_loss=97)
    account = Account(one, other, venue=NEXT_OPEN)
    account.run(bar(1, 100), bar(2, 101, opens=100, low=95))
    assert sorted(fills(account)) == ["buy 10 @ 100", "buy 10 @ 98", "sell 10 @ 96", "sell 10 @ 97"]
    assert account.position("s0") == account.position("s1") == 0


def test_configured_exits_are_there_as_well() -> None:
    """Two percent of the price that was decided on."""
    account = Account(entering(), venue=NEXT_OPEN)
    account.state.exit_rules[StrategyId("s0")] = ExitRules(stop_loss_pct=Decimal(2))
    account.run(bar(1, 100), bar(2, 101, opens=100, low=95))
    assert fills(account) == ["buy 10 @ 100", "sell 10 @ 98"]


def test_a_stop_sent_from_on_fill_meets_the_rest_of_the_bar() -> None:
    """Whoever protects himself by hand is no worse off."""
    script = {1: lambda context, bar: context.buy("ABC", 10, limit_price=99)}

    def protect(context: Context, fill: OrderFilled) -> None:
        if context.position("ABC").quantity > 0:
            context.sell("ABC", 10, stop_price=97)

    account = Account(Scripted(script, protect))
    account.run(bar(1, 100), bar(2, 101, opens=100, low=95))
    assert fills(account) == ["buy 10 @ 99", "sell 10 @ 97"]


def test_what_is_decided_on_the_bar_does_not_meet_it() -> None:
    """A strategy that has seen the bar sends the same stop: its low is over."""
    script = {
        1: lambda context, bar: context.buy("ABC", 10, limit_price=99),
        2: lambda context, bar: context.sell("ABC", 10, stop_price=97),
    }
    account = Account(Scripted(script)).run(bar(1, 100), bar(2, 101, opens=100, low=95))
    assert fills(account) == ["buy 10 @ 99"]


def test_protection_that_comes_back_overnight_meets_the_whole_next_bar() -> None:
    """The day's reduce-only order expired before the bar began, so its stop stood from the open on."""
    script = {
        1: lambda context, bar: context.buy("ABC", 10, stop_loss=98),
        2: lambda context, bar: context.sell("ABC", 10, limit_price=120),
    }
    day = 24 * 60
    account = Account(Scripted(script)).run(bar(1, 100), bar(2, 100), bar(day + 1, 99, opens=100, low=97))
    assert fills(account) == ["buy 10 @ 100", "sell 10 @ 98"]


def test_a_fill_at_the_open_was_executed_when_the_bar_began() -> None:
    """Its record comes with the bar, at the end; an execution within the bar has no better time."""
    account = Account(entering(stop_loss=98), venue=NEXT_OPEN)
    account.run(bar(1, 100), bar(2, 101, opens=100, low=95))
    assert [fill.executed_ns for fill in account.of(OrderFilled)] == [minute(1), 0]
    assert [record.time_ns for record in account.records if isinstance(record.body, OrderFilled)] == [minute(2)] * 2
