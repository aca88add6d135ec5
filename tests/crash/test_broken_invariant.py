"""An engine whose books contradict themselves ends at once, and what it had recorded stays good."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from holdfast.core.messages import PositionChanged
from holdfast.core.types import Quantity, StrategyId
from holdfast.errors import Fatal
from holdfast.journal.reader import Reader
from holdfast.journal.verify import verify
from holdfast.runtime.compose import open_engine
from tests.crash.test_every_cut import EASY, books, configuration, run

AFTER = 20


@pytest.mark.proves("X2")
def test_books_that_contradict_themselves_end_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A position is told a share too big: nothing of that turn is recorded or sent, and a sound engine goes on from there."""
    whole = tmp_path / "whole"
    whole.mkdir()
    run(configuration(whole, EASY))
    config = configuration(tmp_path, EASY)
    count = 0

    def misreported(strategy: StrategyId, symbol: str, quantity: Quantity, *rest: Any) -> PositionChanged:
        nonlocal count
        count += 1
        return PositionChanged(strategy, symbol, Quantity(quantity + (count == AFTER)), *rest)

    with monkeypatch.context() as broken:
        broken.setattr("holdfast.core.engine.reports.PositionChanged", misreported)
        with pytest.raises(Fatal), open_engine(config) as engine:
            asyncio.run(engine.loop.run())
    assert count == AFTER
    assert verify(config.journal.url).problems == []
    with Reader.open(config.journal.url) as reader:
        assert 0 < len(reader.fills()) < len(books(configuration(whole, EASY))["fills"])
    run(config)
    assert books(config) == books(configuration(whole, EASY))
