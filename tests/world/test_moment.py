"""What the world's questions go by: the books as they were when a record was made, and not as its batch left them."""

from holdfast.core.codec import external_order_id
from holdfast.core.messages import Action, OrderAdopted, OrderFilled
from holdfast.core.types import StrategyId
from holdfast.torture.world.moment import Moment
from tests.scenario.test_blocked_exits import PAIR, Scene

THEIRS = external_order_id("app")


def test_what_came_later_in_the_batch_was_not_known() -> None:
    """An order of somebody else, and executions both ways: each counts from its own record on."""
    scene = Scene(**PAIR)
    begun = scene.account.state.sequence
    scene.want(Action.BUY, None, 4)
    scene.settle()
    scene.fill()
    scene.somebody_buys()
    state, records = scene.account.state, [one for one in scene.account.records if one.sequence > begun]
    strategy = StrategyId("s0")
    assert state.portfolio.strategy_quantity(strategy, "ABC") == 14
    for record in records:
        then = Moment(state, [one for one in records if one.sequence > record.sequence])
        filled = any(isinstance(one.body, OrderFilled) for one in records if one.sequence <= record.sequence)
        adopted = any(isinstance(one.body, OrderAdopted) for one in records if one.sequence <= record.sequence)
        assert then.held(strategy, "ABC") == (14 if filled else 10)
        assert then.knows(THEIRS) is adopted
