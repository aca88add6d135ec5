"""A crash between any two commits while people switch strategies off and on and change their parameters: nothing of it is lost or done twice.

The strategy notes all that it is shown and with which parameters. What the last of several processes has noted from the journal's beginning
on must be what a run left alone has noted.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from holdfast.config import Config, parse_config
from holdfast.core.instant import Instant
from holdfast.core.messages import CommandDone, Request
from holdfast.core.milestones import StrategyStarted, StrategyStopped
from holdfast.core.steering import ParametersSet, SetParameters, StartStrategy, StopStrategy, StrategySwitched
from holdfast.core.strategy.api import Bar, Context, Parameters, Strategy, Timer
from holdfast.core.types import StrategyId
from holdfast.indicators import Ema
from holdfast.journal.reader import Reader
from holdfast.journal.verify import verify
from holdfast.runtime.loop import Loop
from tests.budget import by_tier, in_a_campaign
from tests.crash.test_every_cut import EASY, HARD, NEXT_OPEN, books, count_batches, run, run_cut

EVERY = by_tier(test=25, campaign=1)
"""Every so manyth batch is where a journal ends."""
EARS = StrategyId("ears")


class Steered(Strategy):
    """Trades by an average of its own bars and one of longer ones; raises at a bar's minute if it is told to."""

    class Params(Parameters, frozen=True):
        """``every``: how often it trades. ``fault``: at which minute of an hour it raises; -1 never."""

        every: int = 2
        length: int = 4
        fault: int = -1

    params: Params
    timeframes: ClassVar[tuple[str, ...]] = ("15Min",)
    notes: ClassVar[list[tuple[Any, ...]]] = []

    def on_start(self, context: Context) -> None:
        self.seen = 0
        self.ema = context.indicator(Ema(self.params.length))
        self.long = context.indicator(Ema(2), timeframe="15Min")
        context.every(1_800)
        self._note(context, "start", self.params.every, self.params.length, self.params.fault)

    def on_bar(self, context: Context, bar: Bar) -> None:
        self.seen += 1
        if self.params.fault == bar.time_ns // 60_000_000_000 % 60:
            raise RuntimeError("told to")
        given = ""
        if self.seen % self.params.every == 0:
            given = context.target(bar.symbol, 50 if bar.close > (self.ema[bar.symbol].value or 0) else -50)
        longer = [kept.close for kept in context.history(bar.symbol, 3, "15Min")]
        self._note(context, "bar", bar.symbol, bar.time_ns, given, len(context.history(bar.symbol, 500)), longer)
        self._note(context, self.ema[bar.symbol].value, self.long[bar.symbol].value)

    def on_timer(self, context: Context, timer: Timer) -> None:
        self._note(context, "timer", timer.time_ns)

    def _note(self, context: Context, *what: Any) -> None:
        held = [(row.symbol, row.quantity, row.cost) for row in context.positions()]
        self.notes.append((*what, context.time_ns, context.equity, held))


ASKS: dict[int, Any] = {
    8: SetParameters(EARS, json.dumps({"every": 3})),
    15: StopStrategy(EARS, "lunch"),
    19: StopStrategy(EARS, "twice"),
    24: StartStrategy(EARS, "back"),
    30: SetParameters(EARS, json.dumps({"every": "x"})),
    33: SetParameters(EARS, json.dumps({"length": 7, "fault": 40})),
    52: SetParameters(EARS, json.dumps({"fault": -1})),
    55: StartStrategy(EARS),
    62: SetParameters(EARS, ""),
    66: StartStrategy(StrategyId("nobody")),
}
"""By the instant, what a person asks for before it."""


def configuration(folder: Path, venue: dict[str, Any], days: int = 1) -> Config:
    """The strategy on two symbols, for a day or more."""
    data = {
        "journal": {"url": f"sqlite:///{folder / 'journal.db'}"},
        "feed": {
            "kind": "synthetic",
            "seed": 5,
            "symbols": ["AVOR", "BRYX"],
            "days": days,
            "history_days": 1,
            "bar": "5Min",
        },
        "venue": venue,
        "accounts": [{"name": "cut", "risk": {"leverage": 20}}],
        "strategies": [
            {"id": EARS, "class": "tests.crash.test_steering_at_every_cut:Steered", "account": "cut"}
            | {"symbols": ["AVOR", "BRYX"], "timeframe": "5Min"},
        ],
    }
    return parse_config(data, "test", folder)


@contextmanager
def asked(config: Config, monkeypatch: pytest.MonkeyPatch, asks: dict[int, Any] = ASKS) -> Iterator[None]:
    """A person who asks before certain instants; what is recorded is not asked again."""
    take = Loop._take
    first: list[int] = []

    async def steered(loop: Loop, instant: Instant) -> None:
        account = loop.accounts[0]
        if not first:
            first.append(loop.feed.trading_from_ns)
        number = (instant[0].time_ns - first[0]) // 300_000_000_000
        command = asks.get(number)
        with Reader.open(config.journal.url) as reader:
            known = command is None or reader.correlated("cut", f"ask-{number}")
        if command is not None and not known:
            account.inbox.append(Request(account.state.now_ns, f"ask-{number}", "cli:test", command))
            await loop._settle()
        await take(loop, instant)

    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_take", steered)
        Steered.notes.clear()
        yield


def steps(config: Config) -> list[tuple[str, ...]]:
    """What was recorded of the strategy, without ids."""
    kinds = (StrategyStarted, StrategyStopped, StrategySwitched, ParametersSet, CommandDone)
    with Reader.open(config.journal.url) as reader:
        return [
            (str(record.time_ns), record.type, str(record.body))
            for record in reader.records("cut")
            if isinstance(record.body, kinds) and record.correlation_id.startswith("ask-")
        ]


@pytest.mark.parametrize(
    "venue", [in_a_campaign(EASY), HARD, in_a_campaign(NEXT_OPEN)], ids=["easy", "hard", "next_open"]
)
@pytest.mark.proves("K1", "K2", "I9")
def test_strategies_are_steered_once_wherever_the_journal_ends(
    tmp_path: Path, venue: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The strategy sees and asks for the same, under the same parameters, and the books are the same."""
    whole = tmp_path / "whole"
    whole.mkdir()
    config = configuration(whole, venue)
    with asked(config, monkeypatch):
        batches = count_batches(config, monkeypatch)
    expected, told, done = books(config), list(Steered.notes), steps(config)
    answers = [text for _, kind, text in done if kind == "CommandDone"]
    assert len(answers) == len(ASKS)
    assert [note[1:4] for note in told if note[0] == "start"] == [
        (2, 4, -1), (3, 4, -1), (3, 4, -1), (3, 7, 40), (3, 7, -1), (2, 4, -1)
    ]  # fmt: skip
    assert [kind for _, kind, _ in done if kind == "ParametersSet"] == ["ParametersSet"] * 4
    assert sum("accepted=False" in text for text in answers) == 3
    for cut in range(batches % EVERY, batches, EVERY):
        folder = tmp_path / f"cut-{cut}"
        folder.mkdir()
        config = configuration(folder, venue)
        with asked(config, monkeypatch):
            run_cut(config, cut, monkeypatch)
        with asked(config, monkeypatch):
            run(config)
        assert steps(config) == done, f"after a cut at batch {cut} of {batches}"
        assert list(Steered.notes) == told, f"after a cut at batch {cut} of {batches}"
        assert books(config) == expected, f"after a cut at batch {cut} of {batches}"
        assert verify(config.journal.url).problems == []


def test_what_was_set_while_it_stood_counts_at_its_new_chance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A strategy that raised has its next chance after a stop in order, with the parameters that a person has set meanwhile."""
    asks = {
        8: SetParameters(EARS, json.dumps({"length": 7, "fault": 40})),
        52: SetParameters(EARS, json.dumps({"fault": -1})),
    }
    config = configuration(tmp_path, EASY)
    with asked(config, monkeypatch, asks):
        run(config)
    assert [kind for _, kind, _ in steps(config)].count("StrategyStopped") == 1
    before = len(Steered.notes)
    longer = configuration(tmp_path, EASY, days=2)
    with asked(longer, monkeypatch, asks):
        run(longer)
    with Reader.open(config.journal.url) as reader:
        last = reader.last_record("cut", StrategyStarted.__name__)
        stopped = reader.last_record("cut", StrategyStopped.__name__)
    assert last is not None
    assert stopped is not None
    assert isinstance(last.body, StrategyStarted)
    assert json.loads(last.body.params) == {"every": 2, "length": 7, "fault": -1}
    assert stopped.sequence < last.sequence
    assert len(Steered.notes) > before
