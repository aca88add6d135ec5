# mypy: disable-error-code="comparison-overlap", no-warn-unreachable
# (quantities are compared with plain numbers)
"""Positions of the day (MIS) and the broker's square-off: nothing new shortly before it, closed by itself in time, and booked where it happens."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from holdfast.config import Config, parse_config
from holdfast.core.adjustments import AccountAdjusted
from holdfast.core.broker_rules import BrokerRules
from holdfast.core.codec import external_order_id
from holdfast.core.instruments import INDIA_EQUITY, Product
from holdfast.core.messages import (
    Action,
    CancelReleased,
    Heartbeat,
    OrderAdopted,
    OrderFilled,
    OrderTerms,
    Report,
    RiskRefused,
)
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.protection.records import PositionClosing
from holdfast.core.session.square_off import IntradayPolicy
from holdfast.core.types import MINUTE_NS, OrderType, Price, Quantity, Side
from holdfast.errors import HoldfastError
from tests.scenario.account import OFFICE_HOURS, Account, Scripted, bar, minute, price

OPEN, CLOSE = 9 * 60, 17 * 60
"""In minutes after the start. The broker closes ten minutes before the second."""
RULES = BrokerRules(square_off_ns=10 * MINUTE_NS)
LEFT = IntradayPolicy(close_ns=None)


def buy(context: Any, event: Any) -> None:
    context.buy(event.symbol, 10)


def account(*strategies: Scripted, policy: IntradayPolicy | None = None, product: Product = Product.MIS) -> Account:
    """An account that trades ABC as this product, and XYZ to keep."""
    made = Account(*strategies, calendar=OFFICE_HOURS, rules=RULES)
    made.state.intraday = policy or IntradayPolicy()
    made.state.register.named |= {
        "ABC": INDIA_EQUITY.but(product=product),
        "XYZ": INDIA_EQUITY.but(product=Product.CNC),
    }
    return made


def day(made: Account, until: int, since: int = OPEN) -> Account:
    """Bars of both symbols, each minute."""
    return made.run(
        *[bar(number, 100, symbol=name) for number in range(since + 1, until + 1) for name in ("ABC", "XYZ")]
    )


def test_nothing_is_opened_from_a_quarter_of_an_hour_before_the_square_off() -> None:
    """What the broker would close at 16:50 is opened until 16:35; what is kept, and what makes it smaller, at any time."""
    made = day(account(policy=LEFT), CLOSE - 26)
    made.place(Action.BUY, 10)
    day(made, CLOSE - 25, CLOSE - 26)
    made.place(Action.BUY, 5)
    (refused,) = made.of(RiskRefused)
    assert (refused.rule, refused.symbol) == ("square_off", "ABC")
    made.place(Action.BUY, 5, "XYZ")
    made.place(Action.SELL, 4)
    day(made, CLOSE - 24, CLOSE - 25)
    assert len(made.of(RiskRefused)) == 1
    assert (made.position("manual"), made.position("manual", "XYZ")) == (6, 5)


def test_an_entry_that_rests_is_called_back_then() -> None:
    """It could fill just before the broker closes what it opens; one of a symbol that is kept goes on."""
    made = day(account(policy=LEFT), CLOSE - 40)
    for symbol in ("ABC", "XYZ"):
        made.place(Action.BUY, 10, symbol, order_type=OrderType.LIMIT, limit_price=price(95))
    day(made, CLOSE - 25, CLOSE - 40)
    (canceled,) = made.of(CancelReleased)
    order = made.state.orders.find(canceled.client_order_id)
    assert order is not None
    assert (order.terms.symbol, order.is_live) == ("ABC", False)
    assert "16:50" in canceled.reason


@pytest.mark.parametrize("opened", [OPEN + 5, CLOSE - 27])
def test_what_is_open_is_closed_five_minutes_before_the_square_off(opened: int) -> None:
    """By an order of ours, once, however late it was opened and though no bar comes any more; what is kept stays."""
    made = account(Scripted({1: buy, 2: buy}))
    day(made, opened, opened - 2)
    made.run(bar(opened + 1, 100), Heartbeat(minute(CLOSE - 16)))
    assert made.position() == 10
    made.run(Heartbeat(minute(CLOSE - 15)), bar(CLOSE - 14, 100))
    assert (made.position(), made.position(symbol="XYZ")) == (0, 10)
    (closing,) = made.of(PositionClosing)
    assert "16:50" in closing.reason


def test_another_day_begins_as_any() -> None:
    """Entries of the next morning are taken."""
    made = day(account(), CLOSE - 5)
    made.run(bar(OPEN + 24 * 60 + 1, 100))
    made.place(Action.BUY, 10)
    made.run(bar(OPEN + 24 * 60 + 2, 100))
    assert made.position("manual") == 10
    assert not made.of(RiskRefused)


def test_without_a_product_of_the_day_or_a_square_off_nothing_is_different() -> None:
    """Neither is closed: what is carried over night, and what a broker keeps that closes nothing."""
    carried, kept = account(Scripted({1: buy}), product=Product.NRML), account(Scripted({1: buy}))
    kept.state.rules = BrokerRules()
    for made in (carried, kept):
        day(made, OPEN + 3)
        made.run(Heartbeat(minute(CLOSE - 1)))
        assert made.position() == 10
        assert not made.of(PositionClosing)


def squared_off(made: Account, quantity: int, at: int, fill_price: int) -> None:
    """The broker sells so much of ABC by an order of its own."""
    key, amount = external_order_id("sq1"), Quantity(Decimal(quantity))
    made.take(Report(minute(at), OrderAdopted(OrderTerms(key, EXTERNAL, "ABC", Side.SELL, amount), "sq1")))
    made.take(Report(minute(at), OrderFilled(key, "sq1-1", "ABC", Side.SELL, amount, Price(Decimal(fill_price)))))


def test_what_the_broker_squares_off_is_closed_in_the_books_of_those_who_held_it() -> None:
    """At its price, to the last of each; nobody is left with a position that is not there, nor `external` with the other half."""
    made = account(Scripted({1: buy}), Scripted({1: lambda context, event: context.buy(event.symbol, 5)}), policy=LEFT)
    day(made, OPEN + 3)
    cash = made.state.portfolio.cash
    squared_off(made, 15, CLOSE - 10, 101)
    ledgers = made.state.portfolio.ledgers
    assert [made.position(name) for name in ("s0", "s1", EXTERNAL)] == [0, 0, 0]
    realised = {name: ledger.realised for (name, symbol), ledger in ledgers.items() if symbol == "ABC"}
    assert realised == {"s0": 10, "s1": 5, EXTERNAL: 0}
    portfolio = made.state.portfolio
    assert portfolio.cash == cash + 15 * 101
    assert (portfolio.quantity("ABC"), portfolio.lines["ABC"].realised) == (0, 15)
    assert made.of(AccountAdjusted)[0].reason == "squared off by the broker"


def test_a_sale_from_elsewhere_before_that_time_is_somebody_else_s() -> None:
    """As it always was: the strategy goes on to hold what it bought, until a person says otherwise."""
    made = account(Scripted({1: buy}), policy=LEFT)
    day(made, OPEN + 3)
    squared_off(made, 10, CLOSE - 60, 101)
    assert (made.position(), made.position(EXTERNAL)) == (10, -10)
    assert not made.of(AccountAdjusted)


def config(**intraday: object) -> Config:
    """A configuration with these settings."""
    one = {"name": "one", "calendar": "XBOM", "intraday": intraday}
    return parse_config({"feed": {"kind": "synthetic"}, "accounts": [one]}, "test", Path())


def test_the_configuration_says_when_and_who() -> None:
    """In seconds; what the broker does is its adapter's to say unless it is written."""
    (plain,), (written,) = config().accounts, config(square_off_s=300, last_entry_s=0, end="broker").accounts
    assert plain.intraday.policy() == IntradayPolicy()
    assert written.intraday.policy() == IntradayPolicy(5 * MINUTE_NS, 0, None)
    with pytest.raises(HoldfastError, match="last_entry_s must be longer than close_s"):
        config(last_entry_s=60, close_s=300)
