"""What becomes of a stopped strategy at the next start."""

import asyncio
from pathlib import Path
from typing import Any, ClassVar

import pytest

from holdfast.config import Config, parse_config
from holdfast.core.messages import OrderFilled
from holdfast.core.milestones import StrategyStarted, StrategyStopped
from holdfast.core.strategy.api import Bar, Context, NoParameters, Strategy
from holdfast.journal.batch import Batch
from holdfast.journal.reader import Reader
from holdfast.journal.writer import Journal
from holdfast.runtime.compose import open_engine


class Flooder(Strategy):
    """Floods once, on its hundredth bar."""

    Params: ClassVar[Any] = NoParameters
    seen = 0

    def on_bar(self, context: Context, bar: Bar) -> None:
        self.seen += 1
        for _ in range(1_000 if self.seen == 500 else 0):
            context.buy(bar.symbol, 1)
        if self.seen % 7 == 0:
            context.target(bar.symbol, self.seen % 2)


class Crash(Exception):
    """The process ends here."""


def configuration(folder: Path, days: int) -> Config:
    strategy = {"id": "flood", "class": f"{__name__}:Flooder", "account": "one", "symbols": ["AVOR"]}
    feed = {"kind": "synthetic", "seed": 2, "symbols": ["AVOR"], "days": days}
    journal = {"url": f"sqlite:///{folder / 'journal.db'}"}
    data = {"journal": journal, "feed": feed, "accounts": [{"name": "one"}], "strategies": [strategy]}
    return parse_config(data, "test", folder)


def run(config: Config) -> None:
    with open_engine(config) as engine:
        asyncio.run(engine.loop.run())


def count(config: Config, kind: type) -> int:
    with Reader.open(config.journal.url) as reader:
        return sum(type(record.body) is kind for record in reader.records("one"))


@pytest.mark.proves("X1")
def test_a_strategy_stopped_for_flooding_stays_stopped_after_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Showing it the past again does not bring it back: it trades no more than in a run without the crash."""
    calm = configuration(tmp_path / "calm", days=3)
    run(calm)
    killed = configuration(tmp_path / "killed", days=3)
    append = Journal.append

    def crash_when_stopped(journal: Journal, batch: Batch) -> None:
        append(journal, batch)
        if any(type(record.body) is StrategyStopped for record in batch.envelopes):
            raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", crash_when_stopped)
        with pytest.raises(Crash):
            run(killed)
    run(killed)
    assert count(killed, OrderFilled) == count(calm, OrderFilled) > 0
    assert count(killed, StrategyStopped) == count(killed, StrategyStarted) == 1


def test_a_stop_in_order_gives_a_flooder_a_new_chance(tmp_path: Path) -> None:
    """A person who stops and starts the engine has seen to it; the feed's further days are traded again."""
    run(configuration(tmp_path / "chance", days=3))
    longer = configuration(tmp_path / "chance", days=4)
    before = count(longer, OrderFilled)
    run(longer)
    assert count(longer, StrategyStarted) == 2
    assert count(longer, OrderFilled) > before
