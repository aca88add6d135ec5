"""Restarts at awkward moments: stopped or killed while coming back, on other data, with a strategy that had been stopped."""

import asyncio
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from holdfast.assembly import build_feed
from holdfast.config import Config
from holdfast.core.messages import (
    Action,
    Bar,
    Flatten,
    OrderFilled,
    OrderPrepared,
    OrderReleased,
    PlaceOrder,
    Signal,
)
from holdfast.core.types import OrderType, Price, Quantity, Side, StrategyId, from_float
from holdfast.feeds.generate import write_bars
from holdfast.journal.reader import Reader
from holdfast.runtime.compose import open_engine
from tests.crash.break_kit import HARD, Commands, books, check_journal, configuration, difference, run, run_until

DAY = 2 * 78
"""Steps of the feed before the day that is traded: two for each five minutes of the day before."""
QUIET = {"one_in": 1_000_000}


def bodies(config: Config, account: str = "one") -> list[Any]:
    with Reader.open(config.journal.url) as reader:
        return [record.body for record in reader.records(account)]


def counts(config: Config) -> Counter[str]:
    return Counter(type(body).__name__ for body in bodies(config))


def signal(action: Action, symbol: str, quantity: int, **further: Any) -> PlaceOrder:
    side = Side.BUY if action is Action.BUY else Side.SELL
    return PlaceOrder(Signal(StrategyId("manual"), symbol, action, side, Quantity(Decimal(quantity)), **further))


@pytest.mark.proves("K13", "K14")
def test_an_engine_stopped_during_recovery_ends_in_order_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop while the past is being replayed ends the run without an error, and the next run ends as if nothing had been."""
    whole, stopped = configuration(tmp_path / "whole", HARD), configuration(tmp_path / "stopped", HARD)
    run_until(whole, None, {}, monkeypatch)
    run_until(stopped, 60, {}, monkeypatch)
    before = counts(stopped)
    with open_engine(stopped) as engine:
        engine.loop.stop("SIGTERM")
        assert asyncio.run(engine.loop.run()) == "SIGTERM"
    assert counts(stopped)["OrderPrepared"] == before["OrderPrepared"]
    run(stopped)
    assert difference(books(whole), books(stopped)) == []
    check_journal(stopped)


def test_a_crash_while_warming_up_on_other_data_does_not_trade_the_past(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a change of feed nothing is ordered at a time that the journal had passed, wherever the warm-up was cut."""
    config = configuration(tmp_path / "other", {})
    run(config)
    with Reader.open(config.journal.url) as reader:
        last = list(reader.records("one"))[-1]
    other = msgspec.structs.replace(config, feed=msgspec.structs.replace(config.feed, seed=6, days=2))
    assert run_until(other, 1, {}, monkeypatch) == 1  # the feed's opening is recorded, its warm-up is not over
    assert counts(config)["FeedOpened"] == 2
    assert counts(config)["RecoveryCompleted"] == 1
    run(other)
    with Reader.open(config.journal.url) as reader:
        later = [record for record in reader.records("one") if record.sequence > last.sequence]
        prepared = [order for order in reader.orders("one") if order.created_ns > last.time_ns]
    assert prepared
    assert not [record for record in later if type(record.body) is OrderPrepared and record.time_ns <= last.time_ns]


def test_a_strategy_that_raised_is_reported_once_however_often_the_engine_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It raises again as the past is shown again, which was recorded then and is not recorded anew."""
    config = configuration(tmp_path / "raised", {}, {"fail_at": 200}, accounts=("other", "one"))
    config = msgspec.structs.replace(
        config, strategies=[msgspec.structs.replace(config.strategies[0], params={"seed": 1}), config.strategies[1]]
    )
    for batches in (120, 10, 10, None):
        run_until(config, batches, {}, monkeypatch)
        assert counts(config)["StrategyStopped"] == 1


@pytest.mark.proves("K3", "K13")
def test_orders_are_sent_again_in_the_order_of_their_release_after_a_crash_in_recovery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recovery killed between two resends does not change which order comes first."""
    config = configuration(tmp_path / "order", {"latency_ms": 3_600_000}, QUIET)
    commands = {
        ("one", DAY + 4): signal(Action.BUY, "AVOR", 10),
        ("one", DAY + 5): signal(Action.SELL, "AVOR", 7),
    }
    commands[("one", DAY + 3)] = signal(Action.BUY, "BRYX", 3)
    run_until(config, 6, commands, monkeypatch)
    first = [body.client_order_id for body in bodies(config) if type(body) is OrderReleased]
    assert len(first) >= 2
    run_until(config, 2, commands, monkeypatch)  # the start, and one of the resends
    run_until(config, None, commands, monkeypatch)
    again = [body.client_order_id for body in bodies(config) if type(body) is OrderReleased and body.attempt > 1]
    assert again[1 : 1 + len(first)] == first


@pytest.mark.proves("K14")
def test_a_flatten_goes_on_when_the_order_it_waited_for_turns_out_not_to_have_been_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flatten cut while an order that is stale by now was in flight still closes the position."""
    config = configuration(tmp_path / "flatten", {"latency_ms": 900_000}, QUIET)
    stale = signal(Action.BUY, "BRYX", 5, time_to_live_ns=1_000_000_000)
    commands: Commands = {
        ("one", DAY + 4): signal(Action.BUY, "AVOR", 10),
        ("one", DAY + 20): stale,
        ("one", DAY + 21): Flatten("out"),
    }
    whole = configuration(tmp_path / "whole", {"latency_ms": 900_000}, QUIET)
    run_until(whole, None, commands, monkeypatch)
    assert counts(whole)["Flattened"] == 1
    batches = next(n for n in range(1, 100) if _cut_has(tmp_path / f"probe-{n}", n, commands, monkeypatch))
    run_until(config, batches, commands, monkeypatch)
    run_until(config, None, commands, monkeypatch)
    assert counts(config)["Flattened"] == 1
    with Reader.open(config.journal.url) as reader:
        assert all(row.quantity == 0 for row in reader.positions("one"))


def _cut_has(folder: Path, batches: int, commands: Any, monkeypatch: pytest.MonkeyPatch) -> bool:
    config = configuration(folder, {"latency_ms": 900_000}, QUIET)
    run_until(config, batches, commands, monkeypatch)
    return counts(config)["Flatten"] == 1


def test_data_from_before_an_order_does_not_trigger_it_when_the_file_has_grown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resting stop, and what a file that grew shows again, of the time before the order: it stays at rest."""
    folder = tmp_path / "grown"
    config = configuration(folder, {}, QUIET)
    path = folder / "bars.csv"
    synthetic = build_feed(config)
    write_bars(synthetic, path, 200)
    feed = msgspec.structs.replace(config.feed, kind="file", path=str(path), bar="5Min", symbols=None)
    config = msgspec.structs.replace(config, feed=feed)
    events = [event for event in synthetic.events() if isinstance(event, Bar) and event.symbol == "AVOR"]
    lowest = min(event.low for event in events[:90])
    later = min(event.low for event in events[100:110])
    stop = round(lowest + 0.02, 2)
    assert stop < min(events[99].close, later), "the data does not fit the test"
    commands = {
        ("one", 198): signal(Action.SELL, "AVOR", 10, order_type=OrderType.STOP, stop_price=Price(from_float(stop)))
    }
    run_until(config, None, commands, monkeypatch)
    assert counts(config)["OrderAccepted"] == 1, [body for body in bodies(config) if hasattr(body, "text")]
    write_bars(synthetic, path, 220)
    run(config)
    assert counts(config)["FeedOpened"] == 2
    assert not [body for body in bodies(config) if isinstance(body, OrderFilled)]
