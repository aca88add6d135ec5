# mypy: disable-error-code="comparison-overlap", no-warn-unreachable
# (quantities are compared with plain numbers)
"""What of a difference a broker's own bookings explain, and whose it is: nothing is guessed, and nothing booked twice."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.adapters.alpaca.trading.capability import ALPACA_FEES, ALPACA_RULES
from holdfast.core.adjusted import FEE_WAIT_NS
from holdfast.core.adjustments import CASH, AccountAdjusted, AdjustmentKind, Bookings, BrokerActivity
from holdfast.core.broker_rules import BrokerRules
from holdfast.core.instruments import CRYPTO
from holdfast.core.messages import Flatten, Heartbeat
from holdfast.core.types import Money, Price, Quantity, Side
from tests.scenario.account import Account, Scripted
from tests.scenario.test_engine_protection import enter

K = AdjustmentKind
ALPACA_LIKE = BrokerRules(fees=ALPACA_FEES)
COIN = "BTC/USD"


def activity(name: str, kind: AdjustmentKind | None, amount: object = 0, quantity: object = 0, **more: Any) -> Any:
    given = {"symbol": "", "time_ns": int(name[1:]), **more}
    return BrokerActivity(
        name, kind=kind, amount=Money(Decimal(str(amount))), quantity=Quantity(Decimal(str(quantity))), **given
    )


def shows(account: Account, *activities: BrokerActivity, cash: object = 0, **more: object) -> list[AccountAdjusted]:
    """The broker has so much more than the books now, in cash and in symbols (``BTC_USD``), and lists this."""
    portfolio = account.state.portfolio
    held = {symbol: line.quantity for symbol, line in portfolio.open_lines()}
    for name, by in more.items():
        symbol = name.replace("_", "/")
        held[symbol] = Quantity(held.get(symbol, Decimal(0)) + Decimal(str(by)))
    positions = tuple((symbol, quantity, Price(Decimal(1))) for symbol, quantity in held.items())
    there = Money(portfolio.cash + Decimal(str(cash)))
    before = len(account.records)
    account._work(account.step(Bookings(account.state.now_ns, there, positions, activities)))
    return [record.body for record in account.records[before:] if isinstance(record.body, AccountAdjusted)]


def known(account: Account) -> Account:
    """Whatever was listed until now is in the books."""
    assert shows(account) == []
    return account


def trading(*scripts: dict[int, Any], **options: Any) -> Account:
    account = Account(*[Scripted(script) for script in scripts], rules=ALPACA_LIKE, **options)
    account.closes(1, 100, 100)
    return known(account)


def coins() -> Account:
    buy: Any = lambda context, _: context.buy(COIN, 10)  # noqa: E731
    account = Account(Scripted({1: buy}), rules=ALPACA_LIKE, instrument=CRYPTO, symbols=[COIN])
    return account.closes(1, 100, 100, symbol=COIN)


def test_only_what_explains_all_of_it_is_booked() -> None:
    """A listed fee and four dollars more that nothing lists: neither is booked. The fee alone is, once the rest is back."""
    account = trading({1: enter()})
    fee = activity("a1", K.FEE, "-0.02")
    assert shows(account, fee, cash="-4.02") == []
    assert [each.amount for each in shows(account, fee, cash="-0.02")] == [Decimal("-0.02")]
    assert shows(account, fee) == []


def test_what_is_listed_before_it_has_moved_anything_waits() -> None:
    """A deposit that is listed while cash stays as it was isn't booked, and keeps nothing else from being."""
    account = trading({1: enter()})
    fee, deposit = activity("a1", K.FEE, "-0.02"), activity("a2", K.TRANSFER, 500)
    assert shows(account, fee, deposit) == []
    assert [each.kind for each in shows(account, fee, deposit, cash="-0.02")] == [K.FEE]
    assert [each.kind for each in shows(account, fee, deposit, cash=500)] == [K.TRANSFER]


def test_an_old_journal_learns_what_is_in_its_books() -> None:
    """The first list there ever was: what the account had come to before is known by it, only the newest that explain are booked."""
    account = Account(Scripted({1: enter()}), rules=ALPACA_LIKE).closes(1, 100, 100)
    accepted, fee = activity("a1", K.DIVIDEND, 7, symbol="ABC"), activity("a2", K.FEE, "-0.05")
    assert [each.activity_id for each in shows(account, accepted, fee, cash="-0.05")] == ["a2"]
    assert shows(account, accepted, fee) == []


def test_a_merger_is_left_to_a_person() -> None:
    """Its kind isn't booked here, and what it did to a position is no booking's to explain."""
    account = trading({1: enter()})
    merger = activity("a1", None, 990, -100, symbol="ABC")
    assert shows(account, merger, cash=990, ABC=-100) == []
    assert account.position() == 100


def test_a_dividend_goes_to_those_who_hold_it() -> None:
    """A hundred and ten shares in two ledgers: 1.10 is a dollar and ten cents."""
    account = trading({1: enter()}, {1: enter(10)})
    (dividend,) = shows(account, activity("a1", K.DIVIDEND, "1.10", symbol="ABC"), cash="1.10")
    assert {change.strategy: change.amount for change in dividend.changes} == {"s0": Decimal(1), "s1": Decimal("0.1")}


def test_the_fee_of_a_sale_goes_to_who_sold() -> None:
    """Nobody holds the symbol any more: a dividend that comes after is his who traded it last."""
    sells: Any = lambda context, _: context.sell("ABC", 100)  # noqa: E731
    account = trading({1: enter(), 3: sells}).closes(3, 100, 100)
    assert account.position() == 0
    (late,) = shows(account, activity("a1", K.DIVIDEND, 3, symbol="ABC"), cash=3)
    assert [change.strategy for change in late.changes] == ["s0"]


def test_a_split_moves_every_ledger_in_proportion() -> None:
    """Three for two of 100 and 10, listed in two rows, one of them late: not before both are there."""
    bare: Any = {"stop_loss": None, "take_profit": None}
    account = trading({1: enter(**bare)}, {1: enter(10, **bare)})
    away = activity("a1", K.SPLIT, 0, -110, symbol="ABC")
    come = activity("a2", K.SPLIT, 0, 165, symbol="ABC")
    assert shows(account, away, ABC=55) == []
    (split,) = shows(account, away, come, ABC=55)
    assert (split.new, split.old) == (3, 2)
    assert (account.position("s0"), account.position("s1")) == (150, 15)
    assert shows(account, away, come) == []


def test_a_coins_fee_is_taken_before_it_is_listed() -> None:
    """Ten bought, 9.975 there: a fee, at the price, of who bought; listed in the evening it is the same fee, not another."""
    account = coins()
    fees = shows(account, BTC_USD="-0.025")
    assert [(each.kind, each.quantity, each.expected) for each in fees] == [(K.FEE, Decimal("-0.025"), True)]
    assert account.position(symbol=COIN) == Decimal("9.975")
    assert account.state.portfolio.fees == Decimal("2.5")
    listed = activity("a1", K.FEE, 0, "-0.025", symbol=COIN)
    assert [each.quantity for each in shows(account, listed)] == [0]
    assert account.state.portfolio.fees == Decimal("2.5")
    assert shows(account, listed) == []


@pytest.mark.parametrize(("less", "is_fee"), [("0.015", True), ("0.025", True), ("0.0251", False), ("5", False)])
def test_no_more_than_a_fee_may_be_is_one(less: str, is_fee: bool) -> None:
    """Up to a quarter of a percent of what was bought; more is a position that differs."""
    account = coins()
    shows(account, BTC_USD="-" + less)
    assert account.position(symbol=COIN) == (10 - Decimal(less) if is_fee else 10)


def test_a_coin_of_which_no_fee_was_taken_is_held_whole() -> None:
    """The broker has all ten: nothing of them is taken for a fee later on."""
    account = coins()
    shows(account)
    shows(account, BTC_USD="-0.025")
    assert account.position(symbol=COIN) == 10


names = st.integers(1, 6).map(lambda number: f"a{number}")
listings = st.lists(
    st.tuples(names, st.sampled_from([K.FEE, K.INTEREST, K.TRANSFER]), st.integers(-300, 300)), max_size=6
)


@settings(max_examples=100, deadline=None)
@given(st.lists(listings, max_size=5), st.permutations(range(5)))
def test_however_it_is_listed_it_is_booked_once(story: list[Any], order: list[int]) -> None:
    """Lists come again and again, longer, corrected, in any order: cash is always that of what was listed last, or it waits."""
    account = trading({1: enter()})
    start = account.state.portfolio.cash
    latest: dict[str, BrokerActivity] = {}
    for number in order:
        for name, new_kind, cents in story[number] if number < len(story) else ():
            kind = latest[name].kind if name in latest else new_kind
            latest[name] = activity(name, kind, Decimal(cents) / 100)
        owed = start + sum((each.amount for each in latest.values()), Decimal(0)) - account.state.portfolio.cash
        shows(account, *latest.values(), cash=owed)
        shows(account, *latest.values())
        assert account.state.portfolio.cash == start + sum((each.amount for each in latest.values()), Decimal(0))
    assert CASH not in account.state.activities.expected


# --- what is really held ----------------------------------------------------------------------------------------------

COIN_RULES = msgspec.structs.replace(ALPACA_RULES, fees=ALPACA_FEES)


def protected_coin() -> Account:
    """Ten coins bought at 100 with a stop at 90, at a broker that may take a fee of them."""
    buys: Any = lambda context, _: context.buy(COIN, 10, stop_loss=90)  # noqa: E731
    account = Account(Scripted({1: buys}), rules=COIN_RULES, instrument=CRYPTO, symbols=[COIN])
    return account.closes(1, 100, symbol=COIN)


def stops(account: Account) -> list[Decimal]:
    live = account.state.orders.live.values()
    return [order.remaining for order in live if order.terms.stop_price is not None and not order.cancel_released_ns]


FEES = [("0", 10), ("-0.025", "9.975"), ("-0.015", "9.985"), ("-0.01", "9.99")]


@pytest.mark.parametrize(("less", "held"), FEES)
def test_a_coins_stop_is_for_what_is_left_of_it(less: str, held: object) -> None:
    """It waits until it is known what was taken, which asking tells at once; then it is one order, for exactly that."""
    account = protected_coin()
    assert stops(account) == []
    shows(account, BTC_USD=less)
    assert (account.position(symbol=COIN), stops(account)) == (Decimal(str(held)), [Decimal(str(held))])
    assert account.state.order_count == 2


@pytest.mark.parametrize(("less", "held"), FEES)
def test_a_fee_that_nobody_tells_keeps_no_coin_bare(less: str, held: object) -> None:
    """After a while the stop is for what is there in any case, and exact when that is known: no dust is left without one."""
    account = protected_coin()
    account.run(Heartbeat(account.state.now_ns + FEE_WAIT_NS + 1))
    assert stops(account) == [Decimal("9.975")]
    shows(account, BTC_USD=less)
    assert stops(account) == [Decimal(str(held))]
    assert account.position(symbol=COIN) == Decimal(str(held))


@pytest.mark.parametrize("how", ["close", "target", "sell"])
def test_a_coin_is_closed_for_what_is_there(how: str) -> None:
    """A close, a target of zero and a sale of all that was bought come to what the broker has at the least."""
    acts: dict[str, Any] = {
        "close": lambda context, _: context.close(COIN),
        "target": lambda context, _: context.target(COIN, 0),
        "sell": lambda context, _: context.sell(COIN, 10),
    }
    buys: Any = lambda context, _: context.buy(COIN, 10)  # noqa: E731
    account = Account(Scripted({1: buys, 2: acts[how]}), rules=COIN_RULES, instrument=CRYPTO, symbols=[COIN])
    account.closes(1, 100, 100, 100, symbol=COIN)
    (sold,) = [order for order in account.state.orders.finished.values() if order.terms.side is Side.SELL]
    assert sold.terms.quantity == Decimal("9.975")
    shows(account, BTC_USD="-0.025")
    assert account.position(symbol=COIN) == 0


def test_a_flatten_sells_what_is_there() -> None:
    """So does a flatten."""
    account = protected_coin()
    account.ask(Flatten())
    account.closes(4, 100, 100, symbol=COIN)
    assert account.position(symbol=COIN) == Decimal("0.025")
    shows(account, BTC_USD="-0.025")
    assert account.position(symbol=COIN) == 0


def test_shares_are_sold_whole() -> None:
    """The fees of shares are taken in money: nothing of them is held back."""
    account = trading({1: enter(), 2: lambda context, _: context.close("ABC")}).closes(3, 100)
    assert account.position() == 0
