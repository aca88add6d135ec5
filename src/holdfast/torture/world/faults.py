"""What goes wrong in a world: which faults a seed arms and how often, and the chance that decides each case.

Each seed arms only some of the faults (a swarm): the worst paths are those on which one fault is frequent and nothing else is
in its way. `Probes` count what really happened, by the rows of the fault matrix (docs/reliability.md).
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from random import Random

import msgspec

from holdfast.brokers.capability import IdempotencyClass
from holdfast.core.protection.policy import OnBlocked, Preservation
from holdfast.errors import ConfigError, DataError, Fatal, InvalidValue
from holdfast.torture.world.disk import CommitFate
from holdfast.torture.world.exchange import AT_ONCE, Frame, FrameKind, Reception
from holdfast.torture.world.wire import Fate, Passage

RATES = (0.03, 0.1, 0.25)
"""How often an armed fault strikes: rarely, now and then, all the time."""
ARMED = 0.3
"""The share of seeds that arm a fault."""
AIMING = 0.5
"""The share of seeds in which a strategy states positions."""
CLASSES = (*[IdempotencyClass.UNIQUE_ID] * 3, *[IdempotencyClass.LABEL] * 2, IdempotencyClass.NOTHING)
LATE_S = (3.5, 9.0)
"""How long a late order is under way: longer than its sender waits, some longer than the broker is given to show it."""
SLOW_COMMIT_S = 5.0
RECEIVED_S = (0.05, 4.0)
"""How long an order stands as received."""
REFUSED_AFTER_ALL = 0.5
"""Which share of those that were received is refused then."""

CLAIMED = (
    "K1", "K3", "K4", "K5", "K6", "K7", "K8", "K9", "K10", "K12", "K13", "K14",
    "A1", "A2", "A3", "A5", "A6", "A7", "A10",
    "S1", "S2", "S3", "S4", "S5", "S6", "S7", "S9",
    "B1", "B2", "B4", "B5",
    "D3", "D4", "D6",
    "L1", "L2", "L4", "L8",
    "C2", "X1", "X4", "X5",
)  # fmt: skip
"""The rows of the fault matrix that many seeds are sure to strike."""

PEOPLE = ("preserve", "protect", "rests", "moved")
"""Rates of what people do: preserve the account, ask for stops, leave orders at the broker by other means, move shares in and out."""
BREAKING = ("broker_breaks", "stream_breaks", "feed_breaks")
"""Rates of a broker's adapter or a feed that raises what nobody expects."""
BOOK = ("received", "stale_book")
"""Rates of a broker whose yes means that an order was received, and which is asked by a book that may be behind."""
FAULTS: tuple[Callable[[], BaseException], ...] = (
    lambda: KeyError("missing"), lambda: RuntimeError("closed"), lambda: ValueError("not a number"), lambda: OSError(5, "disk"),
    lambda: TypeError("a list"), TimeoutError, AssertionError, StopAsyncIteration, MemoryError,
    lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), lambda: ExceptionGroup("two", [ValueError(), OSError()]),
    lambda: InvalidValue("a value"), lambda: DataError("a row"), lambda: ConfigError("a plan"), lambda: Fatal("not the engine's"),
    asyncio.CancelledError, lambda: SystemExit(3),
)  # fmt: skip
"""What they raise."""

Probes = Counter[str]


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """For each fault how often it strikes, 0 to 1 (0: not armed). Per message, per commit, or per second."""

    refused: float = 0
    request_lost: float = 0
    answer_lost: float = 0
    garbled: float = 0
    throttled: float = 0
    denied: float = 0
    doubled: float = 0
    late: float = 0
    cancel_lost: float = 0
    question_lost: float = 0
    lag: float = 0
    frame_lost: float = 0
    frame_doubled: float = 0
    frame_moved: float = 0
    frame_bare: float = 0
    stream_cut: float = 0
    store_lost: float = 0
    commit_slow: float = 0
    commit_fails: float = 0
    kill: float = 0
    kill_at_point: float = 0
    kill_in_recovery: float = 0
    power_cut: float = 0
    stop: float = 0
    freeze: float = 0
    suspend: float = 0
    takeover: float = 0
    outage: float = 0
    broker_restart: float = 0
    broker_loses: float = 0
    bust: float = 0
    feed_cut: float = 0
    foreign: float = 0
    command: float = 0
    strategy_raises: float = 0
    broker_breaks: float = 0
    stream_breaks: float = 0
    feed_breaks: float = 0
    steer: float = 0
    preserve: float = 0
    protect: float = 0
    rests: float = 0
    moved: float = 0
    received: float = 0
    stale_book: float = 0


class Options(msgspec.Struct, frozen=True):
    """One seed's world."""

    seed: int
    idempotency: IdempotencyClass
    rates: Rates
    activity: float
    """How much of what the market does makes the strategy want something."""
    aims: bool = False
    """Whether another strategy states positions in the same symbols."""
    is_strict: bool = False
    """Whether the broker refuses what could trade with another order of the account."""
    preservation: Preservation = Preservation.HOLD
    on_blocked: OnBlocked = OnBlocked.WAIT


def options_of(seed: int, only: IdempotencyClass | None = None) -> Options:
    """The world of a seed: a function of the seed alone, and of the broker's class where that is chosen.

    Where labels alone are chosen, the broker is one whose yes means received, and whose book may be behind.
    """
    random = Random(f"options {seed}")
    names = [name for name in Rates.__struct_fields__ if name not in (*BREAKING, *PEOPLE, *BOOK, "steer")]
    rates = {name: random.choice(RATES) for name in names if random.random() < ARMED}
    idempotency = random.choice(CLASSES)
    idempotency = idempotency if only is None else only
    if only is IdempotencyClass.LABEL:
        book = Random(f"book {seed}")
        rates |= {name: book.choice((0, *RATES)) for name in BOOK}
    if idempotency is not IdempotencyClass.UNIQUE_ID:
        rates.pop("doubled", None)  # a second request with the same label is a second order, whoever sent it
    breaking = Random(
        f"breaking {seed}"
    )  # of its own: a seed from before this fault was known is the world that it was
    if breaking.random() < ARMED:
        rates |= {name: breaking.choice((0, *RATES)) for name in BREAKING}
    steering = Random(f"steering {seed}")  # likewise
    if steering.random() < ARMED / 2:  # most seeds are the worlds that they were
        rates["steer"] = steering.choice(RATES)
    people = Random(f"people {seed}")  # likewise
    if people.random() < ARMED:
        rates |= {name: people.choice((0, *RATES)) for name in PEOPLE}
    return Options(
        seed,
        idempotency,
        Rates(**rates),
        random.choice((0.1, 0.2, 0.35)),
        aims=people.random() < AIMING,
        is_strict=people.random() < ARMED,
        preservation=people.choice(tuple(Preservation)),
        on_blocked=people.choice(tuple(OnBlocked)),
    )


class Chance:
    """Decides by the seed what befalls each message and commit. Once ``is_over``, nothing does."""

    def __init__(self, options: Options, probes: Probes) -> None:
        self.rates = options.rates
        self.is_over = False
        self.keeps_commits = True
        """Whether what was written and not synced outlives a process; after a power cut it doesn't."""
        self._probes = probes
        self._network = Random(f"network {options.seed}")
        self._disk = Random(f"disk {options.seed}")
        self._adapters = Random(f"adapters {options.seed}")
        self._book = Random(f"reception {options.seed}")

    def _strikes(self, random: Random, rate: float) -> bool:
        return rate > 0 and not self.is_over and random.random() < rate

    # --- requests -----------------------------------------------------------------------------------------------------

    def order(self) -> Passage:
        """An order's way."""
        rates, random = self.rates, self._network
        for fate, rate, row in (
            (Fate.REFUSED, rates.refused, ""),
            (Fate.REQUEST_LOST, rates.request_lost, "A2"),
            (Fate.ANSWER_LOST, rates.answer_lost, "A1"),
            (Fate.GARBLED, rates.garbled, "A7"),
            (Fate.THROTTLED, rates.throttled, "A6"),
            (Fate.DENIED, rates.denied, "B4"),
            (Fate.DOUBLED, rates.doubled, "A5"),
            (Fate.LATE, rates.late, "A3"),
        ):
            if self._strikes(random, rate):
                self._probes[row] += 1
                there_s = random.uniform(*LATE_S) if fate is Fate.LATE else self._delay_s()
                return Passage(fate, there_s, self._delay_s())
        return Passage(Fate.ANSWERED, self._delay_s(), self._delay_s())

    def cancel(self) -> Passage:
        """A cancel's way."""
        if self._strikes(self._network, self.rates.cancel_lost):
            fate = self._network.choice((Fate.REQUEST_LOST, Fate.ANSWER_LOST, Fate.THROTTLED, Fate.GARBLED))
            return Passage(fate, self._delay_s(), self._delay_s())
        return Passage(Fate.ANSWERED, self._delay_s(), self._delay_s())

    def question(self) -> Passage:
        """A question's way."""
        if self._strikes(self._network, self.rates.question_lost):
            fate = self._network.choice((Fate.REQUEST_LOST, Fate.THROTTLED, Fate.GARBLED))
            return Passage(fate, self._delay_s(), self._delay_s())
        if self._strikes(self._network, self.rates.denied / 4):
            self._probes["B4"] += 1
            return Passage(Fate.DENIED, self._delay_s(), self._delay_s())
        return Passage(Fate.ANSWERED, self._delay_s(), self._delay_s())

    def _delay_s(self) -> float:
        """Ten to sixty milliseconds; one in a hundred takes a second, so that messages overtake each other."""
        draw = self._network.random()
        return 0.01 + draw * 0.05 if draw < 0.99 or self.is_over else 1.0

    def reception(self) -> Reception:
        """What becomes of an order that was received."""
        if not self._strikes(self._book, self.rates.received):
            return AT_ONCE
        refusal = "refused after all" if self._book.random() < REFUSED_AFTER_ALL else ""
        self._probes["refused after all" if refusal else "received"] += 1
        return Reception(self._book.uniform(*RECEIVED_S), refusal)

    # --- events -------------------------------------------------------------------------------------------------------

    def frames(self, frame: Frame) -> list[tuple[Frame, float, bool]]:
        """What arrives of an event."""
        rates, random, probes = self.rates, self._network, self._probes
        if self._strikes(random, rates.frame_lost):
            probes["S5"] += 1
            return []
        if self._strikes(random, rates.frame_moved):
            probes["S2" if frame.kind is not FrameKind.FILL else "S4"] += 1
            return [(frame, self._delay_s() + random.random() * 2, False)]
        if frame.kind is FrameKind.FILL and self._strikes(random, rates.frame_bare):
            probes["S3"] += 1
            return [(msgspec.structs.replace(frame, fill=None), self._delay_s(), True)]
        once = (frame, self._delay_s(), True)
        if self._strikes(random, rates.frame_doubled):
            probes["S1"] += frame.kind is FrameKind.FILL
            return [once, (frame, self._delay_s() + random.random(), random.random() < 0.5)]
        return [once]

    def store_is_lost(self) -> bool:
        """Whether the store of locks gives no answer this time."""
        strikes = self._strikes(self._network, self.rates.store_lost)
        self._probes["L4"] += strikes
        return strikes

    def slip(self) -> BaseException | None:
        """What a call of the broker's adapter breaks with."""
        if not self._strikes(self._adapters, self.rates.broker_breaks):
            return None
        self._probes["X4"] += 1
        return self._adapters.choice(FAULTS)()

    # --- commits ------------------------------------------------------------------------------------------------------

    def commit(self) -> CommitFate:
        """How a commit goes."""
        random = self._disk
        if self._strikes(random, self.rates.commit_fails / 20):
            self._probes["D3"] += 1
            return CommitFate(0.01, fails=True)
        if self._strikes(random, self.rates.commit_slow / 4):
            self._probes["D6"] += 1
            return CommitFate(random.uniform(0.5, SLOW_COMMIT_S))
        return CommitFate(0.001 + random.random() * 0.01)

    def survives_kill(self) -> bool:
        """Whether a commit under way is there after its process was killed."""
        self._probes["K9"] += not self.is_over
        return self.keeps_commits and self._disk.random() < 0.5
