"""Engines that live and die as planned, round after round, until all kills are done: then everything is healed and counted."""

import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from holdfast.errors import Fatal, HoldfastError
from holdfast.journal.verify import verify
from holdfast.telemetry.crash_points import VARIABLE
from holdfast.torture.processes.books import Found, compare, never_released
from holdfast.torture.processes.boxes import box_of
from holdfast.torture.processes.broker import Broker, tail
from holdfast.torture.processes.engine import Watch, configure, surroundings, wait_for_records, wait_until_ready
from holdfast.torture.processes.plan import AT_A_STOP, BrokerEvent, Death, Life, lives
from holdfast.torture.processes.programs import FromNothing, Program, Spawner, kill, send
from holdfast.torture.processes.result import Result
from holdfast.torture.processes.stores import Store, open_store

READY_WITHIN_S = 60.0
"""How long a start may take with nothing in its way but a broker that comes back."""
POINT_WITHIN_S = 3.0
"""How long a kill waits for its point; then it falls where the engine is."""
RECORDS_WITHIN_S = 2.0
HEALED_WITHIN_S = 90.0
"""After the last fault: by then the books agree and nothing is unresolved. The bound of I14."""
LOOK_EVERY_S = 0.2
AWAY_S = 0.3
KILLED, MISUSED = -signal.SIGKILL, 2

Told = Callable[[], None]


class Options(msgspec.Struct, frozen=True):
    """What to do: so many ``kills`` from ``seed`` at a ``broker``, with the journal in ``database``, on the server at ``url`` if there is one.

    ``at_once`` rounds go on beside each other: most of a life is waiting.
    """

    broker: str
    database: str
    kills: int
    seed: int
    url: str | None = None
    at_once: int = 2


def torture(options: Options, tell: Told) -> Result:
    """Do it all; ``tell`` is called after each kill, by any thread. Raises HoldfastError when nothing can be started."""
    result = Result(options.broker, options.database, options.seed)
    began_s = time.monotonic()
    box = box_of(options.broker)
    plan = list(lives(options.seed, options.kills, options.database, box))
    rounds = [plan[start : start + box.lives] for start in range(0, len(plan), box.lives)]
    spawner = Spawner(options.broker)
    try:
        with ThreadPoolExecutor(options.at_once, "round") as pool:
            works = [pool.submit(_round, options, *each, spawner, tell) for each in enumerate(rounds)]
            try:
                for work in works:
                    result.merge(work.result())
            finally:
                pool.shutdown(cancel_futures=True)
    finally:
        spawner.close()
    result.seconds = time.monotonic() - began_s
    return result


def _round(options: Options, number: int, planned: Sequence[Life], spawner: Spawner, tell: Told) -> Result:
    folder = Path(tempfile.mkdtemp(prefix=f"holdfast-torture-{options.database}-{number}-"))
    result = Result(options.broker, options.database, options.seed)
    store = open_store(options.database, folder, options.url)
    try:
        round_ = Round(folder, store, spawner, options.seed * 1_000 + number, result)
        try:
            round_.run(planned, tell)
        except HoldfastError as error:
            result.problems.append(f"round {number} was given up: {error}")
        finally:
            round_.close()
    finally:
        store.close(keep=not result.is_good)
    if result.is_good:
        shutil.rmtree(folder)
    else:
        result.folders.append(f"{folder} (round {number}, journal {store.shown})")
    return result


class Round:
    """One broker, one journal, many lives."""

    def __init__(self, folder: Path, store: Store, spawner: Spawner, seed: int, result: Result) -> None:
        self._folder = folder
        self._store = store
        self._spawner = spawner
        self._result = result
        self._output = folder / "engine.txt"
        self._broker = Broker(
            lambda arguments, output: spawner.start(arguments, folder, output, {}), folder, seed, box_of(result.broker)
        )
        self._watch = Watch(store.url)
        self._program: Program | None = None
        configure(folder, self._broker, result.broker, seed)

    def run(self, planned: Iterable[Life], tell: Told) -> None:
        """Live through the plan, then heal and count."""
        for life in planned:
            if not self.live(life):  # it ended by itself, as it had to: its kill falls on another one, left in peace
                calm = msgspec.structs.replace(life, faults=(), store_fault=None, broker_event=None)
                if not self.live(calm):
                    self._problem(f"life {life.number}: it ended by itself twice")
            tell()
        self.heal()

    def close(self) -> None:
        """End what runs still."""
        self._watch.let_go()
        if self._program is not None:
            kill(self._program)
        self._result.faults += self._broker.fired + self._store.fired
        self._broker.close()

    def _problem(self, text: str) -> None:
        self._result.problems.append(text)
        with (self._folder / "problems.txt").open("a") as told:
            told.write(f"{text}\n")

    # --- one life -----------------------------------------------------------------------------------------------------

    def live(self, life: Life) -> bool:
        """Start one engine and let it die; whether it was killed, rather than ended by itself."""
        if life.market_waits:
            self._broker.pause()
        else:
            self._broker.resume()
        if life.faults_in_start:
            self._broker.arm(life.faults)
        since = self._watch.where()[1]
        began_s = time.monotonic()
        program = self._start(life)
        if life.death is Death.IN_START:
            program.ended(life.seconds)
        elif wait_until_ready(program, self._watch, since, READY_WITHIN_S):
            if not life.faults_in_start:
                took = self._result.cold_s if life.is_cold else self._result.recovery_s
                took.append(time.monotonic() - began_s)
            self._at_work(life, program)
        elif program.ended() is None:
            self._problem(f"life {life.number}: not READY within {READY_WITHIN_S:.0f} s: {tail(self._output)}")
        return self._bury(life, program)

    def _start(self, life: Life | None) -> Program:
        armed = {} if life is None or life.point is None else {VARIABLE: f"{life.point}:{life.count}"}
        extra = surroundings(self._store, self._broker, armed)
        arguments = ["run", "-c", "holdfast.toml"]
        if life is not None and life.is_cold:
            self._program = FromNothing(arguments, self._folder, self._output, extra)
        else:
            self._program = self._spawner.start(arguments, self._folder, self._output, extra)
        return self._program

    def _at_work(self, life: Life, program: Program) -> None:
        """From READY on: the market moves, things go wrong, and death comes."""
        self._broker.resume()
        if not life.faults_in_start:
            self._broker.arm(life.faults)
        if life.store_fault is not None:
            self._store.fail(life.store_fault, life.store_seconds)
        if life.broker_event in (BrokerEvent.RESTART, BrokerEvent.RESTART_LOSING):
            loses = life.broker_event is BrokerEvent.RESTART_LOSING
            name = self._broker.box.restart_losing if loses else self._broker.box.restart
            self._broker.arm([{"name": name, "seconds": AWAY_S}])
        if life.point not in AT_A_STOP and life.death is Death.AT_POINT:
            program.ended(POINT_WITHIN_S)
            return
        at = self._watch.where()[1]
        wait_for_records(program, self._watch, at + life.records, RECORDS_WITHIN_S)
        if life.point in AT_A_STOP:
            send(program, signal.SIGTERM)
            program.ended(READY_WITHIN_S)
        elif life.death is Death.FROZEN:
            send(program, signal.SIGSTOP)
            program.ended(life.seconds)
            send(program, signal.SIGCONT)
            wait_for_records(program, self._watch, at + 2 * life.records, RECORDS_WITHIN_S)

    def _bury(self, life: Life, program: Program) -> bool:
        """Kill it if it lives still, see what it left behind, and let the broker and the database be well again."""
        by_point = program.ended() == KILLED
        status = kill(program)
        self._watch.let_go()
        self._store.heal()
        self._broker.disarm()
        if life.broker_event is BrokerEvent.RESTART_LOSING:
            self._watch.cancel_all()
        if life.broker_event is BrokerEvent.KILLED:
            self._broker.kill()
            self._result.faults["killed"] += 1
        self._check_sent()
        if status != KILLED:
            self._ended_by_itself(life, status)
            return False
        self._result.kills += 1
        self._result.deaths[
            "point" if by_point else life.death if life.death is not Death.AT_POINT else Death.AT_WORK
        ] += 1
        if by_point and life.point is not None:
            self._result.points[life.point] += 1
        return True

    def _ended_by_itself(self, life: Life, status: int) -> None:
        self._result.deaths["by itself"] += 1
        is_expected = life.may_end_by_itself or bool(life.faults) or life.broker_event is not None
        if status == MISUSED:
            raise Fatal(f"the engine can't be started: {tail(self._output)}")
        if not is_expected or status not in (1, 3):
            self._problem(f"life {life.number}: it ended by itself with status {status}: {tail(self._output)}")

    def _check_sent(self) -> None:
        try:
            unsafe = never_released(self._watch.reader(), self._broker.asked_for())
        except HoldfastError as error:
            if self._broker.asked_for():
                self._problem(f"the journal can't be read after a kill: {error}")
            return
        for text in unsafe:
            if text not in self._result.problems:
                self._problem(text)

    # --- the end ------------------------------------------------------------------------------------------------------

    def heal(self) -> None:
        """Without faults, with the market standing: the engine comes to rest, and its books are the broker's."""
        self._broker.pause()
        since, began_s = self._watch.where()[1], time.monotonic()
        program = self._start(None)
        if not wait_until_ready(program, self._watch, since, HEALED_WITHIN_S):
            self._problem(f"after the last fault it did not come back: {tail(self._output)}")
        found = self._until_equal(began_s)
        self._result.rest_s.append(time.monotonic() - began_s)
        self._result.add(found)
        send(program, signal.SIGTERM)
        if program.ended(HEALED_WITHIN_S) != 0:
            self._problem(f"asked to stop, it ended with {program.ended()}: {tail(self._output)}")
        self._watch.let_go()
        self._result.problems += verify(self._store.url).problems

    def _until_equal(self, began_s: float) -> Found:
        """Equal means: twice, with nothing recorded in between."""
        self._watch.cancel_all()
        ends_s, agreed_at = began_s + HEALED_WITHIN_S, -1
        while True:
            at = self._watch.where()[1]
            found = compare(self._watch.reader(), self._broker.truth())
            is_equal = not found.problems and self._watch.is_at_rest()
            if is_equal and at == agreed_at:
                return found
            agreed_at = at if is_equal else -1
            if self._program is None or self._program.ended(LOOK_EVERY_S) is not None or time.monotonic() > ends_s:
                self._problem(f"not at rest {HEALED_WITHIN_S:.0f} s after the last fault: {self._watch.unrest()}")
                return found
