"""What a restart of the local Alpaca brings back."""

from decimal import Decimal
from pathlib import Path

import pytest

from holdfast.errors import ConfigError
from holdfast.sim.alpaca.errors import ApiError
from holdfast.sim.alpaca.trading.accounts import read_accounts
from holdfast.sim.alpaca.trading.trading_accounts import TradingAccounts
from holdfast.sim.chassis.state import State
from tests.unit.sim.alpaca.trading.kit import EVENING, KEY, MORNING, OPEN, SECRET, Bench


def restarted(bench: Bench, path: Path) -> Bench:
    """The same account in a new process: the old one just stops, nothing is closed in order."""
    assert bench.state is not None
    bench.state._connection.close()
    return Bench(0, state=path)


def test_everything_comes_back(tmp_path: Path) -> None:
    """Account, cash, positions, orders, fills, watchlists, used ids and the market's time are as they were."""
    path = tmp_path / "state"
    old = Bench(state=path)
    old.price(100)
    old.place(client_order_id="first", qty="2.5")
    old.place(type="limit", limit_price="90", client_order_id="second")
    old.trading.watchlists.make("mine", ["AVOR"], old.now_ns)
    new = restarted(old, path)
    assert new.now_ns == old.now_ns
    assert new.trading.account == old.trading.account
    assert (new.trading.books.cash, new.trading.books.ledgers) == (old.trading.books.cash, old.trading.books.ledgers)
    assert list(new.trading.orders.all()) == list(old.trading.orders.all())
    assert list(new.trading.executions.all()) == list(old.trading.executions.all())
    assert [one.symbols for one in new.trading.watchlists.all()] == [["AVOR"]]
    with pytest.raises(ApiError, match="client_order_id must be unique"):
        new.place(client_order_id="first")


def test_open_orders_work_again(tmp_path: Path) -> None:
    """A resting limit order fills after the restart when its price comes, at its own limit."""
    path = tmp_path / "state"
    old = Bench(state=path)
    old.price(100)
    order = old.place(type="limit", limit_price="90")
    new = restarted(old, path)
    new.price(95)
    again = new.trading.orders.get(order.id)
    assert again.status == "new"
    new.price(89)
    assert (again.status, again.filled_cost) == ("filled", Decimal(900))
    assert new.trading.books.cash == 99_100


def test_a_bracket_goes_on(tmp_path: Path) -> None:
    """Held exits are held again, and go to work when the entry fills after the restart."""
    path = tmp_path / "state"
    old = Bench(state=path)
    old.price(100)
    orders = old.bracket(type="limit", limit_price="95")
    new = restarted(old, path)
    entry, profit, loss = (new.trading.orders.get(order.id) for order in orders)
    assert [entry.status, profit.status, loss.status] == ["new", "held", "held"]
    new.price(94)
    assert [entry.status, profit.status, loss.status] == ["filled", "new", "held"]
    third = restarted(new, path)
    profit, loss = (third.trading.orders.get(order.id) for order in orders[1:])
    third.price(89)
    assert [profit.status, loss.status] == ["replaced", "filled"]


def test_a_pair_of_exits_goes_on(tmp_path: Path) -> None:
    """An OCO that was taken, and one that was only answered when the server died: both stops fire after the restart."""
    path = tmp_path / "state"
    old = Bench(state=path)
    old.price(100)
    old.place(qty="20")
    exits = {"take_profit": {"limit_price": "110"}, "stop_loss": {"stop_price": "90"}}
    terms = {"side": "sell", "type": "limit", "order_class": "oco", "qty": "10", **exits}
    pairs = [old.place(**terms), old.send(**terms)]
    new = restarted(old, path)
    new.price(89)
    assert [new.trading.orders.get(order.leg_ids[0]).status for order in pairs] == ["filled", "filled"]
    assert not new.trading.books.ledgers


def test_waiting_orders_wait_on(tmp_path: Path) -> None:
    """An order of the night is sent with the first event of the session, though the server was restarted in between."""
    path = tmp_path / "state"
    old = Bench(EVENING, state=path)
    old.price(100)
    order = old.place()
    new = restarted(old, path)
    new.go_to(OPEN)
    new.price(105)
    assert new.trading.orders.get(order.id).status == "filled"


def test_what_was_answered_and_not_yet_sent_is_sent(tmp_path: Path) -> None:
    """A server that dies right after its answers does after the restart what they promised."""
    path = tmp_path / "state"
    old = Bench(state=path)
    old.price(100)
    resting, moving = (old.place(type="limit", limit_price=price) for price in ("90", "91"))
    order = old.send(type="limit", limit_price="92")
    old.trading.cancel(resting.id)
    order_ids = order.id, resting.id, moving.id
    new = restarted(old, path)
    new.trading.settle()
    statuses = [new.trading.orders.get(order_id).status for order_id in order_ids]
    assert statuses == ["new", "canceled", "new"]


def test_a_trailing_stop_keeps_its_mark(tmp_path: Path) -> None:
    """A trailing stop goes on from its high-water mark as it was, not from the market it finds."""
    path = tmp_path / "state"
    old = Bench(state=path)
    old.price(100)
    old.place()
    order = old.place(side="sell", type="trailing_stop", trail_price="2")
    old.price(110)
    new = restarted(old, path)
    new.price(109)
    assert new.trading.find(order.id).stop_price == 108
    new.price(108)
    assert new.trading.orders.get(order.id).status == "filled"


def test_a_bust_stays_busted(tmp_path: Path) -> None:
    """An execution that was taken back is not there after a restart either."""
    path = tmp_path / "state"
    old = Bench(state=path)
    old.price(100)
    old.place()
    old.trading.bust_last_fill()
    assert restarted(old, path).trading.books.cash == 100_000


def test_lost_orders_are_gone(tmp_path: Path) -> None:
    """Open orders that the server lost can't be found and their ids are free; what was filled stays."""
    path = tmp_path / "state"
    old = Bench(state=path)
    old.price(100)
    kept = old.place()
    lost = old.place(type="limit", limit_price="90", client_order_id="lost")
    assert old.trading.forget_open_orders() == 1
    new = restarted(old, path)
    assert new.trading.orders.find(lost.id) is None
    assert new.trading.orders.get(kept.id).status == "filled"
    assert new.place(client_order_id="lost", type="limit", limit_price="90").status == "new"


def test_the_secret_is_kept_as_proof_only(tmp_path: Path) -> None:
    """After a restart the key still needs its own secret, which is nowhere in the file."""
    path = tmp_path / "state"
    old = Bench(state=path)
    new = restarted(old, path)
    assert new.world.accounts.of_key(KEY, "another") is None
    assert new.world.accounts.of_key(KEY, SECRET) is new.trading
    new.world.accounts.close()
    assert SECRET.encode() not in path.read_bytes()


def test_a_file_that_is_no_state_is_refused(tmp_path: Path) -> None:
    """Another kind of file is named in the error, and what to do about it."""
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to look like one" * 30)
    with pytest.raises(ConfigError, match=r"notes\.txt can't be used"):
        State(path)


def test_accounts_from_a_file(tmp_path: Path) -> None:
    """Listed accounts have their own money, and other keys open nothing."""
    path = tmp_path / "accounts.toml"
    path.write_text('[[accounts]]\nkey = "A"\nsecret = "a"\ncash = 2500.5\n[[accounts]]\nkey = "B"\nsecret = "b"\n')
    accounts = TradingAccounts(Bench(MORNING).world, accounts=path)
    trading = accounts.of_key("A", "a")
    assert trading is not None
    assert trading.books.cash == Decimal("2500.5")
    assert accounts.of_key("A", "b") is None
    assert accounts.of_key("C", "c") is None
    assert len(accounts.all()) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "lists no accounts"),
        ("accounts = 3", "lists no accounts"),
        ('[[accounts]]\nkey = "A"', "account 1: key and secret must be texts"),
        ('[[accounts]]\nkey = "A"\nsecret = "a"\ncash = -1', "cash must not be below zero"),
        ('[[accounts]]\nkey = "A"\nsecret = "a"\nmoney = 1', "unknown field 'money'"),
        ("[[accounts", "neither JSON"),
    ],
)
def test_accounts_that_can_not_be_read(tmp_path: Path, text: str, words: str) -> None:
    """A wrong accounts file is refused with its name, the account and what to mend, and never with a secret."""
    path = tmp_path / "accounts.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        read_accounts(path)


def test_times_go_on_after_a_restart(tmp_path: Path) -> None:
    """Orders and fills after the restart are later than those before it, though market time stood still throughout."""
    path = tmp_path / "state"
    old = Bench(state=path)
    old.price(100)
    for _ in range(3):
        old.place()
    new = restarted(old, path)
    new.price(100, after_s=0)
    assert new.now_ns == old.now_ns
    new.place(type="limit", limit_price="90")
    new.place()
    orders, fills = new.trading.orders.all(), new.trading.executions.all()
    assert [order.created_ns - new.now_ns for order in orders] == [0, 1_000, 2_000, 3_000, 4_000]
    assert [fill.time_ns - new.now_ns for fill in fills] == [0, 1_000, 2_000, 4_000]


def test_a_stop_that_is_dead_by_a_fault_stays_dead(tmp_path: Path) -> None:
    """The restart takes the fault off, and not what it has done: the OCO's stop-loss never fires."""
    path = tmp_path / "state"
    old = Bench(MORNING, {"name": "leg_dead"}, state=path)
    old.price(100)
    old.place()
    exits = {"take_profit": {"limit_price": "110"}, "stop_loss": {"stop_price": "90"}}
    profit = old.place(side="sell", type="limit", order_class="oco", **exits)
    (loss,) = old.trading.orders.legs(profit)
    new = restarted(old, path)
    new.price(80)
    assert [new.trading.orders.get(order.id).status for order in (profit, loss)] == ["new", "held"]
    new.price(111)
    assert [new.trading.orders.get(order.id).status for order in (profit, loss)] == ["filled", "canceled"]
