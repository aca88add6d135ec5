"""The indicators of an account's strategies over time, for a chart.

The journal doesn't keep them. The strategies are made once more, here, and shown the feed's bars as a start shows them in warm-up: they see
everything and what they ask for is dropped. In bounded time and of a bounded number of bars, in a thread of its own: what a strategy raises
stops it here alone, and one that takes too long is interrupted and left out.
"""

import ctypes
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple, cast

import msgspec

from holdfast.assembly import build_state
from holdfast.config import AccountConfig, Config
from holdfast.core.arithmetic import use_exact
from holdfast.core.engine.market import show
from holdfast.core.instant import instants
from holdfast.core.messages import Bar
from holdfast.core.state import EngineState
from holdfast.core.strategy.host import Overran
from holdfast.core.types import SECOND_NS
from holdfast.errors import HoldfastError
from holdfast.feeds.port import Feed
from holdfast.journal.reader import Reader
from holdfast.views.board import market
from holdfast.views.candles import Charts
from holdfast.views.played import Bars
from holdfast.views.strategies import in_force

MOST_SHOWN = 20_000
"""So many of the latest bars the strategies of an account are shown at first; they settle on far fewer."""
MOST_POINTS = 3_000
"""So many of the latest values of each output are kept."""
CALLBACK_S = 1.0
"""A callback that takes longer is interrupted, and its strategy left out."""
ANSWER_S = 3.0
"""After so long the answer is what is there; the rest is there the next time."""
LOOK_S = 0.05


class IndicatorSeries(msgspec.Struct, frozen=True):
    """One output of an indicator over time."""

    strategy: str
    """Whose it is."""
    symbol: str
    """Of which symbol."""
    name: str
    """What it is called."""
    output: str
    """Which of its values; ``value`` is the first."""
    pane: str
    """``price``: drawn over the price; ``own``: in a panel of its own."""
    points: list[tuple[float, float]]
    """The start of the bar after which it was so, in seconds since 1970, and the value."""


class Indicators(msgspec.Struct, frozen=True):
    """What the strategies of an account measure of a symbol."""

    account: str
    symbol: str
    series: list[IndicatorSeries]
    """By strategy, then by name."""
    faults: list[str]
    """Which strategies can't be shown here, and what is missing, in words."""
    as_of_ns: int | None
    """Up to when they are, in nanoseconds since 1970."""


class _Listed(NamedTuple):
    """What is to be known of a feed to build strategies on it."""

    kind: str
    name: str
    symbols: Sequence[str]
    bar_ns: int


class Measured:
    """The strategies of one account beside its engine, and what they measure. Any thread may ask."""

    def __init__(self, charts: Charts, account: AccountConfig) -> None:
        self._charts = charts
        self._account = account
        self._lock = threading.Lock()
        self._begin()

    def _begin(self) -> None:
        self._state: EngineState | None = None
        self._points: dict[tuple[str, str, str, str, str], deque[tuple[float, float]]] = {}
        self._shown_ns = 0
        self._splits = 0
        self._config: Config | None = None
        self._fault = ""
        self._thread: threading.Thread | None = None

    def series(self, config: Config, symbol: str, until_ns: int | None) -> tuple[list[IndicatorSeries], list[str]]:
        """What is measured of a symbol up to a time, and what is wrong. ``config`` has the parameters in force: others begin anew."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                self._watch(self._thread)
            else:
                self._go_on(config, until_ns)
            return self._found(symbol), self._faults()

    def _go_on(self, config: Config, until_ns: int | None) -> None:
        mine = config.strategies_on(self._account.name)
        if self._config is not None and self._config.strategies_on(self._account.name) != mine:
            self._begin()
        try:
            with self._charts.lock_of(self._account):
                bars, self._fault = self._charts.bars(self._account, until_ns)
                if bars.splits != self._splits:
                    self._begin()
                symbols = sorted({symbol for strategy in mine for symbol in strategy.symbols})
                new = [bar for bar in bars.since(symbols, self._shown_ns, MOST_SHOWN) if bar.time_ns <= (until_ns or 0)]
            self._config, self._splits = config, bars.splits
        except (HoldfastError, OSError) as error:
            self._fault = str(error)
            return
        if mine and new:
            self._shown_ns = new[-1].time_ns
            self._thread = threading.Thread(target=self._show, args=(config, bars, new), daemon=True)
            self._thread.start()
            self._watch(self._thread)

    def _show(self, config: Config, bars: Bars, new: Sequence[Bar]) -> None:
        """In a thread of its own: let the strategies see bars."""
        try:
            use_exact()
            if self._state is None:
                listed = _Listed("played", "the feed", bars.symbols, bars.bar_ns)
                state = build_state(config, self._account, cast("Feed", listed), None)
                state.host.log = None
                state.host.stops_on_interrupt = True
                state.host.start(0)
                self._state = state
            for instant in instants(new):
                show(self._state, instant)
                self._note(self._state, [event for event in instant if isinstance(event, Bar)])
        except HoldfastError as error:
            self._fault = str(error)
        except BaseException as error:  # noqa: BLE001 - it is strategies' code that runs here, and this thread is theirs
            self._fault = f"the strategies can't be shown the bars: {type(error).__name__}: {error}"

    def _note(self, state: EngineState, bars: Sequence[Bar]) -> None:
        starts = {bar.symbol: bar.start_ns for bar in bars}
        for view in state.host.indicators():
            start_ns = starts.get(view.symbol) if state.host.runners[view.strategy].running else None
            for output, value in view.values.items() if start_ns is not None else ():
                if value is not None:
                    key = view.strategy, view.symbol, view.name, output, view.panel.value
                    points = self._points.get(key)
                    if points is None:
                        points = self._points[key] = deque(maxlen=MOST_POINTS)
                    points.append(((start_ns or 0) / SECOND_NS, value))

    def _watch(self, thread: threading.Thread) -> None:
        """Wait for what is shown, and interrupt a callback that takes too long."""
        ends_s, seen, since_s = time.monotonic() + ANSWER_S, None, time.monotonic()
        while thread.is_alive() and time.monotonic() < ends_s:
            thread.join(LOOK_S)
            state = self._state
            now = None if state is None or state.host.calling is None else (state.host.calling, state.cursor)
            if now is None or now != seen:
                seen, since_s = now, time.monotonic()
            elif time.monotonic() - since_s > CALLBACK_S:
                _interrupt(thread)
                since_s = time.monotonic()

    def _found(self, symbol: str) -> list[IndicatorSeries]:
        found = sorted((key, list(points)) for key, points in self._points.copy().items() if key[1] == symbol)
        return [IndicatorSeries(*key, points) for key, points in found]

    def _faults(self) -> list[str]:
        faults = [self._fault] if self._fault else []
        if self._thread is not None and self._thread.is_alive():
            faults.append("the strategies are still being shown the bars; ask again")
        stops: list[Any] = [] if self._state is None else list(self._state.host.stops)
        return faults + [
            f"strategy {runner.id} is not shown on: it {reason}: {detail}" for runner, reason, detail in stops
        ]


def _interrupt(thread: threading.Thread) -> None:
    """Raise `Overran` in the thread, in whatever Python code it is in."""
    if thread.ident is not None:
        with suppress(ValueError):
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Overran))


class Measures:
    """The `Measured` of all accounts: one of a process."""

    def __init__(self, charts: Charts) -> None:
        self._charts = charts
        self._lock = threading.Lock()
        self._known: dict[str, Measured] = {}

    def indicators(self, reader: Reader, config: Config, account: str, symbol: str) -> Indicators:
        """What the strategies of an account measure of a symbol, by the parameters in force.

        Raises :class:`~holdfast.errors.InvalidValue` for an account that there isn't.
        """
        now = market(reader, account)
        series, faults = self.series(in_force(reader, config, account), account, symbol, now.time_ns)
        return Indicators(account, symbol, series, faults, now.time_ns)

    def series(
        self, config: Config, account: str, symbol: str, until_ns: int | None
    ) -> tuple[list[IndicatorSeries], list[str]]:
        """What is measured of a symbol up to a time, and what is wrong. ``config`` has the parameters in force. Raises as `indicators`."""
        row = self._charts.account_of(account)
        with self._lock:
            if account not in self._known:
                self._known[account] = Measured(self._charts, row)
            measured = self._known[account]
        return measured.series(config, symbol, until_ns)
