"""One trial: the strategy with one combination over the data. What a worker process does."""

import hashlib
import pickle
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from holdfast.assembly import Classes, build_feed
from holdfast.backtesting.api import result_of
from holdfast.backtesting.run import Backtest
from holdfast.config import Config
from holdfast.core.messages import FeedEvent
from holdfast.errors import DataError
from holdfast.feeds.port import Feed
from holdfast.statistics.record import Floats
from holdfast.sweeping.figures import figures_of
from holdfast.sweeping.space import Combination

MOST_HELD = 400_000
"""Up to so many events are kept in a worker as they are; more are read again for each trial."""


class Study(NamedTuple):
    """What all trials of a sweep have in common; small, for it goes to every worker.

    ``frame`` is the file of data that came as a frame, ``feed`` a feed that was given as one.
    """

    config: Config
    strategy: str
    classes: Classes
    frame: str | None = None
    feed: Feed | None = None


class Trial(msgspec.Struct, frozen=True):
    """What came of one combination. ``error`` says why there is nothing. ``returns`` are 64-bit floats by session, from ``first_session`` on."""

    number: int
    params: dict[str, Any]
    error: str = ""
    figures: dict[str, float | None] = {}
    first_session: str = ""
    returns: bytes = b""

    @property
    def values(self) -> Floats:
        """The returns by session."""
        return np.frombuffer(self.returns)


class Held:
    """A feed whose events are kept in memory, where they are few enough."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.kind, self.name, self.symbols, self.bar_ns = feed.kind, feed.name, feed.symbols, feed.bar_ns
        self.trading_from_ns, self.total = feed.trading_from_ns, feed.total
        self.fingerprint = feed.fingerprint
        events = list(islice(feed.events(), MOST_HELD + 1))
        self._events = events if len(events) <= MOST_HELD else None

    def events(self) -> Iterator[FeedEvent]:
        """Every event from the first."""
        return self._feed.events() if self._events is None else iter(self._events)


def open_data(study: Study) -> Feed:
    """The data of a sweep. Raises :class:`~holdfast.errors.DataError` where it is not to be found."""
    if study.feed is not None:
        return study.feed
    config = study.config
    source = config.feed_of(config.accounts[0])
    if study.frame is None:
        return build_feed(config, source)
    if not Path(study.frame).is_file():
        raise DataError(
            f"{study.frame}: the sweep's data is not on this machine; keep it where all of them see it (folder=)"
        )
    return build_feed(config, source, pa.ipc.open_file(pa.memory_map(study.frame)).read_all())


def with_params(config: Config, strategy: str, combination: Combination) -> Config:
    """The configuration with other parameters of one strategy."""
    rows = [
        msgspec.structs.replace(row, params={**row.params, **combination}) if row.id == strategy else row
        for row in config.strategies
    ]
    return msgspec.structs.replace(config, strategies=rows)


@lru_cache(maxsize=2)
def _study(blob: bytes) -> tuple[Study, Held]:
    study: Study = pickle.loads(blob)  # noqa: S301 - made by the sweep that asks
    return study, Held(open_data(study))


def run_trial(blob: bytes, number: int, combination: Combination) -> Trial:
    """Run a combination of a study (`pack`). What goes wrong is in the trial; only a person's Ctrl-C comes out."""
    try:
        study, feed = _study(blob)
        return _run(study, feed, number, combination)
    except Exception as error:  # noqa: BLE001 - one combination that fails is a row, and not the end of the sweep
        text = str(error).splitlines()[0] if str(error) else ""
        return Trial(number, combination, f"{type(error).__name__}: {text}")


def _run(study: Study, feed: Feed, number: int, combination: Combination) -> Trial:
    config = with_params(study.config, study.strategy, combination)
    with tempfile.TemporaryDirectory(prefix="holdfast-trial-") as folder:
        made = Backtest(config, config.accounts[0], feed, Path(folder), study.classes)
        made.mute()
        result = result_of(made, made.run())
    if study.strategy in result.stopped:
        return Trial(number, combination, f"stopped: {result.stopped[study.strategy]}")
    returns = result.returns["return"]
    first = returns.index[0].date().isoformat() if len(returns) else ""
    return Trial(number, combination, "", figures_of(result), first, np.asarray(returns, dtype=np.float64).tobytes())


def pack(study: Study) -> bytes:
    """The study as it goes to workers; classes of scripts and notebooks go along whole."""
    import cloudpickle

    blob: bytes = cloudpickle.dumps(study)
    return blob


def digest(*parts: bytes) -> str:
    """A fingerprint."""
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "big") + part)
    return found.hexdigest()
