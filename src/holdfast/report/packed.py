"""Data for the page's charts, small: whole numbers as differences, columns instead of rows, deflated, in base64.

Numbers are rounded to a fixed number of decimals first, so that sums of differences are exact whatever their number.
"""

import base64
import math
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np

from holdfast.report.markup import Html
from holdfast.report.record import Candles
from holdfast.statistics.record import Floats, Times

MOST_TRADES = 20_000
"""So many round trips are drawn and listed; those that earned or lost most. All of them are in the numbers."""
MOST_POINTS = 3_000
"""Of an indicator: its first, lowest, highest and last value in each stretch are kept."""
MS = 1_000_000


def packed(value: Any) -> Html:
    """As text for a script element of a type that nobody runs."""
    return Html(base64.b64encode(zlib.compress(msgspec.json.encode(value), 9)).decode())


def times(time_ns: Times) -> list[int]:
    """Milliseconds: the first, then differences."""
    return [int(step) for step in np.diff(np.asarray(time_ns, dtype=np.int64) // MS, prepend=0)]


def numbers(values: Sequence[float] | Floats, decimals: int | None = None) -> dict[str, Any]:
    """``d`` decimals and ``v``: the first, then differences, times 10 to the power of ``d``. What is not finite is left at the one before."""
    column = np.asarray(values, dtype=np.float64)
    places = decimals_of(column) if decimals is None else decimals
    whole = np.rint(np.nan_to_num(column, nan=0.0, posinf=0.0, neginf=0.0) * 10.0**places)
    return {"d": places, "v": np.diff(whole.astype(np.int64), prepend=0).tolist()}


def decimals_of(column: Floats, digits: int = 6) -> int:
    """Decimals with which the largest number has some ``digits`` digits, and no more than are needed."""
    largest = float(np.abs(column[np.isfinite(column)]).max(initial=0.0))
    if not largest:
        return 0
    most = max(0, min(12, digits - 1 - math.floor(math.log10(largest))))
    for places in range(most):
        if np.allclose(np.round(column, places), column, rtol=0, atol=10.0 ** -(most + 1)):
            return places
    return most


def candles(rows: Candles) -> dict[str, Any]:
    """Each price as its distance from the candle's open, and the open from the close before."""
    columns = np.vstack([rows.open, rows.high, rows.low, rows.close])
    places = decimals_of(columns.ravel(), 7)
    opens, highs, lows, closes = np.rint(columns * 10.0**places).astype(np.int64)
    return {
        "t": times(rows.time_ns),
        "d": places,
        "o": (opens - np.concatenate(([0], closes[:-1]))).tolist(),
        "h": (highs - np.maximum(opens, closes)).tolist(),
        "l": (np.minimum(opens, closes) - lows).tolist(),
        "c": (closes - opens).tolist(),
    }


def thinned(time_ns: Times, values: Floats, most: int = MOST_POINTS) -> tuple[Times, Floats]:
    """At most about ``most`` values: the first, lowest, highest and last of each stretch of as many."""
    if len(values) <= most:
        return time_ns, values
    edges = np.linspace(0, len(values), most // 4 + 1).astype(np.int64)
    keep: set[int] = set()
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        part = values[start:end]
        keep |= {start, start + int(part.argmin()), start + int(part.argmax()), end - 1}
    places = np.array(sorted(keep))
    return time_ns[places], values[places]


class Names:
    """Words, each once."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def number(self, word: str) -> int:
        """The place of a word in the list."""
        return self.known.setdefault(word, len(self.known))

    def numbers(self, words_: Iterable[str]) -> list[int]:
        """The places of words."""
        return [self.number(word) for word in words_]
