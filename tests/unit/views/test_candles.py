"""Candles and indicators of a chart: read from the feed beside the engine, never beyond the market's time."""

from pathlib import Path

import pytest

from holdfast.assembly import build_feed
from holdfast.cli.session import Session
from holdfast.config import Config, load_config
from holdfast.core.messages import Bar, Trade
from holdfast.core.types import MINUTE_NS, SECOND_NS
from holdfast.errors import InvalidValue
from holdfast.indicators import Rsi
from holdfast.journal.reader import Reader
from holdfast.runtime.compose import open_engine
from holdfast.views.candles import CandleRequest, Charts
from holdfast.views.indicators import Measures

DAYS = """
[feed]
kind = "synthetic"
seed = 3
symbols = ["AVOR", "BRYX"]
days = 3
history_days = 1

[[accounts]]
name = "house"
"""
RSI = """
[[strategies]]
id = "rsi"
class = "holdfast.strategies:RsiAtr"
account = "house"
symbols = ["AVOR", "BRYX"]
params = { length = 5 }
"""
RUDE = """
from holdfast import Rsi, Strategy


class Raises(Strategy):
    def on_start(self, context):
        self.rsi = context.indicator(Rsi(5))

    def on_bar(self, context, bar):
        if self.rsi.value is not None:
            raise RuntimeError("no more")


class Hangs(Strategy):
    def on_start(self, context):
        self.rsi = context.indicator(Rsi(5))

    def on_bar(self, context, bar):
        while self.rsi.value is not None:
            pass
"""


def ran(folder: Path, text: str, stop_after: int | None = None) -> Config:
    """A configuration whose engine has run: to the end, or until it has taken so many events."""
    path = folder / "holdfast.toml"
    path.write_text(text)
    config = load_config(path)
    session = Session(config)
    with open_engine(config, session.watch) as engine:

        def look() -> None:
            if stop_after is not None and engine.loop.events >= stop_after:
                engine.loop.stop("enough")

        session.run(engine, None, look)
    return config


def seen(config: Config, until_ns: int, symbol: str) -> list[tuple[float, ...]]:
    """What the feed itself has up to a time, as a chart has it."""
    bars = [event for event in build_feed(config).events() if isinstance(event, Bar) and event.symbol == symbol]
    return [
        (bar.start_ns / SECOND_NS, bar.open, bar.high, bar.low, bar.close, bar.volume)
        for bar in bars
        if bar.time_ns <= until_ns
    ]


def test_candles_end_where_the_market_is(tmp_path: Path) -> None:
    """They are the feed's own bars up to the last record's time, and none beyond; what goes on is read on from there."""
    config = ran(tmp_path, DAYS + RSI, stop_after=600)
    charts = Charts(config)
    with Reader.open(config.journal.url) as reader:
        first = charts.candles(reader, CandleRequest("house", "AVOR", limit=20_000))
        assert first.as_of_ns is not None
        assert first.bars == seen(config, first.as_of_ns, "AVOR")
        assert (first.source, first.why) == ("feed", "")
    ran(tmp_path, DAYS + RSI)
    with Reader.open(config.journal.url) as reader:
        later = charts.candles(reader, CandleRequest("house", "AVOR", limit=20_000))
        assert later.as_of_ns is not None
        assert len(later.bars) > len(first.bars)
        assert later.bars == seen(config, later.as_of_ns, "AVOR")
        assert later.bars == Charts(config).candles(reader, CandleRequest("house", "AVOR", limit=20_000)).bars
        part = charts.candles(
            reader, CandleRequest("house", "AVOR", limit=5, before_ns=int(later.bars[-1][0]) * SECOND_NS)
        )
        assert part.bars == later.bars[-6:-1]


def test_longer_bars_are_made_of_the_feeds(tmp_path: Path) -> None:
    """Five minutes are the first open, the extremes, the last close and the sum; the last may be unfinished; shorter ones can't be had."""
    config = ran(tmp_path, DAYS + RSI, stop_after=333)
    charts = Charts(config)
    with Reader.open(config.journal.url) as reader:
        ones = charts.candles(reader, CandleRequest("house", "BRYX", limit=20_000)).bars
        fives = charts.candles(reader, CandleRequest("house", "BRYX", "5Min", 20_000)).bars
        day = charts.candles(reader, CandleRequest("house", "BRYX", "1Day")).bars
        with pytest.raises(InvalidValue, match="timeframe"):
            charts.candles(reader, CandleRequest("house", "BRYX", "5m"))
        with pytest.raises(InvalidValue, match="no account 'nobody'"):
            charts.candles(reader, CandleRequest("nobody", "BRYX"))
        assert charts.candles(reader, CandleRequest("house", "NONE")).bars == []
    for start_s, *_ in fives:
        part = [bar for bar in ones if start_s <= bar[0] < start_s + 300]
        opens, highs, lows, closes, volumes = zip(*(bar[1:] for bar in part), strict=True)
        assert (start_s, opens[0], max(highs), min(lows), closes[-1], sum(volumes)) in fives
    assert len(ones) == sum(1 for bar in ones if any(five[0] <= bar[0] < five[0] + 300 for five in fives))
    assert 1 <= len(day) <= 4


def test_ticks_become_minutes(tmp_path: Path) -> None:
    """A feed of trades and quotes has candles of its trades."""
    text = DAYS.replace("days = 3", "days = 1\nticks = true").replace("history_days = 1", "history_days = 0")
    config = ran(tmp_path, text + RSI, stop_after=8_000)
    with Reader.open(config.journal.url) as reader:
        found = Charts(config).candles(reader, CandleRequest("house", "AVOR", limit=20_000))
    trades = [each for each in build_feed(config).events() if isinstance(each, Trade) and each.symbol == "AVOR"]
    assert len(found.bars) > 20
    for start_s, opened, high, low, close, volume in found.bars[
        1:-1
    ]:  # the first begins with a quote, as the engine's own do
        mine = [each for each in trades if start_s * SECOND_NS <= each.time_ns < start_s * SECOND_NS + MINUTE_NS]
        prices = [each.price for each in mine]
        assert (opened, high, low, close) == (prices[0], max(prices), min(prices), prices[-1])
        assert volume == sum(each.size for each in mine)


def test_a_file_that_is_gone_leaves_the_journals_own(tmp_path: Path) -> None:
    """Where the feed can't be read, what the journal has is shown, and why."""
    config = ran(tmp_path, DAYS + RSI)
    path = tmp_path / "elsewhere.toml"
    text = DAYS.replace('kind = "synthetic"', f'kind = "file"\npath = "{tmp_path}/gone.parquet"')
    text = text.replace("seed = 3\n", "").replace("days = 3\n", "").replace("history_days = 1\n", "")
    path.write_text(text + f'[journal]\nurl = "{config.journal.url}"\n')
    other = load_config(path)
    with Reader.open(config.journal.url) as reader:
        found = Charts(other).candles(reader, CandleRequest("house", "AVOR"))
    assert found.source == "journal"
    assert "gone.parquet" in found.why
    assert found.bars
    assert set(found.bars) <= set(seen(config, found.as_of_ns or 0, "AVOR"))


def test_a_live_feed_without_keys_is_left_alone_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its past is asked for once; the next look has the same answer without asking, until the back-off is over."""
    for name in ("ALPACA_API_KEY", "ALPACA_API_SECRET", "APCA_API_KEY_ID", "APCA_API_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    config = ran(tmp_path, DAYS + RSI)
    path = tmp_path / "live.toml"
    path.write_text(
        f'[feed]\nkind = "alpaca"\nsymbols = ["AVOR"]\n[[accounts]]\nname = "house"\n[journal]\nurl = "{config.journal.url}"\n'
    )
    charts = Charts(load_config(path))
    with Reader.open(config.journal.url) as reader:
        first = charts.candles(reader, CandleRequest("house", "AVOR"))
        monkeypatch.setattr(charts, "_ask", lambda *_: pytest.fail("it was asked again"))
        second = charts.candles(reader, CandleRequest("house", "AVOR"))
    assert first.source == second.source == "journal"
    assert "ALPACA" in first.why
    assert first.why == second.why


def test_indicators_are_the_strategys_own(tmp_path: Path) -> None:
    """A chart's values are those that the indicator has when it is given the candles, also when the market goes on in between."""
    config = ran(tmp_path, DAYS + RSI, stop_after=600)
    charts = Charts(config)
    measures = Measures(charts)
    for _ in range(2):
        with Reader.open(config.journal.url) as reader:
            found = measures.indicators(reader, config, "house", "AVOR")
            bars = charts.candles(reader, CandleRequest("house", "AVOR", limit=20_000)).bars
        assert found.faults == []
        by_name = {series.name: series for series in found.series}
        (name,) = [name for name in by_name if name.startswith(("Rsi", "RSI"))]
        rsi = Rsi(5)
        expected = [(bar[0], value) for bar in bars if (value := rsi.update(bar[4])) is not None]
        assert by_name[name].points == expected[-3_000:]
        assert (by_name[name].strategy, by_name[name].pane) == ("rsi", "own")
        ran(tmp_path, DAYS + RSI)


def test_a_strategy_that_misbehaves_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that raises and one that never ends stop alone: the third goes on being shown, and it is said which and why."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "rude_strategies.py").write_text(RUDE)
    one = '[[strategies]]\nid = "{0}"\nclass = "rude_strategies:{1}"\naccount = "house"\nsymbols = ["AVOR"]\n'
    ran(tmp_path, DAYS + RSI)
    path = tmp_path / "rude.toml"
    path.write_text(DAYS + RSI + one.format("a-raises", "Raises") + one.format("b-hangs", "Hangs"))
    config = load_config(path)
    measures = Measures(Charts(config))
    with Reader.open(config.journal.url) as reader:
        found = measures.indicators(reader, config, "house", "AVOR")
        for _ in range(20):
            if not any("ask again" in fault for fault in found.faults):
                break
            found = measures.indicators(reader, config, "house", "AVOR")
    assert [series.strategy for series in found.series if len(series.points) > 500] == ["rsi", "rsi"]
    assert any("a-raises" in fault and "no more" in fault for fault in found.faults)
    assert any("b-hangs" in fault and "overran" in fault for fault in found.faults)
