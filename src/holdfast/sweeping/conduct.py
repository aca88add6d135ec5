"""Running trials on whatever executes them: this process, processes of this machine, or others' executors."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from functools import partial
from itertools import islice

from holdfast.errors import InvalidValue
from holdfast.sweeping.space import Combination
from holdfast.sweeping.trial import Trial, run_trial

Task = tuple[int, Combination]
"""A trial's number and its combination."""

AHEAD = 4
"""So many trials wait for each worker that is known, so that none is idle."""
AHEAD_UNKNOWN = 1_000
"""So many are under way at an executor that doesn't say how many workers it has."""
MOST_JOBS = 1_024
IDLE_S = 30
"""A worker process without work ends after so long."""
LOOK_S = 1.0
"""How often a worker looks whether the process that conducts is still there."""


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def jobs_of(said: int | None) -> int:
    """How many worker processes there are to be. Raises :class:`~holdfast.errors.InvalidValue`."""
    if said is None:
        return processors()
    if not 1 <= said <= MOST_JOBS:
        raise InvalidValue(f"jobs must be 1 to {MOST_JOBS}, not {said}")
    return said


def conduct(blob: bytes, tasks: Sequence[Task], executor: Executor | None, jobs: int) -> Iterator[list[Trial]]:
    """Trials as they are done, some at a time. Without an executor they run on ``jobs`` processes, one job in this process."""
    if executor is not None:
        yield from _on(executor, blob, tasks, AHEAD_UNKNOWN)
    elif min(jobs, len(tasks)) <= 1:
        for number, combination in tasks:
            yield [run_trial(blob, number, combination)]
    else:
        yield from _on_processes(blob, tasks, min(jobs, len(tasks)))


def _on(executor: Executor, blob: bytes, tasks: Iterable[Task], ahead: int) -> Iterator[list[Trial]]:
    """Keep so many tasks under way. Those that are not done are canceled when the caller gives up."""
    waiting = iter(tasks)
    under_way: dict[Future[Trial], Task] = {}
    try:
        while True:
            for task in islice(waiting, ahead - len(under_way)):
                under_way[executor.submit(run_trial, blob, *task)] = task
            if not under_way:
                return
            done, _ = wait(under_way, return_when=FIRST_COMPLETED)
            yield [_outcome(future, under_way.pop(future)) for future in done]
    finally:
        for future in under_way:
            future.cancel()


def _outcome(future: Future[Trial], task: Task) -> Trial:
    """The trial; one that others' machines lost is a row with that error. Raises BrokenExecutor and a canceled future's error."""
    try:
        return future.result()
    except (BrokenExecutor, CancelledError):
        raise
    except Exception as error:  # noqa: BLE001 - an executor raises what it likes, and the other trials go on
        text = str(error).splitlines()[0] if str(error) else ""
        return Trial(*task, f"{type(error).__name__}: {text}")


def _on_processes(blob: bytes, tasks: Sequence[Task], jobs: int) -> Iterator[list[Trial]]:
    """A trial that takes its process with it is found by running those that were under way one by one; it is a row with that error."""
    left = dict(tasks)
    suspects = 0
    while left:
        workers = 1 if suspects else jobs
        batch = list(islice(left.items(), suspects or None))
        try:
            for trials in _with_pool(workers, partial(_on, blob=blob, tasks=batch, ahead=AHEAD * workers)):
                for trial in trials:
                    del left[trial.number]
                yield trials
            suspects = 0
        except BrokenExecutor:
            if workers > 1:
                suspects = AHEAD * workers
                continue
            number, combination = next(iter(left.items()))
            del left[number]
            yield [Trial(number, combination, "the worker process died in this trial")]


def _with_pool(workers: int, run: Callable[[Executor], Iterator[list[Trial]]]) -> Iterator[list[Trial]]:
    from loky import ProcessPoolExecutor

    pool = ProcessPoolExecutor(max_workers=workers, timeout=IDLE_S, initializer=_begin, initargs=(os.getpid(),))
    try:
        yield from run(pool)
    except BaseException:
        pool.shutdown(wait=False, kill_workers=True)
        raise
    pool.shutdown(wait=True)


def _begin(parent: int) -> None:
    """A worker process begins. A Ctrl-C is for the process that conducts, which ends its workers; they end when it is gone, however it went."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), name="parent", daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_S)
    os._exit(1)
