"""Several strategies and a person share one account at the local Alpaca: whose is what, and why books differ (item 24)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from holdfast.cli.reconcile import reconcile
from holdfast.config import Config
from holdfast.core.findings import BookLine, BooksCompared, Reconcile
from holdfast.core.messages import Action, OrderFilled, PlaceOrder, Signal
from holdfast.core.milestones import Impaired
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.types import Price, Quantity, StrategyId
from holdfast.runtime.live.health import NOT_YET
from tests.local_alpaca import KEY, LocalAlpaca, local_alpaca
from tests.scenario.alpaca.breaking import FAR_BELOW, ask, becomes, bodies, idle_configuration
from tests.scenario.alpaca.engine import SYMBOLS, Running, Theirs, agree_in_the_end
from tests.scenario.alpaca.test_external import adopted, elsewhere
from tests.scenario.alpaca.test_faults import disarm, post
from tests.scenario.alpaca.test_supervisor import config_file, take_cash

FIRST, SECOND = StrategyId("first"), StrategyId("second")


def two_strategies(server: LocalAlpaca, folder: Path, **changes: Any) -> Config:
    """An account with two strategies that ask for nothing by themselves."""
    config = idle_configuration(server, folder, **changes)
    (strategy,) = config.strategies
    pair = [msgspec.structs.replace(strategy, id=name) for name in (FIRST, SECOND)]
    return msgspec.structs.replace(config, strategies=pair)


@contextmanager
def shared_account(folder: Path, **changes: Any) -> Iterator[tuple[LocalAlpaca, Running]]:
    """A server, and an engine with two strategies on one account there."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server:
        running = Running(two_strategies(server, folder, **changes))
        try:
            running.start()
            server.play(8)
            running.wait_for(lambda: "AVOR" in running.state.marks, "a price")
            yield server, running
        finally:
            running.stop()


def intent(running: Running, strategy: StrategyId, action: Action, quantity: int, limit: str | None = None) -> Order:
    """Let one of the strategies have ordered."""
    before = running.state.order_count
    signal = Signal(
        strategy,
        "AVOR",
        action,
        quantity=Quantity(Decimal(quantity)),
        **({} if limit is None else {"limit_price": Price(Decimal(limit)), "order_type": "limit"}),  # type: ignore[arg-type]
    )
    ask(running, PlaceOrder(signal))
    running.wait_for(lambda: running.state.order_count > before, "the order to be made")
    order = running.state.orders.find(running.state.ids.order(before + 1))
    assert order is not None
    return order


def held(running: Running) -> dict[str, Decimal]:
    """What each ledger holds of AVOR, and the account."""
    portfolio = running.state.portfolio
    ledgers: dict[str, Decimal] = {strategy: ledger.quantity for strategy, _, ledger in portfolio.open_ledgers()}
    return {**ledgers, "all": portfolio.quantity("AVOR")}


def change(server: LocalAlpaca, act: Callable[[Any], None]) -> None:
    """Something happens to the account at the server without an order."""

    def do() -> None:
        trading = server.world.accounts.find(KEY)
        assert trading is not None
        act(trading.books)

    server.call(do)


def impairments(running: Running) -> list[str]:
    """What went missing since the market data came."""
    return [body.cause for body in bodies(running, Impaired) if body.reason != NOT_YET]


def differing(running: Running) -> BookLine:
    """The line that differs, once the books are known to differ for good."""
    running.wait_for(lambda: "books" in running.state.impairments, "the difference to be noticed")
    (line,) = [line for line in bodies(running, BooksCompared)[-1].lines if not line.agrees]
    assert isinstance(line, BookLine)
    return line


def compared(running: Running) -> BooksCompared:
    """What a comparison that a person asks for says."""
    before = len(bodies(running, BooksCompared))
    ask(running, Reconcile())
    running.wait_for(lambda: len(bodies(running, BooksCompared)) > before, "the comparison")
    told = bodies(running, BooksCompared)[before]
    assert isinstance(told, BooksCompared)
    return told


@pytest.mark.proves("I6", "S6")
def test_item_24_two_strategies_and_a_person_in_the_app_keep_to_their_own(tmp_path: Path) -> None:
    """One is long, one short of the same symbol, a person buys in the app: three ledgers, one position, no difference."""
    with shared_account(tmp_path, supervisor={"foreign_orders": "adopt"}) as (server, running):
        first, second = intent(running, FIRST, Action.BUY, 10), intent(running, SECOND, Action.BUY, 4)
        server.play(3)
        becomes(running, first, OrderState.FILLED)
        becomes(running, second, OrderState.FILLED)
        becomes(running, adopted(running, elsewhere(server, quantity=3)), OrderState.SUBMITTED, OrderState.FILLED)
        closing = intent(running, FIRST, Action.SELL, 6)
        server.play(3)
        becomes(running, closing, OrderState.FILLED)
        running.wait_for(lambda: EXTERNAL in held(running), "what the person bought")
        assert held(running) == {FIRST: 4, SECOND: 4, EXTERNAL: 3, "all": 11}
        earned = running.state.portfolio.ledgers[FIRST, "AVOR"].realised
        (out,) = [
            fill for fill in bodies(running, OrderFilled) if fill.client_order_id == closing.terms.client_order_id
        ]
        (way_in,) = [
            fill for fill in bodies(running, OrderFilled) if fill.client_order_id == first.terms.client_order_id
        ]
        assert earned == (out.price - way_in.price) * 6
        agree_in_the_end(running, Theirs(server))
        assert impairments(running) == []


@pytest.mark.proves("I6", "S5")
def test_item_24_fills_that_the_stream_lost_are_booked_to_whose_they_are(tmp_path: Path) -> None:
    """Both strategies' fill frames are lost: comparing finds them within its time, each in its ledger, and nothing differs."""
    with shared_account(tmp_path) as (server, running):
        post(server, [{"name": "stream_drop", "stream": "trade_updates", "times": 50}])
        first, second = intent(running, FIRST, Action.BUY, 7), intent(running, SECOND, Action.BUY, 2)
        server.play(3)
        becomes(running, first, OrderState.FILLED)
        becomes(running, second, OrderState.FILLED)
        assert held(running) == {FIRST: 7, SECOND: 2, "all": 9}
        disarm(server)
        agree_in_the_end(running, Theirs(server))
        assert "books" not in impairments(running)


@pytest.mark.proves("I6")
def test_item_24_a_position_that_changed_without_an_order_stops_new_risk_and_says_so(tmp_path: Path) -> None:
    """Shares are gone: PRESERVATION, with whose they were; nothing that is listed there explains it, and that is what is said."""
    with shared_account(tmp_path) as (server, running):
        first, second = intent(running, FIRST, Action.BUY, 5), intent(running, SECOND, Action.BUY, 3)
        server.play(3)
        becomes(running, first, OrderState.FILLED)
        becomes(running, second, OrderState.FILLED)

        def transfer(books: Any) -> None:
            books.ledgers["AVOR"].cost -= books.ledgers["AVOR"].cost / 8
            books.ledgers["AVOR"].quantity -= 1

        change(server, transfer)
        line = differing(running)
        assert line.ours == 8
        assert line.theirs == 7
        assert dict(line.ledgers) == {FIRST: 5, SECOND: 3}
        assert line.cause == "unknown: no order or execution at the broker explains it"
        assert not running.state.account_state.takes_risk
        assert line.cause in running.state.impairments["books"]


def test_a_split_is_told_from_its_unchanged_cost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three for one, no execution: `holdfast reconcile` shows both sides, the ledgers and the likely cause."""
    with shared_account(tmp_path) as (server, running):
        order = intent(running, FIRST, Action.BUY, 5)
        server.play(3)
        becomes(running, order, OrderState.FILLED)

        def split(books: Any) -> None:
            books.ledgers["AVOR"].quantity *= 3

        change(server, split)
        line = differing(running)
        assert line.cause == "as after a split or stock dividend of 3 for 1: its cost is unchanged"
        file = config_file(running, tmp_path)
        assert reconcile(file, None, accept=False, reason="", yes=True, timeout_s=20, as_json=False) == 1
        shown = capsys.readouterr().out
        assert "split or stock dividend of 3 for 1" in shown
        assert "first" in shown


def test_a_fill_that_the_lists_do_not_show_is_told_by_its_order(tmp_path: Path) -> None:
    """The position has moved as a working order of ours would have moved it: that order is named."""
    with shared_account(tmp_path) as (server, running):
        order = intent(running, FIRST, Action.BUY, 5, FAR_BELOW)
        becomes(running, order, OrderState.SUBMITTED)
        change(server, lambda books: books.book("AVOR", order.terms.side, Decimal(5), Decimal("1.00")))
        line = differing(running)
        assert line.cause == (
            f"order {order.terms.client_order_id} may have filled 5: the broker lists no such execution yet"
        )


def test_cash_alone_is_money_that_moved_without_a_trade(tmp_path: Path) -> None:
    """A fee, a dividend, a withdrawal: which of them can't be told, that it was no trade can."""
    with shared_account(tmp_path) as (server, running):
        take_cash(server, "12.34")
        running.wait_for(lambda: "books" in running.state.impairments, "the difference to be noticed")
        told = bodies(running, BooksCompared)[-1]
        assert told.cause == "money moved without a trade: a deposit, a withdrawal, a dividend, interest or a fee"
        assert (told.cash, told.broker_cash) == (100_000, Decimal("99987.66"))


@pytest.mark.proves("S6")
def test_executions_elsewhere_whose_order_is_not_shown_cost_nothing_but_time(tmp_path: Path) -> None:
    """The broker lists an execution and not its order: an event with that cause, no PRESERVATION, then `external` has it."""
    with shared_account(tmp_path, live={"reconcile_every_s": 600}) as (server, running):
        post(server, [{"name": "stream_drop", "stream": "trade_updates", "times": 50}])
        row = elsewhere(server)
        server.play(2)

        def hide() -> None:
            trading = server.world.accounts.find(KEY)
            assert trading is not None
            trading.orders.forget(trading.orders.get(row["id"]))

        server.call(hide)
        (line,) = compared(running).lines
        assert line.cause == f"executions of order {row['id']}, which is not ours, are not booked yet"
        while not (told := compared(running)).agree:
            assert told.cause == "executions that are not booked yet"
        assert held(running) == {EXTERNAL: 3, "all": 3}
        assert impairments(running) == []
