"""An order of somebody else on the other side, at a broker that takes nothing that could trade with it: exits that stand stay."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from holdfast.adapters.alpaca.trading.capability import ALPACA_RULES
from holdfast.core import snapshot
from holdfast.core.codec import external_order_id
from holdfast.core.exits import Exits
from holdfast.core.messages import (
    Action,
    CancelReleased,
    OrderAccepted,
    OrderAdopted,
    OrderCanceled,
    OrderFilled,
    OrderPrepared,
    OrderTerms,
    PlaceOrder,
    Report,
    Signal,
    WishWaits,
)
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.protection.policy import OnBlocked, ProtectionPolicy
from holdfast.core.protection.records import ExitBlocked, PositionClosing, ProtectionFailed
from holdfast.core.state import apply
from holdfast.core.types import MINUTE_NS, ClientOrderId, OrderType, Price, Quantity, Side, StrategyId
from tests.property.test_risk_interleaved import Silent
from tests.scenario.account import Account, bar, new_state, price
from tests.scenario.test_preservation import later

S0 = StrategyId("s0")
THEIRS = external_order_id("app")


class Scene:
    """Ten are held by a strategy at Alpaca's rules; the broker says only what the test says."""

    def __init__(self, on_blocked: OnBlocked = OnBlocked.WAIT, **asked: Any) -> None:
        self.account = Account(exchange=Silent(), rules=ALPACA_RULES).run(bar(1, 100))
        self.account.state.protection = ProtectionPolicy(on_blocked=on_blocked)
        self.want(Action.BUY, Side.BUY, 10, **asked)
        self.settle()
        self.fill()
        self.settle()

    def want(self, action: Action, side: Side | None, quantity: int, strategy: str = "s0", **asked: Any) -> None:
        signal = Signal(StrategyId(strategy), "ABC", action, side, Quantity(Decimal(quantity)), **asked)
        self.account.ask(PlaceOrder(signal), f"c{self.account.state.sequence}")

    def close(self) -> None:
        """The strategy wants to be out."""
        self.want(Action.CLOSE, None, 0)

    def tell(self, body: Any) -> None:
        self.account.take(Report(self.account.state.now_ns, body))

    def settle(self) -> None:
        """What has no answer is taken, and every cancel takes hold."""
        for key, order in list(self.account.state.orders.live.items()):
            if order.cancel_released_ns:
                self.tell(OrderCanceled(key))
            elif not order.broker_order_id:
                self.tell(OrderAccepted(key, f"b{key}"))

    def fill(self) -> None:
        """The order made last fills."""
        terms = self.account.of(OrderPrepared)[-1].terms
        name = f"x{self.account.state.sequence}"
        self.tell(OrderFilled(terms.client_order_id, name, "ABC", terms.side, terms.quantity, price(100)))

    def somebody_buys(self, limit: str = "98") -> None:
        """Another program's bid rests."""
        terms = OrderTerms(
            THEIRS, EXTERNAL, "ABC", Side.BUY, Quantity(Decimal(5)), OrderType.LIMIT, limit_price=Price(Decimal(limit))
        )
        self.tell(OrderAdopted(terms, "app"))

    @property
    def ours(self) -> list[tuple[str, int]]:
        """What works of ours and isn't being canceled."""
        live = self.account.state.orders.live.values()
        kept = [order for order in live if order.terms.strategy != EXTERNAL and not order.cancel_released_ns]
        return [(order.terms.role.value, int(order.remaining)) for order in kept]

    @property
    def canceled(self) -> list[ClientOrderId]:
        """Every cancel that was asked for."""
        return [body.client_order_id for body in self.account.of(CancelReleased)]


PAIR: dict[str, Any] = {"stop_loss": price(90), "take_profit": price(120)}
STANDING = [("stop_loss", 10), ("take_profit", 10)]


def test_a_close_each_bar_leaves_the_exits_standing_and_names_the_order() -> None:
    """Refused it would be, each time; the exits would be canceled and placed anew with each, and none there in between."""
    scene = Scene(**PAIR)
    scene.somebody_buys()
    made = len(scene.account.of(OrderPrepared))
    for _ in range(3):
        scene.close()
        scene.settle()
        assert scene.ours == STANDING
    assert (scene.canceled, len(scene.account.of(OrderPrepared))) == ([], made)
    (alarm,) = scene.account.of(ExitBlocked)
    assert alarm.order == THEIRS
    assert "order app of somebody else (buy 5 ABC at 98)" in alarm.reason


def test_the_close_goes_out_when_the_order_is_over() -> None:
    """It waits, is not forgotten, and takes the exits off only then."""
    scene = Scene(**PAIR)
    scene.somebody_buys()
    scene.close()
    scene.tell(OrderCanceled(THEIRS))
    assert len(scene.canceled) == 2
    scene.settle()
    assert scene.ours == [("entry", 10)]
    scene.fill()
    assert scene.account.position() == 0


def test_the_order_is_canceled_for_it_where_that_is_configured() -> None:
    """`on_blocked = "cancel"`: it is still named."""
    scene = Scene(OnBlocked.CANCEL, **PAIR)
    scene.somebody_buys()
    scene.close()
    assert scene.canceled == [THEIRS]
    assert len(scene.account.of(ExitBlocked)) == 1
    for _ in range(2):
        scene.settle()
    assert scene.ours == [("entry", 10)]


def test_an_order_of_ours_on_the_other_side_is_canceled_for_it() -> None:
    """What is held goes before what another strategy wants."""
    scene = Scene(**PAIR)
    scene.want(Action.BUY, Side.BUY, 3, "s1", limit_price=price(95), order_type=OrderType.LIMIT)
    scene.settle()
    bid = scene.account.of(OrderPrepared)[-1].terms.client_order_id
    scene.close()
    assert scene.canceled == [bid]
    for _ in range(2):
        scene.settle()
    assert scene.ours == [("entry", 10)]


def test_a_limit_that_can_not_trade_with_it_goes_out() -> None:
    """A sale at 110 and a bid at 98 never meet: the broker takes it."""
    scene = Scene()
    scene.somebody_buys()
    scene.want(Action.SELL, Side.SELL, 10, limit_price=price(110), order_type=OrderType.LIMIT)
    assert scene.ours == [("entry", 10)]


def test_a_stop_that_should_move_stays_until_the_new_one_can_stand() -> None:
    """The market rises and the stop should follow: its replacement would be refused, so the old one stands."""
    scene = Scene(exits=Exits(trail_amount=price(5)))
    scene.somebody_buys()
    (stop,) = [key for key in scene.account.state.orders.live if key != THEIRS]
    scene.account.run(bar(2, 110), bar(3, 115))
    assert (scene.ours, scene.canceled) == ([("stop_loss", 10)], [])
    assert len(scene.account.of(ExitBlocked)) == 1
    scene.tell(OrderCanceled(THEIRS))
    assert scene.canceled == [stop]
    scene.settle()
    (moved,) = scene.account.state.orders.live.values()
    assert moved.terms.stop_price == 110


def test_a_stop_that_is_missing_is_not_sent_to_be_refused() -> None:
    """The day's stop has ended beside their bid: five refusals would carry out the policy, by a close that is refused as well."""
    scene = Scene(stop_loss=price(90))
    (stop,) = scene.account.state.orders.live
    scene.somebody_buys()
    scene.tell(OrderCanceled(stop, "by the broker"))
    later(scene.account, 20 * 1_000_000_000)
    assert (scene.ours, scene.account.of(ProtectionFailed)) == ([], [])
    assert len(scene.account.of(ExitBlocked)) == 1
    scene.tell(OrderCanceled(THEIRS))
    assert scene.ours == [("stop_loss", 10)]


def test_exits_that_are_too_many_go_whatever_is_there() -> None:
    """They could open a position."""
    scene = Scene(stop_loss=price(90))
    scene.somebody_buys()
    scene.want(Action.SELL, Side.SELL, 4, "s1")  # another strategy goes short: the scene has six
    scene.settle()
    scene.fill()
    assert scene.ours == []


def test_the_engines_own_close_leaves_the_exits_too() -> None:
    """Its time is up; the exits stand until it can be closed, and the close is not given up."""
    scene = Scene(exits=Exits(hold_ns=MINUTE_NS), **PAIR)
    scene.somebody_buys()
    later(scene.account, 5 * MINUTE_NS)
    assert len(scene.account.of(PositionClosing)) == 1
    assert (scene.ours, scene.canceled) == (STANDING, [])
    scene.tell(OrderCanceled(THEIRS))
    for _ in range(2):
        scene.settle()
    assert scene.ours == [("entry", 10)]


@pytest.mark.parametrize("is_short", [False, True])
def test_where_the_broker_takes_it_nothing_waits(is_short: bool) -> None:
    """On paper orders may meet: the exits are taken off for the close at once."""
    scene = Scene(**PAIR)
    scene.account.state.rules = replace(ALPACA_RULES, wash_trades=True)
    scene.somebody_buys()
    scene.close() if not is_short else scene.want(Action.SELL, Side.SELL, 10)
    assert len(scene.canceled) == 2
    assert scene.account.of(ExitBlocked) == []


def test_what_blocks_is_named_once_and_outlives_a_restart() -> None:
    """In the snapshot and in the records."""
    scene = Scene(**PAIR)
    scene.somebody_buys()
    scene.close()
    state = scene.account.state
    copy, again = new_state(state.limits), new_state(state.limits)
    snapshot.restore(copy, snapshot.take(state))
    for record in scene.account.records:
        apply(again, record)
    assert copy.blocked == again.blocked == state.blocked == {(S0, "ABC"): THEIRS}
    assert len(scene.account.of(WishWaits)) == 1
