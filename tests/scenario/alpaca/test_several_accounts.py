"""Several accounts, brokers and feeds in one engine: each goes its own way, and none stops another."""

import asyncio
import time
from decimal import Decimal
from pathlib import Path

import pytest

from holdfast.brokers.port import BrokerAccount
from holdfast.core.messages import Action, PlaceOrder, Signal
from holdfast.core.milestones import EngineStopped
from holdfast.core.types import MANUAL, Quantity
from holdfast.errors import ConfigError, DataError
from holdfast.journal.commands import file_command
from holdfast.journal.reader import Reader
from holdfast.runtime.compose import open_engine
from holdfast.runtime.standby import Waiting
from tests.local_alpaca import KEY, OTHER_KEY, SECRET, LocalAlpaca, local_alpaca
from tests.scenario.alpaca.engine import Running
from tests.scenario.alpaca.several import (
    BOTH,
    FILE_SYMBOL,
    accounts_file,
    alpaca_section,
    bars_file,
    state_of,
    theirs,
    trades,
    two_accounts,
)

FAST = 900_000


def order(running: Running, account: str, quantity: int, symbol: str = "AVOR") -> None:
    """Ask for an order by hand, as `holdfast buy` does."""
    signal = Signal(MANUAL, symbol, Action.BUY, quantity=Quantity(Decimal(quantity)))
    file_command(running.config.journal.url, account, PlaceOrder(signal), "cli:test", None, time.time_ns())


def holds(running: Running, account: str, quantity: int, symbol: str = "AVOR") -> bool:
    return state_of(running, account).portfolio.quantity(symbol) == quantity


def holds_or_plays(server: LocalAlpaca, running: Running, account: str, quantity: int) -> bool:
    """Whether the account holds so much; if not, the market goes on by an event: paper orders meet its next bar."""
    if holds(running, account, quantity):
        return True
    server.play(1)
    return False


def at_broker(running: Running, account: str) -> BrokerAccount:
    """What the account's broker says that it has."""
    broker = next(each.broker for each in running.engine.accounts if each.name == account)
    held: BrokerAccount = asyncio.run(broker.account())
    return held


def test_two_accounts_at_one_broker_have_orders_and_books_of_their_own(tmp_path: Path) -> None:
    """Each with its keys: what one buys is in its books and at its account, and in no other's."""
    with local_alpaca(accounts=accounts_file(tmp_path, KEY, OTHER_KEY), requests_per_minute=FAST) as server:
        running = Running(two_accounts(server, tmp_path))
        try:
            running.begin()
            server.play(8)
            running.wait_for(lambda: trades(running, *BOTH), "both to trade")
            running.wait_for(lambda: all("AVOR" in state_of(running, name).marks for name in BOTH), "prices")
            order(running, "one", 3)
            order(running, "two", 5)
            running.wait_for(lambda: running.engine.accounts[0].state.order_count == 1, "the first order")
            running.wait_for(lambda: running.engine.accounts[1].state.order_count == 1, "the other order")
            server.play(8)
            running.wait_for(lambda: holds(running, "one", 3) and holds(running, "two", 5), "the fills")
            assert theirs(server, KEY) == {"AVOR": 3}
            assert theirs(server, OTHER_KEY) == {"AVOR": 5}
            ids = {state_of(running, name).broker_account_id for name in BOTH}
            assert len(ids) == 2
        finally:
            running.stop()


def test_a_strategy_on_both_has_an_instance_in_each(tmp_path: Path) -> None:
    """The same class and parameters, two objects, and a limit of one account is no limit of the other."""
    with local_alpaca(accounts=accounts_file(tmp_path, KEY, OTHER_KEY), requests_per_minute=FAST) as server:
        config = two_accounts(server, tmp_path)
        with open_engine(config) as engine:
            first, second = (account.state for account in engine.accounts)
            assert list(first.host.runners) == list(second.host.runners) == ["both"]
            assert first.host.runners["both"].strategy is not second.host.runners["both"].strategy  # type: ignore[index]


def test_refused_keys_of_one_account_leave_the_other_trading(tmp_path: Path) -> None:
    """It is left out at the start, is free for others, and what ended it is told; the other trades to the end."""
    with local_alpaca(accounts=accounts_file(tmp_path, KEY), requests_per_minute=FAST) as server:
        running = Running(two_accounts(server, tmp_path))
        try:
            running.begin()
            server.play(8)
            running.wait_for(lambda: trades(running, "one") and "AVOR" in state_of(running, "one").marks, "a price")
            order(running, "one", 2)
            running.wait_for(lambda: state_of(running, "one").order_count == 1, "the order")
            server.play(8)
            running.wait_for(lambda: holds(running, "one", 2), "the fill")
            assert list(running.engine.loop.failures) == ["two"]
            with Reader.open(running.config.journal.url) as reader:
                running.wait_for(lambda: not reader.is_running("two"), "the account to be given back")
                assert reader.is_running("one")
        finally:
            running.stop()


def test_all_accounts_refused_end_the_engine(tmp_path: Path) -> None:
    """With nobody left to trade there is nothing to run for."""
    with local_alpaca(accounts=accounts_file(tmp_path, "PKSOMEBODYELSE"), requests_per_minute=FAST) as server:
        running = Running(two_accounts(server, tmp_path))
        with pytest.raises(Exception, match="keys"):
            running.begin()


def test_an_account_beside_replays_a_file(tmp_path: Path) -> None:
    """A paper account on a file, flat out, in the same process: it comes to its end while the others trade on."""
    with local_alpaca(accounts=accounts_file(tmp_path, KEY, OTHER_KEY), requests_per_minute=FAST) as server:
        live = {"name": "live", "kind": "alpaca", "symbols": ["AVOR"], "warm_up_minutes": 30}
        file = {"name": "past", "kind": "file", "path": str(bars_file(tmp_path)), "bar": "1Min"}
        strategy = {"class": "holdfast.torture.processes.strategy:Busy", "params": {"idle_in": 2}}
        config = two_accounts(
            server,
            tmp_path,
            feeds=[live, file],
            accounts=[
                {"name": "one", "broker": "alpaca", "feed": "live"},
                {"name": "two", "broker": "alpaca", "login": "second", "feed": "live"},
                {"name": "past", "feed": "past", "calendar": "24/7"},
            ],
            strategies=[{"id": "busy", "account": "past", "symbols": [FILE_SYMBOL], **strategy}],
        )
        running = Running(config)
        try:
            running.begin()
            ended = lambda: any(  # noqa: E731
                isinstance(record.body, EngineStopped) and record.account == "past" for _, record in running.records
            )
            running.wait_for(ended, "the end of the file")
            assert state_of(running, "past").order_count > 10
            server.play(8)
            running.wait_for(lambda: trades(running, *BOTH) and "AVOR" in state_of(running, "two").marks, "the others")
            order(running, "two", 1)
            running.wait_for(lambda: state_of(running, "two").order_count == 1, "the order")
            server.play(8)
            running.wait_for(lambda: holds(running, "two", 1), "the fill")
        finally:
            running.stop()


def test_a_paper_account_trades_on_the_same_live_feed(tmp_path: Path) -> None:
    """An account at the broker and one on an exchange in memory hear one market, and each has what it bought, after a restart too."""
    with local_alpaca(accounts=accounts_file(tmp_path, KEY), requests_per_minute=FAST) as server:
        accounts = [{"name": "one", "broker": "alpaca"}, {"name": "two", "cash": 50_000}]
        config = two_accounts(server, tmp_path, accounts=accounts, strategies=[])
        running = Running(config)
        try:
            running.begin()
            server.play(8)
            running.wait_for(lambda: trades(running, *BOTH), "both to trade")
            running.wait_for(lambda: all("AVOR" in state_of(running, name).marks for name in BOTH), "prices")
            order(running, "two", 5)
            running.wait_for(lambda: holds_or_plays(server, running, "two", 5), "the fill")
            order(running, "one", 3)
            running.wait_for(lambda: holds_or_plays(server, running, "one", 3), "the other fill")
            assert theirs(server, KEY) == {"AVOR": 3}
            before = at_broker(running, "two")
            assert (before.cash, holds(running, "two", 5)) == (state_of(running, "two").portfolio.cash, True)
        finally:
            running.stop()
        told: list[str] = []
        with open_engine(config, waiting=Waiting(tell=told.append)) as engine:
            assert asyncio.run(engine.accounts[1].broker.account()) == before
        assert [text for text in told if text.startswith("paper account two saw nothing of the market after")]


def test_bad_data_in_a_file_is_found_before_anything_trades(tmp_path: Path) -> None:
    """A file is read to its end at the start: what can't be is a mistake of the configuration, and nobody trades on it."""
    with local_alpaca(accounts=accounts_file(tmp_path, KEY), requests_per_minute=FAST) as server:
        path = bars_file(tmp_path, 50)
        path.write_text(path.read_text() + f"{FILE_SYMBOL},2024-07-10T20:00:00Z,1,0,2,1,5\n")
        config = two_accounts(
            server,
            tmp_path,
            feeds=[
                {"name": "live", "kind": "alpaca", "symbols": ["AVOR"], "warm_up_minutes": 30},
                {"name": "past", "kind": "file", "path": str(path), "bar": "1Min"},
            ],
            accounts=[
                {"name": "one", "broker": "alpaca", "feed": "live"},
                {"name": "past", "feed": "past", "calendar": "24/7"},
            ],
            strategies=[],
        )
        running = Running(config)
        with pytest.raises(DataError, match="row 51"):
            running.begin()


def test_one_pair_of_keys_under_two_names_is_refused(tmp_path: Path) -> None:
    """Before anything is made: each order would be counted twice."""
    with local_alpaca(requests_per_minute=FAST) as server:
        section = alpaca_section(server)
        section["logins"] = {"second": {"api_key": KEY, "api_secret": SECRET}}
        config = two_accounts(server, tmp_path, alpaca=section)
        with pytest.raises(ConfigError, match="accounts one and two have the same keys"), open_engine(config):
            pass
        assert not (tmp_path / "journal.db").exists()
