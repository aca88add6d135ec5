"""An account's whole state beside its engine: from the newest snapshot and the records after it, as a start makes it, and followed from there.

Limits, protection and previews are the core's own arithmetic, so they are asked of the core's own state and of no copy of its rules. Nothing here
writes. What is asked gets a state of its own, with the market's prices in it, to which anything may be done.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol, cast

import msgspec

from holdfast.assembly import build_state, stale_after_ns
from holdfast.config import AccountConfig, Config
from holdfast.core import snapshot
from holdfast.core.arithmetic import use_exact
from holdfast.core.exits import ExitRules
from holdfast.core.risk.limits import StrategyLimits
from holdfast.core.state import UNCHANGED, EngineState, apply
from holdfast.core.types import StrategyId
from holdfast.errors import HoldfastError, InvalidValue, JournalCorrupt
from holdfast.feeds.port import Feed
from holdfast.journal.reader import Reader, Snapshot, to_envelope
from holdfast.views.board import MarketView, market

BUDGET_S = 0.5
"""So long one look reads on in the journal; the next goes on from there."""
STEP_S = 0.1
"""So long who reads far in the background keeps others from it, each time."""
FAR_BEHIND = 20_000
"""Who only looks reads on so many records at most: those that came since the last look. What is further behind somebody else reads (`Books.read_on`)."""
_PASSED_OVER = frozenset(kind.__name__ for kind in UNCHANGED)


class Scratch(NamedTuple):
    """A state to do anything to, with the market as it is now. ``behind`` is how many records are still to be read."""

    state: EngineState
    market: MarketView
    behind: int


class _Listed(NamedTuple):
    """What is to be known of a feed to build an account's state."""

    kind: str
    name: str
    symbols: Sequence[str]
    bar_ns: int | None


class KeptStates(Protocol):
    """Where states are kept from one process to the next, besides the journal's own snapshots."""

    def newest(self, reader: Reader, account: str) -> Snapshot | None:
        """The state of an account that was kept and fits the journal. Raises JournalError."""

    def keep(self, reader: Reader, account: str, found: Snapshot) -> None:
        """Keep a state in the place of the one before. Raises JournalError."""


class _Followed:
    """One account's state, as far as the journal was read."""

    def __init__(self, config: Config, account: AccountConfig, kept: KeptStates | None) -> None:
        self.lock = threading.Lock()
        self.kept_at = 0
        """After which record its state was kept last."""
        self._kept = kept
        self._config = config
        self._account = account
        self._state: EngineState | None = None
        self._hash = ""

    def behind(self, reader: Reader) -> int:
        """How many records are still to be read. Raises JournalError, JournalCorrupt, ConfigError."""
        return reader.account(self._account.name).last_sequence - self._begun(reader).sequence

    def _begun(self, reader: Reader) -> EngineState:
        """The state as far as it was read."""
        if self._state is None or self._is_of_another_journal(reader, self._state.sequence):
            self._state, self._hash = self._begin(reader), ""
        return self._state

    def state(self, reader: Reader, budget_s: float | None = None) -> EngineState:
        """The state after the last record, or after as many as there is time for. Raises JournalError, JournalCorrupt, ConfigError.

        A reader that looks at a moment of before gets the newer state: another, who looks at now, has brought it further.
        """
        state, ends_s = self._begun(reader), time.monotonic() + (BUDGET_S if budget_s is None else budget_s)
        try:
            while page := reader.page(self._account.name, state.sequence):
                self._hash = page[-1].hash
                for row in page:
                    if row.type in _PASSED_OVER:
                        state.sequence = row.sequence
                        state.now_ns = state.host.now_ns = max(state.now_ns, row.time_ns)
                    else:
                        apply(state, to_envelope(row))
                if time.monotonic() > ends_s:
                    break
        except BaseException:
            self._state = None  # half a record may be in it
            raise
        return state

    def copy(self) -> EngineState:
        """A state of its own that is the same."""
        fresh = fresh_state(self._config, self._account)
        if self._state is not None:
            snapshot.restore(fresh, snapshot.take(self._state))
        return fresh

    def _is_of_another_journal(self, reader: Reader, known: int) -> bool:
        """Whether the reader's journal is not the one that was read to ``known``."""
        last = reader.account(self._account.name).last_sequence
        if known > last:
            return not reader.is_of_before
        return bool(self._hash) and reader.hash_of(self._account.name, known) != self._hash

    def keep(self, reader: Reader, every: int) -> None:
        """Keep the state for the next process, if there are so many records since the last time. Raises JournalError."""
        with self.lock:
            if self._kept is None or self._state is None or self._state.sequence - self.kept_at < every:
                return
            found = Snapshot(self._state.sequence, snapshot.take(self._state))
        self._kept.keep(reader, self._account.name, found)
        self.kept_at = found.sequence

    def _places(self, reader: Reader) -> Iterator[Snapshot]:
        """The states that can be begun with, the furthest first."""
        kept = None
        if self._kept is not None:
            with suppress(HoldfastError):  # the records are there all the same
                kept = self._kept.newest(reader, self._account.name)
        for found in reader.snapshots(self._account.name):
            if kept is not None and kept.sequence > found.sequence:
                yield kept
                kept = None
            yield found
        if kept is not None:
            yield kept

    def _begin(self, reader: Reader) -> EngineState:
        for found in self._places(reader):
            state = fresh_state(self._config, self._account)
            with suppress(JournalCorrupt):  # it is passed over, as a start of the engine does
                snapshot.restore(state, found.body)
                self.kept_at = found.sequence
                return state
        self.kept_at = 0
        return fresh_state(self._config, self._account)


def fresh_state(config: Config, account: AccountConfig) -> EngineState:
    """An account's state before its first record, without its strategies: their limits and exits are there, their code is not."""
    mine = config.strategies_on(account.name)
    source = config.feed_of(account)
    symbols = {symbol for strategy in mine for symbol in strategy.symbols} | {*(source.symbols or ()), *config.rates}
    listed = _Listed(source.kind, source.label, sorted(symbols), None)
    bare = msgspec.structs.replace(config, strategies=[])
    state = build_state(bare, account, cast("Feed", listed), stale_after_ns(source))
    state.host.log = None
    for strategy in mine:
        if strategy.risk != StrategyLimits():
            state.strategy_limits[StrategyId(strategy.id)] = strategy.risk
        if strategy.exits != ExitRules():
            state.exit_rules[StrategyId(strategy.id)] = strategy.exits
    return state


class Books:
    """The states of all accounts of a configuration: one of a process, which any thread may ask."""

    def __init__(self, config: Config, kept: KeptStates | None = None) -> None:
        self.config = config
        self._followed = {account.name: _Followed(config, account, kept) for account in config.accounts}

    def read_on(self, reader: Reader, account: str) -> int:
        """Read for some time, and nothing more; how many records are still to be read. Raises as `scratch`."""
        use_exact()
        followed = self._followed[account]
        with followed.lock:
            followed.state(reader, STEP_S)
            return followed.behind(reader)

    def keep(self, reader: Reader, account: str, every: int) -> None:
        """Keep an account's state for the next process, if there are so many records since the last time. Raises JournalError."""
        self._followed[account].keep(reader, every)

    def glance(self, reader: Reader, account: str) -> Scratch:
        """As `scratch`, without reading far: for who waits."""
        return self._scratch(reader, account, FAR_BEHIND)

    def whole(self, reader: Reader, account: str) -> Scratch:
        """As `scratch`, however long it takes to read all records: for who has nothing else to do."""
        while (found := self.scratch(reader, account)).behind:
            pass
        return found

    def scratch(self, reader: Reader, account: str) -> Scratch:
        """The account as it is now, to do anything to.

        Raises :class:`~holdfast.errors.InvalidValue` for an account that isn't in the configuration or the journal,
        :class:`~holdfast.errors.JournalError` when the journal can't be read.
        """
        return self._scratch(reader, account, None)

    def _scratch(self, reader: Reader, account: str, most: int | None) -> Scratch:
        if account not in self._followed:
            names = ", ".join(self._followed)
            raise InvalidValue(f"the configuration has no account {account!r}; it has {names}")
        use_exact()  # this thread may never have computed for an account
        followed = self._followed[account]
        with followed.lock:
            if most is None or followed.behind(reader) <= most:
                followed.state(reader)
            behind = followed.behind(reader)
            copied = followed.copy()
        now = market(reader, account)
        put_market(copied, now)
        return Scratch(copied, now, max(0, behind))


def put_market(state: EngineState, now: MarketView) -> None:
    """Let a state see the market's time and last prices, as if an event had brought them."""
    if now.time_ns is not None:
        state.now_ns = state.host.now_ns = max(state.now_ns, now.time_ns)
    if now.prices:
        state.quotes.clear()  # those of the last snapshot: older than the prices
    for symbol, last in now.prices.items():
        state.mark(symbol, last.price)  # type: ignore[arg-type]
        if last.time_ns is not None:
            state.seen_ns[symbol] = max(last.time_ns, state.seen_ns.get(symbol, 0))
