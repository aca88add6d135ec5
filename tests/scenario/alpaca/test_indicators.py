"""Indicators at the local Alpaca: warmed up by the history that is fetched, told of where that is too short, and the strategy's last call."""

import io
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from holdfast import Bar, Context, Sma, Strategy
from holdfast.telemetry.logs import LogFormat, set_up_logs
from tests.local_alpaca import local_alpaca
from tests.scenario.alpaca.breaking import started_engine
from tests.scenario.alpaca.engine import SYMBOLS, Theirs, agree_in_the_end, configuration


class Measured(Strategy):
    """Notes what its indicator is at each bar, and that it ended."""

    notes: ClassVar[list[tuple[str, float | None, list[float]]]] = []
    ended: ClassVar[int] = 0

    def on_start(self, context: Context) -> None:
        Measured.notes = []
        self.short = context.indicator(Sma(5))
        self.long = context.indicator(Sma(500))

    def on_bar(self, context: Context, bar: Bar) -> None:
        closes = [one.close for one in context.history(bar.symbol, 5)]
        self.notes.append((bar.symbol, self.short[bar.symbol].value, closes))

    def on_end(self, context: Context) -> None:
        Measured.ended += 1
        context.buy(SYMBOLS[0], 5)
        raise RuntimeError("at the very end")


def test_the_history_warms_indicators_up_and_the_end_is_told(tmp_path: Path) -> None:
    """From the first live bar on they have their value; one that needs more is named; on_end comes once, and what it does harms nothing."""
    said = io.StringIO()
    set_up_logs(LogFormat.JSON, stream=said)
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0, speed=2400) as server:
        config = configuration(server, tmp_path)
        measured: Any = msgspec.structs.replace(
            config.strategies[0], class_path="tests.scenario.alpaca.test_indicators:Measured", params={}
        )
        with started_engine(msgspec.structs.replace(config, strategies=[measured])) as running:
            begun = len(Measured.notes)
            cold = running.state.host.lanes.cold()
            for _ in range(100):
                if len(Measured.notes) > begun + 3:
                    break
                server.play(10)  # the market waits for the engine, however slow the machine is
                agree_in_the_end(running, Theirs(server))
            assert len(Measured.notes) > begun + 3
    live = Measured.notes[begun:]
    assert [(value, len(closes)) for _, value, closes in live if value is None or len(closes) < 5] == []
    assert all(value == pytest.approx(sum(closes) / 5, rel=1e-15) for _, value, closes in live)
    assert {(row.symbol, row.name, row.minutes) for row in cold} == {(symbol, "SMA(500)", 501) for symbol in SYMBOLS}
    assert Measured.ended == 1
    assert not [record for _, record in running.records if "StrategyStopped" in type(record.body).__name__]
    assert "a larger feed.warm_up_minutes" in said.getvalue()
    assert "at the very end" in said.getvalue()
