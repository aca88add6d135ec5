# mypy: disable-error-code="comparison-overlap", no-warn-unreachable
# (quantities are compared with plain numbers)
"""What the broker books by itself is booked here too, by its kind, once; what nothing explains is still a difference."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from holdfast.core.adjustments import AccountAdjusted, AdjustmentKind
from holdfast.core.messages import Action, OrderPrepared, PlaceOrder, Signal
from holdfast.core.milestones import Impaired
from holdfast.core.orders.order import OrderState
from holdfast.core.types import Price, Quantity, StrategyId
from holdfast.runtime.live.health import NOT_YET
from holdfast.sim.alpaca.trading.trading_account import TradingAccount
from tests.local_alpaca import KEY, SECRET, LocalAlpaca, local_alpaca
from tests.scenario.alpaca.breaking import ask, becomes, bodies, buy, idle_engine, price_moves, trade
from tests.scenario.alpaca.engine import SYMBOLS, Running, Theirs, agree_in_the_end
from tests.scenario.alpaca.test_protection_held import COIN, SHARE, bought, engine, exits, goes, near, nothing_failed
from tests.scenario.alpaca.test_supervisor import take_cash

K = AdjustmentKind
HEADERS = {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": SECRET}


def book(server: LocalAlpaca, code: str, amount: object = 0, **more: object) -> str:
    """The broker books something by itself; its id there."""
    body = {"activity_type": code, "net_amount": str(amount), **{name: str(value) for name, value in more.items()}}
    answer = requests.post(f"{server.trading_url}/_sim/activities", json=body, timeout=20)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def missing(running: Running) -> list[str]:
    """What has gone missing since the market data came."""
    return [body.cause for body in bodies(running, Impaired) if body.reason != NOT_YET]


def adjustments(running: Running) -> list[tuple[AdjustmentKind, Decimal, Decimal]]:
    """What was booked without a trade: kind, money, units."""
    return [(body.kind, body.amount, body.quantity) for body in bodies(running, AccountAdjusted)]


@contextmanager
def holding(folder: Path, quantity: int = 10) -> Iterator[tuple[LocalAlpaca, Running]]:
    """An engine that holds some AVOR, of strategy ``all``."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server, idle_engine(server, folder) as running:
        held = buy(running, quantity)
        price_moves(server, 100.0)
        becomes(running, held, OrderState.FILLED)
        yield server, running


def test_each_kind_is_booked_as_what_it_is(tmp_path: Path) -> None:
    """Fees, a dividend less its tax, interest, a deposit, a withdrawal: nothing goes missing, and equity and its parts are right."""
    with holding(tmp_path) as (server, running):
        portfolio = running.state.portfolio
        cash, deposits = portfolio.cash, portfolio.deposits
        story: list[tuple[Any, ...]] = [
            ("FEE", "-0.02", K.FEE, {"activity_sub_type": "REG"}),
            ("DIV", "12.00", K.DIVIDEND, {"symbol": "AVOR", "qty": 10}),
            ("DIVNRA", "-1.80", K.DIVIDEND, {"symbol": "AVOR", "qty": 10}),
            ("INT", "-0.33", K.INTEREST, {}),
            ("CSD", "500", K.TRANSFER, {}),
            ("CSW", "-250", K.TRANSFER, {}),
        ]
        for number, (code, amount, kind, more) in enumerate(story, 1):
            book(server, code, amount, **more)
            running.wait_for(lambda number=number: len(adjustments(running)) == number, code)  # type: ignore[misc]
            assert adjustments(running)[-1] == (kind, Decimal(amount), 0)
        assert missing(running) == []
        assert portfolio.cash == cash + Decimal("259.85")
        assert (portfolio.fees, portfolio.deposits, portfolio.realised) == (
            Decimal("0.02"),
            deposits + 250,
            Decimal("9.87"),
        )
        earned = {strategy: ledger.realised for (strategy, _), ledger in portfolio.ledgers.items()}
        assert earned == {"all": Decimal("10.20"), "external": Decimal("-0.33")}


def test_once_for_ever(tmp_path: Path) -> None:
    """The same activities are listed to the next engine, from its journal and from a snapshot: nothing is booked again."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server:
        requests.get(f"{server.trading_url}/v2/account", headers=HEADERS, timeout=20)  # opens it
        book(server, "CSD", "1000")  # before the account was ever taken: part of what it holds
        for start in range(3):
            with idle_engine(server, tmp_path) as running:
                before = running.state.portfolio.cash
                assert before == 101_000 - start
                book(server, "FEE", "-1.00")
                running.wait_for(lambda before=before: running.state.portfolio.cash == before - 1, "the fee")  # type: ignore[misc]
                assert missing(running) == []
                assert len(adjustments(running)) == 1


def test_more_than_a_page_at_once(tmp_path: Path) -> None:
    """While the engine was away 130 fees came: each is booked, none twice, and the account trades."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server:
        with idle_engine(server, tmp_path):
            pass
        for _ in range(130):
            book(server, "FEE", "-0.01")
        with idle_engine(server, tmp_path) as running:
            assert running.state.portfolio.fees == Decimal("1.30")
            assert len(adjustments(running)) == 130
            assert missing(running) == []


def test_corrections_and_cancellations(tmp_path: Path) -> None:
    """A dividend is corrected, then canceled: the books follow each time."""
    with holding(tmp_path) as (server, running):
        cash = running.state.portfolio.cash
        name = book(server, "DIV", "12.00", symbol="AVOR", qty=10)
        running.wait_for(lambda: running.state.portfolio.cash == cash + 12, "the dividend")
        book(server, "DIV", "10.00", symbol="AVOR", qty=10, id=name, status="correct")
        running.wait_for(lambda: running.state.portfolio.cash == cash + 10, "its correction")
        book(server, "DIV", "10.00", symbol="AVOR", qty=10, id=name, status="canceled")
        running.wait_for(lambda: running.state.portfolio.cash == cash, "its cancellation")
        assert missing(running) == []
        assert running.state.portfolio.realised == 0


def test_a_pending_one_is_none_yet(tmp_path: Path) -> None:
    """What has moved nothing is not booked; the same one done is."""
    with holding(tmp_path) as (server, running):
        cash = running.state.portfolio.cash
        name = book(server, "CSD", "300", status="pending")
        book(server, "FEE", "-0.05")
        running.wait_for(lambda: running.state.portfolio.cash == cash - Decimal("0.05"), "the fee")
        book(server, "CSD", "300", id=name)
        running.wait_for(lambda: running.state.portfolio.cash == cash + Decimal("299.95"), "the deposit")
        assert [kind for kind, _, _ in adjustments(running)] == [K.FEE, K.TRANSFER]
        assert missing(running) == []


def test_fees_of_a_sale_that_are_not_listed_yet_are_fees(tmp_path: Path) -> None:
    """Two cents go with a sale and are listed in the evening, as three: a fee at once, a cent more then, no PRESERVATION."""
    with holding(tmp_path) as (server, running):
        sold = trade(running, Action.SELL, 4, None, "AVOR")
        price_moves(server, 101.0)
        becomes(running, sold, OrderState.FILLED)
        take_cash(server, "0.02")
        running.wait_for(lambda: running.state.portfolio.fees == Decimal("0.02"), "the fee")
        take_cash(server, "-0.02")
        book(server, "FEE", "-0.03", description="TAF fee for proceed of 4 shares")
        running.wait_for(lambda: running.state.portfolio.fees == Decimal("0.03"), "the rest of it")
        assert missing(running) == []
        assert not running.state.activities.expected


@pytest.mark.parametrize("amount", ["0.90", "-0.02"])
def test_what_nothing_explains_is_a_difference_still(tmp_path: Path, amount: str) -> None:
    """More than the fees of a sale may be, or money that came from nowhere; what is listed beside it doesn't hide it."""
    with holding(tmp_path) as (server, running):
        sold = trade(running, Action.SELL, 4, None, "AVOR")
        price_moves(server, 101.0)
        becomes(running, sold, OrderState.FILLED)
        take_cash(server, amount)
        running.wait_for(lambda: "books" in running.state.impairments, "the difference")
        book(server, "INT", "5.00")
        fees = running.state.portfolio.fees
        take_cash(server, "-" + amount if amount[0] != "-" else amount[1:])
        running.wait_for(lambda: not running.state.impairments, "the rest to be explained")
        assert running.state.portfolio.fees == fees == 0
        assert [kind for kind, _, _ in adjustments(running)] == [K.INTEREST]


def test_a_split_is_booked_with_its_stop(tmp_path: Path) -> None:
    """Four for one, listed as shares taken away and shares given: forty at the same cost, stopped at a quarter, protected again."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server, idle_engine(server, tmp_path) as running:
        held = buy(running, 10, stop_loss=Price(Decimal(90)))
        price_moves(server, 100.0)
        becomes(running, held, OrderState.FILLED)
        running.wait_for(lambda: stops(running) == [(10, 90)], "the stop")
        cost = running.state.portfolio.lines["AVOR"].cost

        def split() -> None:
            (trading,) = server.world.accounts.all()
            for order in trading.orders.open():
                trading.cancel(order.id)  # as the broker does with orders of before a split

        server.call(split)
        book(server, "SPLIT", 0, symbol="AVOR", qty=-10, price=100, description="REMOVE, From QTY:10, To QTY:40")
        book(server, "SPLIT", 0, symbol="AVOR", qty=40, price=25, description="ADD, From QTY:10, To QTY:40")
        running.wait_for(lambda: running.state.portfolio.quantity("AVOR") == 40, "the split")
        running.wait_for(lambda: stops(running) == [(40, Decimal("22.5"))], "the stop of after it")
        assert running.state.portfolio.lines["AVOR"].cost == cost
        assert running.state.portfolio.realised == 0


def stops(running: Running) -> list[tuple[Decimal, Decimal | None]]:
    """The stops that the broker is known to have: for how much, and where."""
    return [
        (order.terms.quantity, order.terms.stop_price)
        for order in list(running.state.orders.live.values())
        if order.terms.stop_price is not None and order.state is OrderState.SUBMITTED and not order.cancel_released_ns
    ]


def test_a_coin_is_protected_and_sold_without_its_fee(tmp_path: Path) -> None:
    """0.75 bought, 0.748125 there: that is what the stop is for and what a close sells; the fees are some before they are listed."""
    with engine(tmp_path, COIN, has_fees=True) as (server, running):
        bought(server, running, COIN, "0.75", stop_loss=near(running, COIN, 0.9))
        assert exits(server) == [("stop_limit", "0.748125", "gtc")]
        assert running.state.portfolio.quantity(COIN) == Decimal("0.748125")
        fees = running.state.portfolio.fees
        assert fees > 0
        ask(running, PlaceOrder(Signal(StrategyId("all"), COIN, Action.CLOSE, quantity=Quantity(Decimal(0)))))
        running.wait_for(lambda: len(bodies(running, OrderPrepared)) == 3, "the close")
        goes(server, running, COIN, 1.0)
        running.wait_for(lambda: not running.state.portfolio.quantity(COIN), "the close to fill")
        agree_in_the_end(running, Theirs(server))
        (sale,) = (one for one in server.call(lambda: list(trading_of(server).account.bookings)) if one.net_amount)
        assert running.state.portfolio.fees == fees - sale.net_amount
        assert running.state.activities.expected
        assert nothing_failed(running)
        assert missing(running) == []


def test_a_days_sales_cost_cents_in_the_evening(tmp_path: Path) -> None:
    """At a server that charges as Alpaca does: three cents go after the day, are booked as fees, and nothing goes missing."""
    with engine(tmp_path, SHARE, has_fees=True) as (server, running):
        bought(server, running, SHARE, "10")
        sold = trade(running, Action.SELL, 4, None, SHARE)
        goes(server, running, SHARE, 1.0)
        becomes(running, sold, OrderState.FILLED)
        cash = running.state.portfolio.cash
        evening(server)
        running.wait_for(lambda: running.state.portfolio.fees == Decimal("0.05"), "the fees")
        assert running.state.portfolio.cash == cash - Decimal("0.05")
        assert {kind for kind, _, _ in adjustments(running)} == {K.FEE}
        assert missing(running) == []
        agree_in_the_end(running, Theirs(server))


def trading_of(server: LocalAlpaca) -> TradingAccount:
    (trading,) = server.world.accounts.all()
    return trading


def evening(server: LocalAlpaca) -> None:
    """The market's time is that at which the day's fees are posted."""
    server.call(lambda: server.world.pass_time(trading_of(server).account.fees_due_ns))
