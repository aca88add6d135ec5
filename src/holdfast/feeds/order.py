"""Bars of several lengths in the order in which they are known: by their ends, those of one end as the file has them."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from holdfast.core.messages import Bar
from holdfast.errors import DataError
from holdfast.feeds.rows import Floats, Integers, Rows


class _Waiting:
    """Bars that have begun and may end after bars that come later in the file."""

    def __init__(self) -> None:
        self.symbols = np.empty(0, dtype=object)
        self.starts: Integers = np.empty(0, dtype=np.int64)
        self.ends: Integers = np.empty(0, dtype=np.int64)
        self.numbers: Floats = np.empty((5, 0))

    def add(self, rows: Rows, lengths: Integers) -> None:
        """A batch, sorted among those that wait."""
        ends = np.append(self.ends, rows.ts + lengths[rows.codes])
        order = np.argsort(ends, kind="stable")
        self.symbols = np.append(self.symbols, np.array(rows.names, dtype=object)[rows.codes])[order]
        self.starts = np.append(self.starts, rows.ts)[order]
        self.numbers = np.append(self.numbers, np.array(rows.numbers), axis=1)[:, order]
        self.ends = ends[order]

    def take(self, until_ns: int | None) -> Iterator[Bar]:
        """Those that end by this time, or all."""
        count = len(self.ends) if until_ns is None else int(np.searchsorted(self.ends, until_ns, side="right"))
        taken = map(
            Bar,
            self.symbols[:count].tolist(),
            self.ends[:count].tolist(),
            self.starts[:count].tolist(),
            *(column[:count].tolist() for column in self.numbers),
        )
        self.symbols, self.starts, self.ends = self.symbols[count:], self.starts[count:], self.ends[count:]
        self.numbers = self.numbers[:, count:]
        return taken


def bars_in_order(batches: Iterable[Rows], lengths_ns: Mapping[str, int]) -> Iterator[Bar]:
    """The rows of a file (sorted by their start) as bars in order of their end.

    A bar waits until no row to come can end before it: no longer than the longest bar, so memory holds that much of the file.
    Raises :class:`~holdfast.errors.DataError` at the first bad row, after the bars of all rows before it.
    """
    waiting = _Waiting()
    shortest_ns = min(lengths_ns.values(), default=0)
    error: DataError | None = None
    for rows in batches:
        waiting.add(rows, np.array([lengths_ns.get(name, 0) for name in rows.names], dtype=np.int64))
        error = rows.error
        if error is None and len(rows.ts):
            yield from waiting.take(int(rows.ts[-1]) + shortest_ns)
    yield from waiting.take(None)
    if error is not None:
        raise error
