"""The pipelines of all accounts: records in, verdicts out."""

from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from holdfast.core.messages import Envelope
from holdfast.core.types import SECOND_NS
from holdfast.monitor.expected import Expected
from holdfast.monitor.fold import AccountFold
from holdfast.monitor.histogram import Histogram
from holdfast.monitor.registry import PAIRS, Key, Stage
from holdfast.monitor.verdicts import NO_PULSE, Judge, Level, Pulse, Verdict

QUANTILES = (0.5, 0.95, 0.99)


class StageState(msgspec.Struct, frozen=True):
    """How a stage of an account's pipeline is."""

    account: str
    """Whose it is."""
    broker: str
    """Where the account trades."""
    stage: Stage
    """Which step of the way."""
    level: Level
    """``healthy``, ``degraded``, ``critical`` or ``idle``."""
    reason: str
    """Why."""
    next_step: str
    """What to do; empty where there is nothing to do."""
    time_ns: int | None = None
    """When its last event was, in nanoseconds since 1970; None when never."""
    age_s: float | None = None
    """How long ago that is by the account's clock, in seconds."""
    per_minute: float = 0.0
    """Events a minute, over the configured window."""
    step_p50_s: float | None = None
    """How long it takes from the stage before, by trace, in seconds: so long at most in half of the cases; None where nothing was measured."""
    step_p95_s: float | None = None
    """In 95 of 100."""
    step_p99_s: float | None = None
    """In 99 of 100."""
    way_p50_s: float | None = None
    """How long it takes from the market event, likewise; of fills alone."""
    way_p95_s: float | None = None
    way_p99_s: float | None = None


class Monitor:
    """Folds of accounts, and what is expected of each."""

    def __init__(self, expected: Iterable[Expected]) -> None:
        self.expected: Mapping[str, Expected] = {each.account: each for each in expected}
        self.folds = {
            name: AccountFold(each.limits.window_s, each.limits.settle_s) for name, each in self.expected.items()
        }

    def expect(self, expected: Iterable[Expected]) -> None:
        """Judge the same accounts by other thresholds from now on; what was counted stays."""
        self.expected = {each.account: each for each in expected}

    def take(self, account: str, records: Iterable[Envelope]) -> None:
        """Take in an account's next records. Those of accounts that the configuration doesn't have are passed over."""
        fold = self.folds.get(account)
        if fold is not None:
            fold.take_all(records)

    def pass_time(self, wall_ns: int, pulses: Mapping[str, Pulse]) -> None:
        """Time went by; ``pulses`` are those of the accounts that are known of."""
        for name, fold in self.folds.items():
            fold.pass_time(self.now_ns(name, wall_ns, pulses.get(name, NO_PULSE)))

    def now_ns(self, account: str, wall_ns: int, pulse: Pulse = NO_PULSE) -> int:
        """What time it is for an account: that of its market, as its engine knows it.

        A live engine goes by its broker's clock, which of a broker in a box is of another year; where no engine says, it is the wall's.
        """
        fold = self.folds[account]
        if self.expected[account].is_live and not pulse.market_ns:
            return max(wall_ns, fold.last_ns)
        return max(pulse.market_ns, fold.last_ns)

    def states(self, account: str, wall_ns: int, pulse: Pulse = NO_PULSE) -> list[StageState]:
        """How each stage of an account is, in their order."""
        expected, fold = self.expected[account], self.folds[account]
        now_ns = self.now_ns(account, wall_ns, pulse)
        verdicts = Judge(fold, expected, now_ns, pulse).verdicts()
        return [stage_state(fold, expected, stage, verdicts[stage], now_ns, pulse) for stage in Stage]


def stage_state(
    fold: AccountFold, expected: Expected, stage: Stage, verdict: Verdict, now_ns: int, pulse: Pulse = NO_PULSE
) -> StageState:
    """A stage with its figures."""
    book, window_s = fold.book, expected.limits.window_s
    last_ns = book.at(Key.LAST, stage)
    if stage is Stage.MARKET and pulse.seen_ns:
        last_ns = max(last_ns or 0, *pulse.seen_ns.values())
    return StageState(
        expected.account,
        expected.broker,
        stage,
        *verdict,
        last_ns,
        None if last_ns is None else max(0.0, round((now_ns - last_ns) / SECOND_NS, 3)),
        round(book.recent(Key.EVENTS, stage, now_ns, window_s) * 60 / window_s, 3),
        *_quantiles(book.durations, Key.STEP, stage),
        *_quantiles(book.durations, Key.WAY, stage),
    )


def _quantiles(read: Callable[[Key, Stage], Histogram], key: Key, stage: Stage) -> Iterator[float | None]:
    """The quantiles of a histogram, where the stage has it and something was measured."""
    for part in QUANTILES:
        found_ns = read(key, stage).quantile_ns(part) if (key, stage) in PAIRS else None
        yield None if found_ns is None else found_ns / SECOND_NS
