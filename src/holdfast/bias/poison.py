"""Futures that did not happen: everything after a time is other than it was."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.core.messages import Bar, FeedEvent, Quote, Trade

if TYPE_CHECKING:
    import pandas as pd

UP, DOWN = (1.3, 2.5), (0.3, 0.7)
"""By what prices are multiplied: the least and the most."""
VOLUME = (0.1, 10.0)

Factor = Callable[[], float]


def factors(seed: int, span: tuple[float, float]) -> Factor:
    """Numbers by chance from a span."""
    chance = random.Random(seed)
    return lambda: chance.uniform(*span)


def poisoned(events: Iterable[FeedEvent], after_ns: int, span: tuple[float, float]) -> Iterator[FeedEvent]:
    """The events, with other prices and sizes after a time."""
    factor, size = factors(after_ns, span), factors(after_ns + 1, VOLUME)
    for event in events:
        yield event if event.time_ns <= after_ns else _other(event, factor(), size())


def _other(event: FeedEvent, factor: float, size: float) -> FeedEvent:
    if isinstance(event, Bar):
        prices = {name: getattr(event, name) * factor for name in ("open", "high", "low", "close")}
        return msgspec.structs.replace(event, **prices, volume=event.volume * size)
    if isinstance(event, Quote):
        return msgspec.structs.replace(event, bid=event.bid * factor, ask=event.ask * factor)
    if isinstance(event, Trade):
        return msgspec.structs.replace(event, price=event.price * factor, size=event.size * size)
    return event


class Frames:
    """The frames of pandas that a person gave, to be poisoned in place: a strategy that reads one of them beside what it is shown reads it then.

    ``times_ns`` are the starts of the rows of all data, each once, in order; a frame whose times are others is left as it is.
    """

    def __init__(self, data: Any, times_ns: Iterable[int]) -> None:
        self._times_ns = sorted(set(times_ns))
        given = list(data.values()) if isinstance(data, Mapping) else [data]
        self._frames = [(frame, ranks) for frame in given if (ranks := self._ranks(frame)) is not None]

    def _ranks(self, frame: Any) -> "pd.Series[int] | None":
        """The place of each row's time among all times."""
        if type(frame).__module__.partition(".")[0] != "pandas" or not hasattr(frame, "columns"):
            return None
        import pandas as pd

        times = _times_of(frame)
        if times is None:
            return None
        ranks = pd.Series(times).rank(method="dense").to_numpy().astype(int) - 1
        return ranks if ranks.max() + 1 == len(self._times_ns) else None

    @contextmanager
    def poisoned(self, first_ns: int, span: tuple[float, float]) -> Iterator[None]:
        """Rows that begin at or after a time are others meanwhile."""
        import numpy as np

        first = int(np.searchsorted(self._times_ns, first_ns))
        kept = [frame.copy(deep=True) for frame, _ in self._frames]
        chance = np.random.default_rng(first)
        try:
            for frame, ranks in self._frames:
                rows = ranks >= first
                factor = chance.uniform(*span, size=int(rows.sum()))
                for place in range(frame.shape[1]):
                    column = frame.iloc[:, place]
                    if column.dtype.kind in "fiu":
                        values = column.to_numpy(copy=True)
                        values[rows] = (values[rows] * factor).astype(values.dtype)
                        frame.isetitem(place, values)
            yield
        finally:
            for (frame, _), before in zip(self._frames, kept, strict=True):
                for place in range(frame.shape[1]):
                    frame.isetitem(place, before.iloc[:, place].to_numpy(copy=True))


def _times_of(frame: Any) -> Any:
    """The times of a frame's rows: its index, a level of it, or a column."""
    import pandas as pd

    index = frame.index
    for number in range(index.nlevels):
        level = index.get_level_values(number)
        if isinstance(level, pd.DatetimeIndex):
            return level
    for column in frame.columns:
        if pd.api.types.is_datetime64_any_dtype(frame[column]):
            return frame[column].to_numpy()
        if str(column).lower() in ("ts", "time", "date", "datetime", "timestamp"):
            return pd.to_datetime(frame[column], utc=True, errors="coerce").to_numpy()
    return None
