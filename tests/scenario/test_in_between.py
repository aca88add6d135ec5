# mypy: disable-error-code="comparison-overlap", no-warn-unreachable
# (quantities are compared with plain numbers)
"""What happens between an engine's asking and its broker's answer: flattens, PRESERVATION and closes that meet something on their way."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from holdfast.core import lifecycle
from holdfast.core.broker_rules import BrokerRules
from holdfast.core.codec import external_order_id
from holdfast.core.engine import step
from holdfast.core.engine.market import show
from holdfast.core.exits import Exits
from holdfast.core.findings import Comparison
from holdfast.core.messages import (
    Action,
    CancelOrders,
    CancelRefused,
    FillBusted,
    Flatten,
    Flattened,
    Health,
    Heartbeat,
    OrderAccepted,
    OrderAdopted,
    OrderCanceled,
    OrderFilled,
    OrderNotSent,
    OrderTerms,
    PlaceOrder,
    Preserve,
    Report,
    Resume,
    Signal,
)
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.protection.policy import Preservation, ProtectionPolicy
from holdfast.core.protection.records import PositionClosing, PositionLeft, ProtectionLate
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.types import (
    MINUTE_NS,
    NO_MONEY,
    SECOND_NS,
    ClientOrderId,
    Money,
    OrderType,
    Quantity,
    Side,
    StrategyId,
)
from tests.property.test_protection import Model
from tests.scenario.account import Account, Scripted, bar, minute, new_state, price
from tests.scenario.test_engine_protection import STOP, covered, enter, legs
from tests.scenario.test_engine_protection_failure import start_again
from tests.scenario.test_preservation import AFTER_NS, later, lose, trading


class Quiet:
    """An account at a broker that says nothing by itself."""

    def __init__(self, **rules: Any) -> None:
        self.model = Model()
        self.account = self.model.account = Account(exchange=self.model, **rules)
        self.account.run(bar(1, 100.0), bar(1, 100.0, symbol="XYZ"))

    def order(
        self, side: Side, quantity: int, strategy: str = "s0", symbol: str = "ABC", **terms: Any
    ) -> ClientOrderId:
        """Order something; its id."""
        action = Action.BUY if side is Side.BUY else Action.SELL
        signal = Signal(StrategyId(strategy), symbol, action, side, Quantity(Decimal(quantity)), **terms)
        self.account.ask(PlaceOrder(signal), f"c{self.account.state.sequence}")
        return self.last()

    def last(self) -> ClientOrderId:
        """The order made last."""
        return self.account.state.ids.order(self.account.state.order_count)

    def hold(self, quantity: int, strategy: str = "s0", symbol: str = "ABC", **terms: Any) -> None:
        """Buy something; what protects it works."""
        self.model.fill(self.order(Side.BUY, quantity, strategy, symbol, **terms), Decimal(1))
        self.accept()

    def accept(self) -> None:
        """Every order works."""
        for key in [key for key, order in self.model.orders.items() if not order.is_accepted]:
            self.model.accept(key)

    def stop(self, symbol: str = "ABC") -> ClientOrderId:
        """The stop in a symbol."""
        (key,) = [
            key for key, order in self.model.orders.items() if (order.terms.symbol, order.terms.role) == (symbol, STOP)
        ]
        return key

    def canceling(self) -> list[ClientOrderId]:
        """The orders whose cancel was asked for."""
        return [key for key, order in self.model.orders.items() if order.is_canceling]

    def stops_of(self, symbol: str) -> list[Decimal]:
        """What the stops in a symbol would close."""
        live = self.account.state.orders.live.values()
        return [order.remaining for order in live if (order.terms.symbol, order.terms.role) == (symbol, STOP)]


# --- flattens ---------------------------------------------------------------------------------------------------------


def half_flattened() -> Quiet:
    """Two protected positions and a flatten; the cancel of one stop is confirmed, that of the other not yet."""
    quiet = Quiet()
    quiet.hold(100, stop_loss=price(90))
    quiet.hold(10, symbol="XYZ", stop_loss=price(90))
    quiet.account.ask(Flatten(), "f")
    quiet.model.end(quiet.stop(), OrderCanceled)
    return quiet


def go_to_the_end(quiet: Quiet) -> None:
    """The other cancel is confirmed as well, and what the flatten orders then fills."""
    quiet.model.end(quiet.stop("XYZ"), OrderCanceled)
    for key in list(quiet.model.orders):
        quiet.model.fill(key, Decimal(1))


def start(quiet: Quiet) -> None:
    start_again(quiet.account, 2)


def accept_what_is_there(quiet: Quiet) -> None:
    state = quiet.account.state
    held = tuple((symbol, Quantity(line.quantity), price(100)) for symbol, line in state.portfolio.open_lines())
    quiet.account.take(Comparison(state.now_ns, state.portfolio.cash, held, accept=True, reason="a test"))


@pytest.mark.parametrize("meanwhile", [start, accept_what_is_there])
def test_nothing_is_protected_while_a_flatten_is_on(meanwhile: Callable[[Quiet], None]) -> None:
    """A new start, or a person who accepts what the broker has: a stop placed then would hold the flatten up for ever."""
    quiet = half_flattened()
    meanwhile(quiet)
    assert quiet.stops_of("ABC") == []
    go_to_the_end(quiet)
    assert quiet.account.of(Flattened) == [Flattened()]


def test_a_flatten_that_is_given_up_leaves_nothing_bare() -> None:
    """A resume in the middle: the stop whose cancel was confirmed before is placed again at once."""
    quiet = half_flattened()
    quiet.account.ask(Resume(), "r")
    assert quiet.stops_of("ABC") == [100]


def test_a_refused_cancel_does_not_hold_a_flatten_up() -> None:
    """The broker refuses one and the order works on: it is asked for again."""
    quiet = half_flattened()
    key = quiet.stop("XYZ")
    quiet.model.orders[key].is_canceling = False
    quiet.model.tell(CancelRefused(key, "not now"))
    later(quiet.account, SECOND_NS)
    assert quiet.canceling() == []
    later(quiet.account, MINUTE_NS)
    assert quiet.canceling() == [key]
    go_to_the_end(quiet)
    assert quiet.account.of(Flattened) == [Flattened()]


def test_an_order_that_turns_up_during_a_flatten_is_canceled() -> None:
    """One that was proven not to be there, and is: nobody had asked for its cancel."""
    quiet = Quiet()
    quiet.hold(5, stop_loss=price(90))
    lost = quiet.order(Side.BUY, 10, limit_price=price(99), order_type=OrderType.LIMIT)
    quiet.model.tell(OrderNotSent(lost, "not there"))
    quiet.account.ask(Flatten(), "f")
    quiet.model.tell(OrderAccepted(lost, "b1"))
    later(quiet.account, MINUTE_NS)
    assert set(quiet.canceling()) == {lost, quiet.stop()}


def test_what_a_flatten_itself_orders_works_on() -> None:
    """However long a close takes, it isn't taken for one that is in the way."""
    quiet = Quiet()
    quiet.hold(100)
    quiet.account.ask(Flatten(), "f")
    quiet.accept()
    later(quiet.account, 2 * MINUTE_NS)
    assert (len(quiet.model.orders), quiet.canceling()) == (1, [])


# --- PRESERVATION -----------------------------------------------------------------------------------------------------


def test_a_start_finds_a_connection_back_and_sells_nothing() -> None:
    """It was missing when the last engine died an hour ago: the time it has to come back begins with the new start."""
    account = trading(Preservation.CLOSE_ALL)
    lose(account, "order events")
    account.state.now_ns += 3600 * SECOND_NS
    start_again(account, 2)
    account.take_health(Health(account.state.now_ns, "order events", ok=True, reason="after a new start"))
    assert (account.state.account_state.takes_risk, account.of(PositionClosing)) == (True, [])


def test_a_start_waits_for_a_connection_as_long_as_ever() -> None:
    """One that stays away after the start as well is acted on, no sooner than it says."""
    account = trading(Preservation.CLOSE_ALL)
    lose(account, "order events")
    account.state.now_ns += 3600 * SECOND_NS
    start_again(account, 2)
    later(account, AFTER_NS - 1)
    assert account.of(PositionClosing) == []
    later(account, 1)
    assert len(account.of(PositionClosing)) == 2


def test_a_start_does_not_wait_where_nothing_may_come_back() -> None:
    """What a person asked for is carried out with the first look at the clock."""
    account = trading()
    account.ask(Preserve())
    account.state.protection = ProtectionPolicy(preservation=Preservation.CLOSE_ALL)
    start_again(account, 2)
    later(account, 1)
    assert len(account.of(PositionClosing)) == 2


@pytest.mark.parametrize("policy", [Preservation.CLOSE_UNPROTECTED, Preservation.CLOSE_ALL])
def test_an_entry_that_fills_after_its_cancel_was_asked_for_is_closed(policy: Preservation) -> None:
    """PRESERVATION has acted before: what opens after that is closed as it comes, not with the next hour."""
    quiet = Quiet()
    quiet.account.state.protection = ProtectionPolicy(preservation=policy)
    key = quiet.order(Side.BUY, 10, limit_price=price(99), order_type=OrderType.LIMIT)
    quiet.accept()
    lose(quiet.account)
    later(quiet.account, AFTER_NS)
    assert quiet.canceling() == [key]
    quiet.model.fill(key, Decimal(1))
    later(quiet.account, 1)
    assert len(quiet.account.of(PositionClosing)) == 1


def test_an_entry_that_turns_up_in_preservation_is_canceled() -> None:
    """Within a minute, not with the next hour; and once only while its cancel is on the way."""
    quiet = Quiet()
    key = quiet.order(Side.BUY, 10, limit_price=price(99), order_type=OrderType.LIMIT)
    quiet.model.tell(OrderNotSent(key, "not there"))
    lose(quiet.account)
    later(quiet.account, AFTER_NS)
    quiet.model.tell(OrderAccepted(key, "b1"))
    later(quiet.account, MINUTE_NS)
    assert quiet.canceling() == [key]


def test_a_position_whose_stop_is_being_moved_is_not_one_without() -> None:
    """Between the cancel's confirmation and the new stop's the clock is looked at: nothing is sold for that."""
    quiet = Quiet(limits=RiskLimits(daily_loss_pct=Decimal(50)))
    account = quiet.account
    account.state.protection = ProtectionPolicy(preservation=Preservation.CLOSE_UNPROTECTED)
    quiet.hold(10, exits=Exits(trail_amount=price(10)))
    lose(account)
    later(account, AFTER_NS)
    account.run(bar(5, 120.0))
    later(account, 55 * SECOND_NS)
    quiet.model.end(quiet.stop(), OrderCanceled)
    later(account, 10 * SECOND_NS)  # a new minute has begun: losses are looked at
    quiet.accept()
    later(account, 3600 * SECOND_NS)
    assert (account.of(PositionClosing), legs(account)) == ([], [(STOP, 10)])


def test_a_stop_that_does_not_come_back_is_waited_for_so_long_and_no_longer() -> None:
    """Unconfirmed for as long as a connection may be away, its position is one without a stop."""
    quiet = Quiet()
    account = quiet.account
    account.state.protection = ProtectionPolicy(preservation=Preservation.CLOSE_UNPROTECTED)
    quiet.hold(10, stop_loss=price(90))
    account.ask(Preserve())
    quiet.model.end(quiet.stop(), OrderCanceled)
    later(account, AFTER_NS - 1)
    assert account.of(PositionClosing) == []
    later(account, 1)
    assert len(account.of(PositionClosing)) == 1


# --- alarms -----------------------------------------------------------------------------------------------------------


def test_the_alarm_for_a_stop_that_the_market_set_is_in_time() -> None:
    """A stop that comes with break-even, at a broker that says nothing of it."""
    quiet = Quiet()
    quiet.hold(10, exits=Exits(break_even_at=price(110)))
    quiet.account.run(bar(2, 111.0))
    later(quiet.account, 10 * SECOND_NS)
    assert len(quiet.account.of(ProtectionLate)) == 1


# --- closes -----------------------------------------------------------------------------------------------------------


def held_for_a_minute(**rules: Any) -> Quiet:
    quiet = Quiet(**rules)
    quiet.hold(10, exits=Exits(hold_ns=60 * SECOND_NS))
    return quiet


def test_a_close_does_not_wait_for_an_order_that_rests() -> None:
    """Another strategy's limit far from the market has sold the shares already: it is canceled, and the position closed."""
    quiet = held_for_a_minute()
    resting = quiet.order(Side.SELL, 10, "s1", limit_price=price(150), order_type=OrderType.LIMIT)
    quiet.accept()
    later(quiet.account, 60 * SECOND_NS)
    assert quiet.canceling() == [resting]
    quiet.model.end(resting, OrderCanceled)
    quiet.model.fill(quiet.last(), Decimal(1))
    assert quiet.account.position() == 0


def test_a_close_that_somebody_elses_order_bars_is_left_to_a_person() -> None:
    """What a person has on sale in the broker's app is not ours to cancel: an alarm says what stands in the way."""
    quiet = held_for_a_minute()
    key = external_order_id("app")
    terms = OrderTerms(key, EXTERNAL, "ABC", Side.SELL, Quantity(Decimal(10)), OrderType.LIMIT, limit_price=price(150))
    quiet.model.tell(OrderAdopted(terms, "app"))
    later(quiet.account, 60 * SECOND_NS)
    (left,) = quiet.account.of(PositionLeft)
    assert left.reason == "it was to be held no longer, and order app of somebody else has it"
    assert not quiet.account.state.orders.live[key].cancel_released_ns


def test_a_refused_cancel_does_not_hold_a_close_up() -> None:
    """The stop's cancel is refused and it works on: the cancel is asked for again, and then the position closed."""
    quiet = Quiet()
    quiet.hold(10, stop_loss=price(90), exits=Exits(hold_ns=60 * SECOND_NS))
    later(quiet.account, 60 * SECOND_NS)
    key = quiet.stop()
    quiet.model.orders[key].is_canceling = False
    quiet.model.tell(CancelRefused(key, "not now"))
    later(quiet.account, MINUTE_NS)
    assert quiet.canceling() == [key]
    quiet.model.end(key, OrderCanceled)
    quiet.model.fill(quiet.last(), Decimal(1))
    assert quiet.account.position() == 0


def test_a_position_that_was_left_and_is_wanted_again_is_closed_in_time() -> None:
    """The account held none of it, so that it was left; it does again, and a new entry asks for a time of its own."""
    quiet = held_for_a_minute()
    quiet.model.elsewhere(1, Side.SELL, 10)
    later(quiet.account, 60 * SECOND_NS)
    assert len(quiet.account.of(PositionLeft)) == 1
    quiet.model.elsewhere(2, Side.BUY, 10)
    quiet.hold(5, exits=Exits(hold_ns=60 * SECOND_NS))
    later(quiet.account, 60 * SECOND_NS)
    quiet.model.fill(quiet.last(), Decimal(1))
    assert quiet.account.position() == 0


def test_what_was_to_follow_an_order_is_given_up_with_it() -> None:
    """A sale through zero goes in two; the first fills before its cancel takes hold, whatever the broker says of the cancel."""
    quiet = Quiet(rules=BrokerRules(orders_cross_zero=False))
    quiet.hold(10)
    key = quiet.order(Side.SELL, 30)
    assert quiet.account.state.orders.live[key].terms.then == 20
    quiet.account.ask(CancelOrders(key), "x")
    quiet.model.tell(CancelRefused(key, "it is filling"))
    quiet.model.fill(key, Decimal(1))
    assert (quiet.last(), quiet.account.position(), quiet.account.state.orders.open_net) == (key, 0, {})


# --- executions that are undone ---------------------------------------------------------------------------------------


def undo(quiet: Quiet, number: int, at: float = 100) -> FillBusted:
    """The exchange undoes the whole execution of the ``number``-th order."""
    order = quiet.account.order(number)
    terms, execution = order.terms, order.execution_ids[0]
    bust = FillBusted(
        terms.client_order_id, execution, terms.symbol, terms.side, order.filled_quantity, price(at), NO_MONEY, "undone"
    )
    quiet.model.held -= order.filled_quantity * terms.side.sign
    quiet.model.tell(bust)
    return bust


def test_what_guarded_a_position_is_gone_when_that_is_turned_round_by_a_bust() -> None:
    """A part was stopped out, then the entry is undone: a buy at the old stop's price would trade at once, or never."""
    quiet = Quiet()
    quiet.hold(100, stop_loss=price(90), take_profit=price(120))
    quiet.model.fill(quiet.stop(), Decimal("0.6"))
    undo(quiet, 1)
    for key in quiet.canceling():
        if key in quiet.model.orders:
            quiet.model.end(key, OrderCanceled)
    assert (quiet.account.position(), quiet.account.state.guards, legs(quiet.account)) == (-60, {}, [])


@pytest.mark.parametrize("corrected", [Decimal(89), Decimal(91)])
def test_a_loss_whose_price_is_corrected_is_counted_once(corrected: Decimal) -> None:
    """To a greater loss or a smaller: the row of losing trades is neither longer nor over for that. The next loss counts."""
    quiet = Quiet()
    account, strategy = quiet.account, StrategyId("s0")
    streaks = account.state.counters.loss_streaks
    quiet.hold(10)
    key = quiet.order(Side.SELL, 10)
    account.take(Report(account.state.now_ns, fill_at(key, "e1", 90)))
    assert streaks[strategy] == 1
    undo(quiet, 2, 90)
    quiet.model.tell(fill_at(key, "e1@", corrected))
    assert (account.position(), streaks[strategy]) == (0, 1)
    later(account, 3600 * SECOND_NS)  # else the same orders again would be taken for repeats
    quiet.hold(10)
    quiet.model.tell(fill_at(quiet.order(Side.SELL, 10), "e2", 90))
    assert streaks[strategy] == 2


def fill_at(key: ClientOrderId, execution: str, at: Any) -> OrderFilled:
    return OrderFilled(key, execution, "ABC", Side.SELL, Quantity(Decimal(10)), price(at), NO_MONEY)


# --- what comes from outside ------------------------------------------------------------------------------------------


def test_shares_that_are_moved_in_are_no_loss_of_the_day() -> None:
    """A person accepts what the broker has, at an average price far above the market's: no limit is hit, now or a minute later."""
    account = Account(limits=RiskLimits(daily_loss_pct=Decimal(3), max_drawdown_pct=Decimal(3))).closes(1, 250)
    held = (("ABC", Quantity(Decimal(100)), price(300)),)
    account.take(Comparison(account.state.now_ns, account.state.portfolio.cash, held, accept=True, reason="moved in"))
    later(account, 2 * MINUTE_NS)
    assert (account.state.price("ABC"), account.state.day_start_equity) == (250, 125_000)
    assert account.state.impairments == {}


def test_a_first_start_values_what_is_there_at_the_market() -> None:
    """History has told the price before the account's positions are taken, at what they cost once: that is no loss, and was no peak."""
    state = new_state(RiskLimits(daily_loss_pct=Decimal(3), max_drawdown_pct=Decimal(3)))
    show(state, (bar(1, 250.0),))
    lifecycle.adopt(state, Money(Decimal(0)), [("ABC", Quantity(Decimal(100)), price(300))])
    for number in (2, 3):
        step(state, Heartbeat(minute(number)))
    assert (state.day_start_equity, state.counters.peak_equity, state.impairments) == (25_000, 25_000, {})


def test_a_drawdown_is_counted_from_the_moment_of_the_resume() -> None:
    """Nobody trades, and the hour is not over: what is lost after the resume is lost from what there was at the resume."""
    limits = RiskLimits(max_drawdown_pct=Decimal(10))
    account = Account(Scripted({1: lambda context, _: context.buy("ABC", 500)}), limits=limits).closes(1, 100, 75)
    later(account, MINUTE_NS)
    assert list(account.state.impairments) == ["drawdown"]
    account.ask(Resume())
    assert account.state.account_state.takes_risk
    account.closes(5, 50)
    later(account, MINUTE_NS)
    assert list(account.state.impairments) == ["drawdown"]


def test_data_that_was_silent_is_fresh_again_though_nobody_asks_any_more() -> None:
    """``stale_after_s`` is taken out of the configuration while the account is in PRESERVATION for it."""
    account = Account(stale_after_ns=5 * MINUTE_NS).run(bar(1, 10.0))
    later(account, 10 * MINUTE_NS)
    assert list(account.state.impairments) == ["stale data"]
    account.state.stale_after_ns = None
    start_again(account, 2)
    account.run(bar(20, 10.0))
    assert (account.state.impairments, account.state.stale) == ({}, {})


def stopped_out() -> tuple[Account, OrderFilled]:
    """An account whose stop at 90, of a pair, has just closed its position of 100."""
    account = Account(Scripted({1: enter()})).closes(1, 100, 100)
    account.run(bar(3, 90.0, low=89.0), bar(4, 100.0))
    assert (account.position(), account.state.guards) == (0, {})
    return account, account.of(OrderFilled)[-1]


def undone(fill: OrderFilled) -> Report:
    bust = FillBusted(fill.client_order_id, fill.execution_id, "ABC", fill.side, fill.quantity, fill.price, fill.fee)
    return Report(minute(4), bust)


def test_a_position_that_is_back_because_its_stop_s_execution_was_undone_has_its_exits_again() -> None:
    """The exchange says that the stop never traded: what is held is protected as before."""
    account, fill = stopped_out()
    account.take(undone(fill))
    assert (account.position(), covered(account)) == (100, True)
    prices = [(order.terms.stop_price, order.terms.limit_price) for order in account.state.orders.live.values()]
    assert prices == [(90, None), (None, 120)]


def test_a_corrected_price_of_a_stop_leaves_no_exits_behind() -> None:
    """A correction is a bust and another fill: the position is gone again, and so is what was made for it."""
    account, fill = stopped_out()
    again = msgspec.structs.replace(fill, execution_id=f"{fill.execution_id}@89", price=price(89))
    account.take(undone(fill))
    account.take(Report(minute(4), again))
    assert (account.position(), list(account.state.orders.live), account.state.guards) == (0, [], {})
