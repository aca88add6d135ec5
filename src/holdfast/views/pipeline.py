"""The way from a tick to a profit, stage by stage: the monitor's verdict on each, and its last event."""

import threading
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from holdfast.config import Config
from holdfast.core.messages import Envelope
from holdfast.journal.reader import Reader
from holdfast.monitor.expected import Expected, expected
from holdfast.monitor.fold import AccountFold
from holdfast.monitor.monitor import Monitor, StageState
from holdfast.monitor.reading import TAIL, read_fold
from holdfast.monitor.registry import Stage
from holdfast.monitor.verdicts import ORDER_OF_LEVELS, Level, Pulse
from holdfast.views.board import ENGINE, failure, market, silent_s
from holdfast.views.wording import sentence


class StageView(StageState, frozen=True):
    """A stage of an account's pipeline."""

    sequence: int | None = None
    """The number of its last event's record in the account's journal; None when there is none, or it is long ago."""
    type: str = ""
    """The type of that record."""
    text: str = ""
    """What happened, as a sentence."""


class PipelineView(msgspec.Struct, frozen=True):
    """An account's pipeline as one."""

    account: str
    """Whose it is."""
    level: Level
    """That of its worst stage."""
    stage: Stage
    """The worst stage."""
    reason: str
    """Why."""
    next_step: str
    """What to do; empty where there is nothing to do."""


class Pipelines:
    """Those of all accounts of a configuration, followed from look to look: one of a process, which any thread may ask.

    ``tail`` is how many of the latest records a first look reads.
    """

    def __init__(self, config: Config, tail: int = TAIL) -> None:
        self._monitor = Monitor(expected(config))
        self._tail = tail
        self._lock = threading.Lock()
        self._ends: dict[str, str] = {}
        """By account the id of the last record that was taken in."""

    def take(self, config: Config) -> None:
        """Judge by another configuration of the same accounts."""
        with self._lock:
            self._monitor.expect(expected(config))

    def stages(self, reader: Reader, account: str | None = None) -> list[StageView]:
        """Every stage of one account or of all, in order. Raises JournalError when the journal can't be read."""
        known = {row.account for row in reader.accounts()}
        with self._lock:
            return [
                view
                for name, each in self._monitor.expected.items()
                if account in (None, name)
                for view in self._views(reader, each, is_known=name in known)
            ]

    def _views(self, reader: Reader, each: Expected, *, is_known: bool) -> list[StageView]:
        name = each.account
        if is_known:
            self._follow(reader, each)
        fold = self._monitor.folds[name]
        found = self._monitor.states(name, time.time_ns(), pulse(reader, name) if is_known else Pulse())
        return [_view(state, fold.texts.get(state.stage)) for state in found]

    def _follow(self, reader: Reader, each: Expected) -> None:
        """Take in what is new. A journal that is another one, or has grown by more than is read at once, is read anew."""
        name, fold = each.account, self._monitor.folds[each.account]
        new = reader.last_records(name, self._tail + 1, after=fold.sequence)[::-1] if fold.sequence else []
        is_next = fold.sequence and len(new) <= self._tail and (not new or new[0].sequence == fold.sequence + 1)
        if is_next and self._is_same(reader, name, fold):
            fold.take_all(new)
        else:
            fold = self._monitor.folds[name] = read_fold(reader, each, self._tail)
            new = reader.last_records(name, 1)
        if new:
            self._ends[name] = new[-1].id

    def _is_same(self, reader: Reader, account: str, fold: AccountFold) -> bool:
        """Whether the last record that was taken in is still there."""
        found = reader.last_records(account, 1, before=fold.sequence + 1)
        return bool(found) and found[0].id == self._ends.get(account)


def pulse(reader: Reader, account: str) -> Pulse:
    """What is known of an account's engine beside its records."""
    found = market(reader, account)
    seen = {symbol: last.time_ns for symbol, last in found.prices.items() if last.time_ns is not None}
    is_now = found.source == ENGINE
    return Pulse(
        reader.is_running(account),
        silent_s(reader, account, time.time_ns()),
        seen if is_now else {},
        found.time_ns or 0 if is_now and found.is_back else 0,
        failure(reader, account),
    )


def worst_of(views: Sequence[StageView]) -> list[PipelineView]:
    """Each account's pipeline as one, in their order."""
    found: dict[str, StageView] = {}
    for view in views:
        before = found.get(view.account)
        if before is None or ORDER_OF_LEVELS.index(view.level) < ORDER_OF_LEVELS.index(before.level):
            found[view.account] = view
    return [PipelineView(name, view.level, view.stage, view.reason, view.next_step) for name, view in found.items()]


def _view(state: StageState, last: Envelope | None) -> StageView:
    values: dict[str, Any] = msgspec.structs.asdict(state)
    if last is None:
        return StageView(**values)
    return StageView(**values, sequence=last.sequence, type=last.type, text=" ".join(str(sentence(last)).split()))
