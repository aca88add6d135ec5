"""Crash after crash while every kind of order, command and data is at work: the books come out as those of a run left alone."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from holdfast.adapters.paper.broker import PaperBroker
from holdfast.core.messages import Action, Bar, CancelOrders, Command, Flatten, Halt, PlaceOrder, Resume, Signal
from holdfast.core.strategy.api import Context
from holdfast.core.types import Quantity, Side, StrategyId
from holdfast.errors import StaleEpoch
from holdfast.runtime.compose import open_engine
from holdfast.runtime.identity import Beginning
from tests.budget import by_tier
from tests.crash import break_kit
from tests.crash.break_kit import (
    HARD,
    NEXT_OPEN,
    STEADY,
    Commands,
    books,
    check_journal,
    configuration,
    difference,
    run,
    run_until,
)

CUTS = by_tier(test=1, campaign=10)
"""How many ends of the journal are tried in each case; each is followed by two more crashes early in recovery."""

DAY = 2 * 78
"""Steps of the feed before the day that is traded: two for each five minutes of the day before."""
TICKS = {"bar": "30Min", "ticks": True, "history_days": 0}
CASES: dict[str, dict[str, Any]] = {
    "partial fills and latency": {"venue": HARD},
    "steady latency": {"venue": STEADY},
    "next open": {"venue": NEXT_OPEN},
    "timers and built bars": {"venue": HARD, "params": {"timer_s": 420, "one_in": 1}, "timeframe": "15Min"},
    "ticks": {
        "venue": {},
        "params": {"timer_s": 333, "one_in": 40},
        "timeframe": "3Min",
        "strategy": "Ticks",
        "feed": TICKS,
    },
    "it raises": {"venue": HARD, "params": {"fail_at": 210}},
    "daily loss": {"venue": {**HARD, "slippage_bps": 30}, "risk": {"daily_loss_pct": "0.05"}, "feed": {"days": 2}},
    "commands": {"venue": {}, "commands": True},
    "commands and latency": {"venue": STEADY, "commands": True},
    "two accounts": {"venue": {}, "accounts": ("one", "two"), "commands": True},
}


def commands(account: str, start: int) -> Commands:
    """A person who buys, sells, cancels, halts, resumes and flattens; once before an earlier flatten can be over."""

    def place(action: Action, symbol: str, quantity: int) -> PlaceOrder:
        side = Side.BUY if action is Action.BUY else Side.SELL
        return PlaceOrder(Signal(StrategyId("manual"), symbol, action, side, Quantity(Decimal(quantity))))

    asked: dict[int, Command] = {
        5: place(Action.BUY, "AVOR", 50),
        6: place(Action.SELL, "BRYX", 70),
        15: CancelOrders(),
        30: Halt("a look"),
        37: place(Action.BUY, "AVOR", 10),
        45: Resume("on"),
        60: Flatten("out"),
        75: Resume("on"),
        101: Flatten("out again"),
        102: Resume("too early"),
        130: Flatten("home"),
    }
    return {(account, start + steps): command for steps, command in asked.items()}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
@pytest.mark.proves("K13", "I12")
def test_three_crashes_in_a_row_change_nothing(
    tmp_path: Path, case: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut anywhere, then twice more while coming back: orders, fills, positions, cash and state are those of one run."""
    case = dict(case)
    asked = {**commands("one", DAY), **commands("two", DAY + 3)} if case.pop("commands", False) else {}
    whole = configuration(tmp_path / "whole", **case)
    batches = run_until(whole, None, asked, monkeypatch)
    expected = books(whole)
    accounts = case.get("accounts", ("one",))
    assert break_kit.answered(whole) == {f"{name}-{step}" for name, step in asked if name in accounts}
    assert sum(len(account["fills"]) for account in expected.values()) >= 5
    for cut in range(batches // (2 * CUTS), batches, batches // CUTS):
        config = configuration(tmp_path / f"cut-{cut}", **case)
        for crash in (cut, 1 + cut % 3, 2, None):
            run_until(config, crash, asked, monkeypatch)
        assert difference(expected, books(config)) == [], f"after a cut at batch {cut} of {batches}"
        check_journal(config)


def test_a_strategy_sees_the_time_of_its_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its clock shows the end of the bar it is given, also where the hour or the day turns."""
    times: list[tuple[int, int]] = []

    def noting(_strategy: object, context: Context, bar: Bar) -> None:
        times.append((context.time_ns, bar.time_ns))

    monkeypatch.setattr(break_kit.Everything, "on_bar", noting)
    run(configuration(tmp_path / "clock", {}))
    assert len(times) == 312
    assert [pair for pair in times if pair[0] != pair[1]] == []


@pytest.mark.proves("L1", "I11")
def test_an_engine_whose_lock_does_not_hold_is_fenced_off_by_the_next(tmp_path: Path) -> None:
    """Two engines of one account, on a disk that keeps no locks: the first can record nothing more, the second's books are whole."""
    config = configuration(tmp_path / "fenced", {})
    with open_engine(config) as first:
        first.journal.wait_durable("one", first.accounts[0].state.sequence, 10)
        first.journal._holds["one"].life_line.release(remove=False)
        run(config)
        with pytest.raises(StaleEpoch):
            asyncio.run(first.loop.run())
        broker = first.accounts[0].broker
        assert isinstance(broker, PaperBroker)
        assert broker.working() == set()
    calm = configuration(tmp_path / "calm", {})
    run(calm)
    assert difference(books(calm), books(config)) == []
    check_journal(config)


def test_other_parameters_cash_and_accounts_leave_the_past_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restart with a changed configuration goes on from the books there are: no second deposit, no fill undone."""
    config = configuration(tmp_path / "changed", HARD, accounts=("one", "two"))
    run_until(config, 80, {}, monkeypatch)
    before = books(config)
    changed = configuration(tmp_path / "changed", HARD, {"one_in": 2, "timer_s": 600}, accounts=("one", "three"))
    rich = [msgspec.structs.replace(account, cash=account.cash * 2) for account in changed.accounts]
    run(
        msgspec.structs.replace(changed, accounts=rich), Beginning(new_journal=True)
    )  # 'three' is another one than 'two'
    after = books(config)
    assert after["two"] == before["two"]
    assert set(before["one"]["fills"]) <= set(after["one"]["fills"])
    assert after["one"]["cash"] < 150_000 < after["three"]["cash"]
    run(config)
    check_journal(config)
