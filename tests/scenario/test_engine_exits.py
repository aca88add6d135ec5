# mypy: disable-error-code="comparison-overlap", no-warn-unreachable
# (quantities are compared with plain numbers)
"""Stops that follow the market, stops that go to break-even, and positions that are held for a time."""

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from holdfast.core.exits import Exits
from holdfast.core.messages import Action, CommandDone, Halt, Heartbeat, OrderPrepared, Trade
from holdfast.core.protection.policy import MOVE_EVERY_NS
from holdfast.core.protection.records import PositionClosing, StopMoved
from holdfast.core.types import HOUR_NS, MINUTE_NS, SECOND_NS, OrderRole
from holdfast.venue.settings import VenueSettings
from tests.scenario.account import Account, Scripted, bar, minute, price
from tests.scenario.test_engine_protection import STOP, TARGET, covered, live


def entry(side: str = "buy", quantity: int = 100, **exits: Any) -> Any:
    return lambda context, _: getattr(context, side)("ABC", quantity, **exits)


def stops(account: Account) -> list[tuple[Decimal | None, Decimal]]:
    return [(leg.terms.stop_price, leg.remaining) for leg in live(account) if leg.terms.role is STOP]


def test_a_trailing_stop_begins_at_its_distance_from_the_fill() -> None:
    """A stop that trails by five, or by five percent, is at the exchange as the entry fills."""
    either: tuple[dict[str, Any], ...] = ({"trail_stop": 5}, {"trail_stop_percent": 5})
    for exits in either:
        account = Account(Scripted({1: entry(**exits)})).closes(1, 100)
        assert stops(account) == [(95, 100)]


def test_it_follows_the_market_up_and_stays_when_that_falls() -> None:
    """For a long position the stop rises with the best price and never falls; then it closes there."""
    account = Account(Scripted({1: entry(trail_stop=5)})).closes(1, 100, 104, 110, 108, 106)
    assert [move.stop_loss for move in account.of(StopMoved)] == [99, 105]
    assert stops(account) == [(105, 100)]
    account.closes(6, 104)
    assert (account.position(), live(account)) == (0, [])


def test_a_short_position_mirrors_it() -> None:
    """For a short position the stop falls with the market."""
    account = Account(Scripted({1: entry("sell", trail_stop_percent=5)})).closes(1, 100, 90, 95)
    assert [(move.stop_loss, move.reason) for move in account.of(StopMoved)] == [(price("94.5"), "trail")]
    assert account.position() == 0


def test_a_move_is_a_tenth_of_the_distance_at_least() -> None:
    """Small steps of the market don't make orders."""
    account = Account(Scripted({1: entry(trail_stop=5)})).closes(1, 100, 100.4, 100.49)
    assert account.of(StopMoved) == []
    account.closes(4, 100.5)
    assert [move.stop_loss for move in account.of(StopMoved)] == [price("95.5")]


def test_a_stop_moves_no_more_often_than_stated() -> None:
    """A market that runs up every second moves the stop every fifteen."""
    account = Account(Scripted({1: entry(trail_stop=5)})).closes(1, 100)
    account.run(*[Trade("ABC", minute(1) + second * SECOND_NS, 100.0 + second, 1000.0) for second in range(1, 61)])
    moves = [record.time_ns for record in account.records if isinstance(record.body, StopMoved)]
    assert len(moves) == 60 * SECOND_NS // MOVE_EVERY_NS
    assert all(later - sooner >= MOVE_EVERY_NS for sooner, later in pairwise(moves))


def test_a_linked_target_moves_with_its_stop() -> None:
    """With a target, the pair is canceled and placed anew, the target where it was."""
    account = Account(Scripted({1: entry(trail_stop=5, take_profit=120)})).closes(1, 100, 110)
    assert stops(account) == [(105, 100)]
    assert covered(account)
    assert {leg.terms.limit_price for leg in live(account) if leg.terms.role is TARGET} == {120}


def test_break_even_moves_the_stop_to_the_average_price_once() -> None:
    """Once the market was there the stop stands where the position cost nothing, and stays."""
    account = Account(Scripted({1: entry(stop_loss=90, break_even_at=105)})).closes(1, 100, 104, 106, 120, 101)
    assert [(move.stop_loss, move.reason) for move in account.of(StopMoved)] == [(100, "break_even")]
    assert stops(account) == [(100, 100)]


def test_break_even_without_a_stop_places_one() -> None:
    """A position without a stop gets its first at break-even."""
    account = Account(Scripted({1: entry(break_even_at=105)})).closes(1, 100)
    assert live(account) == []
    assert stops(account.closes(2, 106)) == [(100, 100)]


def test_of_a_fixed_and_a_trailing_stop_the_nearer_counts() -> None:
    """A stop at 97 begins there; the trail takes over when it has come nearer."""
    account = Account(Scripted({1: entry(stop_loss=97, trail_stop=5)})).closes(1, 100)
    assert stops(account) == [(97, 100)]
    account.closes(2, 101, 103)
    assert stops(account) == [(98, 100)]


def test_a_part_that_fills_later_does_not_send_the_stop_back() -> None:
    """The stop that has moved covers what fills next."""
    account = Account(Scripted({1: entry(trail_stop=5)}), venue=VenueSettings(volume_share=Decimal("0.1")))
    account.run(bar(1, 100.0, volume=500.0), bar(2, 110.0, volume=300.0), bar(3, 108.0, volume=500.0))
    assert account.position() == 100
    assert {level for level, _ in stops(account)} == {105}
    assert sum(quantity for _, quantity in stops(account)) == 100


def test_time_is_up() -> None:
    """After its time the position is closed, its legs are canceled first, and the guard is gone."""
    account = Account(Scripted({1: entry(stop_loss=90, hold_s=120)})).closes(1, 100, 100)
    assert account.position() == 100
    account.run(Heartbeat(minute(3) - 1))
    assert account.position() == 100
    account.run(Heartbeat(minute(3)))
    assert (account.position(), live(account), account.state.guards) == (0, [], {})
    assert [body.reason for body in account.of(PositionClosing)] == ["it was to be held no longer"]


def test_time_is_up_with_the_bar_that_carries_the_time() -> None:
    """In a backtest too, and without a stop; the clock is not looked at before."""
    account = Account(Scripted({1: entry(hold_s=180)})).closes(1, 100, 100, 100)
    assert account.state.wake_ns == minute(4)
    assert account.closes(4, 100).position() == 0


def test_a_position_closed_before_its_time_is_left_alone() -> None:
    """The time of a position that is gone brings nothing, and a new one has its own."""
    script = {1: entry(hold_s=180), 2: lambda context, _: context.close("ABC"), 3: entry(hold_s=180)}
    account = Account(Scripted(script)).closes(1, 100, 100, 100, 100, 100)
    assert account.position() == 100
    assert account.closes(6, 100).position() == 0
    assert len(account.of(PositionClosing)) == 1


def test_time_is_up_while_the_account_is_halted() -> None:
    """A halt stops no reduce-only order."""
    account = Account(Scripted({1: entry(hold_s=60)})).closes(1, 100)
    account.ask(Halt())
    assert account.closes(2, 100).position() == 0


def test_a_person_asks_for_the_same() -> None:
    """A manual order carries its exits, and values that can't be are refused with what is wrong."""
    account = Account().closes(1, 100)
    account.place(Action.BUY, 10, exits=Exits(trail_percent=Decimal(5), hold_ns=2 * MINUTE_NS))
    assert stops(account) == [(95, 10)]
    assert account.closes(2, 100, 100).position("manual") == 0
    account.place(Action.BUY, 10, exits=Exits(trail_percent=Decimal(100)))
    (*_, refused) = account.of(CommandDone)
    assert refused.text == "nothing was ordered: trail_stop_percent must be above 0 and below 100, not 100"


@pytest.mark.parametrize("exits", [{"trail_stop": 1, "trail_stop_percent": 1}, {"hold_s": 0}, {"break_even_at": -1}])
def test_values_that_can_not_be_stop_the_strategy(exits: dict[str, Any]) -> None:
    """They are refused where they are given."""
    account = Account(Scripted({1: entry(**exits)})).closes(1, 100)
    assert account.of(OrderPrepared) == []
    assert account.state.stopped == {"s0"}


def test_no_exits_no_work() -> None:
    """Where no guard asks for it nothing is followed and the clock is looked at by the hour."""
    account = Account(Scripted({1: entry(stop_loss=90)})).closes(1, 100, 110)
    assert account.state.followed == frozenset()
    assert account.of(StopMoved) == []
    assert account.state.wake_ns >= minute(1) // HOUR_NS * HOUR_NS + HOUR_NS
    assert [leg.terms.role for leg in live(account)] == [OrderRole.STOP_LOSS]
