"""A strategy that blocks, or sets what is the whole process's: it stops or is put right, and the others trade as if it weren't there."""

import decimal
import gc
import os
import signal
import socket
import sys
import time
import warnings
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest

from holdfast.cli.session import Session
from holdfast.config import Config, parse_config
from holdfast.core.messages import OrderFilled
from holdfast.core.milestones import StrategyStopped
from holdfast.core.steering import StopStrategy
from holdfast.core.strategy.api import Bar, Context, NoParameters, Strategy
from holdfast.core.types import StrategyId
from holdfast.journal.commands import file_command
from holdfast.journal.reader import Reader
from holdfast.runtime.compose import open_engine

BUDGET_S = 0.3
PATIENCE_S = 60.0


def block_in_a_loop() -> None:
    while True:
        pass


def block_asleep() -> None:
    time.sleep(10**6)


def block_on_a_socket() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.recv(1)


def block_and_swallow_it_once() -> None:
    try:
        block_asleep()
    except BaseException:  # noqa: BLE001  that is what is tried
        block_in_a_loop()


def set_precision() -> None:
    decimal.getcontext().prec = 2


def set_traps() -> None:
    decimal.getcontext().traps[decimal.Inexact] = True


def set_another_context() -> None:
    decimal.setcontext(decimal.Context(prec=3, rounding=decimal.ROUND_UP, capitals=0, Emax=5))


def lower_the_recursion_limit() -> None:
    depth, frame = 0, sys._getframe()
    while frame.f_back is not None:
        depth, frame = depth + 1, frame.f_back
    sys.setrecursionlimit(depth + 20)


def make_warnings_errors() -> None:
    warnings.simplefilter("error")


def close_stdout() -> None:
    sys.stdout.close()
    sys.stderr = None


def take_the_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGURG):
        signal.signal(number, signal.SIG_IGN)


def leave() -> None:
    os._exit(0)


def abort() -> None:
    os.abort()


def interrupt() -> None:
    raise KeyboardInterrupt


class Misfit(Strategy):
    """Does what it is told on its fiftieth bar, and has a position by then."""

    Params: ClassVar[Any] = NoParameters
    act: ClassVar[Callable[[], None]] = print
    seen = 0
    thirds: ClassVar[list[Decimal]] = []

    def on_bar(self, context: Context, bar: Bar) -> None:
        self.seen += 1
        if self.seen == 50:
            type(self).act()
        context.position(bar.symbol)
        self.thirds.append(Decimal(1) / 3 if self.seen > 50 else Decimal(0))


def configuration(folder: Path, *, has_misfit: bool = True, budget_s: float = PATIENCE_S) -> Config:
    ema: dict[str, Any] = {"id": "ema", "class": "holdfast.strategies:EmaCross", "account": "one", "symbols": ["AVOR"]}
    ema["params"] = {"fast": 3, "slow": 8}
    misfit = {"id": "misfit", "class": f"{__name__}:Misfit", "account": "one", "symbols": ["AVOR"]}
    data = {
        "journal": {"url": f"sqlite:///{folder / 'journal.db'}"},
        "feed": {"kind": "synthetic", "seed": 2, "symbols": ["AVOR"], "days": 1, "history_days": 0},
        "runtime": {"callback_budget_s": budget_s},
        "accounts": [{"name": "one"}],
        "strategies": [misfit, ema] if has_misfit else [ema],
    }
    return parse_config(data, "test", folder)


def run(config: Config) -> None:
    Misfit.thirds.clear()
    with open_engine(config) as engine:
        Session(config).run(engine, None, lambda: None)


def fills(config: Config) -> list[tuple[object, ...]]:
    with Reader.open(config.journal.url) as reader:
        return [(row.symbol, row.side, row.quantity, row.price, row.time_ns) for row in reader.fills("one")]


def stops(config: Config) -> list[tuple[str, str]]:
    with Reader.open(config.journal.url) as reader:
        bodies = [record.body for record in reader.records("one")]
    return [(body.strategy, body.reason) for body in bodies if isinstance(body, StrategyStopped)]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[object, ...]]:
    """What the other strategy does without a misfit beside it."""
    config = configuration(tmp_path_factory.mktemp("alone"), has_misfit=False)
    run(config)
    found = fills(config)
    assert len(found) > 20
    return found


BLOCKS = [block_in_a_loop, block_on_a_socket, block_and_swallow_it_once]


@pytest.mark.proves("X1")
@pytest.mark.parametrize("act", BLOCKS)
def test_a_strategy_that_blocks_is_stopped_and_the_others_trade_on(
    act: Callable[[], None], alone: list[tuple[object, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever blocks is interrupted when the callback's budget is used up; that strategy is stopped, nobody else."""
    monkeypatch.setattr(Misfit, "act", staticmethod(act))
    config = configuration(tmp_path, budget_s=BUDGET_S)
    run(config)
    assert stops(config) == [("misfit", "overran")]
    assert fills(config) == alone


@pytest.mark.proves("X1")
@pytest.mark.parametrize("act", [leave, abort, interrupt])
def test_a_strategy_that_ends_the_process_ends_itself(
    act: Callable[[], None], alone: list[tuple[object, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``os._exit``, ``os.abort`` and a KeyboardInterrupt of its own are as sys.exit() in a callback: the strategy stops."""
    monkeypatch.setattr(Misfit, "act", staticmethod(act))
    config = configuration(tmp_path)
    run(config)
    assert stops(config) == [("misfit", "raised")]
    assert fills(config) == alone


def set_everything_else() -> None:
    lower_the_recursion_limit()
    make_warnings_errors()
    close_stdout()
    take_the_signals()
    gc.disable()


SETTINGS = [set_precision, set_traps, set_another_context, set_everything_else]


@pytest.mark.proves("X1")
@pytest.mark.parametrize("act", SETTINGS, ids=lambda act: act.__name__)
def test_what_a_strategy_sets_for_the_process_does_not_reach_the_engine(
    act: Callable[[], None], alone: list[tuple[object, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others trade the same to the cent, the process is as it was, and the strategy goes on, with its own precision if it set one."""
    monkeypatch.setattr(Misfit, "act", staticmethod(act))
    before = process_settings()
    config = configuration(tmp_path)
    run(config)
    assert process_settings() == before
    if act is not set_traps:  # an exact third is what it has forbidden itself
        assert stops(config) == []
        digits = {set_precision: "0.33", set_another_context: "0.334"}.get(act, f"0.{'3' * 28}")
        assert set(Misfit.thirds[50:]) == {Decimal(digits)}
    assert fills(config) == alone


def process_settings() -> list[object]:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGURG)]
    streams = [sys.stdout, sys.stderr, sys.stdout.closed]
    return [sys.getrecursionlimit(), list(warnings.filters), gc.isenabled(), os._exit, os.abort, *streams, *handlers]


def test_a_strategy_that_ended_the_last_engine_is_left_out_of_the_next(
    alone: list[tuple[object, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop that an engine files as it gives up is found before the strategy is shown anything, recorded and answered."""
    monkeypatch.setattr(Misfit, "act", staticmethod(block_in_a_loop))
    config = configuration(tmp_path)
    with open_engine(config):
        pass
    command = file_command(
        config.journal.url, "one", StopStrategy(StrategyId("misfit"), "it blocked"), "overseer", None, 1
    )
    run(config)
    assert Misfit.thirds == []
    assert stops(config) == [("misfit", "overran")]
    assert fills(config) == alone
    with Reader.open(config.journal.url) as reader:
        answer = reader.command(command).answer
        assert reader.unanswered("one") == []
        assert any(isinstance(record.body, OrderFilled) for record in reader.records("one"))
    assert answer is not None
    assert answer.status == "done"
