"""A strategy's decimal context is its own: what it sets reaches neither the engine nor the strategy beside it."""

import decimal
from decimal import Decimal

import pytest

from holdfast.core.arithmetic import EXACT, use_exact
from holdfast.core.messages import OrderFilled
from holdfast.core.strategy.api import Bar, Context, Strategy
from tests.scenario.account import Account

THIRD = Decimal("0.3333333333333333333333333333")


class Sets(Strategy):
    """Sets six digits on its first bar; notes what a third is to it, and what its position costs."""

    def __init__(self) -> None:
        super().__init__(None)
        self.thirds: list[Decimal] = []
        self.prices: list[Decimal] = []

    def on_bar(self, context: Context, bar: Bar) -> None:
        if not self.thirds:
            decimal.getcontext().prec = 2
            decimal.getcontext().traps[decimal.Rounded] = False
            context.buy(bar.symbol, 123)
        else:
            context.target(bar.symbol, 678)
        self.thirds.append(Decimal(1) / 3)
        self.prices.append(context.position(bar.symbol).average_price)

    def on_fill(self, context: Context, fill: OrderFilled) -> None:
        self.thirds.append(Decimal(1) / 3)


def test_what_it_sets_is_kept_for_its_next_callback_and_nothing_else() -> None:
    """Two digits in every later callback of its own; orders, fills and average price are computed with all of them."""
    strategy = Sets()
    account = Account(strategy).closes(1, *[123.45] * 5)
    assert decimal.getcontext() is EXACT
    assert set(strategy.thirds) == {Decimal("0.33")}
    assert account.position() == 678
    assert strategy.prices[-1] == Decimal("123.45")


@pytest.mark.parametrize(
    "change",
    [
        lambda context: setattr(context, "prec", 6),
        lambda context: setattr(context, "rounding", decimal.ROUND_UP),
        lambda context: context.traps.__setitem__(decimal.Inexact, True),
        lambda context: context.clear_traps(),
        lambda context: setattr(context, "Emax", 5),
        lambda context: setattr(context, "capitals", 0),
        lambda _: decimal.setcontext(decimal.Context(prec=3)),
    ],
)
def test_the_engines_context_cannot_be_changed(change: object) -> None:
    """Who changes the context of the thread gets a copy; the engine's own is as it was."""
    use_exact()
    assert callable(change)
    change(decimal.getcontext())
    assert decimal.getcontext() is not EXACT
    use_exact()
    assert Decimal(1) / 3 == THIRD
    assert str(Decimal("1E+9") * 1) == "1E+9"
    with pytest.raises(decimal.InvalidOperation):
        Decimal("nonsense")
