"""Indicators are strategies' own code, so they are measured in a process beside the web process: what ends, blocks or fills that one is its own.

One process for each account, begun when somebody first looks. A strategy that ends it (`os._exit`, a fault of C code), needs more memory than `MOST_BYTES`
or lets nothing else run for `PATIENCE_S` takes its account's indicators with it, which is said, and nothing else.
"""

import multiprocessing
import os
import resource
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import NamedTuple

from holdfast.config import Config
from holdfast.errors import HoldfastError
from holdfast.journal.reader import Reader
from holdfast.views.board import market
from holdfast.views.indicators import Indicators, IndicatorSeries, Measures
from holdfast.views.strategies import in_force

PATIENCE_S = 30.0
"""How long an answer is awaited: it takes three seconds at most (`views.indicators.ANSWER_S`) where Python is let run."""
START_S = 120.0
"""How long it may take to begin: two seconds, on a machine that has nothing else to do."""
AGAIN_S = 30.0
"""How long a process that ended is not begun again."""
MOST_BYTES = 4 << 30
"""How much memory of its own it may have."""
NICE = 10
"""It lets others go first: the engine may be on the same machine."""

Answer = tuple[Sequence[IndicatorSeries], Sequence[str]]
"""What is measured, and what is wrong."""


class _Question(NamedTuple):
    config: Config
    """With the parameters in force."""
    account: str
    symbol: str
    until_ns: int | None


class Measuring:
    """The processes of all accounts: one of a web process, which any thread may ask."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._beside: dict[str, _Beside] = {}

    def indicators(self, reader: Reader, config: Config, account: str, symbol: str) -> Indicators:
        """As `views.indicators.Measures.indicators`; ``config`` has the account."""
        now = market(reader, account)
        series, faults = self.series(in_force(reader, config, account), account, symbol, now.time_ns)
        return Indicators(account, symbol, [*series], [*faults], now.time_ns)

    def series(self, config: Config, account: str, symbol: str, until_ns: int | None) -> Answer:
        """What is measured of a symbol up to a time, and what is wrong. ``config`` has the parameters in force."""
        with self._lock:
            beside = self._beside.setdefault(account, _Beside(self._config, account))
        return beside.ask(_Question(config, account, symbol, until_ns))

    def close(self) -> None:
        """End them."""
        for beside in self._beside.values():
            beside.end()


class _Beside:
    """The process of one account."""

    def __init__(self, config: Config, account: str) -> None:
        self._config = config
        self._account = account
        self._lock = threading.Lock()
        self._process: multiprocessing.process.BaseProcess | None = None
        self._line: Connection | None = None
        self._is_ready = False
        self._fault = ""
        self._ended_s = 0.0

    def ask(self, question: _Question) -> Answer:
        """What it answers; without one, why there is none."""
        with self._lock:
            if self._fault and time.monotonic() - self._ended_s < AGAIN_S:
                return (), (self._fault,)
            line = self._line or self._begin()
            try:
                if not self._is_ready and not line.poll(START_S):
                    raise EOFError
                self._is_ready = self._is_ready or line.recv()
                line.send(question)
                if line.poll(PATIENCE_S):
                    answer: Answer = line.recv()
                    self._fault = ""
                    return answer
            except (EOFError, OSError):
                pass
            return (), (self._lost(),)

    def _begin(self) -> Connection:
        context = multiprocessing.get_context("spawn")  # a fork would take this process's threads' locks along
        ours, theirs = context.Pipe()
        self._process = context.Process(target=_measure, args=(theirs, self._config), daemon=True, name="indicators")
        self._process.start()
        theirs.close()
        self._line = ours
        return ours

    def _lost(self) -> str:
        """End what is left of it; says why."""
        process, self._ended_s = self._process, time.monotonic()
        if process is not None:
            process.join(0.5)
        how = (
            "did not answer and was ended"
            if process is None or process.exitcode is None
            else f"ended (status {process.exitcode})"
        )
        self.end()
        self._fault = (
            f"a strategy of {self._account} takes its indicators along: the process that shows it the bars {how}. It is tried again in {AGAIN_S:.0f} s; the "
            "engine is not touched by this"
        )
        return self._fault

    def end(self) -> None:
        """Let it go."""
        if self._line is not None:
            self._line.close()
        if self._process is not None and self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._line = self._process = None
        self._is_ready = False


def _measure(line: Connection, config: Config) -> None:
    """In the process beside: answer until whoever asks is gone."""
    from holdfast.views.candles import Charts

    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))
    measures = Measures(Charts(config))
    line.send(True)
    while True:
        try:
            question = line.recv()
        except (EOFError, OSError):
            os._exit(0)  # threads of strategies may be left
        try:
            answer: Answer = measures.series(question.config, question.account, question.symbol, question.until_ns)
        except (HoldfastError, MemoryError) as error:
            answer = (), (str(error) or "no memory is left for the strategies",)
        line.send(answer)
