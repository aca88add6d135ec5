"""``from holdfast import sweep``: many backtests in Python, and what the best of them is worth."""

import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from decimal import getcontext, setcontext
from difflib import get_close_matches
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from holdfast.assembly import params_of
from holdfast.backtesting.api import backtest, prepare
from holdfast.core.strategy.api import Strategy
from holdfast.errors import ConfigError, InvalidValue
from holdfast.feeds.files import FileFeed
from holdfast.feeds.port import Feed
from holdfast.sweeping.asked import Asked
from holdfast.sweeping.conduct import conduct, jobs_of
from holdfast.sweeping.figures import check_by
from holdfast.sweeping.parts import check_halves, folds, halves
from holdfast.sweeping.prints import prints_of
from holdfast.sweeping.progress import Tell, shown
from holdfast.sweeping.search import Search, search_of
from holdfast.sweeping.space import Combination, Fault, Space, space_of
from holdfast.sweeping.store import About, Store
from holdfast.sweeping.sweep import Sweep, with_outcome
from holdfast.sweeping.trial import Study, open_data, pack, with_params


def sweep(
    strategy: Any,
    data: Any,
    *,
    params: Mapping[str, Any],
    by: str = "sharpe",
    random: int | None = None,
    optuna: int | None = None,
    search_seed: int = 1,
    train: str | None = None,
    test: str | None = None,
    walk_forward: int | None = None,
    jobs: int | None = None,
    executor: Executor | None = None,
    out: Path | str | None = None,
    folder: Path | str | None = None,
    progress: bool | Tell = True,
    **arguments: Any,
) -> Sweep:
    """Run a strategy with many combinations of parameters, and say what the best of them is worth (docs/sweeps.md).

    ``params`` has for each parameter a range (``range(5, 50, 5)``), a list, a text (``"5:50:5"``, end included; ``"20,50,100"``) or one value.
    ``strategy``, ``data`` and ``arguments`` are those of :func:`holdfast.backtest`. All combinations are tried, or ``random`` many by chance, or
    ``optuna`` many that earlier ones suggest (``holdfast[optuna]``); ``search_seed`` decides which. Trials are compared ``by`` a figure of the table.

    ``train`` and ``test`` (``"2018:2021"``, ``"2022:"``) choose by the one and look at the other; ``walk_forward`` is a number of such steps.
    ``jobs`` are worker processes (one for each processor), ``executor`` runs trials in their place. ``out`` is a Parquet file: with it each trial is
    durable when it is done, and the same sweep again goes on. ``folder`` is where data that came as a frame is put for the workers.
    ``progress`` is False, or is called with how many trials are done and of how many.

    A trial that raises is a row with its error. Raises as :func:`holdfast.backtest` does, and :class:`~holdfast.errors.Refused` for ``out`` of another sweep.
    """
    said = _said(strategy, data, params, arguments)
    own = getcontext()
    try:
        made = prepare(said, "sweep")
        if len(made.classes) > 1:
            raise InvalidValue(
                "sweep takes one strategy; fix the parameters of several with holdfast.toml and `holdfast sweep`"
            )
        ((name, found),) = made.classes.items()
        with _frame_file(made.source.frame, folder) as frame:
            study = Study(made.config, name, made.classes, frame, made.source.feed)
            asked = Asked(
                by,
                random,
                optuna,
                search_seed,
                train,
                test,
                walk_forward,
                jobs,
                executor,
                None if out is None else Path(out),
            )
            plan = planned(study, found, params, asked, made.source.open(made.config))
            with shown(progress, plan.search.planned) as tell:
                return carried_out(plan, tell)
    finally:
        setcontext(own)


def _said(strategy: Any, data: Any, params: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """All arguments of a backtest by name. Values that don't vary may be keywords, as they are there."""
    known = signature(backtest).parameters
    said: dict[str, Any] = {key: value.default for key, value in known.items() if value.kind is Parameter.KEYWORD_ONLY}
    own = {key: value for key, value in arguments.items() if key not in said}
    for key in own:
        if key in params:
            raise InvalidValue(f"{key} is in params, and a keyword too; keep one")
        names = [name for name in signature(sweep).parameters if name not in ("arguments", "strategy", "data")]
        if (near := get_close_matches(key, names, n=1, cutoff=0.8)) and key not in names:
            raise InvalidValue(f"sweep has no argument {key!r}; did you mean {near[0]}?")
    return {**said, **{key: value for key, value in arguments.items() if key in said}} | {
        "strategy": strategy,
        "data": data,
        "params": None,
        "parameters": own,
    }


@contextmanager
def _frame_file(frame: pa.Table | None, folder: Path | str | None) -> Iterator[str | None]:
    """Data in memory as a file that all workers read, and share the memory of."""
    if frame is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="holdfast-sweep-", dir=folder) as place:
        path = Path(place) / "data.arrow"
        with pa.ipc.new_file(path, frame.schema) as file:
            file.write_table(frame)
        yield str(path)


class Plan(NamedTuple):
    """A sweep that was checked and can begin."""

    study: Study
    space: Space
    search: Search
    about: About
    asked: Asked


def planned(
    study: Study, strategy: type[Strategy], params: Mapping[str, Any], asked: Asked, feed: Feed | None = None
) -> Plan:
    """Check all that can be checked before the first trial. ``feed`` is the data, opened; it is read from end to end.

    Raises :class:`~holdfast.errors.InvalidValue`, :class:`~holdfast.errors.ConfigError` and :class:`~holdfast.errors.DataError`.
    """
    account = study.config.accounts[0]
    by = check_by(
        asked.by, in_parts=asked.train is not None or asked.test is not None or asked.walk_forward is not None
    )
    parts = halves(asked.train, asked.test)
    jobs_of(asked.jobs)
    space = space_of(params, strategy)
    fault = fault_in(study, strategy)
    search = search_of(space, fault, by=by, random=asked.random, optuna=asked.optuna, seed=asked.seed)
    feed = feed or open_data(study)
    if isinstance(feed, FileFeed):
        feed.check()
    about = About(
        strategy=study.strategy,
        space=space.described(),
        search=search.name,
        prints=prints_of(study, feed, strategy),
        by=by,
        calendar=account.calendar,
        calendar_sessions=account.calendar_sessions,
        parts={
            **({} if parts is None else {"train": parts[0], "test": parts[1]}),
            **({} if asked.walk_forward is None else {"walk_forward": asked.walk_forward}),
        },
        data=feed.name,
        planned=search.planned,
    )
    return Plan(study, space, search, msgspec.convert(msgspec.to_builtins(about), About), asked)


def fault_in(study: Study, strategy: type[Strategy]) -> Fault:
    """Says what the strategy's parameters refuse of a combination."""

    def fault(combination: Combination) -> str | None:
        config = with_params(study.config, study.strategy, combination)
        row = next(row for row in config.strategies if row.id == study.strategy)
        try:
            params_of(row, strategy)
        except ConfigError as error:
            return str(error).removeprefix(f"strategy {row.id}: ").removeprefix(f"{strategy.__name__}: ")
        return None

    return fault


def carried_out(plan: Plan, tell: Tell = lambda _done, _planned: None) -> Sweep:
    """Run what is not done yet. A KeyboardInterrupt leaves what is done in the file, and goes on to the caller.

    Raises :class:`~holdfast.errors.Refused` where the file is of another sweep.
    """
    about, search, asked = plan.about, plan.search, plan.asked
    store = Store(about, asked.out)
    blob = pack(plan.study)
    is_checked = is_complete = False
    try:
        tell(len(store.trials), search.planned)
        for batch in search.batches():
            left = [(number, combination) for number, combination in batch if number not in store.trials]
            for trials in conduct(blob, left, asked.executor, jobs_of(asked.jobs)):
                store.add(trials)
                is_checked = is_checked or _check_parts(Sweep(about, trials))
                tell(len(store.trials), search.planned)
            done = Sweep(about, [store.trials[number] for number, _ in batch])
            search.tell([done.values.get(trial.number) for trial in done.trials])
        is_complete = True
    finally:
        about = with_outcome(about, skipped=search.skipped.count, why=search.skipped.words, is_complete=is_complete)
        if store.trials and (is_complete or asked.out is not None):
            store.finish(about)
        store.close()
    return Sweep(about, list(store.trials.values()))


def _check_parts(found: Sweep) -> bool:
    """Whether there was a trial to tell. Raises :class:`~holdfast.errors.InvalidValue` for parts that the data has no sessions for."""
    if not found.returns.trials:
        return False
    if found.parts is not None:
        check_halves(found.parts, found.returns.dates)
    if found.about.parts.get("walk_forward"):
        folds(found.about.parts["walk_forward"], len(found.returns.dates))
    return True
