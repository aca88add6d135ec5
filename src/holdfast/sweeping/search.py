"""Which combinations are tried: all, some by chance, or those that earlier ones suggest."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from holdfast.errors import InvalidValue, Refused
from holdfast.sweeping.conduct import Task
from holdfast.sweeping.figures import LOWER_IS_BETTER
from holdfast.sweeping.space import MOST_COMBINATIONS, Combination, Fault, Skipped, Space, drawn, grid

if TYPE_CHECKING:
    import optuna

BATCH = 8
"""So many trials are asked for at a time, however many workers there are: so the same seed makes the same search."""


class Search(Protocol):
    """Gives tasks in batches, and is told what came of each batch before the next. ``name`` says which search it is, seed included."""

    name: str
    planned: int
    skipped: Skipped

    def batches(self) -> Iterator[Sequence[Task]]:
        """The tasks."""

    def tell(self, values: Sequence[float | None]) -> None:
        """What came of a batch, in its order: the figure that trials are chosen by, None where there is none."""


class Listed:
    """Combinations that are known from the start: a grid, or a draw by chance."""

    def __init__(self, name: str, combinations: Sequence[Combination], skipped: Skipped) -> None:
        self.name = name
        self.planned = len(combinations)
        self.skipped = skipped
        self._combinations = combinations

    def batches(self) -> Iterator[Sequence[Task]]:
        """All at once."""
        yield list(enumerate(self._combinations))

    def tell(self, values: Sequence[float | None]) -> None:
        """Nothing is learnt."""


class Suggested:
    """Optuna's tree-structured Parzen estimator, seeded: asks for what looks good by what was tried."""

    def __init__(self, space: Space, count: int, seed: int, by: str, fault: Fault) -> None:
        self.name = f"optuna {count} by {by}, seed {seed}"
        self.planned = count
        self.skipped = Skipped()
        self._space, self._fault = space, fault
        self._asked: list[optuna.trial.Trial] = []
        self._study = _optuna_study(seed, by)

    def batches(self) -> Iterator[Sequence[Task]]:
        """`BATCH` at a time. A combination that the strategy refuses is told as failed, and another is asked for."""
        number = 0
        refused = 0
        while number < self.planned:
            batch: list[Task] = []
            self._asked = []
            while len(batch) < min(BATCH, self.planned - number):
                trial = self._study.ask()
                combination = self._suggest(trial)
                reason = self._fault(combination)
                if reason is not None:
                    refused += 1
                    self.skipped.add(reason)
                    self._study.tell(trial, state=_failed())
                    if refused > 100 * self.planned + 1_000:
                        raise InvalidValue(f"hardly any combination can be tried: {reason}")
                    continue
                self._asked.append(trial)
                batch.append((number + len(batch), combination))
            number += len(batch)
            yield batch

    def _suggest(self, trial: "optuna.trial.Trial") -> Combination:
        """Numbers by their place in the order of values, so that near ones are known to be alike; all else as one of several."""
        found: Combination = {}
        for axis in self._space.axes:
            if axis.is_ordered:
                found[axis.name] = axis.values[trial.suggest_int(axis.name, 0, len(axis.values) - 1)]
            else:
                names = [msgspec.json.encode(value).decode() for value in axis.values]
                found[axis.name] = axis.values[names.index(trial.suggest_categorical(axis.name, names))]
        return found

    def tell(self, values: Sequence[float | None]) -> None:
        """A trial without a value has failed."""
        for asked, value in zip(self._asked, values, strict=True):
            if value is None:
                self._study.tell(asked, state=_failed())
            else:
                self._study.tell(asked, value)


def _optuna_study(seed: int, by: str) -> "optuna.Study":
    try:
        import optuna
    except ImportError:
        raise Refused("a search by Optuna needs it; install it with: pip install 'holdfast[optuna]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    ways = optuna.study.StudyDirection
    direction = ways.MINIMIZE if by in LOWER_IS_BETTER else ways.MAXIMIZE
    return optuna.create_study(direction=direction, sampler=optuna.samplers.TPESampler(seed=seed))


def _failed() -> "optuna.trial.TrialState":
    import optuna

    return optuna.trial.TrialState.FAIL


def search_of(space: Space, fault: Fault, *, by: str, random: int | None, optuna: int | None, seed: int) -> Search:
    """The search that is meant: a grid, unless something else is said. Raises :class:`~holdfast.errors.InvalidValue`."""
    if random is not None and optuna is not None:
        raise InvalidValue("random and optuna are two searches; give one")
    if optuna is not None:
        if not 1 <= optuna <= MOST_COMBINATIONS:
            raise InvalidValue(f"optuna must be 1 to {MOST_COMBINATIONS:,}, not {optuna}")
        return Suggested(space, optuna, seed, by, fault)
    if random is not None:
        return Listed(f"random {random}, seed {seed}", *drawn(space, random, seed, fault))
    return Listed("grid", *grid(space, fault))
