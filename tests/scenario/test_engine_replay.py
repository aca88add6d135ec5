"""The same inputs give the same records, and the records alone give the same state: what recovery rests on."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from holdfast.backtesting.replay import Replay
from holdfast.core import codec
from holdfast.core.messages import Envelope
from holdfast.core.orders.order import OrderState
from holdfast.core.protection.policy import ProtectionPolicy
from holdfast.core.protection.records import OnFailure, ProtectionFailed
from holdfast.core.state import EngineState, apply
from holdfast.core.strategy.host import Runner
from holdfast.core.turn import Turn
from holdfast.core.types import MANUAL, MINUTE_NS, OrderRole, StrategyId
from holdfast.venue.exchange import Exchange
from tests.budget import in_a_campaign
from tests.scenario.account import DAYS, DEPOSIT, START_NS, Account, Scripted, new_state
from tests.scenario.busy_market import (
    LIMITS,
    SETTINGS,
    STALE_AFTER_NS,
    SYMBOLS,
    busy_account,
    commands,
    crowd,
    in_time,
    market,
    new_account,
)
from tests.scenario.test_engine_protection import Picky, enter

ROOT = Path(__file__).resolve().parents[2]


def digest(state: EngineState) -> dict[str, Any]:
    """All that records decide about an account."""
    book, portfolio = state.orders, state.portfolio
    return {
        "sequence": state.sequence,
        "epoch": state.epoch,
        "account": state.account_state,
        "day": (state.trading_day, state.day_start_equity),
        "live": list(book.live.items()),
        "finished": list(book.finished.items()),
        "sums": (book.regular_count, dict(book.open_net), dict(book.open_buys), dict(book.open_sells)),
        "sides": dict(book.open_sides),
        "canceling": list(book.canceling),
        "cash": (portfolio.cash, portfolio.deposits, portfolio.realised, portfolio.fees),
        "lines": portfolio.lines,
        "ledgers": portfolio.ledgers,
        "guards": dict(state.guards),
        "flatten": (state.flattening, dict(state.flatten_tries)),
        "intents": (state.order_count, list(state.intents.items()), dict(state.refusals)),
        "stale": dict(state.stale),
    }


@pytest.fixture(scope="module")
def busy() -> Account:
    """A run that many tests look at, and none goes on with."""
    return busy_account(1)


def test_the_market_is_busy_enough(busy: Account) -> None:
    """The run that the other tests rest on meets every way an order ends here, and most kinds of record."""
    account = busy
    states = {order.state for order in account.state.orders.finished.values()}
    assert {OrderState.FILLED, OrderState.CANCELED} <= states
    kinds = {record.type for record in account.records}
    assert {
        "Signal", "RiskRefused", "OrderReplaced", "CancelReleased", "Flattened", "StrategyStopped", "CommandDone", "Halt", "Resume",
        "OrderEventIgnored", "PlaceOrder",
    } <= kinds  # fmt: skip
    assert len(account.records) > 3000
    assert MANUAL in {strategy for strategy, _ in account.state.portfolio.ledgers}


@pytest.mark.proves("I9", "C5")
def test_the_same_inputs_give_the_same_records(busy: Account) -> None:
    """Twice in one process: equal to the byte."""
    first, second = ([codec.encode(record) for record in account.records] for account in (busy, busy_account(1)))
    assert first == second


@pytest.mark.proves("I9", "C5")
def test_the_hash_seed_changes_nothing(busy: Account) -> None:
    """Two processes whose sets and dictionaries are ordered differently write the same bytes."""
    seed = "0" if os.environ.get("PYTHONHASHSEED") == "4242" else "4242"  # this process has another, or one by chance
    env = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    command = [sys.executable, "-m", "tests.scenario.busy_market", "1"]
    written = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, check=True).stdout
    assert written.count(b"\n") > 3000
    assert written.splitlines() == [codec.encode(record) for record in busy.records]


BARRED = """
import os, random, sys, time, uuid
from holdfast.core.messages import StrategyStopped
from tests.scenario.busy_market import in_time, market, new_account

def barred(*_, **__):
    raise AssertionError("the core looked outside")

events, account = in_time(market(1, 130)), new_account()
for module, names in (
    (time, ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "sleep", "gmtime", "localtime")),
    (random, ("random", "randrange", "randint", "choice", "uniform", "gauss", "getrandbits")),
    (uuid, ("uuid1", "uuid4")),
    (os, ("urandom", "getpid", "getenv")),
):
    for name in names:
        setattr(module, name, barred)
outside = ("open", "import", "os.", "socket.", "subprocess.", "sqlite3.")
sys.addaudithook(lambda event, _: barred() if event.startswith(outside) else None)
account.run(*events)
print(len(account.records), len(account.of(StrategyStopped)))
os._exit(0) if sys.stdout.flush() is None else None
"""


@pytest.mark.proves("C1", "I15")
def test_a_step_asks_nothing_of_its_surroundings() -> None:
    """With clocks, chance, ids, files, sockets and imports barred, the run goes on as ever, a raising strategy included."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-c", BARRED], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    records, stopped = map(int, done.stdout.split())
    assert records > 1000
    assert stopped == 1


@pytest.mark.parametrize("seed", [4, in_a_campaign(5)])
@pytest.mark.proves("I9", "I12", "I16")
def test_the_records_alone_give_the_same_state_at_every_point(seed: int) -> None:
    """After every input of the run, a fresh state that was only given the records (through the codec) is the same."""
    account, again = new_account(), new_account()
    fresh = again.state
    for record in account.records[len(again.records) :]:
        apply(fresh, record)
    seen = len(account.records)
    for number, event in enumerate(in_time(market(seed, 200))):
        commands(account, number)
        account.run(event)
        if len(account.records) == seen:
            continue
        for record in account.records[seen:]:
            apply(fresh, codec.decode(codec.encode(record)))
        seen = len(account.records)
        assert digest(fresh) == digest(account.state)
    assert seen > 1200


def test_protection_that_was_given_up_stays_given_up() -> None:
    """A position that could not be protected is not tried again after a restart either: the records say so."""
    account = Account(Scripted({1: enter()}), exchange=Picky(lambda terms: terms.role is OrderRole.STOP_LOSS))
    account.state.protection = ProtectionPolicy(OnFailure.ALERT)
    account.closes(1, *[100] * 8)
    fresh = new_state(account.state.limits)
    for record in account.records:
        apply(fresh, record)
    (cover,) = fresh.covers.values()
    assert (cover.has_failed, len(account.of(ProtectionFailed))) == (True, 1)
    assert digest(fresh) == digest(account.state)


@pytest.mark.proves("I10", "I15")
def test_every_record_follows_the_last(busy: Account) -> None:
    """Sequences without a gap, time and cursor never back, every cause a record or command that came before."""
    known: set[str] = set()
    last: Envelope | None = None
    for record in busy.records:
        if last is not None:
            assert record.sequence == last.sequence + 1
            assert record.time_ns >= last.time_ns
            assert record.cursor >= last.cursor
        known.add(record.id)
        assert record.causation_id in known or record.causation_id.startswith("command-")
        assert record.correlation_id in known or record.correlation_id.startswith("command-")
        last = record
    assert len(known) == len(busy.records)


@pytest.mark.proves("I6")
def test_the_books_balance_after_every_record(busy: Account) -> None:
    """Cash + positions = deposits + realised + unrealised - fees in every snapshot, exactly."""
    snapshots = [record.body for record in busy.records if record.type == "PnlSnapshot"]
    assert len(snapshots) > 200
    for value in snapshots:
        body: Any = value
        assert body.equity == DEPOSIT + body.realised + body.unrealised - body.fees


def test_a_backtest_is_the_same_engine() -> None:
    """The driver of backtests gets out of the same events what the scenarios' account gets, from the first trading day on."""
    events = in_time(market(8, 200))
    account = new_account().run(*events)
    turns: list[Turn] = []
    state = new_state(LIMITS, stale_after_ns=STALE_AFTER_NS)
    for number, strategy in enumerate(crowd()):
        state.host.add(Runner(StrategyId(f"s{number}"), strategy, SYMBOLS, MINUTE_NS), MINUTE_NS)
    replay = Replay(state, Exchange(SETTINGS, DAYS, state.register.exchange), turns.append)
    replay.begin(DEPOSIT, "test")
    replay.run(events, START_NS)
    bodies = [record.body for turn in turns for record in turn.records if record.type == "OrderFilled"]
    assert bodies == [record.body for record in account.records if record.type == "OrderFilled"]
    assert len(bodies) > 100
