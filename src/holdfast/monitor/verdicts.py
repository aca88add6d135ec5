"""The verdict on each stage of an account's pipeline: a pure function of its records, the configuration and a time (docs/monitor.md has the rules).

Silence alone is judged where something is expected: by an open exchange, an enabled strategy, and not just after a start. What went wrong is
judged always.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

import msgspec

from holdfast.core.session.account import AccountState
from holdfast.core.session.causes import NOT_YET, Cause, rule_of
from holdfast.core.types import SECOND_NS, iso_time, many
from holdfast.monitor.expected import Expected
from holdfast.monitor.fold import AccountFold
from holdfast.monitor.hours import is_open, next_open_ns, open_ns
from holdfast.monitor.orders import OpenOrder, Waits
from holdfast.monitor.registry import Key, Stage


class Level(StrEnum):
    """How a stage is."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    """Somebody should look."""
    CRITICAL = "critical"
    """Somebody has to act: trading doesn't work, or not as the books say."""
    IDLE = "idle"
    """Nothing is expected of it now."""


ORDER_OF_LEVELS = (Level.CRITICAL, Level.DEGRADED, Level.HEALTHY, Level.IDLE)
"""The worst first."""


class Pulse(msgspec.Struct, frozen=True):
    """What is known of an account's engine beside its records. Nothing of it has to be."""

    is_running: bool | None = None
    """Whether a process has the account; None when that isn't known."""
    silent_s: float | None = None
    """For how long an engine that runs stands still; None while it doesn't."""
    seen_ns: Mapping[str, int] = {}
    """By symbol when it was last heard of, by the market's clock."""
    market_ns: int = 0
    """The market's time; 0 when it isn't known."""
    failure: str | None = None
    """Why the account can't go on while its engine does with others; None where that isn't so, or nobody says."""


NO_PULSE = Pulse()


class Verdict(NamedTuple):
    """How a stage is, why, and what to do (empty where there is nothing to do)."""

    level: Level
    reason: str
    next_step: str = ""


Found = tuple[Stage, Verdict]

_STAGE_OF: dict[str, Stage] = {
    Cause.MARKET_DATA: Stage.MARKET,
    Cause.STALE_DATA: Stage.MARKET,
    Cause.REQUESTS: Stage.ORDER,
    Cause.ADAPTER: Stage.ORDER,
    Cause.KEYS: Stage.ORDER,
    Cause.ORDER_EVENTS: Stage.ORDER,
    Cause.ACCOUNT: Stage.ORDER,
    Cause.BLOCKED: Stage.ORDER,
    Cause.LOST_ORDERS: Stage.ORDER,
    Cause.BOOKS: Stage.PORTFOLIO,
    Cause.POSITIONS: Stage.PORTFOLIO,
}
"""Where it shows what the account lacks. The rest (limits on losses, a person's word) is risk's: it does what it should."""

_NEXT: dict[str, str] = {
    Cause.MARKET_DATA: "look whether the data's provider is there and the network; the engine connects again by itself",
    Cause.STALE_DATA: "look whether the data's provider sends these symbols; `holdfast status` names them",
    Cause.REQUESTS: "look whether the broker is there; the engine goes on asking by itself",
    Cause.ADAPTER: "read the engine's log: the adapter breaks",
    Cause.KEYS: "check the broker's keys, and start the engine again",
    Cause.ORDER_EVENTS: "look whether the broker's stream is there; meanwhile orders are followed by asking",
    Cause.ACCOUNT: "the keys are another account's: put the right ones in",
    Cause.BLOCKED: "ask the broker why it has blocked the account",
    Cause.LOST_ORDERS: "`holdfast orders` names them; look at the broker, then cancel them",
    Cause.BOOKS: "`holdfast reconcile` shows both; `--accept` takes over the broker's",
    Cause.POSITIONS: "`holdfast reconcile` shows both; `--accept` takes over the broker's",
}


class Judge:
    """Of one account at one time."""

    def __init__(self, fold: AccountFold, expected: Expected, now_ns: int, pulse: Pulse = NO_PULSE) -> None:
        self._fold = fold
        self._expected = expected
        self._limits = expected.limits
        self._now_ns = now_ns
        self._pulse = pulse
        self._cadence_ns = expected.cadence_ns(fold.bar_ns, now_ns)
        self._is_open = is_open(expected.calendar, now_ns)
        self._enabled = [name for name in expected.strategies if name not in fold.off]
        started_ns = fold.started_ns or 0
        self._in_grace = now_ns - started_ns < expected.grace_ns(self._cadence_ns)

    def verdicts(self) -> dict[Stage, Verdict]:
        """How each stage is."""
        whole = self._of_all()
        if whole is not None:
            return dict.fromkeys(Stage, whole)
        found: dict[Stage, list[Verdict]] = {stage: [] for stage in Stage}
        for stage, verdict in self._faults():
            found[stage].append(self._softened(verdict))
        return {
            stage: min(faults, key=lambda each: ORDER_OF_LEVELS.index(each.level)) if faults else self._quiet(stage)
            for stage, faults in found.items()
        }

    def _of_all(self) -> Verdict | None:
        """What is true of the whole account, and makes it pointless to look further; None when nothing is."""
        fold, pulse = self._fold, self._pulse
        if pulse.failure is not None:
            text = f"the account can't go on, and its engine goes on without it: {pulse.failure}"
            return Verdict(Level.CRITICAL, text, "mend that, then stop `holdfast run` and start it again")
        if fold.started_ns is None:
            return Verdict(Level.IDLE, "the account was never started", "`holdfast run` starts it")
        if fold.stopped is not None and not pulse.is_running:
            return Verdict(Level.IDLE, f"the engine was stopped: {fold.stopped}", "`holdfast run` starts it")
        if pulse.is_running is False:
            return Verdict(Level.CRITICAL, "the engine died without a word", "`holdfast run` brings everything back")
        if pulse.silent_s is not None:
            text = f"the engine has stood still for {pulse.silent_s:.0f} s"
            return Verdict(
                Level.CRITICAL, text, "look at its machine and its log; a standby takes over when its lease ends"
            )
        return None

    def _softened(self, verdict: Verdict) -> Verdict:
        """Just after a start nothing is critical: what is wrong may be what the start is there to mend."""
        if verdict.level is not Level.CRITICAL or not self._in_grace:
            return verdict
        return verdict._replace(level=Level.DEGRADED)

    # --- what is wrong ------------------------------------------------------------------------------------------------

    def _faults(self) -> Iterator[Found]:
        yield from self._missing()
        yield from self._market()
        yield from self._signals()
        yield from self._risk()
        yield from self._orders()
        yield from self._fills()
        yield from self._stream()
        yield from self._worth()

    def _missing(self) -> Iterator[Found]:
        """What the account lacks for taking risk."""
        for cause, (since_ns, reason) in self._fold.missing.items():
            stage = _STAGE_OF.get(cause, Stage.RISK)
            if stage is Stage.RISK:
                yield (
                    stage,
                    Verdict(
                        Level.DEGRADED, f"no new risk is taken: {cause}: {reason}", f"it ends {rule_of(cause).ends}"
                    ),
                )
                continue
            if stage is Stage.MARKET and not (self._is_open and self._enabled):
                continue
            if reason == NOT_YET and self._in_grace:
                continue
            lasts_ns = self._now_ns - since_ns
            level = Level.CRITICAL if lasts_ns >= _ns(self._limits.outage_lost_s) else Level.DEGRADED
            yield stage, Verdict(level, f"{cause} for {_span(lasts_ns)}: {reason}", _NEXT[cause])

    def _market(self) -> Iterator[Found]:
        if not (self._is_open and self._enabled) or self._in_grace:
            return
        wanted = set(self._expected.symbols)
        stale = sorted(wanted & self._fold.stale.keys())
        if stale:
            level = Level.CRITICAL if len(stale) == len(wanted) else Level.DEGRADED
            text = f"nothing is heard of {_names(stale)}, {len(stale)} of {many(len(wanted), 'symbol')}"
            yield Stage.MARKET, Verdict(level, text, _NEXT[Cause.STALE_DATA])
        heard = [time_ns for symbol, time_ns in self._pulse.seen_ns.items() if symbol in wanted]
        if not heard:
            return
        late_ns = self._expected.market_late_ns(self._cadence_ns)
        silent_ns = self._open_since(max(heard))
        if silent_ns >= late_ns:
            level = Level.CRITICAL if silent_ns >= 2 * late_ns else Level.DEGRADED
            text = f"no market data for {_span(silent_ns)} of an open market; {_span(late_ns)} are usual at most"
            yield Stage.MARKET, Verdict(level, text, _NEXT[Cause.MARKET_DATA])

    def _signals(self) -> Iterator[Found]:
        stopped = [name for name in self._enabled if name in self._fold.faults]
        if stopped:
            level = Level.CRITICAL if len(stopped) == len(self._enabled) else Level.DEGRADED
            text = f"{_names(stopped)} stopped for a fault: {self._fold.faults[stopped[0]]}"
            yield Stage.SIGNAL, Verdict(level, text, f"mend it, then `holdfast strategy start {stopped[0]}`")
        late_s = self._limits.signals_late_s
        if late_s is None or not self._enabled or not self._is_open or self._in_grace:
            return
        last_ns = max(self._fold.book.at(Key.LAST, Stage.SIGNAL) or 0, self._fold.started_ns or 0)
        silent_ns = self._open_since(last_ns)
        if silent_ns >= _ns(late_s):
            text = f"no signal for {_span(silent_ns)} of an open market; monitor.signals_late_s is {late_s:g}"
            yield (
                Stage.SIGNAL,
                Verdict(
                    Level.DEGRADED, text, "look whether the strategies see what they wait for: `holdfast strategies`"
                ),
            )

    def _risk(self) -> Iterator[Found]:
        if self._fold.halts:
            yield (
                Stage.RISK,
                Verdict(
                    Level.DEGRADED,
                    "the account is HALTED: no new risk is taken",
                    "`holdfast resume` when the reason is gone",
                ),
            )
        elif self._fold.state == AccountState.PRESERVATION and not self._fold.missing:
            yield (
                Stage.RISK,
                Verdict(Level.DEGRADED, "the account is in PRESERVATION: no new risk is taken", "`holdfast resume`"),
            )
        decided = self._recent(Key.EVENTS, Stage.RISK)
        refused = self._recent(Key.REFUSED, Stage.RISK)
        if decided >= self._limits.least and 100 * refused >= self._limits.refused_pct * decided:
            text = f"risk has refused {refused} of {many(decided, 'signal')} in {self._limits.window_s} s"
            yield (
                Stage.RISK,
                Verdict(
                    Level.DEGRADED, text, "`holdfast status` names the rules; the limits are in the account's `risk`"
                ),
            )

    def _orders(self) -> Iterator[Found]:
        for key, order in self._fold.orders.open.items():
            yield from ((Stage.ORDER, verdict) for verdict in self._order(key, order))
        failed = self._recent(Key.FAILED, Stage.ORDER)
        tried = failed + self._recent(Key.ACCEPTED, Stage.ORDER)
        if failed >= self._limits.least and 100 * failed >= self._limits.failed_pct * tried:
            level = Level.CRITICAL if failed == tried else Level.DEGRADED
            text = f"{failed} of {many(tried, 'order')} rejected or failed in {self._limits.window_s} s"
            yield Stage.ORDER, Verdict(level, text, "`holdfast orders` has the broker's reasons")

    def _order(self, key: str, order: OpenOrder) -> Iterator[Verdict]:
        waits_ns = self._now_ns - order.since_ns
        late_ns, lost_ns = _ns(self._limits.answer_late_s), _ns(self._limits.answer_lost_s)
        if order.is_lost:
            yield Verdict(Level.CRITICAL, f"the broker no longer shows {key}", _NEXT[Cause.LOST_ORDERS])
        if order.waits not in (Waits.ANSWER, Waits.PROOF):
            return
        what = "UNKNOWN" if order.waits is Waits.PROOF else "without an answer"
        todo = f"the broker is being asked; if you know: `holdfast resolve {key}`"
        if order.is_overdue or waits_ns >= lost_ns:
            yield Verdict(Level.CRITICAL, f"{key} is {what} for {_span(waits_ns)}", todo)
        elif waits_ns >= late_ns:
            yield Verdict(Level.DEGRADED, f"{key} is {what} for {_span(waits_ns)}", todo)

    def _fills(self) -> Iterator[Found]:
        if not self._is_open or self._in_grace:
            return
        late_ns = self._expected.fills_late_ns(self._cadence_ns)
        waiting = [
            (key, silent_ns)
            for key, order in self._fold.orders.open.items()
            if order.is_market and order.waits is Waits.FILL and not order.filled
            if (silent_ns := self._open_since(order.since_ns)) >= late_ns
        ]
        if waiting:
            key, silent_ns = max(waiting, key=lambda pair: pair[1])
            text = f"{many(len(waiting), 'order')} at the market not filled, {key} for {_span(silent_ns)} of an open market"
            yield Stage.FILL, Verdict(Level.DEGRADED, text, f"`holdfast trail {key}` shows its way; look at the broker")

    def _stream(self) -> Iterator[Found]:
        for stage, what in ((Stage.ORDER, "change of an order"), (Stage.FILL, "fill")):
            missed = self._fold.stream.missed(stage, self._now_ns)
            if missed:
                text = f"the broker's stream has not told {many(missed, what)} that asking found, in {self._limits.window_s} s"
                yield (
                    stage,
                    Verdict(Level.DEGRADED, text, "the books are right; look at the stream's connection in the log"),
                )

    def _worth(self) -> Iterator[Found]:
        if not self._is_open or self._in_grace or not self._expected.is_live:
            return
        last_ns = max(self._fold.book.at(Key.LAST, Stage.PORTFOLIO) or 0, self._fold.started_ns or 0)
        silent_ns = self._open_since(last_ns)
        if silent_ns >= _ns(self._limits.valued_late_s):
            text = f"the account was not valued for {_span(silent_ns)} of an open market; it is each hour"
            yield Stage.PORTFOLIO, Verdict(Level.DEGRADED, text, "read the engine's log; no prices may come")

    # --- when nothing is ----------------------------------------------------------------------------------------------

    def _quiet(self, stage: Stage) -> Verdict:
        """A stage at which nothing is wrong: idle where nothing is to be expected of it, else healthy."""
        if not self._is_open:
            return Verdict(Level.IDLE, self._closed())
        if not self._enabled and stage in (Stage.MARKET, Stage.SIGNAL, Stage.RISK):
            why = "every strategy is switched off" if self._expected.strategies else "no strategy is on this account"
            return Verdict(Level.IDLE, why)
        if self._in_grace:
            return Verdict(
                Level.IDLE,
                f"the engine has just been started, {_span(self._now_ns - (self._fold.started_ns or 0))} ago",
            )
        last_ns = self._fold.book.at(Key.LAST, stage)
        if stage is Stage.MARKET:
            return Verdict(Level.HEALTHY, self._heard(last_ns))
        if last_ns is None:
            return Verdict(Level.IDLE, "nothing has come so far")
        return Verdict(Level.HEALTHY, f"the last {_span(self._now_ns - last_ns)} ago")

    def _closed(self) -> str:
        again_ns = next_open_ns(self._expected.calendar, self._now_ns)
        until = f" until {iso_time(again_ns)[:16].replace('T', ' ')} UTC" if again_ns is not None else ""
        return f"{self._expected.calendar.name} is closed{until}"

    def _heard(self, last_ns: int | None) -> str:
        heard_ns = max([*self._pulse.seen_ns.values(), last_ns or 0])
        return f"heard {_span(self._now_ns - heard_ns)} ago" if heard_ns else "the engine misses no symbol"

    def _open_since(self, time_ns: int) -> int:
        return open_ns(self._expected.calendar, time_ns, self._now_ns)

    def _recent(self, key: Key, stage: Stage) -> int:
        return self._fold.book.recent(key, stage, self._now_ns, self._limits.window_s)


def worst(verdicts: Mapping[Stage, Verdict]) -> Verdict:
    """The verdict on all stages together: that of the worst."""
    return min(verdicts.values(), key=lambda each: ORDER_OF_LEVELS.index(each.level))


def _names(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _span(duration_ns: int) -> str:
    seconds = max(0, duration_ns) / SECOND_NS
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _ns(seconds: float) -> int:
    return int(seconds * SECOND_NS)
