"""Another id in a message: in each field that names a strategy, however deep, and in no other."""

from decimal import Decimal

from holdfast.core.adjustments import CASH, AccountAdjusted, AdjustmentKind, LedgerChange
from holdfast.core.findings import BookLine, BooksCompared
from holdfast.core.messages import (
    Action,
    AnyBody,
    OrderTerms,
    PlaceOrder,
    PnlSnapshot,
    RiskApproved,
    RiskRefused,
    Signal,
    WishWaits,
)
from holdfast.core.steering import ParametersSet, StopStrategy, StrategySwitched
from holdfast.core.types import ClientOrderId, Money, Price, Quantity, Side, StrategyId
from holdfast.journal.rename_strategy import renamed

TEN, MONEY = Quantity(Decimal(10)), Money(Decimal(10))


def messages(name: str) -> list[AnyBody]:
    """Messages about a strategy; ``ema`` stands in them as a symbol, a tag and a reason too."""
    who, other = StrategyId(name), StrategyId("mr")
    signal = Signal(who, "ema", Action.BUY, quantity=TEN, tag="ema")
    terms = OrderTerms(ClientOrderId("ema"), who, "ema", Side.BUY, TEN, tag="ema")
    refused = RiskRefused(who, "ema", Side.BUY, TEN, "ema", "ema", "ema", "ema")
    pnl = PnlSnapshot(MONEY, MONEY, MONEY, MONEY, MONEY, MONEY, MONEY, {other: MONEY, who: MONEY})
    line = BookLine("ema", TEN, TEN, ledgers=((other, TEN), (who, TEN)), cause="ema")
    return [
        signal,
        PlaceOrder(signal),
        WishWaits(signal, (ClientOrderId("ema"),), "ema"),
        RiskApproved(terms, Price(Decimal(1)), MONEY, True, refused),
        pnl,
        StopStrategy(who, "ema"),
        StrategySwitched(who, False, "ema"),
        ParametersSet(who, "ema", "ema"),
        BooksCompared(MONEY, MONEY, (line,), agree=True, cause="ema"),
        AccountAdjusted(AdjustmentKind.FEE, CASH, (LedgerChange(other), LedgerChange(who)), reason="ema"),
    ]


def test_every_field_that_names_a_strategy() -> None:
    """Alone, in a signal, in an order's terms, as a key, in a pair, in what was left out."""
    for was, wanted in zip(messages("ema"), messages("new"), strict=True):
        assert renamed(was, AnyBody, "ema", "new") == wanted
