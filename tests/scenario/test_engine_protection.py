# mypy: disable-error-code="comparison-overlap", no-warn-unreachable
# (quantities are compared with plain numbers)
"""Stop-loss and take-profit orders: for what has filled, no more, and never for a position that is gone."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from holdfast.core.messages import (
    Action,
    OrderCanceled,
    OrderPrepared,
    OrderRejected,
    OrderTerms,
    Report,
    RiskApproved,
)
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.protection.policy import LEG_TRIES, ProtectionPolicy
from holdfast.core.protection.records import OnFailure, ProtectionFailed
from holdfast.core.types import OrderRole, OrderType, TimeInForce
from holdfast.venue.exchange import Exchange
from holdfast.venue.settings import VenueSettings
from tests.scenario.account import DAYS, Account, Scripted, bar, price

D = Decimal
STOP, TARGET = OrderRole.STOP_LOSS, OrderRole.TAKE_PROFIT


class Picky(Exchange):
    """An exchange with a rule of its own about what it takes."""

    def __init__(self, refuses: Callable[[OrderTerms], bool], settings: VenueSettings | None = None) -> None:
        super().__init__(settings or VenueSettings(), DAYS)
        self._refuses = refuses

    def submit(self, terms: OrderTerms, released_ns: int, now_ns: int) -> Any:
        if self._refuses(terms):
            return [Report(now_ns, OrderRejected(terms.client_order_id, "not here"))]
        return super().submit(terms, released_ns, now_ns)


def enter(quantity: object = 100, **terms: Any) -> Any:
    prices = {"stop_loss": 90, "take_profit": 120} | terms
    return lambda context, _: context.buy("ABC", quantity, **prices)


def legs(account: Account) -> list[tuple[OrderRole, Decimal]]:
    """The protective orders at work, and what they would close."""
    return [
        (order.terms.role, order.remaining)
        for order in account.state.orders.live.values()
        if order.terms.role is not OrderRole.REGULAR
    ]


def live(account: Account) -> list[Order]:
    return list(account.state.orders.live.values())


def covered(account: Account) -> bool:
    """Both legs are at work for exactly the position."""
    held = abs(account.position())
    return all(sum(left for role, left in legs(account) if role is kind) == held for kind in (STOP, TARGET))


def test_a_filled_entry_is_protected() -> None:
    """A stop and a limit on the other side for what filled, good till canceled, linked, tied to their entry, through risk."""
    account = Account(Scripted({1: enter()})).closes(1, 100)
    stop, target = live(account)
    entry = account.order(1).terms.client_order_id
    assert (stop.terms.order_type, stop.terms.stop_price, stop.terms.role) == (OrderType.STOP, 90, STOP)
    assert (target.terms.order_type, target.terms.limit_price, target.terms.role) == (OrderType.LIMIT, 120, TARGET)
    for leg in (stop, target):
        assert (leg.terms.side, leg.terms.quantity, leg.terms.parent) == ("sell", 100, entry)
        assert (leg.terms.time_in_force, leg.terms.oco_group) == (TimeInForce.GTC, stop.terms.client_order_id)
    approved = [record for record in account.records if isinstance(record.body, RiskApproved)]
    assert [record.source for record in approved] == ["risk", "protection", "protection"]
    assert len({record.correlation_id for record in approved}) == 1


def test_one_leg_alone_is_linked_to_nothing() -> None:
    """An entry with a stop only gets a stop only."""
    account = Account(Scripted({1: enter(take_profit=None)})).closes(1, 100)
    (stop,) = live(account)
    assert (stop.terms.role, stop.terms.oco_group) == (STOP, None)


def test_protection_grows_with_every_part_that_fills() -> None:
    """Each partial fill is protected as it comes, so that all that is held is covered and no more."""
    account = Account(Scripted({1: enter(100)}), venue=VenueSettings(volume_share=D("0.1")))
    for number, held in ((1, 30), (2, 60), (3, 90), (4, 100)):
        account.run(bar(number, 100.0, volume=300.0))
        assert account.position() == held
        assert covered(account)
    assert [body.terms.quantity for body in account.of(OrderPrepared)] == [100, 30, 30, 30, 30, 30, 30, 10, 10]


def test_a_stop_that_fills_cancels_its_target() -> None:
    """When one leg closes the position the other goes, and nothing is placed anew."""
    for close, role in ((85.0, STOP), (125.0, TARGET)):
        account = Account(Scripted({1: enter()})).closes(1, 100).run(bar(2, close))
        assert (account.position(), live(account)) == (0, [])
        ended = {order.terms.role: order.state for order in account.state.orders.finished.values()}
        assert ended[role] is OrderState.FILLED
        assert ended[TARGET if role is STOP else STOP] is OrderState.CANCELED
        assert (account.state.guards, len(account.of(OrderPrepared))) == ({}, 3)


def test_a_leg_that_fills_in_part_shrinks_the_other() -> None:
    """While a stop fills in parts, the linked target covers what is left, and nothing is covered twice."""
    account = Account(Scripted({1: enter(90)}), venue=VenueSettings(volume_share=D("0.1"))).run(
        bar(1, 100.0, volume=5000.0)
    )
    for number, held in ((2, 60), (3, 30), (4, 0)):
        account.run(bar(number, 85.0, volume=300.0))
        assert account.position() == held
        assert covered(account)
    assert len(account.of(OrderPrepared)) == 3


def test_closing_takes_the_protection_off_first() -> None:
    """A reduce-only order is sent when both legs are known to be over, so that not both close."""
    account = Account(Scripted({1: enter(), 2: lambda context, _: context.close("ABC")})).closes(1, 100, 101)
    assert (account.position(), live(account)) == (0, [])
    turn = next(turn for turn in account.turns if any(record.type == "CancelReleased" for record in turn.records))
    assert [type(effect).__name__ for effect in turn.effects] == ["CancelOrder", "CancelOrder"]
    kinds = [record.type for record in account.records]
    assert kinds.index("OrderCanceled", kinds.index("OrderCanceled") + 1) < len(kinds) - kinds[::-1].index(
        "OrderReleased"
    )


def test_what_stays_after_a_partial_close_is_protected_anew() -> None:
    """After selling a part, new legs cover exactly the rest, at the prices that were asked for."""
    account = Account(Scripted({1: enter(), 2: lambda context, _: context.sell("ABC", 40)})).closes(1, 100, 101)
    assert account.position() == 60
    assert covered(account)
    assert {(leg.terms.stop_price, leg.terms.limit_price) for leg in live(account)} == {(90, None), (None, 120)}


def test_what_is_on_its_way_out_is_not_protected_as_well() -> None:
    """While a sale of a part rests, the legs cover the rest only, so that not both close; when it is canceled, all again."""
    script: dict[int, Any] = {
        1: enter(),
        2: lambda context, _: context.sell("ABC", 40, limit_price=118, time_in_force="gtc"),
        3: lambda context, _: [
            context.cancel(order.client_order_id) for order in context.orders() if order.quantity == 40
        ],
    }
    account = Account(Scripted(script)).closes(1, 100, 101)
    assert sorted(legs(account)) == [(STOP, 60), (TARGET, 60)]
    account.closes(3, 101)
    assert (account.position(), covered(account)) == (100, True)


def test_protection_comes_back_when_the_way_out_fails() -> None:
    """A reduce-only order that the exchange refuses leaves the position, and its protection is placed again."""
    script = {1: enter(), 2: lambda context, _: context.sell("ABC", 100, trail_percent=50, time_in_force="opg")}
    account = Account(Scripted(script)).closes(1, 100, 101)
    assert account.position() == 100
    assert covered(account)
    assert [leg.terms.client_order_id for leg in live(account)] == [
        account.state.ids.order(5),
        account.state.ids.order(6),
    ]


def test_a_leg_canceled_by_the_broker_is_replaced() -> None:
    """Protection that the broker takes away is placed again."""
    account = Account(Scripted({1: enter(take_profit=None)})).closes(1, 100)
    (stop,) = live(account)
    account.exchange.remove(stop.terms.client_order_id)
    account.take(Report(account.state.now_ns, OrderCanceled(stop.terms.client_order_id, "by the broker")))
    (again,) = live(account)
    assert (again.terms.stop_price, again.remaining) == (90, 100)


def test_a_position_turned_round_loses_its_old_protection() -> None:
    """A stop that guarded a long position must not guard the short one that follows: it would close it at once."""
    script = {1: enter(take_profit=None), 2: lambda context, _: context.target("ABC", -100)}
    account = Account(Scripted(script)).closes(1, 100, 101, 102)
    assert (account.position(), live(account), account.state.guards) == (-100, [], {})


def test_a_position_turned_round_is_protected_on_its_new_side() -> None:
    """The prices of the entry that turned it guard the new position."""
    script = {1: enter(), 2: lambda context, _: context.target("ABC", -50, stop_loss=110)}
    account = Account(Scripted(script)).closes(1, 100, 101)
    assert account.position() == -50
    (stop,) = live(account)
    assert (stop.terms.side, stop.terms.stop_price, stop.remaining) == ("buy", 110, 50)


def test_prices_on_a_way_out_guard_nothing() -> None:
    """A sale that only makes a long position smaller has no position of its own to protect."""
    script = {1: enter(take_profit=None), 2: lambda context, _: context.sell("ABC", 40, stop_loss=110)}
    account = Account(Scripted(script)).closes(1, 100, 101, 102)
    assert [(leg.terms.stop_price, leg.remaining) for leg in live(account)] == [(90, 60)]


def test_protection_that_is_asked_for_again_is_tried_again() -> None:
    """After all tries were in vain the next entry with a stop guards the whole position."""
    refused: list[OrderTerms] = []

    def first_stops(terms: OrderTerms) -> bool:
        refused.extend([terms] if terms.role is STOP and len(refused) < LEG_TRIES else [])
        return terms in refused

    script = {1: enter(take_profit=None), 7: enter(10, take_profit=None)}
    account = Account(Scripted(script), exchange=Picky(first_stops))
    account.state.protection = ProtectionPolicy(OnFailure.ALERT)
    account.closes(1, *[100] * 6)
    assert (len(account.of(ProtectionFailed)), legs(account)) == (1, [])
    account.closes(7, 100)
    assert legs(account) == [(STOP, 110)]


def test_strategies_are_protected_apart() -> None:
    """Each strategy's legs cover its own position."""
    other = Scripted({1: lambda context, _: context.buy("ABC", 30, stop_loss=85)})
    account = Account(Scripted({1: enter(take_profit=None)}), other).closes(1, 100, 101)
    found = {(str(leg.terms.strategy), leg.terms.stop_price, leg.remaining) for leg in live(account)}
    assert found == {("s0", 90, 100), ("s1", 85, 30)}


def test_no_more_is_protected_than_the_account_holds() -> None:
    """Where another strategy is short, stops for all that one holds would open a position: they cover what the account has."""
    short = Scripted({2: lambda context, _: context.sell("ABC", 30, stop_loss=115)})
    account = Account(Scripted({1: enter()}), short).closes(1, 100)
    assert sorted(legs(account)) == [(STOP, 100), (TARGET, 100)]
    account.closes(2, 101, 101)
    assert (account.position("s0"), account.position("s1"), sorted(legs(account))) == (
        100,
        -30,
        [(STOP, 70), (TARGET, 70)],
    )


def test_what_the_other_gives_back_is_protected_again() -> None:
    """When the short strategy closes, the account holds all of the long one's shares again, and so do its legs."""
    script: dict[int, Any] = {
        2: lambda context, _: context.sell("ABC", 30, stop_loss=115),
        3: lambda context, _: context.close("ABC"),
    }
    account = Account(Scripted({1: enter()}), Scripted(script)).closes(1, 100, 101, 102, 103)
    assert (account.position("s1"), covered(account)) == (0, True)


def test_stop_and_target_in_one_bar_take_the_stop() -> None:
    """A bar that touches both closes at the stop, the worse of the two."""
    account = Account(Scripted({1: enter()})).closes(1, 100).run(bar(2, 100.0, low=80.0, high=130.0))
    assert account.position() == 0
    assert account.state.portfolio.realised == -1000


def test_a_manual_order_is_protected_like_any_other() -> None:
    """A person's order carries its stop too."""
    account = Account().closes(1, 100)
    account.place(Action.BUY, 10, stop_loss=price(95))
    assert legs(account) == [(STOP, 10)]
    account.run(bar(2, 94.0))
    assert account.position("manual") == 0
