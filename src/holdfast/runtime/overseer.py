"""Looks, from a thread of its own, after callbacks that take too long: a strategy that blocks must not keep the engine for ever.

A callback that is over its budget is interrupted: a signal to the main thread ends what blocks there, and its handler raises `Overran`
in the strategy's own code, which stops that strategy alone. One that can't be interrupted ends the process, which is as good as a
crash: the kernel gives up its lock file, so a standby has the accounts at once. The stop of its strategy is filed in the journal first, and the
next start finds it there before it shows that strategy anything.

C code that computes without letting any Python run (a regular expression can) stops this thread too. For that the kernel has a timer of
the process's own computing time, which this thread winds up again and again: when it runs out, the stack goes into a file, the process
ends, and the next start files the stop. C code that waits so stops the lease as well: that engine is replaced as a frozen one is.
"""

import faulthandler
import inspect
import os
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import structlog

from holdfast.core.state import EngineState
from holdfast.core.steering import StopStrategy
from holdfast.core.strategy.host import Overran, Runner
from holdfast.errors import HoldfastError
from holdfast.journal.commands import file_command

LOOKS = 20
"""How often a callback is looked at in the time of its budget."""
LONGEST_LOOK_S = 0.25
LAST_BUDGETS = 2
"""After how many budgets a callback that can't be interrupted ends the process."""
STUCK = 1
"""The exit status of a process that ended because of one."""
SHOWN_FRAMES = 5

log = structlog.get_logger(__name__)

_end_process = os._exit  # a strategy's os._exit is another function (`settings.py`)


class Overseer:
    """Watches the callbacks of some accounts while it is entered. In another thread than the main one it can't interrupt."""

    def __init__(self, states: Sequence[EngineState], budget_s: float, journal_url: str, stack: Path) -> None:
        """``stack`` is where the stack goes when no Python runs any more."""
        self._states = states
        self._budget_s = budget_s
        self._journal_url = journal_url
        self._stack = stack
        self._look_s = min(budget_s / LOOKS, LONGEST_LOOK_S)
        self._over = threading.Event()
        self._seen: tuple[object, ...] | None = None
        self._lasted_s = 0.0
        self._overrunning: tuple[EngineState, Runner] | None = None
        self._interrupts = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> "Overseer":
        if self._interrupts:
            self._before = signal.signal(signal.SIGURG, self._interrupt)
            self._file = self._stack.open("w")
            faulthandler.register(signal.SIGVTALRM, self._file, chain=True)  # and then the default: the end
            self._wind_up()  # here and not in the thread: a callback may block before that gets its first turn
        self._watched = threading.get_ident()
        self._thread = threading.Thread(target=self._watch, name="overseer", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._interrupts:
            signal.signal(signal.SIGURG, self._before)
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            faulthandler.unregister(signal.SIGVTALRM)
            self._file.close()
            self._stack.unlink(missing_ok=True)

    def _wind_up(self) -> None:
        """Set the process's own timer, which ends it unless it is wound up again in time."""
        signal.setitimer(signal.ITIMER_VIRTUAL, LAST_BUDGETS * self._budget_s + LONGEST_LOOK_S)

    def _interrupt(self, _number: int, frame: FrameType | None) -> None:
        """In the main thread: end the callback, unless it is in the engine's own code, which must not be left half way."""
        found = self._overrunning
        if found is None or found[0].host.calling is not found[1]:
            return
        if frame is None or not str(frame.f_globals.get("__name__")).startswith("holdfast.core."):
            raise Overran(f"a callback may take {self._budget_s:g} s")

    # --- the overseer's thread ---

    def _watch(self) -> None:
        looked_s = time.monotonic()
        while not self._over.wait(self._look_s):
            if self._interrupts:
                self._wind_up()
            now_s = time.monotonic()
            self._look(min(now_s - looked_s, 2 * self._look_s))  # what a frozen process misses is nobody's fault
            looked_s = now_s

    def _look(self, passed_s: float) -> None:
        state, runner = next(((each, each.host.calling) for each in self._states if each.host.calling), (None, None))
        seen = None if state is None else (state, runner, state.cursor, state.sequence, state.host.now_ns)
        if state is None or runner is None or self._seen is None or seen != self._seen:
            self._seen, self._lasted_s, self._overrunning = seen, 0.0, None
            return
        self._lasted_s += passed_s
        if self._lasted_s < self._budget_s:
            return
        if self._overrunning is None:
            log.error(
                "a strategy's callback takes too long and is interrupted",
                account=state.account,
                strategy=runner.id,
                seconds=round(self._lasted_s, 1),
                at=self._place(),
            )
        self._overrunning = (state, runner)
        if self._lasted_s >= LAST_BUDGETS * self._budget_s:
            self._give_up(state, runner)
        if self._interrupts:
            signal.pthread_kill(self._watched, signal.SIGURG)

    def _place(self) -> list[str]:
        frame = sys._current_frames().get(self._watched)
        stack = traceback.extract_stack(frame)[-SHOWN_FRAMES:]
        return [f"{row.filename.rsplit('/', 1)[-1]}:{row.lineno} {row.name}" for row in stack]

    def _give_up(self, state: EngineState, runner: Runner) -> None:
        """End this process: nothing more is sent, and whoever comes next keeps the strategy stopped."""
        detail = f"its callback took {self._lasted_s:.0f} s and couldn't be interrupted: {', '.join(self._place())}"
        now_ns = time.time_ns()
        try:
            file_command(self._journal_url, state.account, StopStrategy(runner.id, detail), "overseer", None, now_ns)
        except HoldfastError as error:
            log.error("the strategy's stop could not be filed", strategy=runner.id, reason=str(error))
        text = (
            f"holdfast: strategy {runner.id} of account {state.account} blocks the engine: {detail}. The engine ends here; "
            "the next one starts without that strategy\n"
        )
        os.write(2, text.encode())
        _end_process(STUCK)


def note_stuck(states: Sequence[EngineState], journal_url: str, stack: Path) -> None:
    """File the stop of the strategies in whose code the last engine got stuck, if it left its stack. Raises JournalError."""
    try:
        text = stack.read_text(errors="replace")
    except FileNotFoundError:
        return
    files = set(re.findall(r'^  File "(.+)", line \d+ in ', text, re.MULTILINE))
    for state in states:
        for runner in state.host.runners.values():
            if inspect.getfile(type(runner.strategy)) in files:
                detail = "the last engine stood still in its code for longer than a callback may take"
                log.error("a strategy blocked the last engine and is left out", strategy=runner.id, stack=str(stack))
                file_command(
                    journal_url, state.account, StopStrategy(runner.id, detail), "overseer", None, time.time_ns()
                )
