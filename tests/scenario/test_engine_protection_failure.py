# mypy: disable-error-code="comparison-overlap", no-warn-unreachable
# (quantities are compared with plain numbers)
"""Protection that the exchange doesn't take: bounded tries, then the policy; how long a position was unprotected."""

from itertools import pairwise
from typing import Any

import pytest

from holdfast.core import lifecycle
from holdfast.core.messages import (
    AnyBody,
    BrokerName,
    Heartbeat,
    OrderCanceled,
    OrderFilled,
    OrderPrepared,
    OrderTerms,
    Report,
)
from holdfast.core.milestones import Impaired
from holdfast.core.orders.order import OrderState
from holdfast.core.protection.policy import CLOSE_TRIES, LEG_TRIES, PAUSES_NS, ProtectionPolicy
from holdfast.core.protection.records import (
    OnFailure,
    PositionClosing,
    PositionLeft,
    ProtectionComplete,
    ProtectionFailed,
    ProtectionLate,
)
from holdfast.core.types import NO_MONEY, SECOND_NS, OrderRole
from holdfast.venue.exchange import Exchange
from holdfast.venue.settings import VenueSettings
from tests.scenario.account import DAYS, START_NS, Account, Scripted, minute, price
from tests.scenario.test_engine_protection import STOP, Picky, covered, enter, legs, live

LATE_NS = 10 * SECOND_NS


def beats(account: Account, seconds: int) -> Account:
    """Let so many seconds pass without an event."""
    now_ns = account.state.now_ns
    return account.run(*[Heartbeat(now_ns + second * SECOND_NS) for second in range(1, seconds + 1)])


def no_stops(on_failure: OnFailure, refuses: Any = lambda terms: terms.role is STOP, **script: Any) -> Account:
    """A strategy that buys 100 with a stop, where the exchange refuses some orders."""
    account = Account(Scripted(script.get("script", {1: enter(take_profit=None)})), exchange=Picky(refuses))
    account.state.protection = ProtectionPolicy(on_failure, LATE_NS)
    return account.closes(1, 100)


def stops_made(account: Account) -> int:
    return sum(body.terms.role is STOP for body in account.of(OrderPrepared))


def test_a_refused_stop_is_tried_again_at_once_and_then_with_pauses() -> None:
    """The tries come after the stated pauses, and are no more than stated."""
    account = beats(no_stops(OnFailure.ALERT), 60)
    made = [record.time_ns for record in account.records if isinstance(record.body, OrderPrepared)][1:]
    assert [later - sooner for sooner, later in pairwise(made)] == list(PAUSES_NS)
    assert stops_made(account) == LEG_TRIES


def test_alert_reports_once_and_keeps_the_guard() -> None:
    """The failure and the alarm are recorded once each, the guard stays to be seen, and trading goes on."""
    script = {1: enter(take_profit=None), 3: lambda context, _: context.buy("ABC", 1)}
    account = beats(no_stops(OnFailure.ALERT, script=script), 60).closes(3, 100, 100)
    (failed,) = account.of(ProtectionFailed)
    assert (failed.strategy, failed.symbol, failed.action) == ("s0", "ABC", OnFailure.ALERT)
    assert failed.reason == "5 protective orders in a row came to nothing; the last: not here"
    (late,) = account.of(ProtectionLate)
    assert (late.quantity, late.protected, late.unprotected_ns) == (100, 0, LATE_NS)
    assert (account.position(), len(account.state.guards), account.of(PositionClosing)) == (101, 1, [])


def test_flatten_closes_the_position_that_can_not_be_protected() -> None:
    """After the last try exactly what is open is closed, and nothing is left over."""
    account = beats(no_stops(OnFailure.FLATTEN), 20)
    (closing,) = account.of(PositionClosing)
    assert closing.reason == "it can't be protected"
    assert (account.position(), live(account), account.state.guards, account.state.closing) == (0, [], {}, {})
    close = account.order(account.state.order_count).terms
    assert (close.side, close.quantity, close.role) == ("sell", 100, OrderRole.REGULAR)
    assert account.of(ProtectionLate) == []  # seven seconds of tries come before ten of alarm


def test_flatten_leaves_to_a_person_what_will_not_close() -> None:
    """An exchange that takes neither stop nor close: a few tries, then an alarm, and no more orders."""
    account = beats(no_stops(OnFailure.FLATTEN, lambda terms: terms.side == "sell"), 60)
    (left,) = account.of(PositionLeft)
    assert (left.quantity, left.reason) == (100, "it can't be protected, and 3 orders did not close it")
    assert len(account.of(OrderPrepared)) == 1 + LEG_TRIES + CLOSE_TRIES
    assert len(beats(account, 60).of(OrderPrepared)) == 1 + LEG_TRIES + CLOSE_TRIES


def test_retry_goes_on_with_growing_pauses_until_it_is_taken() -> None:
    """An exchange that takes a stop after an hour has it within a minute; the failure was reported once."""
    taken: list[bool] = []
    account = no_stops(OnFailure.RETRY, lambda terms: terms.role is STOP and not taken)
    for _ in range(60):
        beats(account, 60)
    assert len(account.of(ProtectionFailed)) == 1
    assert stops_made(account) < 75
    taken.append(True)
    beats(account, 60)
    assert legs(account) == [(STOP, 100)]
    (complete,) = account.of(ProtectionComplete)
    assert complete.unprotected_ns > 3600 * SECOND_NS


def test_the_strategy_wishes_in_vain_while_its_position_is_being_closed() -> None:
    """An entry during the close would hold it up: it is dropped, and later ones are taken."""
    script = {1: enter(take_profit=None), 2: lambda context, _: context.buy("ABC", 7)}
    account = no_stops(OnFailure.FLATTEN, lambda terms: terms.role is STOP, script=script)
    beats(account, 20).closes(2, 100, 100)
    assert account.position() == 7


@pytest.mark.parametrize("lived_s", [1, 120])
def test_a_broker_that_cancels_what_it_took(lived_s: int) -> None:
    """A stop canceled again and again has failed; one canceled every two minutes is only placed again."""
    account = Account(Scripted({1: enter(take_profit=None)})).closes(1, 100)
    account.state.protection = ProtectionPolicy(OnFailure.ALERT, LATE_NS)
    for _ in range(10):
        for leg in live(account):
            account.exchange.remove(leg.terms.client_order_id)
            account.take(Report(account.state.now_ns, OrderCanceled(leg.terms.client_order_id, "by the broker")))
        beats(account, lived_s)
    assert len(account.of(ProtectionFailed)) == (1 if lived_s == 1 else 0)
    assert covered_by_stop(account) is (lived_s != 1)


def covered_by_stop(account: Account) -> bool:
    return legs(account) == [(STOP, account.position())]


def test_a_leg_canceled_alone_takes_its_twin_along_and_counts_once() -> None:
    """A pair of which the broker ends one leg is placed anew as a pair: one failure, not two."""
    account = Account(Scripted({1: enter()})).closes(1, 100)
    stop, _ = live(account)
    account.exchange.remove(stop.terms.client_order_id)
    account.take(Report(account.state.now_ns, OrderCanceled(stop.terms.client_order_id, "by the broker")))
    assert covered(account)
    (cover,) = account.state.covers.values()
    assert (cover.failures, cover.since_ns) == (1, 0)


def test_the_time_unprotected_is_from_the_fill_to_the_brokers_word() -> None:
    """Complete only when the exchange has acknowledged the whole: measured from the first fill that was not covered."""
    slow = Slow()
    account = Account(Scripted({1: enter(take_profit=None)}), exchange=slow).closes(1, 100)
    assert (account.position(), account.of(ProtectionComplete)) == (100, [])
    beats(account, 3)
    slow.answer(account)
    (complete,) = account.of(ProtectionComplete)
    assert (complete.quantity, complete.unprotected_ns) == (100, 3 * SECOND_NS)


def test_an_answer_that_does_not_come_is_an_alarm() -> None:
    """A stop without an answer protects nothing that is known of: after the stated time an alarm says so, once."""
    slow = Slow()
    account = beats(Account(Scripted({1: enter(take_profit=None)}), exchange=slow).closes(1, 100), 60)
    (late,) = account.of(ProtectionLate)
    assert late.unprotected_ns == LATE_NS
    slow.answer(account)
    (complete,) = account.of(ProtectionComplete)
    assert complete.unprotected_ns == 60 * SECOND_NS


def test_an_alarm_comes_with_the_market_where_no_heartbeat_does() -> None:
    """In a backtest the bars carry the time."""
    account = Account(Scripted({1: enter(take_profit=None)}), exchange=Slow()).closes(1, 100, 100)
    (late,) = account.of(ProtectionLate)
    assert late.unprotected_ns == minute(2) - minute(1)
    assert account.state.now_ns > START_NS


class Slow(Picky):
    """An exchange that answers a protective order when it is told to."""

    def __init__(self) -> None:
        super().__init__(lambda _: False)
        self._kept: list[tuple[OrderTerms, int]] = []

    def submit(self, terms: OrderTerms, released_ns: int, now_ns: int) -> Any:
        if terms.role is STOP:
            self._kept.append((terms, released_ns))
            return []
        return super().submit(terms, released_ns, now_ns)

    def answer(self, account: Account) -> None:
        """Take what was sent."""
        for terms, released_ns in self._kept:
            for report in super().submit(terms, released_ns, account.state.now_ns):
                account.take(report)


def test_a_way_out_that_comes_to_nothing_is_no_gap_when_the_legs_are_back() -> None:
    """While a close is under way nothing is to be protected; when it fails the clock starts, and stops with the new legs."""
    script = {1: enter(), 2: lambda context, _: context.sell("ABC", 100, trail_percent=50, time_in_force="opg")}
    account = Account(Scripted(script)).closes(1, 100, 101)
    assert [order.state for order in account.state.orders.finished.values()].count(OrderState.REJECTED) == 1
    assert covered(account)
    assert [body.quantity for body in account.of(ProtectionComplete)] == [100, 100]


# --- starts -----------------------------------------------------------------------------------------------------------


class Mute(Exchange):
    """An exchange that takes exits and says nothing of them: their answers are lost with the engine."""

    def __init__(self) -> None:
        super().__init__(VenueSettings(), DAYS)

    def submit(self, terms: OrderTerms, released_ns: int, now_ns: int) -> Any:
        return super().submit(terms, released_ns, now_ns) if terms.role is OrderRole.REGULAR else []


def unconfirmed() -> tuple[Account, OrderTerms, OrderTerms]:
    """An account that has started again with a position whose stop and target have no answer yet; these two."""
    account = start_again(Account(Scripted({1: enter()}), exchange=Mute()).closes(1, 100, 100), 2)
    assert [body.cause for body in account.of(Impaired)] == ["protection"]
    stop, target = [order.terms for order in account.state.orders.live.values()]
    return account, stop, target


def start_again(account: Account, epoch: int, *meanwhile: AnyBody) -> Account:
    """A new start at a broker that has gone on, and what it tells before the account may trade."""
    account.state.broker = BrokerName("alpaca")
    account._work(lifecycle.start(account.state, epoch, "test", "test"))
    for body in meanwhile:
        account.take(Report(account.state.now_ns, body))  # type: ignore[arg-type]
    account._work(lifecycle.recovered(account.state, lifecycle.nothing_recovered(account.state)))
    return account


def fill_of(terms: OrderTerms) -> OrderFilled:
    return OrderFilled(terms.client_order_id, "x:100", "ABC", terms.side, terms.quantity, price(120), NO_MONEY)


def test_a_target_that_fills_last_is_the_end_of_the_preservation_that_missed_it() -> None:
    """Its stop was canceled before, so no report of a linked order comes behind the fill: nothing is missing all the same."""
    account, stop, target = unconfirmed()
    start_again(account, 3, OrderCanceled(stop.client_order_id, "by itself"), fill_of(target))
    assert (account.position(), account.state.impairments) == (0, {})
    assert account.state.account_state.takes_risk


@pytest.mark.parametrize("on_failure", OnFailure)
@pytest.mark.parametrize(("market", "is_closed"), [(89, True), (90, True), (91, False)])
def test_a_refused_stop_that_the_market_has_reached_is_carried_out(
    on_failure: OnFailure, market: int, is_closed: bool
) -> None:
    """The stop is at 90 and refused. At 90 or below it would have fired: the position is closed at once, whatever the policy; above it isn't."""
    account = no_stops(on_failure).closes(2, market)
    beats(account, 1)
    closing = [body.reason for body in account.of(PositionClosing)]
    assert closing == ["the market has reached its stop, which the broker would not take"] * is_closed
    assert not account.of(ProtectionFailed)
    account.closes(3, market)
    assert (account.position() == 0) is is_closed
