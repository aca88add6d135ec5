"""A crash between any two commits: indicators and longer bars are at each bar what they are in a run left alone."""

from pathlib import Path
from typing import Any, ClassVar

import pytest

from holdfast import Atr, BySymbol, Context, Ema, Exits, Macd, Parameters, Rsi, Strategy, Vwap, ZScore
from holdfast.config import Config, parse_config
from holdfast.core.messages import Bar
from holdfast.journal.verify import verify
from tests.budget import by_tier
from tests.crash.test_every_cut import EASY, NEXT_OPEN, books, count_batches, run, run_cut

EVERY = by_tier(test=150, campaign=1)
"""Every so manyth batch is where a journal ends."""


class Measured(Strategy):
    """Decides from indicators of two timeframes, and notes all that it has seen of them."""

    class Params(Parameters, frozen=True):
        pass

    timeframes: ClassVar[tuple[str, ...]] = ("1Hour",)
    notes: ClassVar[list[Any]] = []

    def on_start(self, context: Context) -> None:
        Measured.notes = []
        self.rsi = context.indicator(Rsi(4))
        self.atr = context.indicator(Atr(5))
        self.all: list[BySymbol[Any]] = [
            self.rsi,
            self.atr,
            context.indicator(Vwap()),
            context.indicator(ZScore(9), of="hlc3"),
            context.indicator(Macd(3, 6, 3), timeframe="15Min"),
            context.indicator(Ema(2), timeframe="1Hour"),
        ]

    def on_bar(self, context: Context, bar: Bar) -> None:
        rsi, atr = self.rsi[bar.symbol].value, self.atr[bar.symbol].value
        if rsi is not None and atr is not None:
            quantity = 300 if rsi > 60 else -300 if rsi < 40 else 0
            exits = Exits(stop_loss=round(bar.close - atr * 2 * (1 if quantity > 0 else -1), 2)) if quantity else None
            context.target(bar.symbol, quantity, exits=exits)
        hours = [(one.time_ns, one.close, one.volume) for one in context.history(bar.symbol, 3, "1Hour")]
        values = [(one[bar.symbol].value, one[bar.symbol].ready, one[bar.symbol].values(4)) for one in self.all]
        self.notes.append((bar.symbol, bar.time_ns, hours, values, context.minutes_since_open))


def configuration(folder: Path, venue: dict[str, Any]) -> Config:
    """Two symbols for some hours of one made-up day."""
    data = {
        "journal": {"url": f"sqlite:///{folder / 'journal.db'}"},
        "feed": {
            "kind": "synthetic",
            "seed": 5,
            "symbols": ["AVOR", "BRYX"],
            "days": 1,
            "history_days": 1,
            "bar": "5Min",
        },
        "venue": venue,
        "accounts": [{"name": "cut", "risk": {"leverage": 20}}],
        "strategies": [
            {"id": "m", "class": "tests.crash.test_indicators_at_every_cut:Measured", "account": "cut"}
            | {"symbols": ["AVOR", "BRYX"], "timeframe": "5Min"},
        ],
    }
    return parse_config(data, "test", folder)


@pytest.mark.parametrize("venue", [EASY, NEXT_OPEN], ids=["easy", "next_open"])
@pytest.mark.proves("K1", "I9")
def test_indicators_after_a_cut_are_those_of_a_run_left_alone(
    tmp_path: Path, venue: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the journal ends, each value at each bar is the same to the last digit, and so are the books."""
    whole = tmp_path / "whole"
    whole.mkdir()
    config = configuration(whole, venue)
    batches = count_batches(config, monkeypatch)
    expected, noted = books(config), list(Measured.notes)
    assert len(expected["fills"]) > 20
    assert all(ready for _, ready, _ in noted[-1][3])
    for cut in range(batches % EVERY, batches, EVERY):
        folder = tmp_path / f"cut-{cut}"
        folder.mkdir()
        config = configuration(folder, venue)
        run_cut(config, cut, monkeypatch)
        run(config)
        assert Measured.notes == noted, f"after a cut at batch {cut} of {batches}"
        assert books(config) == expected, f"after a cut at batch {cut} of {batches}"
        assert verify(config.journal.url).problems == []
