"""Strategies of a live account are steered: what a person said of them is there after a restart from a snapshot; and what a page asks of a live feed."""

from pathlib import Path

import pytest

from holdfast.control.asks import set_parameters, start_strategy, stop_strategy
from holdfast.control.client import Client, Outcome
from holdfast.core.messages import Command
from holdfast.core.milestones import StrategyStarted
from holdfast.core.types import StrategyId
from holdfast.journal.reader import Reader
from holdfast.views.candles import CandleRequest, Charts
from tests.local_alpaca import local_alpaca
from tests.scenario.alpaca.breaking import started_engine
from tests.scenario.alpaca.engine import SYMBOLS, configuration, engine_on


def said(url: str, command: Command) -> Outcome:
    """What the engine answers."""
    return Client(url, "one", "cli:test", 30, is_elsewhere=True).ask(command)


@pytest.mark.proves("I9", "K12")
def test_what_was_said_of_a_strategy_is_there_after_a_snapshot(tmp_path: Path) -> None:
    """Other parameters and being switched off outlive an orderly stop, whose snapshot is all that the next start reads."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0, speed=2400) as server:
        with engine_on(server, tmp_path) as running:
            server.play(20)
            url = running.config.journal.url
            assert said(url, set_parameters("all", {"seed": 7})).is_done
            assert running.state.host.runners[StrategyId("all")].strategy.params.seed == 7
            assert said(url, stop_strategy("all", "over night")).is_done
        with Reader.open(url) as reader:
            newest = next(reader.snapshots("one"))
            assert newest.sequence == reader.account("one").last_sequence
        with started_engine(configuration(server, tmp_path)) as running:
            state, runner = running.state, next(iter(running.state.host.runners.values()))
            assert (state.off, runner.running) == ({"all"}, False)
            assert runner.strategy.params.seed == 7
            assert runner.configured.seed == 1
            assert said(url, start_strategy("all")).is_done
            assert (state.off, runner.running) == (set(), True)
            with Reader.open(url) as reader:
                last = reader.last_record("one", StrategyStarted.__name__)
            assert last is not None
            assert isinstance(last.body, StrategyStarted)
            assert '"seed":7' in last.body.params
            assert said(url, set_parameters("all", {})).is_done
            assert runner.strategy.params.seed == 1


def test_candles_of_a_live_feed_are_its_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are asked of the broker with a login of their own, once for those who look within a while; both look at the engine's time."""
    with (
        local_alpaca(symbols=SYMBOLS, requests_per_minute=0, speed=2400) as server,
        engine_on(server, tmp_path) as running,
    ):
        server.play(30)
        charts = Charts(running.config)
        with Reader.open(running.config.journal.url) as reader:
            first = charts.candles(reader, CandleRequest("one", "AVOR", limit=20_000))
            monkeypatch.setattr(charts, "_ask", lambda *_: pytest.fail("it was asked again"))
            fives = charts.candles(reader, CandleRequest("one", "AVOR", "5Min"))
        assert first.source == fives.source == "history"
        assert len(first.bars) > 20
        assert first.as_of_ns is not None
        assert first.bars[-1][0] * 1_000_000_000 < first.as_of_ns
        part = [bar for bar in first.bars if fives.bars[1][0] <= bar[0] < fives.bars[2][0]]
        assert fives.bars[1][1:5] == (part[0][1], max(bar[2] for bar in part), min(bar[3] for bar in part), part[-1][4])
