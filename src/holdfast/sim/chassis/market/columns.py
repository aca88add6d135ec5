"""Market data of one symbol as columns: what was said to happen, and when it may be known."""

from collections.abc import Sequence
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Columns(msgspec.Struct):
    """Rows in order of time, as arrays of one length. All times are UTC nanoseconds."""

    def __len__(self) -> int:
        return len(self.stamps)

    @property
    def stamps(self) -> Integers:
        """What a row is dated with."""
        raise NotImplementedError

    @property
    def known(self) -> Integers:
        """When a row is known, and so an event."""
        return self.stamps

    def seal(self) -> None:
        """Nothing can be written into the rows from now on."""
        for name in self.__struct_fields__:
            getattr(self, name).setflags(write=False)

    def pick(self, which: slice | Integers | Flags) -> Self:
        """Some of the rows, in the stated order."""
        return type(self)(*(getattr(self, name)[which] for name in self.__struct_fields__))

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """All rows of ``parts``, in order of time; those of equal time stay in the order of the parts."""
        columns = [np.concatenate([getattr(part, name) for part in parts]) for name in cls.__struct_fields__]
        whole = cls(*columns)
        stamps = whole.stamps
        if len(parts) > 1 and len(stamps) and (np.diff(stamps) < 0).any():
            return whole.pick(np.argsort(stamps, kind="stable"))
        return whole


class Bars(Columns):
    """Bars over ``[start, end)``. ``is_met``: accounts meet it too; else it is only told (its trades were met)."""

    start: Integers
    end: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    vwap: Floats
    count: Floats
    is_met: Flags

    @property
    def stamps(self) -> Integers:
        """A bar is dated with its start."""
        return self.start

    @property
    def known(self) -> Integers:
        """A bar is known at its end."""
        return self.end


class Trades(Columns):
    """Trades. ``is_met``: accounts meet it too; else it was made up from a bar that they meet."""

    ts: Integers
    price: Floats
    size: Floats
    is_met: Flags

    @property
    def stamps(self) -> Integers:
        """When it happened."""
        return self.ts


class Quotes(Columns):
    """Quotes with both sides standing: the last known of each, 0 before a side was ever quoted."""

    ts: Integers
    bid: Floats
    bid_size: Floats
    ask: Floats
    ask_size: Floats

    @property
    def stamps(self) -> Integers:
        """When it was quoted."""
        return self.ts


def no_bars() -> Bars:
    """None at all."""
    none, ints = np.empty(0), np.empty(0, dtype=np.int64)
    return Bars(ints, ints, none, none, none, none, none, none, none, np.empty(0, dtype=bool))


def no_trades() -> Trades:
    """None at all."""
    return Trades(np.empty(0, dtype=np.int64), np.empty(0), np.empty(0), np.empty(0, dtype=bool))


def no_quotes() -> Quotes:
    """None at all."""
    return Quotes(np.empty(0, dtype=np.int64), np.empty(0), np.empty(0), np.empty(0), np.empty(0))
